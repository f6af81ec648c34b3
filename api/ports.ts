// What the HTTP layer needs of a node; `node` supplies it. Nothing here knows express, LevelDB or libp2p.
// A reader answers from committed state at one height only: no uncommitted block is ever visible through it.

import type { BlockId, Epoch, Height, Proposal, QC, View } from '../consensus/types.ts'
import type { Hash } from '../crypto/bytes.ts'
import type { Refusal } from '../ledger/application.ts'
import type { ProofReader } from './proofs.ts'

export interface ChainInfo {
  readonly chainId: string
  readonly genesisHash: Hash
  readonly addressPrefix: string
  readonly softwareVersion: string
  readonly role: 'validator' | 'full'
}

export interface Head {
  readonly height: Height
  readonly view: View
  readonly blockId: BlockId
  readonly timestampMs: number
  /** Lowest height whose block is still held. */
  readonly oldestHeight: Height
}

export interface CommittedBlock {
  readonly id: BlockId
  readonly proposal: Proposal
  readonly transactionIds: readonly Hash[]
  /** Encoded receipts, block effects last. */
  readonly receipts: readonly Uint8Array[]
  /** QC for this block when known: the justify of its child, or the commit certificate's chain. */
  readonly certificate?: QC
}

export interface CommittedTransaction {
  readonly id: Hash
  readonly bytes: Uint8Array
  readonly height: Height
  readonly index: number
  readonly blockId: BlockId
  readonly timestampMs: number
  readonly receipt: Uint8Array
}

/** balance and nonce of an address that was never touched are zero. */
export interface AccountState {
  readonly balance: bigint
  readonly nonce: bigint
  readonly historyCount: number
  readonly historyHead: Hash
  readonly height: Height
}

export interface ChainReader {
  info(): ChainInfo
  head(): Head
  block(at: Height | BlockId): CommittedBlock | undefined
  transaction(id: Hash): CommittedTransaction | undefined
  /** `address`: 40 hex digits. */
  account(address: string): AccountState
  validators(): readonly ValidatorStatus[]
}

export interface ValidatorStatus {
  readonly index: number
  /** 40 hex digits: id and fee account. */
  readonly id: string
  readonly power: number
  readonly blsKey: Uint8Array
  readonly nodeKey: Uint8Array
  readonly isSelf: boolean
  readonly connected: boolean
}

/** Where a transaction stands that has not committed. */
export type PendingState =
  | { readonly state: 'pending'; readonly queue: 'ready' | 'queued' }
  | { readonly state: 'dropped' | 'replaced' | 'expired'; readonly reason: string }

export interface Pending {
  readonly id: Hash
  readonly bytes: Uint8Array
  readonly status: PendingState
}

/** Mempool refusals beside the ledger's own. */
export type SubmitRefusal =
  | Refusal
  | { readonly kind: 'transaction-too-large'; readonly max: number; readonly got: number }
  | { readonly kind: 'nonce-taken'; readonly conflictingId: Hash; readonly feeNeeded: bigint }
  | { readonly kind: 'account-limit'; readonly max: number }
  | { readonly kind: 'mempool-full'; readonly feeNeeded: bigint }
  | { readonly kind: 'not-ready'; readonly reason: string }

export type Submitted =
  | {
      readonly ok: true
      readonly id: Hash
      readonly duplicate: boolean
      readonly committed?: CommittedTransaction
      readonly queue: 'ready' | 'queued'
    }
  | { readonly ok: false; readonly id?: Hash; readonly refusal: SubmitRefusal }

/** How a wait ended: `timeout` is not an error. */
export type Settled =
  | { readonly kind: 'committed'; readonly transaction: CommittedTransaction }
  | { readonly kind: 'gone'; readonly status: PendingState }
  | { readonly kind: 'timeout' }

export interface TransactionSubmitter {
  /** Looks the id up before any other check: a committed or pending transaction is a success with duplicate true. */
  submit(bytes: readonly Uint8Array[]): Promise<Submitted[]>
  pending(id: Hash): Pending | undefined
  /** The next free nonce of an address counting what is pending without a gap. */
  nextNonce(address: string): bigint
  /** Resolves as soon as the transaction commits or goes; subscribe before submitting. */
  settled(id: Hash, timeoutMs: number, signal: AbortSignal): Promise<Settled>
}

export interface MempoolInfo {
  readonly count: number
  readonly bytes: number
  readonly ready: number
  readonly queued: number
  readonly countMax: number
  readonly bytesMax: number
}

export interface ConsensusInfo {
  readonly epoch: Epoch
  readonly view: View
  readonly leader: number
  readonly highQC: { readonly view: View; readonly blockId: BlockId }
  readonly lockedView: View
  readonly lastVotedView: View
  readonly highestTimeoutView: View
  readonly timeoutMs: number
  /** Consecutive views that ended in a TC, less commits: the back-off exponent. */
  readonly backoff: number
  readonly quorum: number
  readonly totalPower: number
}

/** A named readiness check; `detail` says what is wrong and since when. */
export interface Check {
  readonly name: 'sync' | 'peers' | 'consensus' | 'db' | 'safety'
  readonly ok: boolean
  readonly detail: string
}

export interface NodeStatus {
  mempool(): MempoolInfo
  consensus(): ConsensusInfo
  checks(): readonly Check[]
  /** Prometheus text exposition. */
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>
}

export interface CommitNotices {
  /** Calls after every commit, once its blocks can be read, until the returned function is called. Never before it returned. */
  subscribe(listener: () => void): () => void
}

export interface ApiPorts {
  readonly chain: ChainReader
  readonly proofs: ProofReader
  readonly submitter: TransactionSubmitter
  readonly status: NodeStatus
  readonly commits: CommitNotices
}
