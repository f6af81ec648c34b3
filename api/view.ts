// Domain values to the JSON that clients see, whose shapes api/contract declares. One spelling everywhere: u64 as decimal strings,
// hashes, keys and bytes as lower-case 0x-hex, addresses as bech32m beside hex, times as RFC 3339 beside milliseconds.

import type { Header, QC } from '../consensus/types.ts'
import { encodeAddress } from '../ledger/address.ts'
import type { AccountView } from './contract/accounts.ts'
import type { BlockView, CertificateView } from './contract/blocks.ts'
import type { ConsensusView, ValidatorView } from './contract/network.ts'
import type { TransactionView } from './contract/transactions.ts'
import { hex } from './hex.ts'
import type {
  AccountState,
  CommittedBlock,
  CommittedTransaction,
  ConsensusInfo,
  Pending,
  PendingState,
  ValidatorStatus,
} from './ports.ts'
import { viewContent, viewReceipt } from './view-transaction.ts'

export type { AccountView, NonceView } from './contract/accounts.ts'
export type { BlockView, CertificateView } from './contract/blocks.ts'
export type { ConsensusView, MempoolView, ValidatorView } from './contract/network.ts'
export type { InfoView, ReadinessView } from './contract/node.ts'
export type { BatchItemView, TransactionView } from './contract/transactions.ts'

interface AddressView {
  readonly address: string
  readonly addressHex: string
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
