// Genuine logs made false, one rule of progress at a time: certificates, view entries, commits, restarts. A row finds the first
// place in any log where its rule is at stake, and names the rule that has to object (conformance.ts).

import type { TracedEffect } from '../../consensus/trace.ts'
import {
  brings,
  brought,
  certified,
  commits,
  commitsTwo,
  type Doctored,
  effects,
  entersBy,
  found,
  has,
  isFresh,
  isFreshEntry,
  OTHER,
  outOfNothing,
  restarts,
  variable,
} from './doctoring.ts'

export const DOCTORED_PROGRESS: readonly Doctored[] = [
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
    place: ({ record }) => isFresh({ record }) && record.changed.lastTcView !== undefined && !has(record, 'vote'),
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
    place: ({ record }) => commits({ record }) && record.action === 'proposal',
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
    place: ({ record }) => commits({ record }) && !has(record, 'vote'),
    change: effects('commit', () => []),
    reason: 'rootId is',
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
