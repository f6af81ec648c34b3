// Makes a failing scenario smaller while it still fails in the same claim: fewer fault classes, then villains, nodes, time and
// clients, over and over until nothing more can go. What is left is kept in regressions/ and read by a person.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Violation } from './invariants.ts'
import { runScenario } from './world/run.ts'
import type { FaultName, Faults, Scenario } from './world/scenario.ts'

export interface Failure {
  readonly claim: string
  readonly detail: string
}

/** Undefined when every claim held. Anything else that is thrown is a fault of the simulation itself. */
export async function failureOf(scenario: Scenario): Promise<Failure | undefined> {
  try {
    await runScenario(scenario)
    return undefined
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    return { claim: error.claim, detail: error.message }
  }
}

/** @param tries runs at most */
export async function shrink(
  scenario: Scenario,
  { claim }: Failure,
  tries: number,
  say: (line: string) => void = () => {},
): Promise<Scenario> {
  let smallest = scenario
  let left = tries
  for (let isSmaller = true; isSmaller; ) {
    isSmaller = false
    for (const candidate of smallerThan(smallest)) {
      if (left === 0) return smallest
      left -= 1
      const failure = await failureOf(candidate)
      if (failure?.claim !== claim) continue
      smallest = candidate
      isSmaller = true
      say(`${left} tries left: ${describe(smallest)}`)
      break
    }
  }
  return smallest
}

/** Shrinks what failed in a campaign, and prints it or writes it to regressions/. */
export async function keepOrPrint(
  scenario: Scenario,
  options: { readonly tries: number; readonly keeps: boolean; readonly say: (line: string) => void },
): Promise<void> {
  const { say } = options
  const failure = await failureOf(scenario)
  if (failure === undefined) {
    say(`seed ${scenario.seed} failed once and holds now: the simulation is not deterministic`)
    return
  }
  const smallest = await shrink(scenario, failure, options.tries, say)
  const text = `${JSON.stringify({ showed: failure.detail, scenario: smallest }, null, 2)}\n`
  if (!options.keeps) {
    process.stdout.write(text)
    return
  }
  const directory = join(import.meta.dirname, 'regressions')
  mkdirSync(directory, { recursive: true })
  const path = join(directory, `seed-${scenario.seed}.json`)
  writeFileSync(path, text)
  say(`kept in ${path}`)
}

/** A line for people. */
export function describe({ seed, validators, villains, faults, faultsMs, dead }: Scenario): string {
  const cast = villains.map(({ validator, kind }) => `${validator} ${kind}`).join(', ') || 'no villain'
  const classes = Object.keys(faults).join(' ') || 'no fault'
  return `seed ${seed}, ${validators} validators, ${faultsMs} ms: ${cast}; ${classes}${dead.length > 0 ? `; dead ${dead}` : ''}`
}

function* smallerThan(scenario: Scenario): Generator<Scenario> {
  const { faults, villains, validators, faultsMs, dead } = scenario
  for (const name of Object.keys(faults) as FaultName[]) yield { ...scenario, faults: withoutFault(faults, name) }
  for (const villain of villains) yield { ...scenario, villains: villains.filter((other) => other !== villain) }
  for (const villain of villains) {
    const parts = villain.kind.split('+')
    for (const part of parts.length > 1 ? parts : []) {
      const kind = parts.filter((other) => other !== part).join('+')
      yield { ...scenario, villains: villains.map((other) => (other === villain ? { ...villain, kind } : other)) }
    }
  }
  if (dead.length > 0) yield { ...scenario, dead: [] }
  if (scenario.followers > 0) yield { ...scenario, followers: 0 }
  if (scenario.annoyEveryMs > 0) yield { ...scenario, annoyEveryMs: 0 }
  if (scenario.payEveryMs > 0) yield { ...scenario, payEveryMs: 0 }
  if (validators > 4) {
    const fewer = validators - 3
    const most = (fewer - 1) / 3
    const kept = villains.filter(({ validator }) => validator < fewer)
    const moved = kept.length > 0 ? kept : villains.map(({ kind }, at) => ({ validator: at, kind }))
    yield { ...scenario, validators: fewer, villains: moved.slice(0, most), dead: [] }
  }
  for (const shorter of [faultsMs >> 1, faultsMs - 500]) {
    if (shorter >= 100) yield { ...scenario, faultsMs: shorter }
  }
}

function withoutFault(faults: Faults, name: FaultName): Faults {
  const { [name]: _, ...rest } = faults
  return rest
}
