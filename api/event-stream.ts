// One reader of the event log: a place in the log and the connection it is written to. The reader's own pace is the only pace:
// nothing is queued for it, the next event is looked up when the connection takes more. Never drops an event without saying so.

import type { Writable } from 'node:stream'
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { type BlockEvents, type EventLog, gapText, type Position, type Topic } from './event-log.ts'
import type { CommitNotices } from './ports.ts'

export interface Subscription {
  /** The first event that may be sent. */
  readonly from: Position
  readonly topics: ReadonlySet<Topic>
  /** 40 hex digits: of the topic `tx` only what touches the account. */
  readonly account?: string
}

export interface StreamLimits {
  /** A comment is sent after this long without an event, so that nobody on the way takes the connection for dead. */
  readonly keepAliveMs: number
  /** A reader that takes nothing for so long is cut off. */
  readonly stallMs: number
}

/** Characters put together for one write; what is buffered for a reader is at most this, one event and the socket's own. */
const WRITE_CHARS = 16 * 1024
/** Milliseconds after which a client should connect again by itself. */
const RETRY_MS = 1_000

/** Writes events until the signal aborts or the reader stalls, whose connection it destroys. Ends nothing otherwise. */
export async function feedEvents(
  log: EventLog,
  commits: CommitNotices,
  sink: Writable,
  subscription: Subscription,
  signal: AbortSignal,
  limits: StreamLimits,
): Promise<void> {
  const write = (text: string) => writeTo(sink, text, signal, limits.stallMs)
  let { height, index } = subscription.from
  if (!(await write(`retry: ${RETRY_MS}\n\n`))) return
  while (!signal.aborted) {
    // Between this look and the wait nothing else runs, so no commit is missed.
    const entry = log.at(height)
    if (entry.kind === 'ahead') {
      const hasNews = await nextCommit(commits, signal, limits.keepAliveMs)
      if (!hasNews && !(await write(': keep-alive\n\n'))) return
      continue
    }
    if (entry.kind === 'pruned') {
      if (!(await write(gapText(height, entry.oldestHeight - 1)))) return
      height = entry.oldestHeight
      index = 0
      continue
    }
    let text = ''
    for (; index < entry.count; index++) {
      if (isWanted(entry, index, subscription)) text += entry.text(index)
      if (text.length < WRITE_CHARS) continue
      if (!(await write(text))) return
      text = ''
    }
    if (text !== '' && !(await write(text))) return
    height++
    index = 0
    // A long replay to a fast reader must not hold up consensus.
    await yieldToOthers()
  }
}

function isWanted(events: BlockEvents, index: number, { topics, account }: Subscription): boolean {
  const topic = events.topic(index)
  if (!topics.has(topic)) return false
  return topic !== 'tx' || account === undefined || events.touches(index, account)
}

/** False when the reader is gone or was cut off. Resolves once the connection takes more. */
async function writeTo(sink: Writable, text: string, signal: AbortSignal, stallMs: number): Promise<boolean> {
  if (signal.aborted || sink.destroyed) return false
  if (sink.write(text)) return true
  const hasDrained = await firstOf(
    (resolve) => {
      sink.once('drain', resolve)
      return () => sink.off('drain', resolve)
    },
    signal,
    stallMs,
  )
  if (!hasDrained) sink.destroy()
  return hasDrained
}

/** False after the time without one, and when the signal aborts. */
function nextCommit(commits: CommitNotices, signal: AbortSignal, waitMs: number): Promise<boolean> {
  return firstOf((resolve) => commits.subscribe(resolve), signal, waitMs)
}

function firstOf(listen: (resolve: () => void) => () => void, signal: AbortSignal, waitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (happened: boolean): void => {
      stopListening()
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      resolve(happened)
    }
    const onAbort = (): void => finish(false)
    const stopListening = listen(() => finish(true))
    const timer = setTimeout(() => finish(false), waitMs)
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
