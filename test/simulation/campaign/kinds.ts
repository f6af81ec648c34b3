// What a campaign can run: kinds of numbered items, each a seed or a part of one. Runs inside a worker; knows no process and no file.
// An item is the same run for ever: kinds only add.

import { conformanceOf, recorder } from '../../model/recording.ts'
import { checkDeterminism, Violation } from '../invariants.ts'
import { runSeed } from '../simulation.ts'
import { count, emptyTally, type Tally, take } from '../tally.ts'
import { VILLAINS } from '../villains/catalogue.ts'
import { runScenario } from '../world/run.ts'
import { drawScenario, type Scenario } from '../world/scenario.ts'

export type KindName = 'swarm' | 'core' | 'catalogue' | 'determinism' | 'core-determinism'

/** What failed, and how to see it again: a scenario of whole replicas, or a seed of the core simulator. */
export interface Finding {
  readonly item: number
  readonly detail: string
  readonly scenario?: Scenario
}

export interface Report {
  readonly tally: Tally
  readonly findings: Finding[]
  /** One per item, where the kind compares them. */
  readonly traces: string[]
}

export interface Kind {
  readonly about: string
  /** Items that a worker takes at once: some seconds of work. */
  readonly batch: number
  /** How many items make a seed. */
  readonly perSeed: number
  /** @param times how often each seed runs, where the kind compares runs */
  readonly run: (item: number, report: Report, times: number) => Promise<void>
}

const SIZES = [4, 7, 10] as const
/** Smaller committees see more views. */
const CORE_SIZES = [4, 4, 7, 10] as const
const CATALOGUE_FAULTS_MS = 2_000
const NAMES = [...VILLAINS.keys()]

export const KINDS: Readonly<Record<KindName, Kind>> = {
  swarm: {
    about: 'whole replicas under drawn faults and villains, then healed',
    batch: 16,
    perSeed: 1,
    run: async (seed, report) => await takeWorld(report, seed, drawScenario(seed)),
  },
  core: {
    about: 'the protocol core alone under drawn faults, three seeds of four with f twins; the model judges every step',
    batch: 50,
    perSeed: 1,
    run: async (seed, report) => {
      takeCore(report, seed)
    },
  },
  catalogue: {
    about: 'every villain among 4, 7 and 10 validators, in a world for each seed',
    batch: 4,
    perSeed: NAMES.length,
    run: async (item, report) => {
      const villain = NAMES[(item - 1) % NAMES.length]
      if (villain === undefined) throw new RangeError(`no item ${item}`)
      const seed = Math.ceil(item / NAMES.length)
      for (const validators of SIZES) {
        await takeWorld(report, item, drawScenario(seed, { villain, validators, faultsMs: CATALOGUE_FAULTS_MS }))
      }
    },
  },
  determinism: {
    about: 'whole replicas, each seed several times: equal traces',
    batch: 8,
    perSeed: 1,
    run: async (seed, report, times) => {
      let trace = ''
      await takeWorld(report, seed, drawScenario(seed), async (scenario) => {
        const outcome = await runScenario(scenario)
        trace = outcome.trace
        for (let again = 1; again < times; again++) checkDeterminism(trace, (await runScenario(scenario)).trace)
        return outcome
      })
      report.traces.push(trace)
    },
  },
  'core-determinism': {
    about: 'the same of the protocol core alone',
    batch: 100,
    perSeed: 1,
    run: async (seed, report, times) => {
      report.traces.push(takeCore(report, seed, { times, isJudged: false }))
    },
  },
}

export function isKind(name: string): name is KindName {
  return Object.hasOwn(KINDS, name)
}

export function emptyReport(): Report {
  return { tally: emptyTally(), findings: [], traces: [] }
}

async function takeWorld(
  { tally, findings }: Report,
  item: number,
  scenario: Scenario,
  run: (scenario: Scenario) => ReturnType<typeof runScenario> = (one) => runScenario(one),
): Promise<void> {
  await take(tally, scenario, (detail) => findings.push({ item, detail, scenario }), run)
}

export interface CoreOptions {
  readonly times?: number
  /** Whether the model judges every step, which takes twice as long again. */
  readonly isJudged?: boolean
  /** Validators with two lives; by the seed without it. */
  readonly twins?: number
}

/** One seed of the core simulator into the tally; answers its trace, empty when a claim broke. */
export function takeCore({ tally, findings }: Report, seed: number, options: CoreOptions = {}): string {
  const validators = CORE_SIZES[seed % CORE_SIZES.length] ?? 4
  const most = Math.floor((validators - 1) / 3)
  const { times = 1, isJudged = true, twins = (seed >> 2) % 4 === 0 ? 0 : most } = options
  const before = process.cpuUsage()
  tally.seeds += 1
  if (twins > 0) {
    tally.withVillains += 1
    tally.withAllVillains += 1
    count(tally.villains, 'twinned core', twins)
  }
  const run = () => runSeed(seed, validators, undefined, twins)
  try {
    const { views, commits, steps, modelled, trace } = isJudged
      ? runJudged(seed, validators, twins)
      : { ...run(), modelled: 0 }
    tally.views += views
    tally.blocks += commits
    tally.steps += steps
    tally.modelled += modelled
    for (let again = 1; again < times; again++) checkDeterminism(trace, run().trace)
    return trace
  } catch (error) {
    if (!(error instanceof Violation)) throw error
    count(tally.claims, error.claim)
    findings.push({ item: seed, detail: `core, ${validators} validators, ${twins} twins: ${error.message}` })
    return ''
  } finally {
    tally.cpuMs += process.cpuUsage(before).user / 1_000
  }
}

/** Every step of every honest node is put before the model. */
function runJudged(seed: number, validators: number, twins: number) {
  const judges = Array.from({ length: validators }, () => conformanceOf(validators))
  const record = recorder((node, step) => {
    const verdict = judges[node]?.accept(step)
    if (verdict?.kind === 'rejected')
      throw new Violation('the model allows it', `node ${node}: ${verdict.reason} ${JSON.stringify(step)}`)
  })
  const outcome = runSeed(
    seed,
    validators,
    (replica, input, effects) => {
      if (!replica.isTwin) record(replica, input, effects)
    },
    twins,
  )
  return { ...outcome, modelled: judges.reduce((sum, judge) => sum + judge.accepted(), 0) }
}
