// The stores on a disk in memory, for simulation and tests: the same store code over a disk whose unsynced writes a crash
// can drop or tear. What the real disk promises is all it keeps; promises resolve where fsync would return.
// Never used by a running node.

import type { GenesisHash } from '../../consensus/types.ts'
import type { WireLimits } from '../../consensus/wire.ts'
import { createChainStore, type OpenedChainStore } from './chain-store.ts'
import type { Database, DatabaseSnapshot, WriteOp } from './database.ts'
import { HEAD_KEY, type KeyRange } from './keys.ts'
import { DatabaseRestoreStore, type OpenedRestoreStore, type RestoreSite } from './restore-store.ts'
import { openFirstSafetyStore, type SafetyMirror, type SafetyOpening } from './safety-store.ts'
import type { SlotFiles, SlotIndex } from './slot-files.ts'

/** How much of what was not synced a crash leaves. */
export interface CrashRemains {
  /** Oldest unsynced batches that survive, as a log's prefix would; default 0. */
  readonly batches?: number
  /** Bytes of an unsynced slot write that replaced the old ones; default 0. */
  readonly slotBytes?: number
}

interface UnsyncedBatch {
  /** What stood before, newest last. */
  readonly undo: (readonly [string, Uint8Array | undefined])[]
  readonly settle: () => void
}

interface UnsyncedSlot {
  readonly slot: SlotIndex
  readonly bytes: Uint8Array
  readonly settle: () => void
}

/** One node's disk. It outlives the stores opened on it. */
export class MemoryDisk {
  /** While true, synced writes wait for `sync()`; otherwise they are durable at once. */
  isHeld = false
  /** Rises with each crash: stores opened before it are dead. */
  life = 0
  readonly records = new Map<string, Uint8Array>()
  readonly slots: (Uint8Array | undefined)[] = [undefined, undefined]
  readonly snapshots = new Set<Map<string, Uint8Array | undefined>>()
  #batches: UnsyncedBatch[] = []
  #slotWrites: UnsyncedSlot[] = []

  /** Writes a crash could still drop. */
  get unsynced(): number {
    return this.#batches.length + this.#slotWrites.length
  }

  /** What was written so far, to the log or to the slot files or both, is durable; whoever waited for that goes on. */
  sync(part?: 'batches' | 'slots'): void {
    if (part !== 'slots') this.#syncBatches()
    if (part !== 'batches') this.#syncSlots()
  }

  /** The process is killed with the power: waiting promises never settle. Open new stores afterwards. */
  crash(remains: CrashRemains = {}): void {
    this.life += 1
    this.snapshots.clear()
    for (const { undo } of this.#batches.splice(remains.batches ?? 0).reverse()) {
      for (const [key, value] of undo.reverse()) this.#put(key, value)
    }
    for (const { slot, bytes } of this.#slotWrites) {
      this.slots[slot] = overwritten(this.slots[slot], bytes, Math.min(remains.slotBytes ?? 0, bytes.length))
    }
    this.#batches = []
    this.#slotWrites = []
  }

  /** Nothing is on it any more. */
  format(): void {
    this.records.clear()
    this.#syncBatches()
  }

  /** Another disk's records take the place of these, durably. */
  replaceBy(other: MemoryDisk): void {
    this.format()
    for (const [key, value] of other.records) this.records.set(key, value)
    other.format()
  }

  /** Visible at once, durable when the promise of this or a later synced batch resolves. */
  writeBatch(operations: readonly WriteOp[], sync: boolean): Promise<void> {
    const undo: [string, Uint8Array | undefined][] = []
    for (const operation of operations) {
      const key = textOf(operation.key)
      const before = this.records.get(key)
      undo.push([key, before])
      for (const snapshot of this.snapshots) if (!snapshot.has(key)) snapshot.set(key, before)
      this.#put(key, operation.type === 'put' ? new Uint8Array(operation.value) : undefined)
    }
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#batches.push({ undo, settle: sync ? resolve : () => {} })
    if (!sync) resolve()
    else if (!this.isHeld) this.#syncBatches()
    return promise
  }

  writeSlot(slot: SlotIndex, bytes: Uint8Array): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#slotWrites.push({ slot, bytes: new Uint8Array(bytes), settle: resolve })
    if (!this.isHeld) this.#syncSlots()
    return promise
  }

  #syncBatches(): void {
    const batches = this.#batches
    this.#batches = []
    for (const { settle } of batches) settle()
  }

  #syncSlots(): void {
    const writes = this.#slotWrites
    this.#slotWrites = []
    for (const { slot, bytes, settle } of writes) {
      this.slots[slot] = overwritten(this.slots[slot], bytes, bytes.length)
      settle()
    }
  }

  #put(key: string, value: Uint8Array | undefined): void {
    if (value === undefined) this.records.delete(key)
    else this.records.set(key, value)
  }
}

/** `before` with the first `count` of `bytes` written over its beginning. */
function overwritten(before: Uint8Array | undefined, bytes: Uint8Array, count: number): Uint8Array | undefined {
  if (before === undefined && count < bytes.length) return undefined
  const after = new Uint8Array(Math.max(before?.length ?? 0, count))
  if (before !== undefined) after.set(before)
  after.set(bytes.subarray(0, count))
  return after
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1')
}

/** What a dead process waits for. */
function never(): Promise<void> {
  return new Promise(() => {})
}

function memoryDatabase(disk: MemoryDisk): Database {
  const { life } = disk
  const entries = async (range: KeyRange, max: number): Promise<[Uint8Array, Uint8Array][]> => {
    const [from, to] = [textOf(range.from), textOf(range.to)]
    const keys = [...disk.records.keys()].filter((key) => key >= from && key < to).sort()
    return keys.slice(0, max).map((key) => [Buffer.from(key, 'latin1'), disk.records.get(key) ?? new Uint8Array()])
  }
  return {
    entries,
    scan: entries,
    get: (key) => disk.records.get(textOf(key)),
    snapshot(): DatabaseSnapshot {
      const before = new Map<string, Uint8Array | undefined>()
      disk.snapshots.add(before)
      return {
        get(key) {
          const text = textOf(key)
          return before.has(text) ? before.get(text) : disk.records.get(text)
        },
        async entries(range, max) {
          const [from, to] = [textOf(range.from), textOf(range.to)]
          const found: [Uint8Array, Uint8Array][] = []
          const keys = new Set([...disk.records.keys(), ...before.keys()].filter((key) => key >= from && key < to))
          for (const key of [...keys].sort()) {
            const value = before.has(key) ? before.get(key) : disk.records.get(key)
            if (value !== undefined && found.length < max) found.push([Buffer.from(key, 'latin1'), value])
          }
          return found
        },
        async close() {
          disk.snapshots.delete(before)
        },
      }
    },
    write: (operations, sync) => (disk.life === life ? disk.writeBatch(operations, sync) : never()),
    async compact() {},
    async close() {},
  }
}

function memorySlotFiles(disk: MemoryDisk): SlotFiles {
  const { life } = disk
  const write = (slot: SlotIndex, bytes: Uint8Array): Promise<void> =>
    disk.life === life ? disk.writeSlot(slot, bytes) : never()
  return {
    read: async (slot) => disk.slots[slot],
    create: write,
    write,
    async close() {},
  }
}

export function createMemoryChainStore(
  genesisHash: GenesisHash,
  limits: WireLimits,
  disk: MemoryDisk = new MemoryDisk(),
): Promise<OpenedChainStore> {
  return createChainStore(memoryDatabase(disk), genesisHash, limits)
}

/** @param disk of its own: `adoptMemoryRestored` puts a whole chain in its place */
export function createMemoryRestoreStore(
  genesisHash: GenesisHash,
  mirrored: () => Uint8Array | undefined,
  disk: MemoryDisk,
): OpenedRestoreStore {
  const site: RestoreSite = {
    opened: async () => (disk.records.size === 0 ? undefined : memoryDatabase(disk)),
    async emptied() {
      disk.format()
      return memoryDatabase(disk)
    },
  }
  return new DatabaseRestoreStore(site, genesisHash, mirrored)
}

/** Like restore-store.ts: before the chain is opened. */
export function adoptMemoryRestored(disk: MemoryDisk, restored: MemoryDisk): boolean {
  if (!restored.records.has(textOf(HEAD_KEY))) return false
  disk.replaceBy(restored)
  return true
}

/** A disk without one is that of a key that never signed. @param mirror that of the chain store on the same disk */
export function createMemorySafetyStore(
  genesisHash: GenesisHash,
  mirror: SafetyMirror,
  limits: WireLimits,
  disk: MemoryDisk = new MemoryDisk(),
): Promise<SafetyOpening> {
  return openFirstSafetyStore('', genesisHash, mirror, limits, memorySlotFiles(disk))
}
