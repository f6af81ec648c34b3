// What a replica has to do with snapshots, in one place: it takes and serves them, and fetches one when it is far behind.
// Owns the wiring only. Without a place to restore to (a simulation may have none) it neither serves nor fetches.

import type { CertificateVerifier } from '../../consensus/certificates.ts'
import type { Message } from '../../consensus/types.ts'
import type { CatchUp } from '../catch-up.ts'
import type { Peer, RestoreStore } from '../ports.ts'
import type { ReplicaParts } from '../replica.ts'
import { Checkpoints } from './checkpoints.ts'
import { SnapshotServer } from './snapshot-server.ts'
import { StateSync, type SyncProgress } from './state-sync.ts'

/** What a node's operator chooses, and where it restores to. */
export interface SnapshotSettings {
  readonly restoreStore: RestoreStore
  /** Heights between two snapshots held for peers; 0: none are. */
  readonly intervalBlocks: number
  /** Heights behind from which on a snapshot is fetched; 0: never. */
  readonly gapBlocks: number
  /** A restored chain is whole: the node has to start again on it. */
  readonly onRestored: () => void
}

export class Snapshots {
  readonly checkpoints: Checkpoints
  readonly #server: SnapshotServer
  readonly #sync: StateSync | undefined

  constructor(
    parts: ReplicaParts,
    settings: SnapshotSettings,
    certificates: CertificateVerifier,
    catchUp: () => Pick<CatchUp, 'searching' | 'isStuck'>,
  ) {
    const { app, clock, genesis, limits, log, network, onFatal, store, validators, verifySignature } = parts
    const { initialHeight, genesisHash } = genesis
    const { epoch } = validators
    const { intervalBlocks, gapBlocks, onRestored, restoreStore } = settings
    this.checkpoints = new Checkpoints({ store, clock, initialHeight, intervalBlocks, onFatal })
    this.#server = new SnapshotServer({ epoch, checkpoints: this.checkpoints, store, network, clock, onFatal })
    if (gapBlocks === 0) return
    this.#sync = new StateSync({
      genesisHash,
      validators,
      initialHeight,
      epoch,
      limits,
      clock,
      network,
      certificates,
      ...(verifySignature === undefined ? {} : { verifySignature }),
      app,
      store: restoreStore,
      height: () => store.head()?.height ?? initialHeight,
      isBehind: () => catchUp().searching > 0,
      isStuck: () => catchUp().isStuck,
      gapMin: gapBlocks,
      log,
      onRestored,
      onFatal,
    })
  }

  /** A snapshot is being fetched: blocks need not be. */
  get isFetching(): boolean {
    return this.#sync?.isActive === true
  }

  get progress(): SyncProgress | undefined {
    return this.#sync?.progress
  }

  /** Once the network is there. */
  async start(): Promise<void> {
    await this.#sync?.start()
  }

  noticeSearch(): void {
    this.#sync?.noticeSearch()
  }

  onRequest(peer: Peer, request: Extract<Message, { kind: 'snapshot-request' }>): void {
    this.#server.onRequest(peer, request)
  }

  onResponse(peer: Peer, response: Extract<Message, { kind: 'snapshot-response' }>): void {
    this.#sync?.onResponse(peer, response)
  }

  onPeerDisconnected(peer: Peer): void {
    this.#server.onPeerDisconnected(peer)
    this.#sync?.onPeerDisconnected(peer)
  }

  close(): void {
    this.#server.stop()
    this.#sync?.stop()
  }

  /** Nothing of it reads or writes any more when this resolves; call after `close`. */
  async stopped(): Promise<void> {
    await this.#server.stopped()
    await this.#sync?.stopped()
    await this.checkpoints.close()
  }
}
