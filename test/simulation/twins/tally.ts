// What many Twins scenarios came to, added up; plain data, so that it goes from one process to another. Prints itself.

import { Violation } from '../invariants.ts'
import { describe, type Scenario } from './scenario.ts'
import { runTwins, type Watch } from './world.ts'

/** More failures than anybody reads are only counted. */
const FAILURES_KEPT_MAX = 20

export interface Failure {
  readonly scenario: Scenario
  readonly detail: string
}

export interface Tally {
  /** Counting each scenario for all that it stands for. */
  scenarios: number
  runs: number
  views: number
  steps: number
  evidence: number
  /** Scenarios in which something committed before the last split ended. */
  committedEarly: number
  /** Of this machine: user and system time of the threads that ran. */
  cpuMs: number
  readonly claims: Record<string, number>
  readonly failures: Failure[]
}

export function emptyTally(): Tally {
  return {
    scenarios: 0,
    runs: 0,
    views: 0,
    steps: 0,
    evidence: 0,
    committedEarly: 0,
    cpuMs: 0,
    claims: {},
    failures: [],
  }
}

/** Runs one scenario and counts it `weight` times; a violation is kept, anything else is thrown on. */
export function take(tally: Tally, scenario: Scenario, weight = 1, watch: Watch = {}): void {
  tally.runs += 1
  tally.scenarios += weight
  try {
    const { views, steps, evidence, healedHeight } = runTwins(scenario, watch)
    tally.views += views
    tally.steps += steps
    tally.evidence += evidence
    if (healedHeight > 0) tally.committedEarly += weight
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    tally.claims[error.claim] = (tally.claims[error.claim] ?? 0) + weight
    if (tally.failures.length < FAILURES_KEPT_MAX) tally.failures.push({ scenario, detail: error.message })
  }
}

export function add(tally: Tally, other: Tally): void {
  for (const field of ['scenarios', 'runs', 'views', 'steps', 'evidence', 'committedEarly', 'cpuMs'] as const) {
    tally[field] += other[field]
  }
  for (const [claim, times] of Object.entries(other.claims)) tally.claims[claim] = (tally.claims[claim] ?? 0) + times
  tally.failures.push(...other.failures.slice(0, FAILURES_KEPT_MAX - tally.failures.length))
}

/** @param elapsedMs of the wall */
export function tableOf(tally: Tally, elapsedMs: number): string {
  const { scenarios, runs, views, steps, evidence, committedEarly, cpuMs, claims, failures } = tally
  const rate = (amount: number, ms: number) => Math.round((amount * 1_000) / Math.max(1, ms))
  const broken = Object.entries(claims).map(([claim, times]) => `${claim} ${times}`)
  const rows: readonly (readonly [string, string])[] = [
    ['scenarios', String(scenarios)],
    ['runs', `${runs}, ${rate(runs, elapsedMs)} a second, ${rate(runs, cpuMs)} a second of one core`],
    ['views', `${views}, ${rate(views, cpuMs)} a second of one core`],
    ['steps of a core', `${steps}, ${rate(steps, cpuMs)} a second of one core`],
    ['a commit before healing', `${committedEarly} scenarios`],
    ['equivocations noticed', String(evidence)],
    ['claims broken', broken.join(', ') || 'none'],
  ]
  const lines = rows.map(([name, value]) => `${name.padEnd(24)} ${value}\n`)
  const kept = failures.map(
    ({ scenario, detail }) => `${detail}\n  ${describe(scenario)}\n  --scenario '${JSON.stringify(scenario)}'\n`,
  )
  return [...lines, ...kept].join('')
}
