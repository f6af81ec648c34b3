// Votes given and votes collected (DESIGN.md, section 3: "Vote", "Votes", "Equivocation").

import { describe, expect, test } from 'vitest'
import { VIEWS_AHEAD_MAX, VIEWS_BEHIND_MAX } from '../../consensus/state.ts'
import { index, view } from './committee.ts'
import { all, BASE_MS, IDLE_MS, only, Solo, timerAfter } from './solo.ts'

describe('the vote', () => {
  test('PITFALLS 1, 3: the save comes before it, with the block; it goes to L(v+1) alone', () => {
    const solo = Solo.busy()
    const b1 = solo.block(1, solo.genesis)
    const effects = solo.giveProposal(b1)
    const kinds = effects.map((effect) => effect.kind)
    expect(kinds.indexOf('save')).toBeLessThan(kinds.indexOf('send-vote'))
    expect(only(effects, 'save')).toMatchObject({
      block: b1,
      safety: { lastVotedView: 1, lastVote: { blockId: b1.id } },
    })
    expect(only(effects, 'send-vote')).toMatchObject({ vote: { blockId: b1.id, view: 1, parentView: 0 }, to: [2] })
  })

  test('PITFALLS 2: once per view, whatever comes', () => {
    const solo = Solo.busy()
    solo.giveProposal(solo.block(1, solo.genesis))
    expect(all(solo.giveProposal(solo.block(1, solo.genesis, { name: 'other' })), 'send-vote')).toEqual([])
  })

  test('waits for the execution of the block, and does not come when that is invalid', () => {
    for (const valid of [true, false]) {
      const solo = Solo.busy()
      solo.verdict = undefined
      const b1 = solo.block(1, solo.genesis)
      const effects = solo.giveProposal(b1)
      expect(only(effects, 'execute').block.id).toBe(b1.id)
      expect(all(effects, 'send-vote')).toEqual([])
      const executed = solo.give({ kind: 'executed', blockId: b1.id, valid })
      expect(all(executed, 'send-vote')).toHaveLength(valid ? 1 : 0)
    }
  })

  test('waits for missing ancestors, which are fetched', () => {
    const solo = Solo.busy()
    const [b1, b2] = solo.chain([1, 2])
    if (!b1 || !b2) throw new RangeError('two blocks')
    const effects = solo.giveProposal(b2)
    expect(only(effects, 'fetch').blockId).toBe(b1.id)
    expect(all(effects, 'send-vote')).toEqual([])
    expect(only(solo.give({ kind: 'fetched', blocks: [b1] }), 'send-vote').vote.blockId).toBe(b2.id)
  })

  test('PITFALLS 34: a fetched block that certifies another block than is known for that view stops the node', () => {
    const solo = Solo.busy()
    const [known, other] = [solo.block(1, solo.genesis), solo.block(1, solo.genesis, { name: 'other' })]
    solo.give({ kind: 'certificate', qc: solo.qc(known) })
    const effects = solo.give({ kind: 'fetched', blocks: [other, solo.block(2, other)] })
    expect(only(effects, 'halt').reason).toMatch(/two blocks certified in view 1/)
  })

  test('a missing block is asked for once', () => {
    const solo = Solo.busy()
    const b1 = solo.block(1, solo.genesis)
    expect(all(solo.give({ kind: 'certificate', qc: solo.qc(b1) }), 'fetch')).toHaveLength(1)
    expect(all(solo.give({ kind: 'work', available: true }), 'fetch')).toEqual([])
  })

  test('not after a timeout of the view, though everything else holds', () => {
    const solo = Solo.busy()
    solo.give({ kind: 'timer', timer: 'view', view: view(1) })
    expect(all(solo.giveProposal(solo.block(1, solo.genesis)), 'send-vote')).toEqual([])
  })

  test('a block of the view before, late, is held and not voted for', () => {
    const solo = Solo.busy()
    solo.give({ kind: 'tc-formed', tc: solo.tc(1) })
    const late = solo.block(1, solo.genesis)
    expect(all(solo.giveProposal(late), 'send-vote')).toEqual([])
    expect(solo.core.tree.isConnected(late.id)).toBe(true)
  })

  test('an observer follows and signs nothing', () => {
    const solo = Solo.busy({ self: undefined })
    for (const block of solo.chain([1, 2, 3])) {
      const effects = solo.giveProposal(block)
      expect(effects.filter((effect) => effect.kind.startsWith('send') || effect.kind === 'save')).toEqual([])
    }
    solo.give({ kind: 'timer', timer: 'view', view: view(3) })
    expect(solo.core.tree.rootHeight).toBe(1)
    expect(solo.core.safety.highestTimeoutView).toBe(0)
  })
})

describe('the second vote', () => {
  test('the same vote once more to L(v), a quarter of the timeout after voting', () => {
    const solo = Solo.busy()
    const effects = solo.giveProposal(solo.block(1, solo.genesis))
    expect(timerAfter(effects, 'resend-vote')).toBe(BASE_MS / 4)
    const again = solo.give({ kind: 'timer', timer: 'resend-vote', view: view(1) })
    expect(only(again, 'send-vote')).toEqual({ ...only(effects, 'send-vote'), to: [1] })
    expect(all(again, 'save')).toEqual([])
  })

  test('plus the idle interval while the timer includes it', () => {
    const solo = new Solo()
    solo.give({ kind: 'start' })
    expect(timerAfter(solo.giveProposal(solo.block(1, solo.genesis)), 'resend-vote')).toBe(BASE_MS / 4 + IDLE_MS)
  })

  test('not in the next view', () => {
    const solo = Solo.busy({ self: 3 })
    const [b1, b2] = solo.chain([1, 2])
    if (!b1 || !b2) throw new RangeError('two blocks')
    solo.giveProposal(b1)
    solo.give({ kind: 'certificate', qc: solo.qc(b1) })
    expect(all(solo.give({ kind: 'timer', timer: 'resend-vote', view: view(1) }), 'send-vote')).toEqual([])
    expect(all(solo.give({ kind: 'timer', timer: 'resend-vote', view: view(2) }), 'send-vote')).toEqual([])
  })
})

describe('collecting', () => {
  test('L(v+1) aggregates a quorum once and proposes on the QC', () => {
    const solo = Solo.busy({ self: 2 })
    const b1 = solo.block(1, solo.genesis)
    solo.giveProposal(b1)
    const effects = solo.giveVotes(b1, [0, 1, 2, 3])
    expect(only(effects, 'aggregate-votes')).toMatchObject({ view: 1, blockId: b1.id })
    const formed = solo.give({ kind: 'qc-formed', qc: solo.qc(b1) })
    expect(only(formed, 'propose')).toMatchObject({ view: 2, justify: { view: 1, blockId: b1.id } })
    expect(all(formed, 'send-certificate')).toEqual([])
  })

  test('VIEWCHANGE 3.6: votes for a block that L(v+1) was never sent: it fetches from a voter, then proposes', () => {
    const solo = Solo.busy({ self: 2 })
    const b1 = solo.block(1, solo.genesis)
    expect(all(solo.giveVotes(b1, [0, 1, 3]), 'aggregate-votes')).toHaveLength(1)
    const formed = solo.give({ kind: 'qc-formed', qc: solo.qc(b1, [0, 1, 3]) })
    expect(only(formed, 'fetch')).toMatchObject({ blockId: b1.id, from: [0, 1, 3] })
    expect(all(formed, 'propose')).toEqual([])
    expect(only(solo.give({ kind: 'fetched', blocks: [b1] }), 'propose')).toMatchObject({ view: 2, parent: b1 })
  })

  test('L(v), L(v+1) being silent, tells everybody the QC and runs on half a timer', () => {
    const solo = Solo.busy({ self: 1 })
    const b1 = solo.block(1, solo.genesis)
    solo.giveProposal(b1)
    expect(all(solo.giveVotes(b1, [0, 1, 3]), 'aggregate-votes')).toHaveLength(1)
    const formed = solo.give({ kind: 'qc-formed', qc: solo.qc(b1) })
    expect(only(formed, 'send-certificate')).toMatchObject({ qc: { view: 1 }, to: 'all' })
    expect(timerAfter(formed, 'view')).toBe(BASE_MS / 2)
  })

  test('VIEWCHANGE 4.4: late votes at L(v), which is in v+1 already: no Certificate, no second view', () => {
    const solo = Solo.busy({ self: 1 })
    const [b1, b2] = solo.chain([1, 2])
    if (!b1 || !b2) throw new RangeError('two blocks')
    solo.giveProposal(b1)
    solo.giveProposal(b2)
    // The QC came inside the proposal of view 2: aggregating the votes again would tell nobody anything.
    expect(all(solo.giveVotes(b1, [0, 1, 2, 3]), 'aggregate-votes')).toEqual([])
    expect(all(solo.give({ kind: 'qc-formed', qc: solo.qc(b1) }), 'send-certificate')).toEqual([])
    expect(solo.view).toBe(2)
  })

  test('VIEWCHANGE 4.4: late votes after a TC still make a QC, and the leader proposes on it without the TC', () => {
    const solo = Solo.busy({ self: 3 })
    // Slow execution: the leader enters by the TC before it can propose on anything.
    solo.verdict = undefined
    const [b1, b2] = solo.chain([1, 2])
    if (!b1 || !b2) throw new RangeError('two blocks')
    solo.giveProposal(b1)
    solo.giveProposal(b2)
    solo.giveVotes(b2, [0, 1])
    expect(all(solo.give({ kind: 'tc-formed', tc: solo.tc(2, solo.qc(b1)) }), 'propose')).toEqual([])
    expect(all(solo.giveVotes(b2, [2]), 'aggregate-votes')).toHaveLength(1)
    expect(all(solo.give({ kind: 'qc-formed', qc: solo.qc(b2) }), 'propose')).toEqual([])
    expect(all(solo.give({ kind: 'executed', blockId: b1.id, valid: true }), 'propose')).toEqual([])
    const proposes = only(solo.give({ kind: 'executed', blockId: b2.id, valid: true }), 'propose')
    expect(proposes).toEqual({ kind: 'propose', view: 3, parent: b2, justify: solo.qc(b2) })
  })

  test('VIEWCHANGE 4.4: an attached and a direct vote of one signer count once', () => {
    const solo = Solo.busy({ self: 2 })
    const b1 = solo.block(1, solo.genesis)
    solo.giveProposal(b1)
    const effects = [
      ...solo.giveVotes(b1, [0, 1]),
      ...solo.give({ kind: 'timeout', timeout: solo.timeout(1, 1, { vote: solo.vote(b1, 1) }) }),
    ]
    expect(all(effects, 'aggregate-votes')).toEqual([])
    const third = solo.give({ kind: 'timeout', timeout: solo.timeout(1, 3, { vote: solo.vote(b1, 3) }) })
    expect(only(third, 'aggregate-votes').votes.map((vote) => vote.signer)).toEqual([0, 1, 3])
  })

  test('PITFALLS 23: refuted votes are aggregated again without the culprit', () => {
    const solo = Solo.busy({ self: 2 })
    const b1 = solo.block(1, solo.genesis)
    solo.giveVotes(b1, [0, 1, 2, 3])
    const again = solo.give({ kind: 'votes-refuted', view: view(1), blockId: b1.id, culprits: [index(1)] })
    expect(only(again, 'aggregate-votes').votes.map((vote) => vote.signer)).toEqual([0, 2, 3])
  })

  test('PITFALLS 14: votes outside the window are not stored', () => {
    const solo = Solo.busy({ self: 2 })
    solo.give({ kind: 'certificate', qc: solo.qc(solo.block(99, solo.genesis)) })
    const inside = [100 - VIEWS_BEHIND_MAX, 100 + VIEWS_AHEAD_MAX]
    const outside = [100 - VIEWS_BEHIND_MAX - 1, 100 + VIEWS_AHEAD_MAX + 1, Number.MAX_SAFE_INTEGER]
    for (const at of [...inside, ...outside]) solo.giveVotes(solo.block(at, solo.genesis), [3])
    expect(solo.core.votes.views).toBe(inside.length)
  })
})

describe('PITFALLS 34: equivocation', () => {
  test('two votes of one validator are evidence, the first stands', () => {
    const solo = Solo.busy({ self: 2 })
    const first = solo.block(1, solo.genesis)
    const second = solo.block(1, solo.genesis, { name: 'second' })
    solo.giveVotes(first, [3])
    const { equivocation } = only(solo.giveVotes(second, [3]), 'evidence')
    expect(equivocation).toEqual({ kind: 'double-vote', first: solo.vote(first, 3), second: solo.vote(second, 3) })
    expect(all(solo.giveVotes(first, [0, 1]), 'aggregate-votes')).toHaveLength(1)
  })

  test('two proposals of one leader are evidence, the first stands', () => {
    const solo = Solo.busy()
    const first = solo.block(1, solo.genesis)
    const second = solo.block(1, solo.genesis, { name: 'second' })
    expect(only(solo.giveProposal(first), 'send-vote').vote.blockId).toBe(first.id)
    const effects = solo.giveProposal(second)
    expect(only(effects, 'evidence').equivocation).toEqual({
      kind: 'double-proposal',
      first: first.proposal,
      second: second.proposal,
    })
    expect(all(effects, 'send-vote')).toEqual([])
    expect(solo.core.tree.size).toBe(1)
  })

  test('the second one is fetched and followed all the same when a quorum certified it', () => {
    const solo = Solo.busy()
    const first = solo.block(1, solo.genesis)
    const second = solo.block(1, solo.genesis, { name: 'second' })
    solo.giveProposal(first)
    solo.giveProposal(second)
    const b2 = solo.block(2, second)
    expect(only(solo.giveProposal(b2), 'fetch').blockId).toBe(second.id)
    expect(only(solo.give({ kind: 'fetched', blocks: [second] }), 'send-vote').vote.blockId).toBe(b2.id)
  })
})
