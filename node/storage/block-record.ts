// The stored forms of a committed block, of the head and of the database's identity.
// Owns their bytes; a record that does not decode is damage, reported as a fault naming it, never skipped.

import type { Block, GenesisHash, Height } from '../../consensus/types.ts'
import {
  blockIdOf,
  certificateBytes,
  encodeProposal,
  proposalBytes,
  readBlockId,
  readHeight,
  readProposal,
  readQC,
  type WireLimits,
  writeProposal,
  writeQC,
} from '../../consensus/wire.ts'
import { type Hash, hashToBytes, ZERO_HASH } from '../../crypto/bytes.ts'
import { type Decoded, decode, Writer } from '../../crypto/codec.ts'
import type { StoredBlock, StoredHead } from '../ports.ts'

/** Peaks of an accumulator over at most 2^53 leaves. */
const PEAKS_MAX = 53

export function encodeStoredBlock(stored: StoredBlock): Uint8Array {
  const receiptBytes = stored.receipts.reduce((sum, receipt) => sum + 4 + receipt.length, 4)
  const hashes = stored.transactionIds.length + 2 + stored.chainPeaks.length
  const writer = new Writer(proposalBytes(stored.block.proposal) + receiptBytes + 8 + 32 * hashes)
  writeProposal(writer, stored.block.proposal)
  writer.list(stored.receipts, (w, receipt) => w.bytes(receipt))
  writer.list(stored.transactionIds, (w, id) => w.hash(id))
  writer.hash(stored.stateRoot).hash(stored.receiptsRoot)
  writer.list(stored.chainPeaks, (w, peak) => w.hash(peak))
  return writer.finish()
}

/** The id is computed from the header, so a record cannot pass for another block. */
export function decodeStoredBlock(bytes: Uint8Array, limits: WireLimits): Decoded<StoredBlock> {
  return decode(bytes, (reader) => {
    const proposal = readProposal(reader, limits)
    return {
      block: { id: blockIdOf(proposal.header), proposal },
      // One receipt more than transactions: the last is for block effects (FORMATS.md, 7).
      receipts: reader.list(limits.itemsMax + 1, (r) => r.bytes(r.remaining)),
      transactionIds: reader.list(limits.itemsMax, (r) => r.hash()),
      stateRoot: reader.hash(),
      receiptsRoot: reader.hash(),
      chainPeaks: reader.list(PEAKS_MAX, (r) => r.hash()),
    }
  })
}

export function encodeUncommitted(block: Block): Uint8Array {
  return encodeProposal(block.proposal)
}

export function decodeUncommitted(bytes: Uint8Array, limits: WireLimits): Decoded<Block> {
  return decode(bytes, (reader) => {
    const proposal = readProposal(reader, limits)
    return { id: blockIdOf(proposal.header), proposal }
  })
}

export interface HeadRecord extends StoredHead {
  /** State root after the head block. */
  readonly stateRoot: Hash
  /** SHA-256 of the state tree's root node as stored, zero when there is none: ties the state to the head at opening. */
  readonly rootNodeSum: Hash
}

export function encodeHead(head: HeadRecord): Uint8Array {
  const writer = new Writer(8 + 3 * 32 + 1 + (head.certificate ? certificateBytes(head.certificate, undefined) : 0))
  writer.u64(head.height).hash(head.blockId).hash(head.stateRoot).hash(head.rootNodeSum)
  return writer.optional(head.certificate, writeQC).finish()
}

export function decodeHead(bytes: Uint8Array, limits: WireLimits): Decoded<HeadRecord> {
  return decode(bytes, (reader) => {
    const height = readHeight(reader)
    const blockId = readBlockId(reader)
    const stateRoot = reader.hash()
    const rootNodeSum = reader.hash()
    const certificate = reader.optional((r) => readQC(r, limits))
    return { height, blockId, stateRoot, rootNodeSum, ...(certificate && { certificate }) }
  })
}

export function encodeHeight(height: Height): Uint8Array {
  return new Writer(8).u64(height).finish()
}

export function decodeHeight(bytes: Uint8Array): Decoded<Height> {
  return decode(bytes, readHeight)
}

export interface TransactionPlace {
  readonly height: Height
  /** Position in the block, from 0. */
  readonly index: number
}

export function encodePlace(place: TransactionPlace): Uint8Array {
  return new Writer(12).u64(place.height).u32(place.index).finish()
}

export function decodePlace(bytes: Uint8Array): Decoded<TransactionPlace> {
  return decode(bytes, (reader) => ({ height: readHeight(reader), index: reader.u32() }))
}

/** What a database says it belongs to. */
export function encodeMeta(format: number, genesisHash: GenesisHash): Uint8Array {
  return new Writer(34).u16(format).fixed(hashToBytes(genesisHash), 32).finish()
}

export function decodeMeta(bytes: Uint8Array): { readonly format: number; readonly genesisHash: Hash } | undefined {
  // A later format may say more: its number has to stay readable.
  const format = decode(bytes.subarray(0, 2), (reader) => reader.u16())
  if (!format.ok) return undefined
  const rest = decode(bytes.subarray(2), (reader) => reader.hash())
  return { format: format.value, genesisHash: rest.ok ? rest.value : ZERO_HASH }
}
