import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMemoryChain, testAccount, transfer } from '../chain.ts'
import { serve } from '../serve.ts'

function chainOf(height: number): ReturnType<typeof createMemoryChain> {
  const chain = createMemoryChain()
  for (let at = 0; at < height; at++) chain.commit()
  return chain
}

describe('GET /v1/blocks/{block}', () => {
  it('finds one block by latest, height and hash, and the first as genesis', async () => {
    const { get } = await serve({}, chainOf(3))
    const latest = (await get('/v1/blocks/latest')).body.data
    expect(latest).toMatchObject({ height: '3', view: '3', epoch: '0', timestamp: '2026-01-01T00:00:03.000Z' })
    expect((await get('/v1/blocks/3')).body.data).toEqual(latest)
    expect((await get(`/v1/blocks/${latest.hash}`)).body.data).toEqual(latest)
    const genesis = (await get('/v1/blocks/genesis')).body.data
    expect(genesis).toMatchObject({ height: '0', proposer: null })
    expect((await get('/v1/blocks/1')).body.data).toMatchObject({ parentHash: genesis.hash, proposer: { index: 1 } })
  })

  it('shows what is asked to be included and nothing else', async () => {
    const chain = createMemoryChain()
    await chain.ports.submitter.submit([transfer().bytes, transfer({ nonce: 1n }).bytes])
    chain.commit()
    const { get } = await serve({}, chain)
    const bare = (await get('/v1/blocks/1')).body.data
    expect([bare.transactionCount, 'transactions' in bare, 'certificate' in bare]).toEqual([2, false, false])
    const whole = (await get('/v1/blocks/1?include=transactions,certificate')).body.data
    expect(whole.transactions.map((view: { block: { index: number } }) => view.block.index)).toEqual([0, 1])
    expect(whole.certificate).toBeNull()
    chain.commit()
    const certified = (await get('/v1/blocks/1?include=certificate')).body.data
    expect(certified.certificate).toMatchObject({ view: '1', blockHash: bare.hash, signers: [0, 1, 3], bitmap: '0x0b' })
  })

  it('lets committed blocks be kept for ever, the latest and what may still grow not (API.md, Headers)', async () => {
    const chain = chainOf(2)
    const { get } = await serve({}, chain)
    const cachingOf = async (path: string): Promise<string | null> => (await get(path)).headers.get('cache-control')
    const forEver = 'public, max-age=31536000, immutable'
    expect(await cachingOf('/v1/blocks/1')).toBe(forEver)
    expect(await cachingOf('/v1/blocks/1?include=certificate')).toBe(forEver)
    expect(await cachingOf('/v1/blocks/2?include=certificate')).toBe('no-cache')
    expect(await cachingOf('/v1/blocks/latest')).toBe('no-cache')
    const first = await get('/v1/blocks/latest')
    const etag = first.headers.get('etag') ?? ''
    expect(etag).toBe(`"${first.body.data.hash.slice(2)}"`)
    expect((await get('/v1/blocks/latest', { 'if-none-match': `W/${etag}, "x"` })).status).toBe(304)
    expect((await get('/v1/blocks/latest?include=transactions', { 'if-none-match': etag })).status).toBe(200)
    chain.commit()
    expect((await get('/v1/blocks/latest', { 'if-none-match': etag })).status).toBe(200)
  })

  it('tells never existed (404) from pruned (410 with the oldest height)', async () => {
    const chain = chainOf(5)
    const { get } = await serve({}, chain)
    const future = await get('/v1/blocks/6')
    expect([future.status, future.body.code, future.body.height]).toEqual([404, 'block-unknown', '5'])
    expect((await get(`/v1/blocks/0x${'0'.repeat(64)}`)).status).toBe(404)
    chain.prune(3)
    for (const block of ['2', 'genesis']) {
      const gone = await get(`/v1/blocks/${block}`)
      expect([gone.status, gone.body.code, gone.body.oldestHeight]).toEqual([410, 'block-pruned', '3'])
      expect(gone.headers.get('x-oldest-height')).toBe('3')
    }
  })

  it.each(['newest', '01', '-1', '1.0', '1e3', '9007199254740993', '0x12', '1?include=votes', '1?full=1'])(
    'refuses %s',
    async (block) => {
      const { get } = await serve({}, chainOf(1))
      expect((await get(`/v1/blocks/${block}`)).body).toMatchObject({ status: 400, code: 'invalid-request' })
    },
  )
})

describe('GET /v1/blocks', () => {
  it('walked by its cursors shows every block of the range once, whatever the page size and while the chain grows', async () => {
    const chain = chainOf(12)
    const { get } = await serve({}, chain)
    const heights = fc.option(fc.integer({ min: 0, max: 15 }), { nil: undefined })
    const walk = fc.record({
      from: heights,
      to: heights,
      order: fc.constantFrom('asc', 'desc'),
      limit: fc.integer({ min: 1, max: 8 }),
    })
    await fc.assert(
      fc.asyncProperty(walk, fc.boolean(), async ({ from, to, order, limit }, grows) => {
        const headBefore = chain.ports.chain.head().height
        const query = new URLSearchParams({ order, limit: String(limit) })
        if (from !== undefined) query.set('from', String(from))
        if (to !== undefined) query.set('to', String(to))
        const seen: number[] = []
        for (;;) {
          const { body, headers } = await get(`/v1/blocks?${query}`)
          seen.push(...body.data.map((block: { height: string }) => Number(block.height)))
          expect(headers.get('link')?.includes('rel="next"') ?? false).toBe(body.page.next !== null)
          if (body.page.next === null) break
          query.set('cursor', body.page.next)
          if (grows && chain.ports.chain.head().height < 40) chain.commit()
        }
        const last = Math.min(to ?? 1_000, order === 'asc' ? chain.ports.chain.head().height : headBefore)
        const wanted = Array.from({ length: 1_000 }, (_, at) => at).filter((at) => at >= (from ?? 0) && at <= last)
        expect(seen).toEqual(order === 'asc' ? wanted : wanted.reverse())
      }),
      { numRuns: 40 },
    )
  })

  it('links to pages that work as they stand', async () => {
    const { get } = await serve({}, chainOf(6))
    const link = (await get('/v1/blocks?limit=2&order=asc')).headers.get('link') ?? ''
    const [, path] = /<([^>]+)>; rel="next"/.exec(link) ?? []
    expect((await get(path ?? '')).body.data.map((block: { height: string }) => block.height)).toEqual(['2', '3'])
  })

  it('refuses limits above 100, and cursors of another list or chain, rather than clamp or guess', async () => {
    const { get } = await serve({}, chainOf(6))
    for (const query of ['limit=0', 'limit=101', 'limit=1000', 'limit=ten', 'order=up', 'from=x', 'offset=3']) {
      expect((await get(`/v1/blocks?${query}`)).body, query).toMatchObject({ status: 400, code: 'invalid-request' })
    }
    const { next } = (await get('/v1/blocks?limit=2')).body.page
    expect((await get(`/v1/blocks?limit=3&cursor=${next}`)).status).toBe(200)
    for (const query of [`order=asc&cursor=${next}`, `from=1&cursor=${next}`, 'cursor=AAAA']) {
      expect((await get(`/v1/blocks?${query}`)).body, query).toMatchObject({ status: 400, code: 'invalid-cursor' })
    }
  })
})

describe('GET /v1/blocks/{block}/transactions', () => {
  it('pages through a block larger than one answer, of which include shows the first hundred', async () => {
    const chain = createMemoryChain()
    chain.settings.perAccountMax = 1_000
    const bytes = Array.from({ length: 130 }, (_, nonce) => {
      return transfer({ nonce: BigInt(nonce), to: testAccount(nonce).address }).bytes
    })
    await chain.ports.submitter.submit(bytes)
    chain.commit()
    const { get } = await serve({}, chain)
    const block = (await get('/v1/blocks/1?include=transactions')).body.data
    expect([block.transactionCount, block.transactions.length]).toEqual([130, 100])
    const first = (await get('/v1/blocks/latest/transactions?limit=100')).body
    expect(first.data).toEqual(block.transactions)
    const rest = (await get(`/v1/blocks/1/transactions?limit=100&cursor=${first.page.next}`)).body
    expect(rest.data.map((view: { transaction: { nonce: string } }) => Number(view.transaction.nonce))).toEqual(
      Array.from({ length: 30 }, (_, at) => 100 + at),
    )
    chain.commit()
    expect((await get(`/v1/blocks/latest/transactions?cursor=${first.page.next}`)).body.code).toBe('invalid-cursor')
  })
})
