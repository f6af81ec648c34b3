import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { InvariantError } from '../../../crypto/assert.ts'
import { NodeError } from '../../../node/fault.ts'
import { createChainStore } from '../../../node/storage/chain-store.ts'
import { type Database, openDatabase, WRITES_PENDING_MAX } from '../../../node/storage/database.ts'
import { valueKey, WHOLE_RANGE } from '../../../node/storage/keys.ts'
import {
  certificateOf,
  chainOf,
  GENESIS_BLOCK,
  GENESIS_HASH,
  GENESIS_PEAKS,
  GENESIS_STATE,
  hashOfText,
  heightOf,
  LIMITS,
} from './fixture.ts'
import { temporaryDir } from './temporary-dir.ts'

const KEY = Uint8Array.of(1)
const put = (value: number) => ({ type: 'put', key: KEY, value: Uint8Array.of(value) }) as const

describe('the database', () => {
  it('takes batches in call order, whether they wait for the disk or not', async () => {
    const database = await openDatabase(join(await temporaryDir(), 'chain'))
    await Promise.all([1, 2, 3, 4].map((value) => database.write([put(value)], value % 2 === 0)))
    expect([...(database.get(KEY) ?? [])]).toEqual([4])
    await database.write([{ type: 'del', key: KEY }], true)
    expect(database.get(KEY)).toBeUndefined()
    await database.close()
  })

  it('shows a snapshot what was there when it was taken', async () => {
    const database = await openDatabase(join(await temporaryDir(), 'chain'))
    await database.write([put(1)], false)
    const snapshot = database.snapshot()
    await database.write([put(2)], false)
    expect([...(snapshot.get(KEY) ?? [])]).toEqual([1])
    expect(await database.entries(WHOLE_RANGE, 5)).toHaveLength(1)
    await snapshot.close()
    await database.close()
  })

  it('has at most WRITES_PENDING_MAX batches waiting', async () => {
    const database = await openDatabase(join(await temporaryDir(), 'chain'))
    const writes = Array.from({ length: WRITES_PENDING_MAX }, (_, i) => database.write([put(i % 256)], false))
    expect(() => database.write([put(0)], false)).toThrow(InvariantError)
    await Promise.all(writes)
    await database.write([put(7)], false)
    await database.close()
  })

  it('turns failures of reading and writing into faults', async () => {
    const database = await openDatabase(join(await temporaryDir(), 'chain'))
    await database.close()
    expect(() => database.get(KEY)).toThrow(NodeError)
    await expect(database.entries(WHOLE_RANGE, 1)).rejects.toMatchObject({ code: 'storage-unavailable' })
    await expect(database.write([put(1)], true)).rejects.toMatchObject({ code: 'storage-write-failed' })
  })
})

it('a commit that LevelDB already shows is not shown before it is durable (PITFALLS 43)', async () => {
  const real = await openDatabase(join(await temporaryDir(), 'chain'))
  const isShown = Promise.withResolvers<void>()
  const gate = Promise.withResolvers<void>()
  let isHeld = false
  const database: Database = {
    get: (key) => real.get(key),
    snapshot: () => real.snapshot(),
    entries: (range, max) => real.entries(range, max),
    scan: (range, max) => real.scan(range, max),
    compact: (range) => real.compact(range),
    close: () => real.close(),
    async write(operations, sync) {
      await real.write(operations, sync)
      if (!isHeld) return
      isShown.resolve()
      await gate.promise
    },
  }
  const store = await createChainStore(database, GENESIS_HASH, LIMITS)
  await store.initialise(GENESIS_BLOCK, GENESIS_STATE, GENESIS_PEAKS)
  const [first] = chainOf(1)
  if (first === undefined) throw new Error('a record')
  isHeld = true
  const commit = store.commit([first], certificateOf(first))
  await isShown.promise
  const bornAt1 = hashOfText('born at 1')
  expect(real.get(valueKey(bornAt1))).toBeDefined()
  expect(store.head()?.height).toBe(0)
  expect(store.state().get(bornAt1)).toBeUndefined()
  expect(store.state().node('1')).toBeUndefined()
  expect(store.blockById(first.block.id)).toBeUndefined()
  expect(store.transactionAt(first.transactionIds[0] ?? bornAt1)).toBeUndefined()
  gate.resolve()
  await commit
  expect(store.head()?.height).toBe(1)
  expect(heightOf(store.state().get(bornAt1))).toBe(1)
  expect(heightOf(store.state().node('1'))).toBe(1)
  expect(store.blockById(first.block.id)).toBeDefined()
  await store.close()
})

it('after a failed commit every read stays at the height before, and nothing more is written', async () => {
  const real = await openDatabase(join(await temporaryDir(), 'chain'))
  let isFailing = false
  const database: Database = {
    get: (key) => real.get(key),
    snapshot: () => real.snapshot(),
    entries: (range, max) => real.entries(range, max),
    scan: (range, max) => real.scan(range, max),
    compact: (range) => real.compact(range),
    close: () => real.close(),
    async write(operations, sync) {
      // The worst case: it reached LevelDB, and only the sync failed.
      await real.write(operations, sync)
      if (isFailing) throw new NodeError('storage-write-failed', 'the database could not be written')
    },
  }
  const store = await createChainStore(database, GENESIS_HASH, LIMITS)
  await store.initialise(GENESIS_BLOCK, GENESIS_STATE, GENESIS_PEAKS)
  const [first, second] = chainOf(2)
  if (first === undefined || second === undefined) throw new Error('two records')
  await store.commit([first], certificateOf(first))
  isFailing = true
  for (let attempt = 0; attempt < 2; attempt++) {
    await expect(store.commit([second], certificateOf(second))).rejects.toMatchObject({ code: 'storage-write-failed' })
    expect(store.head()?.height).toBe(1)
    expect(heightOf(store.state().get(hashOfText('alice')))).toBe(1)
    expect(store.state().get(hashOfText('born at 2'))).toBeUndefined()
    expect(store.blockById(second.block.id)).toBeUndefined()
  }
  expect(store.state().node('2')).toBeUndefined()
  await store.close()
})
