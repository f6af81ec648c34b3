// Where a node begins again, from what its disk holds (DESIGN.md section 3, "Persist before send"; PITFALLS 2, 4, 6).

import { expect, test } from 'vitest'
import { freshSafety } from '../../consensus/safety.ts'
import type { SafetyState } from '../../consensus/types.ts'
import { NodeError } from '../../node/fault.ts'
import { recover } from '../../node/recovery.ts'
import { createMemoryChainStore, MemoryDisk } from '../../node/storage/memory-store.ts'
import {
  blockAt,
  certificateOf,
  chainOf,
  GENESIS_BLOCK,
  GENESIS_HASH,
  GENESIS_PEAKS,
  GENESIS_STATE,
  LIMITS,
  qcFor,
  safetyAt,
} from './storage/fixture.ts'

const ROOT = qcFor(0, GENESIS_BLOCK.id, 0, GENESIS_BLOCK.proposal.header.parentId)

async function storeOf(blocks: number) {
  const store = await createMemoryChainStore(GENESIS_HASH, LIMITS, new MemoryDisk())
  await store.initialise(GENESIS_BLOCK, GENESIS_STATE, GENESIS_PEAKS)
  const records = chainOf(blocks)
  const last = records.at(-1)
  if (last !== undefined) await store.commit(records, certificateOf(last))
  return { store, tip: last?.block ?? GENESIS_BLOCK, certificate: last && certificateOf(last) }
}

test('a new chain begins with nothing signed', async () => {
  const { store } = await storeOf(0)
  expect(recover(store, undefined, ROOT)).toEqual({ root: GENESIS_BLOCK, safety: freshSafety(ROOT), uncommitted: [] })
})

test('PITFALLS 2: what was signed stays signed', async () => {
  const { store } = await storeOf(3)
  const saved = safetyAt(40, true)
  expect(recover(store, saved, ROOT).safety).toBe(saved)
})

test.each<readonly [string, SafetyState | undefined]>([
  ['older than the safety state of a validator', safetyAt(2)],
  ['all that a follower has', undefined],
])('PITFALLS 4: the certificate of the tip is known again: %s', async (_, saved) => {
  const { store, tip, certificate } = await storeOf(5)
  const { root, safety } = recover(store, saved, ROOT)
  expect(root.id).toBe(tip.id)
  expect(safety.highQC).toEqual(certificate)
  expect(safety.lastVotedView).toBe(saved?.lastVotedView ?? 0)
})

test('blocks voted for and not committed are there again', async () => {
  const { store, tip } = await storeOf(2)
  const { stateRoot, receiptsRoot } = chainOf(2)[1] ?? GENESIS_STATE
  const block = blockAt({ height: 3, view: 9, parent: { block: tip, stateRoot, receiptsRoot } })
  await store.saveBlock(block)
  expect(recover(store, safetyAt(9), ROOT).uncommitted.map(({ id }) => id)).toEqual([block.id])
})

test('a store without genesis is damaged', async () => {
  const store = await createMemoryChainStore(GENESIS_HASH, LIMITS, new MemoryDisk())
  expect(() => recover(store, undefined, ROOT)).toThrow(NodeError)
})
