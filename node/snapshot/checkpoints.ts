// The snapshots this node can serve: the state at a few committed heights, held still while the chain goes on, each with the
// anchor that proves it. Taking one copies nothing. A held state keeps on disk what is overwritten meanwhile, so there are
// few, and one that nobody asks for goes when a newer one is there. Source: docs/adr/0007.

import type { BlockId, Height } from '../../consensus/types.ts'
import type { ChainStore, Clock, HeldState } from '../ports.ts'
import { ANCHORS_MAX, type Anchor } from './anchor.ts'

/** One that is being fetched stays this long after the last request for a part of it. */
export const LEASE_MS = 60_000
/** And no longer than this, whoever asks: what it keeps on disk grows with every block. */
export const HELD_MS_MAX = 30 * 60_000

export interface Checkpoint {
  readonly anchor: Anchor
  readonly blockId: BlockId
  readonly height: Height
  readonly state: HeldState
  readonly takenMs: number
  /** When a part of it was last asked for, or it was named to somebody as the newest. */
  askedMs: number
  /** Its state cannot be read any more. */
  isClosed: boolean
}

export interface CheckpointDeps {
  readonly store: Pick<ChainStore, 'head' | 'blockAt' | 'holdState'>
  readonly clock: Pick<Clock, 'nowMs'>
  readonly initialHeight: number
  /** Heights between two of them; 0: none are taken. */
  readonly intervalBlocks: number
  readonly onFatal: (error: unknown) => void
}

export class Checkpoints {
  readonly #deps: CheckpointDeps
  /** Newest first. Bound: ANCHORS_MAX. */
  #held: Checkpoint[] = []
  /** Taken, and not yet provable: its child and the certificate of that come with the next blocks. */
  #pending: { readonly height: Height; readonly state: HeldState; readonly takenMs: number } | undefined

  constructor(deps: CheckpointDeps) {
    this.#deps = deps
  }

  get held(): readonly Checkpoint[] {
    return this.#held
  }

  /** A part of this one is asked for: it is kept a while longer. */
  ask(blockId: BlockId): Checkpoint | undefined {
    const checkpoint = this.#held.find((candidate) => candidate.blockId === blockId)
    if (checkpoint !== undefined) checkpoint.askedMs = this.#deps.clock.nowMs()
    return checkpoint
  }

  /** After a commit is durable and before the next begins. */
  onCommitted(): void {
    const { clock, initialHeight, intervalBlocks, store } = this.#deps
    const head = store.head()
    if (head === undefined || intervalBlocks === 0) return
    this.#settle(head.height)
    this.#forget()
    const newest = this.#pending?.height ?? this.#held[0]?.height
    const isDue = newest === undefined || intervalOf(head.height, intervalBlocks) > intervalOf(newest, intervalBlocks)
    // Those that are being fetched come before a newer one.
    if (this.#held.length >= ANCHORS_MAX) return
    if (!isDue || this.#pending !== undefined || head.height <= initialHeight) return
    this.#pending = { height: head.height, state: store.holdState(), takenMs: clock.nowMs() }
  }

  /** With its grandchild committed the pending one can be proved, if its child is one view above; else another is taken. */
  #settle(head: Height): void {
    const pending = this.#pending
    if (pending === undefined || head < pending.height + 2) return
    const { store } = this.#deps
    const at = (above: number) => store.blockAt((pending.height + above) as Height)
    const [stored, child, grandchild] = [at(0), at(1)?.block.proposal, at(2)?.block.proposal]
    this.#pending = undefined
    const header = stored?.block.proposal.header
    if (stored === undefined || header === undefined || child === undefined || grandchild === undefined) {
      return this.#close(pending.state)
    }
    if (child.header.view !== header.view + 1) return this.#close(pending.state)
    const { chainPeaks, block } = stored
    const anchor = { header, child: child.header, certificate: grandchild.justify, chainPeaks }
    const { height, state, takenMs } = pending
    this.#held.unshift({
      anchor,
      blockId: block.id,
      height,
      state,
      takenMs,
      askedMs: Number.NEGATIVE_INFINITY,
      isClosed: false,
    })
  }

  #forget(): void {
    const nowMs = this.#deps.clock.nowMs()
    const isKept = ({ askedMs, takenMs }: Checkpoint, at: number) =>
      at === 0 || (nowMs - askedMs < LEASE_MS && nowMs - takenMs < HELD_MS_MAX)
    const gone = this.#held.filter((checkpoint, at) => !isKept(checkpoint, at))
    this.#held = this.#held.filter(isKept)
    for (const checkpoint of gone) {
      checkpoint.isClosed = true
      this.#close(checkpoint.state)
    }
  }

  #close(state: HeldState): void {
    state.close().catch(this.#deps.onFatal)
  }

  async close(): Promise<void> {
    for (const checkpoint of this.#held) checkpoint.isClosed = true
    const states = this.#held.map(({ state }) => state)
    if (this.#pending !== undefined) states.push(this.#pending.state)
    this.#held = []
    this.#pending = undefined
    for (const state of states) await state.close()
  }
}

function intervalOf(height: number, intervalBlocks: number): number {
  return Math.floor(height / intervalBlocks)
}
