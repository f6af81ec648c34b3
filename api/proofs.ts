// What a node hands out so that nobody has to believe it: blocks with what makes them final, transactions and accounts with
// their Merkle paths. Shapes only; node/proofs.ts makes them, api/verify.ts checks them, api/view-proof.ts spells them.
// Source: DESIGN.md section 4, guarantee 5. A header states the state and receipts roots after its parent.

import { TREE_BLOCKS_MAX } from '../consensus/block-tree.ts'
import type { BlockId, Header, QC } from '../consensus/types.ts'
import type { Hash } from '../crypto/bytes.ts'
import type { StateProof } from '../ledger/state-proof.ts'

/** A chain that no view without a commit interrupts needs two; no node holds more blocks uncommitted than this has room for. */
export const FINALITY_HEADERS_MAX = TREE_BLOCKS_MAX + 2

export interface FinalityProof {
  /** Ascending and linked: the block, its child, and further ones up to the first that was certified one view above its parent. */
  readonly headers: readonly Header[]
  /** Of the last of them: by the commit rule it makes all before that one final. */
  readonly certificate: QC
}

export interface CertificateProof {
  /** Of the block itself; for the genesis block the root QC, which nobody signed. */
  readonly certificate: QC
  readonly finality: FinalityProof
}

export interface TransactionProof {
  readonly finality: FinalityProof
  /** As committed. */
  readonly bytes: Uint8Array
  /** Encoded. */
  readonly receipt: Uint8Array
  /** Position of the transaction in the payload, and of its receipt. */
  readonly index: number
  /** Transactions of the block; there is one receipt more (FORMATS.md, 7). */
  readonly count: number
  /** RFC 6962 root over the transactions, which the payloadRoot commits to. */
  readonly itemsRoot: Hash
  /** From the transaction up to itemsRoot. */
  readonly path: readonly Hash[]
  /** From the receipt up to the receiptsRoot of the child. */
  readonly receiptPath: readonly Hash[]
}

export interface AccountProof {
  /** Its first block is the head: the child states the root of the state after it. */
  readonly finality: FinalityProof
  /** The encoded account; absent when the address was never touched. */
  readonly value?: Uint8Array
  readonly state: StateProof
}

/** Undefined: the block or transaction is not held, or nothing held here proves it yet. The account is that at the head. */
export interface ProofReader {
  certificate(id: BlockId): CertificateProof | undefined
  transaction(id: Hash): TransactionProof | undefined
  /** `address`: 40 hex digits. */
  account(address: string): AccountProof | undefined
}
