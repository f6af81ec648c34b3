// A chain of four whole replicas and a follower, one validator of which stops half way, so that some blocks were certified right
// above their parents and some were not. With transfers in it, one of which fails. What nodes prove is proved about this chain.

import type { Hash } from '../../crypto/bytes.ts'
import { signTransfer } from '../../ledger/transaction.ts'
import { createProofReader } from '../../node/proofs.ts'
import { type Committee, committeeOf } from '../simulation/world/committee.ts'
import type { SimulatedNode } from '../simulation/world/node.ts'
import { World } from '../simulation/world/world.ts'

export interface ProvedChain {
  readonly committee: Committee
  readonly world: World
  /** Sent; all commit, the last of them as failed. */
  readonly sent: readonly Hash[]
  /** Runs until a height is committed. */
  grow(height: number): Promise<void>
}

export function readerOf({ replica, store }: SimulatedNode) {
  if (replica === undefined || store === undefined) throw new Error('the node is down')
  const { driver, executor } = replica
  return {
    store,
    ...createProofReader({ store, uncommitted: (id) => executor.blockOf(id) ?? driver.core.tree.block(id) }),
  }
}

export async function createProvedChain(scheme: 'fast' | 'real'): Promise<ProvedChain> {
  const committee = await committeeOf(4, scheme)
  const timing = { baseTimeoutMs: 300, idleIntervalMs: 10, blockIntervalMs: 0 }
  const world = new World({ seed: 7, committee, followers: 1, twins: [], villains: [], ...timing })
  for (const node of world.nodes) world.start(node)
  const grow = async (height: number): Promise<void> => {
    if (!(await world.runUntil(() => world.committedHeight >= height, world.elapsedMs + 600_000))) {
      throw new Error(`stands at height ${world.committedHeight}`)
    }
  }
  await grow(1)
  const sent = submitTransfers(committee, world)
  await grow(8)
  const [stopped] = world.nodes
  if (stopped === undefined) throw new Error('no node')
  world.crash(stopped)
  await grow(20)
  return { committee, world, sent, grow }
}

function submitTransfers({ genesis, people, vouch }: Committee, world: World): Hash[] {
  const [alice, bob] = people
  const node = world.nodes[1]
  if (alice === undefined || bob === undefined || node === undefined) throw new Error('too few people')
  return [5n, 6n, 7n, 1n << 40n].map((amount, at) => {
    const outputs = [{ recipient: bob.address, amount }]
    const { genesisHash } = genesis
    const { keyPair } = alice
    const { id, bytes } = signTransfer({ genesisHash, nonce: BigInt(at), fee: 1n, validUntil: 9_000, outputs, keyPair })
    vouch(bytes)
    world.clients.submit(node, bytes)
    return id
  })
}
