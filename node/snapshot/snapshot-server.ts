// Answers peers that fetch a snapshot: which there are, the block one stands at, ranges of its state with their proofs.
// One at a time and within a byte rate, so that serving never holds up consensus; what there is no room for is answered
// with "not now", and the asker goes elsewhere. Reads held states only, never the live one.

import { BLOCK_RESPONSE_BYTES_MAX } from '../../consensus/frame.ts'
import type { Height, Message } from '../../consensus/types.ts'
import { encodeMessage } from '../../consensus/wire-messages.ts'
import { encodeStateRange } from '../../ledger/state-range.ts'
import { TokenBucket } from '../network/token-bucket.ts'
import type { ChainStore, Clock, Network, Peer } from '../ports.ts'
import { encodeAnchors, encodeTip } from './anchor.ts'
import type { Checkpoint, Checkpoints } from './checkpoints.ts'
import { cutRange } from './cut-range.ts'

/** Requests of one peer a second, and at once; more are a flood. A client makes fewer (state-sync.ts). */
export const SNAPSHOT_REQUESTS_PER_SECOND_MAX = 20
/** Requests waiting, of all peers; one more is answered "not now". */
export const SNAPSHOT_REQUESTS_WAITING_MAX = 32
/** What is sent of snapshots to all peers together. */
const BYTES_PER_SECOND = 16 * 1024 * 1024

type Request = Extract<Message, { kind: 'snapshot-request' }>

export interface SnapshotServerDeps {
  readonly epoch: number
  readonly checkpoints: Checkpoints
  readonly store: Pick<ChainStore, 'blockAt'>
  readonly network: Pick<Network, 'sendToPeer' | 'penalise'>
  readonly clock: Clock
  readonly onFatal: (error: unknown) => void
}

export class SnapshotServer {
  readonly #deps: SnapshotServerDeps
  /** Bound: the connected peers. */
  readonly #requests = new Map<string, TokenBucket>()
  readonly #bytes: TokenBucket
  #waiting: { readonly peer: Peer; readonly request: Request }[] = []
  #isServing = false
  #serving: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(deps: SnapshotServerDeps) {
    this.#deps = deps
    this.#bytes = new TokenBucket(BYTES_PER_SECOND, BYTES_PER_SECOND, deps.clock.nowMs())
  }

  get waiting(): number {
    return this.#waiting.length
  }

  onRequest(peer: Peer, request: Request): void {
    const { clock, network, onFatal } = this.#deps
    if (this.#stopped) return
    const nowMs = clock.nowMs()
    const bucket =
      this.#requests.get(peer.id) ??
      new TokenBucket(SNAPSHOT_REQUESTS_PER_SECOND_MAX, SNAPSHOT_REQUESTS_PER_SECOND_MAX, nowMs)
    this.#requests.set(peer.id, bucket)
    if (bucket.take(1, nowMs) > 0) return network.penalise(peer.id, 'flood', 'snapshot requests')
    if (this.#waiting.length >= SNAPSHOT_REQUESTS_WAITING_MAX) return this.#answer(peer, request, undefined)
    this.#waiting.push({ peer, request })
    if (!this.#isServing) this.#serving = this.#serve().catch(onFatal)
  }

  onPeerDisconnected(peer: Peer): void {
    this.#requests.delete(peer.id)
    this.#waiting = this.#waiting.filter((waiting) => waiting.peer.id !== peer.id)
  }

  stop(): void {
    this.#stopped = true
    this.#waiting = []
  }

  /** What was being read when it stopped is read. */
  async stopped(): Promise<void> {
    await this.#serving
  }

  async #serve(): Promise<void> {
    this.#isServing = true
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      const body = await this.#bodyOf(next.request)
      if (this.#stopped) return
      this.#answer(next.peer, next.request, body)
      const { clock } = this.#deps
      const debtMs = this.#bytes.take(body?.length ?? 0, clock.nowMs())
      // Between two answers everything else has its turn, however much is asked for.
      await new Promise<void>((resolve) => {
        clock.after(debtMs, resolve)
      })
    }
    this.#isServing = false
  }

  #answer(peer: Peer, { requestId }: Request, body: Uint8Array | undefined): void {
    const message: Message = { kind: 'snapshot-response', requestId, ...(body && { body }) }
    this.#deps.network.sendToPeer(peer.id, encodeMessage(message, this.#deps.epoch))
  }

  /** Undefined: not held. */
  async #bodyOf({ part }: Request): Promise<Uint8Array | undefined> {
    const { checkpoints } = this.#deps
    if (part.kind === 'anchors') {
      const [newest] = checkpoints.held
      // Whoever asks is about to fetch the newest.
      if (newest !== undefined) checkpoints.ask(newest.blockId)
      return encodeAnchors(checkpoints.held.map(({ anchor }) => anchor))
    }
    const checkpoint = checkpoints.ask(part.blockId)
    if (checkpoint === undefined) return undefined
    if (part.kind === 'tip') return this.#tip(checkpoint.height)
    if (part.from > part.to) return undefined
    return await rangeOf(checkpoint, part)
  }

  #tip(height: Height): Uint8Array | undefined {
    const stored = this.#deps.store.blockAt(height)
    if (stored === undefined) return undefined
    const tip = encodeTip({ proposal: stored.block.proposal, receipts: stored.receipts })
    return tip.length + 64 > BLOCK_RESPONSE_BYTES_MAX ? undefined : tip
  }
}

type RangePart = Extract<Request['part'], { kind: 'range' }>

async function rangeOf(checkpoint: Checkpoint, { from, to }: RangePart): Promise<Uint8Array | undefined> {
  const range = await cutRange(checkpoint.state, from, to).catch((error: unknown) => {
    // It may have been let go while it was read.
    if (checkpoint.isClosed) return undefined
    throw error
  })
  return range && encodeStateRange(range)
}
