// Why the mempool does not take a transaction, as values; codes are frozen, they are the API's problem codes.
// Shapes only. What a transaction means is judged by the ledger, whose nonce and expiry refusals are used as they are.

import type { Hash } from '../crypto/bytes.ts'
import type { Refusal } from '../ledger/application.ts'

export type MempoolRefusal =
  /** Bytes. */
  | { readonly kind: 'transaction-too-large'; readonly max: number; readonly got: number }
  /** Same lane and sequence as a pending one: replacing it takes `feeNeeded`, and is impossible once it is in a block. */
  | { readonly kind: 'nonce-taken'; readonly conflictingId: Hash; readonly feeNeeded: bigint }
  | { readonly kind: 'account-limit'; readonly max: number }
  /** `feeNeeded` is what it, and every pending one before it in its lane, would have to pay; a gap in the lane costs the place. */
  | { readonly kind: 'mempool-full'; readonly feeNeeded: bigint }

/** Everything `check` and `add` refuse with. */
export type AdmissionRefusal =
  | MempoolRefusal
  | Extract<Refusal, { readonly kind: 'nonce-too-low' | 'nonce-too-high' | 'expired' }>
