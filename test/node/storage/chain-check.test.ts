// What opening a chain looks at beyond its last blocks (DESIGN.md section 5, "Storage"; PITFALLS 35).

import { join } from 'node:path'
import { ClassicLevel } from 'classic-level'
import { describe, expect, it } from 'vitest'
import type { Height } from '../../../consensus/types.ts'
import { encodeHeight } from '../../../node/storage/block-record.ts'
import { openChainStore } from '../../../node/storage/chain-store.ts'
import { openDatabase, type WriteOp } from '../../../node/storage/database.ts'
import { blockHeightKey, blockKey, OLDEST_KEY } from '../../../node/storage/keys.ts'
import {
  certificateOf,
  chainOf,
  GENESIS_BLOCK,
  GENESIS_HASH,
  GENESIS_PEAKS,
  GENESIS_STATE,
  hashOfText,
  LIMITS,
} from './fixture.ts'
import { temporaryDir } from './temporary-dir.ts'

const RECORDS = chainOf(90)

/** A closed chain of 90 blocks: the first are below what opening reads in full. */
async function longChain(...operations: readonly WriteOp[]): Promise<string> {
  const dir = await temporaryDir()
  const store = await openChainStore(dir, GENESIS_HASH, LIMITS)
  await store.initialise(GENESIS_BLOCK, GENESIS_STATE, GENESIS_PEAKS)
  const last = RECORDS.at(-1)
  if (last === undefined) throw new Error('records')
  await store.commit(RECORDS, certificateOf(last))
  await store.close()
  const database = await openDatabase(join(dir, 'chain'))
  await database.write(operations, true)
  await database.close()
  return dir
}

const keyOfBlock = (height: number): Uint8Array => {
  const block = RECORDS[height - 1]?.block
  if (block === undefined) throw new RangeError('height')
  return blockHeightKey(block.id)
}

describe('the index of every height is read (a batch that LevelDB lost shows there)', () => {
  it.each<readonly [string, WriteOp, RegExp]>([
    ['an entry is gone', { type: 'del', key: keyOfBlock(3) }, /the block at height 3 is missing from the index/],
    [
      'two entries lead to one height',
      { type: 'put', key: blockHeightKey(hashOfText('x') as never), value: encodeHeight(4 as Height) },
      /two blocks are indexed at height 4/,
    ],
    [
      'an entry leads above the head',
      { type: 'put', key: keyOfBlock(3), value: encodeHeight(91 as Height) },
      /is 91, outside the chain/,
    ],
    [
      'the oldest height is not that of the first block',
      { type: 'put', key: OLDEST_KEY, value: encodeHeight(7 as Height) },
      /begins at height 0, its oldest height is 7/,
    ],
  ])('%s', async (_, operation, message) => {
    const opening = openChainStore(await longChain(operation), GENESIS_HASH, LIMITS)
    await expect(opening).rejects.toMatchObject({ code: 'storage-damaged', message: expect.stringMatching(message) })
  })
})

it('a block that is missing between the oldest and the head is damage when it is read, never a block that is unknown', async () => {
  const dir = await longChain({ type: 'del', key: blockKey(5) })
  const store = await openChainStore(dir, GENESIS_HASH, LIMITS)
  expect(() => store.blockAt(5 as Height)).toThrow(/the block at height 5 is missing/)
  expect(store.blockAt(91 as Height)).toBeUndefined()
  await store.close()
})

it.each([
  ['one bit of a value', (sealed: Uint8Array) => sealed.with(7, (sealed[7] ?? 0) ^ 1)],
  ['its end', (sealed: Uint8Array) => sealed.subarray(0, -1)],
  ['all of it', () => new Uint8Array(2)],
])('a value that lost %s is not believed, although LevelDB serves it', async (_, harm) => {
  const dir = await longChain()
  const level = new ClassicLevel<Uint8Array, Uint8Array>(join(dir, 'chain'), {
    keyEncoding: 'view',
    valueEncoding: 'view',
  })
  const sealed = await level.get(blockKey(5))
  if (sealed === undefined) throw new Error('block 5')
  await level.put(blockKey(5), harm(sealed))
  await level.close()
  const store = await openChainStore(dir, GENESIS_HASH, LIMITS)
  expect(() => store.blockAt(5 as Height)).toThrow(/the value of the block at height 5 is not what was written/)
  await store.close()
})
