// Whole replicas under drawn faults and villains, then healed: the share of the campaign that runs with every change.
// Overrides for longer ones: SIM_SWARM=1000 SIM_FROM=5000; or `npm run simulate -- --seed 5000 --seeds 1000`.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { failureOf } from './shrink.ts'
import { emptyTally, take } from './tally.ts'
import { runScenario } from './world/run.ts'
import { drawScenario, type Scenario } from './world/scenario.ts'

const SEEDS = Number(process.env.SIM_SWARM ?? 240)
const FROM = Number(process.env.SIM_FROM ?? 1)
const BATCH = 40
const REGRESSIONS = join(import.meta.dirname, 'regressions')

describe('faults and villains, then healing: every claim holds', () => {
  const batches = Array.from({ length: Math.ceil(SEEDS / BATCH) }, (_, at) => FROM + at * BATCH)
  test.each(batches)('seeds from %i', { timeout: 180_000 }, async (from) => {
    const tally = emptyTally()
    const said: string[] = []
    for (let seed = from; seed < Math.min(from + BATCH, FROM + SEEDS); seed++) {
      await take(
        tally,
        drawScenario(seed),
        (line) => said.push(`seed ${seed}: ${line}`),
        (one) => runScenario(one),
      )
    }
    expect(said).toEqual([])
    // Otherwise nothing was tested: the faults stopped everything.
    expect(tally.blocks).toBeGreaterThan(5 * tally.seeds)
    expect(tally.transactions).toBeGreaterThan(tally.seeds)
  })
})

describe('determinism (S17)', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('seed %i gives the same run twice', { timeout: 60_000 }, async (seed) => {
    const scenario = drawScenario(seed)
    const first = await runScenario(scenario)
    expect(await runScenario(scenario)).toEqual(first)
    expect((await runScenario({ ...scenario, seed: seed + 1_000 })).trace).not.toBe(first.trace)
  })
})

/** What once failed, shrunk; it stays. */
const kept = existsSync(REGRESSIONS) ? readdirSync(REGRESSIONS).filter((name) => name.endsWith('.json')) : []
describe.runIf(kept.length > 0)('regressions', () => {
  test.each(kept)('%s', { timeout: 60_000 }, async (name) => {
    const { scenario }: { scenario: Scenario } = JSON.parse(readFileSync(join(REGRESSIONS, name), 'utf8'))
    expect(await failureOf(scenario)).toBeUndefined()
  })
})

test('real signatures: the same protocol, the same claims', { timeout: 120_000 }, async () => {
  const scenario: Scenario = { ...drawScenario(3, { validators: 4, faultsMs: 1_500 }), scheme: 'real' }
  expect((await runScenario(scenario)).height).toBeGreaterThan(3)
})
