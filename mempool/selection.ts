// Which pending transactions go into a block first, and which leave a full mempool first.
// Both walk a heap of lanes best first without changing it: a few steps cost a few logarithms, however many lanes there are.
// Owns the two orders; never changes a lane.

import type { Hash } from '../crypto/bytes.ts'
import type { DecodedTransaction } from '../ledger/application.ts'
import { Heap } from './heap.ts'
import type { Entry, Lane } from './lane.ts'

/** A place on the walk: an entry of a lane, and the lane's position in the heap while its children wait behind it. */
interface Step {
  readonly lane: Lane
  readonly entry: Entry
  readonly position: number
  /** -1 once the lane's children are on the frontier. */
  readonly heapAt: number
  /** Whether it is the entry that the walk is to yield, and not only the lane's place in the heap. */
  readonly settled: boolean
  /** Lower goes first, before any price. */
  readonly rank: number
}

const RANK_OPEN = 0
const RANK_ALL_INCLUDED = 1

/** By fee, then by arrival; a lane with nothing but included entries comes last, in case the parent is on another branch. */
export function selectsBefore(a: Lane, b: Lane): boolean {
  if (a.isOpen !== b.isOpen) return a.isOpen
  return a.headPriority === b.headPriority ? a.headArrival < b.headArrival : a.headPriority > b.headPriority
}

function isSelectedBefore(a: Step, b: Step): boolean {
  if (a.rank !== b.rank) return a.rank < b.rank
  const first = a.entry.transaction.priority
  const second = b.entry.transaction.priority
  return first === second ? a.entry.arrival < b.entry.arrival : first > second
}

function selectionStep(lane: Lane, heapAt: number): Step | undefined {
  const entry = lane.head
  const rank = lane.isOpen ? RANK_OPEN : RANK_ALL_INCLUDED
  return entry && { lane, entry, position: 0, heapAt, settled: false, rank }
}

/** The lane's next entry on the parent's state. Asks for the state last: reading it is what costs. */
function startOf(lane: Lane, exclude: (id: Hash) => boolean, laneStart: (lane: string) => bigint): Step | undefined {
  let position = 0
  let entry = lane.at(0)
  while (entry !== undefined && exclude(entry.transaction.id)) entry = lane.at(++position)
  if (entry === undefined) return undefined
  const sequence = laneStart(lane.name)
  return settle(lane, lane.position(sequence), sequence, exclude)
}

function settle(lane: Lane, position: number, sequence: bigint, exclude: (id: Hash) => boolean): Step | undefined {
  const entry = lane.at(position)
  if (entry === undefined || entry.transaction.sequence !== sequence || exclude(entry.transaction.id)) return undefined
  return { lane, entry, position, heapAt: -1, settled: true, rank: RANK_OPEN }
}

/** @param lanes the lanes with something ready, ordered by `selectsBefore`; must not change while this is consumed */
export function* select(
  lanes: Heap<Lane>,
  exclude: (id: Hash) => boolean,
  laneStart: (lane: string) => bigint,
): Generator<DecodedTransaction, void, undefined> {
  const frontier = new Heap(isSelectedBefore)
  pushLane(frontier, lanes, 0, selectionStep)
  for (let step = frontier.pop(); step !== undefined; step = frontier.pop()) {
    if (step.heapAt >= 0) {
      pushLane(frontier, lanes, 2 * step.heapAt + 1, selectionStep)
      pushLane(frontier, lanes, 2 * step.heapAt + 2, selectionStep)
    }
    const due = step.settled ? step : startOf(step.lane, exclude, laneStart)
    if (due === undefined) continue
    if (due.entry !== step.entry) {
      frontier.push(due)
      continue
    }
    yield due.entry.transaction
    const follower = settle(due.lane, due.position + 1, due.entry.transaction.sequence + 1n, exclude)
    if (follower !== undefined) frontier.push(follower)
  }
}

function pushLane(
  frontier: Heap<Step>,
  lanes: Heap<Lane>,
  at: number,
  stepOf: (lane: Lane, heapAt: number) => Step | undefined,
): void {
  const lane = lanes.at(at)
  const step = lane && stepOf(lane, at)
  if (step !== undefined) frontier.push(step)
}

const RANK_QUEUED = 0
const RANK_READY = 1
const RANK_INCLUDED = 2

/** Tails leave first: nothing waits behind them. */
export function evictsBefore(a: Lane, b: Lane): boolean {
  const first = a.tail
  const second = b.tail
  if (first === undefined || second === undefined) return false
  return isEvictedBefore(first, evictionRank(a, a.size - 1, first), second, evictionRank(b, b.size - 1, second))
}

function evictionRank(lane: Lane, position: number, entry: Entry): number {
  if (entry.included) return RANK_INCLUDED
  return position < lane.readyCount ? RANK_READY : RANK_QUEUED
}

// A queued one goes before any ready one: it may never execute, so a high fee costs its sender nothing.
// Floors, not fees: a high fee behind a low one in the same lane waits for the low one, and must not shield it.
function isEvictedBefore(a: Entry, aRank: number, b: Entry, bRank: number): boolean {
  if (aRank !== bRank) return aRank < bRank
  if (a.floor !== b.floor) return a.floor < b.floor
  return a.arrival > b.arrival
}

function evictionStep(lane: Lane, position: number, heapAt: number): Step | undefined {
  const entry = lane.at(position)
  return entry && { lane, entry, position, heapAt, settled: true, rank: evictionRank(lane, position, entry) }
}

export interface Victim {
  readonly lane: Lane
  readonly entry: Entry
  readonly isReady: boolean
}

/** Entries in the order in which they would leave; those in uncommitted blocks never do. Tails before what they follow. */
export function* victims(lanes: Heap<Lane>): Generator<Victim, void, undefined> {
  const stepOf = (lane: Lane, heapAt: number) => evictionStep(lane, lane.size - 1, heapAt)
  const frontier = new Heap<Step>((a, b) => isEvictedBefore(a.entry, a.rank, b.entry, b.rank))
  pushLane(frontier, lanes, 0, stepOf)
  for (let step = frontier.pop(); step !== undefined; step = frontier.pop()) {
    if (step.rank === RANK_INCLUDED) return
    if (step.heapAt >= 0) {
      pushLane(frontier, lanes, 2 * step.heapAt + 1, stepOf)
      pushLane(frontier, lanes, 2 * step.heapAt + 2, stepOf)
    }
    yield { lane: step.lane, entry: step.entry, isReady: step.rank === RANK_READY }
    const before = evictionStep(step.lane, step.position - 1, -1)
    if (before !== undefined) frontier.push(before)
  }
}
