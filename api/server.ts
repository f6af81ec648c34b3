// The HTTP server: express with its limits, the routes, and the way every failure becomes a problem.
// Owns sockets and the order of the layers (id, limits, route); never what an endpoint means.

import { randomBytes } from 'node:crypto'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import cors from 'cors'
import express, { type Express, type NextFunction, type Request, type Response } from 'express'
import helmet from 'helmet'
import { InvariantError } from '../crypto/assert.ts'
import {
  type ApiContext,
  createSender,
  EXPOSED_HEADERS,
  type Handler,
  type Route,
  refuse,
  startTiming,
} from './answer.ts'
import { answerBrokenRequests } from './broken-requests.ts'
import { mediaTypesOf } from './contract/operation.ts'
import { addDocsPages } from './docs-pages.ts'
import { createEventLog } from './event-log.ts'
import { awaitHeight } from './min-height.ts'
import type { ApiPorts } from './ports.ts'
import type { Problem } from './problem.ts'
import { createRateLimiter, type RateLimit } from './rate-limit.ts'
import { ROUTES } from './routes.ts'
import { createWaiters } from './waiters.ts'

export interface ApiOptions {
  /** False lifts it: for load generators and test networks. Default 1,000 requests in 10 s per client. */
  readonly rateLimit?: RateLimit | false
  /** Connections held at once; more are closed on arrival. Default 1,024. */
  readonly connectionsMax?: number
  /** Requests held open at once, in all (default 1,024) and per client address (default 64). */
  readonly waitersMax?: number
  readonly waitersPerClientMax?: number
  /** Event streams open at once, in all (default 256) and per client address (default 16). */
  readonly streamsMax?: number
  readonly streamsPerClientMax?: number
  /** An event stream without events carries a comment this often, default 15,000 ms. */
  readonly keepAliveMs?: number
  /** A reader of events that takes nothing for so long is cut off, default 30,000 ms. */
  readonly streamStallMs?: number
  /** Time to receive a request's headers, default 5,000 ms, and all of it, default 10,000 ms. */
  readonly headersTimeoutMs?: number
  readonly requestTimeoutMs?: number
  /** How long an idle connection is kept, default 30,000 ms. */
  readonly keepAliveTimeoutMs?: number
  /** How long `X-Min-Height` is waited for, default 2,000 ms. */
  readonly minHeightWaitMs?: number
  /** How long a stop waits for answers under way, default 1,500 ms. */
  readonly stopTimeoutMs?: number
  /** Reverse proxies in front whose X-Forwarded-For is believed, default 0. */
  readonly trustedProxies?: number
  /** Whether GET /metrics is served, default true. */
  readonly metrics?: boolean
  /** Told of every internal error with the id of its request. By default a broken invariant stops the process. */
  readonly onFault?: (error: unknown, requestId: string) => void
}

export interface Api {
  /** Port 0 takes a free one. */
  start(host: string, port: number): Promise<{ readonly port: number }>
  /** Answers what is under way, then closes every connection; within stopTimeoutMs. */
  stop(): Promise<void>
  /** Requests held open at this moment. */
  waiting(): number
  /** Event streams open at this moment. */
  streaming(): number
}

const RATE_LIMIT: RateLimit = { windowMs: 10_000, requestsMax: 1_000 }
/** Above the longest wait: a connection without any traffic for so long has nobody at its other end. */
const SOCKET_IDLE_MS_MAX = 60_000
const HEADER_BYTES_MAX = 16 * 1024

export function createApi(ports: ApiPorts, options: ApiOptions = {}): Api {
  const waiters = createWaiters({ max: options.waitersMax ?? 1_024, perClientMax: options.waitersPerClientMax ?? 64 })
  const routes = options.metrics === false ? ROUTES.filter(({ operation }) => operation.path !== '/metrics') : ROUTES
  const operations = routes.map(({ operation }) => operation)
  const places = createWaiters({ max: options.streamsMax ?? 256, perClientMax: options.streamsPerClientMax ?? 16 })
  const limits = { keepAliveMs: options.keepAliveMs ?? 15_000, stallMs: options.streamStallMs ?? 30_000 }
  const events = { log: createEventLog(ports.chain), places, limits }
  const api: ApiContext = { ports, info: ports.chain.info(), waiters, events, operations }
  const server = createHttpServer(createApp(api, routes, options), options)
  return {
    start: (host, port) => listen(server, host, port),
    stop: async () => {
      const closed = new Promise<void>((resolve) => {
        server.close(() => resolve())
      })
      waiters.stop()
      places.stop()
      server.closeIdleConnections()
      // Connections whose answer is under way become idle with it; what is left then is cut.
      const sweep = setInterval(() => server.closeIdleConnections(), 20)
      const cut = setTimeout(() => server.closeAllConnections(), options.stopTimeoutMs ?? 1_500)
      await closed
      clearInterval(sweep)
      clearTimeout(cut)
    },
    waiting: () => waiters.count,
    streaming: () => places.count,
  }
}

function createHttpServer(app: Express, options: ApiOptions): Server {
  const headersTimeout = options.headersTimeoutMs ?? 5_000
  const requestTimeout = options.requestTimeoutMs ?? 10_000
  const server = createServer(
    {
      headersTimeout,
      requestTimeout,
      keepAliveTimeout: options.keepAliveTimeoutMs ?? 30_000,
      maxHeaderSize: HEADER_BYTES_MAX,
      // Node looks at the two time limits this often only, every 30 s by itself.
      connectionsCheckingInterval: Math.min(1_000, headersTimeout, requestTimeout),
    },
    app,
  )
  server.maxConnections = options.connectionsMax ?? 1_024
  server.timeout = SOCKET_IDLE_MS_MAX
  answerBrokenRequests(server)
  return server
}

function listen(server: Server, host: string, port: number): Promise<{ readonly port: number }> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve({ port: (server.address() as AddressInfo).port })
    })
  })
}

function createApp(api: ApiContext, routes: readonly Route[], options: ApiOptions): Express {
  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.set('query parser', 'simple')
  app.set('case sensitive routing', true)
  app.set('strict routing', true)
  app.set('trust proxy', options.trustedProxies ?? 0)
  const send = createSender(api)
  const sendProblem = (request: Request, response: Response, problem: Problem): void => {
    send(request, response, refuse(problem))
  }

  app.use(identify)
  app.use(secure)
  // Reads and submissions carry no credentials, so any page may make them; there is nothing else on this server.
  app.use('/v1', cors({ methods: ['GET', 'HEAD', 'POST'], exposedHeaders: [...EXPOSED_HEADERS], maxAge: 86_400 }))
  const limit = options.rateLimit ?? RATE_LIMIT
  if (limit !== false) app.use('/v1', createRateLimiter(limit, sendProblem))
  addRoutes(
    app,
    routes,
    (route) => {
      const handle = negotiate(route, awaitHeight(route.handle, options.minHeightWaitMs ?? 2_000))
      return async (request, response) => {
        const answer = await handle(request, response, api)
        send(request, response, answer)
        if (answer.kind === 'stream') await answer.feed().finally(() => response.end())
      }
    },
    sendProblem,
  )
  addDocsPages(app, send, sendProblem)
  app.use((request, response) => {
    sendProblem(request, response, { code: 'route-unknown', detail: 'GET /v1 lists the endpoints' })
  })
  const onFault = options.onFault ?? stopOnBrokenInvariant
  app.use((error: unknown, request: Request, response: Response, _next: NextFunction) => {
    const problem = problemOfError(error)
    if (problem.code === 'internal') onFault(error, String(response.getHeader('X-Request-Id')))
    sendProblem(request, response, problem)
  })
  return app
}

function addRoutes(
  app: Express,
  served: readonly Route[],
  serve: (route: Route) => (request: Request, response: Response) => Promise<void>,
  sendProblem: (request: Request, response: Response, problem: Problem) => void,
): void {
  const paths = new Set(served.map(({ operation }) => operation.path))
  for (const path of paths) {
    const routes = served.filter(({ operation }) => operation.path === path)
    const target = app.route(path.replace(/\{(\w+)\}/g, ':$1'))
    for (const route of routes) {
      const { method, body } = route.operation
      if (method === 'GET') target.get(serve(route))
      else target.post(express.raw({ type: () => true, limit: body?.bytesMax ?? 0, inflate: false }), serve(route))
    }
    const allow = routes.map(({ operation: { method } }) => (method === 'GET' ? 'GET, HEAD' : method)).join(', ')
    target.all((request, response) => {
      sendProblem(request, response, { code: 'method-not-allowed', detail: `allowed: ${allow}`, allow })
    })
  }
}

/** Refuses before anything is done what could not be answered in a media type that the client takes (RFC 9110, 12.5.1). */
function negotiate(route: Route, handle: Handler): Handler {
  const types = [...mediaTypesOf(route.operation)]
  const names = ['Accept', ...Object.keys(route.operation.headers ?? {})]
  // What the answer depends on beside the path, where it does.
  const vary = names.slice(types.length > 1 ? 0 : 1).join(', ')
  return (request, response, api) => {
    if (vary !== '') response.setHeader('Vary', vary)
    const { accept } = request.headers
    if (accept === undefined || accept === '*/*' || request.accepts(types) !== false) {
      return handle(request, response, api)
    }
    return refuse({ code: 'not-acceptable', detail: `this is answered as ${types.join(' or ')}` })
  }
}

const REQUEST_ID = /^[\w.-]{1,64}$/
/** Names this process; the counter behind it names the request. */
const idPrefix = randomBytes(6).toString('hex')
let requests = 0

/** A client's own id is kept if it is harmless in a log. */
function identify(request: Request, response: Response, next: NextFunction): void {
  startTiming(response)
  const given = request.headers['x-request-id']
  requests++
  const id = typeof given === 'string' && REQUEST_ID.test(given) ? given : `${idPrefix}-${requests.toString(36)}`
  response.setHeader('X-Request-Id', id)
  next()
}

const securityHeaders = collectSecurityHeaders()

/** helmet's headers never change, so they are computed once. */
function collectSecurityHeaders(): readonly (readonly [string, string])[] {
  const collected = new Map<string, string>()
  const layer = helmet({
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    crossOriginResourcePolicy: { policy: 'cross-origin' },
    // TLS ends at a proxy, whose business this is.
    strictTransportSecurity: false,
  })
  const sink = { setHeader: (name: string, value: string) => collected.set(name, value), removeHeader: () => {} }
  layer({} as Request, sink as unknown as Response, () => {})
  return [...collected]
}

function secure(_request: Request, response: Response, next: NextFunction): void {
  for (const [name, value] of securityHeaders) response.setHeader(name, value)
  next()
}

/** What express and its body reader throw; anything else is ours and tells the client nothing. */
function problemOfError(error: unknown): Problem {
  const { type, status } = Object(error) as { readonly type?: unknown; readonly status?: unknown }
  if (type === 'entity.too.large') return { code: 'body-too-large', detail: 'docs/API.md names the limits' }
  if (type === 'encoding.unsupported') {
    return { code: 'unsupported-media-type', detail: 'no content encoding is accepted' }
  }
  if (status === 400) return { code: 'invalid-request', detail: 'the request cannot be read' }
  return { code: 'internal', detail: 'an internal error, logged under the request id' }
}

function stopOnBrokenInvariant(error: unknown): void {
  if (!(error instanceof InvariantError)) return
  // Outside of express, which would catch it.
  setImmediate(() => {
    throw error
  })
}
