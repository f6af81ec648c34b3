// The protocol core: one function from an input to effects. Pure and synchronous; it changes the state it is given in place
// (docs/adr/0002) and nothing else. Reading order: types, protocol, safety, progress, voting, proposing, timing-out.

import { unreachable } from '../crypto/assert.ts'
import { bitmapIndices } from './bitmap.ts'
import { endIdle, haltIfInvalid, noticeWork, processQC, processTC, startViewTimer, tryCommit } from './progress.ts'
import { onBuilt, tryPropose } from './proposing.ts'
import type { Effect, Input, TimerName } from './protocol.ts'
import { type CoreState, leaderOf, type Step } from './state.ts'
import {
  afterVotesRefuted,
  giveUp,
  onTcFormed,
  onTimeout,
  onTimeoutsRefuted,
  resendTimeout,
  tryJoin,
} from './timing-out.ts'
import type { BlockId, ValidatorIndex } from './types.ts'
import { onFetched, onProposal, onQcFormed, onVote, onVotesRefuted, resendVote, tryVote } from './voting.ts'

/**
 * Takes one input at `nowMs` (milliseconds; never decreasing by more than clock adjustments) and returns what to do, in order.
 * Whatever became possible by the input is done before it returns: blocks executed, the commit, the vote, the proposal.
 */
export function step(core: CoreState, input: Input, nowMs: number): Effect[] {
  const current: Step = { core, nowMs, effects: [] }
  take(current, input)
  // It may have become so by an ancestor that connected it.
  haltIfInvalid(current, core.safety.highQC.blockId)
  for (const block of core.tree.takeExecutable()) current.effects.push({ kind: 'execute', block })
  if (core.pendingCommit !== undefined) tryCommit(current, core.pendingCommit)
  noticeWork(current)
  tryVote(current)
  tryJoin(current)
  tryPropose(current)
  fetchWanted(current)
  return current.effects
}

function take(current: Step, input: Input): void {
  const { core } = current
  switch (input.kind) {
    case 'start':
      return start(current)
    case 'proposal':
      return onProposal(current, input.block)
    case 'fetched':
      return onFetched(current, input.blocks, input.certificate)
    case 'vote':
      return onVote(current, input.vote)
    case 'timeout':
      return onTimeout(current, input.timeout)
    case 'certificate':
      processQC(current, input.qc, 'certificate')
      if (input.tc !== undefined) processTC(current, input.tc)
      return
    case 'qc-formed':
      return onQcFormed(current, input.qc)
    case 'tc-formed':
      return onTcFormed(current, input.tc)
    case 'votes-refuted':
      onVotesRefuted(current, input.view, input.blockId, input.culprits)
      return afterVotesRefuted(current, input.view)
    case 'timeouts-refuted':
      return onTimeoutsRefuted(current, input.view, input.culprits)
    case 'executed':
      return onExecuted(current, input.blockId, input.valid)
    case 'built':
      return onBuilt(current, input.view, input.block)
    case 'timer':
      if (input.view === core.view) onTimer(current, input.timer)
      return
    case 'work':
      core.mempoolWork = input.available
      return
    default:
      return unreachable(input)
  }
}

/** After a start or a crash: the stored messages again, never new ones (PITFALLS 5), and the timers. */
function start(current: Step): void {
  const { core, effects } = current
  const { safety, view } = core
  core.idleOver = true
  if (safety.highQC.view > 0) core.restartedIn = view
  effects.push({ kind: 'entered-view', view, by: 'start', leader: leaderOf(core, view) })
  startViewTimer(current)
  if (core.config.self === undefined) return
  const { lastVote, lastTimeout, lastProposal } = safety
  if (lastProposal?.view === view) {
    effects.push({ kind: 'relay-proposal', blockId: lastProposal.blockId, to: core.config.validators.indices() })
  }
  if (lastVote?.view === view) {
    core.proposals.set(view, lastVote.blockId)
    effects.push({ kind: 'send-vote', vote: lastVote, to: [leaderOf(core, view + 1)] })
    effects.push({ kind: 'timer', timer: 'resend-vote', view, delayMs: core.pacemaker.voteResendMs() })
  }
  if (lastTimeout?.view === view) {
    effects.push({ kind: 'timer', timer: 'view', view, delayMs: undefined })
    resendTimeout(current)
  }
}

function onTimer(current: Step, timer: TimerName): void {
  switch (timer) {
    case 'view':
      return giveUp(current, false)
    case 'resend-timeout':
      return resendTimeout(current)
    case 'resend-vote':
      return resendVote(current)
    case 'idle':
      return endIdle(current)
    default:
      return unreachable(timer)
  }
}

function onExecuted(current: Step, blockId: BlockId, valid: boolean): void {
  const { core } = current
  const node = core.tree.node(blockId)
  core.tree.executed(blockId, valid)
  if (node === undefined) return
  const { header, justify } = node.block.proposal
  if (core.certified.get(header.view) === blockId) haltIfInvalid(current, blockId)
  // Its justify may have come before its grandparent was executed; in a long gap no later certificate is near enough to commit it.
  if (valid) tryCommit(current, justify)
}

/** The blocks something waits for, derived afresh each step: a fetch is asked for once, and given up with its reason. */
function fetchWanted(current: Step): void {
  const { core, effects } = current
  const wanted = new Map<BlockId, readonly ValidatorIndex[]>()
  const want = (id: BlockId, signers: Uint8Array) => {
    if (!core.tree.isConnected(id)) wanted.set(id, bitmapIndices(signers, core.config.validators.size) ?? [])
  }
  const { highQC } = core.safety
  if (highQC.view > core.tree.rootView) want(highQC.blockId, highQC.signers)
  if (core.pendingCommit !== undefined) want(core.pendingCommit.blockId, core.pendingCommit.signers)
  const proposed = core.proposals.get(core.view)
  const justify = proposed === undefined ? undefined : core.tree.node(proposed)?.block.proposal.justify
  if (justify !== undefined && justify.view > core.tree.rootView) want(justify.blockId, justify.signers)
  for (const [blockId, from] of wanted) if (!core.wanted.has(blockId)) effects.push({ kind: 'fetch', blockId, from })
  core.wanted = new Set(wanted.keys())
}
