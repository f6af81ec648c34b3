// Genuine logs made false, one rule of signing at a time: votes, timeouts, proposals, and the save ahead of them. A row finds the
// first place in any log where its rule is at stake, and names the rule that has to object (conformance.ts).

import type { StepRecord } from '../../consensus/trace.ts'
import {
  blockVotedFor,
  brings,
  brought,
  type Doctored,
  effectIn,
  effects,
  entersBy,
  has,
  OTHER,
  outOfNothing,
  proposes,
  type Spot,
  timedOut,
  timesOut,
  variable,
  votes,
} from './doctoring.ts'

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

export const DOCTORED_SIGNATURES: readonly Doctored[] = [
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
]
