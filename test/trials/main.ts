// `npm run kills`, `storm`, `availability` and `soak`: real nodes that are killed, stopped and restarted at load, and a judge of what
// is left. Owns arguments, tables and exit status: 0 all is well, 1 a violation or a failure, 2 wrong usage, 130 interrupted.

import { parseArgs } from 'node:util'
import { KILLS, type Kill, runKills } from './kills.ts'
import { tableOf } from './table.ts'
import { closeAll } from './trial.ts'

const USAGE: Readonly<Record<string, string>> = {
  kills: `npm run kills -- [options]
  --transactions N   of each trial (100000)
  --only A,B         some of ${KILLS.join(',')}
  --validators N     4 or more (4)`,
}
const COMMON_USAGE = `
  --seed N           of what is submitted and of who is hit when (drawn)
  --keep             leave the directories
  --json             the result as JSON`

const [command = ''] = process.argv.splice(2, 1)
const say = (line: string) => process.stderr.write(`${line}\n`)

const { values } = parseArgs({
  options: {
    transactions: { type: 'string', default: '100000' },
    only: { type: 'string', default: KILLS.join(',') },
    validators: { type: 'string', default: '4' },
    seed: { type: 'string', default: String(1 + Math.floor(Math.random() * 999_999)) },
    keep: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

function wholeNumber(name: 'transactions' | 'validators' | 'seed'): number {
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
  const rows = await runKills({
    transactions,
    validators: wholeNumber('validators'),
    seed: wholeNumber('seed'),
    only: chosenKills(),
    keep: values.keep,
    say,
  })
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

const COMMANDS: Readonly<Record<string, () => Promise<Result>>> = { kills }

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
