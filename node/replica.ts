// A replica: every part of a node that takes part in the protocol, wired over the ports of node/ports.ts and nothing else.
// node.ts gives it the real disk, network and clock; a simulation gives it others. Knows neither HTTP nor libp2p nor files.

import type { CommittedTransaction } from '../api/ports.ts'
import { CertificateVerifier } from '../consensus/certificates.ts'
import type { PacemakerConfig } from '../consensus/pacemaker.ts'
import type { Effect, Input } from '../consensus/protocol.ts'
import type { CoreState } from '../consensus/state.ts'
import type { SafetyState, ValidatorIndex } from '../consensus/types.ts'
import type { ValidatorSet } from '../consensus/validators.ts'
import type { WireLimits } from '../consensus/wire.ts'
import type { Bls } from '../crypto/bls.ts'
import type { Genesis } from '../genesis/genesis.ts'
import type { Application } from '../ledger/application.ts'
import { createMempool, type Mempool, type MempoolLimits } from '../mempool/mempool.ts'
import { BlockFactory } from './block-factory.ts'
import { CatchUp } from './catch-up.ts'
import { Committer } from './committer.ts'
import { Driver } from './driver.ts'
import { EvidenceStore } from './evidence-store.ts'
import { Executor } from './executor.ts'
import { NOTHING_TO_SAVE } from './identity.ts'
import { Inclusion } from './inclusion.ts'
import { Ingress, type IngressDeps } from './ingress.ts'
import type { Log } from './log.ts'
import type { ChainStore, Clock, CommitRecord, Network, NetworkHandlers, SafetyStore, Signer } from './ports.ts'
import { readTransaction } from './readers.ts'
import { recover } from './recovery.ts'
import { Relay } from './relay.ts'
import { Signatory } from './signatory.ts'
import { type SnapshotSettings, Snapshots } from './snapshot/snapshots.ts'
import { Submissions } from './submissions.ts'
import type { Verifier } from './verifier.ts'

export interface ReplicaParts {
  readonly genesis: Genesis
  readonly validators: ValidatorSet
  readonly limits: WireLimits
  readonly app: Application
  readonly verifier: Verifier
  readonly bls: Bls
  /** See node/ingress.ts. */
  readonly verifySignature?: NonNullable<IngressDeps['verifySignature']>
  readonly store: ChainStore
  /** All four undefined on a full node or observer. */
  readonly self: ValidatorIndex | undefined
  readonly signer: Signer | undefined
  readonly safetyStore: SafetyStore | undefined
  readonly safety: SafetyState | undefined
  readonly clock: Clock
  readonly network: Network
  readonly pacemaker: PacemakerConfig
  readonly mempoolLimits: MempoolLimits
  readonly blockIntervalMs: number
  readonly log: Log
  readonly onEffects: (core: CoreState, effects: readonly Effect[], input: Input) => void
  readonly onCommitted: (records: readonly CommitRecord[]) => void
  readonly onFatal: (error: unknown) => void
  /** Absent: this replica neither serves snapshots nor fetches them. */
  readonly snapshots?: SnapshotSettings
}

export class Replica {
  readonly mempool: Mempool
  readonly executor: Executor
  readonly submissions: Submissions
  readonly driver: Driver
  readonly ingress: Ingress
  readonly catchUp: CatchUp
  readonly evidence: EvidenceStore
  readonly snapshots: Snapshots | undefined
  /** What the network calls. */
  readonly handlers: NetworkHandlers
  readonly #parts: ReplicaParts
  readonly #inclusion: Inclusion
  readonly #relay: Relay
  readonly #committer: Committer
  readonly #certificates: CertificateVerifier
  #ready = false
  #hadWork = false

  constructor(parts: ReplicaParts) {
    this.#parts = parts
    const { app, bls, genesis, limits, log, store, validators, verifier, verifySignature } = parts
    const { genesisHash, initialHeight, params, rootQC } = genesis
    this.mempool = createMempool(parts.mempoolLimits)
    this.#inclusion = new Inclusion(this.mempool)
    this.#certificates = new CertificateVerifier({ bls, genesisHash, validators, rootQC })
    this.evidence = new EvidenceStore(this.#certificates, log)
    this.executor = new Executor({ app, store, verifier, validators, limits: params, initialHeight })
    this.submissions = this.#createSubmissions()
    this.#relay = new Relay({
      clock: parts.clock,
      network: () => parts.network,
      submissions: () => this.submissions,
      otherValidators: validators.size - (parts.self === undefined ? 0 : 1),
      onFatal: parts.onFatal,
    })
    this.#committer = this.#createCommitter()
    this.driver = this.#createDriver()
    this.ingress = new Ingress({
      genesisHash,
      validators,
      certificates: this.#certificates,
      limits,
      ...(verifySignature === undefined ? {} : { verifySignature }),
      network: parts.network,
      core: () => this.driver.core,
      deliver: (input) => this.driver.deliverFromPeer(input),
      onBlockRequest: (peer, request) => this.catchUp.onRequest(peer, request),
      onBlockResponse: (peer, response) => this.catchUp.onResponse(peer, response),
      onSnapshotRequest: (peer, request) => this.snapshots?.onRequest(peer, request),
      onSnapshotResponse: (peer, response) => this.snapshots?.onResponse(peer, response),
      onFatal: parts.onFatal,
    })
    this.catchUp = new CatchUp({
      epoch: validators.epoch,
      clock: parts.clock,
      network: parts.network,
      store,
      certificates: this.#certificates,
      ingress: () => this.ingress,
      core: () => this.driver.core,
      deliver: (input) => this.driver.delivered(input),
      onFatal: parts.onFatal,
      onSearch: () => this.snapshots?.noticeSearch(),
      isSuspended: () => this.snapshots?.isFetching === true,
    })
    this.snapshots = parts.snapshots && new Snapshots(parts, parts.snapshots, this.#certificates, () => this.catchUp)
    this.handlers = {
      onMessage: (peer, frame) => this.ingress.onMessage(peer, frame),
      onGossip: (peerId, body) => this.#relay.onGossip(peerId, body),
      onPeerConnected: (peer) => this.driver.greet(peer.id),
      onPeerDisconnected: (peer) => {
        this.catchUp.onPeerDisconnected(peer)
        this.snapshots?.onPeerDisconnected(peer)
      },
    }
  }

  /** Height of the last committed block. */
  get height(): number {
    return this.#parts.store.head()?.height ?? this.#parts.genesis.initialHeight
  }

  /** The core begins: arms its timers and resends what it signed. Transactions are accepted from here on. */
  async start(): Promise<void> {
    this.submissions.onCommitted([], new Map())
    await this.snapshots?.start()
    await this.driver.delivered({ kind: 'start' })
    this.#ready = true
  }

  /** No transaction is accepted any more. */
  close(): void {
    this.#ready = false
    this.#relay.stop()
    this.catchUp.stop()
    this.snapshots?.close()
  }

  /** Call after the network stopped: what was decided is written before this resolves. */
  async stop(): Promise<void> {
    await this.driver.stop()
    await this.snapshots?.stopped()
  }

  #createSubmissions(): Submissions {
    const { app, clock, mempoolLimits, store, verifier } = this.#parts
    return new Submissions({
      app,
      mempool: this.mempool,
      verifier,
      clock,
      transactionBytesMax: mempoolLimits.transactionBytesMax,
      state: () => store.state(),
      height: () => this.height,
      committed: (id): CommittedTransaction | undefined => readTransaction(store, id),
      unready: () => (this.#ready ? undefined : 'the node is starting or stopping'),
      gossip: (transactions) => this.#relay.publish(transactions),
      onChanged: () => this.#noteWork(),
    })
  }

  #createCommitter(): Committer {
    const { onCommitted, onFatal, store } = this.#parts
    return new Committer({
      executor: this.executor,
      store,
      onFatal,
      onCommitting: (blocks) => {
        for (const { id } of blocks) this.#inclusion.committing(id)
      },
      onCommitted: (records, lanes) => {
        const ids = records.flatMap((record) => record.transactionIds)
        this.snapshots?.checkpoints.onCommitted()
        this.submissions.onCommitted(ids, lanes)
        for (const { block } of records) this.#inclusion.committed(block.id)
        this.#noteWork()
        onCommitted(records)
      },
    })
  }

  #createDriver(): Driver {
    const { app, clock, genesis, log, network, onEffects, onFatal, pacemaker, self, signer, store, validators } =
      this.#parts
    const { params, genesisHash, rootQC } = genesis
    return new Driver({
      config: { validators, self, pacemaker, clockAheadMsMax: params.clockAheadMsMax },
      ...recover(store, this.#parts.safety, rootQC),
      clock,
      network,
      store,
      safetyStore: this.#parts.safetyStore ?? NOTHING_TO_SAVE,
      certificates: this.#certificates,
      executor: this.executor,
      committer: this.#committer,
      factory: new BlockFactory({
        app,
        mempool: this.mempool,
        executor: this.executor,
        clock,
        self,
        blockIntervalMs: this.#parts.blockIntervalMs,
        transactionsMax: params.transactionsMax,
        onDropped: (ids) => this.submissions.drop(ids),
      }),
      signatory: signer && new Signatory(signer, genesisHash),
      evidence: this.evidence,
      catchUp: () => this.catchUp,
      log,
      onStep: (core, effects, input) => {
        onEffects(core, effects, input)
        this.#followChain(core)
      },
      onFatal,
    })
  }

  /** The mempool follows the chain that the next block will extend. */
  #followChain(core: CoreState): void {
    const proposed = core.proposals.get(core.view)
    const chain = (proposed && core.tree.chainTo(proposed)) ?? core.tree.chainTo(core.safety.highQC.blockId)
    if (chain === undefined) return
    this.#inclusion.follow(chain.map(({ id }) => ({ id, transactions: this.executor.transactionsOf(id) })))
    this.#noteWork()
  }

  /** Tells the core when there begins or ceases to be work. */
  #noteWork(): void {
    const available = this.mempool.hasExecutable()
    if (available === this.#hadWork) return
    this.#hadWork = available
    this.driver.deliver({ kind: 'work', available })
  }
}
