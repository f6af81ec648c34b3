// One seeded world: whole replicas, clients, links, disks and clocks, and the claims that are checked at every step.
// The same scenario gives the same run to the last event: time is virtual, and between two events every promise runs to its end.

import { createHash } from 'node:crypto'
import type { Effect } from '../../../consensus/protocol.ts'
import type { CoreState } from '../../../consensus/state.ts'
import type { Message, ValidatorIndex } from '../../../consensus/types.ts'
import { decodeMessage } from '../../../consensus/wire-messages.ts'
import { EventQueue } from '../event-queue.ts'
import { Violation } from '../invariants.ts'
import { Random } from '../random.ts'
import { Checkers } from './checkers.ts'
import { Clients } from './clients.ts'
import type { Committee } from './committee.ts'
import { SimulatedDisk } from './disk.ts'
import { Links } from './links.ts'
import { SimulatedNode } from './node.ts'

export const START_MS = Date.UTC(2026, 5, 1)

export interface WorldOptions {
  readonly seed: number
  readonly committee: Committee
  /** Nodes beside the validators: full nodes. */
  readonly followers: number
  /** Validators with a second node of the same key. */
  readonly twins: readonly ValidatorIndex[]
  readonly villains: readonly ValidatorIndex[]
  readonly baseTimeoutMs: number
  readonly idleIntervalMs: number
  readonly blockIntervalMs: number
  /** Absent: nobody serves or fetches snapshots. */
  readonly snapshots?: { readonly intervalBlocks: number; readonly gapBlocks: number }
  readonly log?: (line: string) => void
}

export class World {
  readonly queue = new EventQueue(START_MS)
  readonly committee: Committee
  readonly nodes: readonly SimulatedNode[]
  readonly links: Links
  readonly checkers: Checkers
  readonly clients: Clients
  readonly villains: ReadonlySet<ValidatorIndex>
  readonly #seed: number
  readonly #trace = createHash('sha256')
  readonly #log: ((line: string) => void) | undefined
  #failure: unknown
  #steps = 0
  #highestView = 0
  /** Raised by a crash point: which write or send it falls on. */
  onSend: (node: SimulatedNode) => void = () => {}

  constructor(options: WorldOptions) {
    const { seed, committee, followers, twins, villains } = options
    this.#seed = seed
    this.#log = options.log
    this.committee = committee
    this.villains = new Set(villains)
    this.checkers = new Checkers(committee, (validator) => this.villains.has(validator))
    this.checkers.onBroken = (error) => this.#fail(error)
    this.clients = new Clients(committee, this.random('workload'), this.checkers)
    const places: (ValidatorIndex | undefined)[] = [...committee.validators.indices(), ...twins]
    for (let at = 0; at < followers; at++) places.push(undefined)
    const deps = {
      committee,
      queue: this.queue,
      links: () => this.links,
      watch: this.#watch(),
      pacemaker: {
        baseTimeoutMs: options.baseTimeoutMs,
        baseTimeoutMsMax: 10_000,
        idleIntervalMs: options.idleIntervalMs,
      },
      blockIntervalMs: options.blockIntervalMs,
      snapshots: options.snapshots,
      heard:
        this.#log &&
        ((node: SimulatedNode, from: SimulatedNode, frame: Uint8Array) => {
          const message = decodeMessage(frame, committee.limits)
          this.#log?.(
            `${this.elapsedMs} ${node.id} hears ${from.id}: ${message.ok ? summaryOf(message.value) : message.detail}`,
          )
        }),
      log: (node: SimulatedNode, level: string, fields: unknown, text: unknown) => {
        this.#log?.(`${this.elapsedMs} ${node.id} ${level} ${text} ${JSON.stringify(fields)}`)
      },
    }
    this.nodes = places.map((validator, number) => {
      const disk = new SimulatedDisk(this.queue, this.random(`disk ${number}`), () => {})
      const restored = new SimulatedDisk(this.queue, this.random(`restored disk ${number}`), () => {})
      return new SimulatedNode(deps, number, validator, disk, restored)
    })
    this.links = new Links(this.queue, this.random('network'), this.nodes)
    this.links.onPenalty = (by, against, offence, detail) => {
      this.#log?.(`${this.elapsedMs} ${by.id} penalises ${against.id}: ${offence}, ${detail}`)
      if (!this.isHonest(by) || !this.isHonest(against)) return
      // A clock that steps back between two lives makes an answer to the first look unsolicited: cheap, and no ban.
      if (offence === 'unsolicited') return
      this.#fail(new Violation('S15 honest peers are not penalised', `${by.id}, ${against.id}: ${offence}, ${detail}`))
    }
    this.links.onBan = (by, against) => {
      if (!this.isHonest(by) || !this.isHonest(against)) return
      this.#fail(new Violation('S15 honest peers are not banned', `${by.id}, ${against.id}`))
    }
  }

  /** One stream for each subsystem: what one draws does not reshuffle another. */
  random(stream: string): Random {
    return new Random(this.#seed, stream)
  }

  isHonest(node: SimulatedNode): boolean {
    return node.validator === undefined || !this.villains.has(node.validator)
  }

  honest(): readonly SimulatedNode[] {
    return this.nodes.filter((node) => this.isHonest(node))
  }

  get elapsedMs(): number {
    return this.queue.nowMs - START_MS
  }

  get steps(): number {
    return this.#steps
  }

  /** Of honest nodes, ever. */
  get highestView(): number {
    return this.#highestView
  }

  get committedHeight(): number {
    return Math.max(0, this.checkers.chain.length - 1)
  }

  traceHash(): string {
    return this.#trace.copy().digest('hex')
  }

  note(text: string): void {
    this.#trace.update(`${this.elapsedMs} ${text}\n`)
    this.#log?.(`${this.elapsedMs} ${text}`)
  }

  /**
   * Runs until the condition holds (true) or `elapsedMs` reaches the limit (false).
   * @throws Violation
   */
  async runUntil(condition: () => boolean, limitMs: number): Promise<boolean> {
    await this.#settle()
    while (!condition()) {
      if (this.elapsedMs >= limitMs || !this.queue.runNext()) return false
      await this.#settle()
    }
    return true
  }

  /** Goes on after every microtask that the last event led to: nothing in a world waits for a real timer or a real disk. */
  async #settle(): Promise<void> {
    await new Promise<void>((resolve) => {
      setImmediate(resolve)
    })
    if (this.#failure !== undefined) throw this.#failure
  }

  async runFor(durationMs: number): Promise<void> {
    await this.runUntil(() => false, this.elapsedMs + durationMs)
  }

  crash(node: SimulatedNode): void {
    if (!node.isRunning) return
    this.note(`${node.id} crashes`)
    node.crash()
  }

  start(node: SimulatedNode): void {
    if (node.isRunning || node.isRemoved) return
    this.note(`${node.id} starts`)
    node.start()
  }

  #watch(): ConstructorParameters<typeof SimulatedNode>[0]['watch'] {
    const guarded = (check: () => void) => {
      try {
        check()
      } catch (error) {
        this.#fail(error)
      }
    }
    return {
      starting: (node, store, safety) => {
        if (this.isHonest(node)) guarded(() => this.checkers.starting(node, store, safety))
      },
      refused: (node, reason) => {
        if (this.isHonest(node)) this.#fail(new Violation('S3 votes again after a crash', `${node.id}: ${reason}`))
      },
      signing: (node, what, preimage) => {
        if (this.isHonest(node)) guarded(() => this.checkers.signing(node, what, preimage))
      },
      born: (node, core) => {
        if (this.isHonest(node)) this.checkers.born(node, core)
      },
      stepped: (node, core, effects, input) => {
        this.#note(node, core, effects)
        if (this.isHonest(node)) guarded(() => this.checkers.stepped(node, core, effects, input))
      },
      committed: (node, records) => {
        if (this.isHonest(node)) guarded(() => this.checkers.committed(node, records))
      },
      failed: (node, error) => {
        // A villain's own node may stop at what it did to itself.
        if (!this.isHonest(node)) return this.crash(node)
        const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
        this.#fail(error instanceof Violation ? error : new Violation('an honest node stops', `${node.id}: ${text}`))
      },
      sending: (node) => this.onSend(node),
    }
  }

  #note(node: SimulatedNode, core: CoreState, effects: readonly Effect[]): void {
    this.#steps += 1
    if (core.view > this.#highestView && this.isHonest(node)) this.#highestView = core.view
    let kinds = ''
    for (const effect of effects) {
      kinds += ` ${effect.kind}`
      if (effect.kind === 'commit') kinds += `=${effect.blocks.at(-1)?.id.slice(0, 8)}`
    }
    this.#trace.update(`${this.elapsedMs} ${node.number} ${core.view} ${core.safety.highQC.view}${kinds}\n`)
    if (this.#log !== undefined && effects.some(({ kind }) => kind !== 'timer')) {
      this.#log(`${this.elapsedMs} ${node.id} view ${core.view}, highQC ${core.safety.highQC.view}:${kinds}`)
    }
  }

  /** Ends the run behind the event under way; the first error counts. */
  breakOff(error: unknown): void {
    this.#fail(error)
  }

  #fail(error: unknown): void {
    this.#failure ??= error
  }
}

/** One message in one line of the log. */
function summaryOf(message: Message): string {
  switch (message.kind) {
    case 'proposal': {
      const { view, height, parentId } = message.proposal.header
      return `proposal of view ${view}, height ${height} on ${parentId.slice(0, 8)}`
    }
    case 'vote':
      return `vote of ${message.vote.signer} in view ${message.vote.view} for ${message.vote.blockId.slice(0, 8)}`
    case 'timeout':
      return `timeout of ${message.timeout.signer} in view ${message.timeout.view}, highQC ${message.timeout.highQC.view}`
    case 'certificate':
      return `certificate: QC ${message.qc.view}, TC ${message.tc?.view}`
    case 'block-request':
      return `request ${message.requestId} for ${message.blockId.slice(0, 8)} above ${message.committedHeight}`
    case 'block-response': {
      const heights = message.proposals.map(({ header }) => header.height)
      return `answer ${message.requestId}: ${heights.at(0)} to ${heights.at(-1)}, certificate ${message.certificate?.view}`
    }
    case 'snapshot-request':
      return `request ${message.requestId} for ${message.part.kind} of a snapshot`
    case 'snapshot-response':
      return `answer ${message.requestId}: ${message.body?.length ?? 'no'} bytes of a snapshot`
    default:
      return message satisfies never
  }
}
