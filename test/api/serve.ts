// A real server on a real socket in front of the in-memory chain, stopped when the test ends.

import { onTestFinished } from 'vitest'
import { type Api, type ApiOptions, createApi } from '../../api/server.ts'
import { createMemoryChain, type MemoryChain } from './chain.ts'

export interface Reply {
  readonly status: number
  readonly headers: Headers
  /** Parsed JSON; undefined when there is none. */
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into JSON of every shape
  readonly body: any
}

export interface Served {
  readonly chain: MemoryChain
  readonly api: Api
  readonly port: number
  readonly url: string
  get(path: string, headers?: Record<string, string>): Promise<Reply>
  /** JSON unless `contentType` says otherwise. */
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Reply>
  send(path: string, init: RequestInit): Promise<Reply>
}

export async function serve(options: ApiOptions = {}, chain = createMemoryChain()): Promise<Served> {
  const api = createApi(chain.ports, { rateLimit: false, ...options })
  const { port } = await api.start('127.0.0.1', 0)
  onTestFinished(() => api.stop())
  const url = `http://127.0.0.1:${port}`
  const send = async (path: string, init: RequestInit): Promise<Reply> => {
    const response = await fetch(url + path, init)
    // A stream has no end to wait for: what can be seen here is how it begins.
    const isStream = response.headers.get('content-type') === 'text/event-stream'
    if (isStream) await response.body?.cancel()
    const text = isStream ? '' : await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') === true
    return {
      status: response.status,
      headers: response.headers,
      body: isJson && text !== '' ? JSON.parse(text) : undefined,
    }
  }
  return {
    chain,
    api,
    port,
    url,
    send,
    get: (path, headers = {}) => send(path, { headers }),
    post: (path, body, headers = {}) => {
      const isRaw = typeof body === 'string' || body instanceof Uint8Array
      const content = isRaw ? (body as NonNullable<RequestInit['body']>) : JSON.stringify(body)
      return send(path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: content })
    },
  }
}

/** Until the condition holds, looking every few milliseconds; fails after `deadlineMs`. */
export async function until(what: string, condition: () => boolean, deadlineMs = 5_000): Promise<void> {
  const end = performance.now() + deadlineMs
  while (!condition()) {
    if (performance.now() > end) throw new Error(`never came: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
