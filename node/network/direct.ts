// Direct streams, `/scoville/direct/1`: each side opens one stream for what it sends, so neither has to agree with the
// other about who opens. Owns the two ends of a stream; never decides what a peer's behaviour means.

import type { Connection, Stream } from '@libp2p/interface'
import { FRAME_KIND, type FrameHeader } from '../../consensus/frame.ts'
import type { Clock } from '../ports.ts'
import { FrameParser } from './frame-parser.ts'
import { Outbox } from './outbox.ts'
import { TokenBucket } from './token-bucket.ts'

export const DIRECT_PROTOCOL = '/scoville/direct/1'
/** Per connection: one in use, one that replaces it. */
export const DIRECT_STREAMS_MAX = 2
/** libp2p aborts a quiet stream after 120 s; heartbeats come every 5 s, and silence is judged by ourselves. */
const STREAM_INACTIVITY_MS = 3_600_000

/** What one peer may send: refill per second and burst. Debt stops the reading; in frames it is an offence too. */
export interface Allowance {
  readonly framesPerSecond: number
  readonly framesBurst: number
  readonly bytesPerSecond: number
  readonly bytesBurst: number
}

const MIB = 1024 * 1024
/** A validator sends a few messages a view, and block responses of 8 MiB while we catch up. */
export const VALIDATOR_ALLOWANCE: Allowance = {
  framesPerSecond: 2_000,
  framesBurst: 4_000,
  bytesPerSecond: 64 * MIB,
  bytesBurst: 128 * MIB,
}
export const FOLLOWER_ALLOWANCE: Allowance = {
  framesPerSecond: 200,
  framesBurst: 400,
  bytesPerSecond: 16 * MIB,
  bytesBurst: 32 * MIB,
}

/** The end that writes. Frames leave in order; what a slow peer does not take waits in a bounded outbox. */
export class Sender {
  readonly connection: Connection
  readonly #stream: Stream
  readonly #outbox = new Outbox()
  readonly #onDropped: (frames: number) => void
  readonly #onClosed: () => void
  readonly #clock: Clock
  #blockedSinceMs: number | undefined
  #isOpen = true

  constructor(
    connection: Connection,
    stream: Stream,
    clock: Clock,
    on: { readonly dropped: (frames: number) => void; readonly closed: () => void },
  ) {
    this.connection = connection
    this.#stream = stream
    this.#clock = clock
    this.#onDropped = on.dropped
    this.#onClosed = on.closed
    stream.inactivityTimeout = STREAM_INACTIVITY_MS
    stream.addEventListener('close', () => this.#close())
    // libp2p's own listener, added before this one, continues its buffer in a microtask: ours has to come after that.
    stream.addEventListener('drain', () => queueMicrotask(() => this.#pump()))
    // Nothing is ever read on this end; unread bytes would pile up.
    stream.closeRead().catch(() => undefined)
  }

  /** Milliseconds since the peer stopped taking bytes; 0 when it takes them. */
  get blockedMs(): number {
    return this.#blockedSinceMs === undefined ? 0 : this.#clock.nowMs() - this.#blockedSinceMs
  }

  send(frame: Uint8Array): void {
    if (!this.#isOpen) return
    const dropped = this.#outbox.push(frame)
    if (dropped > 0) this.#onDropped(dropped)
    this.#pump()
  }

  #pump(): void {
    while (this.#isOpen) {
      if (this.#stream.writableNeedsDrain) {
        this.#blockedSinceMs ??= this.#clock.nowMs()
        return
      }
      this.#blockedSinceMs = undefined
      const frame = this.#outbox.shift()
      if (frame === undefined) return
      try {
        this.#stream.send(frame)
      } catch {
        // The stream is closing: its close event may be a tick away.
        this.#close()
      }
    }
  }

  #close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#outbox.clear()
    this.#onClosed()
  }
}

/** What happens on the end that reads, in order, each at most once per occurrence. */
export interface ReceiverEvents {
  /** The first frame, and any later hello; answer false to refuse the stream. */
  readonly hello: (receiver: Receiver, frame: Uint8Array) => boolean
  readonly frame: (receiver: Receiver, frame: Uint8Array) => void
  /** Framing is lost: the stream is closed already. */
  readonly fault: (receiver: Receiver, detail: string) => void
  readonly throttled: (receiver: Receiver, framesDebtMs: number) => void
  readonly closed: (receiver: Receiver) => void
}

/** The end that reads. Nothing but a hello is accepted first. */
export class Receiver {
  readonly connection: Connection
  readonly #stream: Stream
  readonly #events: ReceiverEvents
  readonly #clock: Clock
  readonly #frames: TokenBucket
  readonly #bytes: TokenBucket
  readonly #parser: FrameParser
  #greeted = false
  #isOpen = true
  #framesSeen = 0
  #cancelResume: (() => void) | undefined
  #heardAtMs: number

  constructor(
    connection: Connection,
    stream: Stream,
    limits: { readonly allowance: Allowance; readonly payloadBytesMax: number },
    clock: Clock,
    events: ReceiverEvents,
  ) {
    const nowMs = clock.nowMs()
    const { allowance } = limits
    this.connection = connection
    this.#stream = stream
    this.#events = events
    this.#clock = clock
    this.#heardAtMs = nowMs
    this.#frames = new TokenBucket(allowance.framesPerSecond, allowance.framesBurst, nowMs)
    this.#bytes = new TokenBucket(allowance.bytesPerSecond, allowance.bytesBurst, nowMs)
    this.#parser = new FrameParser(
      limits.payloadBytesMax,
      (header) => this.#refusal(header),
      (frame, header) => this.#onFrame(frame, header),
    )
    stream.inactivityTimeout = STREAM_INACTIVITY_MS
    stream.addEventListener('close', () => this.#close())
    stream.addEventListener('remoteCloseWrite', () => this.abort('the peer ended its stream'))
    stream.addEventListener('message', (event) => this.#onChunk(event.data.subarray()))
  }

  /** When bytes last arrived. */
  get heardAtMs(): number {
    return this.#heardAtMs
  }

  abort(reason: string): void {
    if (!this.#isOpen) return
    this.#stream.abort(new Error(reason))
    this.#close()
  }

  #refusal(header: FrameHeader): string | undefined {
    if (this.#greeted || header.kind === FRAME_KIND.hello) return undefined
    return `a frame of kind ${header.kind} before the hello`
  }

  #onChunk(chunk: Uint8Array): void {
    if (!this.#isOpen) return
    const nowMs = this.#clock.nowMs()
    this.#heardAtMs = nowMs
    this.#framesSeen = 0
    const fault = this.#parser.push(chunk)
    if (fault !== undefined) {
      this.abort(fault)
      this.#events.fault(this, fault)
      return
    }
    const framesDebtMs = this.#frames.take(this.#framesSeen, nowMs)
    const debtMs = Math.max(framesDebtMs, this.#bytes.take(chunk.length, nowMs))
    if (debtMs > 0 && this.#isOpen) this.#throttle(debtMs, framesDebtMs)
  }

  // Not reading closes the sender's window: nobody else waits, and nothing is buffered beyond that window.
  #throttle(debtMs: number, framesDebtMs: number): void {
    this.#stream.pause()
    this.#cancelResume?.()
    this.#cancelResume = this.#clock.after(debtMs, () => {
      if (this.#isOpen && this.#stream.readStatus === 'paused') this.#stream.resume()
    })
    this.#events.throttled(this, framesDebtMs)
  }

  #onFrame(frame: Uint8Array, header: FrameHeader): void {
    this.#framesSeen += 1
    if (header.kind !== FRAME_KIND.hello) {
      this.#events.frame(this, frame)
      return
    }
    this.#greeted = this.#events.hello(this, frame)
    if (!this.#greeted) this.abort('the hello was refused')
  }

  #close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    this.#parser.stop()
    this.#cancelResume?.()
    this.#events.closed(this)
  }
}

/** Closes at once, without asking the peer. */
export function abortConnection(connection: Connection, reason: string): void {
  if (connection.status === 'open') connection.abort(new Error(reason))
}
