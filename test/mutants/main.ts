// `npm run mutants`: puts every seeded bug into a copy of the tree, one at a time, and asks the tests. A table at the end; progress
// on the way. Exit status 1: a mutant survived that is not known to be equivalent.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Mutant, mutate, type Suite } from './mutant.ts'
import { MUTANTS } from './mutants.ts'
import { ROOT, SUITE_SECONDS_MAX, Workshop } from './workshop.ts'

const USAGE = `npm run mutants -- [options]
  --only NAME   this mutant; repeatable
  --file PART   those of files whose path contains this
  --suites A,B  ask these instead of each mutant's own: a test file, core, world, world:VILLAIN
  --jobs N      so many at once, each in a copy of its own (1)
  --list        only their names and rules
  --json        the results as one JSON array`

interface Row {
  readonly mutant: Mutant
  readonly killedBy: string | undefined
  readonly said: string
  readonly seconds: number
}

/** What finds what no test was written for; the simulated cores have no node around them. */
function simulationsOf({ file }: Mutant): readonly Suite[] {
  return file.startsWith('consensus/') ? ['core', 'world'] : ['world']
}

const say = (line: string) => process.stderr.write(`${line}\n`)

async function judge(workshop: Workshop, mutant: Mutant, suites: readonly Suite[]): Promise<Row> {
  return await workshop.with(mutant, async () => {
    let seconds = 0
    let said = ''
    for (const suite of suites) {
      const verdict = await workshop.ask(suite, (broken) => say(`WITHOUT A MUTANT: ${broken}`))
      seconds += verdict.seconds
      said = verdict.said
      if (verdict.failed) return { mutant, killedBy: suite, said, seconds }
    }
    return { mutant, killedBy: undefined, said, seconds }
  })
}

function suitesOf(mutant: Mutant, asked: readonly Suite[]): readonly Suite[] {
  if (asked.length > 0) return asked
  if (mutant.equivalent !== undefined) return mutant.killedBy
  return [...new Set([...mutant.killedBy, ...simulationsOf(mutant)])]
}

function verdictOf({ killedBy, mutant }: Row): string {
  if (killedBy !== undefined) return `killed by ${killedBy}`
  return mutant.equivalent === undefined ? 'SURVIVED' : 'equivalent'
}

async function judgeAll(mutants: readonly Mutant[], asked: readonly Suite[], jobs: number): Promise<Row[]> {
  const rows: Row[] = []
  const waiting = [...mutants]
  const work = async () => {
    const workshop = new Workshop()
    try {
      for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
        const row = await judge(workshop, mutant, suitesOf(mutant, asked))
        rows.push(row)
        say(
          `${rows.length}/${mutants.length} ${mutant.name}: ${verdictOf(row)}, ${row.seconds.toFixed(1)} s; ${row.said}`,
        )
      }
    } finally {
      workshop.close()
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
  return mutants.flatMap((mutant) => rows.filter((row) => row.mutant === mutant))
}

function tableOf(rows: readonly Row[]): string {
  const width = Math.max(...rows.map(({ mutant }) => mutant.name.length))
  const lines = rows.map((row) => {
    const { name, rule, equivalent } = row.mutant
    const seconds = row.seconds.toFixed(1).padStart(6)
    return `${name.padEnd(width)} ${seconds} s  ${verdictOf(row)}  [${rule}]${equivalent === undefined ? '' : ` ${equivalent}`}`
  })
  const killed = rows.filter(({ killedBy }) => killedBy !== undefined)
  const times = killed.map(({ seconds }) => seconds).sort((a, b) => a - b)
  const equivalents = rows.filter((row) => verdictOf(row) === 'equivalent').length
  lines.push(
    `${killed.length} of ${rows.length - equivalents} killed, ${equivalents} equivalent; ` +
      `median ${times[times.length >> 1]?.toFixed(1) ?? '-'} s, slowest ${times.at(-1)?.toFixed(1) ?? '-'} s of at most ${SUITE_SECONDS_MAX} s a suite`,
  )
  return lines.join('\n')
}

function optionsOf() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: [] },
      file: { type: 'string', default: '' },
      suites: { type: 'string', default: '' },
      jobs: { type: 'string', default: '1' },
      list: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const unknown = values.only.find((name) => !MUTANTS.some((mutant) => mutant.name === name))
  if (unknown !== undefined) throw new RangeError(`no mutant is called ${unknown}`)
  const jobs = Number(values.jobs)
  if (!Number.isSafeInteger(jobs) || jobs < 1) throw new RangeError('--jobs takes a number from 1')
  const suites = values.suites.split(',').filter((suite) => suite !== '')
  const wrong = suites.find((suite) => !isSuite(suite))
  if (wrong !== undefined) throw new RangeError(`${wrong} is no suite`)
  return { ...values, jobs, suites: suites.filter(isSuite) }
}

function isSuite(name: string): name is Suite {
  return /^(?:core|world(?::[a-z-]+)?|test\/.+\.test\.ts)$/.test(name)
}

async function main(): Promise<number> {
  let options: ReturnType<typeof optionsOf>
  try {
    options = optionsOf()
  } catch (error) {
    say(`${error instanceof Error ? error.message : error}\n${USAGE}`)
    return 2
  }
  const { only, file, suites, jobs, list, json } = options
  const mutants = MUTANTS.filter(
    (mutant) => (only.length === 0 || only.includes(mutant.name)) && mutant.file.includes(file),
  )
  if (list) {
    for (const { name, rule, file: place } of mutants) process.stdout.write(`${name}  [${rule}]  ${place}\n`)
    return 0
  }
  // All of them before the first: a run that stops in the middle has told nothing.
  for (const mutant of mutants) mutate(readFileSync(join(ROOT, mutant.file), 'utf8'), mutant)
  const rows = await judgeAll(mutants, suites, jobs)
  const results = rows.map((row) => ({
    name: row.mutant.name,
    killedBy: row.killedBy,
    said: row.said,
    seconds: row.seconds,
  }))
  process.stdout.write(json ? `${JSON.stringify(results, undefined, 2)}\n` : `${tableOf(rows)}\n`)
  return rows.some((row) => verdictOf(row) === 'SURVIVED') ? 1 : 0
}

process.exitCode = await main()
