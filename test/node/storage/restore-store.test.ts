// A restored chain takes the place of the one that is there whole or not at all, whenever the process is killed.

import { rename, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { CommitRecord } from '../../../node/ports.ts'
import { openChainStore } from '../../../node/storage/chain-store.ts'
import { adoptRestored, restoreStoreIn } from '../../../node/storage/restore-store.ts'
import { certificateOf, chainOf, GENESIS_BLOCK, GENESIS_HASH, GENESIS_PEAKS, GENESIS_STATE, LIMITS } from './fixture.ts'
import { temporaryDir } from './temporary-dir.ts'

const third = recordAt(3)
const NOTHING = new Uint8Array(0)

function recordAt(height: number): CommitRecord {
  const record = chainOf(height).at(-1)
  if (record === undefined) throw new RangeError('a record a height')
  return record
}

async function withChain(): Promise<string> {
  const dir = await temporaryDir()
  const store = await openChainStore(dir, GENESIS_HASH, LIMITS)
  await store.initialise(GENESIS_BLOCK, GENESIS_STATE, GENESIS_PEAKS)
  await store.mirror.write(Uint8Array.of(7), true)
  await store.close()
  return dir
}

/** Up to its end, or to just before. */
async function restore(dir: string, isFinished: boolean): Promise<void> {
  const restored = restoreStoreIn(dir, GENESIS_HASH, () => Uint8Array.of(7))
  await restored.begin(NOTHING, NOTHING)
  await restored.write(third.writes, Uint8Array.of(1))
  if (isFinished)
    await restored.finish({ ...third, writes: { values: new Map(), nodes: new Map() } }, certificateOf(third))
  await restored.close()
}

async function heights(dir: string): Promise<readonly (number | undefined)[]> {
  const store = await openChainStore(dir, GENESIS_HASH, LIMITS)
  const found = [store.oldestHeight(), store.head()?.height]
  // What was signed is not forgotten with the chain (PITFALLS 37).
  expect(store.mirror.read()).toEqual(Buffer.of(7))
  await store.close()
  return found
}

const isThere = async (path: string) => (await stat(path).catch(() => undefined)) !== undefined

test('without one nothing happens, and an unfinished one stays where it is', async () => {
  const dir = await withChain()
  expect(await adoptRestored(dir)).toBe(false)
  await restore(dir, false)
  expect(await adoptRestored(dir)).toBe(false)
  expect(await heights(dir)).toEqual([0, 0])
  const again = restoreStoreIn(dir, GENESIS_HASH, () => undefined)
  expect(await again.begun()).toEqual({ basis: Buffer.alloc(0), progress: Buffer.of(1) })
  await again.close()
})

test('a whole one is the chain from the next start on, and the other is gone', async () => {
  const dir = await withChain()
  await restore(dir, true)
  expect(await heights(dir)).toEqual([0, 0])
  expect(await adoptRestored(dir)).toBe(true)
  expect(await heights(dir)).toEqual([3, 3])
  expect(await adoptRestored(dir)).toBe(false)
  expect(await isThere(join(dir, 'chain.replaced'))).toBe(false)
})

test('killed between the two renames, the next start ends it', async () => {
  const dir = await withChain()
  await restore(dir, true)
  await rename(join(dir, 'chain'), join(dir, 'chain.replaced'))
  expect(await adoptRestored(dir)).toBe(true)
  expect(await heights(dir)).toEqual([3, 3])
  expect(await isThere(join(dir, 'chain.replaced'))).toBe(false)
})

test('killed before the old one is removed, the next start removes it', async () => {
  const dir = await withChain()
  await restore(dir, true)
  await rename(join(dir, 'chain'), join(dir, 'chain.replaced'))
  await rename(join(dir, 'chain.restored'), join(dir, 'chain'))
  expect(await adoptRestored(dir)).toBe(false)
  expect(await heights(dir)).toEqual([3, 3])
  expect(await isThere(join(dir, 'chain.replaced'))).toBe(false)
})

test('a chain that somebody has open is not replaced', async () => {
  const dir = await withChain()
  await restore(dir, true)
  const store = await openChainStore(dir, GENESIS_HASH, LIMITS)
  await expect(adoptRestored(dir)).rejects.toMatchObject({ code: 'data-dir-locked' })
  expect(store.head()?.height).toBe(0)
  await store.close()
})

test('one begun anew has nothing of the one before', async () => {
  const dir = await temporaryDir()
  await restore(dir, false)
  const restored = restoreStoreIn(dir, GENESIS_HASH, () => undefined)
  await restored.begin(Uint8Array.of(2), NOTHING)
  expect(restored.state().node('')).toBeUndefined()
  expect(await restored.begun()).toEqual({ basis: Buffer.of(2), progress: Buffer.alloc(0) })
  await restored.close()
})
