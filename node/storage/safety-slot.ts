// The form of one slot of the safety file, and of its mirror in the database:
//   "SCOVSAFE" | format u16 | genesisHash b32 | generation u64 | body bytes | SHA-256 of all before b32
// Owns bytes and checksum; a slot that fails either is damaged, whatever it still seems to say.

import type { GenesisHash } from '../../consensus/types.ts'
import { equalBytes, type Hash, hashToBytes } from '../../crypto/bytes.ts'
import { DecodeError, decode, Writer } from '../../crypto/codec.ts'
import { sha256 } from '../../crypto/hash.ts'

const MAGIC = Buffer.from('SCOVSAFE', 'ascii')
const SLOT_FORMAT = 1
const CHECKSUM_BYTES = 32
const OVERHEAD_BYTES = MAGIC.length + 2 + 32 + 8 + 4 + CHECKSUM_BYTES

/** A safety state holds at most three QCs and two TCs: about 1.2 MiB with 65,535 validators. */
export const SLOT_BYTES_MAX = 2 * 1024 * 1024

export interface Slot {
  readonly genesisHash: Hash
  /** Rises by one with each save; the first is 1. */
  readonly generation: number
  /** Empty until there is something to keep. */
  readonly body: Uint8Array
}

export type ReadSlot =
  | { readonly kind: 'slot'; readonly slot: Slot }
  /** Torn, rotten or not a slot at all. */
  | { readonly kind: 'damaged'; readonly detail: string }
  /** Whole, but of a format this version does not know. */
  | { readonly kind: 'unknown-format'; readonly format: number }

export function encodeSlot(genesisHash: GenesisHash, generation: number, body: Uint8Array): Uint8Array {
  const writer = new Writer(OVERHEAD_BYTES + body.length)
  writer.fixed(MAGIC, MAGIC.length).u16(SLOT_FORMAT).fixed(hashToBytes(genesisHash), 32).u64(generation).bytes(body)
  return writer.fixed(sha256(writer.finish()), CHECKSUM_BYTES).finish()
}

/** @param bytes may have anything behind the slot: a longer, older one or padding. */
export function decodeSlot(bytes: Uint8Array): ReadSlot {
  if (bytes.length < OVERHEAD_BYTES) return { kind: 'damaged', detail: `${bytes.length} bytes are too few` }
  const bodyLength = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).readUInt32BE(
    OVERHEAD_BYTES - CHECKSUM_BYTES - 4,
  )
  const length = OVERHEAD_BYTES + bodyLength
  if (length > bytes.length) return { kind: 'damaged', detail: `${length} bytes expected, ${bytes.length} present` }
  const checked = bytes.subarray(0, length - CHECKSUM_BYTES)
  if (!equalBytes(sha256(checked), bytes.subarray(length - CHECKSUM_BYTES, length))) {
    return { kind: 'damaged', detail: 'the checksum does not match' }
  }
  const format = Buffer.from(checked).readUInt16BE(MAGIC.length)
  if (format !== SLOT_FORMAT) return { kind: 'unknown-format', format }
  const decoded = decode(checked, (reader) => {
    if (!equalBytes(reader.fixed(MAGIC.length), MAGIC)) throw new DecodeError('it does not begin like a slot')
    reader.u16()
    return { genesisHash: reader.hash(), generation: reader.u64(), body: new Uint8Array(reader.bytes(SLOT_BYTES_MAX)) }
  })
  return decoded.ok ? { kind: 'slot', slot: decoded.value } : { kind: 'damaged', detail: decoded.detail }
}
