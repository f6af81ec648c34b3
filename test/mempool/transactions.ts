// Transactions as the mempool sees them: it looks at no byte of their content, so they need none.

import { createHash } from 'node:crypto'
import { type Hash, hashFromBytes } from '../../crypto/bytes.ts'
import type { DecodedTransaction } from '../../ledger/application.ts'
import type { MempoolLimits } from '../../mempool/mempool.ts'

export interface Sketch {
  readonly lane?: string
  readonly nonce?: number
  readonly fee?: number
  readonly size?: number
  readonly validUntil?: number
  /** Tells apart two transactions that agree in all else. */
  readonly salt?: number
}

export function transaction(sketch: Sketch = {}): DecodedTransaction {
  const { lane = 'a', nonce = 0, fee = 10, size = 100, validUntil = 1_000, salt = 0 } = sketch
  const id: Hash = hashFromBytes(
    createHash('sha256')
      .update(JSON.stringify([lane, nonce, fee, size, validUntil, salt]))
      .digest(),
  )
  return {
    id,
    bytes: new Uint8Array(size),
    lane,
    sequence: BigInt(nonce),
    validUntil,
    weight: size,
    priority: BigInt(fee),
  }
}

export const ROOMY: MempoolLimits = {
  countMax: 1_000,
  bytesMax: 1_000_000,
  perLaneMax: 64,
  nonceGapMax: 64,
  transactionBytesMax: 1_000,
}

/** `a0` for nonce 0 of lane a, in order. */
export function names(transactions: Iterable<DecodedTransaction>): string {
  return Array.from(transactions, ({ lane, sequence }) => `${lane}${sequence}`).join(' ')
}
