// `npm run corruption -- --cases N --seed S`: so many harmed data directories, a table of what became of them, and each violation
// with the command that shows it again. Exit status 1 when there is one.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type CaseResult, runCase } from './case.ts'
import { HARMS } from './harm.ts'
import { makeTemplates } from './reference.ts'

const USAGE = `npm run corruption -- [options]
  --cases N    so many cases (10000)
  --seed S     what is harmed, and how (1)
  --case K     only this one, in full
  --json       one line of JSON in the end`
const PROGRESS_MS = 5_000

const say = (line: string) => process.stderr.write(`${line}\n`)

function whole(text: string): number {
  const number = Number(text)
  if (!Number.isSafeInteger(number) || number < 0) throw new RangeError(`${text} is not a whole number\n${USAGE}`)
  return number
}

const OUTCOMES = ['whole', 'shorter', 'mended', 'refused', 'late', 'newest', 'observer', 'violation'] as const
type Row = Record<(typeof OUTCOMES)[number] | 'cases', number>

function tally(results: readonly CaseResult[]): Row {
  const row: Row = {
    cases: 0,
    whole: 0,
    shorter: 0,
    mended: 0,
    refused: 0,
    late: 0,
    newest: 0,
    observer: 0,
    violation: 0,
  }
  for (const { chain, safety, isLate, violation } of results) {
    row.cases += 1
    if (isLate) row.late += 1
    if (violation !== undefined) {
      row.violation += 1
      continue
    }
    for (const outcome of OUTCOMES) if (chain.startsWith(outcome) || safety.startsWith(outcome)) row[outcome] += 1
  }
  return row
}

function table(results: readonly CaseResult[]): string {
  const names = ['harm', 'cases', ...OUTCOMES]
  const lines = HARMS.map((harm) => ({ harm, ...tally(results.filter((result) => result.harm === harm)) }))
  const all = [...lines.filter(({ cases }) => cases > 0), { harm: 'all', ...tally(results) }]
  const cells = all.map((line) => [line.harm, line.cases, ...OUTCOMES.map((outcome) => line[outcome])].map(String))
  const widths = names.map((name, at) => Math.max(name.length, ...cells.map((row) => row[at]?.length ?? 0)))
  return [names, ...cells].map((row) => row.map((cell, at) => cell.padStart(widths[at] ?? 0)).join('  ')).join('\n')
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      cases: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
      case: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  })
  const seed = whole(values.seed)
  const [from, to] = values.case === undefined ? [0, whole(values.cases)] : [whole(values.case), whole(values.case) + 1]
  const root = await mkdtemp(join(tmpdir(), 'scoville-corruption-'))
  const results: CaseResult[] = []
  try {
    const templates = await makeTemplates(root)
    let saidMs = performance.now()
    for (let number = from; number < to; number++) {
      const result = await runCase(templates, seed, number, root)
      results.push(result)
      if (result.violation !== undefined) {
        say(`case ${number} (${result.template}; ${result.what}): ${result.violation}`)
        say(`  npm run corruption -- --seed ${seed} --case ${number}`)
      }
      if (performance.now() - saidMs < PROGRESS_MS) continue
      saidMs = performance.now()
      say(
        `${number + 1 - from} of ${to - from} cases, ${results.filter(({ violation }) => violation).length} violations`,
      )
    }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
  const row = tally(results)
  if (values.case !== undefined) process.stdout.write(`${JSON.stringify(results[0], undefined, 2)}\n`)
  else process.stdout.write(values.json ? `${JSON.stringify({ seed, ...row })}\n` : `${table(results)}\n`)
  return row.violation > 0 ? 1 : 0
}

process.exitCode = await main()
