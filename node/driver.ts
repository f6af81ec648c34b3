// The driver: one queue of inputs to the core, its effects performed strictly in order. Persist, then sign, then send:
// a `save` is awaited before anything behind it begins, so that no signature can outrun the disk (PITFALLS 1 to 3).
// Slow work (aggregation, execution, building, committing) runs beside the queue and comes back as an input.

import type { CertificateVerifier } from '../consensus/certificates.ts'
import { step } from '../consensus/core.ts'
import type { Effect, Input, TimerName } from '../consensus/protocol.ts'
import { type CoreConfig, type CoreState, createCore } from '../consensus/state.ts'
import type { Block, BlockId, SafetyState, Verified, View } from '../consensus/types.ts'
import { encodeMessage } from '../consensus/wire-messages.ts'
import type { BlockFactory } from './block-factory.ts'
import type { CatchUp } from './catch-up.ts'
import type { Committer } from './committer.ts'
import type { EvidenceStore } from './evidence-store.ts'
import type { Executor } from './executor.ts'
import type { Log } from './log.ts'
import type { ChainStore, Clock, Network, SafetyStore } from './ports.ts'
import type { Signatory } from './signatory.ts'

/** Inputs from peers that wait for the core; beyond, they are dropped: the protocol resends. */
export const PEER_INPUTS_MAX = 8_192

export interface DriverDeps {
  readonly config: CoreConfig
  readonly root: Verified<Block>
  readonly safety: SafetyState
  readonly uncommitted: readonly Verified<Block>[]
  readonly clock: Clock
  readonly network: Network
  readonly store: ChainStore
  readonly safetyStore: SafetyStore
  readonly certificates: CertificateVerifier
  readonly executor: Executor
  readonly committer: Committer
  readonly factory: BlockFactory
  /** Absent on a full node or observer, whose core asks for no signature. */
  readonly signatory: Signatory | undefined
  readonly evidence: EvidenceStore
  readonly catchUp: () => CatchUp
  readonly log: Log
  /** After every input, its effects performed: what the mempool, the metrics and a trace follow. */
  readonly onStep: (core: CoreState, effects: readonly Effect[], input: Input) => void
  /** A broken invariant, a failed write or a `halt`: the process stops. */
  readonly onFatal: (error: unknown) => void
}

interface Queued {
  readonly input: Input
  readonly done: (() => void) | undefined
}

export class Driver {
  readonly #deps: DriverDeps
  readonly core: CoreState
  #queue: Queued[] = []
  #running = false
  #stopped = false
  readonly #timers = new Map<TimerName, () => void>()
  readonly #saved = new Set<BlockId>()
  /** Until blocks decided here and never saved are on disk as committed ones. */
  #landing: Promise<void> | undefined

  constructor(deps: DriverDeps) {
    this.#deps = deps
    this.core = createCore(deps.config, deps.root, deps.safety, deps.uncommitted)
    for (const { id } of deps.uncommitted) this.#saved.add(id)
  }

  get queued(): number {
    return this.#queue.length
  }

  /** An input of the node itself: never dropped. */
  deliver(input: Input): void {
    this.#enqueue({ input, done: undefined })
  }

  /** An input that came from a peer: dropped when the core cannot keep up. */
  deliverFromPeer(input: Input): void {
    if (this.#queue.length < PEER_INPUTS_MAX) this.deliver(input)
  }

  /** Resolves once the core took the input and its effects were performed. */
  delivered(input: Input): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stopped) resolve()
      else this.#enqueue({ input, done: resolve })
    })
  }

  /** A peer connected: what entered the current view, so that it need not wait for the next message to learn of it. */
  greet(peerId: string): void {
    const { highQC, lastTC } = this.core.safety
    if (highQC.view === 0 && lastTC === undefined) return
    const tc = lastTC !== undefined && lastTC.view > highQC.view ? { tc: lastTC } : {}
    this.#deps.network.sendToPeer(peerId, encodeMessage({ kind: 'certificate', qc: highQC, ...tc }, highQC.epoch))
  }

  /** No further step; what is being written is waited for. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const cancel of this.#timers.values()) cancel()
    for (const { done } of this.#queue) done?.()
    this.#queue = []
    await this.#deps.committer.drained()
  }

  #enqueue(queued: Queued): void {
    if (this.#stopped) return
    this.#queue.push(queued)
    if (this.#running) return
    this.#running = true
    this.#run().catch((error: unknown) => {
      this.#stopped = true
      this.#deps.onFatal(error)
    })
  }

  async #run(): Promise<void> {
    // The batch is swapped out, so that taking the next input costs nothing however long the queue is.
    while (this.#queue.length > 0 && !this.#stopped) {
      const batch = this.#queue
      this.#queue = []
      for (const { input, done } of batch) {
        if (!this.#stopped) await this.#take(input)
        done?.()
      }
    }
    this.#running = false
  }

  async #take(input: Input): Promise<void> {
    const effects = step(this.core, input, this.#deps.clock.nowMs())
    // The tree has lost these blocks already: without this, `#execute` would take them for pruned while an effect waits.
    for (const effect of effects) if (effect.kind === 'commit') this.#deps.committer.announce(effect.blocks)
    for (const effect of effects) {
      const pending = this.#perform(effect)
      if (pending !== undefined) await pending
      if (this.#stopped) return
    }
    this.#deps.onStep(this.core, effects, input)
  }

  #perform(effect: Effect): Promise<void> | undefined {
    const { catchUp, clock, committer, evidence, executor, factory, log, network, onFatal } = this.#deps
    switch (effect.kind) {
      case 'save':
        return this.#save(effect)
      case 'send-vote':
      case 'send-timeout':
      case 'send-proposal':
        return this.#sign(effect)
      case 'relay-proposal':
        return this.#relay(effect)
      case 'send-certificate': {
        const message = {
          kind: 'certificate',
          qc: effect.qc,
          ...(effect.tc === undefined ? {} : { tc: effect.tc }),
        } as const
        const frame = encodeMessage(message, effect.qc.epoch)
        if (effect.to === 'all') network.broadcast(frame)
        else for (const to of effect.to) if (to !== this.#self) network.sendTo(to, frame)
        return undefined
      }
      case 'aggregate-votes':
        return this.#aside(this.#formQC(effect))
      case 'aggregate-timeouts':
        return this.#aside(this.#formTC(effect))
      case 'execute':
        return this.#aside(this.#execute(effect.block))
      case 'propose':
        return this.#aside(factory.build(effect).then((input) => this.deliver(input)))
      case 'commit':
        return this.#commit(effect)
      case 'fetch':
        catchUp().fetch(effect.blockId, effect.from)
        return undefined
      case 'prune':
        executor.prune(effect.blockIds)
        committer.prune(effect.blockIds.filter((id) => this.#saved.delete(id)))
        return undefined
      case 'timer': {
        this.#timers.get(effect.timer)?.()
        this.#timers.delete(effect.timer)
        if (effect.delayMs === undefined) return undefined
        const { timer, view } = effect
        this.#timers.set(
          timer,
          clock.after(effect.delayMs, () => this.deliver({ kind: 'timer', timer, view })),
        )
        return undefined
      }
      case 'evidence':
        return this.#aside(evidence.keep(effect.equivocation))
      case 'entered-view':
        log.debug({ view: effect.view, by: effect.by, leader: effect.leader }, 'entered view')
        return undefined
      case 'halt':
        this.#stopped = true
        onFatal(new Error(`halt: ${effect.reason}`))
        return undefined
      default:
        return effect satisfies never
    }
  }

  get #self() {
    return this.#deps.config.self
  }

  #commit({ blocks, certificate }: Extract<Effect, { kind: 'commit' }>): Promise<void> | undefined {
    const { committer } = this.#deps
    const wasFetched = blocks.some(({ id }) => !this.#saved.has(id))
    for (const { id } of blocks) this.#saved.delete(id)
    const isFull = committer.commit(blocks, certificate)
    if (wasFetched) this.#landing = committer.drained()
    return isFull
  }

  /** The block voted for and the safety state, both on disk. An own proposal is stored when it is signed. */
  async #save({ safety, block }: Extract<Effect, { kind: 'save' }>): Promise<void> {
    const { safetyStore, store } = this.#deps
    if (block !== undefined) await this.#saveAncestors(block.proposal.header.parentId)
    const signed = block !== undefined && 'signature' in block.proposal ? (block as Block) : undefined
    if (signed === undefined || this.#saved.has(signed.id)) return safetyStore.save(safety)
    this.#saved.add(signed.id)
    await Promise.all([store.saveBlock(signed), safetyStore.save(safety)])
  }

  /**
   * Whoever votes for a block can bring everybody to it. Ancestors that were fetched, or heard and not voted for, count too: else a
   * restart of all nodes could leave a certified chain of which every block is somewhere, and which nobody holds whole.
   */
  async #saveAncestors(parentId: BlockId): Promise<void> {
    if (this.#landing !== undefined) await this.#landing
    this.#landing = undefined
    const unsaved = (this.core.tree.chainTo(parentId) ?? []).filter(({ id }) => !this.#saved.has(id))
    for (const { id } of unsaved) this.#saved.add(id)
    if (unsaved.length > 0) await Promise.all(unsaved.map((block) => this.#deps.store.saveBlock(block)))
  }

  async #sign(effect: Extract<Effect, { kind: 'send-vote' | 'send-timeout' | 'send-proposal' }>): Promise<void> {
    const { network, signatory, store } = this.#deps
    if (signatory === undefined) throw new Error('a node without a key is asked for a signature')
    switch (effect.kind) {
      case 'send-vote': {
        const vote = await signatory.vote(effect.vote)
        const frame = encodeMessage({ kind: 'vote', vote }, vote.epoch)
        for (const to of effect.to) {
          if (to === this.#self) this.deliver({ kind: 'vote', vote })
          else network.sendTo(to, frame)
        }
        return
      }
      case 'send-timeout': {
        const timeout = await signatory.timeout(effect.timeout)
        const frame = encodeMessage({ kind: 'timeout', timeout }, timeout.epoch)
        if (effect.to === 'all') network.broadcast(frame)
        else for (const to of effect.to) if (to !== this.#self) network.sendTo(to, frame)
        if (effect.to === 'all' || effect.to.some((to) => to === this.#self)) this.deliver({ kind: 'timeout', timeout })
        return
      }
      case 'send-proposal': {
        const block = await signatory.proposal(effect.block)
        this.#saved.add(block.id)
        await store.saveBlock(block)
        const frame = encodeMessage({ kind: 'proposal', proposal: block.proposal }, block.proposal.header.epoch)
        network.broadcast(frame)
        network.sendToFollowers(frame)
        this.deliver({ kind: 'proposal', block })
        return
      }
      default:
        return effect satisfies never
    }
  }

  #relay({ blockId, to }: Extract<Effect, { kind: 'relay-proposal' }>): undefined {
    const { network, store } = this.#deps
    const block = this.core.tree.block(blockId) ?? (store.blockById(blockId)?.block as Verified<Block> | undefined)
    // A crash between the save and the signature: there is nothing to resend, and the view times out.
    if (block === undefined) return undefined
    const frame = encodeMessage({ kind: 'proposal', proposal: block.proposal }, block.proposal.header.epoch)
    for (const receiver of to) {
      if (receiver === this.#self) this.deliver({ kind: 'proposal', block })
      else network.sendTo(receiver, frame)
    }
    return undefined
  }

  async #formQC({ view, blockId, votes }: Extract<Effect, { kind: 'aggregate-votes' }>): Promise<void> {
    const formed = await this.#deps.certificates.formQC(votes)
    if (formed.kind === 'formed') return this.deliver({ kind: 'qc-formed', qc: formed.qc })
    this.#deps.log.warn({ view, culprits: formed.culprits }, 'votes with bad signatures')
    this.deliver({ kind: 'votes-refuted', view, blockId, culprits: formed.culprits })
  }

  async #formTC({ view, timeouts }: Extract<Effect, { kind: 'aggregate-timeouts' }>): Promise<void> {
    const formed = await this.#deps.certificates.formTC(timeouts)
    if (formed.kind === 'formed') return this.deliver({ kind: 'tc-formed', tc: formed.tc })
    this.#deps.log.warn({ view, culprits: formed.culprits }, 'timeouts with bad signatures')
    this.deliver({ kind: 'timeouts-refuted', view, culprits: formed.culprits })
  }

  async #execute(block: Block): Promise<void> {
    const { executor, log } = this.#deps
    const verdict = await executor.execute(block)
    const { view, height, proposer } = block.proposal.header
    if (!verdict.valid) log.warn({ view, height, proposer, reason: verdict.reason }, 'invalid block')
    await this.delivered({ kind: 'executed', blockId: block.id, valid: verdict.valid })
    // Pruned while it was being executed: nobody will ask for it again.
    if (this.core.tree.block(block.id) === undefined && !this.#deps.committer.isPending(block.id))
      executor.prune([block.id])
  }

  /** Work beside the queue; a failure is never swallowed. */
  #aside(work: Promise<void>): undefined {
    work.catch((error: unknown) => {
      if (!this.#stopped) this.#deps.onFatal(error)
    })
    return undefined
  }

  /** For status pages. */
  get view(): View {
    return this.core.view
  }
}
