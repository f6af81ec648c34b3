// `npm run history`: clients of the HTTP API under kills, pauses and partitions, and every answer judged. Progress on the way, a
// table at the end. Exit status 1: an anomaly, whose history is kept.

import { parseArgs } from 'node:util'
import { runCampaign, type Summary } from './campaign.ts'

const USAGE = `npm run history -- [options]
  --operations N  answered requests at least (20000)
  --seed N        of the clients' choices and the order of the faults (1)
  --clients N     accounts, each with its own client (32)
  --fault-ms N    how long a fault lasts (3000)
  --pause-ms N    how long a process is stopped (10000)
  --quiet-ms N    between two faults (2000)`

const { values } = parseArgs({
  options: {
    operations: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    clients: { type: 'string', default: '32' },
    'fault-ms': { type: 'string', default: '3000' },
    'pause-ms': { type: 'string', default: '10000' },
    'quiet-ms': { type: 'string', default: '2000' },
    help: { type: 'boolean', default: false },
  },
})
const numbers = [
  values.operations,
  values.seed,
  values.clients,
  values['fault-ms'],
  values['pause-ms'],
  values['quiet-ms'],
]
const [operations = 0, seed = 0, clients = 0, faultMs = 0, pauseMs = 0, quietMs = 0] = numbers.map(Number)
if (values.help || numbers.some((text) => !/^\d{1,9}$/.test(text)) || clients < 2) {
  console.error(USAGE)
  process.exit(values.help ? 0 : 2)
}

const summary = await runCampaign({
  operations,
  seed,
  clients,
  times: { faultMs, pauseMs, quietMs },
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
