// How a claim of the test plan is stated in the world: a name, a condition, and what was seen instead.

import { Violation } from '../invariants.ts'

export { Violation }

/** @throws Violation */
export function hold(claim: string, condition: boolean, detail: () => string): asserts condition {
  if (!condition) throw new Violation(claim, detail())
}
