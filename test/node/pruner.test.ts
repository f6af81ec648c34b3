// Pruning: a window of blocks is kept, what is older is gone whole, and the chain begins where it says it begins (PITFALLS 40).

import { describe, expect, test } from 'vitest'
import type { BlockId, Height } from '../../consensus/types.ts'
import { InvariantError } from '../../crypto/assert.ts'
import { Pruner } from '../../node/pruner.ts'
import { createMemoryChainStore, MemoryDisk } from '../../node/storage/memory-store.ts'
import {
  certificateOf,
  chainOf,
  GENESIS_BLOCK,
  GENESIS_HASH,
  GENESIS_PEAKS,
  GENESIS_STATE,
  LIMITS,
} from './storage/fixture.ts'

const KEEP = 128
const RECORDS = chainOf(400)

async function storeOn(disk: MemoryDisk) {
  const store = await createMemoryChainStore(GENESIS_HASH, LIMITS, disk)
  if (store.head() === undefined) await store.initialise(GENESIS_BLOCK, GENESIS_STATE, GENESIS_PEAKS)
  return store
}

async function grown(blocks: number, keepBlocks: number) {
  const disk = new MemoryDisk()
  const store = await storeOn(disk)
  const faults: unknown[] = []
  const pruner = new Pruner({ store, keepBlocks, onFatal: (error) => faults.push(error) })
  for (const record of RECORDS.slice(0, blocks)) {
    await store.commit([record], certificateOf(record))
    pruner.onCommitted()
  }
  await pruner.stop()
  expect(faults).toEqual([])
  return { disk, store }
}

const idAt = (height: number): BlockId => RECORDS[height - 1]?.block.id ?? GENESIS_BLOCK.id
const txAt = (height: number) => RECORDS[height - 1]?.transactionIds[0] ?? idAt(height)

test('the window is kept, and not a batch more than it', async () => {
  const { store } = await grown(400, KEEP)
  const oldest = store.oldestHeight()
  expect(400 - oldest + 1).toBeGreaterThanOrEqual(KEEP)
  expect(400 - oldest + 1).toBeLessThan(KEEP + 64)
  for (let height = oldest; height <= 400; height++) {
    expect(store.blockAt(height)?.block.id).toBe(idAt(height))
    expect(store.transactionAt(txAt(height))).toEqual({ height, index: 0 })
  }
})

test('what is older is gone whole: blocks, ids and transactions, in memory and on the disk', async () => {
  const { disk, store } = await grown(400, KEEP)
  const oldest = store.oldestHeight()
  for (let height = 0; height < oldest; height++) {
    expect(store.blockAt(height as Height)).toBeUndefined()
    expect(store.blockById(idAt(height))).toBeUndefined()
    expect(store.transactionAt(txAt(height))).toBeUndefined()
  }
  const keys = [...disk.records.keys()]
  const held = 400 - oldest + 1
  expect(keys.filter((key) => key.startsWith('b'))).toHaveLength(held)
  expect(keys.filter((key) => key.startsWith('i'))).toHaveLength(held)
  expect(keys.filter((key) => key.startsWith('t'))).toHaveLength(2 * held)
})

test('it begins there again after a restart, and a crash in between leaves a chain that opens', async () => {
  const { disk, store } = await grown(400, KEEP)
  const oldest = store.oldestHeight()
  expect((await storeOn(disk)).oldestHeight()).toBe(oldest)
  disk.isHeld = true
  await store.prune((oldest + 32) as Height)
  expect(store.oldestHeight()).toBe(oldest + 32)
  disk.crash()
  expect((await storeOn(disk)).oldestHeight()).toBe(oldest)
})

test('0 keeps everything', async () => {
  const { store } = await grown(300, 0)
  expect(store.oldestHeight()).toBe(0)
  expect(store.blockAt(0 as Height)?.block.id).toBe(GENESIS_BLOCK.id)
})

describe('a reader', () => {
  test('never meets damage while a batch is being deleted', async () => {
    const { disk, store } = await grown(200, 0)
    disk.isHeld = true
    const pruned = store.prune(100 as Height)
    for (let height = 0; height <= 200; height++) {
      const id = store.blockAt(height as Height)?.block.id
      expect(id).toBe(height < 100 ? undefined : idAt(height))
      expect(store.transactionAt(txAt(height)) === undefined).toBe(height < 100)
    }
    await pruned
  })

  test('the last blocks, which a start reads, are never pruned', async () => {
    const { store } = await grown(200, 0)
    await expect(store.prune(150 as Height)).rejects.toThrow(InvariantError)
  })
})
