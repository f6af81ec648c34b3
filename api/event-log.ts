// The committed chain as a log of events: what GET /v1/events shows of each block, in one order, under ids that are the same on
// every node. Everything is worked out from committed blocks, so nothing is kept for anybody and nothing can be lost in between.
// Never shows what is not committed.

import type { Height } from '../consensus/types.ts'
import { assert } from '../crypto/assert.ts'
import type { ChainReader, CommittedBlock } from './ports.ts'
import { type TransactionView, viewBlock, viewCertificate, viewCommitted } from './view.ts'

export const TOPICS = ['block', 'tx', 'qc'] as const
export type Topic = (typeof TOPICS)[number]

/** An event's id as `height:index`. */
export interface Position {
  readonly height: number
  readonly index: number
}

/** Above the index of every event: the end of a block. */
const INDEX_MAX = 2 ** 32 - 1

/** At most 10 digits of an index; undefined when it is no id. */
export function parsePosition(text: string): Position | undefined {
  const [, height, index] = /^(0|[1-9]\d{0,14}):(0|[1-9]\d{0,9})$/.exec(text) ?? []
  return height === undefined || index === undefined ? undefined : { height: Number(height), index: Number(index) }
}

/** The first event behind this one. */
export function positionAfter({ height, index }: Position): Position {
  return index >= INDEX_MAX ? { height: height + 1, index: 0 } : { height, index: index + 1 }
}

export interface BlockEvents {
  readonly kind: 'events'
  readonly count: number
  topic(index: number): Topic
  /** Whether the transaction behind a `tx` event was sent by the address (40 hex digits) or pays it. */
  touches(index: number, address: string): boolean
  /** The event as server-sent text. */
  text(index: number): string
}

export type LogEntry =
  | BlockEvents
  /** Not committed yet. */
  | { readonly kind: 'ahead' }
  | { readonly kind: 'pruned'; readonly oldestHeight: number }

export interface EventLog {
  at(height: number): LogEntry
}

/** Blocks whose texts are kept: subscribers at the head share the newest. */
const BLOCKS_KEPT_MAX = 2
/** Before the transactions of a block: the certificate that it carries and the block itself. */
const BEFORE_TRANSACTIONS: readonly Topic[] = ['qc', 'block']
/** An epoch's root certifies no parent. */
const BEFORE_TRANSACTIONS_OF_ROOT: readonly Topic[] = ['block']

export function createEventLog(chain: ChainReader): EventLog {
  const kept = new Map<number, BlockEvents>()
  return {
    at(height) {
      const known = kept.get(height)
      if (known !== undefined) return known
      const head = chain.head()
      if (height > head.height) return { kind: 'ahead' }
      if (height < head.oldestHeight) return { kind: 'pruned', oldestHeight: head.oldestHeight }
      const block = chain.block(height as Height)
      assert(block !== undefined, `no block at ${height}, between the oldest and the head`)
      const events = eventsOf(block, chain)
      kept.set(height, events)
      for (const oldest of kept.keys()) if (kept.size > BLOCKS_KEPT_MAX) kept.delete(oldest)
      return events
    },
  }
}

function eventsOf(block: CommittedBlock, chain: ChainReader): BlockEvents {
  const prefix = chain.info().addressPrefix
  const { height, view } = block.proposal.header
  const before = view === 0 ? BEFORE_TRANSACTIONS_OF_ROOT : BEFORE_TRANSACTIONS
  const first = before.length
  const views = new Map<number, TransactionView>()
  const texts = new Map<number, string>()
  const topic = (index: number): Topic => before[index] ?? 'tx'
  const transactionAt = (index: number): TransactionView => {
    const view = views.get(index) ?? viewTransaction(block, index - first, prefix)
    views.set(index, view)
    return view
  }
  const viewAt = (index: number): unknown => {
    switch (topic(index)) {
      case 'qc':
        return viewCertificate(block.proposal.justify)
      case 'block':
        return viewBlock(block, prefix, chain.validators())
      case 'tx':
        return transactionAt(index)
    }
  }
  return {
    kind: 'events',
    count: first + block.transactionIds.length,
    topic,
    touches(index, address) {
      const { transaction } = transactionAt(index)
      const wanted = `0x${address}`
      return (
        transaction?.senderHex === wanted ||
        transaction?.outputs.some(({ recipientHex }) => recipientHex === wanted) === true
      )
    },
    text(index) {
      const text = texts.get(index) ?? eventText(topic(index), { height, index }, viewAt(index))
      texts.set(index, text)
      return text
    },
  }
}

function viewTransaction(block: CommittedBlock, index: number, prefix: string): TransactionView {
  const id = block.transactionIds[index]
  const bytes = block.proposal.payload.items[index]
  const receipt = block.receipts[index]
  assert(id !== undefined && bytes !== undefined && receipt !== undefined, 'a committed block lacks a transaction')
  const { height, timestampMs } = block.proposal.header
  return viewCommitted({ id, bytes, receipt, height, index, blockId: block.id, timestampMs }, prefix)
}

/** Says what the stream leaves out. Its id is the end of what is missing, so a reader who goes on from there loses no more. */
export function gapText(fromHeight: number, toHeight: number): string {
  const value = { reason: 'pruned', fromHeight: String(fromHeight), toHeight: String(toHeight) }
  return eventText('gap', { height: toHeight, index: INDEX_MAX }, value)
}

/** One line of JSON, which has no line breaks of its own. */
function eventText(event: Topic | 'gap', { height, index }: Position, value: unknown): string {
  return `id: ${height}:${index}\nevent: ${event}\ndata: ${JSON.stringify(value)}\n\n`
}
