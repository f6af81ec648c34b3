// What a seeded bug is, and how it is put into a source text. A find-text that no longer occurs exactly once is an error: a
// refactoring has to take its mutants along, or they would silently test nothing.

import { stripTypeScriptTypes } from 'node:module'

/**
 * Where a mutant should be found: a test file; `core`, seeds of the simulated cores; `world`, seeds of whole replicas, with one
 * kind of villain in all of them or with what each seed draws.
 */
export type Suite = `test/${string}.test.ts` | 'core' | 'world' | `world:${string}`

export interface Mutant {
  readonly name: string
  /** The rule it takes out: a row of the project's pitfalls (P1 to P49), a section of DESIGN.md, or an invariant (S1 to S17). */
  readonly rule: string
  readonly file: string
  readonly find: string
  readonly replace: string
  /** In this order; the first that fails has killed it. */
  readonly killedBy: readonly Suite[]
  /** Set when no test can tell it from the original, with the reason. */
  readonly equivalent?: string
}

export function occurrences(text: string, find: string): number {
  return text.split(find).length - 1
}

/** @throws RangeError when the find-text does not occur exactly once, SyntaxError when the result does not parse. */
export function mutate(text: string, { name, find, replace }: Mutant): string {
  const count = occurrences(text, find)
  if (count !== 1) throw new RangeError(`${name}: its text occurs ${count} times, not once`)
  const mutated = text.replace(find, () => replace)
  stripTypeScriptTypes(mutated)
  return mutated
}
