// `npm run fuzz -- --seconds N --target NAME --seed S`: the core and every decoder in turn until the time is over; what is found is kept.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fuzzCore } from './core-fuzzer.ts'
import { type Finding, fuzz, nameOf, type Tally, type Until } from './fuzzer.ts'
import { TARGETS } from './targets.ts'

const CORPUS = join(import.meta.dirname, 'corpus')
/** Targets take turns of this length, so that an early end leaves none out. */
const TURN_MS_MAX = 5_000

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    target: { type: 'string' },
    seed: { type: 'string', default: '1' },
  },
})
const seconds = Number(values.seconds)
const seed = Number(values.seed)
const jobs = [
  { name: 'core', run: fuzzCore },
  ...TARGETS.map((target) => ({ name: target.name, run: (turn: number, until: Until) => fuzz(target, turn, until) })),
]
const targets = jobs.filter(({ name }) => values.target === undefined || name === values.target)
if (!(seconds > 0) || !Number.isSafeInteger(seed) || targets.length === 0) {
  console.error(`usage: npm run fuzz -- [--seconds N] [--seed S] [--target ${jobs.map(({ name }) => name).join('|')}]`)
  process.exit(2)
}

function keep(finding: Finding): void {
  mkdirSync(CORPUS, { recursive: true })
  const { target, input, problem } = finding
  writeFileSync(
    join(CORPUS, nameOf(finding)),
    `${JSON.stringify({ target, input, problem: problem.split('\n')[0] }, null, 2)}\n`,
  )
}

const tallies = new Map<string, Tally>()
const turnMs = Math.min(TURN_MS_MAX, (1_000 * seconds) / targets.length)
const endMs = performance.now() + 1_000 * seconds

for (let turn = 0; performance.now() < endMs; turn++) {
  for (const target of targets) {
    if (performance.now() >= endMs) break
    const turnSeed = seed + turn
    const tally: Tally = target.run(turnSeed, { executions: Number.POSITIVE_INFINITY, ms: turnMs })
    for (const finding of tally.findings) {
      // The core's findings are runs, not inputs: their seed joins test/fuzz/core.test.ts.
      if (target.name !== 'core') keep(finding)
      console.error(`FOUND in ${target.name}, seed ${turnSeed}: ${finding.problem}\n  input ${finding.input}`)
    }
    const sum = tallies.get(target.name)
    if (sum === undefined) tallies.set(target.name, tally)
    else {
      sum.executions += tally.executions
      sum.accepted += tally.accepted
      sum.elapsedMs += tally.elapsedMs
      sum.slowestMs = Math.max(sum.slowestMs, tally.slowestMs)
      sum.findings.push(...tally.findings)
    }
  }
  const leftS = Math.max(0, (endMs - performance.now()) / 1_000)
  console.error(`turn ${turn + 1} done, seed ${seed + turn}, ${leftS.toFixed(0)} s left`)
}

const all = [...tallies.values()]
console.table(
  all.map(({ target, executions, accepted, elapsedMs, slowestMs, findings }) => ({
    target,
    executions,
    'accepted %': Math.round((100 * accepted) / executions),
    'exec/s': Math.round((1_000 * executions) / elapsedMs),
    'slowest ms': Number(slowestMs.toFixed(2)),
    findings: findings.length,
  })),
)
const total = all.reduce((sum, { executions }) => sum + executions, 0)
const found = all.reduce((sum, { findings }) => sum + findings.length, 0)
console.log(`${total} inputs from seed ${seed} in ${seconds} s, ${found} findings`)
process.exit(found === 0 ? 0 : 1)
