// Request bodies to transaction bytes: the hot path of the API, so each byte is looked at once where possible.
// Owns media types, JSON nesting and hex; never looks inside a transaction.

import type { Request } from 'express'
import type { z } from 'zod'
import { batchBody, oneBody } from './contract/transactions.ts'
import { bytesOfHex } from './hex.ts'
import { ERRORS_MAX, JSON_DEPTH_MAX, type Parsed, parsed, refused } from './parse.ts'
import type { FieldError, Problem } from './problem.ts'

const OPEN_BRACE = 0x7b
const OPEN_BRACKET = 0x5b

/** One transaction: JSON `{ "tx": "0x…" }` or its bytes as application/octet-stream. */
export function parseTransactionBody(request: Request): Parsed<Uint8Array> {
  const type = mediaType(request)
  const body = bodyOf(request)
  if (type === 'application/octet-stream') {
    if (body.length === 0) return refused(invalidBody([{ pointer: '', detail: 'the body is empty' }]))
    return parsed(body)
  }
  if (type !== 'application/json') {
    return refused(unsupported('application/json or application/octet-stream'))
  }
  const json = parseJson(body)
  if (!json.ok) return json
  const shape = oneBody.safeParse(json.value)
  if (!shape.success) return refused(invalidShape(shape.error))
  const bytes = bytesOfHex(shape.data.tx)
  if (bytes === undefined) return refused(invalidBody([{ pointer: '/tx', detail: NOT_HEX }]))
  return parsed(bytes)
}

/** JSON `{ "txs": ["0x…", …] }`. One entry that is not hex refuses the whole request: nothing has been submitted then. */
export function parseBatchBody(request: Request): Parsed<Uint8Array[]> {
  if (mediaType(request) !== 'application/json') return refused(unsupported('application/json'))
  const json = parseJson(bodyOf(request))
  if (!json.ok) return json
  const shape = batchBody.safeParse(json.value)
  if (!shape.success) return refused(invalidShape(shape.error))
  const batch: Uint8Array[] = []
  const errors: FieldError[] = []
  for (const [index, hex] of shape.data.txs.entries()) {
    const bytes = bytesOfHex(hex)
    if (bytes !== undefined) batch.push(bytes)
    else if (errors.length < ERRORS_MAX) errors.push({ pointer: `/txs/${index}`, detail: NOT_HEX })
  }
  return errors.length === 0 ? parsed(batch) : refused(invalidBody(errors))
}

const NOT_HEX = 'expected 0x and an even number of hex digits'

function mediaType(request: Request): string {
  const header = request.headers['content-type'] ?? ''
  if (header === 'application/json') return header
  const at = header.indexOf(';')
  return (at < 0 ? header : header.slice(0, at)).trim().toLowerCase()
}

function bodyOf(request: Request): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0)
}

function parseJson(body: Buffer): Parsed<unknown> {
  if (isTooDeep(body)) {
    return refused({ code: 'malformed-json', detail: `nested deeper than ${JSON_DEPTH_MAX}` })
  }
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return parsed(value)
  } catch {
    return refused({ code: 'malformed-json', detail: 'the body is not JSON' })
  }
}

/** Nesting cannot exceed the number of opening brackets, which is two in every honest request and costs two searches. */
export function isTooDeep(body: Uint8Array): boolean {
  if (countUpTo(body, OPEN_BRACE, JSON_DEPTH_MAX) + countUpTo(body, OPEN_BRACKET, JSON_DEPTH_MAX) <= JSON_DEPTH_MAX) {
    return false
  }
  let depth = 0
  let inText = false
  for (let at = 0; at < body.length; at++) {
    const byte = body[at]
    if (inText) {
      if (byte === 0x5c) at++
      else if (byte === 0x22) inText = false
    } else if (byte === 0x22) inText = true
    else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      depth++
      if (depth > JSON_DEPTH_MAX) return true
    } else if (byte === 0x7d || byte === 0x5d) depth--
  }
  return false
}

/** How often the byte occurs, counting no further than one above `max`. */
function countUpTo(body: Uint8Array, byte: number, max: number): number {
  let count = 0
  for (let at = body.indexOf(byte); at >= 0 && count <= max; at = body.indexOf(byte, at + 1)) count++
  return count
}

function unsupported(expected: string): Problem {
  return { code: 'unsupported-media-type', detail: `expected ${expected}` }
}

function invalidBody(errors: readonly FieldError[]): Problem {
  const detail = errors.map((error) => `${error.pointer}: ${error.detail}`).join('; ')
  return { code: 'invalid-request', detail, errors }
}

function invalidShape(error: z.ZodError): Problem {
  return invalidBody(
    error.issues.slice(0, ERRORS_MAX).map((issue) => ({
      // RFC 6901: ~ and / are escaped in a reference token.
      pointer: issue.path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
      detail: issue.message.slice(0, 200),
    })),
  )
}
