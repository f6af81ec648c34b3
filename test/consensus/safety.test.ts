// The safety rules as tables: each row is one rule of DESIGN.md, section 3, and fails when that rule is taken out.

import { describe, expect, test } from 'vitest'
import {
  castTimeout,
  castVote,
  committedBy,
  freshSafety,
  hasEntryProof,
  raise,
  restartView,
  voteRefusal,
} from '../../consensus/safety.ts'
import type { BlockId, Epoch, QC, SafetyState, TC, UnsignedTimeout, UnsignedVote, View } from '../../consensus/types.ts'
import { blockNamed, index, view } from './committee.ts'
import { Solo } from './solo.ts'

const solo = new Solo()
const { genesis, rootQC } = solo
const [b1] = solo.chain([1])
if (b1 === undefined) throw new RangeError('one block')
/** The ground of every row: in view 2, block 2 on block 1, nothing signed in view 2 yet. */
const b2 = solo.block(2, b1)
const q1 = solo.qc(b1)
const ground = {
  safety: { ...freshSafety(rootQC), highQC: q1 },
  currentView: view(2),
  parentTimestampMs: b1.proposal.header.timestampMs,
  nowMs: b2.proposal.header.timestampMs,
  clockAheadMsMax: 500,
}
const at = (view: number, block: string, parentView: number): QC => ({
  ...rootQC,
  view: view as View,
  blockId: blockNamed(block),
  parentView: parentView as View,
})
const tc = (ofView: number, ...reported: number[]): TC => ({
  ...solo.tc(ofView),
  highQcViews: reported.map(view),
})

describe('vote rules', () => {
  const signed = (safety: Partial<SafetyState>) => ({ ...ground, safety: { ...ground.safety, ...safety } })
  const timed = (ms: number) => ({
    ...b2.proposal,
    header: { ...b2.proposal.header, timestampMs: b2.proposal.header.timestampMs + ms },
  })
  test.each([
    ['all rules hold', b2.proposal, ground, undefined],
    ['(1) a view that is over', b2.proposal, { ...ground, currentView: view(3) }, 'not-current-view'],
    ['(1) a view that has not begun', b2.proposal, { ...ground, currentView: view(1) }, 'not-current-view'],
    ['(1) voted in this view', b2.proposal, signed({ lastVotedView: view(2) }), 'already-voted'],
    ['(1) voted in a later view', b2.proposal, signed({ lastVotedView: view(3) }), 'already-voted'],
    [
      '(1) gave up this view: no vote after a timeout',
      b2.proposal,
      signed({ highestTimeoutView: view(2) }),
      'timed-out',
    ],
    ['(1) gave up the view before: may vote', b2.proposal, signed({ highestTimeoutView: view(1) }), undefined],
    [
      '(2) PITFALLS 8: a TC whose signers know newer',
      solo.block(2, genesis, { tc: tc(1, 0, 1, 0) }).proposal,
      ground,
      'no-entry-proof',
    ],
    [
      '(3) PITFALLS 9: parent is not what justify certifies',
      { ...b2.proposal, header: { ...b2.proposal.header, parentId: genesis.id } },
      ground,
      'parent-not-justified',
    ],
    ['(4) PITFALLS 30: at its parent’s time', timed(-1), ground, 'time-not-after-parent'],
    ['(4) as far ahead as allowed', timed(500), ground, undefined],
    ['(4) one millisecond further', timed(501), ground, 'time-ahead'],
    [
      'not a rule: justify below lockedView (VIEWCHANGE 1: not needed)',
      solo.block(2, genesis, { tc: tc(1, 0, 0, 0), timestampMs: ground.nowMs }).proposal,
      signed({ lockedView: view(1) }),
      undefined,
    ],
  ] as const)('%s', (_, proposal, context, refusal) => {
    expect(voteRefusal(proposal, context)).toBe(refusal)
  })
})

describe('entry proof: vote rule (2)', () => {
  test.each([
    ['justify of the view before, no TC', 5, at(4, 'a', 3), undefined, true],
    ['justify older, no TC', 5, at(3, 'a', 2), undefined, false],
    ['justify of this very view', 5, at(5, 'a', 4), undefined, false],
    ['TC of the view before, justify as new as reported', 5, at(3, 'a', 2), tc(4, 1, 3, 2), true],
    ['TC of the view before, justify newer than reported', 5, at(3, 'a', 2), tc(4, 1, 2, 2), true],
    ['PITFALLS 8: justify older than one report', 5, at(2, 'a', 1), tc(4, 1, 3, 2), false],
    ['TC of an earlier view', 5, at(2, 'a', 1), tc(3, 1, 2, 2), false],
    ['TC of a later view', 5, at(2, 'a', 1), tc(5, 1, 2, 2), false],
    ['a TC beside the justify of its view: two encodings of one block', 5, at(4, 'a', 3), tc(4, 3, 3, 3), false],
  ] as const)('%s', (_, ofView, justify, by, holds) => {
    expect(hasEntryProof(view(ofView), justify, by)).toBe(holds)
  })
})

describe('castVote', () => {
  test('the vote names its parent, and the state to save forbids another in the view', () => {
    const cast = castVote(freshSafety(rootQC), b2, index(3))
    const vote: UnsignedVote = {
      epoch: 0 as Epoch,
      view: view(2),
      blockId: b2.id,
      parentView: view(1),
      parentId: b1.id,
      signer: index(3),
    }
    expect(cast.vote).toEqual(vote)
    // Jolteon, "Lock": voting raises the lock and highQC.
    expect(cast.safety).toMatchObject({ lastVotedView: 2, lastVote: vote, lockedView: 1, highQC: q1 })
    expect(voteRefusal(b2.proposal, { ...ground, safety: cast.safety })).toBe('already-voted')
  })

  test('neither falls when the justify is older', () => {
    const safety = { ...freshSafety(rootQC), highQC: at(4, 'newer', 3), lockedView: view(3) }
    expect(castVote(safety, b2, index(0)).safety).toMatchObject({ lockedView: 3, highQC: { view: 4 } })
  })
})

describe('castTimeout', () => {
  const vote = castVote(freshSafety(rootQC), b2, index(0)).vote
  const entered: SafetyState = { ...freshSafety(rootQC), highQC: q1 }
  const byTC: SafetyState = { ...freshSafety(rootQC), lastTC: solo.tc(1) }
  test.each([
    ['entered by QC: no TC attached', entered, { highQC: q1 }],
    ['entered by both: no TC attached', { ...entered, lastTC: solo.tc(1) }, { highQC: q1 }],
    ['entered by TC: attached', byTC, { highQC: rootQC, lastTC: solo.tc(1) }],
    ['this view’s vote is attached', { ...entered, lastVotedView: view(2), lastVote: vote }, { highQC: q1, vote }],
    [
      'another view’s vote is not',
      { ...entered, lastVotedView: view(1), lastVote: { ...vote, view: view(1) } },
      { highQC: q1 },
    ],
  ] as const)('%s', (_, safety, parts) => {
    const cast = castTimeout(safety, view(2), index(0))
    const timeout: UnsignedTimeout = { epoch: 0 as Epoch, view: view(2), ...parts, signer: index(0) }
    expect(cast.timeout).toEqual(timeout)
    expect(cast.safety).toMatchObject({ highestTimeoutView: 2, lastTimeout: timeout })
  })

  test('once per view, and only in a view that the state proves', () => {
    const { safety } = castTimeout(entered, view(2), index(0))
    expect(() => castTimeout(safety, view(2), index(0))).toThrow('once')
    expect(() => castTimeout(entered, view(3), index(0))).toThrow('proves its own view')
  })
})

describe('committedBy', () => {
  test.each([
    ['consecutive views commit the parent', 5, 4, true],
    ['PITFALLS 7: a gap commits nothing', 5, 3, false],
    ['the root QC commits nothing', 0, 0, false],
    ['the first block commits the root', 1, 0, true],
  ])('%s', (_, ofView, parentView, commits) => {
    const qc = { ...at(ofView, 'child', parentView), parentId: blockNamed('parent') }
    expect(committedBy(qc)).toBe(commits ? (blockNamed('parent') as BlockId) : undefined)
  })
})

describe('restartView', () => {
  test.each([
    ['by the QC', { highQC: at(7, 'a', 6) }, 8],
    ['PITFALLS 4: by the TC when that is newer', { highQC: at(7, 'a', 6), lastTC: tc(9, 7) }, 10],
    ['by the QC when that is newer', { highQC: at(12, 'a', 6), lastTC: tc(9, 7) }, 13],
    ['as far as it voted', { highQC: at(7, 'a', 6), lastVotedView: view(8) }, 8],
  ] as const)('%s', (_, parts, expected) => {
    expect(restartView({ ...freshSafety(rootQC), ...parts })).toBe(expected)
  })

  test.each([
    ['voted', { lastVotedView: view(9) }],
    ['gave up', { highestTimeoutView: view(9) }],
  ] as const)('never below what it %s', (_, parts) => {
    expect(() => restartView({ ...freshSafety(rootQC), highQC: at(7, 'a', 6), ...parts })).toThrow('signature')
  })
})

describe('raise', () => {
  const high: SafetyState = {
    epoch: 0 as Epoch,
    lastVotedView: view(5),
    highestTimeoutView: view(5),
    lockedView: view(4),
    highQC: at(5, 'a', 4),
    lastTC: tc(5, 4),
    lastProposal: { view: view(5), blockId: blockNamed('mine') },
  }
  test.each([
    ['lastVotedView', { lastVotedView: view(4) }],
    ['highestTimeoutView', { highestTimeoutView: view(4) }],
    ['lockedView', { lockedView: view(3) }],
    ['highQC', { highQC: at(4, 'a', 3) }],
    ['highQC below the lock', { lockedView: view(6) }],
    ['lastTC', { lastTC: tc(4, 3) }],
    ['lastProposal', { lastProposal: { view: view(4), blockId: blockNamed('mine') } }],
    ['epoch', { epoch: -1 as Epoch }],
  ] as const)('never lets %s fall', (_, change) => {
    expect(() => raise(high, change)).toThrow()
  })
})
