// Transactions that wait for a block: admission, bounds, what is executable and in which order a leader takes it.
// Every transaction taken ends in exactly one way: committed, or returned to the caller as removed, with a reason.
// Deterministic, without clock or I/O. Never checks a signature or a balance: the caller does, between `check` and `add`.

import { assert } from '../crypto/assert.ts'
import type { Hash } from '../crypto/bytes.ts'
import type { DecodedTransaction } from '../ledger/application.ts'
import { type MempoolLimits, type Plan, planAdmission, type Refused } from './admission.ts'
import { Expiry } from './expiry.ts'
import { Heap } from './heap.ts'
import { type Entry, Lane } from './lane.ts'
import { evictsBefore, select, selectsBefore } from './selection.ts'

export type { MempoolLimits, Refused }

export const MEMPOOL_DEFAULTS = {
  countMax: 50_000,
  bytesMax: 64 * 1024 * 1024,
  perLaneMax: 1_024,
  nonceGapMax: 1_024,
} as const

/** Marks of uncommitted blocks, whose transactions need not be pending here: this many times the count bound. */
const INCLUDED_FACTOR_MAX = 4

export type Queue = 'ready' | 'queued'

/** A pending transaction that left without being committed. The fields state and reason are the API's. */
export interface Removed {
  readonly transaction: DecodedTransaction
  readonly state: 'dropped' | 'replaced' | 'expired'
  readonly reason: string
}

/** Not refused: verify the signature and add it, unless it is a duplicate, which is pending and verified already. */
export type CheckResult = Refused | { readonly ok: true; readonly duplicate: boolean }
export type AddResult =
  | Refused
  | { readonly ok: true; readonly duplicate: boolean; readonly queue: Queue; readonly removed: readonly Removed[] }

export interface PendingTransaction {
  readonly transaction: DecodedTransaction
  readonly queue: Queue
  /** In an uncommitted block. */
  readonly included: boolean
}

export interface CommittedTransactions {
  readonly ids: readonly Hash[]
  /** The next sequence of every lane that the blocks moved. */
  readonly lanes: ReadonlyMap<string, bigint>
}

export interface MempoolCounts {
  readonly count: number
  readonly bytes: number
  /** Executable one after the other on committed state; the rest wait for a gap in their lane to close. */
  readonly ready: number
  readonly queued: number
  /** Ready and in no uncommitted block. */
  readonly executable: number
  /** With something pending. */
  readonly lanes: number
  readonly countMax: number
  readonly bytesMax: number
}

export class Mempool {
  readonly #limits: MempoolLimits
  readonly #entries = new Map<Hash, Entry>()
  readonly #lanes = new Map<string, Lane>()
  readonly #selection = new Heap<Lane>(selectsBefore, (lane, at) => {
    lane.selectionAt = at
  })
  readonly #eviction = new Heap<Lane>(evictsBefore, (lane, at) => {
    lane.evictionAt = at
  })
  readonly #expiry = new Expiry()
  readonly #included = new Set<Hash>()
  #bytes = 0
  #ready = 0
  #executable = 0
  #arrivals = 0
  #version = 0

  constructor(limits: MempoolLimits) {
    this.#limits = limits
  }

  lookup(id: Hash): PendingTransaction | undefined {
    const entry = this.#entries.get(id)
    return entry && { transaction: entry.transaction, queue: this.#queueOf(entry), included: entry.included }
  }

  /**
   * Everything that can be refused before the signature is looked at.
   * @param nextSequence what committed state expects of the lane
   */
  check(transaction: DecodedTransaction, nextSequence: bigint): CheckResult {
    const plan = this.#plan(transaction, nextSequence)
    return plan.ok ? { ok: true, duplicate: plan.existing !== undefined } : plan
  }

  /** Call with a verified signature only. Checks again: the mempool may have changed while the signature was verified. */
  add(transaction: DecodedTransaction, nextSequence: bigint): AddResult {
    const plan = this.#plan(transaction, nextSequence)
    if (!plan.ok) return plan
    if (plan.existing) return { ok: true, duplicate: true, queue: this.#queueOf(plan.existing), removed: [] }
    const entry = this.#insert(transaction, nextSequence, plan.replaced)
    const removed: Removed[] = []
    if (plan.replaced) {
      removed.push({ transaction: plan.replaced.transaction, state: 'replaced', reason: `by ${transaction.id}` })
    }
    for (const victim of plan.evicted) {
      this.#take(victim)
      removed.push({ transaction: victim.transaction, state: 'dropped', reason: 'made room for a higher fee' })
    }
    return { ok: true, duplicate: false, queue: this.#queueOf(entry), removed }
  }

  /**
   * Call once per commit, in order, and once at start with nothing and the committed height.
   * @returns those that can no longer commit: their nonce is used or their last height is reached
   */
  onCommit(committed: CommittedTransactions, height: number): Removed[] {
    const ids = new Set(committed.ids)
    const nexts = new Map(committed.lanes)
    for (const id of ids) {
      this.#included.delete(id)
      const transaction = this.#entries.get(id)?.transaction
      if (transaction === undefined) continue
      const next = transaction.sequence + 1n
      if ((nexts.get(transaction.lane) ?? 0n) < next) nexts.set(transaction.lane, next)
    }
    const removed: Removed[] = []
    for (const [name, next] of nexts) {
      const lane = this.#lanes.get(name)
      if (lane === undefined || next <= lane.next) continue
      for (const entry of this.#change(lane, () => lane.advance(next))) {
        this.#forget(entry)
        const { transaction } = entry
        if (ids.has(transaction.id)) continue
        removed.push({ transaction, state: 'replaced', reason: 'another transaction with its nonce committed' })
      }
    }
    for (const entry of this.#expiry.advance(height)) {
      this.#take(entry)
      removed.push({ transaction: entry.transaction, state: 'expired', reason: `not committed by height ${height}` })
    }
    return removed
  }

  /** Takes out what cannot execute although it is ready, as building a block shows. Those behind it in its lane stay, queued. */
  drop(ids: Iterable<Hash>, reason: string): Removed[] {
    const removed: Removed[] = []
    for (const id of ids) {
      const entry = this.#entries.get(id)
      if (entry === undefined) continue
      this.#take(entry)
      removed.push({ transaction: entry.transaction, state: 'dropped', reason })
    }
    return removed
  }

  /**
   * The transactions of an uncommitted block on the current chain: no work for another block, not replaced and not evicted.
   * Ids not pending are remembered for when they arrive. When the chain changes: unmark the old branch, then mark the new.
   */
  markIncluded(ids: Iterable<Hash>): void {
    const room = INCLUDED_FACTOR_MAX * this.#limits.countMax
    const marked: Hash[] = []
    for (const id of ids) {
      if (this.#included.size >= room) break
      this.#included.add(id)
      marked.push(id)
    }
    this.#setIncluded(marked, true)
  }

  /** The block left the current chain without being committed. */
  unmarkIncluded(ids: Iterable<Hash>): void {
    const marked = [...ids]
    for (const id of marked) this.#included.delete(id)
    this.#setIncluded(marked, false)
  }

  /** Work, as the pacemaker means it (DESIGN.md section 3, "Idle"): something a block on the current chain could execute. */
  hasExecutable(): boolean {
    return this.#executable > 0
  }

  /**
   * Lazily, by fee across lanes and in sequence order within one; equal fees in order of arrival. Take what you need before
   * the mempool changes.
   * @param exclude whether an uncommitted ancestor has it
   * @param laneStart the next sequence of a lane in the parent's state
   */
  candidates(exclude: (id: Hash) => boolean, laneStart: (lane: string) => bigint): Iterable<DecodedTransaction> {
    const version = this.#version
    return select(this.#selection, exclude, (lane) => {
      assert(version === this.#version, 'the mempool does not change during a selection')
      return laneStart(lane)
    })
  }

  /** The first sequence of a lane at or above the committed one that is not pending. */
  nextSequence(name: string, committedNext: bigint): bigint {
    const lane = this.#lanes.get(name)
    let next = committedNext
    if (lane === undefined) return next
    if (lane.isReady(next)) next = lane.next + BigInt(lane.readyCount)
    while (lane.find(next) !== undefined) next++
    return next
  }

  info(): MempoolCounts {
    const { countMax, bytesMax } = this.#limits
    const count = this.#entries.size
    const ready = this.#ready
    return {
      count,
      bytes: this.#bytes,
      ready,
      queued: count - ready,
      executable: this.#executable,
      lanes: this.#lanes.size,
      countMax,
      bytesMax,
    }
  }

  #queueOf(entry: Entry): Queue {
    const { lane, sequence } = entry.transaction
    return this.#lanes.get(lane)?.isReady(sequence) === true ? 'ready' : 'queued'
  }

  #plan(transaction: DecodedTransaction, nextSequence: bigint): Refused | Plan {
    const existing = this.#entries.get(transaction.id)
    if (existing !== undefined) return { ok: true, existing, evicted: [] }
    return planAdmission(transaction, nextSequence, {
      limits: this.#limits,
      count: this.#entries.size,
      bytes: this.#bytes,
      height: this.#expiry.height,
      lane: this.#lanes.get(transaction.lane),
      eviction: this.#eviction,
    })
  }

  #insert(transaction: DecodedTransaction, nextSequence: bigint, replaced: Entry | undefined): Entry {
    let lane = this.#lanes.get(transaction.lane)
    if (lane === undefined) {
      lane = new Lane(transaction.lane, nextSequence)
      this.#lanes.set(lane.name, lane)
    }
    const entry: Entry = {
      transaction,
      arrival: this.#arrivals++,
      floor: transaction.priority,
      included: this.#included.has(transaction.id),
    }
    if (replaced !== undefined) this.#forget(replaced)
    const target = lane
    this.#change(target, () => target.put(entry))
    this.#entries.set(transaction.id, entry)
    this.#bytes += transaction.bytes.length
    this.#expiry.add(entry)
    return entry
  }

  #take(entry: Entry): void {
    const lane = this.#lanes.get(entry.transaction.lane)
    assert(lane !== undefined, 'a pending transaction has a lane')
    this.#change(lane, () => lane.remove(entry))
    this.#forget(entry)
  }

  /** What is kept beside the lane. */
  #forget(entry: Entry): void {
    this.#entries.delete(entry.transaction.id)
    this.#bytes -= entry.transaction.bytes.length
    this.#expiry.remove(entry)
  }

  #setIncluded(ids: readonly Hash[], included: boolean): void {
    const byLane = new Map<string, Entry[]>()
    for (const id of ids) {
      const entry = this.#entries.get(id)
      if (entry === undefined) continue
      const entries = byLane.get(entry.transaction.lane)
      if (entries === undefined) byLane.set(entry.transaction.lane, [entry])
      else entries.push(entry)
    }
    for (const [name, entries] of byLane) {
      const lane = this.#lanes.get(name)
      assert(lane !== undefined, 'a pending transaction has a lane')
      this.#change(lane, () => {
        for (const entry of entries) lane.setIncluded(entry, included)
      })
    }
  }

  /** The only way a lane changes: keeps the totals, both heaps and the map of lanes in step with it. */
  #change<T>(lane: Lane, mutate: () => T): T {
    this.#version++
    this.#ready -= lane.readyCount
    this.#executable -= lane.readyCount - lane.openAt
    const result = mutate()
    this.#ready += lane.readyCount
    this.#executable += lane.readyCount - lane.openAt
    keepIn(this.#selection, lane, lane.selectionAt, lane.readyCount > 0)
    keepIn(this.#eviction, lane, lane.evictionAt, lane.size > 0)
    if (lane.size === 0) this.#lanes.delete(lane.name)
    return result
  }
}

export function createMempool(limits: MempoolLimits): Mempool {
  return new Mempool(limits)
}

function keepIn(heap: Heap<Lane>, lane: Lane, at: number, belongs: boolean): void {
  if (at >= 0) {
    if (belongs) heap.fix(at)
    else heap.removeAt(at)
  } else if (belongs) heap.push(lane)
}
