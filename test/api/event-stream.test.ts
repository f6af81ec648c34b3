// A reader that does not read: what is held for it, what it is told when it comes back, and when it is given up (PITFALLS 45).

import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { createEventLog, parsePosition, positionAfter, TOPICS } from '../../api/event-log.ts'
import { feedEvents } from '../../api/event-stream.ts'
import { createMemoryChain, transfer } from './chain.ts'
import { EventReader } from './events.ts'
import { until } from './serve.ts'

/** Twenty blocks and a reader from the first that has taken nothing yet, over a connection that holds one byte. */
function slowReader(stallMs: number) {
  const chain = createMemoryChain()
  for (let height = 1; height <= 20; height++) chain.commit()
  const sink = new PassThrough({ highWaterMark: 1 })
  const stop = new AbortController()
  const subscription = { from: { height: 1, index: 0 }, topics: new Set(TOPICS) }
  const limits = { keepAliveMs: 60_000, stallMs }
  const log = createEventLog(chain.ports.chain)
  const done = feedEvents(log, chain.ports.commits, sink, subscription, stop.signal, limits)
  return { chain, sink, stop, done }
}

describe('a reader that takes nothing', () => {
  it('has nothing queued for it, and hears of the heights that were pruned meanwhile', async () => {
    const { chain, sink, stop, done } = slowReader(60_000)
    for (let turns = 0; turns < 50; turns++) await turn()
    // Not even a block: the line with the retry time is still in the way.
    expect(sink.writableLength + sink.readableLength).toBeLessThan(100)
    chain.prune(15)
    const reader = new EventReader()
    sink.setEncoding('utf8').on('data', (text: string) => reader.feed(text))
    await until('the head', () => reader.ids.at(-1) === '20:1')
    const [gap, next] = reader.events
    expect(gap).toEqual({
      id: `14:${2 ** 32 - 1}`,
      event: 'gap',
      data: { reason: 'pruned', fromHeight: '1', toHeight: '14' },
    })
    expect(next?.id).toBe('15:0')
    expect(reader.events.length).toBe(1 + 2 * 6)
    stop.abort()
    await done
    expect(sink.destroyed).toBe(false)
  })

  it('is cut off after the time it may take', async () => {
    const { sink, done } = slowReader(5)
    await done
    expect(sink.destroyed).toBe(true)
  })

  it('is forgotten at once when it goes', async () => {
    const { sink, stop, done } = slowReader(60_000)
    stop.abort()
    await done
    expect(sink.writableLength + sink.readableLength).toBeLessThan(100)
  })
})

describe('the log', () => {
  it('keeps the texts of a block for all readers of the head, and of no more than two blocks', async () => {
    const chain = createMemoryChain()
    await chain.ports.submitter.submit([transfer().bytes])
    for (let height = 1; height <= 3; height++) chain.commit()
    const log = createEventLog(chain.ports.chain)
    const first = log.at(1)
    expect(log.at(1)).toBe(first)
    log.at(2)
    log.at(3)
    expect(log.at(1)).not.toBe(first)
    expect(log.at(4)).toEqual({ kind: 'ahead' })
  })
})

describe('the id of an event', () => {
  it.each([
    ['0:0', { height: 0, index: 0 }],
    ['12:3', { height: 12, index: 3 }],
  ])('%s is read', (text, position) => {
    expect(parsePosition(text)).toEqual(position)
  })

  it.each(['', ':', '1', '1:', ':1', '01:1', '1:01', '-1:0', '1:0 ', '1:0\n', '1e3:0', '1:99999999999'])(
    '%j is none',
    (text) => {
      expect(parsePosition(text)).toBeUndefined()
    },
  )

  it('is followed by the next of its block, and a gap by the next block', () => {
    expect(positionAfter({ height: 4, index: 1 })).toEqual({ height: 4, index: 2 })
    expect(positionAfter({ height: 4, index: 2 ** 32 - 1 })).toEqual({ height: 5, index: 0 })
  })
})
