// A cache of a fixed number of entries in two generations: when the young one fills, it becomes the old one and the old
// one is forgotten, so what is used again stays. Owns no meaning: the caller says what stands for a known absence.

export class BoundedCache<V extends Uint8Array | string | object> {
  readonly #generationMax: number
  #young = new Map<string, V>()
  #old = new Map<string, V>()

  /** @param entriesMax at least 2. */
  constructor(entriesMax: number) {
    this.#generationMax = Math.floor(entriesMax / 2)
  }

  get size(): number {
    return this.#young.size + this.#old.size
  }

  get(key: string): V | undefined {
    const young = this.#young.get(key)
    if (young !== undefined) return young
    const old = this.#old.get(key)
    if (old !== undefined) this.set(key, old)
    return old
  }

  set(key: string, value: V): void {
    this.#old.delete(key)
    this.#young.set(key, value)
    if (this.#young.size < this.#generationMax) return
    this.#old = this.#young
    this.#young = new Map()
  }
}
