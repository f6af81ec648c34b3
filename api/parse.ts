// Untrusted request to branded values: paths, queries, headers and bodies. Limits are refused, never clamped.
// Nothing here reads the chain; what a value refers to is the routes' business.

import type { Request } from 'express'
import { z } from 'zod'
import type { BlockId, Height } from '../consensus/types.ts'
import { type Hash, isHash } from '../crypto/bytes.ts'
import type { FieldError, Problem } from './problem.ts'

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: Problem }

/** Longest time a response may be held open. */
export const WAIT_MS_MAX = 30_000
const WAIT_MS_DEFAULT = 10_000
export const PAGE_LIMIT_MAX = 100
const PAGE_LIMIT_DEFAULT = 25
export const BATCH_MAX = 256
/** Nesting of JSON; what we accept has three levels. */
export const JSON_DEPTH_MAX = 16

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
function hashOrUndefined(text: string): Hash | undefined {
  if (text.length !== 66 || !text.startsWith('0x')) return undefined
  const hash = text.slice(2).toLowerCase()
  return isHash(hash) ? hash : undefined
}

export function parseTransactionHash(text: string): Parsed<Hash> {
  const hash = hashOrUndefined(text)
  if (hash === undefined) return refused(invalidParameter('hash', 'expected 0x and 64 hex digits'))
  return parsed(hash)
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

export function parseBlockRef(text: string): Parsed<BlockRef> {
  if (text === 'latest' || text === 'genesis') return parsed({ kind: text })
  const hash = hashOrUndefined(text)
  if (hash !== undefined) return parsed({ kind: 'id', id: hash as BlockId })
  const height = parseHeight(text)
  if (height !== undefined) return parsed({ kind: 'height', height })
  return refused(invalidParameter('block', 'expected latest, genesis, a height or 0x and 64 hex digits'))
}

const heightSchema = z.string().transform((text, context) => {
  const height = parseHeight(text)
  if (height !== undefined) return height
  context.addIssue({ code: 'custom', message: 'expected a height: a decimal number below 2^53' })
  return z.NEVER
})

const limitSchema = z
  .string()
  .regex(/^[1-9]\d{0,3}$/, 'expected a number from 1 to 100')
  .transform(Number)
  .pipe(z.number().max(PAGE_LIMIT_MAX, 'at most 100'))
  .default(PAGE_LIMIT_DEFAULT)

const cursorSchema = z.string().max(64).optional()
const orderSchema = z.enum(['asc', 'desc'])

const durationSchema = z
  .string()
  .regex(/^\d{1,6}(?:ms|s)$/, 'expected a duration such as 10s or 500ms')
  .transform((text) => (text.endsWith('ms') ? Number(text.slice(0, -2)) : Number(text.slice(0, -1)) * 1000))
  .pipe(z.number().max(WAIT_MS_MAX, 'at most 30s'))

const INCLUDES = ['transactions', 'certificate'] as const
export type BlockInclude = (typeof INCLUDES)[number]

const includeSchema = z
  .string()
  .transform((text) => text.split(','))
  .pipe(
    z.array(z.enum(INCLUDES, 'expected transactions, certificate or both with a comma between')).max(INCLUDES.length),
  )
  .transform((names): ReadonlySet<BlockInclude> => new Set(names))
  .default(new Set<BlockInclude>())

const noQuery = z.strictObject({})
const blockQuery = z.strictObject({ include: includeSchema })
const waitQuery = z.strictObject({
  wait: z.enum(['accepted', 'committed']).optional(),
  timeout: durationSchema.optional(),
})
const blocksQuery = z.strictObject({
  from: heightSchema.optional(),
  to: heightSchema.optional(),
  order: orderSchema.default('desc'),
  limit: limitSchema,
  cursor: cursorSchema,
})
const pageQuery = z.strictObject({ order: orderSchema.default('asc'), limit: limitSchema, cursor: cursorSchema })

export type BlocksQuery = z.infer<typeof blocksQuery>
export type PageQuery = z.infer<typeof pageQuery>

function parseQuery<S extends z.ZodType>(schema: S, request: Request): Parsed<z.infer<S>> {
  const result = schema.safeParse(request.query)
  if (result.success) return parsed(result.data)
  return invalid(
    result.error.issues.flatMap((issue): FieldError[] => {
      if (issue.code === 'unrecognized_keys') {
        return issue.keys.map((parameter) => ({ parameter: parameter.slice(0, 64), detail: 'unknown parameter' }))
      }
      return [{ parameter: String(issue.path[0] ?? ''), detail: issue.message }]
    }),
  )
}

export const parseNoQuery = (request: Request): Parsed<unknown> => parseQuery(noQuery, request)
export const parseBlockQuery = (request: Request): Parsed<{ include: ReadonlySet<BlockInclude> }> =>
  parseQuery(blockQuery, request)
export const parseBlocksQuery = (request: Request): Parsed<BlocksQuery> => parseQuery(blocksQuery, request)
export const parsePageQuery = (request: Request): Parsed<PageQuery> => parseQuery(pageQuery, request)

/** How long the client wants the answer held for a commit; `applied` when RFC 7240 `Prefer: wait` decided it. */
export type Wait =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'committed'; readonly timeoutMs: number; readonly applied?: number }

const ACCEPTED: Parsed<Wait> = parsed({ kind: 'accepted' })

/** The query decides over the header. A preference above the maximum is honoured up to it, which the answer says. */
export function parseWait(request: Request): Parsed<Wait> {
  const prefer = request.headers.prefer
  // The path of most submissions: no query, nothing to parse.
  if (prefer === undefined && !request.originalUrl.includes('?')) return ACCEPTED
  const query = parseQuery(waitQuery, request)
  if (!query.ok) return query
  const { wait, timeout } = query.value
  if (wait === undefined && timeout !== undefined) {
    return refused(invalidParameter('timeout', 'only together with wait=committed'))
  }
  if (wait === 'accepted') return ACCEPTED
  if (wait === 'committed') return parsed({ kind: 'committed', timeoutMs: timeout ?? WAIT_MS_DEFAULT })
  const preferred = /(?:^|[,;\s])wait\s*=\s*"?(\d{1,6})"?(?=$|[,;\s])/i.exec(String(prefer ?? ''))?.[1]
  if (preferred === undefined) return ACCEPTED
  const seconds = Math.min(Number(preferred), WAIT_MS_MAX / 1000)
  return parsed({ kind: 'committed', timeoutMs: seconds * 1000, applied: seconds })
}
