// Runs the core under fire, life after life, and reports what it broke. A life ends when the core halts or grows old.

import { Random } from '../simulation/random.ts'
import { CoreWorld } from './core-world.ts'
import type { Tally, Until } from './fuzzer.ts'

const STEPS_PER_LIFE_MAX = 20_000

export interface CoreTally extends Tally {
  readonly counts: Record<keyof CoreWorld['counts'] | 'lives' | 'halts', number>
}

/** `accepted`: mutants that looked verified. A finding's input is the life and the step in it: the seed says the rest. */
export function fuzzCore(seed: number, until: Until): CoreTally {
  const counts: CoreTally['counts'] = {
    steps: 0,
    mutants: 0,
    votes: 0,
    timeouts: 0,
    proposals: 0,
    commits: 0,
    crashes: 0,
    evidence: 0,
    lives: 0,
    halts: 0,
  }
  const startedMs = performance.now()
  const tally: CoreTally = {
    target: 'core',
    seed,
    executions: 0,
    accepted: 0,
    slowestMs: 0,
    elapsedMs: 0,
    findings: [],
    counts,
  }
  while (tally.executions < until.executions && tally.elapsedMs < until.ms && tally.findings.length === 0) {
    const life = counts.lives
    counts.lives += 1
    const world = new CoreWorld(new Random(seed, `core ${life}`))
    const stepsMax = Math.min(STEPS_PER_LIFE_MAX, until.executions - tally.executions)
    try {
      while (world.counts.steps < stepsMax && world.halted === undefined) world.advance()
    } catch (error) {
      const problem = error instanceof Error ? (error.stack ?? error.message) : String(error)
      tally.findings.push({ target: 'core', input: `life ${life}, step ${world.counts.steps}`, problem })
    }
    if (world.halted !== undefined) counts.halts += 1
    for (const [name, count] of Object.entries(world.counts)) counts[name as keyof CoreWorld['counts']] += count
    tally.executions += world.counts.steps
    tally.accepted += world.counts.mutants
    tally.elapsedMs = performance.now() - startedMs
  }
  return tally
}
