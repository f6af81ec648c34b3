// The hello: the first frame in both directions of a direct stream, repeated as a heartbeat. It says which chain a node
// is on, never who it is (the noise handshake proved that) and nothing that is believed without a certificate.

import { decodeFrameHeader, encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND } from '../../consensus/frame.ts'
import type { Hash } from '../../crypto/bytes.ts'
import { DecodeError, decode, Writer } from '../../crypto/codec.ts'

export const SOFTWARE_BYTES_MAX = 64

export interface Hello {
  readonly genesisHash: Hash
  readonly epoch: number
  /** Name and version, for operators; at most 64 bytes of UTF-8 without control characters. */
  readonly software: string
  /** The sender's claim, for operators: sync follows verified certificates only (PITFALLS.md, row 29). */
  readonly height: number
}

export type HelloCheck =
  | { readonly kind: 'same-chain'; readonly hello: Hello }
  | { readonly kind: 'malformed'; readonly detail: string }
  | { readonly kind: 'wrong-chain'; readonly detail: string }

/** The whole frame. */
export function encodeHello(hello: Hello): Uint8Array {
  const body = new Writer(128).hash(hello.genesisHash).u64(hello.epoch).text(hello.software).u64(hello.height).finish()
  return encodeFrame(FRAME_KIND.hello, hello.epoch, body)
}

/** @param frame a whole frame whose header was already found to be a hello's. */
export function checkHello(frame: Uint8Array, genesisHash: Hash): HelloCheck {
  const header = decodeFrameHeader(frame, 0)
  const decoded = decode(frame.subarray(FRAME_HEADER_BYTES), (reader): Hello => {
    const genesis = reader.hash()
    const epoch = reader.u64()
    // As for every message: one hello has one encoding.
    if (!header.ok || header.value.epoch !== epoch) throw new DecodeError(`its frame is not of its epoch, ${epoch}`)
    const software = reader.text(SOFTWARE_BYTES_MAX)
    // A peer's text ends up in our logs.
    if (/\p{Cc}/u.test(software)) throw new DecodeError('software holds control characters')
    return { genesisHash: genesis, epoch, software, height: reader.u64() }
  })
  if (!decoded.ok) return { kind: 'malformed', detail: decoded.detail }
  const hello = decoded.value
  if (hello.genesisHash !== genesisHash) return { kind: 'wrong-chain', detail: `genesis ${hello.genesisHash}` }
  return { kind: 'same-chain', hello }
}
