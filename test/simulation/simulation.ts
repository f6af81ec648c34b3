// One seeded world: n replicas, a network, a schedule of faults, then healing. The same seed gives the same run, to the last
// event. Tests and, later, villains and conformance build on it: everything they need is in the options or a public field.

import { createHash } from 'node:crypto'
import type { Effect, Input } from '../../consensus/protocol.ts'
import { freshSafety } from '../../consensus/safety.ts'
import type { Block, Equivocation, ValidatorIndex, View } from '../../consensus/types.ts'
import type { ValidatorSet } from '../../consensus/validators.ts'
import { Disk } from './disk.ts'
import { EventQueue } from './event-queue.ts'
import { checkProgress, History, Violation } from './invariants.ts'
import { CALM, type LinkFaults, type Packet, SimulatedNetwork } from './network.ts'
import { Random } from './random.ts'
import { type Latencies, Replica } from './replica.ts'
import { genesisOf, START_MS, validatorsOf } from './workload.ts'

export interface SimulationOptions {
  readonly seed: number
  /** Voting power of each. */
  readonly powers: readonly number[]
  readonly baseTimeoutMs?: number
  readonly idleIntervalMs?: number
  readonly latencies?: Latencies
  /** Villains: each leads a second life under its key, as a replica behind the others. */
  readonly twins?: readonly ValidatorIndex[]
  readonly onStep?: (replica: Replica, input: Input, effects: readonly Effect[]) => void
}

const QUICK: Latencies = { saveMs: [1, 3], workMs: [1, 3] }

export class Simulation {
  readonly queue = new EventQueue(START_MS)
  readonly history = new History()
  readonly validators: ValidatorSet
  readonly network: SimulatedNetwork
  readonly replicas: readonly Replica[]
  /** Streams for who builds on this. */
  readonly chance: { readonly faults: Random; readonly workload: Random }
  readonly #trace = createHash('sha256')
  readonly #twins: readonly ValidatorIndex[]
  #steps = 0
  #evidence = 0

  constructor(options: SimulationOptions) {
    const { seed, powers, baseTimeoutMs = 300, idleIntervalMs = 100, latencies = QUICK, onStep, twins = [] } = options
    this.validators = validatorsOf(powers)
    this.#twins = twins
    this.chance = { faults: new Random(seed, 'faults'), workload: new Random(seed, 'workload') }
    const genesis = genesisOf(powers.length)
    this.network = new SimulatedNetwork(this.queue, new Random(seed, 'network'), (to, from, packet) =>
      this.replica(to).receive(this.replica(from).index, packet),
    )
    const config = {
      validators: this.validators,
      self: undefined,
      pacemaker: { baseTimeoutMs, baseTimeoutMsMax: 10_000, idleIntervalMs },
      clockAheadMsMax: 500,
    }
    this.replicas = [...this.validators.indices(), ...twins].map((self, place) => {
      const isTwin = twins.includes(self)
      return new Replica({
        config,
        self,
        queue: this.queue,
        disk: new Disk(genesis.block, freshSafety(genesis.qc)),
        diskChance: new Random(seed, `disk ${place}`),
        latencies,
        history: isTwin ? this.#historyOfTwin() : this.history,
        send: (to, packet) => this.#send(place, to, packet),
        onStep: (replica, input, effects) => {
          this.#note(replica, input, effects)
          onStep?.(replica, input, effects)
        },
        onCommit: (replica, blocks) => this.#forget(replica, blocks),
        ...(twins.length > 0 ? { onEvidence: (equivocation: Equivocation) => this.#judge(equivocation) } : {}),
        ...(isTwin ? { twin: String(place) } : {}),
      })
    })
  }

  get steps(): number {
    return this.#steps
  }

  /** Equivocations of twins that somebody noticed. */
  get evidence(): number {
    return this.#evidence
  }

  /** Milliseconds of virtual time since the beginning. */
  get elapsedMs(): number {
    return this.queue.nowMs - START_MS
  }

  replica(index: ValidatorIndex | number): Replica {
    const replica = this.replicas[index]
    if (replica === undefined) throw new RangeError(`no replica ${index}`)
    return replica
  }

  live(): readonly Replica[] {
    return this.replicas.filter((replica) => replica.core !== undefined)
  }

  isHonest({ index }: Replica): boolean {
    return !this.#twins.includes(index)
  }

  start(): void {
    for (const replica of this.replicas) replica.start()
  }

  /** Runs until the condition holds (true) or `elapsedMs` reaches the limit (false). */
  runUntil(condition: () => boolean, limitMs: number): boolean {
    while (!condition()) if (this.elapsedMs >= limitMs || !this.queue.runNext()) return false
    return true
  }

  /** Ends at that time, also where nothing happens for long around it. */
  runFor(durationMs: number): void {
    this.queue.after(durationMs, () => {})
    this.runUntil(() => false, this.elapsedMs + durationMs)
  }

  /** A transaction reaches every replica, each after its own delay as by gossip. */
  submit(spreadMs: number): void {
    for (const replica of this.replicas) {
      this.queue.after(this.chance.workload.between(0, spreadMs), () => replica.submit())
    }
  }

  highestView(): View {
    return Math.max(0, ...this.live().map((replica) => replica.core?.view ?? 0)) as View
  }

  highestCommit(): number {
    return Math.max(0, ...this.history.committed.keys())
  }

  /** Hash of every step taken so far: what S17 compares. */
  traceHash(): string {
    return this.#trace.copy().digest('hex')
  }

  /** Whatever goes to a validator with two lives goes to both. */
  #send(from: number, to: ValidatorIndex, packet: Packet): void {
    if (to !== from) this.network.send(from, to, packet)
    const twin = this.#twins.indexOf(to)
    const place = this.validators.size + twin
    if (twin >= 0 && place !== from) this.network.send(from, place, packet)
  }

  /** Two lives of one key sign what one must not; what they certify and commit has to agree with everybody all the same. */
  #historyOfTwin(): History {
    const { committed, certified } = this.history
    return Object.assign(new History(), { committed, certified })
  }

  /** S15: nobody but twins is ever proved to have said two things. */
  #judge({ kind, first }: Equivocation): void {
    const culprit = kind === 'double-vote' ? first.signer : first.header.proposer
    if (!this.#twins.includes(culprit)) throw new Violation('S15 no honest key is framed', `validator ${culprit}`)
    this.#evidence += 1
  }

  #note(replica: Replica, input: Input, effects: readonly Effect[]): void {
    this.#steps += 1
    const kinds = effects.map((effect) => effect.kind).join()
    this.#trace.update(`${this.queue.nowMs} ${replica.index} ${replica.core?.view} ${input.kind} ${kinds}\n`)
  }

  #forget(replica: Replica, blocks: readonly Block[]): void {
    for (const block of blocks) replica.waiting -= Math.min(replica.waiting, block.proposal.payload.items.length)
  }
}

export interface Outcome {
  readonly views: number
  readonly commits: number
  readonly restarts: number
  readonly steps: number
  /** Equivocations of twins that somebody noticed. */
  readonly evidence: number
  readonly trace: string
  /** From healing until every live replica committed something new. */
  readonly healedMs: number
}

const FAULTS_MS = 8_000
const RECOVERY_MS_MAX = 180_000

/**
 * Faults for some seconds, each class in or out by the seed, then healing with up to f replicas dead for good or twinned.
 * @param twins how many validators lead two lives from beginning to end, at most f
 * @throws Violation when a claim does not hold.
 */
export function runSeed(seed: number, validators: number, onStep?: SimulationOptions['onStep'], twins = 0): Outcome {
  const powers = Array.from({ length: validators }, () => 1)
  const simulation = new Simulation({
    seed,
    powers,
    twins: new Random(seed, 'twins').shuffled(validatorsOf(powers).indices()).slice(0, twins),
    ...(onStep === undefined ? {} : { onStep }),
  })
  const restarts = scheduleFaults(simulation)
  simulation.start()
  simulation.runFor(FAULTS_MS + 1)
  heal(simulation)
  const healedAtMs = simulation.elapsedMs
  const healed = { view: simulation.highestView(), height: simulation.highestCommit() }
  const honest = simulation.live().filter((replica) => simulation.isHonest(replica))
  const live = honest.map((replica) => replica.index)
  const isWell = () =>
    live.every((index) => (simulation.history.lastCommit.get(index)?.height ?? 0) > healed.height + 2)
  if (!simulation.runUntil(isWell, healedAtMs + RECOVERY_MS_MAX)) {
    throw new Violation('L1 progress', `no commit ${RECOVERY_MS_MAX} ms after healing in view ${healed.view}`)
  }
  checkProgress(simulation.history, live, healed, validators)
  return {
    views: simulation.highestView(),
    commits: simulation.highestCommit(),
    restarts: restarts(),
    steps: simulation.steps,
    evidence: simulation.evidence,
    trace: simulation.traceHash(),
    healedMs: simulation.elapsedMs - healedAtMs,
  }
}

/** Draws what goes wrong and when; the answer counts restarts so far. */
function scheduleFaults(simulation: Simulation): () => number {
  const { queue, network, chance, replicas } = simulation
  const { faults: random } = chance
  let restarts = 0
  const repeat = (everyMs: number, event: () => void) => {
    const next = () => {
      if (simulation.elapsedMs >= FAULTS_MS) return
      event()
      queue.after(random.between(1, 2 * everyMs), next)
    }
    queue.after(random.between(1, 2 * everyMs), next)
  }
  const crash = (replica: Replica) => {
    if (replica.core === undefined) return
    replica.crash()
    queue.after(random.between(1, 2_000), () => {
      if (replica.core !== undefined || simulation.elapsedMs > FAULTS_MS) return
      restarts += 1
      replica.start()
    })
  }
  network.faults = drawFaults(random)
  if (random.chance(300)) for (const replica of replicas) replica.skewMs = random.between(-150, 150)
  if (random.chance(500)) repeat(700, () => crash(random.pick(replicas)))
  if (random.chance(200)) queue.after(random.between(500, FAULTS_MS), () => replicas.forEach(crash))
  if (random.chance(500)) {
    const parts = random.between(2, 3)
    repeat(1_200, () => {
      network.groups = random.chance(400) ? undefined : replicas.map(() => random.between(1, parts))
    })
  }
  if (random.chance(700)) repeat(random.between(100, 3_000), () => simulation.submit(random.between(0, 400)))
  return () => restarts
}

/** A calm network, everybody up but at most f, who are dead for good. */
function heal(simulation: Simulation): void {
  const { network, chance, replicas, validators } = simulation
  const { faults: random } = chance
  network.groups = undefined
  network.faults = CALM
  const honest = replicas.filter((replica) => simulation.isHonest(replica))
  const most = validators.faults - (validators.size - honest.length)
  const dead = new Set(random.shuffled(honest).slice(0, random.between(0, most)))
  for (const replica of replicas) {
    if (dead.has(replica)) replica.crash()
    else if (replica.core === undefined) replica.start()
  }
}

/** Each class in or out with even odds, its rate drawn: what one class hides another run shows. */
function drawFaults(random: Random): LinkFaults {
  const draw = (most: number) => (random.chance(500) ? random.between(1, most) : 0)
  const least = random.between(1, 20)
  return {
    lossPerMille: draw(250),
    duplicatePerMille: draw(200),
    delayMs: [least, least + random.between(0, 40)],
    slowPerMille: draw(150),
    slowMsMax: random.between(50, 1_500),
  }
}
