import { describe, expect, it } from 'vitest'
import { serve } from '../serve.ts'

describe('GET /v1/consensus', () => {
  it('shows views and power as decimal strings, milliseconds as numbers (PITFALLS 47)', async () => {
    const { chain, get } = await serve()
    expect((await get('/v1/consensus')).body.data).toEqual({
      epoch: '0',
      view: '2',
      leader: 1,
      highQC: { view: '0', blockHash: `0x${chain.ports.chain.head().blockId}` },
      lockedView: '0',
      lastVotedView: '0',
      highestTimeoutView: '0',
      timeoutMs: 1_000,
      backoff: 0,
      quorum: '3',
      totalPower: '4',
    })
    expect((await get('/v1/consensus?x=1')).body).toMatchObject({ status: 400, errors: [{ parameter: 'x' }] })
    expect((await get('/v1/consensus')).headers.get('cache-control')).toBe('no-store')
  })
})
