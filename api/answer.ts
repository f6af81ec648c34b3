// What a route answers, as a value, and the one place where answers become HTTP.
// Chain headers, conditional requests and caching are decided here alone, from the head at the moment of sending.

import type { Request, Response } from 'express'
import type { Operation } from './contract/operation.ts'
import type { EventLog } from './event-log.ts'
import type { StreamLimits } from './event-stream.ts'
import type { ApiPorts, ChainInfo, Head } from './ports.ts'
import { PROBLEMS, type Problem, viewProblem } from './problem.ts'
import type { Waiters } from './waiters.ts'

export interface Page {
  readonly next: string | null
  readonly prev: string | null
  readonly limit: number
}

/**
 * `immutable`: about something committed, so it can never change. `head`: true until the next block, so ask again.
 * `never`: about this moment.
 */
export type Caching = 'immutable' | 'head' | 'never'

export type Answer =
  | {
      readonly kind: 'content'
      readonly status: 200 | 202
      readonly content: unknown
      readonly page?: Page
      readonly caching: Caching
      /** Strong and unquoted. */
      readonly etag?: string
      /** Where a 202 will be answered finally. */
      readonly location?: string
      /** Seconds; RFC 7240 `wait` that was honoured. */
      readonly appliedWait?: number
    }
  | {
      readonly kind: 'text'
      readonly status: number
      readonly contentType: string
      readonly body: string
      /** Default `never`. */
      readonly caching?: Caching
      readonly etag?: string
      /** For a page: what it may load. */
      readonly contentSecurityPolicy?: string
    }
  | {
      /** Sent while it is made: `feed` writes it once the headers are out. */
      readonly kind: 'stream'
      readonly contentType: string
      readonly feed: () => Promise<void>
    }
  | { readonly kind: 'problem'; readonly problem: Problem }

export interface ApiContext {
  readonly ports: ApiPorts
  readonly info: ChainInfo
  readonly waiters: Waiters
  /** What GET /v1/events works with; `places` bounds its readers. */
  readonly events: { readonly log: EventLog; readonly places: Waiters; readonly limits: StreamLimits }
  /** What is served, for GET /v1 and /openapi.json. */
  readonly operations: readonly Operation[]
}

export type Handler = (request: Request, response: Response, api: ApiContext) => Answer | Promise<Answer>

export interface Route {
  readonly operation: Operation
  readonly handle: Handler
}

const CACHE_CONTROL: Readonly<Record<Caching, string>> = {
  immutable: 'public, max-age=31536000, immutable',
  head: 'no-cache',
  never: 'no-store',
}

/** Seconds a client should let pass before it asks again about a pending transaction. */
const RETRY_AFTER_SECONDS = 1

export const EXPOSED_HEADERS = [
  'X-Chain-Id',
  'X-Block-Height',
  'X-Block-Hash',
  'X-Oldest-Height',
  'X-Request-Id',
  'ETag',
  'Link',
  'Location',
  'Retry-After',
  'Preference-Applied',
  'RateLimit',
  'RateLimit-Policy',
  'Server-Timing',
] as const

export function content(value: unknown, caching: Caching = 'never', etag?: string): Answer {
  return { kind: 'content', status: 200, content: value, caching, ...(etag === undefined ? {} : { etag }) }
}

export function refuse(problem: Problem): Answer {
  return { kind: 'problem', problem }
}

/** Writes answers for one chain; remembers the header texts of the last head, since most answers share it. */
export function createSender(api: ApiContext): (request: Request, response: Response, answer: Answer) => void {
  let known: Head | undefined
  let height = ''
  let blockHash = ''
  let oldest = ''
  const setChainHeaders = (response: Response): void => {
    const head = api.ports.chain.head()
    if (known === undefined || known.blockId !== head.blockId || known.oldestHeight !== head.oldestHeight) {
      known = head
      height = String(head.height)
      blockHash = `0x${head.blockId}`
      oldest = String(head.oldestHeight)
    }
    response.setHeader('X-Chain-Id', api.info.chainId)
    response.setHeader('X-Block-Height', height)
    response.setHeader('X-Block-Hash', blockHash)
    response.setHeader('X-Oldest-Height', oldest)
  }
  return (request, response, answer) => {
    if (response.headersSent || response.destroyed) return
    setChainHeaders(response)
    setTiming(response)
    switch (answer.kind) {
      case 'content':
        return sendContent(request, response, answer)
      case 'text':
        return sendText(request, response, answer)
      case 'stream':
        return beginStream(response, answer.contentType)
      case 'problem':
        return sendProblem(request, response, answer.problem)
    }
  }
}

/** When a request's work began: the first layer calls it. */
export function startTiming(response: Response): void {
  response.locals.startedMs = performance.now()
}

/** W3C Server-Timing: milliseconds from the request's headers to its answer, waits included. */
function setTiming(response: Response): void {
  const { startedMs } = response.locals
  if (typeof startedMs !== 'number') return
  response.setHeader('Server-Timing', `total;dur=${(performance.now() - startedMs).toFixed(2)}`)
}

function sendText(request: Request, response: Response, answer: Extract<Answer, { kind: 'text' }>): void {
  if (answer.contentSecurityPolicy !== undefined) {
    response.setHeader('Content-Security-Policy', answer.contentSecurityPolicy)
  }
  if (isUnchanged(request, response, answer.caching ?? 'never', answer.etag)) return
  end(response, answer.status, answer.contentType, answer.body)
}

/** Sets the caching headers; answers 304 when the client holds the very thing. */
function isUnchanged(request: Request, response: Response, caching: Caching, etag: string | undefined): boolean {
  response.setHeader('Cache-Control', CACHE_CONTROL[caching])
  if (etag === undefined) return false
  response.setHeader('ETag', `"${etag}"`)
  if (!matches(request.headers['if-none-match'], etag)) return false
  response.statusCode = 304
  response.end()
  return true
}

/** Neither compressed nor held back by a proxy on the way. */
function beginStream(response: Response, contentType: string): void {
  response.setHeader('Cache-Control', 'no-store, no-transform')
  response.setHeader('Content-Type', contentType)
  response.setHeader('X-Accel-Buffering', 'no')
  response.flushHeaders()
}

function sendContent(request: Request, response: Response, answer: Extract<Answer, { kind: 'content' }>): void {
  if (isUnchanged(request, response, answer.caching, answer.etag)) return
  if (answer.status === 202) response.setHeader('Retry-After', String(RETRY_AFTER_SECONDS))
  if (answer.location !== undefined) response.setHeader('Location', answer.location)
  if (answer.appliedWait !== undefined) response.setHeader('Preference-Applied', `wait=${answer.appliedWait}`)
  if (answer.page === undefined) {
    end(response, answer.status, 'application/json; charset=utf-8', JSON.stringify({ data: answer.content }))
    return
  }
  const links = linksOf(request, answer.page)
  if (links !== '') response.setHeader('Link', links)
  const body = JSON.stringify({ data: answer.content, page: answer.page })
  end(response, answer.status, 'application/json; charset=utf-8', body)
}

/** RFC 8288 links of a page: the same request with the cursor exchanged. */
function linksOf(request: Request, page: Page): string {
  const links: string[] = []
  for (const rel of ['next', 'prev'] as const) {
    const cursor = page[rel]
    if (cursor === null) continue
    const at = request.originalUrl.indexOf('?')
    const query = new URLSearchParams(at < 0 ? '' : request.originalUrl.slice(at))
    query.set('cursor', cursor)
    links.push(`<${pathOf(request)}?${query}>; rel="${rel}"`)
  }
  return links.join(', ')
}

function sendProblem(request: Request, response: Response, problem: Problem): void {
  const { status, retryAfter } = PROBLEMS[problem.code]
  response.setHeader('Cache-Control', CACHE_CONTROL.never)
  if (problem.allow !== undefined) response.setHeader('Allow', problem.allow)
  if (retryAfter !== undefined && !response.hasHeader('Retry-After')) {
    response.setHeader('Retry-After', String(retryAfter))
  }
  const requestId = String(response.getHeader('X-Request-Id') ?? '')
  const body = JSON.stringify(viewProblem(problem, { instance: pathOf(request).slice(0, 256), requestId }))
  end(response, status, 'application/problem+json; charset=utf-8', body)
}

function end(response: Response, status: number, contentType: string, body: string): void {
  response.statusCode = status
  response.setHeader('Content-Type', contentType)
  response.setHeader('Content-Length', Buffer.byteLength(body))
  response.end(body)
}

export function pathOf(request: Request): string {
  const at = request.originalUrl.indexOf('?')
  return at < 0 ? request.originalUrl : request.originalUrl.slice(0, at)
}

/** RFC 9110 section 13.1.2, by weak comparison. */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false
  if (ifNoneMatch.trim() === '*') return true
  return ifNoneMatch.split(',').some((candidate) => candidate.trim().replace(/^W\//, '') === `"${etag}"`)
}
