// Judges a run of the real core, one node, one record at a time (consensus/trace.ts), by the rules of protocol.ts: every vote,
// timeout, proposal, commit and view entry has to be allowed given what this node has seen, and no variable may change otherwise.
// Bound: what it remembers lies above the last commit, or in the last views.

import {
  SAFETY_VARIABLES,
  type SafetyVariables,
  type SavedVariables,
  type StepRecord,
  type TracedBlock,
  type TracedEffect,
  type TracedQC,
  type TracedTC,
  type TracedTimeout,
  type TracedVote,
} from '../../consensus/trace.ts'
import { SAVED } from '../../consensus/trace-parts.ts'
import {
  adoptQC,
  adoptTC,
  commitsParent,
  currentView,
  FRESH,
  mayTimeOut,
  mayVote,
  provesEntry,
  type Replica,
  RULES,
  timeOut,
  vote,
} from './protocol.ts'

export type Verdict = { readonly kind: 'accepted' } | { readonly kind: 'rejected'; readonly reason: string }

/** Signed messages of others are remembered for this many views behind the current one, committed ids for as many heights. */
const REMEMBERED_MAX = 128

class Rejection extends Error {}

function must(holds: boolean, reason: string): asserts holds {
  if (!holds) throw new Rejection(reason)
}

const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b)

function ballotOf({ view, blockId, parentView, parentId }: Omit<TracedVote, 'signer'>): string {
  return `${view}/${blockId}/${parentView}/${parentId}`
}

export interface Conformance {
  /** After a rejection or a halt nothing more is accepted. */
  readonly accept: (record: StepRecord) => Verdict
  /** Records accepted. */
  readonly accepted: () => number
}

/**
 * @param n how many validators, all of one power
 * @param quorum how many of them make a certificate
 * @param leader of each view
 */
export function createConformance(n: number, quorum: number, leader: (view: number) => number): Conformance {
  const checker = new Checker(n, quorum, leader)
  let accepted = 0
  let over: Verdict | undefined
  return {
    accepted: () => accepted,
    accept: (record) => {
      if (over !== undefined) return over
      try {
        checker.take(record)
      } catch (error) {
        if (!(error instanceof Rejection)) throw error
        over = { kind: 'rejected', reason: error.message }
        return over
      }
      accepted += 1
      if (record.effects.some(({ kind }) => kind === 'halt')) over = { kind: 'rejected', reason: 'halted before' }
      return { kind: 'accepted' }
    },
  }
}

class Checker {
  readonly #n: number
  readonly #quorum: number
  readonly #leader: (view: number) => number
  #replica: Replica = FRESH
  /** The node's own variables, by its records; undefined before the first start. */
  #node: SafetyVariables | undefined
  #root = { rootId: '', rootView: 0, rootHeight: 0 }
  #lastProposalView = 0
  #saved: SavedVariables | undefined
  #self: number | undefined
  #lastVote: TracedVote | undefined
  #lastTimeout: TracedTimeout | undefined
  readonly #blocks = new Map<string, TracedBlock>()
  readonly #valid = new Set<string>()
  /** First proposal per view since the start. */
  readonly #proposals = new Map<number, string>()
  /** Which block the QCs seen certify, by view. */
  readonly #certified = new Map<number, string>()
  readonly #ballots = new Map<string, { readonly view: number; readonly signers: Set<number> }>()
  /** What the timeouts seen report, by view and signer. */
  readonly #reports = new Map<number, Map<number, Set<number>>>()
  readonly #committed = new Map<number, string>()
  #conflict = false
  /** Of the step under way: the views its certificates open, the last one entered. */
  readonly #opened = new Set<number>()
  #entered = 0

  constructor(n: number, quorum: number, leader: (view: number) => number) {
    this.#n = n
    this.#quorum = quorum
    this.#leader = leader
  }

  take(record: StepRecord): void {
    if (record.found !== undefined) this.#start(record.found)
    must(this.#node !== undefined, 'nothing comes before the start')
    this.#opened.clear()
    this.#opened.add(this.#replica.view)
    this.#entered = this.#replica.view
    this.#learn(record)
    for (const effect of record.effects) {
      this.#perform(effect)
      if (effect.kind === 'halt') return
    }
    must(!this.#conflict, 'two blocks certified in one view, and the node goes on')
    must(this.#entered === this.#replica.view, `the view is ${this.#replica.view}, entered was ${this.#entered}`)
    if (Object.keys(record.changed).length > 0) this.#node = { ...this.#node, ...record.changed }
    const [own, expected] = [this.#node, this.#expected()]
    for (const name of SAFETY_VARIABLES)
      must(own[name] === expected[name], `${name} is ${own[name]} and should be ${expected[name]}`)
    if (record.changed.view !== undefined) this.#forget()
  }

  /** A restart finds at least what was saved last; a save that no record shows may have come behind it. */
  #start(found: SafetyVariables): void {
    const { view, highQcView, highQcBlockId, lastTcView, lastVotedView, highestTimeoutView, lockedView } = found
    must(
      view === currentView({ view: highQcView, blockId: highQcBlockId }, lastTcView),
      'restart at the certified view',
    )
    must(view >= Math.max(lastVotedView, highestTimeoutView), 'restart below a signed view')
    must(highQcView >= lockedView, 'highQC covers the lock')
    this.#mustNotFall(found, 'restart lost')
    if (this.#saved?.highQcView === highQcView)
      must(this.#saved.highQcBlockId === highQcBlockId, 'restart changed highQC')
    const known = this.#committed.get(found.rootHeight)
    must(known === undefined || known === found.rootId, 'restart on another chain')
    this.#replica = {
      ...FRESH,
      view,
      highQC: { view: highQcView, blockId: highQcBlockId },
      lastVoted: lastVotedView,
      highestTimeout: highestTimeoutView,
      locked: lockedView,
      lastTC: lastTcView,
    }
    this.#node = found
    this.#root = { rootId: found.rootId, rootView: found.rootView, rootHeight: found.rootHeight }
    this.#lastProposalView = found.lastProposalView
    this.#saved = found
    this.#certified.set(highQcView, highQcBlockId)
    this.#committed.set(found.rootHeight, found.rootId)
    this.#proposals.clear()
  }

  #mustNotFall(now: SavedVariables, what: string): void {
    for (const name of SAVED) {
      const [value, before] = [now[name], this.#saved?.[name]]
      if (typeof value === 'number' && typeof before === 'number') must(value >= before, `${what} ${name}`)
    }
  }

  /** What the input brought: certificates are adopted at once, whatever their view (PITFALLS 12, 16). */
  #learn({ action, blocks = [], qcs = [], tcs = [], vote: cast, timeout, executed }: StepRecord): void {
    if (executed?.valid === true) this.#valid.add(executed.blockId)
    if (cast !== undefined) this.#count(cast)
    for (const block of blocks) {
      must(block.parentId === block.justify.blockId, 'a block extends its justify')
      this.#adoptQC(block.justify)
      if (action === 'proposal' && block.tc !== undefined) this.#adoptTC(block.tc)
      this.#blocks.set(block.id, block)
      const isNear = block.view <= this.#replica.view && block.height > this.#root.rootHeight
      if (action === 'proposal' && isNear && !this.#proposals.has(block.view)) this.#proposals.set(block.view, block.id)
    }
    if (timeout !== undefined) {
      this.#adoptQC(timeout.highQC)
      if (timeout.lastTC !== undefined) this.#adoptTC(timeout.lastTC)
      if (timeout.vote !== undefined) this.#count(timeout.vote)
      const reports = this.#reports.get(timeout.view) ?? new Map<number, Set<number>>()
      reports.set(timeout.signer, (reports.get(timeout.signer) ?? new Set()).add(timeout.highQC.view))
      this.#reports.set(timeout.view, reports)
    }
    for (const qc of qcs) {
      const voters = this.#ballots.get(ballotOf(qc))?.signers
      const isOwn = action !== 'qc-formed' || qc.signers.every((signer) => voters?.has(signer))
      must(isOwn, 'a QC formed of votes not received')
      this.#adoptQC(qc)
    }
    for (const tc of tcs) {
      const reports = this.#reports.get(tc.view)
      const reported = (signer: number, at: number) => reports?.get(signer)?.has(tc.highQcViews[at] ?? -1)
      must(action !== 'tc-formed' || tc.signers.every(reported), 'a TC formed of timeouts not received')
      this.#adoptTC(tc)
    }
  }

  #count(cast: TracedVote): void {
    const ballot = this.#ballots.get(ballotOf(cast)) ?? { view: cast.view, signers: new Set() }
    ballot.signers.add(cast.signer)
    this.#ballots.set(ballotOf(cast), ballot)
  }

  #mustBeQuorum(signers: readonly number[], what: string): void {
    const distinct = new Set(signers.filter((signer) => signer >= 0 && signer < this.#n))
    must(distinct.size === signers.length && distinct.size >= this.#quorum, `a ${what} without a quorum`)
  }

  #adoptQC(qc: TracedQC): void {
    if (qc.view > 0) {
      this.#mustBeQuorum(qc.signers, 'QC')
      must(qc.parentView < qc.view, 'a QC of a block not above its parent')
    }
    const other = this.#certified.get(qc.view)
    if (other !== undefined && other !== qc.blockId) {
      this.#conflict = true
      return
    }
    this.#certified.set(qc.view, qc.blockId)
    this.#opened.add(qc.view + 1)
    this.#replica = adoptQC(this.#replica, { view: qc.view, blockId: qc.blockId })
  }

  #adoptTC(tc: TracedTC): void {
    this.#mustBeQuorum(tc.signers, 'TC')
    must(tc.highQcViews.length === tc.signers.length, 'a TC reports one view per signer')
    must(Math.max(...tc.highQcViews) === tc.highQC.view, 'a TC carries the highest QC it reports')
    must(tc.highQC.view < tc.view, 'a TC of a view not above its QC')
    this.#adoptQC(tc.highQC)
    this.#opened.add(tc.view + 1)
    this.#replica = adoptTC(this.#replica, tc, { view: tc.highQC.view, blockId: tc.highQC.blockId })
  }

  #perform(effect: TracedEffect): void {
    switch (effect.kind) {
      case 'save':
        this.#mustNotFall(effect.saved, 'a save lowers')
        this.#saved = effect.saved
        return
      case 'vote':
        return this.#vote(effect.vote)
      case 'timeout':
        return this.#timeOut(effect.timeout)
      case 'proposal':
        return this.#propose(effect.block)
      case 'commit':
        return this.#commit(effect)
      case 'entered-view':
        must(this.#opened.has(effect.view) && effect.view >= this.#entered, 'a view is entered by a certificate only')
        this.#entered = effect.view
        must(effect.leader === this.#leader(effect.view), 'the leader is the scheduled one')
        return
      case 'halt':
        return
      default:
        return effect satisfies never
    }
  }

  #signs(signer: number): void {
    this.#self ??= signer
    must(this.#self === signer, 'a node signs for itself alone')
  }

  #vote(cast: TracedVote): void {
    this.#signs(cast.signer)
    const { lastVoted, view } = this.#replica
    must(cast.view === view, `a vote of view ${cast.view} in view ${view}`)
    if (cast.view === lastVoted) {
      must(this.#lastVote?.view !== cast.view || same(this.#lastVote, cast), 'a second vote in one view')
      this.#lastVote = cast
      return
    }
    const block = this.#blocks.get(cast.blockId)
    must(block !== undefined, 'a vote for a block not held')
    const honest = { view: block.view, blockId: block.id, parentView: block.justify.view, parentId: block.parentId }
    must(ballotOf(cast) === ballotOf(honest), 'a vote says what its block is')
    must(mayVote(RULES, this.#replica, block, block.tc), 'no rule allows this vote')
    must(block.proposer === this.#leader(block.view), 'the proposer leads the view')
    const first = this.#blocks.get(this.#proposals.get(block.view) ?? '')
    // One that says a height already committed is dropped, so that the next is the first.
    must(first?.id === block.id || (first?.height ?? 0) <= this.#root.rootHeight, 'the first proposal of a view stands')
    must(this.#valid.has(block.id), 'a vote for a block not found valid')
    const parentHeight =
      block.parentId === this.#root.rootId ? this.#root.rootHeight : this.#blocks.get(block.parentId)?.height
    must(parentHeight === undefined || block.height === parentHeight + 1, 'a block is one above its parent')
    this.#replica = { ...vote(RULES, this.#replica, block), votes: [] }
    this.#lastVote = cast
    this.#mustBeSaved('vote')
  }

  #timeOut(timeout: TracedTimeout): void {
    this.#signs(timeout.signer)
    const { view, highQC, lastTC, lastVoted, highestTimeout } = this.#replica
    must(timeout.view === view, `a timeout of view ${timeout.view} in view ${view}`)
    if (timeout.view === highestTimeout) {
      must(this.#lastTimeout?.view !== view || same(this.#lastTimeout, timeout), 'a second timeout of one view')
      this.#lastTimeout = timeout
      return
    }
    must(mayTimeOut(RULES, this.#replica, timeout.view), 'no rule allows this timeout')
    const isHighQC = timeout.highQC.view === highQC.view && timeout.highQC.blockId === highQC.blockId
    must(isHighQC, 'a timeout reports highQC')
    const entered = highQC.view + 1 === view
    must(entered === (timeout.lastTC === undefined), 'a timeout has lastTC iff highQC does not show the view')
    must(entered || (timeout.lastTC?.view === lastTC && lastTC + 1 === view), 'a timeout proves its view')
    must((timeout.vote !== undefined) === (lastVoted === view), 'a timeout has the vote of its view')
    const isOwn = timeout.vote === undefined || this.#lastVote?.view !== view || same(timeout.vote, this.#lastVote)
    must(isOwn, 'a timeout has its own vote')
    this.#replica = { ...timeOut(this.#replica, { view, highQcView: highQC.view }), timeouts: [] }
    this.#lastTimeout = timeout
    this.#mustBeSaved('timeout')
  }

  #propose(block: TracedBlock): void {
    this.#signs(block.proposer)
    const { view, highestTimeout } = this.#replica
    must(block.view === view && this.#leader(view) === block.proposer, 'only the leader of the current view proposes')
    must(block.view > this.#lastProposalView, 'one proposal a view')
    must(block.view > highestTimeout, 'no proposal in a view given up')
    must(this.#certified.get(block.justify.view) === block.justify.blockId, 'a justify not seen')
    must(block.parentId === block.justify.blockId, 'a block extends its justify')
    must(provesEntry(RULES, block, block.tc), 'a proposal proves its view')
    this.#lastProposalView = view
    this.#mustBeSaved('proposal')
  }

  #commit({ blocks, certificate }: Extract<TracedEffect, { kind: 'commit' }>): void {
    must(this.#certified.get(certificate.view) === certificate.blockId, 'a commit by a QC not seen')
    this.#mustBeQuorum(certificate.signers, 'commit')
    must(blocks.length > 0, 'a commit of nothing')
    for (const { id, view, height, parentId } of blocks) {
      const { rootId, rootView, rootHeight } = this.#root
      const isNext = parentId === rootId && height === rootHeight + 1 && view > rootView
      must(isNext, 'commits are oldest first, without a gap')
      const before = this.#committed.get(height)
      must(before === undefined || before === id, 'another block was committed at this height')
      this.#committed.set(height, id)
      this.#root = { rootId: id, rootView: view, rootHeight: height }
    }
    must(certificate.parentId === this.#root.rootId, 'a QC commits the parent of its block')
    must(commitsParent(RULES, certificate.view, this.#root.rootView), 'a commit needs consecutive views')
  }

  /** DESIGN.md section 3, "Persist before send": a save ahead of the signature holds all that the model knows. */
  #mustBeSaved(what: string): void {
    const expected = this.#expected()
    for (const name of SAVED) must(this.#saved?.[name] === expected[name], `a ${what} outruns the save of ${name}`)
  }

  #expected(): SafetyVariables {
    const { view, lastVoted, highestTimeout, locked, highQC, lastTC } = this.#replica
    return {
      ...this.#root,
      lastProposalView: this.#lastProposalView,
      view,
      lastVotedView: lastVoted,
      highestTimeoutView: highestTimeout,
      lockedView: locked,
      highQcView: highQC.view,
      highQcBlockId: highQC.blockId,
      lastTcView: lastTC,
    }
  }

  #forget(): void {
    const { rootView, rootHeight } = this.#root
    const oldest = this.#replica.view - REMEMBERED_MAX
    for (const [id, { view }] of this.#blocks) if (view < rootView && this.#blocks.delete(id)) this.#valid.delete(id)
    for (const view of this.#certified.keys()) if (view < rootView) this.#certified.delete(view)
    for (const [key, { view }] of this.#ballots) if (view < oldest) this.#ballots.delete(key)
    for (const view of this.#reports.keys()) if (view < oldest) this.#reports.delete(view)
    for (const view of this.#proposals.keys()) if (view < oldest) this.#proposals.delete(view)
    for (const height of this.#committed.keys())
      if (height < rootHeight - REMEMBERED_MAX) this.#committed.delete(height)
  }
}
