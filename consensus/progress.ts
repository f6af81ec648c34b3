// What a verified certificate does: raise highQC, commit, enter the next view. Nothing else moves the core to another view.
// Every message's certificates come through here first, whatever its view (PITFALLS 12, 16).

import { assert } from '../crypto/assert.ts'
import type { EntryCause } from './protocol.ts'
import { committedBy, raise } from './safety.ts'
import { leaderOf, leads, type Step, VIEWS_BEHIND_MAX } from './state.ts'
import { clearLeaderOf, isSuspected, suspectLeaderOf } from './suspicion.ts'
import type { BlockId, QC, TC, Verified, View } from './types.ts'

/** How many recent views' certified blocks are remembered to notice a second one. */
const CERTIFIED_VIEWS_MAX = 64
/** A block of the view in which a node restarts is committed, and everybody told, by the proposal this many views later. */
const RESTART_VIEWS = 2

/**
 * How a QC reached this node. `proposal` and `votes` are the way of good times: only those views are measured and idle.
 * `certificate`: broadcast because the leader of the next view was silent.
 */
export type QcSource = 'proposal' | 'votes' | 'timeout' | 'certificate'

export function processQC(step: Step, qc: Verified<QC>, source: QcSource): void {
  const { core, effects } = step
  if (qc.view > 0) {
    const other = core.certified.get(qc.view)
    if (other !== undefined && other !== qc.blockId) {
      // PITFALLS 34: with at most f faults no view certifies two blocks (S2).
      effects.push({ kind: 'halt', reason: `two blocks certified in view ${qc.view}: ${other} and ${qc.blockId}` })
      return
    }
    core.certified.set(qc.view, qc.blockId)
    if (core.certified.size > CERTIFIED_VIEWS_MAX) core.certified.delete(Math.min(...core.certified.keys()) as View)
  }
  haltIfInvalid(step, qc.blockId)
  clearLeaderOf(core, qc.view)
  if (qc.view > core.safety.highQC.view) core.safety = raise(core.safety, { highQC: qc })
  tryCommit(step, qc)
  if (qc.view >= core.view) enterView(step, (qc.view + 1) as View, source)
}

/** A quorum vouches for a block that this node finds invalid: its state or more than f validators are wrong. */
export function haltIfInvalid({ core, effects }: Step, certified: BlockId): void {
  if (core.tree.node(certified)?.execution !== 'invalid' || effects.some((effect) => effect.kind === 'halt')) return
  effects.push({ kind: 'halt', reason: `block ${certified} is certified by a quorum but invalid here` })
}

export function processTC(step: Step, tc: Verified<TC>): void {
  const { core } = step
  // PITFALLS 11: a TC brings the QC that the next leader has to extend.
  processQC(step, tc.highQC as Verified<QC>, 'timeout')
  if (tc.view > (core.safety.lastTC?.view ?? 0)) core.safety = raise(core.safety, { lastTC: tc })
  if (tc.view < core.view) return
  suspectLeaderOf(core, tc.view)
  enterView(step, (tc.view + 1) as View, 'tc')
}

/** Commits what the QC proves, now or as soon as the blocks are held and executed. */
export function tryCommit(step: Step, qc: QC): void {
  const { core, effects } = step
  const target = committedBy(qc)
  if (target === undefined || qc.parentView <= core.tree.rootView) {
    if (core.pendingCommit === qc) core.pendingCommit = undefined
    return
  }
  const chain = core.tree.chainTo(target)
  if (chain === undefined || !core.tree.isValid(target)) {
    if (core.tree.node(target)?.execution === 'invalid') {
      effects.push({ kind: 'halt', reason: `block ${target} is final for a quorum but invalid here` })
    } else if (core.pendingCommit === undefined || qc.view > core.pendingCommit.view) {
      core.pendingCommit = qc
    }
    return
  }
  const view = chain.at(-1)?.proposal.header.view
  if (view !== qc.parentView) {
    effects.push({ kind: 'halt', reason: `a certificate says that ${target} is of view ${qc.parentView}, not ${view}` })
    return
  }
  for (const block of chain) {
    if (block.proposal.payload.items.length > 0) core.committedPayloadHeight = block.proposal.header.height
  }
  const pruned = core.tree.commit(target)
  if (core.pendingCommit !== undefined && core.pendingCommit.view <= qc.view) core.pendingCommit = undefined
  core.pacemaker.commit()
  effects.push({ kind: 'commit', blocks: chain, certificate: qc })
  if (pruned.length > 0) effects.push({ kind: 'prune', blockIds: pruned })
}

/**
 * A QC that came inside a proposal commits for everybody: the work in what it commits is done (DESIGN.md, "Idle"). Before the QC
 * is processed, for the view it enters must not count that work. The height is that of a held block, never one a header claims.
 */
export function noteAnnounced({ core }: Step, justify: QC): void {
  const target = committedBy(justify)
  const block = target === undefined ? undefined : core.tree.block(target)
  if (block === undefined) return
  core.announcedHeight = Math.max(core.announcedHeight, block.proposal.header.height)
}

/**
 * A leader proposes: its proposal is about to tell everybody what the justify commits. Where that ends the work, the view allows
 * for the wait of the next leader, as everybody else's does: "its view timer starts when it proposes" (DESIGN.md, "Idle").
 */
export function announceOwn(step: Step, justify: QC): void {
  const { core, nowMs, effects } = step
  noteAnnounced(step, justify)
  if (!core.hadWork || hasWork(step)) return
  core.hadWork = false
  const delayMs = core.pacemaker.startTimer(nowMs, false)
  effects.push({ kind: 'timer', timer: 'view', view: core.view, delayMs })
}

function enterView(step: Step, view: View, source: QcSource | 'tc'): void {
  const { core, nowMs, effects } = step
  assert(view > core.view, 'views only rise')
  const good = source === 'proposal' || source === 'votes'
  const by: EntryCause = source === 'tc' || source === 'certificate' ? source : 'qc'
  const suspect = isSuspected(core, view)
  core.pacemaker.enter(nowMs, { tc: by === 'tc', halved: by === 'certificate', suspect, measured: good })
  core.view = view
  core.enteredBy = by
  // Entered by TC or Certificate, late, or soon after a restart: the leader proposes at once.
  core.idleOver = !good || (core.restartedIn !== undefined && view <= core.restartedIn + RESTART_VIEWS)
  core.laterTicks = 0
  const lowest = (view - VIEWS_BEHIND_MAX) as View
  core.votes.dropBelow(lowest)
  core.timeouts.dropBelow(lowest)
  for (const old of core.proposals.keys()) if (old < lowest) core.proposals.delete(old)
  effects.push({ kind: 'entered-view', view, by, leader: leaderOf(core, view) })
  for (const timer of ['resend-timeout', 'resend-vote', 'idle'] as const) {
    effects.push({ kind: 'timer', timer, view, delayMs: undefined })
  }
  startViewTimer(step)
}

/** Arms the timer of a view just entered; a leader that has nothing to propose waits first and counts from its proposal. */
export function startViewTimer(step: Step): void {
  const { core, nowMs, effects } = step
  core.hadWork = hasWork(step)
  if (leads(core, core.view) && !core.hadWork && !core.idleOver) {
    core.pacemaker.waitIdle()
    effects.push({ kind: 'timer', timer: 'view', view: core.view, delayMs: undefined })
    effects.push({ kind: 'timer', timer: 'idle', view: core.view, delayMs: core.pacemaker.idleIntervalMs })
    return
  }
  const delayMs = core.pacemaker.startTimer(nowMs, core.hadWork)
  effects.push({ kind: 'timer', timer: 'view', view: core.view, delayMs })
}

/**
 * Work: an executable transaction in the mempool, or a payload block on the chain of highQC (or of this view's proposal) that the
 * QCs inside proposals have not committed yet. A QC the leader has just formed does not count, so two empty blocks follow.
 */
export function hasWork(step: Step): boolean {
  const { core } = step
  // When all restart at once, what they send before all are connected is lost: to wait idly as well would cost seconds.
  if (core.view === core.restartedIn) return true
  if (core.mempoolWork || core.committedPayloadHeight > core.announcedHeight) return true
  const proposed = core.proposals.get(core.view)
  return holdsPayload(step, core.safety.highQC.blockId) || (proposed !== undefined && holdsPayload(step, proposed))
}

function holdsPayload(step: Step, tip: BlockId): boolean {
  const { core } = step
  const chain = core.tree.chainTo(tip) ?? []
  return chain.some(
    ({ proposal }) => proposal.payload.items.length > 0 && proposal.header.height > core.announcedHeight,
  )
}

/** Work may have appeared since the timers of this view were armed: the wait ends, the deadline moves once. */
export function noticeWork(step: Step): void {
  const { core, nowMs, effects } = step
  if (core.hadWork || !hasWork(step)) return
  core.hadWork = true
  if (leads(core, core.view) && !core.idleOver) {
    endIdle(step)
    return
  }
  const delayMs = core.pacemaker.workAppeared(nowMs)
  if (delayMs === undefined) return
  effects.push({ kind: 'timer', timer: 'view', view: core.view, delayMs })
  if (core.safety.lastVotedView === core.view) {
    effects.push({ kind: 'timer', timer: 'resend-vote', view: core.view, delayMs: core.pacemaker.voteResendMs() })
  }
}

/** The waiting leader goes on: its view timer starts now, when it proposes. */
export function endIdle(step: Step): void {
  const { core, effects } = step
  if (core.idleOver) return
  core.idleOver = true
  effects.push({ kind: 'timer', timer: 'idle', view: core.view, delayMs: undefined })
  const delayMs = core.pacemaker.startTimer(step.nowMs, hasWork(step))
  effects.push({ kind: 'timer', timer: 'view', view: core.view, delayMs })
}
