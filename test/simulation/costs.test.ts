// The figures of docs/VIEWCHANGE.md that must not slip, with slack; `npm run view-change` measures all of them.

import { describe, expect, test } from 'vitest'
import {
  commitsPerSecond,
  deadInARow,
  FAULTY,
  goodViews,
  healing,
  LAN,
  leastShare,
  type RuleSet,
  rotationCost,
  type Setting,
  selective,
  slow,
  stabilisation,
  WITHHOLDING,
} from './costs.ts'

function setting(validators: number, rules: RuleSet = 'R + suspicion', seed = 1): Setting {
  return { rules, validators, ...LAN, seed }
}

test.each([4, 16])('nobody faulty, n = %i: a good view is two hops and two steps, 2(n-1) messages', (validators) => {
  const { viewMs, messagesPerView } = goodViews(setting(validators))
  expect(viewMs).toBeCloseTo(11, 1)
  expect(messagesPerView).toBe(2 * (validators - 1))
})

describe.each<[RuleSet, number]>([
  ['R', 1],
  ['R + suspicion', 0.5],
])('%s: a dead leader costs less than %d T', (rules, most) => {
  test.each([4, 16])('one dead, n = %i, per rotation; the blocks of the others all commit', (validators) => {
    const cost = rotationCost(setting(validators, rules), deadInARow(1), 20)
    expect(cost.lost).toBeLessThan(most)
    expect(cost.lost).toBeGreaterThan(most / 3)
    expect(cost.worstCommit).toBeLessThan(1)
    expect(cost.commits).toBeCloseTo(validators - 1, 0)
  })

  test.each([2, 5])(
    '%i in a row, n = 16: each costs no more than one alone and a quarter, and there is no flood',
    (count) => {
      const cost = rotationCost(setting(16, rules), deadInARow(count), 4)
      expect(cost.lost).toBeLessThan(1.25 * most * count)
      // A broadcast of timeouts by those alive would be over 100 messages more.
      expect(cost.extraMessages).toBeLessThan(50)
    },
  )

  test.each([
    ['a withholding collector', WITHHOLDING],
    ['slow by 1.1 T', slow(1_100)],
    ['slow by 2.5 T', slow(2_500)],
  ])('%s is no worse', (_, fault) => {
    expect(rotationCost(setting(4, rules), fault, 20).lost).toBeLessThan(most)
  })

  test('a leader that proposes to all but the next one costs nothing, one that proposes to too few a timeout', () => {
    expect(rotationCost(setting(4, rules), selective([1, 2, FAULTY]), 20).lost).toBeLessThan(0.05)
    expect(rotationCost(setting(4, rules), selective([1, FAULTY]), 20).lost).toBeLessThan(1.1 * most)
  })
})

test('one dead of forty: the messages it costs are linear in n', () => {
  expect(rotationCost(setting(40), deadInARow(1), 2).extraMessages).toBeLessThan(2 * 40)
})

test.each<[RuleSet, number, number]>([
  ['R', 1_000, 0.15],
  ['R', 2_500, 0.08],
  ['R + suspicion', 1_000, 0.2],
  ['R + suspicion', 2_500, 0.1],
])('%s, one dead, hops of %i ms and T = 1 s: at least %d commits a second', (rules, hopMs, least) => {
  expect(commitsPerSecond({ ...setting(4, rules), hopMs }, deadInARow(1))).toBeGreaterThan(least)
})

test.each([400, 1_000, 2_500])('suspicion starves nobody: nobody faulty, hops of %i ms and T = 1 s', (hopMs) => {
  expect(leastShare({ ...setting(4), hopMs })).toBeGreaterThan(200)
})

test("suspicion where base has to be learned: later ticks of a suspect's view do not flood", () => {
  const slower = { ...setting(16), hopMs: 80, baseMs: 300 }
  expect(rotationCost(slower, deadInARow(5), 4).extraMessages).toBeLessThan(50)
})

test('healing: commits again within the longer of two ticks', () => {
  for (let seed = 1; seed <= 20; seed++) {
    expect(healing(setting(4, 'R + suspicion', seed), 'minority cut').after).toBeLessThan(0.6)
    expect(healing(setting(4, 'R + suspicion', seed), 'halves').after).toBeLessThan(1.1)
    expect(healing(setting(4, 'R + suspicion', seed), 'mixed views').after).toBeLessThan(2.1)
  }
})

// L1 itself is checked inside: a run that takes more views throws.
test.each([
  [4, 1, 60],
  [16, 5, 12],
])('L1: commits within n + 3 views of stabilisation, n = %i, %i dead', (validators, dead, runs) => {
  const after = Array.from({ length: runs }, (_, at) => {
    const recovery = stabilisation(setting(validators, 'R + suspicion', at + 1), dead)
    expect(recovery.views).toBeLessThanOrEqual(validators + 3)
    return recovery.after
  })
  expect(Math.max(...after)).toBeLessThan(10)
})
