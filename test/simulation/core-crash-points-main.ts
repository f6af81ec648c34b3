// `npm run crash-points -- --seeds N`: every crash point of N seeds, some 3,800 each, with progress on the way. Exit status 1: one
// of them broke a claim; its line says which, and --point runs it again.

import { parseArgs } from 'node:util'
import { type CrashPoint, crashAt, crashPointsOf, FATES, type Fate } from './core-crash-points.ts'

const USAGE = `npm run crash-points -- [options]
  --seeds N    so many seeds (3)
  --from N     the first (1)
  --point P    only this one: SEED/VICTIM/PLACE/FATE, as a failure names it`

const say = (line: string) => process.stderr.write(`${line}\n`)

function nameOf({ seed, victim, at, fate }: CrashPoint): string {
  return [seed, victim, at, fate].join('/')
}

function isFate(name: string): name is Fate {
  return Object.hasOwn(FATES, name)
}

function pointOf(name: string): CrashPoint {
  const [seed, victim, at, fate = ''] = name.split('/')
  const numbers = [seed, victim, at].map(Number)
  if (!numbers.every(Number.isSafeInteger) || !isFate(fate)) throw new RangeError(`${name} is no crash point`)
  return { seed: Number(seed), victim: Number(victim), at: Number(at), fate }
}

interface Tally {
  points: number
  crashes: number
  failures: number
}

function run(points: readonly CrashPoint[], tally: Tally): void {
  for (const point of points) {
    tally.points += 1
    try {
      tally.crashes += crashAt(point).crashes
    } catch (error) {
      tally.failures += 1
      process.stdout.write(`${nameOf(point)}: ${error instanceof Error ? error.message : error}\n`)
    }
  }
}

function main(): number {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '3' },
      from: { type: 'string', default: '1' },
      point: { type: 'string' },
    },
  })
  const [seeds, from] = [Number(values.seeds), Number(values.from)]
  if (!Number.isSafeInteger(seeds) || !Number.isSafeInteger(from) || seeds < 1)
    throw new RangeError('a number is expected')
  const startMs = Date.now()
  const tally: Tally = { points: 0, crashes: 0, failures: 0 }
  if (values.point !== undefined) run([pointOf(values.point)], tally)
  else {
    for (let seed = from; seed < from + seeds; seed++) {
      run(crashPointsOf(seed), tally)
      say(
        `seed ${seed}: ${tally.points} points so far, ${tally.failures} failed, ${Math.round((Date.now() - startMs) / 1_000)} s`,
      )
    }
  }
  const { points, crashes, failures } = tally
  process.stdout.write(`${points} crash points, ${crashes} crashes, ${failures} broke a claim\n`)
  return failures === 0 ? 0 : 1
}

try {
  process.exitCode = main()
} catch (error) {
  say(`${error instanceof Error ? error.message : error}\n${USAGE}`)
  process.exitCode = 2
}
