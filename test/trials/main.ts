// `npm run kills`, `storm`, `availability` and `soak`: real nodes that are killed, stopped and restarted at load, and a judge of what
// is left. Owns arguments, tables and exit status: 0 all is well, 1 a violation or a failure, 2 wrong usage, 130 interrupted.

import { parseArgs } from 'node:util'
import { availabilityRows, runAvailability } from './availability.ts'
import { KILLS, type Kill, runKills } from './kills.ts'
import { runSoak, soakRows } from './soak.ts'
import { runStorm, stormRows } from './storm.ts'
import { tableOf } from './table.ts'
import { closeAll } from './trial.ts'

const USAGE: Readonly<Record<string, string>> = {
  kills: `npm run kills -- [options]
  --transactions N   of each trial (100000)
  --only A,B         some of ${KILLS.join(',')}
  --validators N     4 or more (4)`,
  storm: `npm run storm -- [options]
  --minutes N        of killing a random node every 3 s (10)
  --all-kills N      how often all are killed at once afterwards (40)
  --validators N     4 or more (4)`,
  availability: `npm run availability -- [options]
  --seconds N        of each of the three measurements (30)
  --validators N     4 or more (4)`,
  soak: `npm run soak -- [options]
  --minutes N        (120)
  --rate N           transactions a second (200)
  --fault-seconds N  between two faults (30)
  --samples FILE     where every sample goes, as JSON lines
  --validators N     4 or more (4)`,
}
const COMMON_USAGE = `
  --seed N           of what is submitted and of who is hit when (drawn)
  --keep             leave the directories
  --json             the result as JSON`

const SAMPLE_SECONDS = 30
const WARM_UP_SECONDS = 180

const [command = ''] = process.argv.splice(2, 1)
const say = (line: string) => process.stderr.write(`${line}\n`)

const OPTIONS = {
  transactions: { type: 'string', default: '100000' },
  only: { type: 'string', default: KILLS.join(',') },
  minutes: { type: 'string', default: command === 'soak' ? '120' : '10' },
  'all-kills': { type: 'string', default: '40' },
  seconds: { type: 'string', default: '30' },
  rate: { type: 'string', default: '200' },
  'fault-seconds': { type: 'string', default: '30' },
  samples: { type: 'string' },
  validators: { type: 'string', default: '4' },
  seed: { type: 'string', default: String(1 + Math.floor(Math.random() * 999_999)) },
  keep: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

function parsed() {
  try {
    return parseArgs({ options: OPTIONS }).values
  } catch (error) {
    return usageError(error instanceof Error ? error.message : String(error))
  }
}

const values = parsed()

type NumberName =
  | 'transactions'
  | 'validators'
  | 'seed'
  | 'minutes'
  | 'all-kills'
  | 'seconds'
  | 'rate'
  | 'fault-seconds'

function wholeNumber(name: NumberName): number {
  const value = Number(values[name])
  if (!Number.isSafeInteger(value) || value < 1) usageError(`--${name} is a whole number from 1`)
  return value
}

function usageError(message: string): never {
  say(`error: ${message}`)
  process.exit(2)
}

function chosenKills(): Kill[] {
  return values.only.split(',').map((name) => {
    return KILLS.find((known) => known === name) ?? usageError(`--only takes some of ${KILLS.join(',')}`)
  })
}

/** Rows for the table, and the sentences that make the exit status 1. */
interface Result {
  readonly rows: readonly Readonly<Record<string, string | number>>[]
  readonly violations: readonly string[]
}

async function kills(): Promise<Result> {
  const transactions = wholeNumber('transactions')
  const rows = await runKills({ ...shared(), transactions, only: chosenKills() })
  return {
    rows: rows.map(({ trial, kills: killed, seconds, verdict }) => ({
      trial,
      kills: killed,
      transactions: verdict.committed,
      'per second': Math.round(transactions / seconds),
      acknowledged: verdict.acknowledged,
      dropped: verdict.dropped,
      duplicated: verdict.duplicated,
      lost: verdict.lost,
      height: verdict.height,
      'accounts compared': `${verdict.accounts} x ${verdict.nodes}`,
      verdict: verdict.violations.length === 0 ? 'ok' : 'VIOLATED',
    })),
    violations: rows.flatMap(({ trial, verdict }) => verdict.violations.map((sentence) => `${trial}: ${sentence}`)),
  }
}

function shared() {
  return { validators: wholeNumber('validators'), seed: wholeNumber('seed'), keep: values.keep, say }
}

async function storm(): Promise<Result> {
  const minutes = wholeNumber('minutes')
  const result = await runStorm({ ...shared(), minutes, allKills: wholeNumber('all-kills') })
  return { rows: stormRows(result), violations: result.verdict.violations }
}

async function availability(): Promise<Result> {
  const result = await runAvailability({ ...shared(), seconds: wholeNumber('seconds') })
  return { rows: availabilityRows(result), violations: result.verdict.violations }
}

async function soak(): Promise<Result> {
  const result = await runSoak({
    ...shared(),
    minutes: wholeNumber('minutes'),
    rate: wholeNumber('rate'),
    faultSeconds: wholeNumber('fault-seconds'),
    sampleSeconds: SAMPLE_SECONDS,
    warmUpSeconds: WARM_UP_SECONDS,
    ...(values.samples === undefined ? {} : { samplesPath: values.samples }),
  })
  return { rows: soakRows(result), violations: result.verdict.violations }
}

const COMMANDS: Readonly<Record<string, () => Promise<Result>>> = { kills, storm, availability, soak }

const run = COMMANDS[command] ?? usageError(`commands: ${Object.keys(COMMANDS).join(', ')}`)
if (values.help) {
  process.stdout.write(`${USAGE[command]}${COMMON_USAGE}\n`)
} else {
  process.on('SIGINT', () => {
    say('interrupted: the nodes are killed')
    void closeAll(values.keep).finally(() => process.exit(130))
  })
  say(`seed ${values.seed}`)
  try {
    const { rows, violations } = await run()
    process.stdout.write(values.json ? `${JSON.stringify({ seed: values.seed, rows, violations })}\n` : tableOf(rows))
    for (const sentence of violations) say(`VIOLATED ${sentence}`)
    process.exitCode = violations.length === 0 ? 0 : 1
  } catch (error) {
    say(`FAILED ${error instanceof Error ? error.stack : String(error)}`)
    process.exitCode = 1
  }
}
