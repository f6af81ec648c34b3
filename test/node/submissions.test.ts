// Transactions on their way into the mempool, over a whole replica in a simulated world: what is accepted and when, what a
// repetition is answered, what is remembered of those that left; and that every part on the way is wired to the next.

import { beforeAll, describe, expect, test } from 'vitest'
import type { Hash } from '../../crypto/bytes.ts'
import { signTransfer } from '../../ledger/transaction.ts'
import { GONE_MAX } from '../../node/submissions.ts'
import { committeeOf } from '../simulation/world/committee.ts'
import type { SimulatedNode } from '../simulation/world/node.ts'
import { World } from '../simulation/world/world.ts'

const IDLE_MS = 20_000

interface Transfer {
  readonly id: Hash
  readonly bytes: Uint8Array
}

async function calmWorld(followers = 0): Promise<World> {
  const committee = await committeeOf(4, 'fast')
  const timing = { baseTimeoutMs: 300, idleIntervalMs: IDLE_MS, blockIntervalMs: 0 }
  return new World({ seed: 1, committee, followers, twins: [], villains: [], ...timing })
}

function nodeOf(world: World, at = 0): SimulatedNode {
  const node = world.nodes.at(at)
  if (node === undefined) throw new RangeError('no such node')
  return node
}

function submissionsOf(node: SimulatedNode) {
  if (node.replica === undefined) throw new RangeError(`${node.id} has not booted`)
  return node.replica.submissions
}

function transfer({ committee }: World, nonce: number, validUntil = 1_000): Transfer {
  const [person] = committee.people
  if (person === undefined) throw new RangeError('nobody has an account')
  return signTransfer({
    genesisHash: committee.genesis.genesisHash,
    nonce: BigInt(nonce),
    fee: 1n,
    validUntil,
    outputs: [{ recipient: committee.rogue.address, amount: 1n }],
    keyPair: person.keyPair,
  })
}

/** The same transaction, for the id does not cover the signature; but not a valid one. */
function forged({ bytes }: Transfer): Uint8Array {
  return bytes.map((byte, at) => (at === bytes.length - 8 ? byte ^ 1 : byte))
}

describe('a node without a quorum', () => {
  let world: World
  let node: SimulatedNode

  beforeAll(async () => {
    world = await calmWorld()
    node = nodeOf(world)
    world.start(node)
    await world.runUntil(() => node.replica !== undefined, 1_000)
    // Others first: it waits for a quorum of connections before it starts.
    expect(node.isStarted).toBe(false)
  })

  test('PITFALLS 40: nothing is accepted before it has started, from nobody', async () => {
    const { id, bytes } = transfer(world, 0)
    expect(await submissionsOf(node).submit([bytes])).toEqual([
      { ok: false, refusal: { kind: 'not-ready', reason: expect.any(String) } },
    ])
    expect(await submissionsOf(node).receive([bytes])).toEqual({ ids: [], fresh: [], fault: undefined })
    expect(submissionsOf(node).pending(id)).toBeUndefined()
    expect(await world.runUntil(() => node.isStarted, 10_000)).toBe(true)
    expect(await submissionsOf(node).submit([bytes])).toMatchObject([{ ok: true, id, duplicate: false }])
  })

  test('PITFALLS 44: one that is pending is answered as what it is, without a look at the signature of the copy', async () => {
    const { id, bytes } = transfer(world, 0)
    for (const copy of [bytes, forged({ id, bytes })]) {
      expect(await submissionsOf(node).submit([copy])).toMatchObject([{ ok: true, id, duplicate: true }])
    }
    expect(submissionsOf(node).pending(id)?.bytes).toEqual(bytes)
  })

  test('a signature that is not of the sender is refused; gossip that brings one is a fault', async () => {
    const { id, bytes } = transfer(world, 1)
    const refusal = { ok: false, id, refusal: { kind: 'bad-signature' } }
    expect(await submissionsOf(node).submit([forged({ id, bytes })])).toEqual([refusal])
    expect(await submissionsOf(node).receive([forged({ id, bytes })])).toMatchObject({
      fresh: [],
      fault: expect.stringContaining('bad-signature'),
    })
    expect(submissionsOf(node).pending(id)).toBeUndefined()
  })

  test(`of those that left it remembers the last ${GONE_MAX}`, { timeout: 60_000 }, async () => {
    const left: Hash[] = []
    submissionsOf(node).drop([transfer(world, 0).id])
    for (let round = 0; left.length <= GONE_MAX; round++) {
      const batch = Array.from({ length: 1_000 }, (_, at) => transfer(world, at, 2_000 + round))
      for (const { bytes } of batch) world.committee.vouch(bytes)
      const ids = batch.map(({ id }) => id)
      await submissionsOf(node).submit(batch.map(({ bytes }) => bytes))
      submissionsOf(node).drop(ids)
      left.push(...ids)
    }
    expect(submissionsOf(node).pending(left.at(-1) ?? ('' as Hash))?.status).toMatchObject({ state: 'dropped' })
    expect(submissionsOf(node).pending(left[left.length - GONE_MAX] ?? ('' as Hash))).toBeDefined()
    expect(submissionsOf(node).pending(left[0] ?? ('' as Hash))).toBeUndefined()
  })
})

describe('four nodes and one that follows', () => {
  let world: World
  const sent: Transfer[] = []

  beforeAll(async () => {
    world = await calmWorld(1)
    for (const node of world.nodes) world.start(node)
    await world.runUntil(() => world.nodes.every(({ isStarted }) => isStarted), 10_000)
    // Whatever the start makes them do is over: from here on a leader waits for work.
    await world.runFor(2_000)
  })

  test('PITFALLS 42: what only a follower was given reaches a leader by gossip, and the work wakes it at once', async () => {
    const one = transfer(world, 0)
    sent.push(one)
    expect(await submissionsOf(nodeOf(world, -1)).submit([one.bytes])).toMatchObject([{ ok: true, duplicate: false }])
    const isEverywhere = () => world.nodes.every(({ store }) => store?.transactionAt(one.id) !== undefined)
    expect(await world.runUntil(isEverywhere, world.elapsedMs + IDLE_MS / 10)).toBe(true)
  })

  test('PITFALLS 44: a committed one is answered with its block, by every node, before its nonce is looked at', async () => {
    const [one] = sent
    if (one === undefined) throw new RangeError('nothing was sent')
    for (const node of world.nodes) {
      const height = node.store?.transactionAt(one.id)?.height
      expect(await submissionsOf(node).submit([one.bytes])).toMatchObject([
        { ok: true, id: one.id, duplicate: true, committed: { height } },
      ])
    }
  })
})
