// Parameters that several operations share, from text to branded value. Limits are refused, never clamped.
// `meta` describes what a client writes where the schema alone would describe the text less well.

import { z } from 'zod'
import {
  hashOrUndefined,
  PAGE_LIMIT_DEFAULT,
  PAGE_LIMIT_MAX,
  parseBlockRef,
  parseHeight,
  WAIT_MS_MAX,
} from '../parse.ts'

export const heightText = z
  .string()
  .transform((text, context) => {
    const height = parseHeight(text)
    if (height !== undefined) return height
    context.addIssue({ code: 'custom', message: 'expected a height: a decimal number below 2^53' })
    return z.NEVER
  })
  .meta({ type: 'string', pattern: '^(?:0|[1-9]\\d{0,14})$', description: 'A height.' })

export const hashText = z
  .string()
  .transform((text, context) => {
    const hash = hashOrUndefined(text)
    if (hash !== undefined) return hash
    context.addIssue({ code: 'custom', message: 'expected 0x and 64 hex digits' })
    return z.NEVER
  })
  .meta({ type: 'string', pattern: '^0x[0-9a-fA-F]{64}$', description: '0x and 64 hex digits of either case.' })

export const blockText = z
  .string()
  .transform((text, context) => {
    const ref = parseBlockRef(text)
    if (ref !== undefined) return { text, ref }
    context.addIssue({ code: 'custom', message: 'expected latest, genesis, a height or 0x and 64 hex digits' })
    return z.NEVER
  })
  .meta({
    type: 'string',
    pattern: '^(?:latest|genesis|0|[1-9]\\d{0,14}|0x[0-9a-fA-F]{64})$',
    description: '`latest`, `genesis`, a height, or a hash with 0x.',
  })

/** Parsed by the handler, since the prefix is the network's. */
export const addressText = z.string().max(128).meta({
  pattern: '^(?:0x[0-9a-fA-F]{40}|[a-z0-9]{1,16}1[02-9ac-hj-np-z]{38,60})$',
  description: 'An address: bech32m with the prefix of the network, or 0x and 40 hex digits.',
})

export const limitText = z
  .string()
  .regex(/^[1-9]\d{0,3}$/, 'expected a number from 1 to 100')
  .transform(Number)
  .pipe(z.number().max(PAGE_LIMIT_MAX, 'at most 100'))
  .default(PAGE_LIMIT_DEFAULT)
  .meta({
    type: 'integer',
    minimum: 1,
    maximum: PAGE_LIMIT_MAX,
    default: PAGE_LIMIT_DEFAULT,
    description: 'Items of a page.',
  })

export const cursorText = z
  .string()
  .max(64)
  .optional()
  .meta({ description: '`next` or `prev` of another page of the same list.' })

const order = z.enum(['asc', 'desc']).meta({ description: 'Oldest or newest first.' })

/** `order`, `limit` and `cursor` of a list. */
export function pageParameters(usualOrder: 'asc' | 'desc') {
  return { order: order.default(usualOrder), limit: limitText, cursor: cursorText }
}

const durationText = z
  .string()
  .regex(/^\d{1,6}(?:ms|s)$/, 'expected a duration such as 10s or 500ms')
  .transform((text) => (text.endsWith('ms') ? Number(text.slice(0, -2)) : Number(text.slice(0, -1)) * 1000))
  .pipe(z.number().max(WAIT_MS_MAX, 'at most 30s'))

export const waitQuery = z
  .strictObject({
    wait: z.enum(['accepted', 'committed']).optional().meta({
      description: 'Hold the answer until the transaction commits or goes. A wait that ends is no error: 202.',
    }),
    timeout: durationText.optional().meta({
      type: 'string',
      pattern: '^(?:[1-9]\\d{0,3}ms|[12]?\\ds|30s)$',
      description: 'How long to wait, `500ms` to `30s`; `10s` when absent. Only with `wait=committed`.',
    }),
  })
  .refine(({ wait, timeout }) => wait !== undefined || timeout === undefined, {
    path: ['timeout'],
    message: 'only together with wait=committed',
  })

export const PREFER_HEADER = { Prefer: '`wait=10` is the same as `?wait=committed&timeout=10s` (RFC 7240).' } as const
