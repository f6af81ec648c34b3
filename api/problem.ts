// Every way a request can fail, as RFC 9457 problem details with a frozen code.
// A code never changes its status or meaning; new ones may be added. Nothing here ever shows a stack or an internal message.

import { unreachable } from '../crypto/assert.ts'
import type { ProblemView } from './contract/problem.ts'
import type { SubmitRefusal } from './ports.ts'

export type { ProblemView } from './contract/problem.ts'

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
  | 'not-acceptable'
  | 'request-timeout'
  | 'proof-unavailable'
  | 'block-pruned'
  | 'min-height-unmet'
  | 'body-too-large'
  | 'unsupported-media-type'
  | 'too-many-requests'
  | 'too-many-streams'
  | 'headers-too-large'
  | 'internal'

export type ProblemCode = SubmitRefusal['kind'] | RequestFailure

interface ProblemKind {
  readonly status: number
  readonly title: string
  /** What happened and what to do. */
  readonly help: string
  /** Seconds after which a repetition may succeed; absent where it never will as it is. */
  readonly retryAfter?: number
}

/** Status policy of docs/API.md: 400 syntax, 409 conflict, 413 size, 422 well-formed but refused, 429 and 503 retryable. */
export const PROBLEMS: Readonly<Record<ProblemCode, ProblemKind>> = Object.freeze({
  'malformed-transaction': {
    status: 400,
    title: 'Malformed transaction',
    help: 'The bytes do not decode as a transaction. Build it again with a current client.',
  },
  'unsupported-kind': {
    status: 422,
    title: 'Transaction kind not supported',
    help: 'This chain has no transaction of this kind.',
  },
  'wrong-chain': {
    status: 422,
    title: 'Transaction of another chain',
    help: 'The transaction names another genesis hash, so it was signed for another chain. Sign it for the one that GET /v1 names.',
  },
  'bad-signature': {
    status: 422,
    title: 'Bad signature',
    help: 'The signature does not verify for the key in the transaction. Sign again, since every change of the bytes needs a new signature.',
  },
  'fee-too-low': {
    status: 422,
    title: 'Fee too low',
    help: 'The fee is below the minimum of the chain. Sign again with at least `expected`.',
  },
  'nonce-too-low': {
    status: 422,
    title: 'Nonce too low',
    help: 'A committed transaction of the sender has used this nonce. Ask GET /v1/accounts/{address}/nonce and sign again.',
  },
  'nonce-too-high': {
    status: 422,
    title: 'Nonce too high',
    help: 'The nonce is too far ahead of the committed one. Fill the gap first, or sign with the next nonce.',
  },
  'insufficient-funds': {
    status: 422,
    title: 'Insufficient funds',
    help: 'The balance does not cover the amounts and the fee.',
  },
  expired: {
    status: 422,
    title: 'Transaction expired',
    help: 'The chain has passed `validUntil`, so the transaction will never commit. Sign it again with a later one.',
  },
  'valid-until-too-far': {
    status: 422,
    title: 'Valid-until height too far ahead',
    help: '`validUntil` lies further ahead than the chain accepts. Sign again with at most `max`.',
  },
  'transaction-too-large': {
    status: 413,
    title: 'Transaction too large',
    help: 'The transaction has more bytes than the chain accepts. Split it.',
  },
  'nonce-taken': {
    status: 409,
    title: 'Nonce taken by another pending transaction',
    help: 'Another pending transaction of the sender has this nonce. Wait for it, or replace it with a fee of `feeNeeded`.',
  },
  'account-limit': {
    status: 429,
    title: 'Too many pending transactions of this account',
    retryAfter: 2,
    help: 'The sender has as many pending transactions here as the node holds for one account. Let some commit first.',
  },
  'mempool-full': {
    status: 503,
    title: 'Mempool full',
    retryAfter: 2,
    help: 'The node holds as many transactions as it can. Come back, or pay at least `feeNeeded`.',
  },
  'not-ready': {
    status: 503,
    title: 'Node not ready',
    retryAfter: 5,
    help: 'The node cannot take transactions now, for example because it is catching up. Come back, or ask another node.',
  },
  'invalid-request': {
    status: 400,
    title: 'Invalid request',
    help: 'A parameter or a member of the body is wrong; `errors` names each. Nothing was done.',
  },
  'malformed-json': {
    status: 400,
    title: 'Malformed JSON',
    help: 'The body is no JSON, or it is nested too deep.',
  },
  'invalid-cursor': {
    status: 400,
    title: 'Invalid cursor',
    help: 'The cursor belongs to another list, other parameters or another chain. Begin the list again.',
  },
  'route-unknown': {
    status: 404,
    title: 'No such endpoint',
    help: 'There is no such endpoint. GET /v1 lists them all.',
  },
  'tx-unknown': {
    status: 404,
    title: 'Transaction unknown',
    help: 'The node knows nothing of the transaction. If `height` is above its `validUntil`, it will never commit.',
  },
  'block-unknown': {
    status: 404,
    title: 'Block unknown',
    help: 'No committed block has this height or hash yet. `height` is that of the head.',
  },
  'problem-unknown': {
    status: 404,
    title: 'Problem code unknown',
    help: 'No problem has this code.',
  },
  'method-not-allowed': {
    status: 405,
    title: 'Method not allowed',
    help: 'The endpoint exists, but not for this method. The header Allow lists its methods.',
  },
  'not-acceptable': {
    status: 406,
    title: 'Not acceptable',
    help: 'The endpoint cannot answer in any media type of the header Accept. Leave it out, or accept application/json.',
  },
  'request-timeout': {
    status: 408,
    title: 'Request not received in time',
    help: 'The request did not arrive in time, so the connection was closed.',
  },
  'block-pruned': {
    status: 410,
    title: 'Block no longer held',
    help: 'The node no longer holds this block. Its oldest has height `oldestHeight`; ask a node that keeps more.',
  },
  'proof-unavailable': {
    status: 409,
    title: 'Not provable yet',
    help: 'The node does not hold a block that makes this final beyond doubt. The next commit does; ask again after it.',
  },
  'min-height-unmet': {
    status: 412,
    title: 'Chain not yet at the wanted height',
    retryAfter: 1,
    help: 'The chain of this node did not reach X-Min-Height in time. Come back, or ask another node.',
  },
  'body-too-large': {
    status: 413,
    title: 'Body too large',
    help: 'The body is larger than this endpoint reads.',
  },
  'unsupported-media-type': {
    status: 415,
    title: 'Unsupported media type',
    help: 'The endpoint reads no body of this Content-Type or with this Content-Encoding.',
  },
  'too-many-requests': {
    status: 429,
    title: 'Too many requests',
    retryAfter: 1,
    help: 'You sent more requests than one client may. The header RateLimit says how many are left and when they return.',
  },
  'too-many-streams': {
    status: 429,
    title: 'Too many event streams',
    retryAfter: 5,
    help: 'You, or all clients of this node together, hold as many event streams open as it allows. Close one, or ask another node.',
  },
  'headers-too-large': {
    status: 431,
    title: 'Request headers too large',
    help: 'The headers of the request exceed 16 KiB.',
  },
  internal: {
    status: 500,
    title: 'Internal error',
    help: 'The node met an error of its own. Its log has it under `requestId`.',
  },
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
