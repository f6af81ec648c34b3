// Giving up on a view: this node's timeout and its ticks, and the timeouts of others collected into a TC (or, better, a QC).
// Source: DESIGN.md section 3, "Linear view change"; VIEWCHANGE.md section 2 for what each part saves.

import { processQC, processTC } from './progress.ts'
import { castTimeout } from './safety.ts'
import {
  ANSWER_INTERVAL_MS,
  firstTickTargets,
  leaderOf,
  type Step,
  VIEWS_AHEAD_MAX,
  VIEWS_BEHIND_MAX,
} from './state.ts'
import type { Checked, QC, TC, Timeout, ValidatorIndex, Verified, View } from './types.ts'
import { aggregateVotes, onVote } from './voting.ts'

/** The view's time is up, the leader's own included (PITFALLS 19). `broadcast`: others are in later ticks already. */
export function giveUp(step: Step, broadcast: boolean): void {
  const { core, effects } = step
  const { self } = core.config
  // Timeout rule: the current view only, and once.
  if (self === undefined || core.view <= core.safety.highestTimeoutView) return
  const cast = castTimeout(core.safety, core.view, self)
  core.safety = cast.safety
  effects.push({ kind: 'save', safety: cast.safety })
  const to = broadcast ? 'all' : firstTickTargets(core, cast.timeout)
  effects.push({ kind: 'send-timeout', timeout: cast.timeout, to })
  effects.push({ kind: 'timer', timer: 'view', view: core.view, delayMs: undefined })
  effects.push({ kind: 'timer', timer: 'resend-timeout', view: core.view, delayMs: core.pacemaker.resendMs() })
}

/** Later ticks: the same bytes to everybody until some certificate ends the view. */
export function resendTimeout(step: Step): void {
  const { core, effects } = step
  const { lastTimeout } = core.safety
  if (lastTimeout?.view !== core.view) return
  core.laterTicks += 1
  effects.push({ kind: 'send-timeout', timeout: lastTimeout, to: 'all' })
  effects.push({ kind: 'timer', timer: 'resend-timeout', view: core.view, delayMs: core.pacemaker.resendMs() })
}

export function onTimeout(step: Step, timeout: Checked<Timeout>): void {
  const { core } = step
  // A timeout proves its own view, so one is enough to bring this node there.
  processQC(step, timeout.highQC as Verified<QC>, 'timeout')
  if (timeout.lastTC !== undefined) processTC(step, timeout.lastTC as Verified<TC>)
  if (timeout.vote !== undefined) onVote(step, timeout.vote as Checked<typeof timeout.vote>)
  if (timeout.view < core.view) answer(step, timeout.signer)
  if (timeout.view < core.view - VIEWS_BEHIND_MAX || timeout.view > core.view + VIEWS_AHEAD_MAX) return
  core.timeouts.add(timeout)
  aggregateTimeouts(step, timeout.view)
}

/** QC(v) first, from all votes held, attached or direct; a TC only while no block has a quorum of votes. */
export function aggregateTimeouts(step: Step, view: View): void {
  const { core, effects } = step
  if (view < core.view || core.votes.hasQuorum(view)) return
  const timeouts = core.timeouts.takeQuorum(view)
  if (timeouts !== undefined) effects.push({ kind: 'aggregate-timeouts', view, timeouts })
}

/** f+1 by power gave up on the current view: one of them is honest, so waiting longer helps nobody. */
export function tryJoin(step: Step): void {
  const { core } = step
  const { self, validators } = core.config
  if (self === undefined || core.safety.highestTimeoutView >= core.view) return
  if (core.timeouts.powerAt(core.view) < validators.witness) return
  const timeouts = core.timeouts.timeoutsAt(core.view)
  const collects = timeouts.some((timeout) => firstTickTargets(core, timeout).includes(self))
  giveUp(step, !collects)
}

/** A TC made here. L(v+1) proposes on it; the other collector tells everybody at once. */
export function onTcFormed(step: Step, tc: Verified<TC>): void {
  const { core, effects } = step
  const { self } = core.config
  const isNews = tc.view >= core.view
  const proposesNext = self !== undefined && leaderOf(core, tc.view + 1) === self
  const collects =
    self !== undefined &&
    core.timeouts.timeoutsAt(tc.view).some((timeout) => firstTickTargets(core, timeout).includes(self))
  const relays = isNews && collects && !proposesNext && core.laterTicks === 0
  processTC(step, tc)
  if (relays) effects.push({ kind: 'send-certificate', qc: core.safety.highQC, tc, to: 'all' })
}

export function onTimeoutsRefuted(step: Step, view: View, culprits: readonly ValidatorIndex[]): void {
  step.core.timeouts.refute(view, culprits)
  aggregateTimeouts(step, view)
}

/** Votes refuted under a quorum of timeouts: the TC is what is left. */
export function afterVotesRefuted(step: Step, view: View): void {
  aggregateVotes(step, view)
  aggregateTimeouts(step, view)
}

/** To one who is behind: what entered the current view, and by its leader the proposal; rate-limited. */
function answer(step: Step, to: ValidatorIndex): void {
  const { core, effects, nowMs } = step
  if (to === core.config.self) return
  const last = core.lastAnswerMs.get(to)
  // Either way: a clock that was set back must not silence the answers.
  if (last !== undefined && Math.abs(nowMs - last) < ANSWER_INTERVAL_MS) return
  core.lastAnswerMs.set(to, nowMs)
  const { highQC, lastTC, lastProposal } = core.safety
  const tc = lastTC !== undefined && lastTC.view > highQC.view ? lastTC : undefined
  effects.push({ kind: 'send-certificate', qc: highQC, ...(tc === undefined ? {} : { tc }), to: [to] })
  if (lastProposal?.view === core.view) {
    effects.push({ kind: 'relay-proposal', blockId: lastProposal.blockId, to: [to] })
  }
}
