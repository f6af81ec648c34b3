// The one place classic-level enters: opens it, reads it synchronously, writes batches one after another.
// Knows bytes only. After a failed write it writes nothing more: LevelDB's state is then unknown until it is opened again.
// Each value carries a checksum of its key and itself, for LevelDB does not check what it reads (PITFALLS.md, row 35).
// Source: MEASURED.md section 5 (getSync is 4-6 times as fast as get; a synced batch costs about 110 us).

import { mkdir, readdir } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { ClassicLevel } from 'classic-level'
import { assert } from '../../crypto/assert.ts'
import { equalBytes } from '../../crypto/bytes.ts'
import { codeOf, NodeError } from '../fault.ts'
import { describeKey, type KeyRange, META_KEY } from './keys.ts'
import { checkTables, recordTables, type TableSums } from './table-sums.ts'

export type WriteOp =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

export interface DatabaseReader {
  get(key: Uint8Array): Uint8Array | undefined
}

export interface DatabaseSnapshot extends DatabaseReader {
  /** As those of the database. */
  entries(range: KeyRange, max: number): Promise<[Uint8Array, Uint8Array][]>
  close(): Promise<void>
}

/** What the chain store stands on; node/storage/memory-store.ts has another one, for simulation. */
export interface Database extends DatabaseReader {
  /** Sees nothing that is written after this call. */
  snapshot(): DatabaseSnapshot
  /** At most `max` entries, ascending by key. @throws NodeError storage-damaged naming the key whose value does not check */
  entries(range: KeyRange, max: number): Promise<[Uint8Array, Uint8Array][]>
  /** The same, with undefined for a value that does not check: for whoever wants to name all the damage there is. */
  scan(range: KeyRange, max: number): Promise<[Uint8Array, Uint8Array | undefined][]>
  /** Atomic. Batches take effect in call order; with `sync` it resolves when this and all before it are durable. */
  write(operations: readonly WriteOp[], sync: boolean): Promise<void>
  /** Rewrites what the range takes on the disk: what was overwritten or deleted gives its room back. */
  compact(range: KeyRange): Promise<void>
  close(): Promise<void>
}

/** Batches waiting or under way. The driver waits for each of its few kinds of write, so this is never reached honestly. */
export const WRITES_PENDING_MAX = 256
const CACHE_BYTES = 16 * 1024 * 1024
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024

type Level = ClassicLevel<Uint8Array, Uint8Array>

/** Batches after which new tables get their checksums, beside the writes. */
const RECORDED_EVERY = 512

/**
 * @param tables `unchecked` for whoever wants what can still be read of a damaged database: it records no checksums either
 * @throws NodeError data-dir-locked, storage-unavailable or storage-damaged (a table's checksum, LevelDB's own checks)
 */
export async function openDatabase(path: string, tables: 'checked' | 'unchecked' = 'checked'): Promise<Database> {
  const sums = tables === 'checked' ? await checkTables(path) : undefined
  const level: Level = new ClassicLevel(path, {
    // LevelDB makes a new database over the files of one whose CURRENT is gone, and deletes them.
    createIfMissing: !(await hasFiles(path)),
    keyEncoding: 'view',
    valueEncoding: 'view',
    cacheSize: CACHE_BYTES,
    writeBufferSize: WRITE_BUFFER_BYTES,
  })
  try {
    await mkdir(path, { recursive: true })
    await level.open()
  } catch (error) {
    throw openingFault(path, error)
  }
  const database = new LevelDatabase(level, path, sums)
  void database.recordTables()
  return database
}

/** Whether there is anything a database leaves behind, were it only its log. */
async function hasFiles(path: string): Promise<boolean> {
  const names = await readdir(path).catch(() => [])
  return names.some((name) => /^(MANIFEST-|CURRENT$)|\.(ldb|log|sst)$/.test(name))
}

function openingFault(path: string, error: unknown): NodeError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const detail = detailOf(cause)
  switch (codeOf(cause)) {
    case 'LEVEL_LOCKED':
      return new NodeError('data-dir-locked', `the database ${path} is open in another process`, cause)
    case 'LEVEL_CORRUPTION':
      return new NodeError('storage-damaged', `the database ${path} is damaged: ${detail}`, cause)
    default:
      if (isDamage(detail)) return new NodeError('storage-damaged', `the database ${path} is damaged: ${detail}`, cause)
      return new NodeError('storage-unavailable', `the database ${path} cannot be opened: ${detail}`, cause)
  }
}

/** LevelDB reports a file that is gone, short or no file as an I/O error, as it does a disk that does not answer. */
function isDamage(detail: string): boolean {
  return /does not exist|No such file|Is a directory|Invalid argument/.test(detail)
}

class LevelDatabase implements Database {
  readonly #level: Level
  readonly #path: string
  #tail: Promise<void> = Promise.resolve()
  #pending = 0
  #failure: NodeError | undefined
  #batches = 0
  /** Undefined: none are kept. */
  #sums: TableSums | undefined
  #recording: Promise<void> = Promise.resolve()

  constructor(level: Level, path: string, sums: TableSums | undefined) {
    this.#level = level
    this.#path = path
    this.#sums = sums
  }

  /** A failure only means that less is vouched for. */
  recordTables(): Promise<void> {
    this.#recording = this.#recording.then(async () => {
      if (this.#sums === undefined) return
      this.#sums = await recordTables(this.#path, this.#sums).catch(() => this.#sums)
    })
    return this.#recording
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return opened(
      key,
      reading(() => this.#level.getSync(key)),
    )
  }

  snapshot(): DatabaseSnapshot {
    const snapshot = this.#level.snapshot()
    const level = this.#level
    return {
      get: (key) =>
        opened(
          key,
          reading(() => level.getSync(key, { snapshot })),
        ),
      entries: async (range, max) => {
        const read = level.iterator({ gte: range.from, lt: range.to, limit: max, snapshot }).all()
        const entries = await read.catch((error: unknown) => Promise.reject(readFault(error)))
        return entries.map(([key, sealed]) => [key, opened(key, sealed)])
      },
      close: () => snapshot.close(),
    }
  }

  async entries(range: KeyRange, max: number): Promise<[Uint8Array, Uint8Array][]> {
    const entries = await this.#read(range, max)
    return entries.map(([key, sealed]) => [key, opened(key, sealed)])
  }

  async scan(range: KeyRange, max: number): Promise<[Uint8Array, Uint8Array | undefined][]> {
    const entries = await this.#read(range, max)
    return entries.map(([key, sealed]) => [key, unsealed(key, sealed)])
  }

  async #read(range: KeyRange, max: number): Promise<[Uint8Array, Uint8Array][]> {
    try {
      return await this.#level.iterator({ gte: range.from, lt: range.to, limit: max }).all()
    } catch (error) {
      throw readFault(error)
    }
  }

  write(operations: readonly WriteOp[], sync: boolean): Promise<void> {
    assert(this.#pending < WRITES_PENDING_MAX, 'writers wait for their batches')
    this.#pending += 1
    const write = this.#tail.then(() => this.#writeNow(operations, sync))
    this.#tail = write.then(
      () => {},
      () => {},
    )
    return write
  }

  async #writeNow(operations: readonly WriteOp[], sync: boolean): Promise<void> {
    try {
      if (this.#failure !== undefined) throw this.#failure
      await this.#level.batch(operations.map(sealing), { sync })
      this.#batches += 1
      if (this.#batches % RECORDED_EVERY === 0) void this.recordTables()
    } catch (error) {
      this.#failure ??= writeFault(error)
      throw this.#failure
    } finally {
      this.#pending -= 1
    }
  }

  async compact(range: KeyRange): Promise<void> {
    try {
      await this.#level.compactRange(range.from, range.to)
    } catch (error) {
      throw writeFault(error)
    }
  }

  async close(): Promise<void> {
    await this.#tail
    await this.#level.close()
    await this.recordTables()
  }
}

const CHECKSUM_BYTES = 4

/** The record that tells the layout stands as it is: a version that seals otherwise has to read it too. */
function isPlain(key: Uint8Array): boolean {
  return equalBytes(key, META_KEY)
}

function sealing(operation: WriteOp): WriteOp {
  if (operation.type === 'del' || isPlain(operation.key)) return operation
  const { key, value } = operation
  const sealed = Buffer.allocUnsafe(value.length + CHECKSUM_BYTES)
  sealed.set(value)
  sealed.writeUInt32BE(crc32(value, crc32(key)), value.length)
  return { type: 'put', key, value: sealed }
}

/** The value, or undefined when it is not the one that was written under this key. */
function unsealed(key: Uint8Array, sealed: Uint8Array): Uint8Array | undefined {
  if (isPlain(key)) return sealed
  const length = sealed.length - CHECKSUM_BYTES
  if (length < 0) return undefined
  const value = sealed.subarray(0, length)
  const stated = new DataView(sealed.buffer, sealed.byteOffset + length, CHECKSUM_BYTES).getUint32(0)
  return crc32(value, crc32(key)) === stated ? value : undefined
}

function opened(key: Uint8Array, sealed: Uint8Array): Uint8Array
function opened(key: Uint8Array, sealed: Uint8Array | undefined): Uint8Array | undefined
function opened(key: Uint8Array, sealed: Uint8Array | undefined): Uint8Array | undefined {
  if (sealed === undefined) return undefined
  const value = unsealed(key, sealed)
  if (value !== undefined) return value
  throw new NodeError(
    'storage-damaged',
    `the chain database is damaged: the value of ${describeKey(key)} is not what was written`,
  )
}

function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw readFault(error)
  }
}

function detailOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** A compaction that meets damage fails the writes after it. */
function writeFault(error: unknown): NodeError {
  const detail = detailOf(error)
  if (codeOf(error) !== 'LEVEL_CORRUPTION' && !isDamage(detail)) {
    return new NodeError('storage-write-failed', `the database could not be written: ${detail}`, error)
  }
  return new NodeError('storage-damaged', `the chain database is damaged, it takes no writes: ${detail}`, error)
}

function readFault(error: unknown): NodeError {
  const detail = detailOf(error)
  const isDamaged = codeOf(error) === 'LEVEL_CORRUPTION' || isDamage(detail)
  const code = isDamaged ? 'storage-damaged' : 'storage-unavailable'
  return new NodeError(code, `the database could not be read: ${detail}`, error)
}
