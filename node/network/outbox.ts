// What waits to be sent to one peer: bounded in frames and bytes; when full, the oldest goes (consensus resends what
// still matters, and the newest says the most). One peer's outbox never holds up another's.

import { assert } from '../../crypto/assert.ts'

export const OUTBOX_FRAMES_MAX = 1024
/** At least two of the largest frames (a block response of 8 MiB). */
export const OUTBOX_BYTES_MAX = 24 * 1024 * 1024

const SENT = new Uint8Array(0)

export class Outbox {
  // Frames before #head are sent already; the array is cut when half of it is.
  #frames: Uint8Array[] = []
  #head = 0
  #bytes = 0

  get frames(): number {
    return this.#frames.length - this.#head
  }

  get bytes(): number {
    return this.#bytes
  }

  /** @returns how many older frames had to go. */
  push(frame: Uint8Array): number {
    assert(frame.length <= OUTBOX_BYTES_MAX, `a frame of ${frame.length} bytes fits no outbox`)
    let dropped = 0
    while (this.frames >= OUTBOX_FRAMES_MAX || this.#bytes + frame.length > OUTBOX_BYTES_MAX) {
      this.shift()
      dropped += 1
    }
    this.#frames.push(frame)
    this.#bytes += frame.length
    return dropped
  }

  /** The oldest frame, or undefined when there is none. */
  shift(): Uint8Array | undefined {
    const frame = this.#frames[this.#head]
    if (frame === undefined) return undefined
    this.#frames[this.#head] = SENT
    this.#head += 1
    this.#bytes -= frame.length
    if (this.#head * 2 >= this.#frames.length) {
      this.#frames = this.#frames.slice(this.#head)
      this.#head = 0
    }
    return frame
  }

  clear(): void {
    this.#frames = []
    this.#head = 0
    this.#bytes = 0
  }
}
