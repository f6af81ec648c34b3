// Everything the core knows, in one plain object, and how it begins. `step` (core.ts) owns it and changes it in place.
// No clock, no key, no socket: time comes with every input, signatures are made by the driver.

import { BlockTree } from './block-tree.ts'
import { TimeoutCollector, VoteCollector } from './collector.ts'
import { Pacemaker, type PacemakerConfig } from './pacemaker.ts'
import type { Effect, EntryCause } from './protocol.ts'
import { restartView } from './safety.ts'
import type { Block, BlockId, QC, SafetyState, Timeout, ValidatorIndex, Verified, View } from './types.ts'
import type { ValidatorSet } from './validators.ts'

/** Votes and timeouts of views below current - 2 are of no more use; above current + 16 they could be made up without end. */
export const VIEWS_BEHIND_MAX = 2
export const VIEWS_AHEAD_MAX = 16
/** One answer to a validator that is behind, per this time. */
export const ANSWER_INTERVAL_MS = 500

export interface CoreConfig {
  readonly validators: ValidatorSet
  /** Undefined for a full node or an observer: it follows and signs nothing. */
  readonly self: ValidatorIndex | undefined
  readonly pacemaker: PacemakerConfig
  readonly clockAheadMsMax: number
}

export interface CoreState {
  readonly config: CoreConfig
  readonly tree: BlockTree
  readonly votes: VoteCollector
  readonly timeouts: TimeoutCollector
  readonly pacemaker: Pacemaker
  safety: SafetyState
  view: View
  enteredBy: EntryCause
  /** First proposal seen per view of the window: it stands (DESIGN.md, "Equivocation"). */
  readonly proposals: Map<View, BlockId>
  /** Which block was certified in which recent view: a second one breaks the fault assumption. */
  readonly certified: Map<View, BlockId>
  /** The newest QC whose commit waits for blocks or their execution. */
  pendingCommit: QC | undefined
  /** Whether the mempool holds an executable transaction. */
  mempoolWork: boolean
  /** Height up to which QCs inside proposals have committed: what everybody knows, not only the leader. */
  announcedHeight: number
  /** Height of the last committed block with a payload. */
  committedPayloadHeight: number
  /** Whether this view's timer runs with work known. */
  hadWork: boolean
  idleOver: boolean
  /** View in which this life began on a chain that had begun before: near it nobody waits for want of work. */
  restartedIn: View | undefined
  /** View for which a block is being built. */
  buildingView: View
  /** Later ticks sent in this view. */
  laterTicks: number
  /** Leaders whose own view ended in a TC, with that view: suspicion.ts. Bound: one entry per validator. */
  readonly suspects: Map<ValidatorIndex, View>
  readonly lastAnswerMs: Map<ValidatorIndex, number>
  wanted: ReadonlySet<BlockId>
}

/** One step under way: the state, the time of the input and the effects so far. */
export interface Step {
  readonly core: CoreState
  readonly nowMs: number
  readonly effects: Effect[]
}

/**
 * @param root the last committed block (the genesis block on a new chain)
 * @param safety what was on disk, or `freshSafety(rootQC)`
 * @param uncommitted blocks above the root that were saved before a crash, in any order
 */
export function createCore(
  config: CoreConfig,
  root: Verified<Block>,
  safety: SafetyState,
  uncommitted: readonly Verified<Block>[] = [],
): CoreState {
  const { validators } = config
  const powerOf = (signer: ValidatorIndex) => validators.get(signer).power
  const tree = new BlockTree(root)
  const core: CoreState = {
    config,
    tree,
    votes: new VoteCollector(validators.quorum, powerOf),
    timeouts: new TimeoutCollector(validators.quorum, powerOf),
    pacemaker: new Pacemaker(config.pacemaker, validators.faults),
    safety,
    view: restartView(safety),
    enteredBy: 'start',
    proposals: new Map(),
    certified: new Map(),
    // A crash may have come between the certificate and the commit it proves.
    pendingCommit: safety.highQC,
    mempoolWork: false,
    announcedHeight: tree.rootHeight,
    committedPayloadHeight: tree.rootHeight,
    hadWork: false,
    idleOver: false,
    restartedIn: undefined,
    buildingView: 0 as View,
    laterTicks: 0,
    suspects: new Map(),
    lastAnswerMs: new Map(),
    wanted: new Set(),
  }
  const ascending = [...uncommitted].sort((a, b) => a.proposal.header.view - b.proposal.header.view)
  for (const block of ascending) tree.insert(block)
  return core
}

/** Where first-tick timeouts of a view go: L(v+1), and the proposer of the sender's highQC block or L(v+2) in its stead. */
export function firstTickTargets(
  core: CoreState,
  timeout: Pick<Timeout, 'view' | 'highQC'>,
): readonly ValidatorIndex[] {
  const { validators } = core.config
  const next = validators.leader((timeout.view + 1) as View)
  // A block's proposer is the leader of its view, so the QC alone says who it was.
  const author = timeout.highQC.view === 0 ? next : validators.leader(timeout.highQC.view)
  const other = author === next ? validators.leader((timeout.view + 2) as View) : author
  return other === next ? [next] : [next, other]
}

export function leaderOf(core: CoreState, view: number): ValidatorIndex {
  return core.config.validators.leader(view as View)
}

export function leads(core: CoreState, view: number): boolean {
  return core.config.self !== undefined && leaderOf(core, view) === core.config.self
}
