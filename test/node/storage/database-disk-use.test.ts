// TESTING.md, row 19: the database takes at most twice what is in it, however often the state is overwritten, and gives back what
// was pruned.

import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Height } from '../../../consensus/types.ts'
import { openDatabase, type WriteOp } from '../../../node/storage/database.ts'
import { blockKey, valueKey } from '../../../node/storage/keys.ts'
import { Random } from '../../simulation/random.ts'
import { hashOfText } from './fixture.ts'
import { temporaryDir } from './temporary-dir.ts'

const BLOCKS = 1_200
const BLOCK_BYTES = 30_000
const ACCOUNTS = 3_000
/** Of each block: over the run every account is overwritten more than a hundred times. */
const OVERWRITTEN = 400
const ACCOUNT_BYTES = 70
/** Key and checksum. */
const RECORD_BYTES = 37

async function sizeOf(path: string): Promise<number> {
  const sizes = await Promise.all((await readdir(path)).map(async (name) => (await stat(join(path, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}

test('at most twice the logical size after every account was overwritten a hundred times, and again after pruning', async () => {
  const path = join(await temporaryDir(), 'chain')
  const database = await openDatabase(path)
  const random = new Random(1, 'disk use')
  // Bytes that do not compress: signatures and hashes are most of a block.
  const noise = Buffer.from(Array.from({ length: 4 * BLOCK_BYTES }, () => random.between(0, 255)))
  const part = (length: number) => noise.subarray(random.between(0, 3 * BLOCK_BYTES)).subarray(0, length)
  const accounts = Array.from({ length: ACCOUNTS }, (_, at) => valueKey(hashOfText(`account ${at}`)))
  const stateBytes = ACCOUNTS * (ACCOUNT_BYTES + RECORD_BYTES)
  const logicalBytes = (blocks: number) => blocks * (BLOCK_BYTES + RECORD_BYTES) + stateBytes
  for (let height = 1; height <= BLOCKS; height++) {
    const operations: WriteOp[] = [{ type: 'put', key: blockKey(height), value: part(BLOCK_BYTES) }]
    for (let i = 0; i < OVERWRITTEN; i++)
      operations.push({ type: 'put', key: random.pick(accounts), value: part(ACCOUNT_BYTES) })
    await database.write(operations, false)
  }
  const grownBytes = await sizeOf(path)
  expect(grownBytes).toBeLessThan(2 * logicalBytes(BLOCKS))
  const written = BLOCKS * (BLOCK_BYTES + OVERWRITTEN * (ACCOUNT_BYTES + RECORD_BYTES))
  // Without compaction all of it would be there still.
  expect(written).toBeGreaterThan(2.2 * logicalBytes(BLOCKS))

  const kept = BLOCKS / 2
  const pruned = Array.from({ length: kept }, (_, at): WriteOp => ({ type: 'del', key: blockKey((at + 1) as Height) }))
  await database.write(pruned, false)
  await database.compact({ from: blockKey(0), to: blockKey(kept + 1) })
  expect(await sizeOf(path)).toBeLessThan(2 * logicalBytes(kept))
  expect(await sizeOf(path)).toBeLessThan(grownBytes)
  await database.close()
}, 60_000)
