// Whether the mempool takes a transaction, and who has to leave for it.
// Decides only; never changes anything, so that a check before the signature and the admission after it are one rule.

import type { DecodedTransaction } from '../ledger/application.ts'
import type { Heap } from './heap.ts'
import type { Entry, Lane } from './lane.ts'
import type { AdmissionRefusal } from './refusal.ts'
import { victims } from './selection.ts'

export interface MempoolLimits {
  readonly countMax: number
  /** Sum of transaction lengths, in bytes. */
  readonly bytesMax: number
  readonly perLaneMax: number
  /** How far a sequence may lie above the one that committed state expects. */
  readonly nonceGapMax: number
  readonly transactionBytesMax: number
}

/** A replacement pays at least this much more, rounded up, and at least one base unit more. */
const REPLACEMENT_PERCENT = 10n

/** What a decision depends on. */
export interface Occupancy {
  readonly limits: MempoolLimits
  readonly count: number
  readonly bytes: number
  /** Committed height. */
  readonly height: number
  /** The transaction's lane, if anything of it is pending. */
  readonly lane: Lane | undefined
  readonly eviction: Heap<Lane>
}

export interface Refused {
  readonly ok: false
  readonly refusal: AdmissionRefusal
}

/** What an admission takes: the entry whose place it takes, and those that leave for want of room. */
export interface Plan {
  readonly ok: true
  /** It is pending already: nothing to do. */
  readonly existing?: Entry
  readonly replaced?: Entry
  readonly evicted: readonly Entry[]
}

/** @param nextSequence what committed state expects of the lane */
export function planAdmission(
  transaction: DecodedTransaction,
  nextSequence: bigint,
  { lane, ...occupancy }: Occupancy,
): Refused | Plan {
  const { sequence, validUntil } = transaction
  const { height, limits } = occupancy
  const got = transaction.bytes.length
  if (got > limits.transactionBytesMax) {
    return refused({ kind: 'transaction-too-large', max: limits.transactionBytesMax, got })
  }
  if (validUntil <= height) return refused({ kind: 'expired', validUntil, height })
  // The caller's state may be a commit ahead of the mempool's, or behind it after waiting for the signature.
  const expected = lane !== undefined && lane.next > nextSequence ? lane.next : nextSequence
  if (sequence < expected) return refused({ kind: 'nonce-too-low', expected, got: sequence })
  if (sequence > expected + BigInt(limits.nonceGapMax)) {
    return refused({ kind: 'nonce-too-high', expected, got: sequence })
  }
  if (lane === undefined) return makeRoom({ transaction, isReady: sequence === expected }, undefined, occupancy)

  const taken = lane.find(sequence)
  const isReady = lane.isReady(sequence) || sequence === lane.next + BigInt(lane.readyCount)
  if (taken !== undefined) {
    const feeNeeded = replacementFee(taken.transaction.priority)
    if (taken.included || transaction.priority < feeNeeded) {
      return refused({ kind: 'nonce-taken', conflictingId: taken.transaction.id, feeNeeded })
    }
    return makeRoom({ transaction, isReady, replaced: taken }, lane, occupancy)
  }
  if (lane.size < limits.perLaneMax) return makeRoom({ transaction, isReady }, lane, occupancy)
  // A full lane still takes what closes its gap, at the cost of its own tail: else it could be stuck until it expires.
  const tail = lane.tail
  if (tail === undefined || tail.included || tail.transaction.sequence < sequence) {
    return refused({ kind: 'account-limit', max: limits.perLaneMax })
  }
  return makeRoom({ transaction, isReady, displaced: tail }, lane, occupancy)
}

interface Newcomer {
  readonly transaction: DecodedTransaction
  readonly isReady: boolean
  /** The pending one with its sequence. */
  readonly replaced?: Entry
  /** The tail of its own full lane. */
  readonly displaced?: Entry
}

/** Chooses who leaves so that both bounds hold: never one worth as much as the newcomer, never one that it stands behind. */
function makeRoom(newcomer: Newcomer, lane: Lane | undefined, occupancy: Omit<Occupancy, 'lane'>): Refused | Plan {
  const { transaction, isReady, replaced, displaced } = newcomer
  const { limits } = occupancy
  const leaving = replaced ?? displaced
  const evicted = displaced === undefined ? [] : [displaced]
  const plan: Plan = replaced ? { ok: true, replaced, evicted } : { ok: true, evicted }
  let overCount = occupancy.count + (leaving ? 0 : 1) - limits.countMax
  let overBytes = occupancy.bytes + transaction.bytes.length - limits.bytesMax
  overBytes -= leaving?.transaction.bytes.length ?? 0
  if (overCount <= 0 && overBytes <= 0) return plan

  const before = lane?.at(lane.position(transaction.sequence) - 1)
  const floor = before !== undefined && before.floor < transaction.priority ? before.floor : transaction.priority
  for (const victim of victims(occupancy.eviction)) {
    if (victim.entry === displaced) continue
    if (victim.lane === lane && victim.entry.transaction.sequence <= transaction.sequence) continue
    evicted.push(victim.entry)
    overCount -= 1
    overBytes -= victim.entry.transaction.bytes.length
    if (overCount > 0 || overBytes > 0) continue
    // They come cheapest first, so the last is the dearest.
    const isWorthMore = victim.isReady === isReady ? floor > victim.entry.floor : isReady
    return isWorthMore ? plan : refused({ kind: 'mempool-full', feeNeeded: victim.entry.floor + 1n })
  }
  return refused({ kind: 'mempool-full', feeNeeded: transaction.priority + 1n })
}

function replacementFee(fee: bigint): bigint {
  const bump = (fee * REPLACEMENT_PERCENT + 99n) / 100n
  return fee + (bump > 1n ? bump : 1n)
}

function refused(refusal: AdmissionRefusal): Refused {
  return { ok: false, refusal }
}
