import { describe, expect, it } from 'vitest'
import { transfer } from '../chain.ts'
import { serve } from '../serve.ts'

describe('GET /v1/mempool', () => {
  it('counts what is ready, what waits for a missing nonce, and the bounds', async () => {
    const { chain, get } = await serve()
    await chain.ports.submitter.submit([0n, 2n].map((nonce) => transfer({ nonce }).bytes))
    const mempool = (await get('/v1/mempool')).body.data
    expect(mempool).toEqual({ count: 2, bytes: 406, ready: 1, queued: 1, countMax: 1_000, bytesMax: 1_000_000 })
    expect((await get('/v1/mempool?x=1')).body).toMatchObject({ status: 400, errors: [{ parameter: 'x' }] })
    expect((await get('/v1/mempool')).headers.get('cache-control')).toBe('no-store')
  })
})
