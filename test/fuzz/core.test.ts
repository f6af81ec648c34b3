// TESTING.md, row 14, the share of every run: the real core under mutated messages that look verified (test/fuzz/core-world.ts).
// One vote a view, none after the timeout, nothing unsaid, every bound kept, nothing thrown. Longer: `npm run fuzz -- --target core`.

import { expect, it } from 'vitest'
import { fuzzCore } from './core-fuzzer.ts'

const STEPS = 150_000
const MS_MAX = 60_000
const SEED = 20_260_101

/** Seeds whose runs once ended in a finding. */
const REGRESSIONS: readonly number[] = [1, 3]

it('keeps its promises whatever the others sign', { timeout: 90_000 }, () => {
  const tally = fuzzCore(SEED, { executions: STEPS, ms: MS_MAX })
  const { counts } = tally
  console.log(`core: ${Math.round((1_000 * counts.steps) / tally.elapsedMs)} steps/s, ${JSON.stringify(counts)}`)
  expect(tally.findings).toEqual([])
  // It has to get somewhere, or nothing was tried: votes, commits, changes of view and crashes in between.
  for (const count of [counts.votes, counts.timeouts, counts.commits, counts.evidence]) {
    expect(count).toBeGreaterThan(counts.steps / 100)
  }
  for (const count of [counts.proposals, counts.crashes]) expect(count).toBeGreaterThan(counts.steps / 1_000)
  expect(counts.mutants).toBeGreaterThan(counts.steps / 10)
  expect(counts.halts).toBeLessThan(counts.steps / 500)
})

it.each(REGRESSIONS)('seed %i', { timeout: 60_000 }, (seed) => {
  expect(fuzzCore(seed, { executions: 20_000, ms: MS_MAX }).findings).toEqual([])
})

it('the same seed is the same run', () => {
  const run = () => fuzzCore(5, { executions: 20_000, ms: MS_MAX }).counts
  expect(run()).toEqual(run())
})
