// Public keys already parsed and checked, by their bytes: a validator's key recurs in every certificate.
// Owns a bounded map; holds valid keys only, so that garbage cannot push them out. Never parses anything itself.

import { toHex } from './bytes.ts'

/** Far above any validator set; 4,096 parsed keys are about a megabyte. */
export const BLS_KEY_CACHE_MAX = 4096

export class BlsKeyCache<Key> {
  readonly #keys = new Map<string, Key>()
  readonly #parse: (bytes: Uint8Array) => Key | undefined

  /** `parse` gives undefined for bytes that are not a valid public key. */
  constructor(parse: (bytes: Uint8Array) => Key | undefined) {
    this.#parse = parse
  }

  get size(): number {
    return this.#keys.size
  }

  get(bytes: Uint8Array): Key | undefined {
    const hex = toHex(bytes)
    const known = this.#keys.get(hex)
    if (known !== undefined) return known
    const key = this.#parse(bytes)
    if (key === undefined) return undefined
    if (this.#keys.size >= BLS_KEY_CACHE_MAX) {
      // First in, first out: a key that is still in use comes back at the cost of one parse.
      const oldest = this.#keys.keys().next()
      if (!oldest.done) this.#keys.delete(oldest.value)
    }
    this.#keys.set(hex, key)
    return key
  }

  /** All the keys, or undefined when one is not valid or there are none. */
  getAll(list: readonly Uint8Array[]): Key[] | undefined {
    const keys: Key[] = []
    for (const bytes of list) {
      const key = this.get(bytes)
      if (key === undefined) return undefined
      keys.push(key)
    }
    return keys.length === 0 ? undefined : keys
  }
}
