// Requests per client and window, with the IETF draft-8 RateLimit headers. Counts live in one bounded map:
// clients beyond its bound share one count, so that a flood of addresses costs a flood's speed and not memory.

import type { Request, RequestHandler, Response } from 'express'
import { type ClientRateLimitInfo, rateLimit, type Store } from 'express-rate-limit'
import type { Problem } from './problem.ts'

export interface RateLimit {
  /** Milliseconds. */
  readonly windowMs: number
  /** Requests of one client in a window, batches counted as one. */
  readonly requestsMax: number
}

/** Clients counted one by one in a window. */
const CLIENTS_MAX = 65_536
const REST = 'everybody else'

export function createRateStore(windowMs: number, clientsMax: number, nowMs: () => number): Store {
  const hits = new Map<string, number>()
  let endsAtMs = 0
  const turn = (): void => {
    if (nowMs() < endsAtMs) return
    hits.clear()
    endsAtMs = nowMs() + windowMs
  }
  const bucketOf = (client: string): string => (hits.has(client) || hits.size < clientsMax ? client : REST)
  return {
    increment(client): ClientRateLimitInfo {
      turn()
      const bucket = bucketOf(client)
      const totalHits = (hits.get(bucket) ?? 0) + 1
      hits.set(bucket, totalHits)
      return { totalHits, resetTime: new Date(endsAtMs) }
    },
    decrement(client): void {
      const bucket = bucketOf(client)
      hits.set(bucket, Math.max(0, (hits.get(bucket) ?? 0) - 1))
    },
    resetKey(client): void {
      hits.delete(client)
    },
  }
}

export function createRateLimiter(
  limit: RateLimit,
  refuse: (request: Request, response: Response, problem: Problem) => void,
): RequestHandler {
  return rateLimit({
    windowMs: limit.windowMs,
    limit: limit.requestsMax,
    standardHeaders: 'draft-8',
    legacyHeaders: false,
    store: createRateStore(limit.windowMs, CLIENTS_MAX, Date.now),
    // Its checks of the proxy settings print to the console; the node's configuration says what to trust.
    validate: false,
    handler: (request, response) => {
      const detail = `more than ${limit.requestsMax} requests in ${limit.windowMs / 1000} s`
      refuse(request, response, { code: 'too-many-requests', detail })
    },
  })
}
