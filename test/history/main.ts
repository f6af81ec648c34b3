// `npm run history`: clients of the HTTP API under kills, pauses and partitions, and every answer judged. Progress on the way, a
// table at the end. Exit status 1: an anomaly, whose history is kept.

import { parseArgs } from 'node:util'
import { runCampaign, type Summary } from './campaign.ts'

const USAGE = `npm run history -- [options]
  --operations N  answered requests at least (20000)
  --seconds N     end after about so long (no limit)
  --seed N        of the clients' choices and the order of the faults (1)
  --clients N     accounts, each with its own client (32)
  --fault-ms N    how long a fault lasts (3000)
  --pause-ms N    how long a process is stopped (10000)
  --quiet-ms N    between two faults (2000)`

/** Exits when the text is no whole number, or below. */
function number(least: number, text: string): number {
  const value = Number(text)
  if (!/^\d{1,9}$/.test(text) || value < least) usage(2)
  return value
}

function usage(status: number): never {
  console.error(USAGE)
  process.exit(status)
}

const { values } = parseArgs({
  options: {
    operations: { type: 'string', default: '20000' },
    seconds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    clients: { type: 'string', default: '32' },
    'fault-ms': { type: 'string', default: '3000' },
    'pause-ms': { type: 'string', default: '10000' },
    'quiet-ms': { type: 'string', default: '2000' },
    help: { type: 'boolean', default: false },
  },
})
if (values.help) usage(0)
const operations = number(1, values.operations)
const seed = number(0, values.seed)
const secondsMax = values.seconds === undefined ? Number.POSITIVE_INFINITY : number(1, values.seconds)
const times = {
  faultMs: number(1, values['fault-ms']),
  pauseMs: number(1, values['pause-ms']),
  quietMs: number(0, values['quiet-ms']),
}

const summary = await runCampaign({
  operations,
  secondsMax,
  seed,
  clients: number(2, values.clients),
  times,
  onProgress: ({ answered, height, faults }) =>
    console.error(`${answered} of ${operations} operations answered, height ${height}, ${faults} faults survived`),
})
print(summary)
process.exit(summary.counts.size === 0 && summary.complaints.length === 0 ? 0 : 1)

function print({ operations: kinds, disturbances, counts, anomalies, complaints, ...rest }: Summary): void {
  console.table(Object.fromEntries(kinds))
  console.table(Object.fromEntries([...disturbances].map(([what, times]) => [what, { times }])))
  const seconds = rest.elapsedMs / 1_000
  const slowest = Math.max(...rest.healedMs) / 1_000
  console.log(
    `seed ${seed}: ${rest.answered} operations answered in ${seconds.toFixed(0)} s (${(rest.answered / seconds).toFixed(0)}/s), ` +
      `${rest.transactions} transactions in ${rest.blocks} blocks; after a fault all nodes committed again within ` +
      `${slowest.toFixed(1)} s; ${(rest.rssBytes / 2 ** 20).toFixed(0)} MiB`,
  )
  for (const [name, times] of counts) console.log(`ANOMALY ${name}: ${times}`)
  for (const { name, op, detail } of anomalies.slice(0, 20))
    console.log(`  ${name} in operation ${op ?? '-'}: ${detail}`)
  for (const complaint of complaints.slice(0, 20)) console.log(`COMPLAINT ${complaint}`)
  if (counts.size > 0 || complaints.length > 0) console.log(`history: ${rest.journalPath}`)
  else console.log('no anomaly')
}
