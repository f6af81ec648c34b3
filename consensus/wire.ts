// The canonical encodings of what validators say (FORMATS.md) and the bounds that decoding them enforces.
// Accepted bytes re-encode to themselves, so a hash of an encoding names exactly one value.
// Never verifies a signature and never decides whether a message is acceptable: shapes and bounds only.

import { toHex } from '../crypto/bytes.ts'
import { DecodeError, type Reader, Writer } from '../crypto/codec.ts'
import { hashOf } from '../crypto/hash.ts'
import { isCanonicalBitmap } from './bitmap.ts'
import type {
  BlockId,
  Epoch,
  EpochConfig,
  Evidence,
  GenesisHash,
  Header,
  Height,
  Param,
  Payload,
  Proposal,
  QC,
  TC,
  Timeout,
  Validator,
  ValidatorIndex,
  View,
  Vote,
} from './types.ts'

/** What the chain allows; the validator count fixes the length of every bitmap. */
export interface WireLimits {
  readonly validators: number
  /** Sum of item lengths. */
  readonly payloadBytesMax: number
  readonly itemsMax: number
}

export const HEADER_BYTES = 423
export const BLS_SIGNATURE_BYTES = 96
const ED25519_SIGNATURE_BYTES = 64
export const VALIDATOR_ID_BYTES = 20
export const BLS_KEY_BYTES = 48
export const NODE_KEY_BYTES = 32
/** An index is a u16. */
export const VALIDATORS_MAX = 65_535
export const PARAMS_MAX = 1_024
/** Evidence is in the format and empty today (proposal-check.ts); its bounds only keep decoding bounded. */
export const EVIDENCE_ITEMS_MAX = 16
export const EVIDENCE_BODY_BYTES_MAX = 4_096

const readEpoch = (reader: Reader): Epoch => reader.u64() as Epoch
const readView = (reader: Reader): View => reader.u64() as View
export const readHeight = (reader: Reader): Height => reader.u64() as Height
export const readBlockId = (reader: Reader): BlockId => reader.hash() as BlockId
const readIndex = (reader: Reader): ValidatorIndex => reader.u16() as ValidatorIndex

/** A copy: a cached signature must not keep the whole frame it came in alive. */
function readCopy(reader: Reader, length: number): Uint8Array {
  return new Uint8Array(reader.fixed(length))
}

function readBitmap(reader: Reader, limits: WireLimits): Uint8Array {
  const bitmap = new Uint8Array(reader.bytes(VALIDATORS_MAX >> 3))
  if (!isCanonicalBitmap(bitmap, limits.validators)) {
    throw new DecodeError(`bitmap of ${bitmap.length} bytes is not canonical for ${limits.validators} validators`)
  }
  return bitmap
}

export function writeHeader(writer: Writer, header: Header): void {
  writer.u16(header.version).u16(header.supports).u8(header.phase)
  writer.hash(header.genesisHash).u64(header.epoch).u64(header.view).u64(header.height)
  writer.hash(header.parentId).hash(header.justifyHash).hash(header.tcHash)
  writer.u16(header.proposer).u64(header.timestampMs)
  writer.hash(header.payloadRoot).hash(header.stateRoot).hash(header.receiptsRoot).hash(header.chainRoot)
  writer.hash(header.leadersHash).hash(header.epochHash).hash(header.nextEpochHash).hash(header.evidenceRoot)
}

export function readHeader(reader: Reader): Header {
  return {
    version: reader.u16(),
    supports: reader.u16(),
    phase: reader.u8(),
    genesisHash: reader.hash() as GenesisHash,
    epoch: readEpoch(reader),
    view: readView(reader),
    height: readHeight(reader),
    parentId: readBlockId(reader),
    justifyHash: reader.hash(),
    tcHash: reader.hash(),
    proposer: readIndex(reader),
    timestampMs: reader.u64(),
    payloadRoot: reader.hash(),
    stateRoot: reader.hash(),
    receiptsRoot: reader.hash(),
    chainRoot: reader.hash(),
    leadersHash: reader.hash(),
    epochHash: reader.hash(),
    nextEpochHash: reader.hash(),
    evidenceRoot: reader.hash(),
  }
}

export function writePayload(writer: Writer, payload: Payload): void {
  writer.u8(payload.kind).list(payload.items, (w, item) => w.bytes(item))
}

/** Items are views into the input: a payload is most of its frame. */
export function readPayload(reader: Reader, limits: WireLimits): Payload {
  const kind = reader.u8()
  let left = limits.payloadBytesMax
  const items = reader.list(limits.itemsMax, (r) => {
    const item = r.bytes(left)
    left -= item.length
    return new Uint8Array(item.buffer, item.byteOffset, item.length)
  })
  return { kind, items }
}

export function writeEvidence(writer: Writer, evidence: Evidence): void {
  writer.u8(evidence.type).u64(evidence.epoch).u64(evidence.view).bytes(evidence.body)
}

export function readEvidence(reader: Reader): Evidence {
  return {
    type: reader.u8(),
    epoch: readEpoch(reader),
    view: readView(reader),
    body: new Uint8Array(reader.bytes(EVIDENCE_BODY_BYTES_MAX)),
  }
}

export function writeVote(writer: Writer, vote: Vote): void {
  writer.u64(vote.epoch).u64(vote.view).hash(vote.blockId).u64(vote.parentView).hash(vote.parentId)
  writer.u16(vote.signer).fixed(vote.signature, BLS_SIGNATURE_BYTES)
}

export function readVote(reader: Reader): Vote {
  return {
    epoch: readEpoch(reader),
    view: readView(reader),
    blockId: readBlockId(reader),
    parentView: readView(reader),
    parentId: readBlockId(reader),
    signer: readIndex(reader),
    signature: readCopy(reader, BLS_SIGNATURE_BYTES),
  }
}

export function writeQC(writer: Writer, qc: QC): void {
  writer.u64(qc.epoch).u64(qc.view).hash(qc.blockId).u64(qc.parentView).hash(qc.parentId)
  writer.bytes(qc.signers).fixed(qc.signature, BLS_SIGNATURE_BYTES)
}

export function readQC(reader: Reader, limits: WireLimits): QC {
  return {
    epoch: readEpoch(reader),
    view: readView(reader),
    blockId: readBlockId(reader),
    parentView: readView(reader),
    parentId: readBlockId(reader),
    signers: readBitmap(reader, limits),
    signature: readCopy(reader, BLS_SIGNATURE_BYTES),
  }
}

export function writeTC(writer: Writer, tc: TC): void {
  writer
    .u64(tc.epoch)
    .u64(tc.view)
    .bytes(tc.signers)
    .list(tc.highQcViews, (w, view) => w.u64(view))
  writeQC(writer, tc.highQC)
  writer.fixed(tc.signature, BLS_SIGNATURE_BYTES)
}

export function readTC(reader: Reader, limits: WireLimits): TC {
  return {
    epoch: readEpoch(reader),
    view: readView(reader),
    signers: readBitmap(reader, limits),
    highQcViews: reader.list(limits.validators, readView),
    highQC: readQC(reader, limits),
    signature: readCopy(reader, BLS_SIGNATURE_BYTES),
  }
}

export function writeTimeout(writer: Writer, timeout: Timeout): void {
  writer.u64(timeout.epoch).u64(timeout.view).u64(timeout.highQC.view)
  writeQC(writer, timeout.highQC)
  writer.optional(timeout.lastTC, writeTC).optional(timeout.vote, writeVote)
  writer.u16(timeout.signer).fixed(timeout.signature, BLS_SIGNATURE_BYTES)
}

export function readTimeout(reader: Reader, limits: WireLimits): Timeout {
  const epoch = readEpoch(reader)
  const view = readView(reader)
  const highQcView = readView(reader)
  const highQC = readQC(reader, limits)
  if (highQC.view !== highQcView) throw new DecodeError(`highQcView ${highQcView} but the highQC is of ${highQC.view}`)
  const lastTC = reader.optional((r) => readTC(r, limits))
  const vote = reader.optional(readVote)
  const signer = readIndex(reader)
  const signature = readCopy(reader, BLS_SIGNATURE_BYTES)
  return { epoch, view, highQC, ...(lastTC && { lastTC }), ...(vote && { vote }), signer, signature }
}

export function writeProposal(writer: Writer, proposal: Proposal): void {
  writeHeader(writer, proposal.header)
  writePayload(writer, proposal.payload)
  writer.list(proposal.evidence, writeEvidence)
  writeQC(writer, proposal.justify)
  writer.optional(proposal.tc, writeTC).fixed(proposal.signature, ED25519_SIGNATURE_BYTES)
}

export function readProposal(reader: Reader, limits: WireLimits): Proposal {
  const header = readHeader(reader)
  const payload = readPayload(reader, limits)
  const evidence = reader.list(EVIDENCE_ITEMS_MAX, readEvidence)
  const justify = readQC(reader, limits)
  const tc = reader.optional((r) => readTC(r, limits))
  const signature = readCopy(reader, ED25519_SIGNATURE_BYTES)
  return { header, payload, evidence, justify, ...(tc && { tc }), signature }
}

function writeValidator(writer: Writer, validator: Validator): void {
  writer.fixed(Buffer.from(validator.id, 'hex'), VALIDATOR_ID_BYTES).u64(validator.power)
  writer.fixed(validator.blsKey, BLS_KEY_BYTES).fixed(validator.nodeKey, NODE_KEY_BYTES)
}

function readValidator(reader: Reader): Validator {
  return {
    id: toHex(reader.fixed(VALIDATOR_ID_BYTES)),
    power: reader.u64(),
    blsKey: readCopy(reader, BLS_KEY_BYTES),
    nodeKey: readCopy(reader, NODE_KEY_BYTES),
  }
}

export function writeEpochConfig(writer: Writer, config: EpochConfig): void {
  writer.u16(config.format).u64(config.epoch).u16(config.protocolVersion)
  writer.list(config.params, (w, param) => w.u16(param.id).u64(param.value))
  writer.list(config.validators, writeValidator)
}

function readParam(reader: Reader): Param {
  return { id: reader.u16(), value: reader.u64() }
}

/** Both lists strictly ascending by id; what else a config must satisfy is `checkEpochConfig` (validators.ts). */
export function readEpochConfig(reader: Reader): EpochConfig {
  const format = reader.u16()
  const epoch = readEpoch(reader)
  const protocolVersion = reader.u16()
  const params = reader.list(PARAMS_MAX, readParam)
  const validators = reader.list(VALIDATORS_MAX, readValidator)
  if (!isAscending(params)) throw new DecodeError('params are not ascending by id')
  if (!isAscending(validators)) throw new DecodeError('validators are not ascending by id')
  return { format, epoch, protocolVersion, params, validators }
}

/** Strictly, so without duplicates. Ids of one kind: numbers, or hex of one length. */
export function isAscending(items: readonly { readonly id: number | string }[]): boolean {
  return items.every((item, i) => {
    const before = items[i - 1]
    return before === undefined || before.id < item.id
  })
}

/** Sizes are exact, so that an encoding is one allocation however large its payload. */
const QC_FIXED_BYTES = 188
const VOTE_BYTES = 186
const EVIDENCE_FIXED_BYTES = 21

const qcBytes = (qc: QC): number => QC_FIXED_BYTES + qc.signers.length
const tcBytes = (tc: TC): number => 120 + tc.signers.length + 8 * tc.highQcViews.length + qcBytes(tc.highQC)
const payloadBytes = ({ items }: Payload): number => items.reduce((sum, item) => sum + 4 + item.length, 5)

export function certificateBytes(qc: QC, tc: TC | undefined): number {
  return qcBytes(qc) + 1 + (tc ? tcBytes(tc) : 0)
}

export function proposalBytes({ payload, evidence, justify, tc }: Proposal): number {
  const evidenceBytes = evidence.reduce((sum, { body }) => sum + EVIDENCE_FIXED_BYTES + body.length, 4)
  return HEADER_BYTES + payloadBytes(payload) + evidenceBytes + certificateBytes(justify, tc) + ED25519_SIGNATURE_BYTES
}

function timeoutBytes({ highQC, lastTC, vote }: Timeout): number {
  return 24 + certificateBytes(highQC, lastTC) + 1 + (vote ? VOTE_BYTES : 0) + 2 + BLS_SIGNATURE_BYTES
}

function encodeWith<T>(write: (writer: Writer, value: T) => void, bytesOf: (value: T) => number) {
  return (value: T): Uint8Array => {
    const writer = new Writer(bytesOf(value))
    write(writer, value)
    return writer.finish()
  }
}

/** 423 bytes. */
export const encodeHeader = encodeWith(writeHeader, () => HEADER_BYTES)
export const encodePayload = encodeWith(writePayload, payloadBytes)
export const encodeEvidence = encodeWith(writeEvidence, ({ body }) => EVIDENCE_FIXED_BYTES + body.length)
export const encodeVote = encodeWith(writeVote, () => VOTE_BYTES)
export const encodeQC = encodeWith(writeQC, qcBytes)
export const encodeTC = encodeWith(writeTC, tcBytes)
export const encodeTimeout = encodeWith(writeTimeout, timeoutBytes)
export const encodeProposal = encodeWith(writeProposal, proposalBytes)
export const encodeEpochConfig = encodeWith(
  writeEpochConfig,
  ({ params, validators }) => 20 + 10 * params.length + 108 * validators.length,
)

export function blockIdOf(header: Header): BlockId {
  return hashOf('scoville/header/1', encodeHeader(header)) as BlockId
}
