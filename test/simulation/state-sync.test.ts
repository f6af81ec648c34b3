// Nodes far behind join by a snapshot (node/snapshot): the state is the one that replay gives, root by root, whatever peers say
// and whenever it is killed. The checkers of the world hold every root against the model's (S8).

import { expect, test } from 'vitest'
import type { Message } from '../../consensus/types.ts'
import { decodeMessage, encodeMessage } from '../../consensus/wire-messages.ts'
import { decodeStateRange, encodeStateRange, FIRST_KEY, LAST_KEY } from '../../ledger/state-range.ts'
import { stateRoot } from '../../ledger/state-tree.ts'
import { committeeOf } from './world/committee.ts'
import type { SimulatedNode } from './world/node.ts'
import { World } from './world/world.ts'

/** Two ranges and more in each part of the key space. */
const IDLE_ACCOUNTS = 40_000
const LONG = 120
const GAP = 60

interface Joined {
  readonly world: World
  readonly late: SimulatedNode
  /** Snapshot messages the late node sent and got, in order. */
  readonly said: Message[]
}

/** Validators with a chain of LONG blocks and a full node that has not started yet. */
async function lateComer(seed: number, villains: readonly number[] = [], gapBlocks = GAP): Promise<Joined> {
  const committee = await committeeOf(4, 'fast', IDLE_ACCOUNTS)
  const world = new World({
    seed,
    committee,
    followers: 1,
    twins: [],
    villains: villains as never,
    baseTimeoutMs: 300,
    idleIntervalMs: 20,
    blockIntervalMs: 0,
    snapshots: { intervalBlocks: 20, gapBlocks },
  })
  const late = world.nodes[4]
  if (late === undefined) throw new Error('a world has a follower')
  const said: Message[] = []
  for (const node of world.nodes.slice(0, 4)) {
    node.tampering = {
      out(frame, to) {
        const message = decodeMessage(frame, committee.limits)
        if (to === late && message.ok && message.value.kind === 'snapshot-response') said.push(message.value)
        return [frame]
      },
    }
    world.start(node)
  }
  // In a world a hundred blocks come faster than the choice of a snapshot: this node cannot have them.
  late.tampering = {
    hears: (frame) => isRestored(late) || kindOf(frame) !== 'block-response',
  }
  const kindOf = (frame: Uint8Array) => {
    const message = decodeMessage(frame, committee.limits)
    return message.ok ? message.value.kind : undefined
  }
  expect(await world.runUntil(() => world.committedHeight >= LONG, 120_000)).toBe(true)
  return { world, late, said }
}

const isRestored = ({ store }: SimulatedNode) => store?.head() !== undefined && store.oldestHeight() > 0

const hasJoined = ({ world, late }: Joined) =>
  world.runUntil(
    () => isRestored(late) && world.checkers.toldHeight(late) > world.committedHeight - 5,
    world.elapsedMs + 60_000,
  )

/** Everything in the late node's state is what a validator that executed every block has at that height, and nothing else. */
async function expectSameState({ world, late }: Joined): Promise<void> {
  for (const node of world.nodes) world.checkers.final(node)
  const other = world.nodes[0]?.store
  const own = late.store
  if (other === undefined || own === undefined) throw new Error('both run')
  await world.runUntil(() => own.head()?.height === other.head()?.height, world.elapsedMs + 5_000)
  expect(own.head()?.blockId).toBe(other.head()?.blockId)
  const [ours, theirs] = await Promise.all(
    [own, other].map((store) => store.holdState().entries(FIRST_KEY, LAST_KEY, 2 * IDLE_ACCOUNTS)),
  )
  expect(ours).toEqual(theirs)
  expect(stateRoot(own.state())).toBe(stateRoot(other.state()))
}

test('a full node that comes late fetches a snapshot and follows from there', { timeout: 120_000 }, async () => {
  const joined = await lateComer(1)
  joined.world.start(joined.late)
  expect(await hasJoined(joined)).toBe(true)
  expect(joined.late.store?.oldestHeight()).toBeGreaterThan(LONG - GAP)
  await expectSameState(joined)
  // Every part takes two ranges, and none is asked for twice.
  const ranges = joined.said.filter(
    (message) => message.kind === 'snapshot-response' && (message.body?.length ?? 0) > 10_000,
  )
  expect(ranges.length).toBeGreaterThanOrEqual(32)
  expect(ranges.length).toBeLessThan(40)
})

test.each([
  {
    lie: 'a value',
    changed: (body: Uint8Array) =>
      tampered(body, (range) => ({
        ...range,
        entries: range.entries.with(0, { ...first(range.entries), value: new Uint8Array(57) }),
      })),
  },
  {
    lie: 'an entry left out',
    changed: (body: Uint8Array) => tampered(body, (range) => ({ ...range, entries: range.entries.slice(1) })),
  },
  {
    lie: 'a range in crumbs',
    changed: (body: Uint8Array) =>
      tampered(body, (range) => ({ ...range, to: first(range.entries).key, entries: range.entries.slice(0, 1) })),
  },
  { lie: 'bytes that are no range', changed: () => Uint8Array.of(9, 9, 9) },
])(
  'who sends $lie is named, dropped and not asked again; the others suffice',
  { timeout: 120_000 },
  async ({ changed }) => {
    const joined = await lateComer(2, [1, 2])
    const { world, late } = joined
    const liars = world.nodes.slice(1, 3)
    const lied = new Map(liars.map((node) => [node.id, 0]))
    for (const node of liars) {
      node.tampering = {
        out(frame, to) {
          const message = decodeMessage(frame, world.committee.limits)
          if (to !== late || !message.ok || message.value.kind !== 'snapshot-response') return [frame]
          const { body } = message.value
          if (body === undefined || body.length < 10_000) return [frame]
          lied.set(node.id, (lied.get(node.id) ?? 0) + 1)
          return [encodeMessage({ ...message.value, body: changed(body) }, 0)]
        },
      }
    }
    const named = new Set<string>()
    world.links.onPenalty = (by, against) => {
      if (by === late) named.add(against.id)
    }
    world.start(late)
    expect(await hasJoined(joined)).toBe(true)
    await expectSameState(joined)
    expect(named).toEqual(new Set(liars.map(({ id }) => id)))
    expect([...lied.values()]).toEqual([1, 1])
  },
)

test('killed while it fetches, it goes on with what is on its disk', { timeout: 120_000 }, async () => {
  const joined = await lateComer(3)
  const { world, late, said } = joined
  world.start(late)
  const kills = [3, 12, 20]
  for (const ranges of kills) {
    const fetched = () =>
      said.filter((message) => message.kind === 'snapshot-response' && (message.body?.length ?? 0) > 10_000).length
    expect(await world.runUntil(() => fetched() >= ranges, world.elapsedMs + 30_000)).toBe(true)
    await world.runFor(5)
    world.crash(late)
    await world.runFor(50)
    world.start(late)
  }
  expect(await hasJoined(joined)).toBe(true)
  await expectSameState(joined)
  const fetched = said.filter((message) => message.kind === 'snapshot-response' && (message.body?.length ?? 0) > 10_000)
  // What was under way at a kill is fetched again, what was written is not.
  expect(fetched.length).toBeLessThan(32 + 8 * kills.length)
})

test('blocks that nobody has any more make it fetch a snapshot, however small the gap', {
  timeout: 120_000,
}, async () => {
  const joined = await lateComer(4, [], 1_000_000)
  const { world, late } = joined
  // As from peers that pruned them: they answer, and have nothing.
  late.tampering = undefined
  for (const node of world.nodes.slice(0, 4)) {
    node.tampering = {
      out(frame, to) {
        const message = decodeMessage(frame, world.committee.limits)
        if (to !== late || isRestored(late) || !message.ok || message.value.kind !== 'block-response') return [frame]
        const { kind, requestId } = message.value
        return [encodeMessage({ kind, requestId, proposals: [] }, 0)]
      },
    }
  }
  world.start(late)
  expect(await hasJoined(joined)).toBe(true)
  await expectSameState(joined)
})

test('who offers what nobody else has, and withholds it, holds nobody up for long', { timeout: 120_000 }, async () => {
  const joined = await lateComer(5, [1])
  const { world, late } = joined
  const startedMs = world.elapsedMs
  const withheld = { ranges: 0 }
  for (const node of world.nodes.slice(0, 4)) {
    const isVillain = node.number === 1
    node.tampering = {
      out(frame, to) {
        const message = decodeMessage(frame, world.committee.limits)
        if (to !== late || !message.ok || message.value.kind !== 'snapshot-response') return [frame]
        const { body, requestId } = message.value
        // The others have no snapshot yet when the choice is made.
        if (!isVillain && world.elapsedMs < startedMs + 3_000)
          return [encodeMessage({ kind: 'snapshot-response', requestId, body: new Uint8Array(4) }, 0)]
        if (!isVillain || (body?.length ?? 0) < 10_000) return [frame]
        withheld.ranges += 1
        return []
      },
    }
  }
  world.start(late)
  expect(await hasJoined(joined)).toBe(true)
  expect(withheld.ranges).toBeGreaterThan(0)
  await expectSameState(joined)
})

type Range = Extract<ReturnType<typeof decodeStateRange>, { ok: true }>['value']

function tampered(body: Uint8Array, change: (range: Range) => Range): Uint8Array {
  const decoded = decodeStateRange(body)
  return decoded.ok ? encodeStateRange(change(decoded.value)) : body
}

function first<T>(items: readonly T[]): T {
  const [item] = items
  if (item === undefined) throw new RangeError('nothing there')
  return item
}
