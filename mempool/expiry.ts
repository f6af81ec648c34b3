// Which pending transactions reach their last height, found without a look at the others.
// Owns the index by height; never removes anything from the mempool itself.

import type { Entry } from './lane.ts'

export class Expiry {
  readonly #byValidUntil = new Map<number, Set<Entry>>()
  #height = 0

  /** Committed height: what is valid until then can no longer commit. */
  get height(): number {
    return this.#height
  }

  add(entry: Entry): void {
    const { validUntil } = entry.transaction
    const entries = this.#byValidUntil.get(validUntil)
    if (entries === undefined) this.#byValidUntil.set(validUntil, new Set([entry]))
    else entries.add(entry)
  }

  remove(entry: Entry): void {
    const { validUntil } = entry.transaction
    const entries = this.#byValidUntil.get(validUntil)
    entries?.delete(entry)
    if (entries?.size === 0) this.#byValidUntil.delete(validUntil)
  }

  /** Moves to a committed height; returns the entries that are past their last one, for the caller to remove. Never moves back. */
  advance(height: number): Entry[] {
    const from = this.#height + 1
    if (height < from) return []
    this.#height = height
    const expired: Entry[] = []
    // One height at a time as a rule; after a long sync it is cheaper to look at every bucket.
    if (height - from > this.#byValidUntil.size) {
      for (const [validUntil, entries] of this.#byValidUntil) if (validUntil <= height) expired.push(...entries)
    } else {
      for (let at = from; at <= height; at++) expired.push(...(this.#byValidUntil.get(at) ?? []))
    }
    return expired
  }
}
