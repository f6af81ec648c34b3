// Whole replicas under drawn faults and villains: the first half of the share that runs with every change. Then determinism,
// what failed once, and real signatures.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { testWorldShare } from './share.ts'
import { failureOf } from './shrink.ts'
import { runScenario } from './world/run.ts'
import { drawScenario, type Scenario } from './world/scenario.ts'

const REGRESSIONS = join(import.meta.dirname, 'regressions')

testWorldShare(0)

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
