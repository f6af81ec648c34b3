// One simulated validator: the real core, and a driver of the same order as node/driver.ts over a simulated disk and network.
// A save is durable before anything behind it begins; slow work runs beside the queue; a crash loses all but the disk.

import { bitmapOf } from '../../consensus/bitmap.ts'
import { step } from '../../consensus/core.ts'
import type { Effect, Input, TimerName } from '../../consensus/protocol.ts'
import { raise } from '../../consensus/safety.ts'
import { type CoreConfig, type CoreState, createCore } from '../../consensus/state.ts'
import type {
  Block,
  BlockId,
  Checked,
  Equivocation,
  QC,
  TC,
  Timeout,
  UnsignedBlock,
  UnsignedTimeout,
  UnsignedVote,
  ValidatorIndex,
  Verified,
  Vote,
} from '../../consensus/types.ts'
import { CatchUp } from './catch-up.ts'
import type { Disk } from './disk.ts'
import type { EventQueue } from './event-queue.ts'
import * as claims from './invariants.ts'
import type { Packet } from './network.ts'
import type { Random } from './random.ts'
import { buildBlock } from './workload.ts'

/** Stands for every signature: what was signed is in the History, which is what the checkers believe. */
export const SIGNATURE = new Uint8Array(96)

export interface Latencies {
  readonly saveMs: readonly [number, number]
  readonly workMs: readonly [number, number]
}

export interface ReplicaDeps {
  readonly config: CoreConfig
  readonly self: ValidatorIndex
  readonly queue: EventQueue
  readonly disk: Disk
  readonly diskChance: Random
  readonly latencies: Latencies
  readonly history: claims.History
  readonly send: (to: ValidatorIndex, packet: Packet) => void
  /** Every step, for the trace and for tests that look inside. */
  readonly onStep: (replica: Replica, input: Input, effects: readonly Effect[]) => void
  readonly onCommit: (replica: Replica, blocks: readonly Block[]) => void
  /** For worlds with villains; without it evidence is a violation, for everybody is honest. */
  readonly onEvidence?: (equivocation: Equivocation) => void
  /** Set when another replica signs with the same key: it is heard like anybody else, and its blocks are told apart by this. */
  readonly twin?: string
}

export class Replica {
  readonly #deps: ReplicaDeps
  #core: CoreState | undefined
  #inputs: Input[] = []
  #saving = false
  /** Counts restarts: what an earlier life scheduled does not reach the next. */
  #life = 0
  #timers = new Map<TimerName, object>()
  #catchUp: CatchUp | undefined
  /** Decided in this life and not written yet. */
  #landing: Verified<Block>[] = []
  /** The last block decided in this life; what is durable may be behind it. */
  #committing: Block | undefined
  /** Transactions waiting in the mempool; 0 is none. */
  waiting = 0
  #toldWork = false
  /** Added to the virtual time: clocks disagree. */
  skewMs = 0

  constructor(deps: ReplicaDeps) {
    this.#deps = deps
  }

  get index(): ValidatorIndex {
    return this.#deps.self
  }

  /** One of two that sign with one key. */
  get isTwin(): boolean {
    return this.#deps.twin !== undefined
  }

  get disk(): Disk {
    return this.#deps.disk
  }

  get core(): CoreState | undefined {
    return this.#core
  }

  start(): void {
    const { config, disk } = this.#deps
    let { safety } = disk
    // As node/node.ts does: the tip's certificate may be newer than the safety state.
    if (disk.certificate !== undefined && disk.certificate.view > safety.highQC.view) {
      safety = raise(safety, { highQC: disk.certificate })
    }
    const { height } = disk.tip.proposal.header
    const above = [...disk.blocks.values()].filter((block) => block.proposal.header.height > height)
    this.#core = createCore({ ...config, self: this.index }, disk.tip, safety, above)
    this.#catchUp = new CatchUp({
      core: this.#core,
      disk,
      peers: config.validators.indices().filter((peer) => peer !== this.index),
      send: this.#deps.send,
      after: (delayMs, run) => this.#after(delayMs, run),
      deliver: (input) => this.deliver(input),
    })
    this.#toldWork = this.waiting > 0
    this.deliver({ kind: 'work', available: this.#toldWork })
    this.deliver({ kind: 'start' })
  }

  crash(): void {
    this.#life += 1
    this.#core = undefined
    this.#inputs = []
    this.#saving = false
    this.#timers = new Map()
    this.#committing = undefined
    this.#landing = []
    this.disk.crash(this.#deps.diskChance)
  }

  receive(from: ValidatorIndex, packet: Packet): void {
    if (this.#core === undefined) return
    switch (packet.kind) {
      case 'block-request':
        return this.#catchUp?.answer(from, packet)
      case 'block-response':
        return this.#catchUp?.take(packet)
      case 'proposal':
        // As ingress does: a block held already is not news.
        if (this.#core.tree.block(packet.block.id) === undefined) this.deliver({ ...packet, from })
        return
      default:
        return this.deliver(packet)
    }
  }

  deliver(input: Input): void {
    if (this.#core === undefined) return
    this.#inputs.push(input)
    this.#run()
  }

  #run(): void {
    while (!this.#saving && this.#core !== undefined) {
      const input = this.#inputs.shift()
      if (input === undefined) return
      const effects = step(this.#core, input, this.#deps.queue.nowMs + this.skewMs)
      claims.checkBounds(this.#core)
      this.#deps.onStep(this, input, effects)
      this.#perform(effects, 0)
      this.#tellWork()
    }
  }

  /** As the node does: what is in a block of the current chain is no work of the mempool any more (node/inclusion.ts). */
  #tellWork(): void {
    const core = this.#core
    if (core === undefined) return
    const proposed = core.proposals.get(core.view)
    const tip = proposed !== undefined && core.tree.isConnected(proposed) ? proposed : core.safety.highQC.blockId
    const available = this.waiting > this.#included(tip)
    if (available === this.#toldWork) return
    this.#toldWork = available
    this.#inputs.push({ kind: 'work', available })
  }

  #included(tip: BlockId): number {
    const chain = this.#core?.tree.chainTo(tip) ?? []
    return chain.reduce((sum, block) => sum + block.proposal.payload.items.length, 0)
  }

  /** A transaction reaches this replica's mempool. */
  submit(): void {
    this.waiting += 1
    this.#tellWork()
    this.#run()
  }

  /** In order; stops at a save and goes on behind it once it is durable. */
  #perform(effects: readonly Effect[], from: number): void {
    for (let at = from; at < effects.length; at++) {
      const effect = effects[at]
      if (effect === undefined) return
      if (effect.kind === 'save' || effect.kind === 'send-proposal') {
        this.#saving = true
        const signed = effect.kind === 'send-proposal' ? this.#signProposal(effect.block) : undefined
        const saved = effect.kind === 'save' ? effect.safety : undefined
        if (saved !== undefined) claims.checkMonotone(this.disk.safety, saved)
        const block = effect.kind === 'save' ? signedBlock(effect.block) : signed
        this.disk.write(saved, [...this.#ancestorsOf(effect.block), ...(block === undefined ? [] : [block])])
        this.#after(this.#draw(this.#deps.latencies.saveMs), () => {
          this.disk.sync()
          this.#saving = false
          if (signed !== undefined) this.#spread({ kind: 'proposal', block: signed })
          this.#perform(effects, at + 1)
          this.#run()
        })
        return
      }
      this.#effect(effect)
    }
  }

  /** As node/driver.ts does: a block is saved with all below it, be they committed here and not written yet. */
  #ancestorsOf(block: Block | UnsignedBlock | undefined): readonly Verified<Block>[] {
    const chain = block && this.#core?.tree.chainTo(block.proposal.header.parentId)
    return [...this.#landing, ...(chain ?? [])].filter(({ id }) => this.disk.block(id) === undefined)
  }

  #effect(effect: Exclude<Effect, { kind: 'save' | 'send-proposal' }>): void {
    const { history, onCommit, latencies } = this.#deps
    switch (effect.kind) {
      case 'send-vote':
        return this.#sendTo(effect.to, { kind: 'vote', vote: this.#signVote(effect.vote) })
      case 'send-timeout': {
        const packet = { kind: 'timeout', timeout: this.#signTimeout(effect.timeout) } as const
        return effect.to === 'all' ? this.#spread(packet) : this.#sendTo(effect.to, packet)
      }
      case 'relay-proposal': {
        const block = this.#core?.tree.block(effect.blockId) ?? this.disk.block(effect.blockId)
        return block && this.#sendTo(effect.to, { kind: 'proposal', block })
      }
      case 'send-certificate': {
        const { qc, tc } = effect
        const packet: Packet = {
          kind: 'certificate',
          qc: qc as Verified<QC>,
          ...(tc === undefined ? {} : { tc: tc as Verified<TC> }),
        }
        const others = this.#others().filter((peer) => effect.to === 'all' || effect.to.includes(peer))
        return this.#sendTo(others, packet)
      }
      case 'aggregate-votes':
        return this.#aside(() => ({ kind: 'qc-formed', qc: this.#formQC(effect.votes) }))
      case 'aggregate-timeouts':
        return this.#aside(() => ({ kind: 'tc-formed', tc: this.#formTC(effect.timeouts) }))
      case 'execute':
        return this.#aside(() => ({ kind: 'executed', blockId: effect.block.id, valid: true }))
      case 'propose':
        return this.#aside(() => {
          const block = buildBlock(
            effect,
            this.index,
            this.#deps.queue.nowMs + this.skewMs,
            this.waiting > this.#included(effect.parent.id),
            this.#deps.twin,
          )
          return { kind: 'built', view: effect.view, block }
        })
      case 'commit': {
        const { blocks, certificate } = effect
        const tip = this.#committing ?? this.disk.tip
        claims.checkCommitRule(tip, blocks, certificate)
        for (const block of blocks) claims.checkAgreement(history, block)
        const last = blocks.at(-1)
        this.#committing = last
        const batch = blocks as readonly Verified<Block>[]
        this.#landing.push(...batch)
        // Beside the queue; a constant, for batches are written in order.
        this.#after(latencies.workMs[1], () => {
          this.disk.commit({ blocks: batch, certificate })
          this.#landing.splice(0, batch.length)
        })
        history.lastCommit.set(this.index, {
          height: last?.proposal.header.height ?? 0,
          certificateView: certificate.view,
        })
        return onCommit(this, blocks)
      }
      case 'fetch':
        return this.#catchUp?.fetch(effect.blockId, effect.from)
      case 'prune':
        for (const id of effect.blockIds) this.disk.blocks.delete(id)
        return
      case 'timer':
        return this.#arm(effect)
      case 'halt':
        throw new claims.Violation('halt', effect.reason)
      case 'evidence':
        if (this.#deps.onEvidence !== undefined) return this.#deps.onEvidence(effect.equivocation)
        throw new claims.Violation('evidence against an honest replica', effect.equivocation.kind)
      case 'entered-view':
        return
      default:
        return effect satisfies never
    }
  }

  #arm({ timer, view, delayMs }: Extract<Effect, { kind: 'timer' }>): void {
    this.#timers.delete(timer)
    if (delayMs === undefined) return
    const armed = {}
    this.#timers.set(timer, armed)
    this.#after(delayMs, () => {
      if (this.#timers.get(timer) === armed) this.deliver({ kind: 'timer', timer, view })
    })
  }

  #signVote(unsigned: UnsignedVote): Checked<Vote> {
    const vote = { ...unsigned, signature: SIGNATURE } as Checked<Vote>
    claims.checkSavedVote(this.disk.safety, vote)
    claims.checkNoVoteAfterTimeout(this.#deps.history, vote)
    claims.checkOneVote(this.#deps.history, vote)
    return vote
  }

  #signTimeout({ vote, ...rest }: UnsignedTimeout): Checked<Timeout> {
    const signed = vote === undefined ? {} : { vote: { ...vote, signature: SIGNATURE } }
    const timeout = { ...rest, ...signed, signature: SIGNATURE } as Checked<Timeout>
    claims.checkSavedTimeout(this.disk.safety, timeout)
    // The vote inside is signed with it, perhaps for the first time: a crash may have come between its save and its signature.
    if (timeout.vote !== undefined) claims.checkOneVote(this.#deps.history, timeout.vote)
    claims.checkOneTimeout(this.#deps.history, timeout)
    claims.checkProvesItsView(timeout)
    return timeout
  }

  #signProposal(block: UnsignedBlock): Verified<Block> {
    const { config, history } = this.#deps
    claims.checkSavedProposal(this.disk.safety, block)
    claims.checkOneProposal(history, block, config.validators.leader(block.proposal.header.view))
    return { id: block.id, proposal: { ...block.proposal, signature: SIGNATURE } } as Verified<Block>
  }

  #formQC(votes: readonly Vote[]): Verified<QC> {
    const { config, history } = this.#deps
    const [first] = votes
    if (first === undefined) throw new RangeError('no votes')
    const { epoch, view, blockId, parentView, parentId } = first
    const voters = votes.map((vote) => vote.signer)
    const signers = bitmapOf(voters, config.validators.size)
    const qc = { epoch, view, blockId, parentView, parentId, signers, signature: SIGNATURE } as Verified<QC>
    claims.checkQuorum(config.validators, voters)
    claims.checkOneCertifiedBlock(history, qc)
    return qc
  }

  #formTC(timeouts: readonly Timeout[]): Verified<TC> {
    const { validators } = this.#deps.config
    const sorted = timeouts.toSorted((a, b) => a.signer - b.signer)
    const signers = sorted.map((timeout) => timeout.signer)
    claims.checkQuorum(validators, signers)
    const { epoch, view, highQC } = sorted.reduce((a, b) => (b.highQC.view > a.highQC.view ? b : a))
    const highQcViews = sorted.map((timeout) => timeout.highQC.view)
    const tc = { epoch, view, signers: bitmapOf(signers, validators.size), highQcViews, highQC, signature: SIGNATURE }
    return tc as TC as Verified<TC>
  }

  #others(): readonly ValidatorIndex[] {
    return this.#deps.config.validators.indices().filter((peer) => peer !== this.index)
  }

  #spread(packet: Extract<Packet, { kind: 'proposal' | 'timeout' }>): void {
    this.#sendTo(this.#deps.config.validators.indices(), packet)
  }

  /** To itself as an input at once, to others over the network. */
  #sendTo(to: readonly ValidatorIndex[], packet: Packet): void {
    for (const peer of to) {
      if (peer !== this.index || this.#deps.twin !== undefined) this.#deps.send(peer, packet)
      if (peer !== this.index) continue
      if (packet.kind !== 'block-request' && packet.kind !== 'block-response') this.#inputs.push(packet)
    }
  }

  #aside(work: () => Input): void {
    this.#after(this.#draw(this.#deps.latencies.workMs), () => this.deliver(work()))
  }

  #draw([least, most]: readonly [number, number]): number {
    return this.#deps.diskChance.between(least, most)
  }

  #after(delayMs: number, run: () => void): void {
    const life = this.#life
    this.#deps.queue.after(delayMs, () => {
      if (life === this.#life) run()
    })
  }
}

function signedBlock(block: Block | UnsignedBlock | undefined): Verified<Block> | undefined {
  return block !== undefined && 'signature' in block.proposal ? (block as Verified<Block>) : undefined
}
