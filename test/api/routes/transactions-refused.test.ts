import { describe, expect, it } from 'vitest'
import { hex } from '../../../api/hex.ts'
import type { Hash } from '../../../crypto/bytes.ts'
import { BALANCE, BOB, type MemoryChain, transfer } from '../chain.ts'
import { serve } from '../serve.ts'

const OCTETS = { 'content-type': 'application/octet-stream' }

interface RefusalRow {
  readonly why: string
  readonly before?: (chain: MemoryChain) => void
  readonly bytes: () => Uint8Array
  readonly status: number
  readonly problem: Record<string, unknown>
}

function forged(): Uint8Array {
  const { bytes } = transfer()
  bytes.set([(bytes.at(-40) ?? 0) ^ 1], bytes.length - 40)
  return bytes
}

function otherKind(): Uint8Array {
  const { bytes } = transfer()
  bytes.set([0, 2], 32)
  return bytes
}

/** Each refusal through the whole stack, made by the real ledger or the fixture's bounds. */
const REFUSALS: readonly RefusalRow[] = [
  {
    why: 'bytes of nothing',
    bytes: () => Uint8Array.of(1, 2),
    status: 400,
    problem: { code: 'malformed-transaction' },
  },
  { why: 'a kind of tomorrow', bytes: otherKind, status: 422, problem: { code: 'unsupported-kind', got: 2 } },
  {
    why: 'another chain',
    bytes: () => transfer({ genesisHash: 'cd'.repeat(32) as Hash }).bytes,
    status: 422,
    problem: { code: 'wrong-chain', expected: `0x${'ab'.repeat(32)}`, got: `0x${'cd'.repeat(32)}` },
  },
  { why: 'a forged signature', bytes: forged, status: 422, problem: { code: 'bad-signature' } },
  {
    why: 'a fee below the least',
    bytes: () => transfer({ fee: 1n }).bytes,
    status: 422,
    problem: { code: 'fee-too-low', expected: '10', got: '1' },
  },
  {
    why: 'a used nonce',
    before: (chain) => {
      chain.onSubmitted = () => chain.commit()
    },
    bytes: () => transfer({ amount: 2n }).bytes,
    status: 422,
    problem: { code: 'nonce-too-low', expected: '1', got: '0' },
  },
  {
    why: 'an account that cannot pay the fee',
    bytes: () => transfer({ fee: BALANCE + 1n }).bytes,
    status: 422,
    problem: { code: 'insufficient-funds', balance: String(BALANCE) },
  },
  {
    why: 'a height that has passed',
    before: (chain) => {
      chain.commit()
      chain.commit()
    },
    bytes: () => transfer({ validUntil: 1 }).bytes,
    status: 422,
    problem: { code: 'expired', validUntil: '1' },
  },
  {
    why: 'a height too far ahead',
    bytes: () => transfer({ validUntil: 1_000_000 }).bytes,
    status: 422,
    problem: { code: 'valid-until-too-far', validUntil: '1000000' },
  },
  {
    why: 'more bytes than the node takes',
    before: (chain) => {
      chain.settings.bytesMax = 100
    },
    bytes: () => transfer().bytes,
    status: 413,
    problem: { code: 'transaction-too-large', max: 100 },
  },
  {
    why: 'a nonce that another pending transaction has',
    bytes: () => transfer({ amount: 2n }).bytes,
    status: 409,
    problem: { code: 'nonce-taken', conflictingHash: `0x${transfer().id}`, feeNeeded: '11' },
  },
  {
    why: 'too many of one account',
    before: (chain) => {
      chain.settings.perAccountMax = 1
    },
    bytes: () => transfer({ nonce: 1n }).bytes,
    status: 429,
    problem: { code: 'account-limit', max: 1 },
  },
  {
    why: 'a full mempool',
    before: (chain) => {
      chain.settings.countMax = 1
    },
    bytes: () => transfer({ from: BOB }).bytes,
    status: 503,
    problem: { code: 'mempool-full', feeNeeded: '11' },
  },
  {
    why: 'a node that is catching up',
    before: (chain) => {
      chain.settings.notReady = '120 blocks behind'
    },
    bytes: () => transfer().bytes,
    status: 503,
    problem: { code: 'not-ready', detail: '120 blocks behind' },
  },
]

describe('refusals', () => {
  it.each(REFUSALS)('$why: $status', async ({ before, bytes, status, problem }) => {
    const needsRival = ['nonce-taken', 'nonce-too-low', 'account-limit', 'mempool-full'].includes(String(problem.code))
    const { api, chain, post } = await serve()
    before?.(chain)
    if (needsRival) await post('/v1/transactions', transfer().bytes, OCTETS)
    for (const query of ['', '?wait=committed']) {
      const answer = await post(`/v1/transactions${query}`, bytes(), OCTETS)
      expect(answer.body).toMatchObject({ ...problem, status, instance: '/v1/transactions' })
      expect(answer.status).toBe(status)
      expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/)
      expect(answer.body.requestId).toBe(answer.headers.get('x-request-id'))
      expect(answer.headers.has('retry-after')).toBe(status === 429 || status === 503)
    }
    expect([api.waiting(), chain.waiting()]).toEqual([0, 0])
  })
})

describe('requests that are not understood', () => {
  const tx = hex(transfer().bytes)
  it.each([
    ['no JSON', '{"tx":', {}, 400, { code: 'malformed-json' }],
    ['JSON nested too deep', `{"tx":${'['.repeat(40)}${']'.repeat(40)}}`, {}, 400, { code: 'malformed-json' }],
    ['JSON of another shape', '[1]', {}, 400, { code: 'invalid-request', errors: [{ pointer: '' }] }],
    ['no tx', '{}', {}, 400, { code: 'invalid-request', errors: [{ pointer: '/tx' }] }],
    ['a member too many', `{"tx":"${tx}","fast":1}`, {}, 400, { code: 'invalid-request' }],
    ['a number for tx', '{"tx":5}', {}, 400, { code: 'invalid-request', errors: [{ pointer: '/tx' }] }],
    ['hex without 0x', `{"tx":"${tx.slice(2)}"}`, {}, 400, { code: 'invalid-request', errors: [{ pointer: '/tx' }] }],
    ['an empty binary body', '', OCTETS, 400, { code: 'invalid-request' }],
    ['another media type', tx, { 'content-type': 'text/plain' }, 415, { code: 'unsupported-media-type' }],
    ['a compressed body', tx, { 'content-encoding': 'gzip' }, 415, { code: 'unsupported-media-type' }],
    ['64 KiB and a byte', new Uint8Array(65_537), OCTETS, 413, { code: 'body-too-large' }],
  ] as const)('%s', async (_why, body, headers, status, problem) => {
    const { chain, post } = await serve()
    const answer = await post('/v1/transactions', body, headers)
    expect(answer.body).toMatchObject(problem)
    expect(answer.status).toBe(status)
    expect(chain.submissions).toBe(0)
  })

  it.each([
    'wait=yes',
    'timeout=5s',
    'wait=committed&timeout=5',
    'wait=committed&timeout=31s',
    'wiat=committed',
    'wait=a&wait=b',
  ])('?%s is refused, not ignored or clamped', async (query) => {
    const { chain, post } = await serve()
    const { status, body } = await post(`/v1/transactions?${query}`, transfer().bytes, OCTETS)
    expect([status, body.code, typeof body.errors[0].parameter]).toEqual([400, 'invalid-request', 'string'])
    expect(chain.submissions).toBe(0)
  })
})
