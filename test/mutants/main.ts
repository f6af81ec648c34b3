// `npm run mutants`: puts every seeded bug into a copy of the tree, one at a time, and asks the tests. A table at the end; progress
// on the way. Exit status 1: a mutant survived that is not known to be equivalent.

import { parseArgs } from 'node:util'
import type { Mutant, Suite } from './mutant.ts'
import { MUTANTS } from './mutants.ts'
import { pitfallsTable } from './pitfalls.ts'
import { Journal, jsonOf, lineOf, type Row, tableOf, totalsOf, verdictOf } from './results.ts'
import { endSuites, Workshop } from './workshop.ts'

const USAGE = `npm run mutants -- [options]
  --only NAME   this mutant; repeatable
  --file PART   those of files whose path contains this
  --rule PART   those whose rule contains this word: P9, S4
  --suites A,B  ask these instead of each mutant's own: a test file, core, world, world:VILLAIN
  --jobs N      so many at once, each in a copy of its own (1)
  --resume      take over what an interrupted run of the same tree has found
  --list        only their names, rules and files
  --pitfalls    only the table of docs/TESTING.md: which mutants stand for which pitfall
  --json        the results as one JSON array`

const say = (line: string) => process.stderr.write(`${line}\n`)

/** What finds what no test was written for; the simulated cores have no node around them. */
function simulationsOf({ file }: Mutant): readonly Suite[] {
  return file.startsWith('consensus/') ? ['core', 'world'] : ['world']
}

function suitesOf(mutant: Mutant, asked: readonly Suite[]): readonly Suite[] {
  if (asked.length > 0) return asked
  if (mutant.equivalent !== undefined) return mutant.killedBy
  return [...new Set([...mutant.killedBy, ...simulationsOf(mutant)])]
}

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

interface Request {
  readonly mutants: readonly Mutant[]
  readonly suites: readonly Suite[]
  readonly jobs: number
  readonly resume: boolean
}

async function judgeAll({ mutants, suites: asked, jobs, resume }: Request): Promise<Row[]> {
  const workshops = [new Workshop()]
  const close = () => {
    endSuites()
    for (const workshop of workshops) workshop.close()
  }
  const [first] = workshops
  if (first === undefined) return []
  const rows = new Map<Mutant, Row>()
  const interrupt = (status: number) => () => {
    close()
    say(
      `interrupted after ${rows.size} of ${mutants.length}: ${totalsOf([...rows.values()])}; --resume goes on from here`,
    )
    process.exit(status)
  }
  process.once('SIGINT', interrupt(130)).once('SIGTERM', interrupt(143))
  try {
    while (workshops.length < jobs) workshops.push(new Workshop(first))
    // All of them before the first: a run that stops in the middle has told nothing.
    for (const mutant of mutants) first.checkFits(mutant)
    const journal = new Journal(first.fingerprint())
    const waiting = [...mutants]
    const work = async (workshop: Workshop) => {
      for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
        const suites = suitesOf(mutant, asked)
        const known = resume ? journal.find(mutant, suites) : undefined
        const row = known ?? (await judge(workshop, mutant, suites))
        if (known === undefined) journal.note(row, suites)
        rows.set(mutant, row)
        say(`${rows.size}/${mutants.length} ${lineOf(row)}${known === undefined ? '' : ' (of an earlier run)'}`)
      }
    }
    await Promise.all(workshops.map(work))
  } finally {
    close()
  }
  return mutants.flatMap((mutant) => rows.get(mutant) ?? [])
}

function optionsOf() {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', multiple: true, default: [] },
      file: { type: 'string', default: '' },
      rule: { type: 'string', default: '' },
      suites: { type: 'string', default: '' },
      jobs: { type: 'string', default: '1' },
      resume: { type: 'boolean', default: false },
      list: { type: 'boolean', default: false },
      pitfalls: { type: 'boolean', default: false },
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
  const { only, file, rule } = values
  const mutants = MUTANTS.filter(
    (mutant) =>
      (only.length === 0 || only.includes(mutant.name)) &&
      mutant.file.includes(file) &&
      (rule === '' || mutant.rule.split(/[ ,;()]+/).includes(rule)),
  )
  if (mutants.length === 0) throw new RangeError('there is no such mutant')
  return { ...values, mutants, jobs, suites: suites.filter(isSuite) }
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
  const { mutants, list, pitfalls, json } = options
  if (list) {
    for (const { name, rule, file } of mutants) process.stdout.write(`${name}  [${rule}]  ${file}\n`)
    return 0
  }
  if (pitfalls) {
    process.stdout.write(`${pitfallsTable()}\n`)
    return 0
  }
  const rows = await judgeAll(options)
  process.stdout.write(`${json ? jsonOf(rows) : tableOf(rows)}\n`)
  if (json) say(totalsOf(rows))
  return rows.some((row) => verdictOf(row) === 'SURVIVED') ? 1 : 0
}

process.exitCode = await main()
