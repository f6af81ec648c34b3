// The seams of the node: everything impure the driver stands on, so that a simulation can put a virtual clock, a seeded
// network and a disk that loses unsynced writes in their place. Real ones: node/network, node/storage, node/clock.ts.

import type { Block, BlockId, Height, QC, SafetyState, ValidatorIndex } from '../consensus/types.ts'
import type { Hash } from '../crypto/bytes.ts'
import type { StateReader, StateWrites } from '../ledger/application.ts'
import type { StateEntry } from '../ledger/state-range.ts'

export interface Clock {
  /** Milliseconds since 1970. */
  nowMs(): number
  /** Calls back once; the returned function cancels. */
  after(delayMs: number, callback: () => void): () => void
}

/** Who is at the other end of an authenticated connection. */
export interface Peer {
  /** Stable while connected; libp2p's peer id in production. */
  readonly id: string
  /** Its place in the validator set, proved by its node key; undefined for a full node. */
  readonly validator: ValidatorIndex | undefined
}

/** What a peer did, for its penalty: costly ones count more. The network disconnects and bans past a budget. */
export type Offence =
  | 'malformed'
  | 'wrong-chain'
  | 'false-proof'
  | 'invalid-signature'
  | 'invalid-content'
  | 'unsolicited'
  | 'flood'

/** Direct streams: consensus and block requests. Delivery is best effort, in order while connected. */
export interface Network {
  /** Sends encoded frames (consensus/frame.ts); unknown or unconnected receivers are skipped silently (the protocol resends). */
  sendTo(validator: ValidatorIndex, body: Uint8Array): void
  broadcast(body: Uint8Array): void
  /** To connected peers that are not validators. */
  sendToFollowers(body: Uint8Array): void
  sendToPeer(peerId: string, body: Uint8Array): void
  /** A batch of transactions, by gossip (mempool/batch.ts). */
  gossip(body: Uint8Array): void
  penalise(peerId: string, offence: Offence, detail: string): void
  peers(): readonly Peer[]
}

/** What the network tells the node. */
export interface NetworkHandlers {
  onMessage(peer: Peer, body: Uint8Array): void
  /** Answers whether to pass the batch on: accept, ignore (no penalty) or reject (penalty). */
  onGossip(peerId: string, body: Uint8Array): 'accept' | 'ignore' | 'reject'
  onPeerConnected(peer: Peer): void
  onPeerDisconnected(peer: Peer): void
}

export interface StoredHead {
  readonly height: Height
  readonly blockId: BlockId
  /** QC of a child one view above: what made it final. Absent at genesis only. */
  readonly certificate?: QC
}

export interface CommitRecord {
  readonly block: Block
  readonly writes: StateWrites
  readonly receipts: readonly Uint8Array[]
  readonly transactionIds: readonly Hash[]
  /** State root after the block and root of its receipts: what its child's header must say. */
  readonly stateRoot: Hash
  readonly receiptsRoot: Hash
  /** Peaks of the chainRoot accumulator with this block's id appended. */
  readonly chainPeaks: readonly Hash[]
}

/** What is known of a committed block besides the proposal. */
export interface StoredBlock {
  readonly block: Block
  readonly receipts: readonly Uint8Array[]
  readonly transactionIds: readonly Hash[]
  readonly stateRoot: Hash
  readonly receiptsRoot: Hash
  readonly chainPeaks: readonly Hash[]
}

/** The committed chain, its indexes and the uncommitted tail. Reads are synchronous, at the last committed height. */
export interface ChainStore {
  head(): StoredHead | undefined
  /** One atomic synced batch: blocks, receipts, indexes, state and head. Oldest first. */
  commit(records: readonly CommitRecord[], certificate: QC): Promise<void>
  /** A block voted for or proposed, kept until committed or pruned; synced. An unsigned own proposal is stored signed. */
  saveBlock(block: Block): Promise<void>
  deleteBlocks(blockIds: readonly BlockId[]): Promise<void>
  uncommitted(): readonly Block[]
  /** Lowest height whose block is held. Call after genesis is committed. */
  oldestHeight(): Height
  state(): StateReader
  /** Undefined above the head and below the oldest height. @throws NodeError storage-damaged between them */
  blockAt(height: Height): StoredBlock | undefined
  blockById(id: BlockId): StoredBlock | undefined
  transactionAt(id: Hash): { readonly height: Height; readonly index: number } | undefined
  /** The state at the head, held still; not while a commit is under way. */
  holdState(): HeldState
}

/** The state of one height while the chain goes on. Close it: the disk keeps what is overwritten meanwhile. */
export interface HeldState extends StateReader {
  /** What is there from one key to another, both included, ascending; at most `max`. */
  entries(from: Hash, to: Hash, max: number): Promise<StateEntry[]>
  close(): Promise<void>
}

/** A chain being put together beside the one that is there, from a snapshot. Takes its place at the next start. */
export interface RestoreStore {
  /** What `begin` and `write` were last told: how far an earlier life came. Undefined when none was begun, or it is finished. */
  begun(): Promise<{ readonly basis: Uint8Array; readonly progress: Uint8Array } | undefined>
  /** What is there so far; after `begin`, or when one was begun. */
  state(): StateReader
  /** Begins anew. `basis`: what stays the same throughout. */
  begin(basis: Uint8Array, progress: Uint8Array): Promise<void>
  write(writes: StateWrites, progress: Uint8Array): Promise<void>
  /** The chain is whole: it begins with this block, whose writes are those made so far. Durable when it resolves. */
  finish(record: CommitRecord, certificate: QC): Promise<void>
}

/** Dual-slot, checksummed, generation-numbered, fsynced; mirrored in the database. */
export interface SafetyStore {
  /** What was loaded at start; undefined on a new chain. */
  load(): SafetyState | undefined
  /** Resolves when it is on disk: nothing may be signed before. */
  save(safety: SafetyState): Promise<void>
}

/** Holds the keys. Only the driver calls it, after a save resolved. */
export interface Signer {
  readonly index: ValidatorIndex
  /** BLS over a 32-byte preimage: 96 bytes. */
  signVote(preimage: Uint8Array): Promise<Uint8Array>
  signTimeout(preimage: Uint8Array): Promise<Uint8Array>
  /** ed25519 over the proposal preimage: 64 bytes. */
  signProposal(preimage: Uint8Array): Promise<Uint8Array>
}
