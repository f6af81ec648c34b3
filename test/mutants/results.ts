// What a run of the mutants found, and how it is told: the table, the totals, JSON, and the file from which an interrupted run
// goes on. Judges nothing itself.

import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Mutant, Suite } from './mutant.ts'
import { ROOT, SUITE_SECONDS_MAX } from './workshop.ts'

export interface Row {
  readonly mutant: Mutant
  readonly killedBy: Suite | undefined
  /** The test or the claim that broke, or how far the last search went. */
  readonly said: string
  /** Of all suites that were asked; compiling and starting them included. */
  readonly seconds: number
}

export type RowVerdict = 'killed' | 'equivalent' | 'SURVIVED'

export function verdictOf({ killedBy, mutant }: Row): RowVerdict {
  if (killedBy !== undefined) return 'killed'
  return mutant.equivalent === undefined ? 'SURVIVED' : 'equivalent'
}

/** The test with its file, the claim with its seed; of a survivor why, or how far the search went. */
function killerOf(row: Row): string {
  const { killedBy, said, mutant } = row
  if (killedBy === undefined) return mutant.equivalent ?? said
  return said.startsWith(killedBy) ? said : `${killedBy} > ${said}`
}

export function lineOf(row: Row): string {
  return `${row.mutant.name}: ${verdictOf(row)}, ${row.seconds.toFixed(1)} s; ${killerOf(row)}`
}

export function tableOf(rows: readonly Row[]): string {
  const names = Math.max(...rows.map(({ mutant }) => mutant.name.length), 'mutant'.length)
  const files = Math.max(...rows.map(({ mutant }) => mutant.file.length), 'file'.length)
  const format = (name: string, file: string, verdict: string, seconds: string, killer: string) =>
    `${name.padEnd(names)}  ${file.padEnd(files)}  ${verdict.padEnd(10)}  ${seconds.padStart(7)}  ${killer}`
  const lines = rows.map((row) => {
    const { name, file } = row.mutant
    return format(name, file, verdictOf(row), row.seconds.toFixed(1), killerOf(row))
  })
  return [format('mutant', 'file', 'verdict', 'seconds', 'killer'), ...lines, totalsOf(rows)].join('\n')
}

/** Equivalent ones count as neither killed nor to be killed, unless a test does tell them apart. */
export function totalsOf(rows: readonly Row[]): string {
  const killed = rows.filter((row) => verdictOf(row) === 'killed')
  const seconds = killed.map((row) => row.seconds).sort((a, b) => a - b)
  const equivalent = rows.filter((row) => verdictOf(row) === 'equivalent').length
  const slow = seconds.filter((each) => each > SUITE_SECONDS_MAX).length
  const [median, slowest] = [seconds[seconds.length >> 1], seconds.at(-1)].map((each) => each?.toFixed(1) ?? '-')
  return (
    `${killed.length} of ${rows.length - equivalent} killed, ${equivalent} equivalent; ` +
    `median ${median} s, slowest ${slowest} s, ${slow} above ${SUITE_SECONDS_MAX} s`
  )
}

export function jsonOf(rows: readonly Row[]): string {
  const results = rows.map((row) => {
    const { name, rule, file, equivalent } = row.mutant
    const { killedBy, said, seconds } = row
    return { name, rule, file, verdict: verdictOf(row), killedBy, said, seconds, equivalent }
  })
  return JSON.stringify(results, undefined, 2)
}

interface Kept {
  readonly of: string
  readonly name: string
  readonly suites: string
  readonly killedBy?: Suite
  readonly said: string
  readonly seconds: number
}

/**
 * What earlier runs found, one line of JSON each. Rows count only for the tree, the mutant and the suites they were found with:
 * a changed tree begins anew.
 */
export class Journal {
  readonly #path: string
  readonly #of: string
  readonly #kept: readonly Kept[]

  /** @param of the fingerprint of the tree; lines of other trees are dropped from the file */
  constructor(of: string, path = join(ROOT, 'node_modules/.cache/mutants.jsonl')) {
    this.#path = path
    this.#of = of
    this.#kept = linesOf(path).filter((kept) => kept.of === of)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, this.#kept.map((kept) => `${JSON.stringify(kept)}\n`).join(''))
  }

  find(mutant: Mutant, suites: readonly Suite[]): Row | undefined {
    const asked = suites.join(' ')
    const kept = this.#kept.findLast(({ name, suites: before }) => name === mutant.name && before === asked)
    return kept && { mutant, killedBy: kept.killedBy, said: kept.said, seconds: kept.seconds }
  }

  note({ mutant, killedBy, said, seconds }: Row, suites: readonly Suite[]): void {
    const found = killedBy === undefined ? {} : { killedBy }
    const kept: Kept = { of: this.#of, name: mutant.name, suites: suites.join(' '), ...found, said, seconds }
    appendFileSync(this.#path, `${JSON.stringify(kept)}\n`)
  }
}

/** A line that was cut off by a crash is no line. */
function linesOf(path: string): Kept[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return []
  }
  return text.split('\n').flatMap((line) => {
    try {
      return [JSON.parse(line) as Kept]
    } catch {
      return []
    }
  })
}
