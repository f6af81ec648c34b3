// Which snapshots a node holds, for how long, and how much it serves of them at once (docs/adr/0007).

import { expect, test } from 'vitest'
import type { BlockId, Height, Message } from '../../../consensus/types.ts'
import { decodeMessage } from '../../../consensus/wire-messages.ts'
import { EMPTY_STATE } from '../../../ledger/overlay.ts'
import { FIRST_KEY, LAST_KEY } from '../../../ledger/state-range.ts'
import type { HeldState, Offence, StoredBlock } from '../../../node/ports.ts'
import { ANCHORS_MAX } from '../../../node/snapshot/anchor.ts'
import { Checkpoints, HELD_MS_MAX, LEASE_MS } from '../../../node/snapshot/checkpoints.ts'
import {
  SNAPSHOT_REQUESTS_PER_SECOND_MAX,
  SNAPSHOT_REQUESTS_WAITING_MAX,
  SnapshotServer,
} from '../../../node/snapshot/snapshot-server.ts'
import { chainOf, LIMITS } from '../storage/fixture.ts'

const INTERVAL = 10
const records = chainOf(400)

/** A chain that grows by the block; `skips`: heights whose child is of a later view. */
function growing(skips: readonly number[] = []) {
  let height = 0
  let open = 0
  let nowMs = 1_000_000
  const blockAt = (at: Height): StoredBlock | undefined => {
    const record = records[at - 1]
    if (record === undefined || at > height || !skips.includes(at - 1)) return at > height ? undefined : record
    const { header } = record.block.proposal
    const proposal = { ...record.block.proposal, header: { ...header, view: (header.view + 1) as never } }
    return { ...record, block: { ...record.block, proposal } }
  }
  const store = {
    blockAt,
    head: () => (height === 0 ? undefined : { height: height as Height, blockId: '' as BlockId }),
    holdState(): HeldState {
      open += 1
      return {
        ...EMPTY_STATE,
        entries: async () => [],
        async close() {
          open -= 1
        },
      }
    },
  }
  const after = (_: number, run: () => void) => {
    queueMicrotask(run)
    return () => {}
  }
  const clock = { nowMs: () => nowMs, after }
  const checkpoints = new Checkpoints({
    store,
    clock,
    initialHeight: 0,
    intervalBlocks: INTERVAL,
    onFatal: (error) => {
      throw error
    },
  })
  const grow = (to: number) => {
    while (height < to) {
      height += 1
      checkpoints.onCommitted()
    }
  }
  return {
    store,
    clock,
    checkpoints,
    grow,
    open: () => open,
    pass(ms: number) {
      nowMs += ms
    },
  }
}

const heights = ({ held }: Checkpoints) => held.map(({ height }) => height)

test('one is there soon after the start, then one an interval; provable when the grandchild is committed', () => {
  const { checkpoints, grow, open } = growing()
  grow(2)
  expect(heights(checkpoints)).toEqual([])
  grow(3)
  expect(heights(checkpoints)).toEqual([1])
  grow(11)
  expect(heights(checkpoints)).toEqual([1])
  grow(12)
  expect(heights(checkpoints)).toEqual([10])
  expect(open()).toBe(1)
})

test('a height whose child is not one view above is not final by it: the next is taken', () => {
  const { checkpoints, grow, open } = growing([10])
  grow(15)
  expect(heights(checkpoints)).toEqual([12])
  expect(open()).toBe(1)
})

test('nobody asks any more: an older one goes after its lease, the newest stays', () => {
  const { checkpoints, grow, pass, open } = growing()
  grow(3)
  checkpoints.ask(checkpoints.held[0]?.blockId ?? ('' as BlockId))
  grow(12)
  expect(heights(checkpoints)).toEqual([10, 1])
  pass(LEASE_MS)
  grow(13)
  expect(heights(checkpoints)).toEqual([10])
  pass(10 * HELD_MS_MAX)
  grow(14)
  expect(heights(checkpoints)).toEqual([10])
  expect(open()).toBe(1)
})

test('somebody asks all the time: it stays, and no longer than HELD_MS_MAX', () => {
  const { checkpoints, grow, pass, open } = growing()
  grow(12)
  const wanted = checkpoints.held[0]?.blockId ?? ('' as BlockId)
  checkpoints.ask(wanted)
  grow(22)
  for (let at = 23, ms = 0; ms <= HELD_MS_MAX; at++, ms += LEASE_MS / 2) {
    expect(checkpoints.ask(wanted)?.height).toBe(10)
    pass(LEASE_MS / 2)
    grow(Math.min(at, 29))
  }
  grow(30)
  expect(checkpoints.ask(wanted)).toBeUndefined()
  expect(open()).toBeLessThanOrEqual(3)
})

test(`no more than ${ANCHORS_MAX} are held, whoever asks for whichever`, () => {
  const { checkpoints, grow, open } = growing()
  for (let at = 1; at <= 300; at++) {
    grow(at)
    for (const { blockId } of checkpoints.held) checkpoints.ask(blockId)
    expect(checkpoints.held.length).toBeLessThanOrEqual(ANCHORS_MAX)
    expect(open()).toBeLessThanOrEqual(ANCHORS_MAX)
  }
  // What is being fetched is not pushed out by what is newer.
  expect(heights(checkpoints)).toEqual([30, 20, 10, 1])
})

function serving() {
  const chain = growing()
  chain.grow(12)
  const answers: Extract<Message, { kind: 'snapshot-response' }>[] = []
  const offences: Offence[] = []
  const server = new SnapshotServer({
    epoch: 0,
    checkpoints: chain.checkpoints,
    store: chain.store,
    clock: chain.clock,
    network: {
      penalise: (_, offence) => offences.push(offence),
      sendToPeer: (_, frame) => {
        const decoded = decodeMessage(frame, LIMITS)
        if (decoded.ok && decoded.value.kind === 'snapshot-response') answers.push(decoded.value)
      },
    },
    onFatal: (error) => {
      throw error
    },
  })
  const blockId = chain.checkpoints.held[0]?.blockId ?? ('' as BlockId)
  const ask = (peer: string, requestId: number, from = FIRST_KEY, to = LAST_KEY) =>
    server.onRequest(
      { id: peer, validator: undefined },
      { kind: 'snapshot-request', requestId, part: { kind: 'range', blockId, from, to } },
    )
  return { ...chain, server, ask, answers, offences }
}

test('a range of what is held is answered; of what is not, and from its end to its beginning, nothing is', async () => {
  const { ask, answers, server } = serving()
  ask('a', 1)
  ask('a', 2, LAST_KEY, FIRST_KEY)
  server.onRequest(
    { id: 'a', validator: undefined },
    { kind: 'snapshot-request', requestId: 3, part: { kind: 'tip', blockId: FIRST_KEY as string as BlockId } },
  )
  await expect.poll(() => answers.length).toBe(3)
  expect(answers.map(({ requestId, body }) => [requestId, body !== undefined])).toEqual([
    [1, true],
    [2, false],
    [3, false],
  ])
})

test('more than a peer may ask in a second is a flood', () => {
  const { ask, offences } = serving()
  for (let id = 1; id <= SNAPSHOT_REQUESTS_PER_SECOND_MAX; id++) ask('a', id)
  expect(offences).toEqual([])
  ask('a', 100)
  expect(offences).toEqual(['flood'])
})

test('what there is no room for is answered "not now" at once', () => {
  const { ask, answers, server, offences } = serving()
  for (let id = 0; id <= SNAPSHOT_REQUESTS_WAITING_MAX; id++) ask(`peer ${id}`, id)
  expect(server.waiting).toBe(SNAPSHOT_REQUESTS_WAITING_MAX)
  ask('late', 99)
  expect(answers).toEqual([{ kind: 'snapshot-response', requestId: 99 }])
  expect(offences).toEqual([])
})
