// Leaders nothing is expected of (DESIGN.md, section 3, "Suspicion"): shorter waits and votes to L(v), never a rule of safety.

import { describe, expect, test } from 'vitest'
import { isSuspected } from '../../consensus/suspicion.ts'
import type { View } from '../../consensus/types.ts'
import { validatorsOf } from '../simulation/workload.ts'
import { index, view } from './committee.ts'
import { all, BASE_MS, only, Solo, timerAfter } from './solo.ts'

/** Four validators, in view 2 by TC(1): validator 1, the leader of views 1, 5 and 9, is suspected. */
function suspecting(self = 2): Solo {
  const solo = Solo.busy({ self })
  solo.give({ kind: 'tc-formed', tc: solo.tc(1) })
  return solo
}

/** Follows good views up to that of the last proposal. */
function follow(solo: Solo, views: readonly number[]) {
  const effects = solo.chain(views).map((block) => solo.giveProposal(block))
  return effects.at(-1) ?? []
}

describe('the view of a leader whose own view ended in a TC', () => {
  test('has a quarter of the timeout', () => {
    expect(timerAfter(follow(suspecting(), [2, 3, 4, 5]), 'view')).toBe(BASE_MS / 4)
  })

  test('and no eighth when it is entered by a Certificate', () => {
    const solo = suspecting()
    const effects = solo.give({ kind: 'certificate', qc: solo.qc(solo.block(4, solo.genesis)) })
    expect(timerAfter(effects, 'view')).toBe(BASE_MS / 4)
  })

  test('ends in later ticks at full distance: closer ones come before the first can have become a certificate', () => {
    const solo = suspecting()
    follow(solo, [2, 3, 4, 5])
    const effects = solo.give({ kind: 'timer', timer: 'view', view: view(5) })
    expect(all(effects, 'send-timeout')).toHaveLength(1)
    expect(timerAfter(effects, 'resend-timeout')).toBe(BASE_MS)
  })

  test.each([[[2, 3]], [[2, 3, 4]], [[2, 3, 4, 5, 6]]])('views of other leaders have the whole of it: %j', (views) => {
    expect(timerAfter(follow(suspecting(), views), 'view')).toBe(BASE_MS)
  })
})

describe('votes due to a suspect', () => {
  test('go to L(v) at once, and to the suspect when nothing came of that', () => {
    const solo = suspecting()
    expect(only(follow(solo, [2, 3, 4]), 'send-vote').to).toEqual([0])
    expect(only(solo.give({ kind: 'timer', timer: 'resend-vote', view: view(4) }), 'send-vote').to).toEqual([1])
  })

  test('L(v) makes them a Certificate for everybody', () => {
    const solo = suspecting(0)
    const [b2, b3, b4] = solo.chain([2, 3, 4])
    if (!b2 || !b3 || !b4) throw new RangeError('three blocks')
    for (const block of [b2, b3, b4]) solo.giveProposal(block)
    expect(all(solo.giveVotes(b4, [0, 2, 3]), 'aggregate-votes')).toHaveLength(1)
    const formed = solo.give({ kind: 'qc-formed', qc: solo.qc(b4) })
    expect(only(formed, 'send-certificate')).toMatchObject({ qc: { view: 4 }, to: 'all' })
    expect(timerAfter(formed, 'view')).toBe(BASE_MS / 4)
  })

  test('safety is untouched: the vote is saved first, once, and the same whoever gets it', () => {
    const blocks = new Solo().chain([2, 3, 4])
    const votes = [suspecting(), Solo.busy({ self: 2 })].map((solo) => {
      const effects = blocks.flatMap((block) => solo.giveProposal(block)).filter(({ kind }) => kind !== 'commit')
      const vote = all(effects, 'send-vote').at(-1)?.vote
      expect(all(effects, 'save').at(-1)?.safety.lastVote).toEqual(vote)
      return vote
    })
    expect(votes[0]).toEqual(votes[1])
  })
})

describe('who is suspected', () => {
  test('no more, once a QC for a block of its own is seen', () => {
    const solo = suspecting()
    follow(solo, [2, 3, 4, 5, 6])
    expect(solo.core.suspects.size).toBe(0)
  })

  test('still, when what is seen is older than the TC', () => {
    const solo = Solo.busy({ self: 2 })
    const b1 = solo.block(1, solo.genesis)
    solo.give({ kind: 'tc-formed', tc: solo.tc(5) })
    solo.give({ kind: 'certificate', qc: solo.qc(b1) })
    expect([...solo.core.suspects]).toEqual([[1, 5]])
  })

  test('no more, when late votes certify the very block: both a QC and a TC of a view may exist', () => {
    const solo = suspecting()
    solo.give({ kind: 'certificate', qc: solo.qc(solo.block(1, solo.genesis)) })
    expect(solo.core.suspects.size).toBe(0)
  })

  test('nobody by a TC that moved this node nowhere', () => {
    const solo = Solo.busy()
    solo.give({ kind: 'certificate', qc: solo.qc(solo.block(5, solo.genesis)) })
    solo.give({ kind: 'tc-formed', tc: solo.tc(3) })
    solo.give({ kind: 'tc-formed', tc: solo.tc(5) })
    expect(solo.core.suspects.size).toBe(0)
  })

  test('at most every validator, however many views fail', () => {
    const solo = Solo.busy()
    for (let at = 1; at <= 100; at++) solo.give({ kind: 'tc-formed', tc: solo.tc(at) })
    expect(solo.core.suspects.size).toBe(4)
  })

  test('not after a restart: it is memory, not safety', () => {
    const { safety } = suspecting().core
    expect(Solo.busy({ self: 2, safety }).core.suspects.size).toBe(0)
  })

  // ADR 6: among suspects of a witness's weight one is honest, so it is the network that is slow.
  test.each([
    ['one of four', [1, 1, 1, 1], [1], true],
    ['two of four: the network is slow, not they', [1, 1, 1, 1], [1, 2], false],
    ['two of seven', [1, 1, 1, 1, 1, 1, 1], [1, 2], true],
    ['three of seven', [1, 1, 1, 1, 1, 1, 1], [1, 2, 3], false],
    ['by power: three of a weight of one in ten', [4, 1, 1, 1, 3], [1, 2, 3], true],
    ['by power: one of a weight of four in ten', [4, 1, 1, 1, 3], [0], false],
    ['a validator alone', [1], [0], false],
  ])('%s', (_, powers, suspected, counts) => {
    const core = coreOf(powers, suspected)
    const someOf = (leader: number) => viewsLedBy(core, leader).some((at) => isSuspected(core, at))
    for (const leader of powers.keys()) expect(someOf(leader)).toBe(counts && suspected.includes(leader))
  })

  // ADR 6: with T as long as a hop, an honest suspect would never be heard within a quarter of it.
  test.each([4, 7, 16, 31, 89, 100])(
    'but for one view in sixteen, whatever the schedule: %i validators',
    (validators) => {
      const core = coreOf(
        Array.from({ length: validators }, () => 1),
        [1],
      )
      const suspected = viewsLedBy(core, 1).map((at) => isSuspected(core, at))
      const share = suspected.filter((is) => !is).length / suspected.length
      expect(share).toBeGreaterThan(1 / 24)
      expect(share).toBeLessThan(1 / 11)
    },
  )
})

function coreOf(powers: readonly number[], suspected: readonly number[]) {
  const suspects = new Map(suspected.map((leader) => [index(leader), view(1)]))
  return { config: { ...new Solo().core.config, validators: validatorsOf(powers) }, suspects }
}

function viewsLedBy({ config }: ReturnType<typeof coreOf>, leader: number): View[] {
  const views: View[] = []
  for (let at = view(1); views.length < 600; at = view(at + 1)) {
    if (config.validators.leader(at) === leader) views.push(at)
  }
  return views
}
