// The frame before every body on a direct stream: `{ protocol u16, kind u8, epoch u64, length u32 }` (FORMATS.md, 11).
// Owns the header and its bounds; the length is checked against the kind's bound before anything is allocated.

import { type Decoded, DecodeError, decode, Writer } from '../crypto/codec.ts'

export const PROTOCOL_VERSION = 1
export const FRAME_HEADER_BYTES = 15

/** Frozen numbers; 7 and 8 are reserved for reconfiguration and refused today. */
export const FRAME_KIND = {
  hello: 0,
  proposal: 1,
  vote: 2,
  timeout: 3,
  certificate: 4,
  blockRequest: 5,
  blockResponse: 6,
  epochProof: 7,
  epochProofRequest: 8,
  snapshotRequest: 9,
  snapshotResponse: 10,
} as const

export type FrameKind = (typeof FRAME_KIND)[keyof typeof FRAME_KIND]

const KIB = 1024
/** Beyond a payload, a proposal holds a header and two certificates: 65,535 validators would need about 600 KiB. */
const CERTIFICATES_BYTES_MAX = 640 * KIB
export const BLOCK_RESPONSE_BYTES_MAX = 8 * KIB * KIB

/** Largest body of a kind; undefined for kinds that are not accepted. */
export function frameBodyBytesMax(kind: number, payloadBytesMax: number): number | undefined {
  switch (kind) {
    case FRAME_KIND.hello:
      return 1 * KIB
    case FRAME_KIND.proposal:
      return 2 * payloadBytesMax + CERTIFICATES_BYTES_MAX
    case FRAME_KIND.vote:
    case FRAME_KIND.blockRequest:
    case FRAME_KIND.snapshotRequest:
      return 1 * KIB
    case FRAME_KIND.timeout:
    case FRAME_KIND.certificate:
      return CERTIFICATES_BYTES_MAX
    case FRAME_KIND.blockResponse:
    case FRAME_KIND.snapshotResponse:
      return BLOCK_RESPONSE_BYTES_MAX
    default:
      return undefined
  }
}

export interface FrameHeader {
  readonly kind: FrameKind
  readonly epoch: number
  readonly length: number
}

export function encodeFrame(kind: FrameKind, epoch: number, body: Uint8Array): Uint8Array {
  const writer = new Writer(FRAME_HEADER_BYTES + body.length)
  return writer.u16(PROTOCOL_VERSION).u8(kind).u64(epoch).u32(body.length).fixed(body, body.length).finish()
}

/** @param bytes at least the 15 header bytes; what follows them is not looked at. */
export function decodeFrameHeader(bytes: Uint8Array, payloadBytesMax: number): Decoded<FrameHeader> {
  return decode(bytes.subarray(0, FRAME_HEADER_BYTES), (reader) => {
    const protocol = reader.u16()
    if (protocol !== PROTOCOL_VERSION) throw new DecodeError(`protocol ${protocol} is not ${PROTOCOL_VERSION}`)
    const kind = reader.u8()
    const epoch = reader.u64()
    const length = reader.u32()
    const max = frameBodyBytesMax(kind, payloadBytesMax)
    if (max === undefined) throw new DecodeError(`frame kind ${kind} is not known`)
    if (length > max) throw new DecodeError(`frame of ${length} bytes is above the bound ${max}`)
    return { kind: kind as FrameKind, epoch, length }
  })
}
