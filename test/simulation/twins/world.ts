// Runs one Twins scenario: real cores over a network that cuts each view as the scenario says, then heals. All claims of
// invariants.ts are on. Nothing is left to chance: every message takes one millisecond, every save and every piece of work none.

import type { Effect, Input } from '../../../consensus/protocol.ts'
import { freshSafety } from '../../../consensus/safety.ts'
import type { Block, Equivocation, ValidatorIndex, View } from '../../../consensus/types.ts'
import type { ValidatorSet } from '../../../consensus/validators.ts'
import { Disk } from '../disk.ts'
import { EventQueue } from '../event-queue.ts'
import { checkProgress, History, Violation } from '../invariants.ts'
import type { Packet } from '../network.ts'
import { Random } from '../random.ts'
import { Replica } from '../replica.ts'
import { genesisOf, START_MS, validatorsOf } from '../workload.ts'
import { farSideOf, leaderOf, nodesOf, type Relabelling, type Scenario, VALIDATORS } from './scenario.ts'

const HOP_MS = 1
/** Longer than any view without a fault takes. */
const BASE_TIMEOUT_MS = 100
const RECOVERY_MS_MAX = 60_000
/** Of all cores together; ten views take some 300. Without it a core that answers itself for ever would never end. */
const STEPS_MAX = 20_000
const INSTANT = { saveMs: [0, 0], workMs: [0, 0] } as const

const VALIDATOR_SET = validatorsOf(Array.from({ length: VALIDATORS }, () => 1))
const GENESIS = genesisOf(VALIDATORS)
const NO_CHANCE = new Random(0, 'twins')

export interface Outcome {
  /** The highest view reached. */
  readonly views: number
  /** Highest committed height when the first node was past the last split, and at the end. */
  readonly healedHeight: number
  readonly height: number
  /** Equivocations of twins that somebody noticed. */
  readonly evidence: number
  readonly steps: number
}

export interface Step {
  /** Of virtual time. */
  readonly elapsedMs: number
  readonly node: number
  readonly replica: Replica
  /** After the step. */
  readonly view: View
  readonly input: Input
  readonly effects: readonly Effect[]
}

export interface Watch {
  readonly onStep?: (step: Step) => void
  /** In which order nodes act within a millisecond and validators lead after healing; that of their numbers without it. */
  readonly order?: Relabelling
}

/**
 * A message is cut by the split of the view its sender is in, so parts that are in different views do not wait for each other.
 * A split ends when its view is lost: who resends a timeout is heard by all, or a view without a quorum would be the last.
 * Behind the last view of the scenario nobody is cut off, and leaders take turns.
 * @throws Violation when a claim does not hold.
 */
export function runTwins(scenario: Scenario, watch: Watch = {}): Outcome {
  return new TwinsWorld(scenario, watch).run()
}

/** Node 4 is the twin of validator 0, node 5 that of 1. */
function validatorOf(node: number): ValidatorIndex {
  return (node % VALIDATORS) as ValidatorIndex
}

class TwinsWorld {
  readonly #twins: number
  readonly #queue = new EventQueue(START_MS)
  readonly #history = new History()
  readonly #replicas: Replica[] = []
  readonly #order: readonly number[]
  /** By validator. */
  readonly #nodesOf: readonly (readonly number[])[]
  /** By view, from view 1 on. */
  readonly #farSides: readonly number[]
  #healed: { readonly view: View; readonly height: number } | undefined
  #height = 0
  #evidence = 0
  #steps = 0

  constructor(scenario: Scenario, { onStep, order }: Watch) {
    const { twins, choices } = scenario
    this.#twins = twins
    this.#farSides = choices.map((choice) => farSideOf(choice, twins))
    this.#order = order ?? Array.from({ length: nodesOf(twins) }, (_, node) => node)
    this.#nodesOf = VALIDATOR_SET.indices().map((index) => this.#order.filter((node) => validatorOf(node) === index))
    const validators = scheduleOf(scenario, this.#order)
    for (const node of this.#order) this.#replicas[node] = this.#replicaOf(node, validators, onStep)
  }

  run(): Outcome {
    for (const node of this.#order) this.#replicas[node]?.start()
    const honest = VALIDATOR_SET.indices().filter((index) => index >= this.#twins)
    const { lastCommit } = this.#history
    const isWell = () => {
      const { height } = this.#healed ?? { height: Number.POSITIVE_INFINITY }
      return honest.every((index) => (lastCommit.get(index)?.height ?? 0) > height)
    }
    while (!isWell()) if (!this.#queue.runNext() || this.#queue.nowMs > START_MS + RECOVERY_MS_MAX) break
    if (this.#healed === undefined) throw new Violation('L1 progress', 'the views of the scenario never end')
    checkProgress(this.#history, honest, this.#healed, VALIDATORS)
    return {
      views: Math.max(...this.#replicas.map(({ core }) => core?.view ?? 0)),
      healedHeight: this.#healed.height,
      height: this.#height,
      evidence: this.#evidence,
      steps: this.#steps,
    }
  }

  #replicaOf(node: number, validators: ValidatorSet, onStep: Watch['onStep']): Replica {
    const self = validatorOf(node)
    const isTwin = self < this.#twins
    const replica = new Replica({
      config: {
        validators,
        self: undefined,
        pacemaker: { baseTimeoutMs: BASE_TIMEOUT_MS, baseTimeoutMsMax: BASE_TIMEOUT_MS, idleIntervalMs: 1 },
        clockAheadMsMax: 500,
      },
      self,
      queue: this.#queue,
      disk: new Disk(GENESIS.block, freshSafety(GENESIS.qc)),
      diskChance: NO_CHANCE,
      latencies: INSTANT,
      history: isTwin ? this.#historyOfTwin() : this.#history,
      send: (to, packet) => this.#send(node, to, packet),
      onStep: ({ core }, input, effects) => {
        if (core === undefined) return
        const { view } = core
        this.#steps += 1
        if (this.#steps > STEPS_MAX) throw new Violation('L1 progress', `${STEPS_MAX} steps without an end`)
        this.#noticeHealing(view)
        onStep?.({ elapsedMs: this.#queue.nowMs - START_MS, node, replica, view, input, effects })
      },
      onCommit: (_, blocks) => this.#noteHeight(blocks),
      onEvidence: (equivocation) => this.#judge(equivocation),
      ...(isTwin ? { twin: String(node) } : {}),
    })
    replica.waiting = Number.MAX_SAFE_INTEGER
    return replica
  }

  /** Two lives of one key sign what one must not; what they certify and commit has to agree with everybody all the same. */
  #historyOfTwin(): History {
    const { committed, certified } = this.#history
    return Object.assign(new History(), { committed, certified })
  }

  #send(from: number, to: ValidatorIndex, packet: Packet): void {
    const core = this.#replicas[from]?.core
    if (core === undefined) return
    // Past the last view of the scenario there is no split.
    const farSide = core.laterTicks > 0 ? 0 : (this.#farSides[core.view - 1] ?? 0)
    for (const node of this.#nodesOf[to] ?? []) {
      if (node === from || ((farSide >> from) & 1) !== ((farSide >> node) & 1)) continue
      this.#queue.after(HOP_MS, () => this.#replicas[node]?.receive(validatorOf(from), packet))
    }
  }

  #noticeHealing(view: View): void {
    const last = this.#farSides.length
    if (this.#healed === undefined && view > last) this.#healed = { view: last as View, height: this.#height }
  }

  #noteHeight(blocks: readonly Block[]): void {
    for (const { proposal } of blocks) this.#height = Math.max(this.#height, proposal.header.height)
  }

  /** S15: nobody but twins is ever proved to have said two things. */
  #judge({ kind, first }: Equivocation): void {
    const culprit = kind === 'double-vote' ? first.signer : first.header.proposer
    if (culprit >= this.#twins) throw new Violation('S15 evidence', `against ${culprit}, who is honest`)
    this.#evidence += 1
  }
}

/** The epoch's validators under the scenario's leaders; behind them everybody in turn, the twinned ones last. */
function scheduleOf({ twins, choices }: Scenario, order: readonly number[]): ValidatorSet {
  const leaders = choices.map((choice) => leaderOf(choice, twins))
  const inTurn = order.slice(0, VALIDATORS).map(validatorOf)
  const turnOf = (view: number) => inTurn[(view + twins) % VALIDATORS] ?? (0 as ValidatorIndex)
  return {
    ...VALIDATOR_SET,
    leader: (view) => leaders[view - 1] ?? turnOf(Math.max(0, view - leaders.length - 1)),
    indices: () => inTurn,
  }
}
