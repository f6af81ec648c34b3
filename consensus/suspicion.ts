// Which leaders this node expects nothing of: local memory that shortens its waits and turns its votes, nothing else.
// Safety does not rest on it, so it is neither saved nor told to anybody; a wrong suspicion costs time, never agreement.
// Source: DESIGN.md section 3, "Suspicion"; docs/VIEWCHANGE.md for what it saves.

import type { CoreState } from './state.ts'
import type { ValidatorIndex, View } from './types.ts'

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

/**
 * Not while the suspects' power is a witness's: one of them is honest then, so it is the network that is slow and not they, and
 * shortened timers would keep it so (docs/adr/0006).
 */
export function isSuspect(
  { config, suspects }: Pick<CoreState, 'config' | 'suspects'>,
  leader: ValidatorIndex,
): boolean {
  return suspects.has(leader) && config.validators.powerOf(suspects.keys()) < config.validators.witness
}
