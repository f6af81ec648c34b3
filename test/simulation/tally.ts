// What a campaign saw, added up: seeds, views, faults and villains met, and what failed. Prints itself.

import { Violation } from './invariants.ts'
import type { Outcome } from './world/run.ts'
import type { Scenario } from './world/scenario.ts'

export interface Tally {
  seeds: number
  views: number
  blocks: number
  transactions: number
  steps: number
  modelled: number
  /** Of virtual time. */
  elapsedMs: number
  /** Of this machine, in user mode. */
  cpuMs: number
  /** Views from healing to the first commit, over all seeds. */
  viewsToCommitMax: number
  withVillains: number
  /** With as many as there may be: f. */
  withAllVillains: number
  readonly faults: Record<string, number>
  readonly villains: Record<string, number>
  readonly claims: Record<string, number>
  readonly failed: Scenario[]
}

export function emptyTally(): Tally {
  return {
    seeds: 0,
    views: 0,
    blocks: 0,
    transactions: 0,
    steps: 0,
    modelled: 0,
    elapsedMs: 0,
    cpuMs: 0,
    viewsToCommitMax: 0,
    withVillains: 0,
    withAllVillains: 0,
    faults: {},
    villains: {},
    claims: {},
    failed: [],
  }
}

/** Runs one scenario and adds it up; a violation is counted and said, anything else is thrown on. */
export async function take(
  tally: Tally,
  scenario: Scenario,
  say: (line: string) => void,
  run: (scenario: Scenario) => Promise<Outcome>,
): Promise<void> {
  const before = process.cpuUsage()
  tally.seeds += 1
  if (scenario.villains.length > 0) tally.withVillains += 1
  if (scenario.villains.length === Math.floor((scenario.validators - 1) / 3)) tally.withAllVillains += 1
  for (const name of Object.keys(scenario.faults)) count(tally.faults, name)
  for (const { kind } of scenario.villains) for (const name of kind.split('+')) count(tally.villains, name)
  try {
    const outcome = await run(scenario)
    tally.views += outcome.views
    tally.blocks += outcome.height
    tally.transactions += outcome.transactions
    tally.steps += outcome.steps
    tally.modelled += outcome.modelled
    tally.elapsedMs += outcome.elapsedMs
    tally.viewsToCommitMax = Math.max(tally.viewsToCommitMax, outcome.viewsToCommit)
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    count(tally.claims, error.claim)
    tally.failed.push(scenario)
    say(error.message)
  } finally {
    tally.cpuMs += process.cpuUsage(before).user / 1_000
  }
}

/** Adds one tally to another, as if all had been counted in the first. */
export function addTally(sum: Tally, more: Tally): void {
  sum.seeds += more.seeds
  sum.views += more.views
  sum.blocks += more.blocks
  sum.transactions += more.transactions
  sum.steps += more.steps
  sum.modelled += more.modelled
  sum.elapsedMs += more.elapsedMs
  sum.cpuMs += more.cpuMs
  sum.viewsToCommitMax = Math.max(sum.viewsToCommitMax, more.viewsToCommitMax)
  sum.withVillains += more.withVillains
  sum.withAllVillains += more.withAllVillains
  for (const counts of ['faults', 'villains', 'claims'] as const)
    for (const [name, times] of Object.entries(more[counts])) count(sum[counts], name, times)
  sum.failed.push(...more.failed)
}

export function tableOf(tally: Tally): string {
  const perSecond = (amount: number) => Math.round(amount / (tally.cpuMs / 1_000))
  const list = (counts: Record<string, number>) =>
    Object.entries(counts)
      .map(([name, times]) => `${name} ${times}`)
      .join(', ') || 'none'
  const rows: readonly (readonly [string, string])[] = [
    ['seeds', `${tally.seeds}, ${tally.withVillains} of them with villains, ${tally.withAllVillains} with f of them`],
    ['views', `${tally.views}, ${perSecond(tally.views)} a second of one core`],
    ['seeds a second of one core', String(perSecond(tally.seeds))],
    ['blocks', String(tally.blocks)],
    ['transactions', String(tally.transactions)],
    ['steps judged by the model', String(tally.modelled)],
    ['steps of a core', `${tally.steps}, ${perSecond(tally.steps)} a second`],
    [
      'virtual time',
      `${Math.round(tally.elapsedMs / 1_000)} s, ${Math.round(tally.elapsedMs / tally.cpuMs)} times real`,
    ],
    ['views from healing to a commit', `at most ${tally.viewsToCommitMax}`],
    ['faults', list(tally.faults)],
    ['villains', `${Object.keys(tally.villains).length} kinds`],
    ['claims broken', list(tally.claims)],
    ['failed seeds', tally.failed.map(({ seed }) => seed).join(' ') || 'none'],
  ]
  return rows.map(([name, value]) => `${name.padEnd(32)} ${value}\n`).join('')
}

export function count(counts: Record<string, number>, name: string, times = 1): void {
  counts[name] = (counts[name] ?? 0) + times
}
