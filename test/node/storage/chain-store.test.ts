import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { BlockId, GenesisHash, Height } from '../../../consensus/types.ts'
import { stateRoot } from '../../../ledger/state-tree.ts'
import { NodeError } from '../../../node/fault.ts'
import { decodeHead, encodeHead, encodeStoredBlock } from '../../../node/storage/block-record.ts'
import { openChainStore } from '../../../node/storage/chain-store.ts'
import { type Database, openDatabase } from '../../../node/storage/database.ts'
import {
  blockHeightKey,
  blockKey,
  HEAD_KEY,
  META_KEY,
  nodeKey,
  SAFETY_MIRROR_KEY,
  UNCOMMITTED_RANGE,
  uncommittedKey,
} from '../../../node/storage/keys.ts'
import { openFirstSafetyStore } from '../../../node/storage/safety-store.ts'
import { genesisOf, NETWORK } from '../../genesis/network.ts'
import { chainStoreSuite, type StoreUnderTest } from './chain-store-suite.ts'
import {
  certificateOf,
  chainOf,
  GENESIS_BLOCK,
  GENESIS_HASH,
  GENESIS_PEAKS,
  GENESIS_STATE,
  GENESIS_STORED,
  hashOfText,
  heightOf,
  LIMITS,
  OTHER_GENESIS_HASH,
  recordOn,
} from './fixture.ts'
import { temporaryDir } from './temporary-dir.ts'

async function openIn(dir: string, genesisHash: GenesisHash = GENESIS_HASH): Promise<StoreUnderTest> {
  const store = await openChainStore(dir, genesisHash, LIMITS)
  return {
    store,
    async reopen() {
      await store.close()
      return openIn(dir)
    },
  }
}

chainStoreSuite('the chain store on disk', async () => openIn(await temporaryDir()))

const RECORDS = chainOf(70)
const LAST = RECORDS.at(-1)

/** A closed chain of 70 blocks above genesis. */
async function longChain(): Promise<string> {
  const dir = await temporaryDir()
  const { store } = await openIn(dir)
  await store.initialise(GENESIS_BLOCK, GENESIS_STATE, GENESIS_PEAKS)
  if (LAST === undefined) throw new Error('records')
  await store.commit(RECORDS, certificateOf(LAST))
  await store.close()
  return dir
}

async function tamper(dir: string, change: (database: Database) => Promise<void>): Promise<void> {
  const database = await openDatabase(join(dir, 'chain'))
  await change(database)
  await database.close()
}

const idAt = (height: number): BlockId => RECORDS[height - 1]?.block.id ?? GENESIS_BLOCK.id

describe('opening a damaged chain names the damage (PITFALLS 35)', () => {
  const swap = (database: Database, height: number): Promise<void> => {
    const other = RECORDS[height]
    if (other === undefined) throw new Error('a record')
    return database.write([{ type: 'put', key: blockKey(height), value: encodeStoredBlock(other) }], true)
  }
  const put = (database: Database, key: Uint8Array, value: Uint8Array): Promise<void> =>
    database.write([{ type: 'put', key, value }], true)
  const del = (database: Database, key: Uint8Array): Promise<void> => database.write([{ type: 'del', key }], true)

  it.each<{ what: string; message: RegExp; change: (database: Database) => Promise<void> }>([
    { what: 'the head is gone', message: /no head/, change: (db) => del(db, HEAD_KEY) },
    {
      what: 'the head does not decode',
      message: /the head does not decode/,
      change: (db) => put(db, HEAD_KEY, Uint8Array.of(1)),
    },
    { what: 'the head block is gone', message: /height 70 is missing/, change: (db) => del(db, blockKey(70)) },
    { what: 'block 0 is gone', message: /begins at height 1/, change: (db) => del(db, blockKey(0)) },
    {
      what: 'block 0 does not decode',
      message: /first block does not decode/,
      change: (db) => put(db, blockKey(0), Uint8Array.of(1)),
    },
    {
      what: 'every block is gone',
      message: /head block, height 70, is missing/,
      change: (db) =>
        db.write(
          Array.from({ length: 71 }, (_, i) => ({ type: 'del', key: blockKey(i) })),
          true,
        ),
    },
    { what: 'a block in the middle is gone', message: /height 40 is missing/, change: (db) => del(db, blockKey(40)) },
    {
      what: 'a block does not decode',
      message: /height 41 does not decode/,
      change: (db) => put(db, blockKey(41), Uint8Array.of(1)),
    },
    { what: 'a block of another height is in its place', message: /height 42 says 43/, change: (db) => swap(db, 42) },
    {
      what: 'an index entry is gone',
      message: /index does not lead to block .* height 50/,
      change: (db) => del(db, blockHeightKey(idAt(50))),
    },
    {
      what: 'the head is older than the blocks: a lost batch',
      message: /blocks above the head, height 69/,
      async change(db) {
        const head = decodeHead(db.get(HEAD_KEY) ?? new Uint8Array(), LIMITS)
        if (!head.ok) throw new Error(head.detail)
        await put(db, HEAD_KEY, encodeHead({ ...head.value, height: 69 as Height, blockId: idAt(69) }))
      },
    },
    {
      what: 'the head names another block',
      message: /the head names block/,
      async change(db) {
        const head = decodeHead(db.get(HEAD_KEY) ?? new Uint8Array(), LIMITS)
        if (!head.ok) throw new Error(head.detail)
        await put(db, HEAD_KEY, encodeHead({ ...head.value, blockId: idAt(69) }))
      },
    },
    {
      what: 'the certificate is of another block',
      message: /certificate does not commit the head/,
      async change(db) {
        const head = decodeHead(db.get(HEAD_KEY) ?? new Uint8Array(), LIMITS)
        const other = RECORDS[3]
        if (!head.ok || other === undefined) throw new Error('head')
        await put(db, HEAD_KEY, encodeHead({ ...head.value, certificate: certificateOf(other) }))
      },
    },
    {
      what: 'roots that the child does not confirm',
      message: /block 61 does not confirm the roots stored at height 60/,
      async change(db) {
        const record = RECORDS[59]
        if (record === undefined) throw new Error('a record')
        await put(db, blockKey(60), encodeStoredBlock({ ...record, stateRoot: hashOfText('wrong') }))
      },
    },
    {
      what: 'another block of the same height and roots is in its place',
      message: /block 61 does not follow the block stored at height 60/,
      async change(db) {
        const [parent, record] = [RECORDS[58], RECORDS[59]]
        if (parent === undefined || record === undefined) throw new Error('two records')
        const { block } = recordOn(parent, 'another')
        await put(db, blockKey(60), encodeStoredBlock({ ...record, block }))
        await put(db, blockHeightKey(block.id), db.get(blockHeightKey(record.block.id)) ?? new Uint8Array())
      },
    },
    {
      what: 'the root node is gone',
      message: /root node is not that of height 70/,
      change: (db) => del(db, nodeKey('')),
    },
    {
      what: 'the root node is an older one',
      message: /root node is not that of height 70/,
      change: (db) => put(db, nodeKey(''), Uint8Array.of(0)),
    },
    {
      what: 'it does not say which chain it is of',
      message: /which chain they are of/,
      change: (db) => del(db, META_KEY),
    },
    {
      what: 'an uncommitted block does not decode',
      message: /an uncommitted block does not decode/,
      change: (db) => put(db, uncommittedKey(hashOfText('x') as BlockId), Uint8Array.of(1)),
    },
  ])('$what', async ({ message, change }) => {
    const dir = await longChain()
    await tamper(dir, change)
    const error = await openChainStore(dir, GENESIS_HASH, LIMITS).then(
      () => undefined,
      (fault: unknown) => fault,
    )
    expect(error).toBeInstanceOf(NodeError)
    expect(error).toMatchObject({ code: 'storage-damaged', message: expect.stringMatching(message) })
    // The fault releases the lock: the next start is not told that the directory is in use.
    await expect(openChainStore(dir, GENESIS_HASH, LIMITS)).rejects.toMatchObject({ code: 'storage-damaged' })
  })

  it('reports damage further down when it is read', async () => {
    const dir = await longChain()
    await tamper(dir, (database) => put(database, blockKey(2), Uint8Array.of(1)))
    const { store } = await openIn(dir)
    expect(() => store.blockAt(2 as Height)).toThrow(NodeError)
    await store.close()
  })

  it('opens what is not damaged', async () => {
    const { store } = await openIn(await longChain())
    expect(store.head()?.height).toBe(70)
    await store.close()
  })
})

describe('a database of something else is refused', () => {
  it('of another genesis file', async () => {
    const dir = await longChain()
    const opening = openChainStore(dir, OTHER_GENESIS_HASH, LIMITS)
    await expect(opening).rejects.toMatchObject({
      code: 'storage-other-chain',
      message: expect.stringContaining(GENESIS_HASH),
    })
  })

  it('of a later format, even when its record is longer', async () => {
    const dir = await longChain()
    await tamper(dir, (database) =>
      database.write([{ type: 'put', key: META_KEY, value: new Uint8Array(40).fill(2) }], true),
    )
    await expect(openChainStore(dir, GENESIS_HASH, LIMITS)).rejects.toMatchObject({ code: 'storage-format' })
  })

  it('a path that cannot be a directory', async () => {
    const dir = await temporaryDir()
    await writeFile(join(dir, 'file'), '')
    const opening = openChainStore(join(dir, 'file', 'inside'), GENESIS_HASH, LIMITS)
    await expect(opening).rejects.toMatchObject({ code: 'storage-unavailable' })
  })

  it('a truncated manifest', async () => {
    const dir = await longChain()
    const chain = join(dir, 'chain')
    const manifest = (await readdir(chain)).find((name) => name.startsWith('MANIFEST'))
    const path = join(chain, manifest ?? '')
    await writeFile(path, (await readFile(path)).subarray(0, 10))
    await expect(openChainStore(dir, GENESIS_HASH, LIMITS)).rejects.toMatchObject({
      code: expect.stringMatching(/^storage-/),
    })
  })
})

it('a flip anywhere in the log of the database leaves a consistent prefix or is refused, never a chain with holes', async () => {
  // PITFALLS 35: LevelDB drops what does not check and opens. Its log has blocks of 32 KiB: what follows a lost one stays.
  const source = await temporaryDir()
  const { store } = await openIn(source)
  await store.initialise(GENESIS_BLOCK, GENESIS_STATE, GENESIS_PEAKS)
  for (const record of RECORDS) await store.commit([record], certificateOf(record))
  await store.close()
  const files = await Promise.all(
    (await readdir(join(source, 'chain'))).map(async (name) => ({
      name,
      bytes: await readFile(join(source, 'chain', name)),
    })),
  )
  const log = files.find(({ name }) => name.endsWith('.log'))
  if (log === undefined) throw new Error('LevelDB has a log')
  const outcomes = { refused: 0, opened: 0 }
  for (let i = 0; i < 24; i++) {
    const dir = join(source, `flipped-${i}`, 'chain')
    await openDatabase(dir).then((database) => database.close())
    for (const name of await readdir(dir)) await writeFile(join(dir, name), '')
    const flipped = Buffer.from(log.bytes)
    const at = Math.floor((i * log.bytes.length) / 24)
    flipped[at] = (flipped[at] ?? 0) ^ 0x10
    for (const { name, bytes } of files) await writeFile(join(dir, name), name === log.name ? flipped : bytes)
    const opening = await openChainStore(join(dir, '..'), GENESIS_HASH, LIMITS).catch((error: unknown) => error)
    if (opening instanceof NodeError) {
      outcomes.refused += 1
      continue
    }
    if (opening instanceof Error || typeof opening !== 'object' || opening === null || !('head' in opening))
      throw opening
    const reopened = await openConsistent(opening as Awaited<ReturnType<typeof openChainStore>>)
    expect(reopened).toBeLessThanOrEqual(70)
    outcomes.opened += 1
  }
  expect(outcomes.refused).toBeGreaterThan(0)
  expect(outcomes.opened).toBeGreaterThan(0)
}, 60_000)

/** Checks every record of a store against its head, closes it and gives the head's height. */
async function openConsistent(store: Awaited<ReturnType<typeof openChainStore>>): Promise<number> {
  const height = store.head()?.height ?? -1
  const parents = chainOf(Math.max(0, height))
  for (const [i, record] of parents.entries()) {
    expect(store.blockAt((i + 1) as Height)?.block.id).toBe(record.block.id)
    expect(store.transactionAt(record.transactionIds[1] ?? hashOfText(''))).toEqual({ height: i + 1, index: 1 })
  }
  expect(heightOf(store.state().get(hashOfText('alice')))).toBe(height)
  if (height >= 0) expect(heightOf(store.state().node(''))).toBe(height)
  if (height >= 1) expect(heightOf(store.state().get(hashOfText(`born at ${height}`)))).toBe(height)
  await store.close()
  return height
}

const LOOP = fileURLToPath(new URL('./commit-loop.ts', import.meta.url))

/** Starts the loop and kills it with SIGKILL after `lines` reports; gives the last height and view reported. */
async function killAfter(dir: string, lines: number): Promise<{ height: number; view: number }> {
  const child: ChildProcess = spawn(process.execPath, [LOOP, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = once(child, 'exit')
  let seen = 0
  let last = { height: 0, view: 0 }
  if (child.stdout === null) throw new Error('a pipe')
  for await (const line of createInterface({ input: child.stdout })) {
    const [height, view] = line.split(' ').map(Number)
    last = { height: height ?? 0, view: view ?? 0 }
    seen += 1
    if (seen === lines) child.kill('SIGKILL')
  }
  await exited
  return last
}

it('kill -9 in a loop of commits leaves what was reported, whole, and never blocks the next start', async () => {
  const dir = await temporaryDir()
  for (const lines of [1, 7, 20, 3]) {
    const reported = await killAfter(dir, lines)
    expect(reported.height).toBeGreaterThan(0)
    const { store } = await openIn(dir)
    const opening = await openFirstSafetyStore(dir, GENESIS_HASH, store.mirror, LIMITS)
    expect(store.head()?.height).toBeGreaterThanOrEqual(reported.height)
    if (opening.kind !== 'ok') throw new Error(opening.reason)
    expect(opening.safety?.lastVotedView).toBeGreaterThanOrEqual(reported.view)
    await opening.store.close()
    await openConsistent(store)
  }
}, 60_000)

it('block 0 of a real genesis file is there again after a reopening', async () => {
  const genesis = await genesisOf(NETWORK.genesisText)
  const dir = await temporaryDir()
  const store = await openChainStore(dir, genesis.genesisHash, LIMITS)
  await store.initialise(genesis.block, genesis.state, [genesis.block.id])
  await store.close()
  const again = await openChainStore(dir, genesis.genesisHash, LIMITS)
  expect(again.head()).toMatchObject({ height: genesis.initialHeight, blockId: genesis.block.id })
  expect(stateRoot(again.state())).toBe(genesis.state.stateRoot)
  await again.close()
})

it('a commit takes the blocks it overtakes off the disk', async () => {
  const dir = await temporaryDir()
  const { store } = await openIn(dir)
  await store.initialise(GENESIS_BLOCK, GENESIS_STATE, GENESIS_PEAKS)
  const [first] = RECORDS
  if (first === undefined) throw new Error('a record')
  await store.saveBlock(first.block)
  await store.saveBlock(recordOn(GENESIS_STORED, 'sibling').block)
  await store.commit([first], certificateOf(first))
  await store.close()
  await tamper(dir, async (database) => expect(await database.entries(UNCOMMITTED_RANGE, 9)).toEqual([]))
})

it('the mirror is kept under a key of its own', async () => {
  const dir = await temporaryDir()
  const { store } = await openIn(dir)
  await store.mirror.write(Uint8Array.of(5), true)
  await store.close()
  await tamper(dir, async (database) => expect([...(database.get(SAFETY_MIRROR_KEY) ?? [])]).toEqual([5]))
})
