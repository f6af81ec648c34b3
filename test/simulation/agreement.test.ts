// Agreement and progress of protocol cores under random faults: the first half of the share that runs with every change.
// Every claim of invariants.ts is checked at every step; a failure names its seed, which joins seeds.ts.

import { describe, expect, test } from 'vitest'
import { emptyReport, takeCore } from './campaign/kinds.ts'
import { checkDeterminism } from './invariants.ts'
import { KEPT_SEEDS } from './seeds.ts'
import { testCoreShare } from './share.ts'
import { runSeed } from './simulation.ts'

testCoreShare(0)

describe('determinism (S17)', () => {
  test.each([1, 2, 3, 4, 5])('seed %i gives the same run twice', (seed) => {
    expect(() => checkDeterminism(runSeed(seed, 4).trace, runSeed(seed, 4).trace)).not.toThrow()
    expect(runSeed(seed, 4).trace).not.toBe(runSeed(seed + 1, 4).trace)
  })
})

describe('validators with two lives', () => {
  test('f of them sign what one must not, are caught, and nobody else is', () => {
    for (const [validators, twins] of [
      [4, 1],
      [7, 2],
      [10, 3],
    ] as const) {
      expect(runSeed(1, validators, undefined, twins).evidence).toBeGreaterThan(0)
      expect(runSeed(1, validators).evidence).toBe(0)
    }
  })

  test('negative control: f + 1 of them fork the chain in some seeds, and a claim says so', () => {
    const report = emptyReport()
    // Seeds of four validators.
    for (let seed = 4; seed < 404; seed += 4) takeCore(report, seed, { isJudged: false, twins: 2 })
    expect(report.findings.length).toBeGreaterThan(0)
    expect(Object.keys(report.tally.claims).every((claim) => /^S[12] /.test(claim))).toBe(true)
    expect(report.findings[0]?.detail).toMatch(/4 validators, 2 twins: S/)
  })
})

test.each(KEPT_SEEDS)('seed $seed with $validators validators: $showed', ({ seed, validators, twins }) => {
  expect(runSeed(seed, validators, undefined, twins).commits).toBeGreaterThan(0)
})
