// What has gone wrong in other systems, row by row, and which mutants bring each of it back. A row without a mutant says why.
// docs/TESTING.md has the table; the numbers are those that tests and mutants cite as PITFALLS 7 or P7.

import type { Mutant } from './mutant.ts'
import { MUTANTS } from './mutants.ts'

export interface Pitfall {
  readonly bug: string
  /** Why no mutant stands for it. */
  readonly unseeded?: string
}

const NO_EPOCHS = 'there is one epoch so far: nothing that could be taken out'

/** Row n is at n - 1. */
export const PITFALLS: readonly Pitfall[] = [
  { bug: 'a vote is sent before it is stored' },
  { bug: 'votes are not stored at all' },
  { bug: 'the own vote is seen before it is durable' },
  { bug: 'a restart looks at the QC and not at the TC' },
  { bug: 'the last vote is lost and cannot be resent' },
  { bug: 'a wiped disk leads to other proposals' },
  { bug: 'the commit rule does not look at views' },
  { bug: 'a TC with any QC, fields of a TC unchecked' },
  { bug: 'the parent is not the justified block' },
  { bug: 'ancestors are walked by view number' },
  { bug: 'a TC brings no high QC' },
  { bug: 'a QC for a block that is not held' },
  { bug: 'timeouts of different views are added up' },
  { bug: 'messages of views without end are kept' },
  { bug: 'panics on high views; proposals fill the memory' },
  { bug: 'a QC is dropped because a TC of its view came first' },
  { bug: 'a timer enters the next view; timeouts are not repeated' },
  { bug: 'the back-off has no cap' },
  { bug: 'the leader never gives up; those behind get no certificate' },
  { bug: 'keys without a proof of possession' },
  { bug: 'an empty bitmap with the point at infinity verifies' },
  { bug: 'votes are verified in one set and aggregated in another' },
  { bug: 'a bad vote takes the place of a good one; verified again and again' },
  { bug: 'one certificate has several encodings' },
  { bug: 'signatures are not bound to chain, epoch and kind' },
  { bug: 'two libraries with two default domain tags' },
  { bug: 'weights are summed across epochs' },
  { bug: 'the epoch change wedges', unseeded: NO_EPOCHS },
  { bug: 'a peer claims a height that does not exist' },
  { bug: 'time from the votes; time without bounds' },
  { bug: 'the proposer is not verified' },
  { bug: 'votes are withheld from the next leader' },
  { bug: 'too little work leaves the last blocks uncommitted' },
  { bug: 'a leader who says two things; two certificates in a view' },
  { bug: 'the database opens with records missing' },
  { bug: 'a kill does not test what is synced' },
  { bug: 'an old copy of the disk is restored' },
  { bug: 'a small gossip frame that costs much memory' },
  { bug: 'invalid proofs cost the sender nothing' },
  { bug: 'a node that recovers already serves' },
  { bug: 'fast sync differs from replay' },
  { bug: 'two parts were never wired together' },
  { bug: 'reads of several heights, or of what is not durable' },
  { bug: 'a timeout is an error; a retry is refused' },
  { bug: 'subscribers lose events unnoticed' },
  { bug: 'pages by offset' },
  { bug: 'amounts as JSON numbers' },
  { bug: 'the faucet races itself', unseeded: 'there is no faucet so far' },
  { bug: 'two ed25519 libraries disagree on edge cases' },
]

/** The rows of PITFALLS that a mutant brings back, ascending. */
export function rowsOf({ rule }: Mutant): number[] {
  return [...rule.matchAll(/\bP(\d+)\b/g)].map(([, row]) => Number(row))
}

export function mutantsOf(row: number): readonly Mutant[] {
  return MUTANTS.filter((mutant) => rowsOf(mutant).includes(row))
}

/** As Markdown. The suite is the one that is asked first. */
export function pitfallsTable(): string {
  const lines = PITFALLS.map(({ bug, unseeded }, at) => {
    const mutants = mutantsOf(at + 1)
    const suites = [...new Set(mutants.flatMap(({ killedBy }) => killedBy[0] ?? []))]
    const names = mutants.map(({ name }) => `\`${name}\``).join(', ')
    const killers = suites.map((suite) => `\`${suite}\``).join(', ')
    return `| ${at + 1} | ${bug} | ${unseeded ?? names} | ${unseeded === undefined ? killers : ''} |`
  })
  return ['| Row | What went wrong elsewhere | Mutants | Asked first |', '|---|---|---|---|', ...lines].join('\n')
}
