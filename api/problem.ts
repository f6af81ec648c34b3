// Every way a request can fail, as RFC 9457 problem details with a frozen code.
// A code never changes its status or meaning; new ones may be added. Nothing here ever shows a stack or an internal message.

import { unreachable } from '../crypto/assert.ts'
import type { SubmitRefusal } from './ports.ts'

/** Failures of the request itself, beside the refusals of a transaction. */
type RequestFailure =
  | 'invalid-request'
  | 'malformed-json'
  | 'invalid-cursor'
  | 'route-unknown'
  | 'tx-unknown'
  | 'block-unknown'
  | 'problem-unknown'
  | 'method-not-allowed'
  | 'request-timeout'
  | 'block-pruned'
  | 'min-height-unmet'
  | 'body-too-large'
  | 'unsupported-media-type'
  | 'too-many-requests'
  | 'headers-too-large'
  | 'internal'

export type ProblemCode = SubmitRefusal['kind'] | RequestFailure

interface ProblemKind {
  readonly status: number
  readonly title: string
  /** Seconds after which a repetition may succeed; absent where it never will as it is. */
  readonly retryAfter?: number
}

/** Status policy of docs/API.md: 400 syntax, 409 conflict, 413 size, 422 well-formed but refused, 429 and 503 retryable. */
export const PROBLEMS: Readonly<Record<ProblemCode, ProblemKind>> = Object.freeze({
  'malformed-transaction': { status: 400, title: 'Malformed transaction' },
  'unsupported-kind': { status: 422, title: 'Transaction kind not supported' },
  'wrong-chain': { status: 422, title: 'Transaction of another chain' },
  'bad-signature': { status: 422, title: 'Bad signature' },
  'fee-too-low': { status: 422, title: 'Fee too low' },
  'nonce-too-low': { status: 422, title: 'Nonce too low' },
  'nonce-too-high': { status: 422, title: 'Nonce too high' },
  'insufficient-funds': { status: 422, title: 'Insufficient funds' },
  expired: { status: 422, title: 'Transaction expired' },
  'valid-until-too-far': { status: 422, title: 'Valid-until height too far ahead' },
  'transaction-too-large': { status: 413, title: 'Transaction too large' },
  'nonce-taken': { status: 409, title: 'Nonce taken by another pending transaction' },
  'account-limit': { status: 429, title: 'Too many pending transactions of this account', retryAfter: 2 },
  'mempool-full': { status: 503, title: 'Mempool full', retryAfter: 2 },
  'not-ready': { status: 503, title: 'Node not ready', retryAfter: 5 },
  'invalid-request': { status: 400, title: 'Invalid request' },
  'malformed-json': { status: 400, title: 'Malformed JSON' },
  'invalid-cursor': { status: 400, title: 'Invalid cursor' },
  'route-unknown': { status: 404, title: 'No such endpoint' },
  'tx-unknown': { status: 404, title: 'Transaction unknown' },
  'block-unknown': { status: 404, title: 'Block unknown' },
  'problem-unknown': { status: 404, title: 'Problem code unknown' },
  'method-not-allowed': { status: 405, title: 'Method not allowed' },
  'request-timeout': { status: 408, title: 'Request not received in time' },
  'block-pruned': { status: 410, title: 'Block no longer held' },
  'min-height-unmet': { status: 412, title: 'Chain not yet at the wanted height', retryAfter: 1 },
  'body-too-large': { status: 413, title: 'Body too large' },
  'unsupported-media-type': { status: 415, title: 'Unsupported media type' },
  'too-many-requests': { status: 429, title: 'Too many requests', retryAfter: 1 },
  'headers-too-large': { status: 431, title: 'Request headers too large' },
  internal: { status: 500, title: 'Internal error' },
})

/** What is wrong with one member of the body (`pointer`, RFC 6901) or one query or path parameter. */
export interface FieldError {
  readonly pointer?: string
  readonly parameter?: string
  readonly detail: string
}

export interface Problem {
  readonly code: ProblemCode
  readonly detail: string
  /** Facts a program can act on; u64 as decimal strings, hashes as 0x-hex. */
  readonly members?: Readonly<Record<string, string | number>>
  readonly errors?: readonly FieldError[]
  /** For 405: what the resource does allow. */
  readonly allow?: string
}

/** The JSON form: RFC 9457 members, `code`, then the facts as extension members. */
export interface ProblemView {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail: string
  readonly code: ProblemCode
  readonly instance?: string
  readonly requestId?: string
  readonly errors?: readonly FieldError[]
  readonly [member: string]: unknown
}

export function isProblemCode(text: string): text is ProblemCode {
  return Object.hasOwn(PROBLEMS, text)
}

export function statusOf(problem: Problem): number {
  return PROBLEMS[problem.code].status
}

/** `where` is absent for an item of a batch, which has no resource and request of its own. */
export function viewProblem(
  problem: Problem,
  where?: { readonly instance: string; readonly requestId: string },
): ProblemView {
  const { status, title } = PROBLEMS[problem.code]
  return {
    type: `/errors/${problem.code}`,
    title,
    status,
    detail: problem.detail,
    code: problem.code,
    ...where,
    ...problem.members,
    ...(problem.errors === undefined ? {} : { errors: problem.errors }),
  }
}

/** A refusal's kind is its problem's code; its facts become members. */
export function problemOfRefusal(refusal: SubmitRefusal): Problem {
  const code = refusal.kind
  switch (code) {
    case 'malformed-transaction':
      return { code, detail: `the bytes are not a transaction: ${refusal.detail}` }
    case 'unsupported-kind':
      return { code, detail: `this chain has no transaction kind ${refusal.got}`, members: { got: refusal.got } }
    case 'wrong-chain': {
      const members = { expected: `0x${refusal.expected}`, got: `0x${refusal.got}` }
      return { code, detail: 'the transaction names the genesis hash of another chain', members }
    }
    case 'bad-signature':
      return { code, detail: 'the signature does not verify for the sender key' }
    case 'fee-too-low':
      return { code, detail: `fee ${refusal.got} is below ${refusal.expected}`, members: expectedAndGot(refusal) }
    case 'nonce-too-low': {
      const detail = `nonce ${refusal.got} already used; next is ${refusal.expected}`
      return { code, detail, members: expectedAndGot(refusal) }
    }
    case 'nonce-too-high': {
      const detail = `nonce ${refusal.got} is too far ahead of ${refusal.expected}`
      return { code, detail, members: expectedAndGot(refusal) }
    }
    case 'insufficient-funds': {
      const members = { needed: String(refusal.needed), balance: String(refusal.balance) }
      return { code, detail: `balance ${refusal.balance} does not cover ${refusal.needed}`, members }
    }
    case 'expired': {
      const members = { validUntil: String(refusal.validUntil), height: String(refusal.height) }
      return { code, detail: `valid until height ${refusal.validUntil}, the chain is at ${refusal.height}`, members }
    }
    case 'valid-until-too-far': {
      const members = { validUntil: String(refusal.validUntil), max: String(refusal.max) }
      return { code, detail: `valid until height ${refusal.validUntil}, at most ${refusal.max} is accepted`, members }
    }
    case 'transaction-too-large': {
      const members = { max: refusal.max, got: refusal.got }
      return { code, detail: `${refusal.got} bytes, at most ${refusal.max} are accepted`, members }
    }
    case 'nonce-taken': {
      const members = { conflictingHash: `0x${refusal.conflictingId}`, feeNeeded: String(refusal.feeNeeded) }
      const detail = `another transaction with this nonce is pending; a fee of ${refusal.feeNeeded} would replace it`
      return { code, detail, members }
    }
    case 'account-limit':
      return { code, detail: `an account may have ${refusal.max} pending transactions`, members: { max: refusal.max } }
    case 'mempool-full': {
      const detail = `the mempool is full; a fee of ${refusal.feeNeeded} would enter now`
      return { code, detail, members: { feeNeeded: String(refusal.feeNeeded) } }
    }
    case 'not-ready':
      return { code, detail: refusal.reason }
    default:
      return unreachable(refusal)
  }
}

function expectedAndGot(refusal: { readonly expected: bigint; readonly got: bigint }): Record<string, string> {
  return { expected: String(refusal.expected), got: String(refusal.got) }
}
