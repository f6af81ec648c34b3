// The event stream on real sockets: what is sent, where it goes on after a break, and what it refuses (PITFALLS 45).

import { describe, expect, it, onTestFinished } from 'vitest'
import type { ApiOptions } from '../../../api/server.ts'
import { ALICE, BOB, createMemoryChain, type MemoryChain, testAccount, transfer } from '../chain.ts'
import { openStream } from '../events.ts'
import { serve, until } from '../serve.ts'

const CAROL = testAccount(2)

/** Block 1 pays Bob, block 2 Carol, from Alice. */
async function twoBlocks(): Promise<MemoryChain> {
  const chain = createMemoryChain()
  for (const [nonce, to] of [BOB.address, CAROL.address].entries()) {
    await chain.ports.submitter.submit([transfer({ nonce: BigInt(nonce), to }).bytes])
    chain.commit()
  }
  return chain
}

async function served(options: ApiOptions = {}, chain?: MemoryChain) {
  const node = await serve(options, chain ?? (await twoBlocks()))
  const open = async (query = '', headers: Record<string, string> = {}, charsMax?: number) => {
    const stream = await openStream(`${node.url}/v1/events${query}`, headers, charsMax)
    onTestFinished(stream.close)
    return stream
  }
  return { ...node, open }
}

const ALL = ['0:0', '1:0', '1:1', '1:2', '2:0', '2:1', '2:2']

describe('GET /v1/events', () => {
  it('replays from the store and goes on with what commits, in order, each thing as its own endpoint shows it', async () => {
    const { chain, open, get } = await served()
    const stream = await open('?since=0')
    await until('the replay', () => stream.events.length === ALL.length)
    chain.commit()
    await until('the new block', () => stream.events.length === ALL.length + 2)
    expect(stream.ids).toEqual([...ALL, '3:0', '3:1'])
    const [certificate, block, tx] = stream.events.slice(4)
    expect([certificate?.event, block?.event, tx?.event]).toEqual(['qc', 'block', 'tx'])
    expect(block?.data).toEqual((await get('/v1/blocks/2')).body.data)
    expect(tx?.data).toEqual((await get(`/v1/transactions/${tx?.data.hash}`)).body.data)
    expect(certificate?.data).toEqual((await get('/v1/blocks/1?include=certificate')).body.data.certificate)
  })

  it('begins with the next block unless told otherwise, and waits for a height to come', async () => {
    const { chain, open } = await served()
    const [next, later] = [await open(), await open('?since=4')]
    for (let height = 3; height <= 4; height++) chain.commit()
    await until('both', () => next.events.length === 4 && later.events.length === 2)
    expect([next.ids, later.ids]).toEqual([
      ['3:0', '3:1', '4:0', '4:1'],
      ['4:0', '4:1'],
    ])
  })

  it.each([
    ['?since=0&topics=tx', ['1:2', '2:2']],
    ['?since=1&topics=block,qc', ['1:0', '1:1', '2:0', '2:1']],
    [`?since=0&topics=tx&account=0x${CAROL.address}`, ['2:2']],
    [`?since=0&topics=tx&account=0x${ALICE.address}`, ['1:2', '2:2']],
    [`?since=2&account=0x${BOB.address}`, ['2:0', '2:1']],
  ])('%s shows %j: ids do not depend on what is left out', async (query, ids) => {
    const { chain, open } = await served()
    const stream = await open(query)
    await until('all of it', () => stream.events.length === ids.length)
    // What follows comes behind all that could have been sent before.
    chain.commit()
    const marks = query.includes('topics=tx') ? [] : ['3:0', '3:1']
    await until('the next', () => stream.events.length === ids.length + marks.length)
    expect(stream.ids).toEqual([...ids, ...marks])
  })

  it('goes on behind Last-Event-ID, which decides over since', async () => {
    const { open } = await served()
    const stream = await open('?since=0', { 'last-event-id': '1:1' })
    await until('the rest', () => stream.events.length === 4)
    expect(stream.ids).toEqual(ALL.slice(3))
  })

  it('is refused with 410 and the oldest height where blocks it would need are gone', async () => {
    const { chain, open, get } = await served()
    chain.prune(2)
    for (const [query, headers] of [
      ['?since=1', {}],
      ['', { 'last-event-id': '1:2' }],
    ] as const) {
      const { status, body } = await get(`/v1/events${query}`, headers)
      expect([status, body.code, body.oldestHeight]).toEqual([410, 'block-pruned', '2'])
    }
    const stream = await open('', { 'last-event-id': `1:${2 ** 32 - 1}` })
    await until('what is held, behind a gap', () => stream.events.length === 3)
    expect(stream.ids).toEqual(['2:0', '2:1', '2:2'])
  })

  it.each([
    ['?topics=view', {}, 'topics'],
    ['?topics=', {}, 'topics'],
    ['?topics=tx,tx,tx,tx', {}, 'topics'],
    ['?account=0x00', {}, 'account'],
    ['?since=-1', {}, 'since'],
    ['?limit=5', {}, 'limit'],
    ['', { 'last-event-id': '7' }, 'Last-Event-ID'],
    ['', { 'last-event-id': '1:00' }, 'Last-Event-ID'],
  ])('%s %j is refused by name', async (query, headers, parameter) => {
    const { get } = await served()
    const { status, body } = await get(`/v1/events${query}`, headers)
    expect([status, body.code, body.errors[0].parameter]).toEqual([400, 'invalid-request', parameter])
  })

  it('is never compressed, cached or held back, and HEAD ends', async () => {
    const { api, url, open } = await served()
    const { status, headers } = await open('?since=0', { 'accept-encoding': 'gzip, br' })
    expect([status, headers['content-type'], headers['content-encoding']]).toEqual([
      200,
      'text/event-stream',
      undefined,
    ])
    expect(headers['cache-control']).toBe('no-store, no-transform')
    expect(headers['x-block-height']).toBe('2')
    const head = await fetch(`${url}/v1/events`, { method: 'HEAD' })
    expect([head.status, await head.text()]).toEqual([200, ''])
    expect(api.streaming()).toBe(1)
  })

  it('has a comment when nothing else comes', async () => {
    const { open } = await served({ keepAliveMs: 5 })
    const stream = await open()
    await until('two comments', () => stream.comments >= 2)
    expect(stream.events).toEqual([])
  })

  it.each([
    ['per client', { streamsPerClientMax: 2 }],
    ['in all', { streamsMax: 2 }],
  ])('is bounded %s, and a place freed is a place to take', async (_what, options) => {
    const { api, open, get } = await served(options)
    const [first] = [await open(), await open()]
    const { status, body, headers } = await get('/v1/events')
    expect([status, body.code, headers.get('retry-after')]).toEqual([429, 'too-many-streams', '5'])
    first.close()
    await until('the place is free', () => api.streaming() === 1)
    expect((await open()).status).toBe(200)
  })

  it('ends when the server stops', async () => {
    const { api, open } = await served()
    const stream = await open()
    await api.stop()
    await stream.ended
    expect(api.streaming()).toBe(0)
  })

  it('loses and repeats nothing over 1,000 disconnects anywhere in the text', async () => {
    const { api, chain, open } = await served({ streamsMax: 2_000, streamsPerClientMax: 2_000 }, createMemoryChain())
    // A fixed sequence, so that a failure comes again (Park and Miller's generator).
    let state = 45
    const below = (bound: number): number => {
      state = (state * 48_271) % 2_147_483_647
      return state % bound
    }
    const expected = ['0:0']
    let nonce = 0n
    const commit = async (): Promise<void> => {
      const count = below(4)
      const validUntil = chain.ports.chain.head().height + 100
      const batch = Array.from({ length: count }, () => transfer({ nonce: nonce++, validUntil }).bytes)
      await chain.ports.submitter.submit(batch)
      const height = chain.commit()
      for (let index = 0; index < count + 2; index++) expected.push(`${height}:${index}`)
    }
    const seen: string[] = []
    for (let disconnects = 0; disconnects < 1_000; disconnects++) {
      while (expected.length - seen.length < 20) await commit()
      const last = seen.at(-1)
      const headers: Record<string, string> = last === undefined ? {} : { 'last-event-id': last }
      const stream = await open('?since=0', headers, 1 + below(6_000))
      if (below(3) === 0) await commit()
      await stream.ended
      seen.push(...stream.ids)
    }
    expect(seen).toEqual(expected.slice(0, seen.length))
    expect(seen.length).toBeGreaterThan(1_000)
    await until('every place is free', () => api.streaming() === 0)
  }, 60_000)
})
