// `npm run simulate`: seeds of whole replicas with faults and villains, a table at the end; or one seed, with a readable log.
// Exit status 1: a claim did not hold; the seed is printed, shrunk and, with --keep, written to regressions/.

import { parseArgs } from 'node:util'
import { describe, keepOrPrint } from './shrink.ts'
import { emptyTally, type Tally, tableOf, take } from './tally.ts'
import { VILLAINS } from './villains/catalogue.ts'
import { runScenario } from './world/run.ts'
import { drawScenario, type ScenarioChoices } from './world/scenario.ts'

const USAGE = `npm run simulate -- [options]
  --seed N        the first seed (1)
  --seeds N       how many (1)
  --n N           validators: 4, 7 or 10 (drawn)
  --ms N          virtual milliseconds of faults (drawn)
  --villain NAME  only this one
  --villains      lists them
  --seconds N     stop after so many seconds of this machine
  --log           every step of every node (with one seed)
  --keep          write what was shrunk to test/simulation/regressions
  --tries N       runs that shrinking may take (200)
  --json          the tally as one JSON object`

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    seeds: { type: 'string', default: '1' },
    n: { type: 'string' },
    ms: { type: 'string' },
    villain: { type: 'string' },
    villains: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '0' },
    log: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
    tries: { type: 'string', default: '200' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

const say = (line: string) => process.stderr.write(`${line}\n`)

function choicesOf(): ScenarioChoices {
  return {
    ...(values.n === undefined ? {} : { validators: wholeNumber(values.n) }),
    ...(values.ms === undefined ? {} : { faultsMs: wholeNumber(values.ms) }),
    ...(values.villain === undefined ? {} : { villain: values.villain }),
  }
}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`${text} is not a whole number`)
  return value
}

async function campaign(): Promise<Tally> {
  const first = wholeNumber(values.seed)
  const count = wholeNumber(values.seeds)
  const choices = choicesOf()
  const startedMs = performance.now()
  const limitMs = wholeNumber(values.seconds) * 1_000
  const tally = emptyTally()
  let saidMs = startedMs
  for (let seed = first; seed < first + count; seed++) {
    const scenario = drawScenario(seed, choices)
    if (values.log) say(JSON.stringify(scenario, null, 2))
    await take(
      tally,
      scenario,
      (line) => say(`seed ${seed}: ${line}`),
      (one) => runScenario(one, values.log ? { log: (line) => process.stdout.write(`${line}\n`) } : {}),
    )
    const nowMs = performance.now()
    if (nowMs - saidMs > 5_000) {
      saidMs = nowMs
      say(`${seed - first + 1} of ${count} seeds, ${tally.views} views, ${tally.failed.length} failed`)
    }
    if (limitMs > 0 && nowMs - startedMs > limitMs) break
  }
  return tally
}

if (values.help) process.stdout.write(`${USAGE}\n`)
else if (values.villains) {
  for (const [name, { about }] of VILLAINS) process.stdout.write(`${name.padEnd(32)} ${about}\n`)
} else {
  const tally = await campaign()
  process.stdout.write(values.json ? `${JSON.stringify(tally)}\n` : tableOf(tally))
  const [failed] = tally.failed
  if (failed !== undefined) {
    process.exitCode = 1
    say(describe(failed))
    if (!values.log) await keepOrPrint(failed, { tries: wholeNumber(values.tries), keeps: values.keep, say })
  }
}
