// The next range of a held state: as much as one may hold, with its proof.

import type { Hash } from '../../crypto/bytes.ts'
import { proveRange, RANGE_ENTRIES_MAX, rangeLength, type StateRange } from '../../ledger/state-range.ts'
import type { HeldState } from '../ports.ts'

/** From `from` on; it ends at `wanted`, or where it is full. */
export async function cutRange(state: HeldState, from: Hash, wanted: Hash): Promise<StateRange> {
  const found = await state.entries(from, wanted, RANGE_ENTRIES_MAX + 1)
  const length = rangeLength(found)
  const entries = found.slice(0, length)
  const to = length === found.length ? wanted : (entries.at(-1)?.key ?? wanted)
  return { from, to, entries, steps: proveRange(state, from, to) }
}
