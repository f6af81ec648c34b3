// One simulated node: the real replica (node/replica.ts) over a virtual clock, a simulated disk and simulated links, from its
// first start through crashes to the end. Everything outside a replica reaches it through here, or not at all once it crashed.

import type { Effect, Input } from '../../../consensus/protocol.ts'
import type { CoreState } from '../../../consensus/state.ts'
import type { SafetyState, ValidatorIndex } from '../../../consensus/types.ts'
import { hashToBytes } from '../../../crypto/bytes.ts'
import { appendPeak } from '../../../crypto/merkle.ts'
import type { ValidatorKeys } from '../../../genesis/keys.ts'
import { MEMPOOL_DEFAULTS } from '../../../mempool/mempool.ts'
import type { Clock, CommitRecord, Network, Peer, Signer } from '../../../node/ports.ts'
import { quorumConnected } from '../../../node/recovery.ts'
import { Replica } from '../../../node/replica.ts'
import type { OpenedChainStore } from '../../../node/storage/chain-store.ts'
import {
  adoptMemoryRestored,
  createMemoryChainStore,
  createMemoryRestoreStore,
  createMemorySafetyStore,
} from '../../../node/storage/memory-store.ts'
import { createVerifier, VERIFIER_DEFAULTS } from '../../../node/verifier.ts'
import type { EventQueue } from '../event-queue.ts'
import type { Committee } from './committee.ts'
import type { SimulatedDisk } from './disk.ts'
import type { Links } from './links.ts'

/** What a villain does to its node; an honest node has none of it. */
export interface Tampering {
  /** What its replica says to one peer; answers what is sent instead. */
  readonly out?: (frame: Uint8Array, to: SimulatedNode) => readonly Uint8Array[]
  /** False: its replica does not hear it. */
  readonly hears?: (frame: Uint8Array, from: SimulatedNode) => boolean
  readonly gossipOut?: (body: Uint8Array) => readonly Uint8Array[]
  /** After its replica started. */
  readonly started?: () => void
  /** Before it starts: what it forgets. */
  readonly starting?: (disk: SimulatedDisk) => void
  readonly stepped?: (core: CoreState, effects: readonly Effect[]) => void
}

export interface NodeWatch {
  readonly starting: (node: SimulatedNode, store: OpenedChainStore, safety: SafetyState | undefined) => void
  readonly refused: (node: SimulatedNode, reason: string) => void
  readonly signing: (node: SimulatedNode, what: 'vote' | 'timeout' | 'proposal', preimage: Uint8Array) => void
  /** The core of a new life, before its first step. */
  readonly born: (node: SimulatedNode, core: CoreState) => void
  readonly stepped: (node: SimulatedNode, core: CoreState, effects: readonly Effect[], input: Input) => void
  readonly committed: (node: SimulatedNode, records: readonly CommitRecord[]) => void
  readonly failed: (node: SimulatedNode, error: unknown) => void
  /** Counts for crash points: a frame leaves. */
  readonly sending: (node: SimulatedNode) => void
}

export interface NodeDeps {
  readonly committee: Committee
  readonly queue: EventQueue
  readonly links: () => Links
  readonly watch: NodeWatch
  readonly pacemaker: {
    readonly baseTimeoutMs: number
    readonly baseTimeoutMsMax: number
    readonly idleIntervalMs: number
  }
  readonly blockIntervalMs: number
  /** Absent: nobody serves or fetches snapshots. */
  readonly snapshots: { readonly intervalBlocks: number; readonly gapBlocks: number } | undefined
  /** For a readable log: a frame arrives. */
  readonly heard: ((node: SimulatedNode, from: SimulatedNode, frame: Uint8Array) => void) | undefined
  readonly log: (node: SimulatedNode, level: string, fields: unknown, text: unknown) => void
}

export class SimulatedNode {
  readonly #deps: NodeDeps
  readonly number: number
  /** Twins share one. Undefined: a full node. */
  readonly validator: ValidatorIndex | undefined
  readonly keys: ValidatorKeys | undefined
  readonly id: string
  readonly disk: SimulatedDisk
  /** Where a chain is restored to from a snapshot. */
  readonly restored: SimulatedDisk
  replica: Replica | undefined
  store: OpenedChainStore | undefined
  tampering: Tampering | undefined
  /** Added to the virtual time: clocks disagree. */
  skewMs = 0
  /** Its timers ring late by up to this, by `timerChance`. */
  timerLateMs = (): number => 0
  pausedUntilMs = 0
  isStarted = false
  /** Dead for good. */
  isRemoved = false
  #life = 0
  #isListening = false
  #isRunning = false

  constructor(
    deps: NodeDeps,
    number: number,
    validator: ValidatorIndex | undefined,
    disk: SimulatedDisk,
    restored: SimulatedDisk,
  ) {
    this.#deps = deps
    this.number = number
    this.validator = validator
    this.keys = validator === undefined ? undefined : deps.committee.keys[validator]
    this.id = `node-${number}`
    this.disk = disk
    this.restored = restored
  }

  get isListening(): boolean {
    return this.#isListening
  }

  /** The process is there, be it still in recovery. */
  get isRunning(): boolean {
    return this.#isRunning
  }

  get life(): number {
    return this.#life
  }

  start(): void {
    if (this.isRunning || this.isRemoved) return
    this.#isRunning = true
    this.#life += 1
    const life = this.#life
    this.tampering?.starting?.(this.disk)
    this.#boot(life).catch((error: unknown) => this.#fail(life, error))
  }

  crash(): void {
    this.#life += 1
    this.#isRunning = false
    this.#isListening = false
    this.isStarted = false
    this.replica = undefined
    this.store = undefined
    this.disk.lose()
    this.restored.lose()
    this.#deps.links().down(this)
  }

  receive(from: SimulatedNode, bytes: Uint8Array, kind: 'frame' | 'gossip'): void {
    this.#whenAwake(this.#life, () => {
      const { replica } = this
      if (replica === undefined) return
      if (kind === 'frame') {
        this.#deps.heard?.(this, from, bytes)
        if (this.tampering?.hears?.(bytes, from) === false) return
        replica.handlers.onMessage(this.#peer(from), bytes)
      } else if (replica.handlers.onGossip(from.id, bytes) === 'reject') {
        this.#deps.links().penalise(this, from.id, 'malformed', 'a gossip batch')
      }
    })
  }

  peerFound(peer: SimulatedNode): void {
    this.replica?.handlers.onPeerConnected(this.#peer(peer))
  }

  peerLost(peer: SimulatedNode): void {
    this.replica?.handlers.onPeerDisconnected(this.#peer(peer))
  }

  nowMs(): number {
    return this.#deps.queue.nowMs + this.skewMs
  }

  /** Sends a frame as it is, past any tampering. */
  transmit(to: SimulatedNode, frame: Uint8Array): void {
    this.#deps.links().send(this, to, frame, 'frame')
  }

  /** Calls back in this life only, and not while paused. */
  after(delayMs: number, run: () => void): () => void {
    const life = this.#life
    let cancelled = false
    const wait = Math.max(0, Math.ceil(delayMs)) + this.timerLateMs()
    this.#deps.queue.after(wait, () => {
      if (!cancelled) this.#whenAwake(life, () => !cancelled && run())
    })
    return () => {
      cancelled = true
    }
  }

  #whenAwake(life: number, run: () => void): void {
    if (this.#life !== life) return
    const { queue } = this.#deps
    if (queue.nowMs >= this.pausedUntilMs) {
      run()
      return
    }
    queue.after(this.pausedUntilMs - queue.nowMs, () => this.#whenAwake(life, run))
  }

  async #boot(life: number): Promise<void> {
    const { committee, links, watch } = this.#deps
    const { genesis, limits, validators } = committee
    const { genesisHash } = genesis
    adoptMemoryRestored(this.disk, this.restored)
    const store = await createMemoryChainStore(genesisHash, limits, this.disk)
    if (store.head() === undefined) {
      await store.initialise(genesis.block, genesis.state, appendPeak([], 0, hashToBytes(genesis.block.id)))
    }
    let self = this.validator
    const opening =
      self === undefined ? undefined : await createMemorySafetyStore(genesisHash, store.mirror, limits, this.disk)
    if (this.#life !== life) return
    if (opening?.kind === 'refuse') {
      watch.refused(this, opening.reason)
      self = undefined
    }
    const opened = opening?.kind === 'ok' ? opening : undefined
    watch.starting(this, store, opened?.safety)
    const clock = this.#clock()
    const network = this.#network(life)
    this.store = store
    this.replica = this.#createReplica(life, { store, self, clock, network, opened })
    watch.born(this, this.replica.driver.core)
    this.#isListening = true
    links().up(this)
    await quorumConnected(network, clock, validators, self)
    if (this.#life !== life) return
    await this.replica.start()
    if (this.#life !== life) return
    this.isStarted = true
    this.tampering?.started?.()
  }

  #createReplica(
    life: number,
    parts: {
      readonly store: OpenedChainStore
      readonly self: ValidatorIndex | undefined
      readonly clock: Clock
      readonly network: Network
      readonly opened: Extract<Awaited<ReturnType<typeof createMemorySafetyStore>>, { kind: 'ok' }> | undefined
    },
  ): Replica {
    const { committee, pacemaker, blockIntervalMs, snapshots, watch, log } = this.#deps
    const { app, genesis, limits, scheme, validators } = committee
    const { store, self, clock, network, opened } = parts
    const say = (level: string) => (fields: unknown, text?: unknown) => log(this, level, fields, text)
    const quiet = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
    return new Replica({
      genesis,
      validators,
      limits,
      app,
      verifier: createVerifier(app, VERIFIER_DEFAULTS, queueMicrotask),
      bls: scheme.bls,
      verifySignature: scheme.verifySignature,
      store,
      self,
      signer: self === undefined ? undefined : this.#signer(self, life),
      safetyStore: opened?.store,
      safety: opened?.safety,
      clock,
      network,
      pacemaker,
      mempoolLimits: { ...MEMPOOL_DEFAULTS, countMax: 2_000, transactionBytesMax: 8_192 },
      blockIntervalMs,
      log: { ...quiet, trace: quiet.debug, fatal: quiet.error },
      onEffects: (core, effects, input) => {
        if (this.#life !== life) return
        watch.stepped(this, core, effects, input)
        this.tampering?.stepped?.(core, effects)
      },
      onCommitted: (records) => {
        if (this.#life === life) watch.committed(this, records)
      },
      onFatal: (error) => this.#fail(life, error),
      ...(snapshots && {
        snapshots: {
          ...snapshots,
          restoreStore: createMemoryRestoreStore(genesis.genesisHash, () => store.mirror.read(), this.restored),
          onRestored: () => this.#restart(life),
        },
      }),
    })
  }

  /** On the restored chain; not more gently than after a crash. */
  #restart(life: number): void {
    this.#deps.queue.after(1, () => {
      if (this.#life !== life) return
      this.crash()
      this.start()
    })
  }

  #fail(life: number, error: unknown): void {
    if (this.#life === life) this.#deps.watch.failed(this, error)
  }

  #clock(): Clock {
    return { nowMs: () => this.nowMs(), after: (delayMs, callback) => this.after(delayMs, callback) }
  }

  #signer(index: ValidatorIndex, life: number): Signer {
    const { committee, watch } = this.#deps
    const { scheme } = committee
    const { keys } = this
    if (keys === undefined) throw new Error('a full node does not sign')
    // A dead process signs nothing, even if a promise of it still runs.
    const alive = (what: 'vote' | 'timeout' | 'proposal', preimage: Uint8Array): Promise<void> | undefined => {
      if (this.#life !== life) return new Promise<void>(() => {})
      watch.signing(this, what, preimage)
      return undefined
    }
    const sign = (what: 'vote' | 'timeout') => async (preimage: Uint8Array) => {
      await alive(what, preimage)
      return await scheme.bls.sign(keys.blsSecretKey, preimage)
    }
    return {
      index,
      signVote: sign('vote'),
      signTimeout: sign('timeout'),
      signProposal: async (preimage) => {
        await alive('proposal', preimage)
        return scheme.signProposal(keys, preimage)
      },
    }
  }

  #network(life: number): Network {
    const links = this.#deps.links()
    const each = (peers: readonly SimulatedNode[], frame: Uint8Array) => {
      for (const peer of peers) {
        // A crash point may fall between two sends.
        if (this.#life !== life) return
        const frames = this.tampering?.out?.(frame, peer) ?? [frame]
        this.#deps.watch.sending(this)
        if (this.#life !== life) return
        for (const one of frames) links.send(this, peer, one, 'frame')
      }
    }
    const peers = () => (this.#life === life ? links.peersOf(this) : [])
    return {
      sendTo: (validator, frame) => {
        each(
          peers().filter((peer) => peer.validator === validator),
          frame,
        )
      },
      broadcast: (frame) => {
        each(
          peers().filter((peer) => peer.validator !== undefined),
          frame,
        )
      },
      sendToFollowers: (frame) => {
        each(
          peers().filter((peer) => peer.validator === undefined),
          frame,
        )
      },
      sendToPeer: (peerId, frame) => {
        each(
          peers().filter((peer) => peer.id === peerId),
          frame,
        )
      },
      gossip: (body) => {
        for (const one of this.tampering?.gossipOut?.(body) ?? [body])
          for (const peer of peers()) links.send(this, peer, one, 'gossip')
      },
      penalise: (peerId, offence, detail) => {
        if (this.#life === life) links.penalise(this, peerId, offence, detail)
      },
      peers: () => peers().map((peer) => this.#peer(peer)),
    }
  }

  #peer(node: SimulatedNode): Peer {
    return node.asPeer
  }

  get asPeer(): Peer {
    return { id: this.id, validator: this.validator }
  }
}
