// Committed state as the ledger reads it: hot values and tree nodes from memory, the rest from the database.
// Written through on commit and never ahead of it: what it answers is always the state of one committed height.

import type { StateReader, StateWrites } from '../../ledger/application.ts'
import { BoundedCache } from './bounded-cache.ts'
import type { DatabaseReader } from './database.ts'
import { nodeKey, valueKey } from './keys.ts'

/** About 300 bytes each. */
export const CACHED_VALUES_MAX = 200_000
/** Tree nodes are pages of up to about 1.5 KiB, 200 bytes on average. */
export const CACHED_NODES_MAX = 100_000

const ABSENT = 'absent'
type Cached = Uint8Array | typeof ABSENT

export class StateCache implements StateReader {
  readonly #values: BoundedCache<Cached>
  readonly #nodes: BoundedCache<Cached>
  #source: DatabaseReader

  constructor(source: DatabaseReader, valuesMax = CACHED_VALUES_MAX, nodesMax = CACHED_NODES_MAX) {
    this.#source = source
    this.#values = new BoundedCache(valuesMax)
    this.#nodes = new BoundedCache(nodesMax)
  }

  get(key: string): Uint8Array | undefined {
    return this.#read(this.#values, key, valueKey)
  }

  node(path: string): Uint8Array | undefined {
    return this.#read(this.#nodes, path, nodeKey)
  }

  #read(cache: BoundedCache<Cached>, key: string, toKey: (key: string) => Uint8Array): Uint8Array | undefined {
    const cached = cache.get(key)
    if (cached !== undefined) return cached === ABSENT ? undefined : cached
    const stored = this.#source.get(toKey(key))
    cache.set(key, stored ?? ABSENT)
    return stored
  }

  /** From now on misses are read from here: a snapshot while a commit is being written, the database before and after. */
  readFrom(source: DatabaseReader): void {
    this.#source = source
  }

  /** What a commit that is now durable changed. */
  apply(writes: StateWrites): void {
    for (const [key, value] of writes.values) this.#values.set(key, value ?? ABSENT)
    for (const [path, node] of writes.nodes) this.#nodes.set(path, node ?? ABSENT)
  }

  get entries(): { readonly values: number; readonly nodes: number } {
    return { values: this.#values.size, nodes: this.#nodes.size }
  }
}
