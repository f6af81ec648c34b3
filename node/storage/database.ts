// The one place classic-level enters: opens it, reads it synchronously, writes batches one after another.
// Knows bytes only. After a failed write it writes nothing more: LevelDB's state is then unknown until it is opened again.
// Source: MEASURED.md section 5 (getSync is 4-6 times as fast as get; a synced batch costs about 110 us).

import { mkdir } from 'node:fs/promises'
import { ClassicLevel } from 'classic-level'
import { assert } from '../../crypto/assert.ts'
import { codeOf, NodeError } from '../fault.ts'
import type { KeyRange } from './keys.ts'

export type WriteOp =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

export interface DatabaseReader {
  get(key: Uint8Array): Uint8Array | undefined
}

export interface DatabaseSnapshot extends DatabaseReader {
  close(): Promise<void>
}

/** What the chain store stands on; node/storage/memory-store.ts has another one, for simulation. */
export interface Database extends DatabaseReader {
  /** Sees nothing that is written after this call. */
  snapshot(): DatabaseSnapshot
  /** At most `max` entries, ascending by key. */
  entries(range: KeyRange, max: number): Promise<[Uint8Array, Uint8Array][]>
  /** Atomic. Batches take effect in call order; with `sync` it resolves when this and all before it are durable. */
  write(operations: readonly WriteOp[], sync: boolean): Promise<void>
  close(): Promise<void>
}

/** Batches waiting or under way. The driver waits for each of its few kinds of write, so this is never reached honestly. */
export const WRITES_PENDING_MAX = 256
const CACHE_BYTES = 16 * 1024 * 1024
const WRITE_BUFFER_BYTES = 8 * 1024 * 1024

type Level = ClassicLevel<Uint8Array, Uint8Array>

/** @throws NodeError data-dir-locked, storage-unavailable or storage-damaged (LevelDB's own checks at opening). */
export async function openDatabase(path: string): Promise<Database> {
  const level: Level = new ClassicLevel(path, {
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
  return new LevelDatabase(level)
}

function openingFault(path: string, error: unknown): NodeError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
  const detail = cause instanceof Error ? cause.message : String(cause)
  switch (codeOf(cause)) {
    case 'LEVEL_LOCKED':
      return new NodeError('data-dir-locked', `the database ${path} is open in another process`, cause)
    case 'LEVEL_CORRUPTION':
      return new NodeError('storage-damaged', `the database ${path} is damaged: ${detail}`, cause)
    default:
      return new NodeError('storage-unavailable', `the database ${path} cannot be opened: ${detail}`, cause)
  }
}

class LevelDatabase implements Database {
  readonly #level: Level
  #tail: Promise<void> = Promise.resolve()
  #pending = 0
  #failure: NodeError | undefined

  constructor(level: Level) {
    this.#level = level
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return reading(() => this.#level.getSync(key))
  }

  snapshot(): DatabaseSnapshot {
    const snapshot = this.#level.snapshot()
    const level = this.#level
    return {
      get: (key) => reading(() => level.getSync(key, { snapshot })),
      close: () => snapshot.close(),
    }
  }

  async entries(range: KeyRange, max: number): Promise<[Uint8Array, Uint8Array][]> {
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
      await this.#level.batch([...operations], { sync })
    } catch (error) {
      this.#failure ??= new NodeError('storage-write-failed', 'the database could not be written', error)
      throw this.#failure
    } finally {
      this.#pending -= 1
    }
  }

  async close(): Promise<void> {
    await this.#tail
    await this.#level.close()
  }
}

function reading<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw readFault(error)
  }
}

function readFault(error: unknown): NodeError {
  const detail = error instanceof Error ? error.message : String(error)
  const code = codeOf(error) === 'LEVEL_CORRUPTION' ? 'storage-damaged' : 'storage-unavailable'
  return new NodeError(code, `the database could not be read: ${detail}`, error)
}
