// A node's disk: the memory stores' own, with a time for every sync. A crash keeps, tears or loses what was not synced.

import type { WriteOp } from '../../../node/storage/database.ts'
import { MemoryDisk } from '../../../node/storage/memory-store.ts'
import type { SlotIndex } from '../../../node/storage/slot-files.ts'
import type { EventQueue } from '../event-queue.ts'
import type { Random } from '../random.ts'

export interface DiskFaults {
  /** How long a sync takes. */
  readonly syncMs: readonly [least: number, most: number]
  /** Some syncs stall by up to this. */
  readonly stallPerMille: number
  readonly stallMsMax: number
}

export const QUICK_DISK: DiskFaults = { syncMs: [1, 2], stallPerMille: 0, stallMsMax: 0 }

export class SimulatedDisk extends MemoryDisk {
  readonly #queue: EventQueue
  readonly #random: Random
  readonly #onSynced: () => void
  faults: DiskFaults = QUICK_DISK
  /** What a crash leaves of what was not synced. */
  remains: 'lost' | 'torn' | 'kept' | 'any' = 'any'
  /** What was asked for so far: crash points count these. */
  writes = 0
  onWrite: () => void = () => {}
  readonly #due = { batches: false, slots: false }

  constructor(queue: EventQueue, random: Random, onSynced: () => void) {
    super()
    this.#queue = queue
    this.#random = random
    this.#onSynced = onSynced
    this.isHeld = true
  }

  override writeBatch(operations: readonly WriteOp[], sync: boolean): Promise<void> {
    const written = super.writeBatch(operations, sync)
    if (sync) this.#syncLater('batches')
    return written
  }

  override writeSlot(slot: SlotIndex, bytes: Uint8Array): Promise<void> {
    const written = super.writeSlot(slot, bytes)
    this.#syncLater('slots')
    return written
  }

  /** The power goes: of what was not synced something may remain. */
  lose(): void {
    const random = this.#random
    this.#due.batches = false
    this.#due.slots = false
    const all = this.unsynced
    switch (this.remains) {
      case 'lost':
        return this.crash()
      case 'torn':
        return this.crash({ batches: all >> 1, slotBytes: random.between(1, 400) })
      case 'kept':
        return this.crash({ batches: all, slotBytes: Number.MAX_SAFE_INTEGER })
      case 'any':
        return this.crash({
          batches: random.chance(500) ? 0 : random.between(0, all),
          slotBytes: random.chance(300) ? Number.MAX_SAFE_INTEGER : random.chance(500) ? 0 : random.between(1, 400),
        })
      default:
        return this.remains satisfies never
    }
  }

  #syncLater(part: 'batches' | 'slots'): void {
    this.writes += 1
    this.onWrite()
    if (this.#due[part]) return
    this.#due[part] = true
    const { life } = this
    const { syncMs, stallPerMille, stallMsMax } = this.faults
    const stall = this.#random.chance(stallPerMille) ? this.#random.between(0, stallMsMax) : 0
    this.#queue.after(this.#random.between(...syncMs) + stall, () => {
      if (this.life !== life) return
      this.#due[part] = false
      this.sync(part)
      this.#onSynced()
    })
  }
}
