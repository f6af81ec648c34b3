// The core as a whole: how it starts, what it does again after a crash, and what it takes from timers that are late.

import { describe, expect, test } from 'vitest'
import { view } from './committee.ts'
import { all, BASE_MS, IDLE_MS, only, Solo, timerAfter } from './solo.ts'

describe('start', () => {
  test('a new chain begins in view 1, with its timer', () => {
    const solo = new Solo()
    const effects = solo.give({ kind: 'start' })
    expect(only(effects, 'entered-view')).toEqual({ kind: 'entered-view', view: 1, by: 'start', leader: 1 })
    expect(timerAfter(effects, 'view')).toBe(BASE_MS + IDLE_MS)
  })

  test('PITFALLS 5: the stored vote again, never a new one', () => {
    const before = Solo.busy()
    const b1 = before.block(1, before.genesis)
    const { vote } = only(before.giveProposal(b1), 'send-vote')
    const solo = new Solo({ safety: before.core.safety, uncommitted: [b1] })
    const effects = solo.give({ kind: 'start' })
    expect(only(effects, 'send-vote')).toEqual({ kind: 'send-vote', vote, to: [2] })
    expect(all(effects, 'save')).toEqual([])
    expect(all(solo.giveProposal(solo.block(1, solo.genesis, { name: 'other' })), 'send-vote')).toEqual([])
  })

  test('PITFALLS 5: the stored timeout again, by broadcast, and no vote in its view', () => {
    const before = Solo.busy()
    const { timeout } = only(before.give({ kind: 'timer', timer: 'view', view: view(1) }), 'send-timeout')
    const solo = new Solo({ safety: before.core.safety })
    const effects = solo.give({ kind: 'start' })
    expect(only(effects, 'send-timeout')).toEqual({ kind: 'send-timeout', timeout, to: 'all' })
    expect(timerAfter(effects, 'view')).toBeUndefined()
    expect(timerAfter(effects, 'resend-timeout')).toBe(BASE_MS)
    expect(all(solo.giveProposal(solo.block(1, solo.genesis)), 'send-vote')).toEqual([])
  })

  test('PITFALLS 4: at max(highQC.view, lastTC.view) + 1', () => {
    const before = Solo.busy()
    before.give({ kind: 'tc-formed', tc: before.tc(6) })
    before.give({ kind: 'timer', timer: 'view', view: view(7) })
    expect(new Solo({ safety: before.core.safety }).view).toBe(7)
  })

  test('a crash between a certificate and its commit: the commit happens after the restart', () => {
    const before = Solo.busy()
    const [b1, b2, b3] = before.chain([1, 2, 3])
    if (!b1 || !b2 || !b3) throw new RangeError('three blocks')
    for (const block of [b1, b2, b3]) before.giveProposal(block)
    expect(before.core.tree.root.id).toBe(b1.id)
    const solo = new Solo({ safety: before.core.safety, uncommitted: [b3, b1, b2] })
    expect(only(solo.give({ kind: 'start' }), 'commit').blocks).toEqual([b1])
  })

  test('a crash between a certificate and its commit, and no saved block carries the certificate', () => {
    const before = Solo.busy()
    const [b1, b2] = before.chain([1, 2])
    if (!b1 || !b2) throw new RangeError('two blocks')
    for (const block of [b1, b2]) before.giveProposal(block)
    before.give({ kind: 'certificate', qc: before.qc(b2) })
    expect(before.core.tree.root.id).toBe(b1.id)
    const solo = new Solo({ safety: before.core.safety, uncommitted: [b1, b2] })
    expect(only(solo.give({ kind: 'start' }), 'commit').blocks).toEqual([b1])
  })

  describe('after a restart nobody waits for want of work (DESIGN.md, "Idle")', () => {
    const restarted = (self: number) => {
      const before = Solo.busy({ self })
      const [b1, b2, b3] = before.chain([1, 2, 3])
      if (!b1 || !b2 || !b3) throw new RangeError('three blocks')
      for (const block of [b1, b2, b3]) before.giveProposal(block)
      const solo = new Solo({ self, safety: before.core.safety, uncommitted: [b1, b2, b3] })
      return { solo, b3, effects: solo.give({ kind: 'start' }) }
    }

    test('its view lasts a timeout, and the vote is sent again after a quarter: it may have been sent before anybody listened', () => {
      const { effects, solo } = restarted(1)
      expect(solo.view).toBe(3)
      expect(timerAfter(effects, 'view')).toBe(BASE_MS)
      expect(timerAfter(effects, 'resend-vote')).toBe(BASE_MS / 4)
    })

    test('leaders propose at once until a block of that view is committed and told', () => {
      const { solo, b3 } = restarted(1)
      const b4 = solo.block(4, b3)
      solo.giveProposal(b4)
      expect(only(solo.give({ kind: 'qc-formed', qc: solo.qc(b4) }), 'propose').view).toBe(5)
    })

    test('and then wait as ever', () => {
      const { solo, b3 } = restarted(2)
      const b4 = solo.block(4, b3)
      const b5 = solo.block(5, b4)
      solo.giveProposal(b4)
      expect(timerAfter(solo.giveProposal(b5), 'view')).toBe(BASE_MS + IDLE_MS)
      const waits = solo.give({ kind: 'qc-formed', qc: solo.qc(b5) })
      expect(solo.view).toBe(6)
      expect(all(waits, 'propose')).toEqual([])
      expect(timerAfter(waits, 'idle')).toBe(IDLE_MS)
    })
  })

  test('a block that was not saved is fetched again', () => {
    const before = Solo.busy()
    const [b1, b2] = before.chain([1, 2])
    if (!b1 || !b2) throw new RangeError('two blocks')
    for (const block of [b1, b2]) before.giveProposal(block)
    const solo = new Solo({ safety: before.core.safety, uncommitted: [b2] })
    expect(all(solo.give({ kind: 'start' }), 'fetch').map((effect) => effect.blockId)).toEqual([b1.id])
  })
})

describe('timers', () => {
  test.each(['view', 'resend-timeout', 'resend-vote', 'idle'] as const)(
    '%s of a view that is over does nothing',
    (timer) => {
      const solo = Solo.busy()
      solo.giveProposal(solo.block(1, solo.genesis))
      solo.give({ kind: 'certificate', qc: solo.qc(solo.block(1, solo.genesis)) })
      expect(solo.give({ kind: 'timer', timer, view: view(1) })).toEqual([])
    },
  )

  test('entering a view disarms those of the last', () => {
    const solo = Solo.busy()
    const b1 = solo.block(1, solo.genesis)
    solo.giveProposal(b1)
    solo.give({ kind: 'timer', timer: 'view', view: view(1) })
    const effects = solo.give({ kind: 'certificate', qc: solo.qc(b1) })
    expect(timerAfter(effects, 'resend-timeout')).toBeUndefined()
    expect(timerAfter(effects, 'resend-vote')).toBeUndefined()
    expect(timerAfter(effects, 'view')).toBe(BASE_MS / 2)
  })
})

test('a validator alone votes, certifies and commits by itself', () => {
  const solo = Solo.busy({ validators: 1 })
  let parent = solo.genesis
  for (let at = 1; at <= 5; at++) {
    const block = solo.block(at, parent)
    solo.give({ kind: 'built', view: view(at), block })
    solo.giveProposal(block)
    expect(all(solo.giveVotes(block, [0]), 'aggregate-votes')).toHaveLength(1)
    expect(all(solo.give({ kind: 'qc-formed', qc: solo.qc(block) }), 'propose')).toHaveLength(1)
    parent = block
  }
  expect(solo.core.tree.rootHeight).toBe(4)
})
