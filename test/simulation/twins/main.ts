// `npm run twins`: Twins scenarios, all of them or drawn ones, on as many workers as asked for; progress and a table. Exit status 1:
// a claim did not hold; the scenario is printed and replays with --scenario.

import { parseArgs } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { describe, parseScenario } from './scenario.ts'
import { BATCH, type Campaign, runBatch, sizeOf } from './share.ts'
import { add, emptyTally, type Tally, tableOf, take } from './tally.ts'

const USAGE = `npm run twins -- [options]
  --views N         views of a drawn scenario (8)
  --scenarios N     how many (1000)
  --seed N          the first is drawn from this seed, the next from the one above, and so on (1)
  --seconds N       stop after so many seconds of this machine
  --exhaustive N    all scenarios of N views instead: 3 is 262,144, 4 is 16,777,216
  --no-symmetry     run each of those, not one of each set of relabellings
  --from N          begin with this scenario, by number: where another run stopped
  --twins N         validators that run twice: 0, 1 or 2 (1); two of four are too many, and claims must break
  --workers N       threads (1)
  --scenario JSON   this one scenario, with every step of every node`

const { values } = parseArgs({
  options: {
    views: { type: 'string', default: '8' },
    scenarios: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '0' },
    exhaustive: { type: 'string' },
    'no-symmetry': { type: 'boolean', default: false },
    from: { type: 'string', default: '0' },
    twins: { type: 'string', default: '1' },
    workers: { type: 'string', default: '1' },
    scenario: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

const PROGRESS_MS = 5_000
const say = (line: string) => process.stderr.write(`${line}\n`)

interface Batch {
  readonly from: number
  readonly to: number
}

interface Share {
  readonly batch: Batch
  readonly tally: Tally
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${text} is not a whole number`)
  return value
}

function campaignOf(): Campaign {
  const twins = wholeNumber(values.twins)
  if (twins > 2) throw new RangeError('there are 0, 1 or 2 twins')
  return {
    kind: values.exhaustive === undefined ? 'sampled' : 'exhaustive',
    views: wholeNumber(values.exhaustive ?? values.views),
    twins,
    scenarios: wholeNumber(values.scenarios),
    seed: wholeNumber(values.seed),
    // The relabellings are those of one twin.
    symmetry: !values['no-symmetry'] && twins === 1,
  }
}

/** Deals batches out to workers until there are none left or the time is up. */
async function run(campaign: Campaign): Promise<Tally> {
  const startedMs = performance.now()
  const tally = emptyTally()
  const size = sizeOf(campaign)
  const limitMs = wholeNumber(values.seconds) * 1_000
  let next = wholeNumber(values.from)
  let finished = next
  let saidMs = startedMs
  const deal = (): Batch | undefined => {
    if (next >= size || (limitMs > 0 && performance.now() - startedMs > limitMs)) return undefined
    const batch = { from: next, to: Math.min(size, next + BATCH) }
    next = batch.to
    return batch
  }
  const collect = ({ batch, tally: part }: Share) => {
    add(tally, part)
    finished += batch.to - batch.from
    const nowMs = performance.now()
    if (nowMs - saidMs < PROGRESS_MS) return
    saidMs = nowMs
    const seconds = Math.round((nowMs - startedMs) / 1_000)
    const failed = Object.values(tally.claims).reduce((sum, times) => sum + times, 0)
    say(`${seconds} s: ${finished} of ${size} scenarios, ${tally.runs} runs, ${tally.views} views, ${failed} failed`)
  }
  const workers = Math.max(1, wholeNumber(values.workers))
  await Promise.all(Array.from({ length: workers }, () => work(campaign, deal, collect)))
  if (next < size) say(`stopped before scenario number ${next}: go on with --from ${next}`)
  process.stdout.write(tableOf(tally, performance.now() - startedMs))
  return tally
}

function work(campaign: Campaign, deal: () => Batch | undefined, collect: (share: Share) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const worker = new Worker(import.meta.filename, { workerData: campaign, argv: [] })
  const next = () => worker.postMessage(deal())
  worker.on('message', (share: Share) => {
    collect(share)
    next()
  })
  worker.on('error', reject)
  worker.on('exit', () => resolve())
  next()
  return promise
}

function serve(campaign: Campaign): void {
  const port = parentPort
  if (port === null) throw new RangeError('a worker has a parent')
  port.on('message', (batch: Batch | undefined) => {
    if (batch === undefined) {
      port.close()
      return
    }
    const before = process.threadCpuUsage()
    const tally = runBatch(campaign, batch.from, batch.to)
    const { user, system } = process.threadCpuUsage(before)
    tally.cpuMs = (user + system) / 1_000
    port.postMessage({ batch, tally } satisfies Share)
  })
}

/** One line per step: when, which node, what it heard, in which view it is then and what it does. */
function replay(text: string): Tally {
  const scenario = parseScenario(text)
  process.stdout.write(`${describe(scenario)}\n`)
  const tally = emptyTally()
  take(tally, scenario, 1, {
    onStep: ({ elapsedMs, node, view, input, effects }) => {
      const did = effects.map(({ kind }) => kind).join(' ')
      process.stdout.write(`${String(elapsedMs).padStart(6)} node ${node} view ${view} ${input.kind}: ${did}\n`)
    },
  })
  process.stdout.write(tableOf(tally, 0))
  return tally
}

if (!isMainThread) serve(workerData as Campaign)
else if (values.help) process.stdout.write(`${USAGE}\n`)
else {
  const tally = values.scenario === undefined ? await run(campaignOf()) : replay(values.scenario)
  if (tally.failures.length > 0) process.exitCode = 1
}
