// node/catch-up.ts as the one who answers: no response is longer than the asker's decoder takes.

import { expect, it } from 'vitest'
import type { BlockId, Epoch, Height, Message } from '../../consensus/types.ts'
import type { WireLimits } from '../../consensus/wire.ts'
import { BLOCKS_PER_RESPONSE_MAX, decodeMessage, ITEMS_PER_RESPONSE_MAX } from '../../consensus/wire-messages.ts'
import { ZERO_HASH } from '../../crypto/bytes.ts'
import { CatchUp, type CatchUpDeps, REQUESTS_PER_SECOND_MAX } from '../../node/catch-up.ts'
import type { Offence, Peer, StoredBlock } from '../../node/ports.ts'
import { blockAt, certificateOf, GENESIS_STORED } from './storage/fixture.ts'

const LIMITS: WireLimits = { validators: 4, payloadBytesMax: 1_048_576, itemsMax: 50_000 }
const PEER: Peer = { id: 'peer', validator: undefined }

/** A committed chain of blocks with that many items each. */
function chainOf(blocks: number, itemsEach: number): StoredBlock[] {
  const items = Array.from({ length: itemsEach }, () => Uint8Array.of(1))
  const chain: StoredBlock[] = [GENESIS_STORED]
  for (let height = 1; height <= blocks; height++) {
    const parent = chain.at(-1) ?? GENESIS_STORED
    chain.push({ ...GENESIS_STORED, block: blockAt({ height, view: height, parent, items }) })
  }
  return chain
}

function answering(chain: readonly StoredBlock[], clock: { nowMs: number } = { nowMs: 1_000 }) {
  const sent: Uint8Array[] = []
  const penalties: Offence[] = []
  const last = chain.at(-1) ?? GENESIS_STORED
  const head = { height: last.block.proposal.header.height, blockId: last.block.id, certificate: certificateOf(last) }
  const deps: Pick<CatchUpDeps, 'epoch' | 'clock' | 'network' | 'store'> & { readonly core: () => unknown } = {
    epoch: 0 as Epoch,
    clock: { nowMs: () => clock.nowMs, after: () => () => undefined },
    network: {
      sendToPeer: (_, body) => sent.push(body),
      peers: () => [PEER],
      penalise: (_, offence) => penalties.push(offence),
    },
    store: {
      head: () => head,
      blockAt: (height) => chain[height],
      blockById: (id) => chain.find(({ block }) => block.id === id),
    },
    core: () => ({ tree: { block: () => undefined } }),
  }
  const catchUp = new CatchUp(deps as unknown as CatchUpDeps)
  const ask = (blockId: BlockId, committedHeight: number): Extract<Message, { kind: 'block-response' }> => {
    const request = {
      kind: 'block-request',
      requestId: 9,
      blockId,
      committedHeight: committedHeight as Height,
    } as const
    catchUp.onRequest(PEER, request)
    const decoded = decodeMessage(sent.at(-1) ?? new Uint8Array(0), LIMITS)
    if (!decoded.ok || decoded.value.kind !== 'block-response') throw new RangeError('no response that decodes')
    return decoded.value
  }
  return { ask, penalties, head }
}

const UNKNOWN = ZERO_HASH as BlockId

it.each([
  { blocks: 90, itemsEach: 0, most: BLOCKS_PER_RESPONSE_MAX, why: 'blocks' },
  { blocks: 5, itemsEach: 20_000, most: Math.floor(ITEMS_PER_RESPONSE_MAX / 20_000), why: 'items' },
])('a part of the chain ends at the bound of $why, with its certificate', ({ blocks, itemsEach, most }) => {
  const { ask } = answering(chainOf(blocks, itemsEach))
  const { proposals, certificate } = ask(UNKNOWN, 0)
  expect(proposals).toHaveLength(most)
  expect(certificate?.blockId).toBe(chainOf(most, itemsEach).at(-1)?.block.id)
})

it('the way to a block is answered whole only within the bounds', () => {
  const { ask, head } = answering(chainOf(5, 20_000))
  expect(ask(head.blockId, 2)).toMatchObject({ proposals: { length: 3 } })
  expect(ask(head.blockId, 2).certificate).toBeUndefined()
  expect(ask(head.blockId, 1)).toMatchObject({ proposals: { length: 3 }, certificate: { view: 4 } })
})

it.each([0, 1, 5, 6, Number.MAX_SAFE_INTEGER])('answers a request above height %i, whatever is there', (height) => {
  const { ask, head } = answering(chainOf(5, 1))
  expect(ask(UNKNOWN, height).proposals.length).toBeLessThan(5)
  expect(ask(head.blockId, height).proposals.length).toBeLessThanOrEqual(5)
})

it('requests beyond the rate are an offence and not answered', () => {
  const { ask, penalties } = answering(chainOf(2, 1))
  for (let i = 0; i < REQUESTS_PER_SECOND_MAX + 3; i++) ask(UNKNOWN, 0)
  expect(penalties).toEqual(['flood', 'flood', 'flood'])
})

it('a clock that steps back makes no flood of one request', () => {
  const clock = { nowMs: 60_000 }
  const { ask, penalties } = answering(chainOf(2, 1), clock)
  ask(UNKNOWN, 0)
  clock.nowMs -= 10_000
  ask(UNKNOWN, 0)
  expect(penalties).toEqual([])
})
