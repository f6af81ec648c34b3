// Genuine logs made false, one rule at a time: what the checker of conformance.ts has to notice. A row finds the first place in
// any log where its rule is at stake, changes the record there (or adds one), and names the rule that has to object.

import type {
  SafetyVariables,
  StepRecord,
  TracedBlock,
  TracedEffect,
  TracedQC,
  TracedTimeout,
} from '../../consensus/trace.ts'

export interface Spot {
  readonly record: StepRecord
  readonly earlier: readonly StepRecord[]
  /** The node's variables ahead of the record. */
  readonly state: SafetyVariables
}

export interface Doctored {
  readonly title: string
  readonly place: (spot: Spot) => boolean
  /** What stands there instead. */
  readonly change: (spot: Spot) => readonly StepRecord[]
  /** Part of the reason for the rejection. */
  readonly reason: string
}

type Kind = TracedEffect['kind']
type EffectOf<K extends Kind> = Extract<TracedEffect, { readonly kind: K }>

const OTHER = 'f'.repeat(64)

function isOf<K extends Kind>(kind: K) {
  return (effect: TracedEffect): effect is EffectOf<K> => effect.kind === kind
}

function effectIn<K extends Kind>(record: StepRecord, kind: K): EffectOf<K> {
  const found = record.effects.find(isOf(kind))
  if (found === undefined) throw new RangeError(`no ${kind} in the record`)
  return found
}

const has = (record: StepRecord, kind: Kind) => record.found === undefined && record.effects.some(isOf(kind))
const votes = ({ record }: Spot) => has(record, 'vote') && record.changed.lastVotedView !== undefined
const timesOut = ({ record }: Spot) => has(record, 'timeout') && record.changed.highestTimeoutView !== undefined
const proposes = ({ record }: Spot) => has(record, 'proposal')
const commits = ({ record }: Spot) => has(record, 'commit')
const commitsTwo = (spot: Spot) => commits(spot) && effectIn(spot.record, 'commit').blocks.length > 1
const restarts = ({ record, earlier }: Spot) => record.found !== undefined && earlier.length > 0
const brings = (action: StepRecord['action']) => (spot: Spot) => spot.record.action === action
const entersBy = (action: StepRecord['action']) => (spot: Spot) =>
  spot.record.action === action && spot.record.changed.view !== undefined
const isFresh = ({ record }: Spot) => record.found === undefined

/** The record with its effects of one kind changed, dropped (none) or multiplied. */
function effects<K extends Kind>(kind: K, change: (effect: EffectOf<K>, spot: Spot) => readonly TracedEffect[]) {
  return (spot: Spot): StepRecord[] => {
    const isKind = isOf(kind)
    const next = spot.record.effects.flatMap((effect) => (isKind(effect) ? change(effect, spot) : [effect]))
    return [{ ...spot.record, effects: next }]
  }
}

function variable(name: keyof SafetyVariables, value: (spot: Spot) => number | string | undefined) {
  return (spot: Spot): StepRecord[] => {
    const { [name]: _, ...rest } = spot.record.changed
    const given = value(spot)
    return [{ ...spot.record, changed: given === undefined ? rest : { ...rest, [name]: given } }]
  }
}

function found(name: keyof SafetyVariables, change: (value: number) => number) {
  return ({ record }: Spot): StepRecord[] => {
    if (record.found === undefined) throw new RangeError('no restart')
    return [{ ...record, found: { ...record.found, [name]: change(Number(record.found[name])) } }]
  }
}

function brought(change: (block: TracedBlock) => TracedBlock) {
  return ({ record }: Spot): StepRecord[] => [{ ...record, blocks: (record.blocks ?? []).map(change) }]
}

function certified(change: (qc: TracedQC) => TracedQC) {
  return ({ record }: Spot): StepRecord[] => [{ ...record, qcs: (record.qcs ?? []).map(change) }]
}

function timedOut(change: (timeout: TracedTimeout, spot: Spot) => TracedTimeout) {
  return effects('timeout', ({ timeout }, spot) => [{ kind: 'timeout', timeout: change(timeout, spot) }])
}

/** A step in which nothing came and these effects happened. */
const outOfNothing = (...given: readonly TracedEffect[]): StepRecord => ({
  action: 'timer',
  changed: {},
  effects: given,
})

function blockVotedFor({ record, earlier }: Spot): TracedBlock {
  const { blockId } = effectIn(record, 'vote').vote
  const block = [...earlier, record].flatMap(({ blocks = [] }) => blocks).find(({ id }) => id === blockId)
  if (block === undefined) throw new RangeError('a vote for a block that no record shows')
  return block
}

/** Ahead of the vote, the node gave up on the view: the timeout is as it should be. */
function timeoutBeforeVote(spot: Spot): StepRecord[] {
  const { vote } = effectIn(spot.record, 'vote')
  const { justify, tc } = blockVotedFor(spot)
  const saved = { ...spot.state, highestTimeoutView: vote.view }
  const timeout = { view: vote.view, highQC: justify, ...(tc === undefined ? {} : { lastTC: tc }), signer: vote.signer }
  const gaveUp = outOfNothing({ kind: 'save', saved }, { kind: 'timeout', timeout })
  const voted = effects('save', (save) => [{ kind: 'save', saved: { ...save.saved, highestTimeoutView: vote.view } }])(
    spot,
  )
  return [{ ...gaveUp, changed: { highestTimeoutView: vote.view } }, ...voted]
}

/** The proposal's TC shows that its signers knew a newer QC, and the node takes that in before it votes. */
function tcOfNewerQC({ record }: Spot): StepRecord[] {
  const [block] = record.blocks ?? []
  if (block?.tc === undefined) throw new RangeError('no TC')
  const { tc } = block
  const highQC = { ...tc.highQC, view: tc.view - 1, blockId: OTHER }
  const newer = { ...block, tc: { ...tc, highQcViews: tc.highQcViews.map(() => highQC.view), highQC } }
  const changed = { ...record.changed, highQcView: highQC.view, highQcBlockId: OTHER }
  return [{ ...record, blocks: [newer], changed }]
}

/** A vote whose justify is the node's highQC: a timeout ahead of it can be made of what the block shows. */
const votesLater = (spot: Spot) =>
  votes(spot) && spot.record.action === 'executed' && blockVotedFor(spot).tc === undefined

export const DOCTORED: readonly Doctored[] = [
  {
    title: 'Vote (1): a second vote in one view',
    place: votes,
    change: ({ record }) => {
      const { vote } = effectIn(record, 'vote')
      return [record, outOfNothing({ kind: 'vote', vote: { ...vote, blockId: OTHER } })]
    },
    reason: 'a second vote in one view',
  },
  {
    title: 'Vote (1): a vote of another view than the current one',
    place: votes,
    change: effects('vote', ({ vote }) => [{ kind: 'vote', vote: { ...vote, view: vote.view + 1 } }]),
    reason: 'a vote of view',
  },
  {
    title: 'Vote (1): never vote in a view after timing it out',
    place: votesLater,
    change: timeoutBeforeVote,
    reason: 'no rule allows this vote',
  },
  {
    title: 'Vote (2): the TC reports a QC newer than the justify (PITFALLS 8)',
    place: ({ record }) => {
      const tc = record.action === 'proposal' ? record.blocks?.[0]?.tc : undefined
      return tc !== undefined && tc.highQC.view < tc.view - 1 && has(record, 'entered-view')
    },
    change: tcOfNewerQC,
    reason: 'no rule allows this vote',
  },
  {
    title: 'a TC that reports a QC newer than the one it carries (PITFALLS 11)',
    place: ({ record }) => {
      const tc = record.action === 'proposal' ? record.blocks?.[0]?.tc : undefined
      return tc !== undefined && tc.highQC.view < tc.view - 1
    },
    change: brought(({ tc, ...block }) => {
      return tc === undefined ? block : { ...block, tc: { ...tc, highQcViews: tc.highQcViews.map(() => tc.view - 1) } }
    }),
    reason: 'a TC carries the highest QC it reports',
  },
  {
    title: 'Vote (2): a block whose justify does not show its view, and no TC',
    place: ({ record }) =>
      record.action === 'proposal' && record.blocks?.[0]?.tc !== undefined && has(record, 'entered-view'),
    change: brought(({ tc: _, ...block }) => block),
    reason: 'a view is entered by a certificate only',
  },
  {
    title: 'Vote (3): a block that extends another than its justify (PITFALLS 9)',
    place: brings('proposal'),
    change: brought((block) => ({ ...block, parentId: OTHER })),
    reason: 'a block extends its justify',
  },
  {
    title: 'Vote (3): a proposer who does not lead the view (PITFALLS 31)',
    place: entersBy('proposal'),
    change: brought((block) => ({ ...block, proposer: (block.proposer + 1) % 4 })),
    reason: 'the proposer leads the view',
  },
  {
    title: 'Vote (3): a height that is not one above the parent',
    place: entersBy('proposal'),
    change: brought((block) => ({ ...block, height: block.height + 1 })),
    reason: 'a block is one above its parent',
  },
  {
    title: 'Vote (3): the second proposal of a view (PITFALLS 34)',
    place: entersBy('proposal'),
    change: ({ record }) => [
      { ...record, blocks: (record.blocks ?? []).map((block) => ({ ...block, id: OTHER })) },
      { action: 'proposal', blocks: record.blocks ?? [], changed: {}, effects: [] },
    ],
    reason: 'the first proposal of a view stands',
  },
  {
    title: 'Vote (4): a vote before the payload was found valid',
    place: (spot) => votes(spot) && spot.record.action === 'executed',
    change: ({ record: { executed: _, ...record } }) => [record],
    reason: 'a vote for a block not found valid',
  },
  {
    title: 'a vote that misstates its block’s parent view',
    place: votes,
    change: effects('vote', ({ vote }) => [{ kind: 'vote', vote: { ...vote, parentView: vote.parentView - 1 } }]),
    reason: 'a vote says what its block is',
  },
  {
    title: 'a vote for a block never received',
    place: votes,
    change: effects('vote', ({ vote }) => [{ kind: 'vote', vote: { ...vote, blockId: OTHER } }]),
    reason: 'a vote for a block not held',
  },
  {
    title: 'Persist before send: a vote without a save (PITFALLS 1)',
    place: votes,
    change: effects('save', () => []),
    reason: 'a vote outruns the save of lastVotedView',
  },
  {
    title: 'Persist before send: a vote ahead of its save (PITFALLS 1)',
    place: votes,
    change: ({ record }) => [{ ...record, effects: record.effects.toReversed() }],
    reason: 'outruns the save',
  },
  {
    title: 'Persist before send: a save without the lock',
    place: (spot) => votes(spot) && spot.record.changed.lockedView !== undefined,
    change: effects('save', ({ saved }, { state }) => [
      { kind: 'save', saved: { ...saved, lockedView: state.lockedView } },
    ]),
    reason: 'a vote outruns the save of lockedView',
  },
  {
    title: 'Persist before send: a timeout without a save',
    place: timesOut,
    change: effects('save', () => []),
    reason: 'a timeout outruns the save of highestTimeoutView',
  },
  {
    title: 'Persist before send: a proposal without a save (PITFALLS 6)',
    place: proposes,
    change: effects('save', () => []),
    reason: 'a proposal outruns the save',
  },
  {
    title: 'a save that lowers what was saved',
    place: (spot) => votes(spot) && spot.state.lastVotedView > 0,
    change: effects('save', ({ saved }) => [{ kind: 'save', saved: { ...saved, lastVotedView: 0 } }]),
    reason: 'a save lowers lastVotedView',
  },
  {
    title: 'Lock: a vote that does not raise lockedView',
    place: (spot) => votes(spot) && spot.record.changed.lockedView !== undefined,
    change: variable('lockedView', () => undefined),
    reason: 'lockedView is',
  },
  {
    title: 'Timeout: of another view than the current one',
    place: timesOut,
    change: timedOut((timeout) => ({ ...timeout, view: timeout.view + 1 })),
    reason: 'a timeout of view',
  },
  {
    title: 'Timeout: it reports an older QC than highQC',
    place: timesOut,
    change: timedOut((timeout) => ({ ...timeout, highQC: { ...timeout.highQC, view: timeout.highQC.view - 1 } })),
    reason: 'a timeout reports highQC',
  },
  {
    title: 'Timeout: no lastTC although highQC does not show the view',
    place: (spot) => timesOut(spot) && effectIn(spot.record, 'timeout').timeout.lastTC !== undefined,
    change: timedOut(({ lastTC: _, ...timeout }) => timeout),
    reason: 'a timeout has lastTC iff',
  },
  {
    title: 'Timeout: a lastTC of an older view',
    place: (spot) => timesOut(spot) && effectIn(spot.record, 'timeout').timeout.lastTC !== undefined,
    change: timedOut(({ lastTC, ...timeout }) =>
      lastTC === undefined ? timeout : { ...timeout, lastTC: { ...lastTC, view: lastTC.view - 1 } },
    ),
    reason: 'a timeout proves its view',
  },
  {
    title: 'Timeout: the vote of its view left out',
    place: (spot) => timesOut(spot) && effectIn(spot.record, 'timeout').timeout.vote !== undefined,
    change: timedOut(({ vote: _, ...timeout }) => timeout),
    reason: 'a timeout has the vote of its view',
  },
  {
    title: 'Timeout: resent with other content (PITFALLS 5)',
    place: ({ record }) => has(record, 'timeout') && record.timer === 'resend-timeout',
    change: timedOut((timeout) => ({ ...timeout, highQC: { ...timeout.highQC, blockId: OTHER } })),
    reason: 'a second timeout of one view',
  },
  {
    title: 'Pacemaker: a timer enters the next view (PITFALLS 17)',
    place: ({ record }) => record.action === 'timer' && record.found === undefined,
    change: ({ record, state }) => {
      const entry: TracedEffect = { kind: 'entered-view', view: state.view + 1, leader: 0 }
      return [{ ...record, changed: { ...record.changed, view: state.view + 1 }, effects: [...record.effects, entry] }]
    },
    reason: 'a view is entered by a certificate only',
  },
  {
    title: 'Pacemaker: a certificate that does not enter the next view (PITFALLS 16)',
    place: entersBy('proposal'),
    change: effects('entered-view', () => []),
    reason: 'entered was',
  },
  {
    title: 'Pacemaker: the view variable stays behind',
    place: ({ record }) => isFreshEntry(record),
    change: variable('view', () => undefined),
    reason: 'view is',
  },
  {
    title: 'a leader who is not the schedule’s',
    place: entersBy('proposal'),
    change: effects('entered-view', (entry) => [{ ...entry, leader: (entry.leader + 1) % 4 }]),
    reason: 'the leader is the scheduled one',
  },
  {
    title: 'a certificate that does not raise highQC (PITFALLS 16)',
    place: ({ record }) => isFreshEntry(record) && record.changed.highQcView !== undefined,
    change: variable('highQcView', () => undefined),
    reason: 'highQcView is',
  },
  {
    title: 'a TC that is not remembered (PITFALLS 4)',
    place: ({ record }) =>
      isFresh({ record } as Spot) && record.changed.lastTcView !== undefined && !has(record, 'vote'),
    change: variable('lastTcView', () => undefined),
    reason: 'lastTcView is',
  },
  {
    title: 'a QC of two signers',
    place: brings('qc-formed'),
    change: certified((qc) => ({ ...qc, signers: qc.signers.slice(0, 2) })),
    reason: 'a QC without a quorum',
  },
  {
    title: 'a QC that counts one signer twice',
    place: brings('qc-formed'),
    change: certified((qc) => ({ ...qc, signers: [...qc.signers.slice(0, 2), ...qc.signers.slice(0, 1)] })),
    reason: 'a QC without a quorum',
  },
  {
    title: 'a QC formed for another block than the votes were',
    place: brings('qc-formed'),
    change: certified((qc) => ({ ...qc, blockId: OTHER })),
    reason: 'a QC formed of votes not received',
  },
  {
    title: 'a TC formed of timeouts of another view (PITFALLS 13)',
    place: brings('tc-formed'),
    change: ({ record }) => [{ ...record, tcs: (record.tcs ?? []).map((tc) => ({ ...tc, view: tc.view + 1 })) }],
    reason: 'a TC formed of timeouts not received',
  },
  {
    title: 'a TC whose signers are made to report less',
    place: ({ record }) => record.action === 'tc-formed' && (record.tcs?.[0]?.highQC.view ?? 0) > 0,
    change: ({ record }) => [
      { ...record, tcs: (record.tcs ?? []).map((tc) => ({ ...tc, highQcViews: tc.highQcViews.map(() => 0) })) },
    ],
    reason: 'a TC formed of timeouts not received',
  },
  {
    title: 'two blocks certified in one view, and the node goes on (PITFALLS 34)',
    place: ({ record }) => record.action === 'proposal' && (record.blocks?.[0]?.justify.view ?? 0) > 0,
    change: ({ record }) => {
      const qcs = (record.blocks ?? []).map(({ justify }) => ({ ...justify, blockId: OTHER }))
      return [record, { action: 'certificate', qcs, changed: {}, effects: [] }]
    },
    reason: 'two blocks certified in one view',
  },
  {
    title: 'a step after a halt',
    place: ({ record }) => isFreshEntry(record),
    change: ({ record }) => [outOfNothing({ kind: 'halt', reason: 'a broken fault assumption' }), record],
    reason: 'halted before',
  },
  {
    title: 'Commit: by a QC whose view is not the next (PITFALLS 7)',
    place: commitsTwo,
    change: effects('commit', (commit) => {
      const { blocks } = commit
      const gap = blocks.map((block, at) => (at === blocks.length - 1 ? { ...block, view: block.view - 0.5 } : block))
      return [{ ...commit, blocks: gap }]
    }),
    reason: 'a commit needs consecutive views',
  },
  {
    title: 'Commit: newest first (PITFALLS 10)',
    place: commitsTwo,
    change: effects('commit', (commit) => [{ ...commit, blocks: commit.blocks.toReversed() }]),
    reason: 'commits are oldest first',
  },
  {
    title: 'Commit: an ancestor left out',
    place: commitsTwo,
    change: effects('commit', (commit) => [{ ...commit, blocks: commit.blocks.slice(1) }]),
    reason: 'commits are oldest first',
  },
  {
    title: 'Commit: the same block twice (PITFALLS 10)',
    place: commits,
    change: effects('commit', (commit) => [commit, commit]),
    reason: 'commits are oldest first',
  },
  {
    title: 'Commit: the certified block itself, a view early',
    place: ({ record }) => commits({ record } as Spot) && record.action === 'proposal',
    change: effects('commit', (commit, { state }) => {
      const { view, blockId, parentId } = commit.certificate
      const height = state.rootHeight + commit.blocks.length + 1
      return [{ ...commit, blocks: [...commit.blocks, { id: blockId, view, height, parentId }] }]
    }),
    reason: 'a QC commits the parent of its block',
  },
  {
    title: 'Commit: by a QC this node has not seen',
    place: commits,
    change: effects('commit', (commit) => [{ ...commit, certificate: { ...commit.certificate, blockId: OTHER } }]),
    reason: 'a commit by a QC not seen',
  },
  {
    title: 'Commit: not done when the QC proves it',
    place: ({ record }) => commits({ record } as Spot) && !has(record, 'vote'),
    change: effects('commit', () => []),
    reason: 'rootId is',
  },
  {
    title: 'Proposal: by a node that does not lead the view',
    place: proposes,
    change: effects('proposal', ({ block }) => [{ kind: 'proposal', block: { ...block, view: block.view + 1 } }]),
    reason: 'only the leader of the current view proposes',
  },
  {
    title: 'Proposal: a second one in the view',
    place: proposes,
    change: ({ record }) => [record, { ...record, changed: {} }],
    reason: 'one proposal a view',
  },
  {
    title: 'Proposal: on a QC this node has not seen',
    place: proposes,
    change: effects('proposal', ({ block }) => {
      const justify = { ...block.justify, blockId: OTHER }
      return [{ kind: 'proposal', block: { ...block, justify, parentId: OTHER } }]
    }),
    reason: 'a justify not seen',
  },
  {
    title: 'Proposal: without the TC its view needs',
    place: (spot) => proposes(spot) && effectIn(spot.record, 'proposal').block.tc !== undefined,
    change: effects('proposal', ({ block: { tc: _, ...block } }) => [{ kind: 'proposal', block }]),
    reason: 'a proposal proves its view',
  },
  {
    title: 'a signature of somebody else',
    place: (spot) => votes(spot) && spot.earlier.some((earlier) => has(earlier, 'vote')),
    change: effects('vote', ({ vote }) => [{ kind: 'vote', vote: { ...vote, signer: (vote.signer + 1) % 4 } }]),
    reason: 'a node signs for itself alone',
  },
  {
    title: 'Restart: lastVotedView forgotten (PITFALLS 2)',
    place: (spot) => restarts(spot) && spot.state.lastVotedView > 0,
    change: found('lastVotedView', () => 0),
    reason: 'restart lost lastVotedView',
  },
  {
    title: 'Restart: highestTimeoutView forgotten',
    place: (spot) =>
      restarts(spot) && (spot.record.found?.highestTimeoutView ?? 0) > 0 && spot.state.highestTimeoutView > 0,
    change: found('highestTimeoutView', () => 0),
    reason: 'restart lost highestTimeoutView',
  },
  {
    title: 'Restart: lastProposal forgotten (PITFALLS 6)',
    place: (spot) => restarts(spot) && spot.earlier.some((earlier) => has(earlier, 'proposal')),
    change: found('lastProposalView', () => 0),
    reason: 'restart lost lastProposalView',
  },
  {
    title: 'Restart: at a view that no certificate opens (PITFALLS 4)',
    place: restarts,
    change: found('view', (view) => view + 1),
    reason: 'restart at the certified view',
  },
  {
    title: 'a log that does not begin with a start',
    place: ({ earlier }) => earlier.length === 0,
    change: () => [],
    reason: 'nothing comes before the start',
  },
]

function isFreshEntry(record: StepRecord): boolean {
  return (
    record.found === undefined && record.changed.view !== undefined && !has(record, 'vote') && !has(record, 'timeout')
  )
}
