// The rules that keep two conflicting blocks from committing, and nothing else: pure functions over the safety state.
// All of safety is on this page. Source: Jolteon (arXiv 2106.10362), Fig. 2, as DESIGN.md section 3 states it.
// Theorem they give: with at most f Byzantine by power, all blocks committed by honest nodes are on one chain.

import { assert } from '../crypto/assert.ts'
import type {
  Block,
  BlockId,
  Proposal,
  QC,
  SafetyState,
  TC,
  UnsignedTimeout,
  UnsignedVote,
  ValidatorIndex,
  View,
} from './types.ts'

/** Why a replica does not vote for a proposal; none of these is a fault by itself. */
export type VoteRefusal =
  | 'not-current-view'
  | 'already-voted'
  | 'timed-out'
  | 'no-entry-proof'
  | 'parent-not-justified'
  | 'time-not-after-parent'
  | 'time-ahead'

/**
 * Vote rules (1) to (4) as far as they concern safety and time; the caller has established that the proposal is the first of
 * its view, that its proposer leads it, that its ancestors are connected and that its payload is valid.
 */
export function voteRefusal(
  proposal: Proposal,
  context: {
    readonly safety: SafetyState
    readonly currentView: View
    readonly parentTimestampMs: number
    readonly nowMs: number
    readonly clockAheadMsMax: number
  },
): VoteRefusal | undefined {
  const { header, justify, tc } = proposal
  const { safety } = context
  // (1) The current view, not voted in, not given up: the last two are what makes QC and TC of one view exclude forks.
  if (header.view !== context.currentView) return 'not-current-view'
  if (header.view <= safety.lastVotedView) return 'already-voted'
  if (header.view <= safety.highestTimeoutView) return 'timed-out'
  // (2) Entered by the QC of the view before, or by its TC with a justify at least as new as any signer of the TC reported.
  if (!hasEntryProof(header.view, justify, tc)) return 'no-entry-proof'
  // (3) The block extends exactly what its justify certifies (PITFALLS 9).
  if (header.parentId !== justify.blockId) return 'parent-not-justified'
  // (4) Time moves forward and is not far ahead of ours (PITFALLS 30).
  if (header.timestampMs <= context.parentTimestampMs) return 'time-not-after-parent'
  if (header.timestampMs > context.nowMs + context.clockAheadMsMax) return 'time-ahead'
  return undefined
}

/** Vote rule (2). A TC beside a justify of the view before would be a second encoding of one block: refused. */
export function hasEntryProof(view: View, justify: QC, tc: TC | undefined): boolean {
  if (tc === undefined) return justify.view + 1 === view
  // PITFALLS 8: the TC binds the justify from below, whatever QC it carries itself.
  return tc.view + 1 === view && justify.view < tc.view && tc.highQcViews.every((reported) => justify.view >= reported)
}

/** The vote, and the safety state that has to be durable before it is signed. Voting raises highQC (Jolteon, "Lock"). */
export function castVote(
  safety: SafetyState,
  block: Block,
  signer: ValidatorIndex,
): { readonly vote: UnsignedVote; readonly safety: SafetyState } {
  const { header, justify } = block.proposal
  const vote: UnsignedVote = {
    epoch: header.epoch,
    view: header.view,
    blockId: block.id,
    parentView: justify.view,
    parentId: header.parentId,
    signer,
  }
  return {
    vote,
    safety: raise(safety, {
      lastVotedView: header.view,
      lastVote: vote,
      lockedView: Math.max(justify.view, safety.lockedView) as View,
      highQC: justify.view > safety.highQC.view ? justify : safety.highQC,
    }),
  }
}

/** Gives up on the current view: at most one timeout a view, and no vote in it afterwards (DESIGN.md, "Timeout"). */
export function castTimeout(
  safety: SafetyState,
  view: View,
  signer: ValidatorIndex,
): { readonly timeout: UnsignedTimeout; readonly safety: SafetyState } {
  assert(view > safety.highestTimeoutView, 'a view is timed out once')
  const { highQC, lastTC, lastVote } = safety
  const entered = highQC.view + 1 === view
  assert(entered || lastTC?.view === view - 1, 'a timeout proves its own view')
  const timeout: UnsignedTimeout = {
    epoch: safety.epoch,
    view,
    highQC,
    ...(entered || lastTC === undefined ? {} : { lastTC }),
    ...(lastVote?.view === view ? { vote: lastVote } : {}),
    signer,
  }
  return { timeout, safety: raise(safety, { highestTimeoutView: view, lastTimeout: timeout }) }
}

/** What a QC commits: its block's parent, when the two were certified in consecutive views (two-chain rule, PITFALLS 7). */
export function committedBy(qc: QC): BlockId | undefined {
  return qc.view > 0 && qc.parentView + 1 === qc.view ? qc.parentId : undefined
}

/** Where a node starts again: never below what it signed (PITFALLS 4). */
export function restartView(safety: SafetyState): View {
  const tcView = safety.lastTC?.view ?? 0
  const view = Math.max(safety.highQC.view, tcView) + 1
  assert(
    view >= safety.lastVotedView && view >= safety.highestTimeoutView,
    'a signature implies the certificate of its view',
  )
  return view as View
}

/** The only way the safety state changes: every number may rise, none may fall. */
export function raise(safety: SafetyState, change: Partial<SafetyState>): SafetyState {
  const next = { ...safety, ...change }
  assert(next.epoch >= safety.epoch, 'the epoch never falls')
  assert(next.lastVotedView >= safety.lastVotedView, 'lastVotedView never falls')
  assert(next.highestTimeoutView >= safety.highestTimeoutView, 'highestTimeoutView never falls')
  assert(next.lockedView >= safety.lockedView, 'lockedView never falls')
  assert(next.highQC.view >= safety.highQC.view && next.highQC.view >= next.lockedView, 'highQC covers the lock')
  assert((next.lastTC?.view ?? 0) >= (safety.lastTC?.view ?? 0), 'lastTC never falls')
  assert((next.lastProposal?.view ?? 0) >= (safety.lastProposal?.view ?? 0), 'lastProposal never falls')
  return next
}

/** The safety state of a validator that has signed nothing yet. */
export function freshSafety(rootQC: QC): SafetyState {
  return {
    epoch: rootQC.epoch,
    lastVotedView: 0 as View,
    highestTimeoutView: 0 as View,
    lockedView: rootQC.view,
    highQC: rootQC,
  }
}
