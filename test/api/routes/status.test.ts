import { describe, expect, it } from 'vitest'
import { createMemoryChain, PREFIX } from '../chain.ts'
import { serve } from '../serve.ts'

describe('status', () => {
  it('names the node, its chain and its endpoints', async () => {
    const { chain, get } = await serve()
    chain.commit()
    const { body } = await get('/v1')
    expect(body.data).toMatchObject({
      chainId: 'scoville-test',
      genesisHash: `0x${'ab'.repeat(32)}`,
      addressPrefix: PREFIX,
      height: '1',
      role: 'validator',
      syncing: false,
    })
    expect(body.data.endpoints).toContain('GET /v1/accounts/{address}/nonce')
  })

  it('is ready only when every check is, names the one that is not, and lives all the same (besu#10400)', async () => {
    const chain = createMemoryChain()
    chain.settings.checks.push({ name: 'sync', ok: true, detail: 'at the head' })
    const { get } = await serve({}, chain)
    const ready = await get('/readyz')
    expect([ready.status, ready.body.status]).toEqual([200, 'ready'])
    chain.settings.checks.push({ name: 'peers', ok: false, detail: '1 of 3 connected for 12 s' })
    const unready = await get('/readyz')
    expect(unready.status).toBe(503)
    expect(unready.body).toEqual({
      status: 'not-ready',
      checks: { sync: { ok: true, detail: 'at the head' }, peers: { ok: false, detail: '1 of 3 connected for 12 s' } },
    })
    expect((await get('/livez')).status).toBe(200)
    chain.settings.checks[0] = { name: 'sync', ok: false, detail: '40 blocks behind' }
    expect((await get('/v1')).body.data.syncing).toBe(true)
  })

  it('serves no metrics where they are switched off, and does not list them', async () => {
    const { get } = await serve({ metrics: false })
    expect((await get('/metrics')).body.code).toBe('route-unknown')
    expect((await get('/v1')).body.data.endpoints).not.toContain('GET /metrics')
  })

  it('exposes metrics as they come, and explains its problem codes', async () => {
    const { get, url } = await serve()
    const metrics = await fetch(`${url}/metrics`)
    expect(metrics.headers.get('content-type')).toBe('text/plain; version=0.0.4')
    expect(await metrics.text()).toBe('scoville_height 1\n')
    const { type } = (await get('/v1/blocks/7')).body
    expect((await get(type)).body.data).toEqual({
      code: 'block-unknown',
      status: 404,
      title: 'Block unknown',
      help: expect.stringContaining('`height`'),
      retryable: false,
    })
    expect((await get('/errors/toString')).body.code).toBe('problem-unknown')
  })
})
