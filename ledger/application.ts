// The one interface through which the node reaches what transactions mean; another state machine can take its place.
// It touches no disk and sees no consensus message: the node writes what `execute` returns, with the block, in one batch.
// Source: DESIGN.md section 5 and AHEAD.md section 5.

import type { Hash } from '../crypto/bytes.ts'

/** Committed or speculative state, read synchronously. Keys and tree paths are opaque to the store. */
export interface StateReader {
  /** The value of a state key (64 hex digits, the hash of namespace and key). */
  get(key: string): Uint8Array | undefined
  /** A node of the state tree at a path (a string the ledger chooses; the root is the empty string). */
  node(path: string): Uint8Array | undefined
}

/** What a block changes. `undefined` deletes. The store applies both maps atomically. */
export interface StateWrites {
  readonly values: ReadonlyMap<string, Uint8Array | undefined>
  readonly nodes: ReadonlyMap<string, Uint8Array | undefined>
}

/** What the application may know of the block besides its payload. No clock, no randomness. */
export interface BlockContext {
  readonly height: number
  readonly epoch: number
  readonly view: number
  readonly timestampMs: number
  /** 40 hex digits: the proposer's validator id, which is its account address. */
  readonly proposer: string
}

/** A transaction decoded and identified but not yet trusted: its signature is unchecked. */
export interface DecodedTransaction {
  /** H over the unsigned bytes: a re-signed copy is the same transaction. */
  readonly id: Hash
  /** Bytes as received: canonical, so a block is their concatenation. */
  readonly bytes: Uint8Array
  /** Transactions of one lane execute in sequence order without gaps (here: sender address, 40 hex digits). */
  readonly lane: string
  readonly sequence: bigint
  /** Last height at which it may commit. */
  readonly validUntil: number
  /** What it takes of a block, in bytes. */
  readonly weight: number
  /** Higher goes first (here: the fee, in base units). */
  readonly priority: bigint
}

/** Why a transaction is not acceptable: codes are frozen, they are the API's problem codes. */
export type Refusal =
  | { readonly kind: 'malformed-transaction'; readonly detail: string }
  | { readonly kind: 'unsupported-kind'; readonly got: number }
  | { readonly kind: 'wrong-chain'; readonly expected: Hash; readonly got: Hash }
  | { readonly kind: 'bad-signature' }
  | { readonly kind: 'fee-too-low'; readonly expected: bigint; readonly got: bigint }
  | { readonly kind: 'nonce-too-low'; readonly expected: bigint; readonly got: bigint }
  | { readonly kind: 'nonce-too-high'; readonly expected: bigint; readonly got: bigint }
  | { readonly kind: 'insufficient-funds'; readonly needed: bigint; readonly balance: bigint }
  | { readonly kind: 'expired'; readonly validUntil: number; readonly height: number }
  /** validUntil further ahead than the protocol allows. */
  | { readonly kind: 'valid-until-too-far'; readonly validUntil: number; readonly max: number }

export type Outcome<T, R = Refusal> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly refusal: R }

export interface Executed {
  readonly writes: StateWrites
  /** Root of the state tree after the block. */
  readonly stateRoot: Hash
  /** Encoded receipts, one per transaction and a last one of type 2 for block effects. */
  readonly receipts: readonly Uint8Array[]
  /** RFC 6962 root over the encoded receipts. */
  readonly receiptsRoot: Hash
  /** The transactions in block order. */
  readonly transactions: readonly DecodedTransaction[]
}

/** Why a payload makes its block invalid. */
export interface InvalidPayload {
  readonly kind: 'invalid-payload'
  /** Position of the offending transaction. */
  readonly index: number
  readonly refusal: Refusal
}

export interface PayloadLimits {
  /** Sum of item lengths. */
  readonly payloadBytesMax: number
  readonly transactionsMax: number
}

export interface Application {
  /** Bytes of a transaction to what the mempool needs; pure and cheap, checks no signature. */
  decode(bytes: Uint8Array): Outcome<DecodedTransaction>
  /** Signatures only, a batch at a time; false where one is not valid under the strict rule. */
  verify(transactions: readonly DecodedTransaction[]): boolean[]
  /** Whether it could execute now or after others of its lane: chain, expiry, fee, nonce not used, balance for the fee. */
  admit(transaction: DecodedTransaction, state: StateReader, height: number): Refusal | undefined
  /** The next sequence of a lane in this state. */
  sequence(lane: string, state: StateReader): bigint
  /**
   * The payload items for a block on `parent`, in candidate order, leaving out whatever would make it invalid. The candidates'
   * signatures are already verified.
   */
  build(
    parent: StateReader,
    context: BlockContext,
    candidates: Iterable<DecodedTransaction>,
    limits: PayloadLimits,
  ): {
    readonly items: readonly Uint8Array[]
    readonly dropped: readonly { readonly id: Hash; readonly refusal: Refusal }[]
  }
  /**
   * Executes a payload on its parent's state. `isVerified` tells which transactions' signatures were checked before (by id
   * and bytes); the rest are checked here. Deterministic: every honest node gets the same writes and roots.
   * `decoded`: what `decode` answered for exactly these items, in order, if the caller kept it; saves decoding them again.
   */
  execute(
    parent: StateReader,
    context: BlockContext,
    items: readonly Uint8Array[],
    limits: PayloadLimits,
    isVerified: (transaction: DecodedTransaction) => boolean,
    decoded?: readonly DecodedTransaction[],
  ): Outcome<Executed, InvalidPayload>
}
