// The ledger of campaigns: one JSON line per run, appended and never changed, so that tallies add up over commits.
// A line says what was run, on which commit and Node, and what was seen; `--tally` adds them up by kind.

import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import type { KindName } from './kinds.ts'
import type { Range } from './pool.ts'

export interface Line {
  /** When the run ended. */
  readonly at: string
  /** Of the commit, with `+` behind it when files of the node or of its tests differed from it. */
  readonly commit: string
  readonly nodes: readonly string[]
  readonly kind: KindName
  /** Items done; `perSeed` of them make a seed. */
  readonly ranges: readonly Range[]
  readonly perSeed: number
  readonly runs: number
  readonly views: number
  readonly blocks: number
  readonly steps: number
  readonly modelled: number
  readonly withVillains: number
  readonly withAllVillains: number
  /** Most views from healing to a commit. */
  readonly viewsToCommitMax: number
  readonly violations: number
  /** Of all workers, in user mode. */
  readonly cpuSeconds: number
  readonly viewsPerCoreSecond: number
}

export function readLedger(path: string): Line[] {
  if (!existsSync(path)) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): Line => JSON.parse(line))
}

export function appendLine(path: string, line: Line): void {
  appendFileSync(path, `${JSON.stringify(line)}\n`)
}

/** The first item that no line of this kind reaches; a whole seed further where seeds have had another number of items. */
export function nextItem(lines: readonly Line[], kind: KindName, perSeed: number): number {
  let next = 1
  for (const line of lines) {
    if (line.kind !== kind) continue
    const last = Math.max(0, ...line.ranges.map(([, to]) => to))
    next = Math.max(next, line.perSeed === perSeed ? last + 1 : Math.ceil(last / line.perSeed) * perSeed + 1)
  }
  return next
}

/** One row per kind: all lines added up. */
export function sumOf(lines: readonly Line[]): string {
  const rows = [
    [
      'kind',
      'campaigns',
      'commits',
      'runs',
      'with villains',
      'with f',
      'views',
      'blocks',
      'judged',
      'CPU h',
      'views/s',
      'broken',
    ],
  ]
  for (const kind of new Set(lines.map((line) => line.kind))) {
    const own = lines.filter((line) => line.kind === kind)
    const sum = (of: (line: Line) => number) => own.reduce((total, line) => total + of(line), 0)
    const cpuSeconds = sum((line) => line.cpuSeconds)
    const views = sum((line) => line.views)
    const row = [
      own.length,
      new Set(own.map((line) => line.commit)).size,
      sum((line) => line.runs),
      sum((line) => line.withVillains),
      sum((line) => line.withAllVillains),
      views,
      sum((line) => line.blocks),
      sum((line) => line.modelled),
      (cpuSeconds / 3_600).toFixed(2),
      Math.round(views / Math.max(1, cpuSeconds)),
      sum((line) => line.violations),
    ]
    rows.push([kind, ...row.map(String)])
  }
  const widths = rows[0]?.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0))) ?? []
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('')
}
