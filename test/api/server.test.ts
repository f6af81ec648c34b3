import { connect } from 'node:net'
import { describe, expect, it, vi } from 'vitest'
import { EXPOSED_HEADERS } from '../../api/answer.ts'
import type { ApiOptions } from '../../api/server.ts'
import { InvariantError } from '../../crypto/assert.ts'
import { createMemoryChain, transfer } from './chain.ts'
import { type Served, serve, until } from './serve.ts'

const OCTETS = { 'content-type': 'application/octet-stream' }

/** What the server sends on a raw connection until it closes it. */
function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let received = ''
    socket.on('data', (chunk) => {
      received += chunk.toString()
    })
    socket.on('error', reject)
    socket.on('close', () => resolve(received))
  })
}

describe('routing', () => {
  it.each([
    ['GET', '/nothing', 404, 'route-unknown', null],
    ['GET', '/v1/', 404, 'route-unknown', null],
    ['GET', '/V1/blocks', 404, 'route-unknown', null],
    ['GET', '/v1/transactions', 405, 'method-not-allowed', 'POST'],
    ['GET', '/v1/transactions/batch', 405, 'method-not-allowed', 'POST'],
    ['DELETE', '/v1/blocks/latest', 405, 'method-not-allowed', 'GET, HEAD'],
    ['POST', '/livez', 405, 'method-not-allowed', 'GET, HEAD'],
  ])('%s %s: %i %s', async (method, path, status, code, allow) => {
    const { send } = await serve()
    const answer = await send(path, { method })
    expect([answer.status, answer.body.code, answer.headers.get('allow')]).toEqual([status, code, allow])
    expect(answer.body.instance).toBe(path)
  })

  it('answers HEAD like GET without the body', async () => {
    const { send, get } = await serve()
    const [head, full] = [await send('/v1/blocks/0', { method: 'HEAD' }), await get('/v1/blocks/0')]
    expect([head.status, head.body]).toEqual([200, undefined])
    expect(head.headers.get('content-length')).toBe(full.headers.get('content-length'))
  })
})

describe('headers', () => {
  it('tell the chain and the head on every answer, problems included', async () => {
    const { chain, get } = await serve()
    expect((await get('/v1')).headers.get('x-block-height')).toBe('0')
    chain.commit()
    for (const path of ['/v1', '/v1/blocks/99', '/v1/transactions/zz', '/readyz']) {
      const { headers } = await get(path)
      expect(headers.get('x-chain-id'), path).toBe('scoville-test')
      expect(headers.get('x-block-height'), path).toBe('1')
      expect(headers.get('x-block-hash'), path).toBe(`0x${chain.ports.chain.head().blockId}`)
      expect(headers.get('x-oldest-height'), path).toBe('0')
    }
  })

  it('keep a harmless request id of the client and replace any other', async () => {
    const { get } = await serve()
    expect((await get('/v1', { 'x-request-id': 'order-66.b' })).headers.get('x-request-id')).toBe('order-66.b')
    const [first, second] = [await get('/v1', { 'x-request-id': 'a b' }), await get('/v1')]
    expect(first.headers.get('x-request-id')).toMatch(/^[0-9a-f]{12}-[0-9a-z]+$/)
    expect(first.headers.get('x-request-id')).not.toBe(second.headers.get('x-request-id'))
  })

  it('harden, and say nothing of express', async () => {
    const { headers } = await (await serve()).get('/v1')
    expect(headers.get('x-content-type-options')).toBe('nosniff')
    expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'")
    expect(headers.get('x-powered-by')).toBeNull()
  })

  it('let pages of any origin read and submit, and see the headers they need (jormungandr#708)', async () => {
    const { get, send } = await serve()
    const read = await get('/v1/blocks/latest', { origin: 'https://wallet.example' })
    expect(read.headers.get('access-control-allow-origin')).toBe('*')
    expect(read.headers.get('access-control-expose-headers')?.split(',')).toEqual([...EXPOSED_HEADERS])
    expect(read.headers.get('access-control-allow-credentials')).toBeNull()
    const preflight = await send('/v1/transactions', {
      method: 'OPTIONS',
      headers: { origin: 'https://wallet.example', 'access-control-request-method': 'POST' },
    })
    expect([preflight.status, preflight.headers.get('access-control-allow-methods')]).toEqual([204, 'GET,HEAD,POST'])
    expect((await get('/metrics')).headers.get('access-control-allow-origin')).toBeNull()
  })
})

describe('Accept, Vary and Server-Timing', () => {
  it('refuse with 406 what cannot be answered as asked, before anything is done (RFC 9110, 12.5.1)', async () => {
    const { chain, get, post } = await serve()
    const refused = await post('/v1/transactions', transfer().bytes, { ...OCTETS, accept: 'text/html' })
    expect([refused.status, refused.body.code, chain.submissions]).toEqual([406, 'not-acceptable', 0])
    for (const accept of ['*/*', 'application/*', 'text/html, application/json;q=0.1', 'application/json']) {
      expect((await get('/v1', { accept })).status, accept).toBe(200)
    }
    expect((await get('/metrics', { accept: 'application/openmetrics-text, text/plain;q=0.5' })).status).toBe(200)
  })

  it('name the headers on which an answer depends, and the time it took', async () => {
    const { get } = await serve()
    const waited = await get(`/v1/transactions/0x${transfer().id}`)
    expect(waited.headers.get('vary')).toBe('Prefer')
    expect((await get('/v1')).headers.get('vary')).toBeNull()
    expect(waited.headers.get('server-timing')).toMatch(/^total;dur=\d+\.\d\d$/)
  })
})

describe('X-Min-Height', () => {
  it('waits for a height that comes and answers from it', async () => {
    const { api, chain, get } = await serve()
    const answer = get('/v1/blocks/latest', { 'x-min-height': '1' })
    await until('the request is held', () => api.waiting() === 1)
    chain.commit()
    const { status, body } = await answer
    expect([status, body.data.height, api.waiting()]).toEqual([200, '1', 0])
  })

  it('gives its place back before the request waits for something else', async () => {
    const { api, chain, get } = await serve({ waitersMax: 1 })
    const { id, bytes } = transfer({ nonce: 1n })
    await chain.ports.submitter.submit([bytes])
    const answer = get(`/v1/transactions/0x${id}?wait=committed&timeout=5s`, { 'x-min-height': '1' })
    await until('the request waits for the height', () => api.waiting() === 1)
    chain.commit()
    await until('the request waits for the commit', () => chain.waiting() === 1)
    await chain.ports.submitter.submit([transfer().bytes])
    chain.commit()
    expect((await answer).body.data.status).toBe('committed')
  })

  it('says 412 with the height when it does not come, and 400 when it is none', async () => {
    const { api, get } = await serve({ minHeightWaitMs: 30 })
    const { status, body, headers } = await get('/v1', { 'x-min-height': '7' })
    expect([status, body.code, body.height, headers.get('retry-after')]).toEqual([412, 'min-height-unmet', '0', '1'])
    expect((await get('/v1', { 'x-min-height': 'soon' })).status).toBe(400)
    expect((await get('/v1', { 'x-min-height': '0' })).status).toBe(200)
    expect(api.waiting()).toBe(0)
  })
})

describe('limits', () => {
  it('on held requests degrade a wait to an immediate 202, in all and per client', async () => {
    for (const options of [{ waitersMax: 1 }, { waitersPerClientMax: 1 }] satisfies ApiOptions[]) {
      const { api, chain, post, get } = await serve(options)
      const first = transfer()
      const held = post('/v1/transactions?wait=committed&timeout=30s', first.bytes, OCTETS)
      await until('the first wait is open', () => api.waiting() === 1)
      const second = await post('/v1/transactions?wait=committed&timeout=30s', transfer({ nonce: 1n }).bytes, OCTETS)
      expect([second.status, second.body.data.status]).toEqual([202, 'pending'])
      expect((await get(`/v1/transactions/0x${first.id}?wait=committed&timeout=30s`)).status).toBe(202)
      expect((await get('/v1', { 'x-min-height': '9' })).status).toBe(412)
      chain.commit()
      expect((await held).status).toBe(200)
      expect(api.waiting()).toBe(0)
    }
  })

  it('free the place of a client that goes away', async () => {
    const { api, chain, send } = await serve()
    const client = new AbortController()
    const path = '/v1/transactions?wait=committed&timeout=30s'
    const init = { method: 'POST', headers: OCTETS, body: new Uint8Array(transfer().bytes), signal: client.signal }
    const answer = send(path, init).catch((error: Error) => error.name)
    await until('the wait is open', () => api.waiting() === 1 && chain.waiting() === 1)
    client.abort()
    expect(await answer).toBe('AbortError')
    await until('the wait is over', () => api.waiting() === 0 && chain.waiting() === 0)
  })

  it('on requests answer 429 with RateLimit (draft 8) and Retry-After, and spare the probes', async () => {
    const { get } = await serve({ rateLimit: { windowMs: 60_000, requestsMax: 2 } })
    const first = await get('/v1')
    expect(first.headers.get('ratelimit')).toMatch(/r=1; t=60/)
    expect(first.headers.get('ratelimit-policy')).toMatch(/q=2; w=60/)
    await get('/v1')
    const refused = await get('/v1')
    expect([refused.status, refused.body.code]).toEqual([429, 'too-many-requests'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(50)
    for (const probe of ['/livez', '/readyz', '/metrics']) expect((await get(probe)).status, probe).toBe(200)
  })

  it.each([
    ['headers that never end', { headersTimeoutMs: 100 }, 'GET /v1 HTTP/1.1\r\nHost: x\r\nX-Slow: '],
    [
      'a body that never ends',
      { headersTimeoutMs: 100, requestTimeoutMs: 200 },
      'POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
    ],
  ])('on time cut %s (slow loris)', async (_why, options, text) => {
    const { port } = await serve(options)
    const received = await exchange(port, text)
    expect(received).toMatch(/^HTTP\/1\.1 408 /)
    expect(received).toContain('"code":"request-timeout"')
  })

  it('do not cut a wait, which is longer than a request may take to arrive', async () => {
    const { post } = await serve({ headersTimeoutMs: 50, requestTimeoutMs: 60 })
    const answer = await post('/v1/transactions?wait=committed&timeout=400ms', transfer().bytes, OCTETS)
    expect(answer.status).toBe(202)
  })

  it('on size tell a client that sends far more, and keep the connection usable', async () => {
    const { post, get } = await serve()
    const answer = await post('/v1/transactions', new Uint8Array(16 * 1024 * 1024), OCTETS)
    expect([answer.status, answer.body.code, answer.headers.get('connection')]).toEqual([
      413,
      'body-too-large',
      'keep-alive',
    ])
    expect((await get('/v1')).status).toBe(200)
  })

  it.each([
    ['no HTTP', 'hello\r\n\r\n', 400, 'invalid-request'],
    [
      'headers above 16 KiB',
      `GET /v1 HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers-too-large',
    ],
  ])('on form answer %s as a problem and close', async (_why, text, status, code) => {
    const { port } = await serve()
    const received = await exchange(port, text)
    expect(received.startsWith(`HTTP/1.1 ${status} `)).toBe(true)
    expect(received).toContain(`"code":"${code}"`)
  })

  it('on connections close what is above them', async () => {
    const { port } = await serve({ connectionsMax: 1 })
    const socket = connect(port, '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
    expect(await exchange(port, 'GET /v1 HTTP/1.1\r\nHost: x\r\n\r\n').catch(() => '')).toBe('')
    socket.destroy()
  })
})

describe('faults', () => {
  const broken = async (error: Error): Promise<Served & { faults: [unknown, string][] }> => {
    const faults: [unknown, string][] = []
    const chain = createMemoryChain()
    vi.spyOn(chain.ports.chain, 'validators').mockImplementation(() => {
      throw error
    })
    const served = await serve({ onFault: (fault, requestId) => faults.push([fault, requestId]) }, chain)
    return { ...served, faults }
  }

  it.each([new Error('secret path'), new InvariantError('secret state')])(
    '%s: 500 tells the id and nothing else',
    async (error) => {
      const { get, faults } = await broken(error)
      const { status, body, headers } = await get('/v1/validators')
      expect([status, body.code]).toEqual([500, 'internal'])
      expect(JSON.stringify(body)).not.toMatch(/secret|\.ts|at /)
      expect(faults).toEqual([[error, headers.get('x-request-id')]])
    },
  )
})

describe('stop', () => {
  it('answers waits with 202, closes kept-alive connections and takes no more, within 2 s', async () => {
    const { api, get, post, url } = await serve()
    await get('/v1')
    const wait = post('/v1/transactions?wait=committed&timeout=30s', transfer().bytes, OCTETS)
    await until('the wait is open', () => api.waiting() === 1)
    const start = performance.now()
    await api.stop()
    expect(performance.now() - start).toBeLessThan(1_000)
    expect((await wait).status).toBe(202)
    await expect(fetch(`${url}/v1`)).rejects.toThrow()
  })

  it('cuts a connection whose request does not come to an end', async () => {
    const { api, port } = await serve({ stopTimeoutMs: 100 })
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => {})
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.write('POST /v1/transactions HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{')
    await new Promise((resolve) => setImmediate(resolve))
    const start = performance.now()
    await api.stop()
    expect(performance.now() - start).toBeLessThan(2_000)
  })
})
