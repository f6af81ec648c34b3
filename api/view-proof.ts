// Proofs to the JSON that clients see and back. Headers, certificates, transactions and receipts travel as their canonical bytes
// (FORMATS.md), so that there is one thing to hash and nothing beside it to disagree with.
// Reading back takes a stranger's JSON: what does not fit is undefined. Whether a proof holds is for api/verify.ts to say.

import type { Header, QC } from '../consensus/types.ts'
import { encodeHeader, encodeQC, readHeader, readQC } from '../consensus/wire.ts'
import { type Hash, isHash } from '../crypto/bytes.ts'
import { decode } from '../crypto/codec.ts'
import { MERKLE_PATH_MAX } from '../crypto/merkle.ts'
import { DEPTH_MAX } from '../ledger/state-tree.ts'
import type { AccountProofView, FinalityView, TransactionProofView } from './contract/proofs.ts'
import { bytesOfHex, hex } from './hex.ts'
import {
  type AccountProof,
  type CertificateProof,
  FINALITY_HEADERS_MAX,
  type FinalityProof,
  type TransactionProof,
} from './proofs.ts'

export function viewFinality({ headers, certificate }: FinalityProof): FinalityView {
  return { headers: headers.map((header) => hex(encodeHeader(header))), certificate: hex(encodeQC(certificate)) }
}

/** `block`: where the transaction stands, for people; a verifier learns it from the proof. */
export function viewTransactionProof(
  hash: Hash,
  proof: TransactionProof,
  block: { readonly id: Hash; readonly height: number },
): TransactionProofView {
  return {
    hash: `0x${hash}`,
    block: { hash: `0x${block.id}`, height: String(block.height), index: proof.index },
    count: proof.count,
    itemsRoot: `0x${proof.itemsRoot}`,
    transaction: hex(proof.bytes),
    transactionPath: proof.path.map(viewHash),
    receipt: hex(proof.receipt),
    receiptPath: proof.receiptPath.map(viewHash),
    finality: viewFinality(proof.finality),
  }
}

export function viewAccountProof({ value, state, finality }: AccountProof): AccountProofView {
  const { siblings, other } = state
  return {
    value: value === undefined ? null : hex(value),
    siblings: siblings.map(viewHash),
    other: other === undefined ? null : { key: viewHash(other.key), valueHash: viewHash(other.valueHash) },
    finality: viewFinality(finality),
  }
}

/**
 * From the `data` of GET /v1/blocks/{block}/certificate.
 * @param validators how many the chain has: it fixes the length of every bitmap.
 */
export function readCertificateProof(view: unknown, validators: number): CertificateProof | undefined {
  const certificate = readCertificate(member(member(view, 'certificate'), 'bytes'), validators)
  const finality = readFinality(member(view, 'finality'), validators)
  return certificate && finality && { certificate, finality }
}

/** From the `data` of GET /v1/transactions/{hash}/proof. */
export function readTransactionProof(view: unknown, validators: number): TransactionProof | undefined {
  const finality = readFinality(member(view, 'finality'), validators)
  const bytes = readBytes(member(view, 'transaction'))
  const receipt = readBytes(member(view, 'receipt'))
  const index = readCount(member(member(view, 'block'), 'index'))
  const count = readCount(member(view, 'count'))
  const itemsRoot = readHash(member(view, 'itemsRoot'))
  const path = readHashes(member(view, 'transactionPath'), MERKLE_PATH_MAX)
  const receiptPath = readHashes(member(view, 'receiptPath'), MERKLE_PATH_MAX)
  if (finality === undefined || bytes === undefined || receipt === undefined || itemsRoot === undefined)
    return undefined
  if (index === undefined || count === undefined) return undefined
  if (path === undefined || receiptPath === undefined) return undefined
  return { finality, bytes, receipt, index, count, itemsRoot, path, receiptPath }
}

/** From `proof` in the `data` of GET /v1/accounts/{address}?proof=true. */
export function readAccountProof(view: unknown, validators: number): AccountProof | undefined {
  const finality = readFinality(member(view, 'finality'), validators)
  const siblings = readHashes(member(view, 'siblings'), DEPTH_MAX)
  const shownValue = member(view, 'value')
  const value = readBytes(shownValue)
  const shownOther = member(view, 'other')
  const key = readHash(member(shownOther, 'key'))
  const valueHash = readHash(member(shownOther, 'valueHash'))
  const other = key && valueHash && { key, valueHash }
  if (finality === undefined || siblings === undefined) return undefined
  if ((value === undefined && shownValue !== null) || (other === undefined && shownOther !== null)) return undefined
  const state = other === undefined ? { siblings } : { siblings, other }
  return value === undefined ? { finality, state } : { finality, state, value }
}

function readFinality(view: unknown, validators: number): FinalityProof | undefined {
  const headers = readList(member(view, 'headers'), FINALITY_HEADERS_MAX, readHeaderText)
  const certificate = readCertificate(member(view, 'certificate'), validators)
  return headers && certificate && { headers, certificate }
}

function readHeaderText(view: unknown): Header | undefined {
  const bytes = readBytes(view)
  const decoded = bytes && decode(bytes, readHeader)
  return decoded?.ok === true ? decoded.value : undefined
}

function readCertificate(view: unknown, validators: number): QC | undefined {
  const bytes = readBytes(view)
  // A certificate has no payload.
  const limits = { validators, payloadBytesMax: 0, itemsMax: 0 }
  const decoded = bytes && decode(bytes, (reader) => readQC(reader, limits))
  return decoded?.ok === true ? decoded.value : undefined
}

function readHashes(view: unknown, max: number): Hash[] | undefined {
  return readList(view, max, readHash)
}

function readList<T>(view: unknown, max: number, read: (item: unknown) => T | undefined): T[] | undefined {
  if (!Array.isArray(view) || view.length > max) return undefined
  const items: T[] = []
  for (const item of view) {
    const value = read(item)
    if (value === undefined) return undefined
    items.push(value)
  }
  return items
}

function readHash(view: unknown): Hash | undefined {
  if (typeof view !== 'string' || !view.startsWith('0x')) return undefined
  const hash = view.slice(2)
  return isHash(hash) ? hash : undefined
}

function readBytes(view: unknown): Uint8Array | undefined {
  return typeof view === 'string' ? bytesOfHex(view) : undefined
}

function readCount(view: unknown): number | undefined {
  return typeof view === 'number' && Number.isSafeInteger(view) && view >= 0 ? view : undefined
}

function member(view: unknown, name: string): unknown {
  return typeof view === 'object' && view !== null ? Object.entries(view).find(([key]) => key === name)?.[1] : undefined
}

function viewHash(hash: Hash): string {
  return `0x${hash}`
}
