import { describe, expect, it } from 'vitest'
import type { SubmitRefusal } from '../../api/ports.ts'
import { PROBLEMS, problemOfRefusal, viewProblem } from '../../api/problem.ts'
import type { Hash } from '../../crypto/bytes.ts'

const A = 'aa'.repeat(32) as Hash
const B = 'bb'.repeat(32) as Hash
const BIG = (1n << 64n) - 1n

/** Every refusal there is (api/ports.ts), its status (API.md, Status policy) and the facts a client acts on. */
const ROWS: readonly (readonly [SubmitRefusal, number, Record<string, string | number>])[] = [
  [{ kind: 'malformed-transaction', detail: 'short' }, 400, {}],
  [{ kind: 'unsupported-kind', got: 9 }, 422, { got: 9 }],
  [{ kind: 'wrong-chain', expected: A, got: B }, 422, { expected: `0x${A}`, got: `0x${B}` }],
  [{ kind: 'bad-signature' }, 422, {}],
  [{ kind: 'fee-too-low', expected: 5n, got: 1n }, 422, { expected: '5', got: '1' }],
  [{ kind: 'nonce-too-low', expected: BIG, got: 4n }, 422, { expected: '18446744073709551615', got: '4' }],
  [{ kind: 'nonce-too-high', expected: 7n, got: 400n }, 422, { expected: '7', got: '400' }],
  [{ kind: 'insufficient-funds', needed: 9n, balance: 3n }, 422, { needed: '9', balance: '3' }],
  [{ kind: 'expired', validUntil: 8, height: 9 }, 422, { validUntil: '8', height: '9' }],
  [{ kind: 'valid-until-too-far', validUntil: 9_000, max: 800 }, 422, { validUntil: '9000', max: '800' }],
  [{ kind: 'transaction-too-large', max: 10, got: 11 }, 413, { max: 10, got: 11 }],
  [{ kind: 'nonce-taken', conflictingId: B, feeNeeded: 12n }, 409, { conflictingHash: `0x${B}`, feeNeeded: '12' }],
  [{ kind: 'account-limit', max: 64 }, 429, { max: 64 }],
  [{ kind: 'mempool-full', feeNeeded: 33n }, 503, { feeNeeded: '33' }],
  [{ kind: 'not-ready', reason: 'syncing' }, 503, {}],
]

describe('refusals as problems', () => {
  it.each(ROWS)('%o', (refusal, status, members) => {
    const view = viewProblem(problemOfRefusal(refusal), { instance: '/v1/transactions', requestId: 'r1' })
    const { type, title, detail, ...rest } = view
    expect(rest).toEqual({ status, code: refusal.kind, instance: '/v1/transactions', requestId: 'r1', ...members })
    expect(type).toBe(`/errors/${refusal.kind}`)
    expect(title).not.toBe('')
    expect(detail).not.toBe('')
    expect(JSON.parse(JSON.stringify(view))).toEqual(view)
  })
})

describe('codes', () => {
  it('are frozen: status and spelling of each', () => {
    const statuses = Object.fromEntries(Object.entries(PROBLEMS).map(([code, { status }]) => [code, status]))
    expect(statuses).toMatchInlineSnapshot(`
      {
        "account-limit": 429,
        "bad-signature": 422,
        "block-pruned": 410,
        "block-unknown": 404,
        "body-too-large": 413,
        "expired": 422,
        "fee-too-low": 422,
        "headers-too-large": 431,
        "insufficient-funds": 422,
        "internal": 500,
        "invalid-cursor": 400,
        "invalid-request": 400,
        "malformed-json": 400,
        "malformed-transaction": 400,
        "mempool-full": 503,
        "method-not-allowed": 405,
        "min-height-unmet": 412,
        "nonce-taken": 409,
        "nonce-too-high": 422,
        "nonce-too-low": 422,
        "not-acceptable": 406,
        "not-ready": 503,
        "problem-unknown": 404,
        "proof-unavailable": 409,
        "request-timeout": 408,
        "route-unknown": 404,
        "too-many-requests": 429,
        "too-many-streams": 429,
        "transaction-too-large": 413,
        "tx-unknown": 404,
        "unsupported-kind": 422,
        "unsupported-media-type": 415,
        "valid-until-too-far": 422,
        "wrong-chain": 422,
      }
    `)
  })

  it('say when to come back exactly where a repetition can succeed', () => {
    for (const { status, retryAfter } of Object.values(PROBLEMS)) {
      expect(retryAfter !== undefined).toBe([412, 429, 503].includes(status))
    }
  })
})
