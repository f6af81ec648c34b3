// The protocol's safety rules as an executable specification: DESIGN.md section 3, after Jolteon (arXiv 2106.10362, Fig. 2).
// Written apart from consensus/ and importing nothing of it, so that an error of one is not an error of the other.
// Every rule has a name and can be dropped: a rule whose loss nothing notices is not a safety rule (VIEWCHANGE.md section 1).
//
// The adversary is as strong as the guarantee says. It is every proposer and the network, so any block may be offered to any
// replica at any time, and any certificate that signatures suffice for may be delivered to anyone, or to no one. Therefore
// neither proposals nor messages are state: what replicas have signed is, and certificates are a function of that.

/** True: the rule is in force. All are by default, but for the last, which Scoville does without. */
export const RULES = {
  /** Vote (1): view > lastVotedView. */
  voteOnceAView: true,
  /** Vote (1): view > highestTimeoutView, "never vote in a view after timing it out". */
  noVoteAfterTimeout: true,
  /** Vote (1): B.view == currentView. */
  voteInCurrentView: true,
  /** Vote (2): the view is proved by QC(view - 1) or by a TC. */
  entryProof: true,
  /** Vote (2): tc.view + 1 == view. */
  tcOfPreviousView: true,
  /** Vote (2): justify.view < tc.view, the canonical form. */
  noRedundantTC: true,
  /** Vote (2): justify.view >= max(tc.highQcViews). */
  justifyCoversTC: true,
  /** Vote (3): parentId == justify.blockId. */
  parentIsJustified: true,
  /** Jolteon "Lock": voting raises highQC to the block's justify. */
  votingRaisesHighQC: true,
  /** Timeout: view == currentView. */
  timeoutInCurrentView: true,
  /** Timeout: it reports the signer's highQC and no older QC. */
  honestHighQcView: true,
  /** Commit: a QC for B1 commits its parent B0 iff B0.view + 1 == B1.view. */
  consecutiveCommit: true,
  /** Votes make a QC only with votes for the same block. */
  votesKeyedByBlock: true,
  /** Timeouts make a TC only with timeouts of the same view (PITFALLS 13). */
  timeoutsKeyedByView: true,
  /** Quorum = floor(2W/3) + 1: three of four. Dropped: two. */
  fullQuorum: true,
  /** At most f of 3f + 1 lie: one of four. Dropped: two. */
  oneByzantine: true,
  /** Persist before send: what a restart must find again. */
  restartKeepsLastVoted: true,
  restartKeepsHighestTimeout: true,
  restartKeepsHighQC: true,
  /** Not a rule of Scoville: justify.view >= lockedView. Vote (2) makes it superfluous. */
  justifyCoversLock: false,
}

export type RuleName = keyof typeof RULES
export type Rules = Readonly<Record<RuleName, boolean>>

/** A certificate is named by what it certifies: signers are counted where it is formed. */
export interface QC {
  readonly view: number
  readonly blockId: string
}

export interface TC {
  readonly view: number
  /** What each signer said its highQC's view was. The TC carries a QC of the highest. */
  readonly highQcViews: readonly number[]
}

export interface Block {
  readonly id: string
  readonly view: number
  readonly parentId: string
  readonly justify: QC
}

export interface Timeout {
  readonly view: number
  readonly highQcView: number
}

/** One honest replica: the variables of DESIGN.md section 3, and every signature it ever gave. */
export interface Replica {
  readonly view: number
  readonly lastVoted: number
  readonly highestTimeout: number
  readonly locked: number
  readonly highQC: QC
  /** View of the newest TC seen; 0 is none. */
  readonly lastTC: number
  readonly votes: readonly Block[]
  readonly timeouts: readonly Timeout[]
}

export const GENESIS_QC: QC = { view: 0, blockId: 'genesis' }

export const FRESH: Replica = {
  view: 1,
  lastVoted: 0,
  highestTimeout: 0,
  locked: 0,
  highQC: GENESIS_QC,
  lastTC: 0,
  votes: [],
  timeouts: [],
}

const higher = (a: QC, b: QC): QC => (b.view > a.view ? b : a)

/** Only a certificate moves a replica to another view ("Pacemaker"), and restart is at this view too ("Persist"). */
export function currentView(highQC: QC, lastTC: number): number {
  return Math.max(highQC.view, lastTC) + 1
}

export function adoptQC(replica: Replica, qc: QC): Replica {
  const highQC = higher(replica.highQC, qc)
  return { ...replica, highQC, view: currentView(highQC, replica.lastTC) }
}

/** A TC brings the QC that the next leader has to extend (PITFALLS 11). */
export function adoptTC(replica: Replica, tc: TC, itsHighQC: QC): Replica {
  const { highQC } = adoptQC(replica, itsHighQC)
  const lastTC = Math.max(replica.lastTC, tc.view)
  return { ...replica, highQC, lastTC, view: currentView(highQC, lastTC) }
}

/** Vote rule (2): how a block shows that its view may be entered. */
export function provesEntry(rules: Rules, block: Block, tc: TC | undefined): boolean {
  const { view, justify } = block
  if (tc === undefined) return justify.view + 1 === view
  if (rules.tcOfPreviousView ? tc.view + 1 !== view : tc.view >= view) return false
  if (rules.noRedundantTC && justify.view >= tc.view) return false
  return !rules.justifyCoversTC || tc.highQcViews.every((reported) => justify.view >= reported)
}

/** Vote rules (1) to (3); (4) concerns validity and time, which safety does not rest on. */
export function mayVote(rules: Rules, replica: Replica, block: Block, tc: TC | undefined): boolean {
  if (rules.voteInCurrentView && block.view !== replica.view) return false
  if (rules.voteOnceAView && block.view <= replica.lastVoted) return false
  if (rules.noVoteAfterTimeout && block.view <= replica.highestTimeout) return false
  if (rules.entryProof && !provesEntry(rules, block, tc)) return false
  if (rules.parentIsJustified && block.parentId !== block.justify.blockId) return false
  return !rules.justifyCoversLock || block.justify.view >= replica.locked
}

export function vote(rules: Rules, replica: Replica, block: Block): Replica {
  const raised = rules.votingRaisesHighQC ? adoptQC(replica, block.justify) : replica
  return {
    ...raised,
    lastVoted: Math.max(replica.lastVoted, block.view),
    locked: Math.max(replica.locked, block.justify.view),
    votes: replica.votes.includes(block) ? replica.votes : [...replica.votes, block],
  }
}

/** A timeout's highQC is older than its view: else it would prove a later one. */
export function mayTimeOut(rules: Rules, replica: Replica, view: number): boolean {
  if (rules.timeoutInCurrentView && view !== replica.view) return false
  return view > replica.highestTimeout && view > replica.highQC.view
}

export function timeOut(replica: Replica, timeout: Timeout): Replica {
  return { ...replica, highestTimeout: timeout.view, timeouts: [...replica.timeouts, timeout] }
}

/**
 * A crash, after which only what was saved with the last signature is left. The model's states are the saved ones: what a
 * replica learns is part of the move that signs next, and lost when there is none. So a crash may be anywhere, and a restart that
 * keeps what it has to changes nothing.
 */
export function restart(rules: Rules, replica: Replica): Replica {
  const highQC = rules.restartKeepsHighQC ? replica.highQC : GENESIS_QC
  return {
    ...replica,
    highQC,
    view: currentView(highQC, replica.lastTC),
    lastVoted: rules.restartKeepsLastVoted ? replica.lastVoted : 0,
    highestTimeout: rules.restartKeepsHighestTimeout ? replica.highestTimeout : 0,
  }
}

/** Two-chain rule: whether a QC for the child commits the parent and with it all ancestors (PITFALLS 7). */
export function commitsParent(rules: Rules, childView: number, parentView: number): boolean {
  return parentView > 0 && (!rules.consecutiveCommit || parentView + 1 === childView)
}

// What four validators can do, one of them (or, rule dropped, two) Byzantine: it signs whatever is asked of it.

export const VALIDATORS = 4

export function honestOf(rules: Rules): number {
  return VALIDATORS - (rules.oneByzantine ? 1 : 2)
}

/** How many honest signatures a certificate needs besides those of the Byzantine. */
export function honestNeeded(rules: Rules): number {
  const quorum = rules.fullQuorum ? Math.floor((2 * VALIDATORS) / 3) + 1 : 2
  return quorum - (VALIDATORS - honestOf(rules))
}

export interface Certificates {
  /** Blocks a quorum has voted for. */
  readonly certified: readonly Block[]
  /** Of each view with a quorum of timeouts the TC that binds least: the adversary has no use for another. */
  readonly tcs: readonly TC[]
}

export function certificatesOf(rules: Rules, replicas: readonly Replica[]): Certificates {
  const needed = honestNeeded(rules)
  const voted = [...new Set(replicas.flatMap(({ votes }) => votes))]
  const counts = (block: Block) => (vote: Block) =>
    rules.votesKeyedByBlock ? vote === block : vote.view === block.view
  const certified = voted.filter((block) => replicas.filter(({ votes }) => votes.some(counts(block))).length >= needed)
  const views = [...new Set(replicas.flatMap(({ timeouts }) => timeouts.map((timeout) => timeout.view)))]
  const tcs = views.flatMap((view) => {
    const lowest = replicas
      .map(({ timeouts }) => timeouts.filter((timeout) => !rules.timeoutsKeyedByView || timeout.view === view))
      .filter((own) => own.length > 0)
      .map((own) => Math.min(...own.map((timeout) => timeout.highQcView)))
    // The Byzantine signer reports 0, which binds nobody.
    const highQcViews = lowest.sort((a, b) => a - b).slice(0, needed)
    return highQcViews.length < needed ? [] : [{ view, highQcViews }]
  })
  return { certified, tcs }
}

/** What Guarantee 1 and invariant S2 forbid, over everything that signatures suffice to certify; undefined when all is well. */
export function violation(
  rules: Rules,
  certified: readonly Block[],
  blocks: ReadonlyMap<string, Block>,
): string | undefined {
  const viewOf = (id: string) => blocks.get(id)?.view ?? 0
  const extendsBlock = (block: Block, ancestor: Block): boolean => {
    for (let at: Block | undefined = block; at !== undefined; at = blocks.get(at.parentId))
      if (at === ancestor) return true
    return false
  }
  for (const a of certified) {
    const other = certified.find((b) => b !== a && b.view === a.view)
    if (other) return `view ${a.view} certified both ${a.id} and ${other.id}`
  }
  const committed = certified
    .filter((child) => commitsParent(rules, child.view, viewOf(child.parentId)))
    .flatMap((child) => blocks.get(child.parentId) ?? [])
  for (const a of committed) {
    const other = committed.find((b) => !extendsBlock(a, b) && !extendsBlock(b, a))
    if (other) return `committed both ${a.id} and ${other.id}`
    const astray = certified.find((b) => b.view > a.view && !extendsBlock(b, a))
    if (astray) return `certified ${astray.id} although ${a.id} is committed`
  }
  return undefined
}
