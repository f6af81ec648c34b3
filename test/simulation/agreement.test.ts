// Agreement and progress under random faults: many short lives of four and of seven validators. Every claim of invariants.ts is
// checked at every step; a failure names its seed, which joins seeds.ts.

import { describe, expect, test } from 'vitest'
import { checkDeterminism } from './invariants.ts'
import { KEPT_SEEDS } from './seeds.ts'
import { type Outcome, runSeed } from './simulation.ts'

/** Overrides for longer campaigns: SIM_SEEDS=10000 SIM_FROM=5000. */
const SEEDS = Number(process.env.SIM_SEEDS ?? 300)
const FROM = Number(process.env.SIM_FROM ?? 1)
const BATCH = 100

function run(seed: number, validators: number): Outcome {
  try {
    return runSeed(seed, validators)
  } catch (error) {
    throw new Error(`seed ${seed} with ${validators} validators`, { cause: error })
  }
}

describe.each([4, 7])('%i validators, loss, delay, duplicates, partitions, crashes, then healing', (validators) => {
  const batches = Array.from({ length: Math.ceil(SEEDS / BATCH) }, (_, at) => FROM + at * BATCH)
  test.each(batches)('seeds from %i keep agreement and make progress', (from) => {
    let views = 0
    let restarts = 0
    for (let seed = from; seed < Math.min(from + BATCH, FROM + SEEDS); seed++) {
      const outcome = run(seed, validators)
      views += outcome.views
      restarts += outcome.restarts
    }
    // Otherwise nothing was tested: the faults stopped everything, or there were none.
    expect(views).toBeGreaterThan(0)
    expect(restarts).toBeGreaterThan(0)
  })
})

describe('determinism (S17)', () => {
  test.each([1, 2, 3, 4, 5])('seed %i gives the same run twice', (seed) => {
    expect(() => checkDeterminism(run(seed, 4).trace, run(seed, 4).trace)).not.toThrow()
    expect(run(seed, 4).trace).not.toBe(run(seed + 1, 4).trace)
  })
})

test.each(KEPT_SEEDS)('seed $seed with $validators validators: $showed', ({ seed, validators }) => {
  run(seed, validators)
})
