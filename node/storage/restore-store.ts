// A chain that is put together from a snapshot, in a database of its own beside the one that is there: until it is whole,
// nothing of it is ever read as a chain, and what is there stays. At the next start the whole one takes its place.
// Never checks what it is given: node/snapshot has, against a certified root.

import { mkdir, open, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { GenesisHash, QC } from '../../consensus/types.ts'
import { assert } from '../../crypto/assert.ts'
import type { StateReader, StateWrites } from '../../ledger/application.ts'
import { NodeError } from '../fault.ts'
import type { CommitRecord, HeldState, RestoreStore } from '../ports.ts'
import { claimDatabase } from './chain-check.ts'
import { beginningAt } from './chain-store.ts'
import { type Database, openDatabase, type WriteOp } from './database.ts'
import { heldStateOf } from './held-state.ts'
import { HEAD_KEY, nodeKey, RESTORE_BASIS_KEY, RESTORE_KEY, SAFETY_MIRROR_KEY, valueKey } from './keys.ts'
import { StateCache } from './state-cache.ts'

/** Of the restored chain until it takes the place of CHAIN_DIR, and of what was there while it is being removed. */
const RESTORED_DIR = 'chain.restored'
const REPLACED_DIR = 'chain.replaced'
const CHAIN_DIR = 'chain'

export interface OpenedRestoreStore extends RestoreStore {
  /** What was restored, to be read in order. */
  holdState(): HeldState
  close(): Promise<void>
}

/** Where the database of a restore is: a directory, or a simulated disk. */
export interface RestoreSite {
  /** Undefined when no restore was begun. */
  opened(): Promise<Database | undefined>
  /** With nothing in it. The one opened before is closed. */
  emptied(): Promise<Database>
}

/**
 * Beside the chain in `dir`, whose lock the caller has.
 * @param mirrored the safety mirror of the chain that is replaced, if any: it must not be forgotten with it (PITFALLS 37)
 */
export function restoreStoreIn(
  dir: string,
  genesisHash: GenesisHash,
  mirrored: () => Uint8Array | undefined,
): OpenedRestoreStore {
  const path = join(dir, RESTORED_DIR)
  const site: RestoreSite = {
    opened: async () => ((await exists(path)) ? await openDatabase(path) : undefined),
    async emptied() {
      await rm(path, { recursive: true, force: true })
      await mkdir(dir, { recursive: true })
      return await openDatabase(path)
    },
  }
  return new DatabaseRestoreStore(site, genesisHash, mirrored)
}

export class DatabaseRestoreStore implements OpenedRestoreStore {
  readonly #site: RestoreSite
  readonly #genesisHash: GenesisHash
  readonly #mirrored: () => Uint8Array | undefined
  #database: Database | undefined
  #state: StateCache | undefined

  constructor(site: RestoreSite, genesisHash: GenesisHash, mirrored: () => Uint8Array | undefined) {
    this.#site = site
    this.#genesisHash = genesisHash
    this.#mirrored = mirrored
  }

  async begun(): Promise<{ readonly basis: Uint8Array; readonly progress: Uint8Array } | undefined> {
    this.#database ??= await this.#site.opened()
    const basis = this.#database?.get(RESTORE_BASIS_KEY)
    const progress = this.#database?.get(RESTORE_KEY)
    return basis && progress && { basis, progress }
  }

  state(): StateReader {
    this.#state ??= new StateCache(this.#held())
    return this.#state
  }

  async begin(basis: Uint8Array, progress: Uint8Array): Promise<void> {
    await this.#database?.close()
    this.#state = undefined
    this.#database = await this.#site.emptied()
    await claimDatabase(this.#database, this.#genesisHash)
    await this.#database.write([put(RESTORE_BASIS_KEY, basis), put(RESTORE_KEY, progress)], true)
  }

  /** Not synced: a crash loses a suffix of these writes, and the progress with it. */
  async write(writes: StateWrites, progress: Uint8Array): Promise<void> {
    await this.#held().write([...operationsOf(writes), put(RESTORE_KEY, progress)], false)
    this.#state?.apply(writes)
  }

  async finish(record: CommitRecord, certificate: QC): Promise<void> {
    const database = this.#held()
    const operations = beginningAt(record, database.get(nodeKey('')), certificate)
    const mirror = this.#mirrored()
    if (mirror !== undefined) operations.push(put(SAFETY_MIRROR_KEY, mirror))
    for (const key of [RESTORE_BASIS_KEY, RESTORE_KEY]) operations.push({ type: 'del', key })
    await database.write(operations, true)
  }

  holdState(): HeldState {
    return heldStateOf(this.#held().snapshot())
  }

  async close(): Promise<void> {
    await this.#database?.close()
  }

  #held(): Database {
    assert(this.#database !== undefined, 'a restore is begun, or taken up, before it is written')
    return this.#database
  }
}

function put(key: Uint8Array, value: Uint8Array): WriteOp {
  return { type: 'put', key, value }
}

function operationsOf({ values, nodes }: StateWrites): WriteOp[] {
  const operations: WriteOp[] = []
  for (const [key, value] of values) operations.push(writeOf(valueKey(key), value))
  for (const [path, node] of nodes) operations.push(writeOf(nodeKey(path), node))
  return operations
}

function writeOf(key: Uint8Array, value: Uint8Array | undefined): WriteOp {
  return value === undefined ? { type: 'del', key } : put(key, value)
}

/**
 * Puts a restored chain, if there is a whole one, in the place of the chain of this directory; a crash anywhere in between is
 * made good by the next call. Call before the chain is opened.
 * @throws NodeError data-dir-locked when another process has the directory
 */
export async function adoptRestored(dir: string): Promise<boolean> {
  const [chain, restored, replaced] = [CHAIN_DIR, RESTORED_DIR, REPLACED_DIR].map((name) => join(dir, name))
  if (chain === undefined || restored === undefined || replaced === undefined) return false
  if (!(await exists(restored)) || !(await isWhole(restored))) {
    if (await exists(chain)) await rm(replaced, { recursive: true, force: true })
    return false
  }
  if (await exists(chain)) {
    await refuseIfLocked(chain)
    await rm(replaced, { recursive: true, force: true })
    await rename(chain, replaced)
  }
  await rename(restored, chain)
  const handle = await open(dir, 'r')
  await handle.sync().finally(() => handle.close())
  await rm(replaced, { recursive: true, force: true })
  return true
}

/** The lock of the directory is the chain's own. What else is wrong with a chain that is replaced does not matter. */
async function refuseIfLocked(chain: string): Promise<void> {
  try {
    await (await openDatabase(chain)).close()
  } catch (error) {
    if (!(error instanceof NodeError) || error.code === 'data-dir-locked') throw error
  }
}

async function isWhole(path: string): Promise<boolean> {
  const database = await openDatabase(path)
  try {
    return database.get(HEAD_KEY) !== undefined
  } finally {
    await database.close()
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
