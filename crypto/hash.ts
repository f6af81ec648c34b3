// Domain-separated SHA-256: the only way this project hashes anything.
// A preimage always begins with its tag, so that no two kinds of thing can share a hash.

import { hash } from 'node:crypto'
import type { Hash } from './bytes.ts'

/** Every domain tag in use; FORMATS.md names the consensus ones. A tag never changes meaning: bump its number. */
export type DomainTag =
  | 'scoville/devnet-seed/1'
  | 'scoville/epoch/1'
  | 'scoville/genesis/1'
  | 'scoville/header/1'
  | 'scoville/history/1'
  | 'scoville/justify/1'
  | 'scoville/key-bls/1'
  | 'scoville/key-node/1'
  | 'scoville/leaders/1'
  | 'scoville/payload/1'
  | 'scoville/pop/1'
  | 'scoville/proposal/1'
  | 'scoville/receipt/1'
  | 'scoville/state-key/1'
  | 'scoville/state-leaf/1'
  | 'scoville/state-node/1'
  | 'scoville/state-value/1'
  | 'scoville/tc/1'
  | 'scoville/timeout/1'
  | 'scoville/transaction/1'
  | 'scoville/transaction-auth/1'
  | 'scoville/vote/1'

const tags = new Map<DomainTag, Buffer>()

function tagBytes(tag: DomainTag): Buffer {
  let bytes = tags.get(tag)
  if (bytes === undefined) {
    bytes = Buffer.from(tag, 'ascii')
    tags.set(tag, bytes)
  }
  return bytes
}

/** SHA-256 over the tag and the parts, as 32 bytes. */
export function digest(tag: DomainTag, ...parts: readonly Uint8Array[]): Uint8Array {
  return hash('sha256', Buffer.concat([tagBytes(tag), ...parts]), 'buffer')
}

/** The same as `digest`, in the form kept in memory, which Node makes faster than bytes (MEASURED.md, section 3). */
export function hashOf(tag: DomainTag, ...parts: readonly Uint8Array[]): Hash {
  return hash('sha256', Buffer.concat([tagBytes(tag), ...parts]), 'hex') as Hash
}

/** Plain SHA-256 without a tag: for RFC 6962 trees, checksums and addresses, whose own formats separate their domains. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return hash('sha256', parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts), 'buffer')
}

/** The same as `sha256`, in the form kept in memory. */
export function sha256Hash(bytes: Uint8Array): Hash {
  return hash('sha256', bytes, 'hex') as Hash
}
