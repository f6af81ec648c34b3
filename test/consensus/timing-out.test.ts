// Giving up on views (DESIGN.md, section 3: "Timeout", "Linear view change").

import { describe, expect, test } from 'vitest'
import { ANSWER_INTERVAL_MS, VIEWS_BEHIND_MAX } from '../../consensus/state.ts'
import { index, view } from './committee.ts'
import { all, BASE_MS, only, Solo, timerAfter } from './solo.ts'

const expire = (solo: Solo) => solo.give({ kind: 'timer', timer: 'view', view: solo.core.view })
const tick = (solo: Solo) => solo.give({ kind: 'timer', timer: 'resend-timeout', view: solo.core.view })

/** In view 6 by the QC of view 5, whose block is held. */
function inViewSix(self: number, validators = 4): { solo: Solo; b5: ReturnType<Solo['block']> } {
  const solo = Solo.busy({ self, validators })
  const b5 = solo.block(5, solo.genesis)
  solo.giveProposal(b5)
  solo.give({ kind: 'certificate', qc: solo.qc(b5) })
  return { solo, b5 }
}

describe('the timeout', () => {
  test('saved before it is sent; to L(v+1) and the proposer of highQC; the view timer gives way to later ticks', () => {
    const { solo } = inViewSix(0)
    const effects = expire(solo)
    expect(effects.map((effect) => effect.kind)).toEqual(['save', 'send-timeout', 'timer', 'timer'])
    expect(only(effects, 'send-timeout')).toMatchObject({ timeout: { view: 6, highQC: { view: 5 } }, to: [3, 1] })
    expect(timerAfter(effects, 'view')).toBeUndefined()
    expect(timerAfter(effects, 'resend-timeout')).toBe(BASE_MS / 2)
  })

  test('PITFALLS 19: the leader times out too, also while it could not propose', () => {
    const { solo } = inViewSix(2)
    expect(all(expire(solo), 'send-timeout')).toHaveLength(1)
  })

  test('once per view; later ticks send the same to everybody', () => {
    const { solo } = inViewSix(0)
    const first = only(expire(solo), 'send-timeout')
    expect(all(expire(solo), 'send-timeout')).toEqual([])
    for (let i = 0; i < 3; i++) {
      // highQC may rise meanwhile: the bytes stay.
      if (i === 1) solo.give({ kind: 'certificate', qc: solo.qc(solo.block(3, solo.genesis)) })
      const again = tick(solo)
      expect(only(again, 'send-timeout')).toEqual({ ...first, to: 'all' })
      expect(timerAfter(again, 'resend-timeout')).toBe(BASE_MS / 2)
      expect(all(again, 'save')).toEqual([])
    }
  })

  test('carries the vote of the view', () => {
    const { solo, b5 } = inViewSix(0)
    const b6 = solo.block(6, b5)
    solo.giveProposal(b6)
    expect(only(expire(solo), 'send-timeout').timeout.vote).toMatchObject({ blockId: b6.id, view: 6 })
  })

  test('carries lastTC exactly when highQC does not show how the view was entered', () => {
    const { solo } = inViewSix(0)
    solo.give({ kind: 'tc-formed', tc: solo.tc(6, solo.core.safety.highQC) })
    expect(only(expire(solo), 'send-timeout').timeout.lastTC?.view).toBe(6)
    const { solo: byQC } = inViewSix(0)
    expect(only(expire(byQC), 'send-timeout').timeout).not.toHaveProperty('lastTC')
  })
})

describe('VIEWCHANGE 4.9: first-tick targets', () => {
  test.each([
    ['L(v+1) and the author', 0, 4, 6, 5, [3, 1]],
    ['the author is this node', 1, 4, 6, 5, [3, 1]],
    ['the author is L(v+1): L(v+2) in its stead', 0, 4, 6, 3, [3, 0]],
    ['highQC is genesis: L(v+2)', 0, 4, 2, 0, [3, 0]],
    ['a validator alone', 0, 1, 6, 5, [0]],
  ])('%s', (_, self, validators, current, author, to) => {
    const solo = Solo.busy({ self, validators })
    const highQC = author === 0 ? solo.rootQC : solo.qc(solo.block(author, solo.genesis))
    if (current - 1 === author) solo.give({ kind: 'certificate', qc: solo.qc(solo.block(author, solo.genesis)) })
    else solo.give({ kind: 'tc-formed', tc: solo.tc(current - 1, highQC) })
    expect(only(expire(solo), 'send-timeout').to).toEqual(to)
  })
})

describe('joining', () => {
  const timeouts = (solo: Solo, at: number, signers: readonly number[]) =>
    signers.flatMap((signer) =>
      solo.give({ kind: 'timeout', timeout: solo.timeout(at, signer, { highQC: solo.core.safety.highQC }) }),
    )

  test('witness weight for the current view: at once, by broadcast', () => {
    const { solo } = inViewSix(0)
    expect(all(timeouts(solo, 6, [1]), 'send-timeout')).toEqual([])
    expect(only(timeouts(solo, 6, [2]), 'send-timeout').to).toBe('all')
  })

  test('a collector joins as in the first tick', () => {
    const { solo } = inViewSix(3)
    expect(only(timeouts(solo, 6, [1, 2]), 'send-timeout').to).toEqual([3, 1])
  })

  test('VIEWCHANGE 3.3: weight for past views is no reason, and one timeout ahead brings this node there without joining', () => {
    const { solo } = inViewSix(0)
    expect(all(timeouts(solo, 5, [1, 2, 3]), 'send-timeout')).toEqual([])
    const ahead = solo.timeout(9, 1, { highQC: solo.qc(solo.block(8, solo.genesis)) })
    expect(all(solo.give({ kind: 'timeout', timeout: ahead }), 'send-timeout')).toEqual([])
    expect(solo.view).toBe(9)
  })

  test('PITFALLS 19: the TC in a timeout brings this node to the view of its sender', () => {
    const { solo } = inViewSix(0)
    const { highQC } = solo.core.safety
    const effects = solo.give({ kind: 'timeout', timeout: solo.timeout(9, 1, { highQC, lastTC: solo.tc(8, highQC) }) })
    expect(only(effects, 'entered-view')).toMatchObject({ view: 9, by: 'tc' })
    expect(solo.core.safety.lastTC?.view).toBe(8)
  })
})

describe('collecting', () => {
  const giveTimeouts = (solo: Solo, signers: readonly number[]) =>
    signers.flatMap((signer) =>
      solo.give({ kind: 'timeout', timeout: solo.timeout(6, signer, { highQC: solo.core.safety.highQC }) }),
    )

  test('L(v+1) forms the TC and proposes on it, telling nobody apart', () => {
    const { solo, b5 } = inViewSix(3)
    expect(all(giveTimeouts(solo, [0, 1, 2]), 'aggregate-timeouts')).toHaveLength(1)
    const formed = solo.give({ kind: 'tc-formed', tc: solo.tc(6, solo.qc(b5)) })
    expect(only(formed, 'propose')).toMatchObject({ view: 7, justify: { view: 5 }, tc: { view: 6 } })
    expect(all(formed, 'send-certificate')).toEqual([])
  })

  test('the other collector tells everybody at once', () => {
    const { solo, b5 } = inViewSix(1)
    giveTimeouts(solo, [0, 2, 3])
    const formed = solo.give({ kind: 'tc-formed', tc: solo.tc(6, solo.qc(b5)) })
    expect(only(formed, 'send-certificate')).toMatchObject({ qc: { view: 5 }, tc: { view: 6 }, to: 'all' })
  })

  test.each([
    ['is no collector', 0, false],
    ['is past its first tick', 1, true],
  ])('who %s does not relay: everybody holds the same timeouts', (_, self, later) => {
    const { solo, b5 } = inViewSix(self)
    expire(solo)
    if (later) tick(solo)
    giveTimeouts(solo, [0, 1, 2, 3])
    expect(all(solo.give({ kind: 'tc-formed', tc: solo.tc(6, solo.qc(b5)) }), 'send-certificate')).toEqual([])
  })

  test('a QC first, from votes attached and direct; the TC only when the votes are refuted', () => {
    const { solo, b5 } = inViewSix(3)
    const b6 = solo.block(6, b5)
    solo.giveProposal(b6)
    const attached = [0, 1, 2].flatMap((signer) =>
      solo.give({
        kind: 'timeout',
        timeout: solo.timeout(6, signer, { highQC: solo.qc(b5), vote: solo.vote(b6, signer) }),
      }),
    )
    expect(all(attached, 'aggregate-votes')).toHaveLength(1)
    expect(all(attached, 'aggregate-timeouts')).toEqual([])
    const refuted = solo.give({ kind: 'votes-refuted', view: view(6), blockId: b6.id, culprits: [index(1)] })
    expect(all(refuted, 'aggregate-timeouts')).toHaveLength(1)
  })

  test('PITFALLS 23: refuted timeouts are aggregated again without the culprit', () => {
    const { solo } = inViewSix(3)
    giveTimeouts(solo, [0, 1, 2])
    giveTimeouts(solo, [3])
    const again = solo.give({ kind: 'timeouts-refuted', view: view(6), culprits: [index(1)] })
    expect(only(again, 'aggregate-timeouts').timeouts.map((timeout) => timeout.signer)).toEqual([0, 2, 3])
  })

  test('PITFALLS 13: timeouts of different views make no TC', () => {
    const { solo, b5 } = inViewSix(3)
    const effects = [4, 5, 6].flatMap((at, signer) =>
      solo.give({
        kind: 'timeout',
        timeout: solo.timeout(at, signer, { highQC: at === 6 ? solo.qc(b5) : solo.rootQC }),
      }),
    )
    expect(all(effects, 'aggregate-timeouts')).toEqual([])
  })

  test('PITFALLS 14, 15: timeouts of views long past are not stored', () => {
    const { solo } = inViewSix(3)
    for (let at = 1; at <= 6 - VIEWS_BEHIND_MAX - 1; at++) solo.give({ kind: 'timeout', timeout: solo.timeout(at, 1) })
    expect(solo.core.timeouts.views).toBe(0)
  })
})

describe('answers to timeouts of past views', () => {
  test('highQC, and lastTC when that entered the view; one per validator and interval', () => {
    const { solo, b5 } = inViewSix(0)
    const late = (signer: number) => solo.give({ kind: 'timeout', timeout: solo.timeout(2, signer) })
    expect(only(late(2), 'send-certificate')).toEqual({ kind: 'send-certificate', qc: solo.qc(b5), to: [2] })
    expect(all(late(2), 'send-certificate')).toEqual([])
    expect(all(late(3), 'send-certificate')).toHaveLength(1)
    solo.nowMs += ANSWER_INTERVAL_MS
    solo.give({ kind: 'tc-formed', tc: solo.tc(6, solo.qc(b5)) })
    expect(only(late(2), 'send-certificate')).toMatchObject({ qc: { view: 5 }, tc: { view: 6 }, to: [2] })
  })

  test('by the current leader with its proposal', () => {
    const { solo, b5 } = inViewSix(2)
    const b6 = solo.block(6, b5)
    solo.give({ kind: 'built', view: view(6), block: b6 })
    const effects = solo.give({ kind: 'timeout', timeout: solo.timeout(2, 3) })
    expect(only(effects, 'relay-proposal')).toEqual({ kind: 'relay-proposal', blockId: b6.id, to: [3] })
  })

  test('a clock that was set back does not silence them', () => {
    const { solo } = inViewSix(0)
    const late = () => solo.give({ kind: 'timeout', timeout: solo.timeout(2, 2) })
    late()
    solo.nowMs -= 3_600_000
    expect(all(late(), 'send-certificate')).toHaveLength(1)
  })

  test('none to a timeout of the current view', () => {
    const { solo, b5 } = inViewSix(0)
    const current = solo.timeout(6, 2, { highQC: solo.qc(b5) })
    expect(all(solo.give({ kind: 'timeout', timeout: current }), 'send-certificate')).toEqual([])
  })
})
