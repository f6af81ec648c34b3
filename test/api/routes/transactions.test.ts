import { describe, expect, it, vi } from 'vitest'
import { bytesOfHex, hex } from '../../../api/hex.ts'
import { BALANCE, BOB, FEE_MIN, transfer } from '../chain.ts'
import { serve, until } from '../serve.ts'

const OCTETS = { 'content-type': 'application/octet-stream' }

describe('POST /v1/transactions', () => {
  it('answers 202 with where to ask and when, and the same for both media types', async () => {
    const { post } = await serve()
    const first = transfer()
    const accepted = await post('/v1/transactions', { tx: hex(first.bytes) })
    expect(accepted.status).toBe(202)
    expect(accepted.body).toEqual({
      data: { hash: `0x${first.id}`, status: 'pending', final: false, queue: 'ready', duplicate: false },
    })
    expect(accepted.headers.get('location')).toBe(`/v1/transactions/0x${first.id}`)
    expect(accepted.headers.get('retry-after')).toBe('1')
    const second = transfer({ nonce: 5n })
    const binary = await post('/v1/transactions', second.bytes, OCTETS)
    expect([binary.status, binary.body.data.hash, binary.body.data.queue]).toEqual([202, `0x${second.id}`, 'queued'])
  })

  it('is idempotent: 100 repetitions have one effect and one hash, before and after the commit (acceptance 3)', async () => {
    const { chain, post, get } = await serve()
    const { id, bytes } = transfer({ amount: 3n })
    await post('/v1/transactions', bytes, OCTETS)
    for (let repetition = 0; repetition < 50; repetition++) {
      const { status, body } = await post('/v1/transactions', bytes, OCTETS)
      expect([status, body.data.hash, body.data.status, body.data.duplicate]).toEqual([200, `0x${id}`, 'pending', true])
    }
    chain.commit()
    for (let repetition = 0; repetition < 50; repetition++) {
      const { status, body } = await post('/v1/transactions', bytes, OCTETS)
      expect([status, body.data.hash, body.data.status, body.data.duplicate]).toEqual([
        200,
        `0x${id}`,
        'committed',
        true,
      ])
    }
    chain.commit()
    expect((await get(`/v1/accounts/0x${BOB.address}`)).body.data.balance).toBe(String(BALANCE + 3n))
  })

  it('with wait=committed answers 200 once it committed', async () => {
    const { chain, post } = await serve()
    const { id, bytes } = transfer()
    const answer = post('/v1/transactions?wait=committed&timeout=5s', bytes, OCTETS)
    await until('the transaction is pending', () => chain.ports.submitter.pending(id) !== undefined)
    chain.commit()
    const { status, body } = await answer
    expect(status).toBe(200)
    expect(body.data).toMatchObject({ hash: `0x${id}`, status: 'committed', final: true, duplicate: false })
    expect(body.data.block).toMatchObject({ height: '1', index: 0, timestamp: '2026-01-01T00:00:01.000Z' })
    expect(chain.waiting()).toBe(0)
  })

  it('subscribes before it submits: a commit between admission and answer is not missed', async () => {
    const { chain, post } = await serve()
    chain.onSubmitted = () => chain.commit()
    const { status, body } = await post('/v1/transactions?wait=committed&timeout=30s', transfer().bytes, OCTETS)
    expect([status, body.data.status]).toEqual([200, 'committed'])
  })

  it('answers 202 when the wait ends first: a timeout is never an error (tendermint#4928)', async () => {
    const { api, chain, post } = await serve()
    const { id, bytes } = transfer()
    const { status, headers, body } = await post('/v1/transactions?wait=committed&timeout=30ms', bytes, OCTETS)
    expect([status, body.data.status, body.data.hash]).toEqual([202, 'pending', `0x${id}`])
    expect(headers.get('location')).toBe(`/v1/transactions/0x${id}`)
    expect([api.waiting(), chain.waiting()]).toEqual([0, 0])
  })

  it('says what is known at the end when the wait is over before the admission', async () => {
    for (const [commits, wanted] of [
      [false, [202, 'pending', 'ready']],
      [true, [200, 'committed', undefined]],
    ] as const) {
      const { chain, post } = await serve()
      const submit = chain.ports.submitter.submit
      vi.spyOn(chain.ports.submitter, 'submit').mockImplementation(async (batch) => {
        await until('the wait is over', () => chain.waiting() === 0)
        const submitted = await submit(batch)
        if (commits) chain.commit()
        return submitted
      })
      const { status, body } = await post('/v1/transactions?wait=committed&timeout=0s', transfer().bytes, OCTETS)
      expect([status, body.data.status, body.data.queue]).toEqual(wanted)
    }
  })

  it('waits for a duplicate too, and says what became of one that goes', async () => {
    const { chain, post } = await serve()
    const { id, bytes } = transfer()
    await post('/v1/transactions', bytes, OCTETS)
    const answer = post('/v1/transactions?wait=committed', bytes, OCTETS)
    await until('the wait is under way', () => chain.waiting() === 1)
    chain.drop(id, { state: 'expired', reason: 'height 9 passed' })
    const { status, body } = await answer
    expect(status).toBe(200)
    expect(body.data).toEqual({
      hash: `0x${id}`,
      status: 'expired',
      final: true,
      reason: { code: 'expired', detail: 'height 9 passed' },
      duplicate: true,
    })
  })

  it('honours Prefer: wait and says so; the query decides over it (RFC 7240)', async () => {
    const { chain, post } = await serve()
    const headers = { ...OCTETS, prefer: 'respond-async, wait=20' }
    chain.onSubmitted = () => chain.commit()
    const preferred = await post('/v1/transactions', transfer().bytes, headers)
    expect([preferred.status, preferred.headers.get('preference-applied')]).toEqual([200, 'wait=20'])
    const long = await post('/v1/transactions', transfer({ nonce: 1n }).bytes, { ...OCTETS, prefer: 'wait=100' })
    expect([long.status, long.headers.get('preference-applied')]).toEqual([200, 'wait=30'])
    delete chain.onSubmitted
    const overruled = await post('/v1/transactions?wait=accepted', transfer({ nonce: 5n }).bytes, headers)
    expect([overruled.status, overruled.headers.get('preference-applied')]).toEqual([202, null])
  })

  it('shows a transaction that committed and failed as 200 with its reason', async () => {
    const { chain, post, get } = await serve()
    const { id, bytes } = transfer({ amount: 2n * BALANCE })
    await post('/v1/transactions', bytes, OCTETS)
    chain.commit()
    for (const { status, body } of [
      await post('/v1/transactions', bytes, OCTETS),
      await get(`/v1/transactions/0x${id}`),
    ]) {
      expect(status).toBe(200)
      expect(body.data).toMatchObject({ status: 'failed', final: true, reason: { code: 'insufficient-funds' } })
      expect(body.data.receipt).toMatchObject({ status: 0, fee: String(FEE_MIN) })
    }
  })
})

describe('POST /v1/transactions/batch', () => {
  it('answers each entry in order, a refused one with its problem', async () => {
    const { chain, post } = await serve()
    const good = transfer()
    await post('/v1/transactions', good.bytes, OCTETS)
    chain.commit()
    const next = transfer({ nonce: 1n })
    const late = transfer({ amount: 9n })
    const { status, body } = await post('/v1/transactions/batch', {
      txs: [good, next, late].map(({ bytes }) => hex(bytes)).concat('0x'),
    })
    expect(status).toBe(200)
    expect(body.data).toEqual([
      { index: 0, hash: `0x${good.id}`, status: 'committed', duplicate: true },
      { index: 1, hash: `0x${next.id}`, status: 'pending', duplicate: false },
      { index: 2, hash: `0x${late.id}`, problem: expect.objectContaining({ code: 'nonce-too-low', status: 422 }) },
      { index: 3, problem: expect.objectContaining({ code: 'malformed-transaction', status: 400 }) },
    ])
  })

  it('takes 256 and no more, and names every entry that is not hex before it submits any', async () => {
    const { chain, post } = await serve()
    const txs = Array.from({ length: 256 }, () => hex(transfer().bytes))
    expect((await post('/v1/transactions/batch', { txs })).body.data).toHaveLength(256)
    chain.submissions = 0
    expect((await post('/v1/transactions/batch', { txs: [...txs, '0x'] })).status).toBe(400)
    expect((await post('/v1/transactions/batch', { txs: [] })).status).toBe(400)
    const { status, body } = await post('/v1/transactions/batch', { txs: ['0x', 'no', '0x', '0x0'] })
    expect([status, body.errors.map(({ pointer }: { pointer: string }) => pointer)]).toEqual([
      400,
      ['/txs/1', '/txs/3'],
    ])
    expect(chain.submissions).toBe(0)
    const long = JSON.stringify({ txs: ['0x', 'f'.repeat(2 * 1024 * 1024)] })
    expect((await post('/v1/transactions/batch', long)).status).toBe(413)
    expect((await post('/v1/transactions/batch', txs[0] ?? '', OCTETS)).status).toBe(415)
  })
})

describe('GET /v1/transactions/{hash}', () => {
  it('knows the unknown by 404 with the height, and refuses what is no hash', async () => {
    const { get } = await serve()
    const unknown = await get(`/v1/transactions/0x${'1'.repeat(64)}`)
    expect(unknown.body).toMatchObject({ code: 'tx-unknown', status: 404, height: '0' })
    expect(unknown.status).toBe(404)
    for (const text of ['1', `0x${'1'.repeat(63)}`, '1'.repeat(64), `0x${'g'.repeat(64)}`]) {
      expect((await get(`/v1/transactions/${text}`)).status).toBe(400)
    }
    expect((await get('/v1/transactions/%zz')).body.code).toBe('invalid-request')
  })

  it('shows pending as 202 and gone with its reason as 200', async () => {
    const { chain, post, get } = await serve()
    const { id, bytes } = transfer()
    await post('/v1/transactions', bytes, OCTETS)
    const pending = await get(`/v1/transactions/0x${id.toUpperCase()}`)
    expect([pending.status, pending.body.data.status, pending.headers.get('cache-control')]).toEqual([
      202,
      'pending',
      'no-store',
    ])
    expect(pending.body.data.transaction).toMatchObject({ kindName: 'transfer', nonce: '0', fee: '10', total: '1' })
    chain.drop(id, { state: 'dropped', reason: 'a full mempool preferred higher fees' })
    const gone = await get(`/v1/transactions/0x${id}`)
    expect(gone.status).toBe(200)
    expect(gone.body.data).toMatchObject({ status: 'dropped', final: false, reason: { code: 'dropped' } })
  })

  it('gives back the very bytes that were submitted, in a form that may be kept for ever', async () => {
    const { chain, post, get } = await serve()
    const { id, bytes } = transfer()
    await post('/v1/transactions', bytes, OCTETS)
    chain.commit()
    const first = await get(`/v1/transactions/0x${id}`)
    expect(first.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
    expect(Buffer.from(bytesOfHex(first.body.data.transaction.bytes) ?? '')).toEqual(Buffer.from(bytes))
    const again = await get(`/v1/transactions/0x${id}`, { 'if-none-match': first.headers.get('etag') ?? '' })
    expect([again.status, again.body]).toEqual([304, undefined])
  })

  it('waits for the commit of what is pending, and not for the unknown', async () => {
    const { chain, post, get } = await serve()
    const { id, bytes } = transfer()
    await post('/v1/transactions', bytes, OCTETS)
    const answer = get(`/v1/transactions/0x${id}?wait=committed&timeout=5s`)
    await until('the wait is under way', () => chain.waiting() === 1)
    chain.commit()
    expect((await answer).body.data.status).toBe('committed')
    const late = await get(`/v1/transactions/0x${transfer({ nonce: 1n }).id}?wait=committed&timeout=30s`)
    expect(late.status).toBe(404)
    expect((await get(`/v1/transactions/0x${id}?wait=committed&timeout=30s`)).status).toBe(200)
  })

  it('waits until the timeout and then shows it pending', async () => {
    const { post, get } = await serve()
    const { id, bytes } = transfer()
    await post('/v1/transactions', bytes, OCTETS)
    const { status, body } = await get(`/v1/transactions/0x${id}`, { prefer: 'wait=0' })
    expect([status, body.data.status, body.data.transaction.nonce]).toEqual([202, 'pending', '0'])
  })
})
