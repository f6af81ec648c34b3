// What view changes cost, measured on simulated replicas: the workloads of docs/VIEWCHANGE.md, each a function of its setting.
// Signatures are fake and cost nothing, a step of the protocol takes `STEP_MS`, delays are constant unless a workload says so.

import type { Block, ValidatorIndex, View } from '../../consensus/types.ts'
import { checkProgress } from './invariants.ts'
import type { Packet } from './network.ts'
import { Random } from './random.ts'
import { Simulation } from './simulation.ts'

const STEP_MS = 5
/** A good view has two steps: to build, save and store the proposal; to execute, save the vote and aggregate. */
const PART_MS = STEP_MS / 3
const IDLE_MS = 1_000
const PATIENCE_MS = 3_600_000

/** `R`: without suspicion, every suspect being forgotten after each step. */
export type RuleSet = 'R' | 'R + suspicion'

export interface Setting {
  readonly rules: RuleSet
  readonly validators: number
  readonly hopMs: number
  /** Base view timeout: the T of every figure. */
  readonly baseMs: number
  readonly seed: number
}

export const LAN = { hopMs: 0.5, baseMs: 1_000 }
export const WAN = { hopMs: 80, baseMs: 2_000 }

interface Fault {
  readonly dead?: readonly number[]
  /** False drops the message. */
  readonly passes?: (from: number, to: number, packet: Packet) => boolean
  readonly lateMs?: (from: number) => number
}

/** A world under way; `commitMs` fills with every replica's time from a block's making to its commit. */
interface Lab {
  readonly simulation: Simulation
  readonly commitMs: number[]
}

function begin(setting: Setting, { dead = [], passes, lateMs }: Fault = {}): Lab {
  const { rules, validators, hopMs, baseMs, seed } = setting
  const commitMs: number[] = []
  const simulation: Simulation = new Simulation({
    seed,
    powers: Array.from({ length: validators }, () => 1),
    baseTimeoutMs: baseMs,
    idleIntervalMs: IDLE_MS,
    latencies: { saveMs: [PART_MS, PART_MS], workMs: [PART_MS, PART_MS] },
    onStep: (replica, _, effects) => {
      if (rules === 'R') replica.core?.suspects.clear()
      for (const effect of effects) {
        if (effect.kind !== 'commit') continue
        for (const { proposal } of effect.blocks) {
          commitMs.push(simulation.queue.nowMs - proposal.header.timestampMs + PART_MS)
        }
      }
    },
  })
  const { network } = simulation
  network.faults = { lossPerMille: 0, duplicatePerMille: 0, delayMs: [hopMs, hopMs], slowPerMille: 0, slowMsMax: 0 }
  if (passes !== undefined) network.passes = passes
  if (lateMs !== undefined) network.lateMs = lateMs
  for (const replica of simulation.replicas) {
    replica.waiting = Number.MAX_SAFE_INTEGER
    if (!dead.includes(replica.index)) replica.start()
  }
  return { simulation, commitMs }
}

function reachView(simulation: Simulation, view: number): void {
  if (!simulation.runUntil(() => simulation.highestView() >= view, simulation.elapsedMs + PATIENCE_MS)) {
    throw new RangeError(`view ${view} is not reached from ${simulation.highestView()}`)
  }
}

export interface GoodViews {
  readonly viewMs: number
  readonly messagesPerView: number
  readonly commitMsP50: number
}

/** Nobody faulty: what a view takes. */
export function goodViews(setting: Setting): GoodViews {
  const views = 4 * setting.validators
  const { simulation, commitMs } = begin(setting)
  reachView(simulation, views)
  const before = { elapsedMs: simulation.elapsedMs, sent: sentBy(simulation) }
  commitMs.length = 0
  reachView(simulation, 2 * views)
  return {
    viewMs: (simulation.elapsedMs - before.elapsedMs) / views,
    messagesPerView: (sentBy(simulation) - before.sent) / views,
    commitMsP50: percentile(commitMs, 50),
  }
}

function sentBy({ network }: Simulation): number {
  return Object.values(network.sent).reduce((sum, sent) => sum + sent, 0)
}

export interface RotationCost {
  /** In T: what a rotation takes longer than one without faults. */
  readonly lost: number
  /** In T: from a block's making to its commit by the last live replica, from the first view on. */
  readonly worstCommit: number
  /** More than a rotation without faults takes. */
  readonly extraMessages: number
  readonly commits: number
}

/** Rotations of n views, once one has passed: `fault` is there from the beginning. */
export function rotationCost(setting: Setting, fault: Fault, rotations: number): RotationCost {
  const { validators, baseMs } = setting
  const good = goodViews(setting)
  const { simulation, commitMs } = begin(setting, fault)
  reachView(simulation, 2 * validators)
  const before = { elapsedMs: simulation.elapsedMs, sent: sentBy(simulation), commits: simulation.highestCommit() }
  reachView(simulation, (2 + rotations) * validators)
  const rotationMs = (simulation.elapsedMs - before.elapsedMs) / rotations
  return {
    lost: (rotationMs - validators * good.viewMs) / baseMs,
    worstCommit: Math.max(...commitMs) / baseMs,
    extraMessages: (sentBy(simulation) - before.sent) / rotations - validators * good.messagesPerView,
    commits: (simulation.highestCommit() - before.commits) / rotations,
  }
}

/** Who is faulty where one is; the first of them where several are. Leads view 3, so the first failure is not at the start. */
export const FAULTY = 3

/** `count` validators in a row, dead. */
export function deadInARow(count: number): Fault {
  return { dead: Array.from({ length: count }, (_, at) => at + FAULTY) }
}

/** `count` validators as far from one another as they can be, dead. */
export function deadSpread(count: number, validators: number): Fault {
  return { dead: Array.from({ length: count }, (_, at) => Math.floor((at * validators) / count)) }
}

/** Takes votes and timeouts, gives its own, and keeps every certificate and proposal to itself. */
export const WITHHOLDING: Fault = {
  passes: (from, _, { kind }) => from !== FAULTY || kind === 'vote' || kind === 'timeout',
}

/** `count` dead; who leads before them is honest but for certificates, which it tells nobody outside its proposals. */
export function neverRelaying(count: number): Fault {
  return { ...deadInARow(count), passes: (from, _, { kind }) => from !== FAULTY - 1 || kind !== 'certificate' }
}

/** Every message of one validator takes this much longer. */
export function slow(extraMs: number): Fault {
  return { lateMs: (from) => (from === FAULTY ? extraMs : 0) }
}

/** A leader that sends its proposals to these alone. */
export function selective(to: readonly number[]): Fault {
  return { passes: (from, receiver, { kind }) => from !== FAULTY || kind !== 'proposal' || to.includes(receiver) }
}

/** Over ten minutes of virtual time: for networks slower than base. */
export function commitsPerSecond(setting: Setting, fault: Fault): number {
  return committedIn(setting, fault, 600).length / 600
}

/** Of the validator that proposes least, in thousandths of all blocks: what suspicion must not take from an honest one. */
export function leastShare(setting: Setting): number {
  const blocks = committedIn(setting, {}, 1_200)
  const proposed = Array.from({ length: setting.validators }, () => 0)
  for (const { proposal } of blocks) {
    const { proposer } = proposal.header
    proposed[proposer] = (proposed[proposer] ?? 0) + 1
  }
  return (1_000 * Math.min(...proposed)) / blocks.length
}

/** The longest chain on a disk, genesis block apart, after so many seconds. */
function committedIn(setting: Setting, fault: Fault, seconds: number): readonly Block[] {
  const { simulation } = begin(setting, fault)
  simulation.runFor(1_000 * seconds)
  const chains = simulation.replicas.map(({ disk }) => disk.chain.slice(1))
  return chains.reduce((longest, chain) => (chain.length > longest.length ? chain : longest), [])
}

export interface Recovery {
  /** In T: from healing until every live replica has committed something new. */
  readonly after: number
  /** From the highest view at healing to that of the first certificate that commits something new. */
  readonly views: number
}

export type Wound = 'minority cut' | 'halves' | 'mixed views'

/** A partition of a few seconds, drawn, then none. */
export function healing(setting: Setting, wound: Wound): Recovery {
  const { simulation } = begin(setting)
  const { network, queue, replicas, validators } = simulation
  const { faults: random } = simulation.chance
  const shuffled = random.shuffled(replicas.map(({ index }) => index))
  const split = (first: readonly ValidatorIndex[]) => {
    network.groups = replicas.map(({ index }) => (first.includes(index) ? 1 : 0))
  }
  const minority = shuffled.slice(0, validators.faults)
  const half = shuffled.slice(0, Math.ceil(replicas.length / 2))
  const { baseMs } = setting
  const healMs = 4 * baseMs + random.between(0, 2 * baseMs)
  queue.after(baseMs, () => split(wound === 'halves' ? half : minority))
  if (wound === 'mixed views') {
    // Quorums that change, so that those outside fall behind by different numbers of views; then halves, so that nobody moves.
    for (let atMs = baseMs; atMs < healMs - baseMs; atMs += baseMs / 2) {
      const outside = random.shuffled(shuffled).slice(0, validators.faults)
      queue.after(atMs, () => split(outside))
    }
    queue.after(healMs - baseMs, () => split(half))
  }
  simulation.runFor(healMs)
  return recovery(simulation, setting)
}

/** Loss, delays beyond T, changing partitions and dead validators for five T; then all is well but for the dead. */
export function stabilisation(setting: Setting, deadCount: number): Recovery {
  const { baseMs, seed, validators, hopMs } = setting
  const random = new Random(seed, 'chaos')
  const dead = random.shuffled(Array.from({ length: validators }, (_, at) => at)).slice(0, deadCount)
  const { simulation } = begin(setting, { dead })
  const { network, queue, replicas } = simulation
  const calm = network.faults
  network.faults = {
    lossPerMille: 200,
    duplicatePerMille: 50,
    delayMs: [hopMs, hopMs + baseMs / 10],
    slowPerMille: 300,
    slowMsMax: 2 * baseMs,
  }
  const chaosMs = 5 * baseMs + random.between(0, baseMs)
  for (let atMs = 0; atMs < chaosMs; atMs += random.between(1, baseMs)) {
    queue.after(atMs, () => {
      network.groups = random.chance(500) ? undefined : replicas.map(() => random.between(1, 2))
    })
  }
  simulation.runFor(chaosMs)
  network.faults = calm
  return recovery(simulation, setting)
}

/** @throws Violation where the first commit takes more than n + 3 views (L1) */
function recovery(simulation: Simulation, { baseMs, validators }: Setting): Recovery {
  const { history, network } = simulation
  network.groups = undefined
  const healed = {
    elapsedMs: simulation.elapsedMs,
    view: simulation.highestView(),
    height: simulation.highestCommit(),
  }
  const live = simulation.live().map(({ index }) => index)
  const isWell = () => live.every((index) => (history.lastCommit.get(index)?.height ?? 0) > healed.height)
  simulation.runUntil(isWell, healed.elapsedMs + PATIENCE_MS)
  checkProgress(history, live, healed, validators)
  const first = history.committed.get(healed.height + 1)
  const view = [...history.certified].find(([, id]) => id === first)?.[0] ?? (0 as View)
  return { after: (simulation.elapsedMs - healed.elapsedMs) / baseMs, views: view + 1 - healed.view }
}

export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN
}
