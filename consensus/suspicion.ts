// Which leaders this node expects nothing of: local memory that shortens its waits and turns its votes, nothing else.
// Safety does not rest on it, so it is neither saved nor told to anybody; a wrong suspicion costs time, never agreement.
// Source: DESIGN.md section 3, "Suspicion"; docs/VIEWCHANGE.md for what it saves.

import type { CoreState } from './state.ts'
import type { View } from './types.ts'

/** A TC ended the view: its leader is suspected from now on. */
export function suspectLeaderOf({ config, suspects }: CoreState, view: View): void {
  suspects.set(config.validators.leader(view), view)
}

/** A QC for a block of the leader, no older than what it is suspected for, clears it; what somebody still carries from before does not. */
export function clearLeaderOf({ config, suspects }: CoreState, view: View): void {
  const leader = config.validators.leader(view)
  const since = suspects.get(leader)
  if (since !== undefined && since <= view) suspects.delete(leader)
}

/** One view in so many forgets suspicion. */
const PAROLE_VIEWS = 16

/**
 * Whether to expect nothing of a view's leader. Not while the suspects' power is a witness's: one of them is honest then, so it is
 * the network that is slow and not they. And not in every view, or an honest leader with views as long as the network's hop
 * could never prove itself (docs/adr/0006).
 */
export function isSuspected({ config, suspects }: Pick<CoreState, 'config' | 'suspects'>, view: View): boolean {
  const { validators } = config
  return (
    suspects.has(validators.leader(view)) && validators.powerOf(suspects.keys()) < validators.witness && !isParole(view)
  )
}

/** The same views on every node, and in step with no schedule of leaders: the low bits of a mixed view number. */
function isParole(view: View): boolean {
  const once = Math.imul(view ^ (view >>> 16), 0x85ebca6b)
  const twice = Math.imul(once ^ (once >>> 13), 0xc2b2ae35)
  return (twice ^ (twice >>> 16)) % PAROLE_VIEWS === 0
}
