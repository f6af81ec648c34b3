// Domain values to the JSON that clients see, and the types of that JSON. One spelling everywhere: u64 as decimal strings,
// hashes, keys and bytes as lower-case 0x-hex, addresses as bech32m beside hex, times as RFC 3339 beside milliseconds.
// Shapes only grow: no member is ever removed or changes its type under /v1.

import type { Header, QC } from '../consensus/types.ts'
import { encodeAddress } from '../ledger/address.ts'
import { hex } from './hex.ts'
import type {
  AccountState,
  CommittedBlock,
  CommittedTransaction,
  ConsensusInfo,
  MempoolInfo,
  Pending,
  PendingState,
  ValidatorStatus,
} from './ports.ts'
import type { ProblemView } from './problem.ts'
import { type ReceiptView, type TransactionContentView, viewContent, viewReceipt } from './view-transaction.ts'

export interface AddressView {
  readonly address: string
  readonly addressHex: string
}

export interface BlockView {
  readonly hash: string
  readonly version: number
  readonly supports: number
  readonly phase: number
  readonly genesisHash: string
  readonly epoch: string
  readonly view: string
  readonly height: string
  readonly parentHash: string
  readonly justifyHash: string
  readonly tcHash: string
  /** Null where nobody proposed: the genesis block. */
  readonly proposer: (AddressView & { readonly index: number }) | null
  readonly timestamp: string
  readonly timestampMs: number
  readonly payloadRoot: string
  /** State and receipts roots after executing the parent (FORMATS.md). */
  readonly stateRoot: string
  readonly receiptsRoot: string
  readonly chainRoot: string
  readonly leadersHash: string
  readonly epochHash: string
  readonly nextEpochHash: string
  readonly evidenceRoot: string
  readonly transactionCount: number
  /** With include=transactions: the first 100. */
  readonly transactions?: readonly TransactionView[]
  /** With include=certificate: null while no QC for the block is known. */
  readonly certificate?: CertificateView | null
}

export interface CertificateView {
  readonly epoch: string
  readonly view: string
  readonly blockHash: string
  readonly parentView: string
  readonly parentHash: string
  readonly signers: readonly number[]
  readonly bitmap: string
  readonly signature: string
}

/** Committed and failed are final, and so is expired; a dropped or replaced transaction may be submitted again. */
export type TransactionStatus = 'pending' | 'committed' | 'failed' | PendingState['state']

export interface TransactionView {
  readonly hash: string
  readonly status: TransactionStatus
  readonly final: boolean
  /** Answers to a submission only: whether the node knew the transaction before. */
  readonly duplicate?: boolean
  /** While pending: ready for the next block, or queued behind a missing nonce. */
  readonly queue?: 'ready' | 'queued'
  /** Why it failed, was dropped, replaced or expired. */
  readonly reason?: { readonly code: string; readonly detail: string }
  readonly block?: {
    readonly hash: string
    readonly height: string
    readonly index: number
    readonly timestamp: string
    readonly timestampMs: number
  }
  readonly transaction?: TransactionContentView
  readonly receipt?: ReceiptView
}

/** What became of one entry of a batch; its content is not repeated. */
export type BatchItemView =
  | {
      readonly index: number
      readonly hash: string
      readonly status: 'pending' | 'committed' | 'failed'
      readonly duplicate: boolean
    }
  | { readonly index: number; readonly hash?: string; readonly problem: ProblemView }

export interface AccountView extends AddressView {
  readonly balance: string
  readonly nonce: string
  /** The next free nonce, counting what is pending. */
  readonly pendingNonce: string
  readonly historyCount: string
  readonly historyHead: string
  readonly height: string
}

export interface NonceView extends AddressView {
  readonly committed: string
  readonly next: string
}

export interface ValidatorView extends AddressView {
  readonly index: number
  readonly power: string
  readonly blsKey: string
  readonly nodeKey: string
  readonly self: boolean
  readonly connected: boolean
}

export interface ConsensusView {
  readonly epoch: string
  readonly view: string
  readonly leader: number
  readonly highQC: { readonly view: string; readonly blockHash: string }
  readonly lockedView: string
  readonly lastVotedView: string
  readonly highestTimeoutView: string
  readonly timeoutMs: number
  readonly backoff: number
  readonly quorum: string
  readonly totalPower: string
}

export type MempoolView = MempoolInfo

export interface InfoView {
  readonly chainId: string
  readonly genesisHash: string
  readonly addressPrefix: string
  readonly height: string
  readonly view: string
  readonly version: string
  readonly role: 'validator' | 'full'
  readonly syncing: boolean
  readonly endpoints: readonly string[]
}

export interface ReadinessView {
  readonly status: 'ready' | 'not-ready'
  readonly checks: Readonly<Record<string, { readonly ok: boolean; readonly detail: string }>>
}

export function viewAddress(prefix: string, address: string): AddressView {
  return { address: encodeAddress(prefix, address), addressHex: `0x${address}` }
}

function viewTime(timestampMs: number): { readonly timestamp: string; readonly timestampMs: number } {
  return { timestamp: new Date(timestampMs).toISOString(), timestampMs }
}

export function viewBlock(block: CommittedBlock, prefix: string, validators: readonly ValidatorStatus[]): BlockView {
  const { header } = block.proposal
  return {
    hash: `0x${block.id}`,
    version: header.version,
    supports: header.supports,
    phase: header.phase,
    genesisHash: `0x${header.genesisHash}`,
    epoch: String(header.epoch),
    view: String(header.view),
    height: String(header.height),
    parentHash: `0x${header.parentId}`,
    justifyHash: `0x${header.justifyHash}`,
    tcHash: `0x${header.tcHash}`,
    proposer: viewProposer(header, prefix, validators),
    ...viewTime(header.timestampMs),
    payloadRoot: `0x${header.payloadRoot}`,
    stateRoot: `0x${header.stateRoot}`,
    receiptsRoot: `0x${header.receiptsRoot}`,
    chainRoot: `0x${header.chainRoot}`,
    leadersHash: `0x${header.leadersHash}`,
    epochHash: `0x${header.epochHash}`,
    nextEpochHash: `0x${header.nextEpochHash}`,
    evidenceRoot: `0x${header.evidenceRoot}`,
    transactionCount: block.transactionIds.length,
  }
}

/** View 0 is an epoch's root, which nobody proposed. */
function viewProposer(header: Header, prefix: string, validators: readonly ValidatorStatus[]): BlockView['proposer'] {
  if (header.view === 0) return null
  const proposer = validators.find((validator) => validator.index === header.proposer)
  return proposer === undefined ? null : { index: proposer.index, ...viewAddress(prefix, proposer.id) }
}

export function viewCertificate(qc: QC): CertificateView {
  const signers: number[] = []
  for (const [at, byte] of qc.signers.entries()) {
    for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) signers.push(at * 8 + bit)
  }
  return {
    epoch: String(qc.epoch),
    view: String(qc.view),
    blockHash: `0x${qc.blockId}`,
    parentView: String(qc.parentView),
    parentHash: `0x${qc.parentId}`,
    signers,
    bitmap: hex(qc.signers),
    signature: hex(qc.signature),
  }
}

export function viewCommitted(committed: CommittedTransaction, prefix: string): TransactionView {
  const receipt = viewReceipt(committed.receipt, prefix)
  const failure = receipt.failure
  return {
    hash: `0x${committed.id}`,
    status: failure === undefined ? 'committed' : 'failed',
    final: true,
    ...(failure === undefined ? {} : { reason: failure }),
    block: {
      hash: `0x${committed.blockId}`,
      height: String(committed.height),
      index: committed.index,
      ...viewTime(committed.timestampMs),
    },
    transaction: viewContent(committed.bytes, prefix),
    receipt: receipt.view,
  }
}

export function statusOfCommitted(committed: CommittedTransaction, prefix: string): 'committed' | 'failed' {
  return viewReceipt(committed.receipt, prefix).failure === undefined ? 'committed' : 'failed'
}

export function viewPending(pending: Pending, prefix: string): TransactionView {
  return { ...viewPendingState(`0x${pending.id}`, pending.status), transaction: viewContent(pending.bytes, prefix) }
}

/** A transaction that has not committed, without its content. */
export function viewPendingState(hash: string, status: PendingState): TransactionView {
  if (status.state === 'pending') return { hash, status: 'pending', final: false, queue: status.queue }
  const { state, reason } = status
  return { hash, status: state, final: state === 'expired', reason: { code: state, detail: reason } }
}

export function viewAccount(address: string, account: AccountState, nextNonce: bigint, prefix: string): AccountView {
  return {
    ...viewAddress(prefix, address),
    balance: String(account.balance),
    nonce: String(account.nonce),
    pendingNonce: String(nextNonce),
    historyCount: String(account.historyCount),
    historyHead: `0x${account.historyHead}`,
    height: String(account.height),
  }
}

export function viewValidator(validator: ValidatorStatus, prefix: string): ValidatorView {
  return {
    index: validator.index,
    ...viewAddress(prefix, validator.id),
    power: String(validator.power),
    blsKey: hex(validator.blsKey),
    nodeKey: hex(validator.nodeKey),
    self: validator.isSelf,
    connected: validator.connected,
  }
}

export function viewConsensus(consensus: ConsensusInfo): ConsensusView {
  return {
    epoch: String(consensus.epoch),
    view: String(consensus.view),
    leader: consensus.leader,
    highQC: { view: String(consensus.highQC.view), blockHash: `0x${consensus.highQC.blockId}` },
    lockedView: String(consensus.lockedView),
    lastVotedView: String(consensus.lastVotedView),
    highestTimeoutView: String(consensus.highestTimeoutView),
    timeoutMs: consensus.timeoutMs,
    backoff: consensus.backoff,
    quorum: String(consensus.quorum),
    totalPower: String(consensus.totalPower),
  }
}
