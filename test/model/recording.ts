// Records the steps of simulated replicas as their logs would have them: a record is written when its step's effects were
// performed, so a crash may swallow the last one of a life.

import type { Effect, Input } from '../../consensus/protocol.ts'
import { raise } from '../../consensus/safety.ts'
import { type CoreState, createCore } from '../../consensus/state.ts'
import { type SafetyVariables, type StepRecord, traceOf, variablesOf } from '../../consensus/trace.ts'
import type { View } from '../../consensus/types.ts'
import type { Replica } from '../simulation/replica.ts'
import { runSeed } from '../simulation/simulation.ts'
import { validatorsOf } from '../simulation/workload.ts'
import { type Conformance, createConformance } from './conformance.ts'

interface Life {
  core: CoreState
  before: SafetyVariables
  pending: StepRecord | undefined
}

/** Hands every record to `write` once its effects were performed. */
export function recorder(write: (node: number, record: StepRecord) => void) {
  const lives = new Map<number, Life>()
  return (replica: Replica, input: Input, effects: readonly Effect[]): void => {
    const { core, index } = replica
    if (core === undefined) throw new Error('a step without a core')
    const known = lives.get(index)
    const life = known?.core === core ? known : { core, before: foundBy(replica, core), pending: undefined }
    const found = known?.core === core ? {} : { found: life.before }
    if (life.pending !== undefined) write(index, life.pending)
    const after = variablesOf(core)
    const pending = { ...traceOf(life.before, input, effects, after), ...found }
    lives.set(index, { core, before: after, pending })
  }
}

/** What the life under way began with: its first step has not touched the disk yet. */
function foundBy({ disk }: Replica, { config }: CoreState): SafetyVariables {
  const { certificate, safety, tip } = disk
  const isNewer = certificate !== undefined && certificate.view > safety.highQC.view
  return variablesOf(createCore(config, tip, isNewer ? raise(safety, { highQC: certificate }) : safety))
}

/** The log of each node of one seeded run. */
export function recordSeed(seed: number, validators: number): StepRecord[][] {
  const logs: StepRecord[][] = Array.from({ length: validators }, () => [])
  runSeed(
    seed,
    validators,
    recorder((node, record) => logs[node]?.push(record)),
  )
  return logs
}

/** The checker for a node of such a run. */
export function conformanceOf(validators: number): Conformance {
  const set = validatorsOf(Array.from({ length: validators }, () => 1))
  return createConformance(validators, set.quorum, (view) => set.leader(view as View))
}
