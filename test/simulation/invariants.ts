// What must hold whatever the network and the disks do: one named function per claim of the test plan (S1 to S17, L1).
// Sees everything that all replicas sign, form, save and commit. A violation throws and ends the run; it is never repaired.

import { TREE_BLOCKS_MAX } from '../../consensus/block-tree.ts'
import { checkTimeoutShape } from '../../consensus/proposal-check.ts'
import { hasEntryProof } from '../../consensus/safety.ts'
import { brokenAdvance, brokenInvariant } from '../../consensus/safety-record.ts'
import { type CoreState, VIEWS_AHEAD_MAX, VIEWS_BEHIND_MAX } from '../../consensus/state.ts'
import type {
  Block,
  BlockId,
  QC,
  SafetyState,
  Timeout,
  UnsignedBlock,
  ValidatorIndex,
  View,
  Vote,
} from '../../consensus/types.ts'
import type { ValidatorSet } from '../../consensus/validators.ts'

export class Violation extends Error {
  override readonly name = 'Violation'
  readonly claim: string

  constructor(claim: string, detail: string) {
    super(`${claim}: ${detail}`)
    this.claim = claim
  }
}

function hold(claim: string, condition: boolean, detail: () => string): void {
  if (!condition) throw new Violation(claim, detail())
}

/** Everything ever signed, formed and committed by anybody, over all restarts. */
export class History {
  readonly committed = new Map<number, BlockId>()
  readonly certified = new Map<View, BlockId>()
  readonly votes = new Map<string, string>()
  readonly timeouts = new Map<string, View>()
  readonly proposals = new Map<string, BlockId>()
  /** Certificate views of commits per replica, the newest: what progress is measured by. */
  readonly lastCommit = new Map<ValidatorIndex, { readonly height: number; readonly certificateView: View }>()
}

/** S1: committed chains of honest nodes are prefixes of one another. */
export function checkAgreement({ committed }: History, block: Block): void {
  const { height } = block.proposal.header
  const other = committed.get(height)
  hold('S1 agreement', other === undefined || other === block.id, () => `height ${height}: ${other} and ${block.id}`)
  committed.set(height, block.id)
}

/** S2: at most one block is certified in a view. */
export function checkOneCertifiedBlock({ certified }: History, qc: QC): void {
  const other = certified.get(qc.view)
  hold('S2 one certified block', other === undefined || other === qc.blockId, () => `view ${qc.view}: ${other}`)
  certified.set(qc.view, qc.blockId)
}

/** S2: a certificate takes a quorum of distinct signers. */
export function checkQuorum(validators: ValidatorSet, signers: readonly ValidatorIndex[]): void {
  const distinct = new Set(signers).size === signers.length
  hold('S2 quorum', distinct && validators.powerOf(signers) >= validators.quorum, () => signers.join())
}

/** S3: what is durable only rises, and keeps its invariants. */
export function checkMonotone(before: SafetyState, next: SafetyState): void {
  const broken = brokenAdvance(before, next) ?? brokenInvariant(next)
  hold('S3 monotone safety', broken === undefined, () => String(broken))
}

/** S3: a key signs at most one vote a view, ever; a second signature is the same message. */
export function checkOneVote({ votes }: History, { signer, view, blockId, parentView, parentId }: Vote): void {
  const key = `${signer}/${view}`
  const said = `${blockId}/${parentView}/${parentId}`
  const before = votes.get(key)
  hold('S3 one vote', before === undefined || before === said, () => `validator/view ${key}: ${before}, ${said}`)
  votes.set(key, said)
}

/** S3: a key signs at most one timeout a view, ever: with one highQC view; and never a vote of a view it gave up before. */
export function checkOneTimeout({ timeouts }: History, { signer, view, highQC }: Timeout): void {
  const key = `${signer}/${view}`
  const before = timeouts.get(key)
  hold('S3 one timeout', before === undefined || before === highQC.view, () => `validator/view ${key}`)
  timeouts.set(key, highQC.view)
}

/** S3: a vote first signed after its view's timeout breaks the argument behind TCs. */
export function checkNoVoteAfterTimeout({ votes, timeouts }: History, { signer, view }: Vote): void {
  const key = `${signer}/${view}`
  hold('S3 no vote after timeout', votes.has(key) || !timeouts.has(key), () => `validator/view ${key}`)
}

/** S4: what is signed is on the signer's disk already. */
export function checkSavedVote(disk: SafetyState, vote: Vote): void {
  const saved = disk.lastVotedView > vote.view || disk.lastVote?.blockId === vote.blockId
  hold('S4 send after save', saved, () => `vote of view ${vote.view}, disk at ${disk.lastVotedView}`)
}

export function checkSavedTimeout(disk: SafetyState, timeout: Timeout): void {
  const { highestTimeoutView: saved } = disk
  hold('S4 send after save', saved >= timeout.view, () => `timeout of view ${timeout.view}, disk at ${saved}`)
}

export function checkSavedProposal(disk: SafetyState, { id }: UnsignedBlock): void {
  hold('S4 send after save', disk.lastProposal?.blockId === id, () => `proposal ${id}`)
}

/** S6: a commit follows from a certificate of a child one view above, and continues the chain without a gap. */
export function checkCommitRule(tip: Block, blocks: readonly Block[], certificate: QC): void {
  let parent = tip
  for (const block of blocks) {
    const { header, justify } = block.proposal
    const { height, view } = parent.proposal.header
    hold('S6 parent link', header.parentId === parent.id && justify.blockId === parent.id, () => `${header.height}`)
    hold('S6 heights', header.height === height + 1, () => `${header.height} on ${height}`)
    hold('S6 views', header.view > view, () => `${header.view} on ${view}`)
    parent = block
  }
  hold('S6 certificate', certificate.parentId === parent.id, () => `of ${certificate.parentId}, last ${parent.id}`)
  const { view } = parent.proposal.header
  hold('S6 consecutive views', certificate.view === view + 1, () => `${view} by ${certificate.view}`)
}

/** S7: an honest leader makes one proposal a view, ever, and only in a view it leads and can prove. */
export function checkOneProposal(
  { proposals }: History,
  { id, proposal }: UnsignedBlock,
  leader: ValidatorIndex,
): void {
  const { header, justify, tc } = proposal
  const key = `${header.proposer}/${header.view}`
  const before = proposals.get(key)
  hold('S7 one proposal', before === undefined || before === id, () => `validator/view ${key}`)
  hold('S7 leader', header.proposer === leader, () => `validator/view ${key}`)
  hold('S7 entry proof', hasEntryProof(header.view, justify, tc), () => `validator/view ${key}`)
  proposals.set(key, id)
}

/** What ingress demands of a timeout, honest ones meet. */
export function checkProvesItsView(timeout: Timeout): void {
  const rejection = checkTimeoutShape(timeout)
  hold('S7 timeout proves its view', rejection === undefined, () => `view ${timeout.view}: ${rejection?.kind}`)
}

/** S16: everything a peer can make grow stays within its bound after every step. */
export function checkBounds(core: CoreState): void {
  const { size } = core.config.validators
  // One by one: a table of them would be made anew at every step of every simulation.
  holdBound('blocks', core.tree.size, TREE_BLOCKS_MAX)
  holdBound('views of votes', core.votes.views, VIEWS_BEHIND_MAX + 1 + VIEWS_AHEAD_MAX)
  holdBound('views of timeouts', core.timeouts.views, VIEWS_BEHIND_MAX + 1 + VIEWS_AHEAD_MAX)
  holdBound('proposals', core.proposals.size, VIEWS_BEHIND_MAX + 1)
  holdBound('certified views', core.certified.size, 64)
  holdBound('answers', core.lastAnswerMs.size, size)
  holdBound('suspects', core.suspects.size, size)
  holdBound('wanted blocks', core.wanted.size, 3)
}

function holdBound(what: string, got: number, most: number): void {
  if (got > most) throw new Violation('S16 bounds', `${what}: ${got} of ${most}`)
}

/** S17: the same seed gives the same run. */
export function checkDeterminism(first: string, second: string): void {
  hold('S17 determinism', first === second, () => `${first}, then ${second}`)
}

/** L1: once the network is well, every live replica commits something new within n + 3 views. */
export function checkProgress(
  history: History,
  live: readonly ValidatorIndex[],
  healed: { readonly view: View; readonly height: number },
  validators: number,
): void {
  for (const replica of live) {
    const height = history.lastCommit.get(replica)?.height ?? 0
    hold('L1 progress', height > healed.height, () => `replica ${replica} at ${height}, healed at ${healed.height}`)
  }
  const first = firstCommitAbove(history, healed)
  const most = healed.view + validators + 3
  hold('L1 n+3 views', first !== undefined && first <= most, () => `first commit in ${first}, at most ${most}`)
}

/** View of the first certificate after healing that commits: that of the lowest new height, one above its block's. */
function firstCommitAbove({ certified, committed }: History, healed: { readonly height: number }): number | undefined {
  const id = committed.get(healed.height + 1)
  for (const [view, blockId] of certified) if (blockId === id) return view + 1
  return undefined
}
