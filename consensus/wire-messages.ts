// Whole frames: the body of each kind of message behind the frame header, and back.
// The epoch in the frame is the message's own, so a frame that says otherwise is refused.
// Never trusts a length, and never checks what a message means.

import { unreachable } from '../crypto/assert.ts'
import { type Decoded, DecodeError, decode, type Reader, Writer } from '../crypto/codec.ts'
import {
  BLOCK_RESPONSE_BYTES_MAX,
  decodeFrameHeader,
  encodeFrame,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  type FrameKind,
} from './frame.ts'
import type { Epoch, Message, SnapshotPart } from './types.ts'
import {
  certificateBytes,
  encodeProposal,
  encodeTimeout,
  encodeVote,
  proposalBytes,
  readBlockId,
  readHeight,
  readProposal,
  readQC,
  readTC,
  readTimeout,
  readVote,
  type WireLimits,
  writeProposal,
  writeQC,
  writeTC,
} from './wire.ts'

/** Proposals in one block-response; its bytes are bounded by BLOCK_RESPONSE_BYTES_MAX as well. */
export const BLOCKS_PER_RESPONSE_MAX = 64
/** Payload items in one block-response, of all proposals together: each costs memory however short it is, and a payload may have
 * more than half as many. */
export const ITEMS_PER_RESPONSE_MAX = 65_536

/** @param epoch the sender's current epoch; a proposal, vote, timeout or certificate has to be of it. */
export function encodeMessage(message: Message, epoch: number): Uint8Array {
  switch (message.kind) {
    case 'proposal':
      return encodeFrame(FRAME_KIND.proposal, epoch, encodeProposal(message.proposal))
    case 'vote':
      return encodeFrame(FRAME_KIND.vote, epoch, encodeVote(message.vote))
    case 'timeout':
      return encodeFrame(FRAME_KIND.timeout, epoch, encodeTimeout(message.timeout))
    case 'certificate': {
      const writer = new Writer(certificateBytes(message.qc, message.tc))
      writeQC(writer, message.qc)
      return encodeFrame(FRAME_KIND.certificate, epoch, writer.optional(message.tc, writeTC).finish())
    }
    case 'block-request': {
      const writer = new Writer().u32(message.requestId).hash(message.blockId).u64(message.committedHeight)
      return encodeFrame(FRAME_KIND.blockRequest, epoch, writer.finish())
    }
    case 'block-response': {
      const { requestId, proposals, certificate } = message
      const sum = proposals.reduce((bytes, proposal) => bytes + proposalBytes(proposal), 8)
      const writer = new Writer(sum + (certificate ? certificateBytes(certificate, undefined) : 1))
      writer.u32(requestId).list(proposals, writeProposal).optional(certificate, writeQC)
      return encodeFrame(FRAME_KIND.blockResponse, epoch, writer.finish())
    }
    case 'snapshot-request': {
      const writer = new Writer().u32(message.requestId)
      writeSnapshotPart(writer, message.part)
      return encodeFrame(FRAME_KIND.snapshotRequest, epoch, writer.finish())
    }
    case 'snapshot-response': {
      const { requestId, body } = message
      const writer = new Writer(9 + (body?.length ?? 0)).u32(requestId).optional(body, (w, bytes) => w.bytes(bytes))
      return encodeFrame(FRAME_KIND.snapshotResponse, epoch, writer.finish())
    }
    default:
      return unreachable(message)
  }
}

/** Decodes exactly one frame. A hello is not a message: node/network reads it. */
export function decodeMessage(frame: Uint8Array, limits: WireLimits): Decoded<Message> {
  const header = decodeFrameHeader(frame, limits.payloadBytesMax)
  if (!header.ok) return header
  const { kind, epoch, length } = header.value
  const body = frame.subarray(FRAME_HEADER_BYTES)
  if (body.length !== length) return { ok: false, detail: `the frame says ${length} bytes and has ${body.length}` }
  return decode(body, (reader) => {
    const message = readBody(reader, kind, limits)
    const own = epochOf(message)
    if (own !== undefined && own !== epoch) throw new DecodeError(`frame of epoch ${epoch} holds a message of ${own}`)
    return message
  })
}

function readBody(reader: Reader, kind: FrameKind, limits: WireLimits): Message {
  switch (kind) {
    case FRAME_KIND.proposal:
      return { kind: 'proposal', proposal: readProposal(reader, limits) }
    case FRAME_KIND.vote:
      return { kind: 'vote', vote: readVote(reader) }
    case FRAME_KIND.timeout:
      return { kind: 'timeout', timeout: readTimeout(reader, limits) }
    case FRAME_KIND.certificate: {
      const qc = readQC(reader, limits)
      const tc = reader.optional((r) => readTC(r, limits))
      return { kind: 'certificate', qc, ...(tc && { tc }) }
    }
    case FRAME_KIND.blockRequest: {
      const requestId = reader.u32()
      return { kind: 'block-request', requestId, blockId: readBlockId(reader), committedHeight: readHeight(reader) }
    }
    case FRAME_KIND.blockResponse: {
      const requestId = reader.u32()
      let itemsLeft = ITEMS_PER_RESPONSE_MAX
      const proposals = reader.list(BLOCKS_PER_RESPONSE_MAX, (r) => {
        const proposal = readProposal(r, { ...limits, itemsMax: Math.min(limits.itemsMax, itemsLeft) })
        itemsLeft -= proposal.payload.items.length
        return proposal
      })
      const certificate = reader.optional((r) => readQC(r, limits))
      return { kind: 'block-response', requestId, proposals, ...(certificate && { certificate }) }
    }
    case FRAME_KIND.snapshotRequest:
      return { kind: 'snapshot-request', requestId: reader.u32(), part: readSnapshotPart(reader) }
    case FRAME_KIND.snapshotResponse: {
      const requestId = reader.u32()
      const body = reader.optional((r) => {
        const bytes = r.bytes(BLOCK_RESPONSE_BYTES_MAX)
        return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
      })
      return { kind: 'snapshot-response', requestId, ...(body && { body }) }
    }
    default:
      throw new DecodeError(`frame kind ${kind} is not a message`)
  }
}

const PART_TAG = { anchors: 0, tip: 1, range: 2 } as const

function writeSnapshotPart(writer: Writer, part: SnapshotPart): void {
  writer.u8(PART_TAG[part.kind])
  if (part.kind !== 'anchors') writer.hash(part.blockId)
  if (part.kind === 'range') writer.hash(part.from).hash(part.to)
}

function readSnapshotPart(reader: Reader): SnapshotPart {
  const tag = reader.u8()
  switch (tag) {
    case PART_TAG.anchors:
      return { kind: 'anchors' }
    case PART_TAG.tip:
      return { kind: 'tip', blockId: readBlockId(reader) }
    case PART_TAG.range:
      return { kind: 'range', blockId: readBlockId(reader), from: reader.hash(), to: reader.hash() }
    default:
      throw new DecodeError(`snapshot part ${tag} is not known`)
  }
}

/** Undefined for what may span epochs: requests and answers of old blocks. */
function epochOf(message: Message): Epoch | undefined {
  switch (message.kind) {
    case 'proposal':
      return message.proposal.header.epoch
    case 'vote':
      return message.vote.epoch
    case 'timeout':
      return message.timeout.epoch
    case 'certificate':
      return message.qc.epoch
    case 'block-request':
    case 'block-response':
    case 'snapshot-request':
    case 'snapshot-response':
      return undefined
    default:
      return unreachable(message)
  }
}
