// `npm run view-change`: the figures of docs/VIEWCHANGE.md, measured anew, beside those the rules were chosen by.
// Progress goes to standard error, so that --json leaves one object on standard output. Every figure follows from the seed.

import { parseArgs } from 'node:util'
import * as costs from './costs.ts'

const USAGE = `npm run view-change -- [options]
  --only TEXT   only the workloads whose name contains this
  --small       without those of 100 validators, which take most of the time
  --seed N      of the first run (1)
  --runs N      runs of each healing and stabilisation (200)
  --json        the figures as one JSON object`

const RULE_SETS = ['R', 'R + suspicion'] as const

interface Options {
  readonly only: string
  readonly small: boolean
  readonly seed: number
  readonly runs: number
  readonly json: boolean
}

type Figures = Readonly<Record<string, number>>

interface Workload {
  readonly name: string
  readonly validators: number
  /** What the rules were chosen by: the lead figures without and with suspicion, as far as they are known. */
  readonly reference: readonly [without: string, with_: string]
  /** Which of the figures the reference speaks of. */
  readonly lead: readonly string[]
  readonly measure: (setting: costs.Setting, options: Options) => Figures
}

type Net = typeof costs.LAN

function rotations(fault: (validators: number) => Parameters<typeof costs.rotationCost>[1], net: Net = costs.LAN) {
  return (setting: costs.Setting): Figures => {
    const { validators } = setting
    const rounds = Math.max(4, Math.floor(960 / validators))
    return { ...costs.rotationCost({ ...setting, ...net }, fault(validators), rounds) }
  }
}

function recoveries(run: (setting: costs.Setting) => costs.Recovery) {
  return (setting: costs.Setting, { runs, seed }: Options): Figures => {
    const all = Array.from({ length: runs }, (_, at) => run({ ...setting, seed: seed + at }))
    const after = all.map((recovery) => recovery.after)
    return {
      p50: costs.percentile(after, 50),
      p99: costs.percentile(after, 99),
      worst: Math.max(...after),
      views: Math.max(...all.map(({ views }) => views)),
    }
  }
}

const slower = (hopMs: number, dead: number) => (setting: costs.Setting) => ({
  commitsPerSecond: costs.commitsPerSecond({ ...setting, hopMs }, costs.deadInARow(dead)),
})

const LOST = ['lost']
const { deadInARow, neverRelaying, selective, slow, FAULTY } = costs
const { baseMs } = costs.LAN

function row(
  name: string,
  validators: number,
  reference: Workload['reference'],
  lead: readonly string[],
  measure: Workload['measure'],
): Workload {
  return { name, validators, reference, lead, measure }
}

const WORKLOADS: readonly Workload[] = [
  row('nobody dead, LAN', 4, ['11.2, 6', ''], ['viewMs', 'messagesPerView'], (setting) => ({
    ...costs.goodViews(setting),
  })),
  row('nobody dead, WAN 80 ms', 4, ['', ''], ['viewMs', 'messagesPerView'], (setting) => ({
    ...costs.goodViews({ ...setting, ...costs.WAN }),
  })),
  row(
    'one dead',
    4,
    ['0.73, 0.79', '0.27, 0.79'],
    ['lost', 'worstCommit'],
    rotations(() => deadInARow(1)),
  ),
  row(
    'one dead',
    16,
    ['0.72', '0.33'],
    LOST,
    rotations(() => deadInARow(1)),
  ),
  row(
    'one dead',
    100,
    ['179 messages', ''],
    ['lost', 'extraMessages'],
    rotations(() => deadInARow(1)),
  ),
  row(
    'two dead in a row',
    16,
    ['1.72', '0.68'],
    LOST,
    rotations(() => deadInARow(2)),
  ),
  row(
    'two dead in a row',
    100,
    ['236 messages', ''],
    ['lost', 'extraMessages'],
    rotations(() => deadInARow(2)),
  ),
  row(
    'f dead in a row',
    16,
    ['4.7', '1.8'],
    LOST,
    rotations(() => deadInARow(5)),
  ),
  row(
    'f dead in a row',
    100,
    ['32', '20'],
    LOST,
    rotations(() => deadInARow(33)),
  ),
  row(
    'one dead, WAN 80 ms',
    4,
    ['0.74', ''],
    LOST,
    rotations(() => deadInARow(1), costs.WAN),
  ),
  row(
    'f dead, spread, WAN 80 ms',
    16,
    ['3.9', ''],
    LOST,
    rotations((n) => costs.deadSpread(5, n), costs.WAN),
  ),
  row(
    'withholding collector',
    4,
    ['0.75', '0.29'],
    LOST,
    rotations(() => costs.WITHHOLDING),
  ),
  row(
    'collector that never relays, before one dead',
    16,
    ['1.93', ''],
    LOST,
    rotations(() => neverRelaying(1)),
  ),
  row(
    'collector that never relays, before two dead',
    16,
    ['3.78', ''],
    LOST,
    rotations(() => neverRelaying(2)),
  ),
  row(
    'slow by 0.6 T',
    4,
    ['0.64', '0.64'],
    LOST,
    rotations(() => slow(0.6 * baseMs)),
  ),
  row(
    'slow by 1.1 T',
    4,
    ['0.76', '0.29'],
    LOST,
    rotations(() => slow(1.1 * baseMs)),
  ),
  row(
    'slow by 2.5 T',
    4,
    ['0.76', '0.29'],
    LOST,
    rotations(() => slow(2.5 * baseMs)),
  ),
  row(
    'selective leader: all but L(v+1)',
    4,
    ['0', '0'],
    LOST,
    rotations(() => selective([1, 2, FAULTY])),
  ),
  row(
    'selective leader: a quorum but one',
    4,
    ['1.06', '0.31'],
    LOST,
    rotations(() => selective([1, FAULTY])),
  ),
  row(
    'healing: minority cut',
    4,
    ['0.48', '0.25'],
    ['worst'],
    recoveries((s) => costs.healing(s, 'minority cut')),
  ),
  row(
    'healing: halves',
    4,
    ['0.96', '0.96'],
    ['worst'],
    recoveries((s) => costs.healing(s, 'halves')),
  ),
  row(
    'healing: mixed views',
    4,
    ['0.88', '0.92'],
    ['worst'],
    recoveries((s) => costs.healing(s, 'mixed views')),
  ),
  row(
    'stabilisation, one dead',
    4,
    ['1.37, 5.1, 5 views', '0.88, 2.9, 5 views'],
    ['p50', 'p99', 'views'],
    recoveries((setting) => costs.stabilisation(setting, 1)),
  ),
  row(
    'stabilisation, f dead',
    16,
    ['1.60, 2.9, 5 views', 'same'],
    ['p50', 'p99', 'views'],
    recoveries((setting) => costs.stabilisation(setting, 5)),
  ),
  row('hop 1 s, nobody dead', 4, ['0.31', ''], ['commitsPerSecond'], slower(1_000, 0)),
  row('hop 1 s, one dead', 4, ['0.23', '0.25'], ['commitsPerSecond'], slower(1_000, 1)),
  row('hop 2.5 s, one dead', 4, ['0.10', '0.08'], ['commitsPerSecond'], slower(2_500, 1)),
  row('hop 1 s, nobody dead', 4, ['', ''], ['leastShare'], (setting) => ({
    leastShare: costs.leastShare({ ...setting, hopMs: 1_000 }),
  })),
  row('hop 80 ms, T = 300 ms, two dead in a row', 16, ['', ''], ['lost', 'extraMessages'], (setting) =>
    rotations(() => deadInARow(2), { hopMs: 80, baseMs: 300 })(setting),
  ),
  row('hop 80 ms, T = 300 ms, f dead, spread', 16, ['', ''], ['lost', 'extraMessages'], (setting) =>
    rotations((n) => costs.deadSpread(5, n), { hopMs: 80, baseMs: 300 })(setting),
  ),
]

function optionsOf(): Options {
  const { values } = parseArgs({
    options: {
      only: { type: 'string', default: '' },
      small: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      runs: { type: 'string', default: '200' },
      json: { type: 'boolean', default: false },
    },
  })
  const [seed = 0, runs = 0] = [values.seed, values.runs].map(Number)
  if (![seed, runs].every((number) => Number.isSafeInteger(number) && number > 0)) {
    throw new RangeError('a whole number from 1 is expected')
  }
  return { only: values.only, small: values.small, seed, runs, json: values.json }
}

const say = (line: string) => process.stderr.write(`${line}\n`)

/** Two decimals in T, none for counts of messages. */
function rounded(value: number): number {
  return Math.abs(value) >= 10 ? Math.round(value * 10) / 10 : Math.round(value * 100) / 100
}

function leadOf({ lead }: Workload, figures: Figures): string {
  return lead.map((name) => rounded(figures[name] ?? Number.NaN)).join(', ')
}

function main(): void {
  const options = optionsOf()
  const chosen = WORKLOADS.filter(
    ({ name, validators }) => name.includes(options.only) && !(options.small && validators > 16),
  )
  const startedMs = performance.now()
  const rows = chosen.map((workload) => {
    const measured = RULE_SETS.map((rules) => {
      const { seed } = options
      return workload.measure({ rules, validators: workload.validators, ...costs.LAN, seed }, options)
    })
    const seconds = Math.round((performance.now() - startedMs) / 100) / 10
    say(`${workload.name}, n = ${workload.validators}: ${seconds} s`)
    return { workload, measured }
  })
  if (options.json) {
    const figures = rows.map(({ workload: { name, validators, reference }, measured: [without, with_] }) => ({
      name,
      validators,
      reference,
      R: without,
      'R + suspicion': with_,
    }))
    process.stdout.write(`${JSON.stringify({ options, figures }, null, 2)}\n`)
    return
  }
  const lines = rows.map(({ workload, measured: [without = {}, with_ = {}] }) => {
    const { name, validators, lead, reference } = workload
    const cells = [name, validators, lead.join(', '), reference[0], leadOf(workload, without), reference[1]]
    return `| ${[...cells, leadOf(workload, with_)].join(' | ')} |`
  })
  const head = ['| Workload | n | Figure | R, reference | R | with suspicion, reference | with suspicion |']
  process.stdout.write(`${[...head, '|---|---|---|---|---|---|---|', ...lines].join('\n')}\n`)
}

try {
  main()
} catch (error) {
  say(`${error instanceof Error ? error.message : error}\n${USAGE}`)
  process.exitCode = 2
}
