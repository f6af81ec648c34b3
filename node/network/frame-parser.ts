// Cuts a byte stream into whole frames, however it was chunked. The header is checked before a body is buffered, and
// the buffer grows with what has arrived, so a peer cannot reserve memory by claiming a length. Never looks into a
// body.

import { decodeFrameHeader, FRAME_HEADER_BYTES, type FrameHeader } from '../../consensus/frame.ts'
import { assert } from '../../crypto/assert.ts'

/** First allocation for a body: a larger frame doubles it as its bytes arrive. */
export const FRAME_BUFFER_BYTES_FIRST = 64 * 1024

/** Whether a frame with this header may come now: a reason to refuse it, or undefined. */
export type FrameRule = (header: FrameHeader) => string | undefined

export class FrameParser {
  readonly #payloadBytesMax: number
  readonly #refuse: FrameRule
  readonly #onFrame: (frame: Uint8Array, header: FrameHeader) => void
  #buffer = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES)
  #filled = 0
  #header: FrameHeader | undefined
  #stopped = false

  constructor(payloadBytesMax: number, refuse: FrameRule, onFrame: (frame: Uint8Array, header: FrameHeader) => void) {
    this.#payloadBytesMax = payloadBytesMax
    this.#refuse = refuse
    this.#onFrame = onFrame
  }

  /** Bytes held for the frame that is not complete yet. */
  get bufferedBytes(): number {
    return this.#filled
  }

  /** From here on every byte is ignored: the stream was closed while a chunk was being handled. */
  stop(): void {
    this.#stopped = true
    this.#buffer = Buffer.alloc(0)
    this.#filled = 0
  }

  /** What is wrong with the stream, or undefined. After a fault nothing can be read any more: framing is lost. */
  push(chunk: Uint8Array): string | undefined {
    let at = 0
    while (at < chunk.length && !this.#stopped) {
      if (this.#header === undefined) {
        at += this.#fill(chunk, at, FRAME_HEADER_BYTES)
        if (this.#filled < FRAME_HEADER_BYTES) return undefined
        const fault = this.#begin()
        if (fault !== undefined) {
          this.stop()
          return fault
        }
      } else {
        at += this.#fill(chunk, at, FRAME_HEADER_BYTES + this.#header.length)
      }
      this.#emitWhenWhole()
    }
    return undefined
  }

  #fill(chunk: Uint8Array, at: number, target: number): number {
    const wanted = Math.min(target - this.#filled, chunk.length - at)
    const needed = this.#filled + wanted
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafeSlow(Math.min(target, Math.max(needed, 2 * this.#buffer.length)))
      this.#buffer.copy(grown, 0, 0, this.#filled)
      this.#buffer = grown
    }
    this.#buffer.set(chunk.subarray(at, at + wanted), this.#filled)
    this.#filled = needed
    return wanted
  }

  #begin(): string | undefined {
    const decoded = decodeFrameHeader(this.#buffer.subarray(0, FRAME_HEADER_BYTES), this.#payloadBytesMax)
    if (!decoded.ok) return decoded.detail
    const refusal = this.#refuse(decoded.value)
    if (refusal !== undefined) return refusal
    this.#header = decoded.value
    const size = Math.min(FRAME_HEADER_BYTES + decoded.value.length, FRAME_BUFFER_BYTES_FIRST)
    const first = Buffer.allocUnsafeSlow(size)
    this.#buffer.copy(first, 0, 0, FRAME_HEADER_BYTES)
    this.#buffer = first
    return undefined
  }

  #emitWhenWhole(): void {
    const header = this.#header
    if (header === undefined || this.#filled < FRAME_HEADER_BYTES + header.length) return
    const frame = this.#buffer
    assert(frame.length === this.#filled, 'a whole frame fills its buffer exactly')
    this.#buffer = Buffer.allocUnsafeSlow(FRAME_HEADER_BYTES)
    this.#filled = 0
    this.#header = undefined
    this.#onFrame(frame, header)
  }
}
