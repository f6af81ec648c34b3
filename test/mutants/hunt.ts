// Runs seeds of a simulation until one breaks a claim or the time is up: the part of npm run mutants that looks for a bug where
// no test was written for it. Usage: hunt.ts core|world|world:VILLAIN SECONDS FROM: from that seed on, one seed at least.
// Exit status 1: found, and said on one line.

import { runSeed } from '../simulation/simulation.ts'
import { runScenario } from '../simulation/world/run.ts'
import { drawScenario } from '../simulation/world/scenario.ts'

const FAULTS_MS = 3_000

async function run(suite: string, seed: number): Promise<void> {
  const [kind, villain] = suite.split(':')
  if (kind === 'core') {
    runSeed(seed, seed % 3 === 0 ? 7 : 4)
    return
  }
  const forced = villain === undefined ? {} : { villain, validators: 4 }
  await runScenario(drawScenario(seed, { faultsMs: FAULTS_MS, ...forced }))
}

const [suite = 'core', seconds = '45', from = '1'] = process.argv.slice(2)
const deadlineMs = Date.now() + 1_000 * Number(seconds)
let seed = Number(from)
const found = (error: unknown): never => {
  const text = error instanceof Error ? error.message : String(error)
  process.stdout.write(`seed ${seed}: ${text.split('\n')[0]?.slice(0, 160)}\n`)
  process.exit(1)
}
process.on('unhandledRejection', found)
do {
  await run(suite, seed).catch(found)
  seed += 1
} while (Date.now() < deadlineMs)
process.stdout.write(`${seed - 1} seeds\n`)
process.exit(0)
