// `npm run model`: explores the model exhaustively, then without each of its rules, then walks at random; a table at the end.
// Progress goes to standard error, so that --json leaves one object on standard output. Exit status 1: something is not as
// VIEWCHANGE.md section 1 says.

import { parseArgs } from 'node:util'
import { type Exploration, explore, NOT_FOR_SAFETY, type Walks, walk, without } from './explore.ts'
import { RULES, type RuleName } from './protocol.ts'

const USAGE = `npm run model -- [options]
  --views N     views to exhaust (3)
  --states N    give up after so many states up to symmetry (6000000)
  --walks N     random walks (20000)
  --walk-views N  views of a walk (5)
  --seed N      of the first walk (1)
  --sound       only the model with all its rules, none dropped
  --drop RULE   only the model without this rule, with the trace to a violation (repeatable)
  --json        the results as one JSON object
Rules: ${Object.keys(RULES).join(', ')}`

interface Row {
  readonly run: string
  readonly expected: 'safe' | 'violation'
  readonly seconds: number
  readonly result: Exploration
}

interface Options {
  readonly views: number
  readonly orbitsMax: number
  readonly walks: number
  readonly walkViews: number
  readonly seed: number
  readonly drop: readonly RuleName[]
  readonly sound: boolean
}

function isRule(name: string): name is RuleName {
  return Object.hasOwn(RULES, name)
}

function optionsOf(): Options & { readonly json: boolean } {
  const { values } = parseArgs({
    options: {
      views: { type: 'string', default: '3' },
      states: { type: 'string', default: '6000000' },
      walks: { type: 'string', default: '20000' },
      'walk-views': { type: 'string', default: '5' },
      seed: { type: 'string', default: '1' },
      drop: { type: 'string', multiple: true, default: [] },
      sound: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    },
  })
  const numbers = [values.views, values.states, values.walks, values['walk-views'], values.seed].map(Number)
  if (numbers.some((number) => !Number.isSafeInteger(number) || number < 0))
    throw new RangeError('a number is expected')
  const unknown = values.drop.find((name) => !isRule(name))
  if (unknown !== undefined) throw new RangeError(`no rule is called ${unknown}`)
  const [views = 3, orbitsMax = 0, walks = 0, walkViews = 5, seed = 1] = numbers
  const { sound, json } = values
  return { views, orbitsMax, walks, walkViews, seed, drop: values.drop.filter(isRule), sound, json }
}

const say = (line: string) => process.stderr.write(`${line}\n`)

function run(name: string, expected: Row['expected'], dropped: readonly RuleName[], options: Options): Row {
  const startedMs = performance.now()
  const seconds = () => Math.round((performance.now() - startedMs) / 100) / 10
  const result = explore({
    views: options.views,
    rules: without(...dropped),
    orbitsMax: options.orbitsMax,
    onProgress: (orbits, pending) => say(`  ${name}: ${orbits} taken up, ${pending} waiting, ${seconds()} s`),
  })
  say(`${name}: ${result.outcome} after ${result.states} states, ${seconds()} s`)
  return { run: name, expected, seconds: seconds(), result }
}

/** Views within which every dropped rule shows. */
const TELLING_VIEWS = 3

/** A run that gave up, or in too few views, says nothing against a violation that should be there. */
function isAsExpected({ expected, result }: Row, views: number): boolean {
  if (expected === 'safe') return result.outcome !== 'violation'
  return result.outcome !== 'safe' || views < TELLING_VIEWS
}

function table(rows: readonly Row[], walks: Walks | undefined): string {
  const lines = rows.map(({ run: name, seconds, result }) => {
    const { outcome, orbits, states, depth, violation } = result
    const found = violation === undefined ? '' : `: ${violation}`
    return `| ${name} | ${outcome}${found} | ${states} | ${orbits} | ${depth} | ${seconds} |`
  })
  const walked =
    walks === undefined
      ? []
      : [
          '',
          `${walks.walks} walks, ${walks.steps} steps, ${walks.committed} of them committed: ${walks.violation ?? 'safe'}`,
        ]
  const head = ['| Rule dropped | Outcome | States | Up to symmetry | Actions | s |', '|---|---|---|---|---|---|']
  return [...head, ...lines, ...walked].join('\n')
}

function main(): void {
  const options = optionsOf()
  const all = Object.keys(RULES).filter(isRule)
  const dropped = options.drop.length > 0 || options.sound ? options.drop : all
  const rows = [
    ...(options.drop.length > 0 ? [] : [run('none', 'safe', [], options)]),
    ...dropped.map((name) => run(name, NOT_FOR_SAFETY.includes(name) ? 'safe' : 'violation', [name], options)),
  ]
  const walks =
    options.walks === 0 || options.drop.length > 0
      ? undefined
      : walk({
          views: options.walkViews,
          walks: options.walks,
          seed: options.seed,
          onProgress: (done) => say(`  ${done} walks`),
        })
  const traces =
    options.drop.length > 0 ? rows.flatMap(({ run: name, result }) => ['', name, ...(result.trace ?? [])]) : []
  const text = options.json
    ? JSON.stringify({ options, rows, walks }, null, 2)
    : [table(rows, walks), ...traces].join('\n')
  process.stdout.write(`${text}\n`)
  if (!rows.every((row) => isAsExpected(row, options.views)) || walks?.violation !== undefined) process.exitCode = 1
}

try {
  main()
} catch (error) {
  say(`${error instanceof Error ? error.message : error}\n${USAGE}`)
  process.exitCode = 2
}
