// Proposals in, at most one vote a view out, and the votes collected into a QC by the leader of the next view.

import { noteAnnounced, processQC, processTC } from './progress.ts'
import { castVote, voteRefusal } from './safety.ts'
import { type CoreState, firstTickTargets, leaderOf, type Step, VIEWS_AHEAD_MAX, VIEWS_BEHIND_MAX } from './state.ts'
import { isSuspected } from './suspicion.ts'
import type { Block, Checked, QC, TC, ValidatorIndex, Verified, View, Vote } from './types.ts'

export function onProposal(step: Step, block: Verified<Block>): void {
  const { core, effects } = step
  const { header, justify, tc } = block.proposal
  noteAnnounced(step, justify)
  processQC(step, justify as Verified<QC>, 'proposal')
  if (tc !== undefined) processTC(step, tc as Verified<TC>)
  // The proposal's own certificates have entered its view, so what is left above it is nothing.
  if (header.view < core.view - VIEWS_BEHIND_MAX || header.view > core.view) return
  const first = core.proposals.get(header.view)
  if (first !== undefined && first !== block.id) {
    const held = core.tree.block(first)
    if (held !== undefined) {
      const equivocation = { kind: 'double-proposal', first: held.proposal, second: block.proposal } as const
      effects.push({ kind: 'evidence', equivocation })
    }
    return
  }
  if (insert(step, block)) core.proposals.set(header.view, block.id)
}

/** Blocks the core asked for, ascending; a certified block's justify was verified by honest voters, so it counts as verified. */
export function onFetched(step: Step, blocks: readonly Verified<Block>[], certificate: Verified<QC> | undefined): void {
  for (const block of blocks) {
    insert(step, block)
    processQC(step, block.proposal.justify as Verified<QC>, 'timeout')
  }
  if (certificate !== undefined) processQC(step, certificate, 'timeout')
}

function insert(step: Step, block: Verified<Block>): boolean {
  const { core, effects } = step
  let inserted = core.tree.insert(block)
  if (inserted === 'full' && core.tree.isConnected(core.safety.highQC.blockId)) {
    const gone = core.tree.dropAllBut(core.safety.highQC.blockId)
    if (gone.length > 0) effects.push({ kind: 'prune', blockIds: gone })
    inserted = core.tree.insert(block)
  }
  return inserted === 'inserted' || inserted === 'known'
}

/** Votes for the first proposal of the current view as soon as every rule holds; called after every input. */
export function tryVote(step: Step): void {
  const { core, effects, nowMs } = step
  const { self, clockAheadMsMax } = core.config
  const id = core.proposals.get(core.view)
  if (self === undefined || id === undefined || !core.tree.isConnected(id) || !core.tree.isValid(id)) return
  const block = core.tree.node(id)?.block
  const parent = block && core.tree.block(block.proposal.header.parentId)
  if (block === undefined || parent === undefined) return
  const refusal = voteRefusal(block.proposal, {
    safety: core.safety,
    currentView: core.view,
    parentTimestampMs: parent.proposal.header.timestampMs,
    nowMs,
    clockAheadMsMax,
  })
  if (refusal !== undefined) return
  const cast = castVote(core.safety, block, self)
  core.safety = cast.safety
  effects.push({ kind: 'save', safety: cast.safety, block })
  // Linear: to the leader of the next view alone. It extends the block, so it is who needs the QC.
  effects.push({ kind: 'send-vote', vote: cast.vote, to: [collectors(core).first] })
  effects.push({ kind: 'timer', timer: 'resend-vote', view: core.view, delayMs: core.pacemaker.voteResendMs() })
}

/** Whom a vote of the current view goes to, and whom it goes to too when nothing came of that. */
function collectors(core: CoreState): { readonly first: ValidatorIndex; readonly second: ValidatorIndex } {
  const [own, next] = [leaderOf(core, core.view), leaderOf(core, core.view + 1)]
  return isSuspected(core, (core.view + 1) as View) ? { first: own, second: next } : { first: next, second: own }
}

/** Still in the view long after voting: L(v+1) may be dead, L(v) is the one node known to be alive. */
export function resendVote(step: Step): void {
  const { core, effects } = step
  const { lastVote } = core.safety
  if (lastVote?.view !== core.view) return
  effects.push({ kind: 'send-vote', vote: lastVote, to: [collectors(core).second] })
}

/** A vote, direct or attached to a timeout: counted once per signer and view. */
export function onVote(step: Step, vote: Checked<Vote>): void {
  const { core, effects } = step
  if (vote.view < core.view - VIEWS_BEHIND_MAX || vote.view > core.view + VIEWS_AHEAD_MAX) return
  const collected = core.votes.add(vote)
  if (collected.kind === 'conflict') {
    effects.push({ kind: 'evidence', equivocation: { kind: 'double-vote', first: collected.first, second: vote } })
  }
  aggregateVotes(step, vote.view)
}

export function aggregateVotes(step: Step, view: View): void {
  const { core, effects } = step
  // A QC at or below highQC would tell nobody anything.
  if (view <= core.safety.highQC.view) return
  const quorum = core.votes.takeQuorum(view)
  if (quorum !== undefined) effects.push({ kind: 'aggregate-votes', view, ...quorum })
}

/** A QC made here. L(v+1) proposes on it; any other collector tells everybody, for its leader is silent. */
export function onQcFormed(step: Step, qc: Verified<QC>): void {
  const { core, effects } = step
  const { self } = core.config
  const isNews = qc.view >= core.view
  const timeouts = core.timeouts.timeoutsAt(qc.view)
  const proposesNext = self !== undefined && leaderOf(core, qc.view + 1) === self
  const collects =
    self !== undefined &&
    (leaderOf(core, qc.view) === self || timeouts.some((timeout) => firstTickTargets(core, timeout).includes(self)))
  // After later ticks everybody holds the same timeouts and forms the certificate alone.
  const relays = isNews && !proposesNext && collects && core.laterTicks === 0
  const late = relays ? 'certificate' : 'timeout'
  processQC(step, qc, proposesNext && timeouts.length === 0 ? 'votes' : late)
  if (relays) effects.push({ kind: 'send-certificate', qc, to: 'all' })
}

export function onVotesRefuted(
  step: Step,
  view: View,
  blockId: Block['id'],
  culprits: readonly ValidatorIndex[],
): void {
  step.core.votes.refute(view, blockId, culprits)
  aggregateVotes(step, view)
}
