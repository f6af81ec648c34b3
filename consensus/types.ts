// The words of the protocol as types: what validators say to each other and what it proves.
// Shapes only; encodings are in wire.ts, what a certificate must prove in certificates.ts, the rules in safety.ts.
// FORMATS.md fixes the fields. All fields are read-only and all collections canonical.

import type { Brand, Hash } from '../crypto/bytes.ts'

/** A view of the current epoch: 0 is the epoch's root, 1 the first in which somebody proposes. Safe integer. */
export type View = Brand<number, 'View'>
/** Position in the chain; the genesis block has the genesis file's initial height. Safe integer. */
export type Height = Brand<number, 'Height'>
export type Epoch = Brand<number, 'Epoch'>
/** Position in the epoch's validator list, which is ascending by id. u16. */
export type ValidatorIndex = Brand<number, 'ValidatorIndex'>
/** H("scoville/header/1" ‖ the 423 header bytes). */
export type BlockId = Brand<Hash, 'BlockId'>
/** Hash of the genesis file: identifies the chain, and is in every preimage. */
export type GenesisHash = Brand<Hash, 'GenesisHash'>

/**
 * Something whose every signature and certificate was checked, or whose content a checked certificate covers.
 * Made in consensus/certificates.ts, node/ingress.ts and node/storage only: the core takes nothing less.
 */
export type Verified<T> = Brand<T, 'Verified'>
/**
 * A vote or timeout that passed every check but its own BLS signature: the sender is the signer (the connection proves
 * it), the view is near, the certificates inside are verified. It can be counted towards an aggregate and nothing else.
 */
export type Checked<T> = Brand<T, 'Checked'>

export const PHASE_NORMAL = 0

export interface Header {
  readonly version: number
  /** Highest version the proposer's software runs. */
  readonly supports: number
  /** 0 normal, 1 epoch end, 2 suffix. Stage 1 has 0 only. */
  readonly phase: number
  readonly genesisHash: GenesisHash
  readonly epoch: Epoch
  readonly view: View
  readonly height: Height
  readonly parentId: BlockId
  /** Hash of the encoded justify. */
  readonly justifyHash: Hash
  /** Hash of the encoded TC by which the view was entered; zero when there is none. */
  readonly tcHash: Hash
  readonly proposer: ValidatorIndex
  readonly timestampMs: number
  readonly payloadRoot: Hash
  /** State root after executing the parent. */
  readonly stateRoot: Hash
  /** Root of the parent's receipts. */
  readonly receiptsRoot: Hash
  /** RFC 6962 root over all ancestors' ids; leaf 0 is the genesis block. */
  readonly chainRoot: Hash
  readonly leadersHash: Hash
  readonly epochHash: Hash
  /** Zero unless phase is 1. */
  readonly nextEpochHash: Hash
  readonly evidenceRoot: Hash
}

/** Opaque to consensus: kind 0 is a list of transactions. */
export interface Payload {
  readonly kind: number
  readonly items: readonly Uint8Array[]
}

export interface Vote {
  readonly epoch: Epoch
  readonly view: View
  readonly blockId: BlockId
  /** justify.view of the block voted for: one QC is then a commit proof for the parent. */
  readonly parentView: View
  readonly parentId: BlockId
  readonly signer: ValidatorIndex
  /** 96 bytes, BLS over the vote preimage. */
  readonly signature: Uint8Array
}

/** Quorum certificate: a quorum by voting power voted for one block in one view. */
export interface QC {
  readonly epoch: Epoch
  readonly view: View
  readonly blockId: BlockId
  readonly parentView: View
  readonly parentId: BlockId
  /** Bit i = byte i>>3, mask 1<<(i&7); exactly ceil(n/8) bytes, padding zero. */
  readonly signers: Uint8Array
  /** 96 bytes, the aggregate over one common message. */
  readonly signature: Uint8Array
}

/** A validator gives up on a view. highQcView is highQC.view. */
export interface Timeout {
  readonly epoch: Epoch
  readonly view: View
  readonly highQC: QC
  /** How the sender entered the view, when its highQC does not show it (highQC.view + 1 != view). */
  readonly lastTC?: TC
  /** The sender's vote of this view, if it cast one: a collector may form the QC after all. */
  readonly vote?: Vote
  readonly signer: ValidatorIndex
  /** 96 bytes, BLS over the timeout preimage (epoch, view, highQC.view). */
  readonly signature: Uint8Array
}

/** Timeout certificate: a quorum by voting power gave up on one view. */
export interface TC {
  readonly epoch: Epoch
  readonly view: View
  readonly signers: Uint8Array
  /** What each signer's highQC view was, in signer order. */
  readonly highQcViews: readonly View[]
  /** A QC of the highest of highQcViews. */
  readonly highQC: QC
  readonly signature: Uint8Array
}

/** Present in the format; empty in stage 1. */
export interface Evidence {
  readonly type: number
  readonly epoch: Epoch
  readonly view: View
  readonly body: Uint8Array
}

export interface Proposal {
  readonly header: Header
  readonly payload: Payload
  readonly evidence: readonly Evidence[]
  /** QC of the parent. */
  readonly justify: QC
  readonly tc?: TC
  /** 64 bytes, ed25519 by the proposer's node key over the proposal preimage. Not covered by the block id. */
  readonly signature: Uint8Array
}

/** A proposal with its id computed once. Invariant: id is the hash of proposal.header. */
export interface Block {
  readonly id: BlockId
  readonly proposal: Proposal
}

export type UnsignedVote = Omit<Vote, 'signature'>
export type UnsignedTimeout = Omit<Timeout, 'signature' | 'vote'> & { readonly vote?: UnsignedVote }
export type UnsignedProposal = Omit<Proposal, 'signature'>

/** What a leader's node knows about the next block and the core does not: its id is computed when it is built. */
export interface UnsignedBlock {
  readonly id: BlockId
  readonly proposal: UnsignedProposal
}

/**
 * What must be on disk before a signature leaves (DESIGN.md section 3, "Persist before send").
 * Invariants: every number only ever rises; lastVote.view = lastVotedView; lastTimeout.view = highestTimeoutView;
 * highQC.view >= lockedView. Signatures are deterministic, so unsigned messages are enough to resend the same bytes.
 */
export interface SafetyState {
  readonly epoch: Epoch
  readonly lastVotedView: View
  readonly lastVote?: UnsignedVote
  readonly highestTimeoutView: View
  readonly lastTimeout?: UnsignedTimeout
  /** Highest justify.view of a block voted for. */
  readonly lockedView: View
  readonly highQC: QC
  readonly lastTC?: TC
  readonly lastProposal?: { readonly view: View; readonly blockId: BlockId }
}

/** One validator of an epoch. */
export interface Validator {
  /** First 20 bytes of SHA-256 of nodeKey, as 40 hex digits: also the account that receives its fees. */
  readonly id: string
  readonly power: number
  /** 48 bytes, BLS public key in G1. */
  readonly blsKey: Uint8Array
  /** 32 bytes, ed25519: signs proposals and is the libp2p identity. */
  readonly nodeKey: Uint8Array
}

/** A parameter of the protocol: ids are frozen, values are u64 kept as safe integers. */
export interface Param {
  readonly id: number
  readonly value: number
}

export interface EpochConfig {
  readonly format: number
  readonly epoch: Epoch
  readonly protocolVersion: number
  /** Ascending by id. */
  readonly params: readonly Param[]
  /** Ascending by id; total power below 2^53; 1 to 65,535 of them. */
  readonly validators: readonly Validator[]
}

/** Two signed messages of one validator that an honest one never signs both of. Kept, not yet put into blocks. */
export type Equivocation =
  | { readonly kind: 'double-vote'; readonly first: Vote; readonly second: Vote }
  | { readonly kind: 'double-proposal'; readonly first: Proposal; readonly second: Proposal }

/** What goes over a direct consensus stream. */
export type Message =
  | { readonly kind: 'proposal'; readonly proposal: Proposal }
  | { readonly kind: 'vote'; readonly vote: Vote }
  | { readonly kind: 'timeout'; readonly timeout: Timeout }
  | { readonly kind: 'certificate'; readonly qc: QC; readonly tc?: TC }
  | {
      readonly kind: 'block-request'
      readonly requestId: number
      readonly blockId: BlockId
      readonly committedHeight: Height
    }
  | {
      readonly kind: 'block-response'
      readonly requestId: number
      /** Ascending, hash-linked, beginning above the requester's committed height. Empty: not held. */
      readonly proposals: readonly Proposal[]
      /** Certifies the last of them, when that is not the block asked for. */
      readonly certificate?: QC
    }
  | { readonly kind: 'snapshot-request'; readonly requestId: number; readonly part: SnapshotPart }
  /** `body` is opaque here: node/snapshot reads it. Absent: not held, or not now. */
  | { readonly kind: 'snapshot-response'; readonly requestId: number; readonly body?: Uint8Array }

/** What is asked of a snapshot: which there are; the block it stands at; its state from one key to another, both included. */
export type SnapshotPart =
  | { readonly kind: 'anchors' }
  | { readonly kind: 'tip'; readonly blockId: BlockId }
  | { readonly kind: 'range'; readonly blockId: BlockId; readonly from: Hash; readonly to: Hash }
