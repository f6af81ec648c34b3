// Untrusted text to branded values, and what the API says of the rest. Limits are refused, never clamped. api/contract
// builds its parameters from these. Nothing here reads the chain; what a value refers to is the routes' business.

import type { Request } from 'express'
import type { z } from 'zod'
import type { BlockId, Height } from '../consensus/types.ts'
import { type Hash, isHash } from '../crypto/bytes.ts'
import type { FieldError, Problem } from './problem.ts'

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem }

/** Longest time a response may be held open. */
export const WAIT_MS_MAX = 30_000
const WAIT_MS_DEFAULT = 10_000
export const PAGE_LIMIT_MAX = 100
export const PAGE_LIMIT_DEFAULT = 25
export const BATCH_MAX = 256
/** Bytes of a body with one transaction. */
export const BODY_BYTES_MAX = 64 * 1024
/** Bytes of a body with a batch. */
export const BATCH_BODY_BYTES_MAX = 2 * 1024 * 1024
/** Nesting of JSON; what we accept has three levels. */
export const JSON_DEPTH_MAX = 16

/** Errors named in one answer; the rest are as wrong as these. */
export const ERRORS_MAX = 16

export const parsed = <T>(value: T): Parsed<T> => ({ ok: true, value })
export const refused = (problem: Problem): { readonly ok: false; readonly problem: Problem } => ({ ok: false, problem })

function invalid(errors: readonly FieldError[]): { readonly ok: false; readonly problem: Problem } {
  const detail = errors.map((error) => `${error.parameter ?? error.pointer ?? 'request'}: ${error.detail}`).join('; ')
  return refused({ code: 'invalid-request', detail, errors })
}

export function invalidParameter(parameter: string, detail: string): Problem {
  return invalid([{ parameter, detail }]).problem
}

/** 0x and 64 hex digits of either case, or undefined. */
export function hashOrUndefined(text: string): Hash | undefined {
  if (text.length !== 66 || !text.startsWith('0x')) return undefined
  const hash = text.slice(2).toLowerCase()
  return isHash(hash) ? hash : undefined
}

/** Decimal without sign or leading zeros, at most 2^53-1; undefined when it is anything else. */
export function parseHeight(text: string): Height | undefined {
  if (!/^(?:0|[1-9]\d{0,15})$/.test(text)) return undefined
  const height = Number(text)
  return Number.isSafeInteger(height) ? (height as Height) : undefined
}

export type BlockRef =
  | { readonly kind: 'latest' }
  | { readonly kind: 'genesis' }
  | { readonly kind: 'height'; readonly height: Height }
  | { readonly kind: 'id'; readonly id: BlockId }

/** Undefined when it names no block in any way. */
export function parseBlockRef(text: string): BlockRef | undefined {
  if (text === 'latest' || text === 'genesis') return { kind: text }
  const hash = hashOrUndefined(text)
  if (hash !== undefined) return { kind: 'id', id: hash as BlockId }
  const height = parseHeight(text)
  return height === undefined ? undefined : { kind: 'height', height }
}

/** What a schema of path or query parameters refused, parameter by parameter. */
export function invalidParameters(error: z.ZodError): Problem {
  return invalid(
    error.issues.slice(0, ERRORS_MAX).flatMap((issue): FieldError[] => {
      if (issue.code === 'unrecognized_keys') {
        const keys = issue.keys.slice(0, ERRORS_MAX)
        return keys.map((parameter) => ({ parameter: parameter.slice(0, 64), detail: 'unknown parameter' }))
      }
      return [{ parameter: String(issue.path[0] ?? ''), detail: issue.message }]
    }),
  ).problem
}

/** How long the client wants the answer held for a commit; `applied` when RFC 7240 `Prefer: wait` decided it. */
export type Wait =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'committed'; readonly timeoutMs: number; readonly applied?: number }

const ACCEPTED: Wait = { kind: 'accepted' }

/** The query decides over the header. A preference above the maximum is honoured up to it, which the answer says. */
export function waitOf(
  query: { readonly wait?: 'accepted' | 'committed' | undefined; readonly timeout?: number | undefined },
  request: Request,
): Wait {
  if (query.wait === 'accepted') return ACCEPTED
  if (query.wait === 'committed') return { kind: 'committed', timeoutMs: query.timeout ?? WAIT_MS_DEFAULT }
  const prefer = request.headers.prefer
  if (prefer === undefined) return ACCEPTED
  const preferred = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?(?=$|[,;\s])/i.exec(String(prefer))?.[1]
  if (preferred === undefined) return ACCEPTED
  const seconds = Math.min(Number(preferred), WAIT_MS_MAX / 1000)
  return { kind: 'committed', timeoutMs: seconds * 1000, applied: seconds }
}
