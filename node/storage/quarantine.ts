// A damaged database is moved aside, whole and never deleted, and an empty one takes its place that knows of it: where its
// blocks are, and the safety mirror and uncommitted blocks that could still be read. Every step survives a kill: until the
// last rename the damaged database is the one a start finds, or there is none and the prepared one is put in its place.

import { mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { GenesisHash } from '../../consensus/types.ts'
import { assert } from '../../crypto/assert.ts'
import { codeOf, NodeError } from '../fault.ts'
import { encodeMeta } from './block-record.ts'
import { type Database, openDatabase, type WriteOp } from './database.ts'
import { META_KEY, REPAIR_KEY, SAFETY_MIRROR_KEY, STORAGE_FORMAT, UNCOMMITTED_RANGE } from './keys.ts'
import { lockDataDir } from './lock.ts'

export const CHAIN_DIR = 'chain'
const PREPARED_DIR = 'chain.new'
export const QUARANTINE_DIR = 'quarantine'
/** A repair that is itself damaged has the database before it as well; older ones are left alone. */
export const SOURCES_MAX = 4
/** Of a damaged database; an intact one has fewer (chain-check.ts). */
const SALVAGED_MAX = 2_048

/** What a database says of the ones it replaced. */
export interface Repair {
  /** Folders of the quarantine whose blocks are still to be replayed, newest first; none when that is done. */
  readonly sources: readonly string[]
}

export function encodeRepair(repair: Repair): Uint8Array {
  return Buffer.from(JSON.stringify(repair))
}

/** Undefined when the bytes are not one. */
export function decodeRepair(bytes: Uint8Array): Repair | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(Buffer.from(bytes).toString())
  } catch {
    return undefined
  }
  if (typeof parsed !== 'object' || parsed === null || !('sources' in parsed)) return undefined
  const { sources } = parsed
  if (!Array.isArray(sources) || sources.length > SOURCES_MAX) return undefined
  // A folder's name and nothing else: it becomes part of a path.
  return sources.every((name) => typeof name === 'string' && /^[0-9TZ.-]+$/.test(name)) ? { sources } : undefined
}

/** Where the blocks of a quarantined database are. */
export function sourcePath(dir: string, folder: string): string {
  return join(dir, QUARANTINE_DIR, folder, CHAIN_DIR)
}

/** Ends a quarantine that a kill interrupted. Call before opening the database. */
export async function completeQuarantine(dir: string): Promise<void> {
  if (!(await exists(join(dir, PREPARED_DIR)))) return
  // With the damaged database still there, its damage will be found again, and this one be prepared anew.
  if (await exists(join(dir, CHAIN_DIR))) return
  await rename(join(dir, PREPARED_DIR), join(dir, CHAIN_DIR))
  await syncDir(dir)
}

/**
 * Moves the database of `dir` aside. The caller has found the damage and closed it.
 * @param why goes into a file beside it
 * @returns the folder in the quarantine
 * @throws NodeError data-dir-locked when another process has it open or repairs it; storage-unavailable
 */
export async function quarantineDatabase(
  dir: string,
  genesisHash: GenesisHash,
  why: string,
  nowMs: number,
): Promise<string> {
  const quarantine = join(dir, QUARANTINE_DIR)
  await mkdir(quarantine, { recursive: true })
  // While one process moves it, no lock on the database itself can hold: it is closed.
  const lock = await lockDataDir(quarantine, () => openDatabase(join(quarantine, 'lock')))
  try {
    const folder = new Date(nowMs).toISOString().replaceAll(':', '-')
    const place = join(quarantine, folder)
    const salvaged = await salvage(join(dir, CHAIN_DIR))
    await prepare(join(dir, PREPARED_DIR), genesisHash, salvaged, folder)
    await mkdir(place)
    await writeFile(join(place, 'why.txt'), `${why}\n`)
    await rename(join(dir, CHAIN_DIR), join(place, CHAIN_DIR))
    for (const changed of [place, quarantine, dir]) await syncDir(changed)
    await completeQuarantine(dir)
    return folder
  } catch (error) {
    if (error instanceof NodeError) throw error
    const detail = error instanceof Error ? error.message : String(error)
    throw new NodeError('storage-unavailable', `the damaged database could not be moved aside: ${detail}`, error)
  } finally {
    await lock.holder.close()
    await lock.release()
  }
}

interface Salvaged {
  readonly mirror: Uint8Array | undefined
  readonly uncommitted: readonly (readonly [Uint8Array, Uint8Array])[]
  readonly repair: Repair | undefined
}

/** What can still be read of what no peer has. @throws NodeError data-dir-locked */
async function salvage(path: string): Promise<Salvaged> {
  let database: Database
  try {
    database = await openDatabase(path, 'unchecked')
  } catch (error) {
    if (error instanceof NodeError && error.code === 'data-dir-locked') throw error
    return { mirror: undefined, uncommitted: [], repair: undefined }
  }
  try {
    const repair = readable(() => database.get(REPAIR_KEY))
    const tail = await database.scan(UNCOMMITTED_RANGE, SALVAGED_MAX).catch(() => [])
    return {
      mirror: readable(() => database.get(SAFETY_MIRROR_KEY)),
      uncommitted: tail.flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const])),
      repair: repair && decodeRepair(repair),
    }
  } finally {
    await database.close()
  }
}

async function prepare(path: string, genesisHash: GenesisHash, salvaged: Salvaged, folder: string): Promise<void> {
  const { mirror, uncommitted, repair } = salvaged
  const sources = [folder, ...(repair?.sources ?? [])].slice(0, SOURCES_MAX)
  const operations: WriteOp[] = [
    { type: 'put', key: META_KEY, value: encodeMeta(STORAGE_FORMAT, genesisHash) },
    { type: 'put', key: REPAIR_KEY, value: encodeRepair({ sources }) },
    ...uncommitted.map(([key, value]): WriteOp => ({ type: 'put', key, value })),
  ]
  if (mirror !== undefined) operations.push({ type: 'put', key: SAFETY_MIRROR_KEY, value: mirror })
  assert(basename(path) === PREPARED_DIR, 'only what was prepared is prepared anew')
  await rm(path, { recursive: true, force: true })
  const database = await openDatabase(path)
  await database.write(operations, true)
  await database.close()
}

function readable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path)
    return true
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw new NodeError('storage-unavailable', `${path} cannot be read`, error)
  }
}

/** A rename is durable once the directory is. */
async function syncDir(path: string): Promise<void> {
  const handle = await open(path, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
