// Requests that are held open: for a commit or for a height. Bounded in all and per client, so that waiting cannot
// exhaust the node. A waiter ends with its response, whether answered or abandoned, and when the server stops.

import type { ServerResponse } from 'node:http'

export interface Waiter {
  /** Aborts when the client goes, the server stops, or the wait is closed. */
  readonly signal: AbortSignal
  /** Frees the place; harmless when repeated. */
  close(): void
}

export interface Waiters {
  /** Undefined over a cap: answer at once instead of waiting. */
  open(client: string, response: ServerResponse): Waiter | undefined
  readonly count: number
  /** Ends every wait and takes no more. */
  stop(): void
}

export function createWaiters(limits: { readonly max: number; readonly perClientMax: number }): Waiters {
  const perClient = new Map<string, number>()
  const open = new Set<AbortController>()
  let stopped = false
  return {
    open(client, response) {
      const held = perClient.get(client) ?? 0
      if (stopped || open.size >= limits.max || held >= limits.perClientMax || response.destroyed) return undefined
      const controller = new AbortController()
      open.add(controller)
      perClient.set(client, held + 1)
      const close = (): void => {
        if (!open.delete(controller)) return
        const rest = (perClient.get(client) ?? 1) - 1
        if (rest === 0) perClient.delete(client)
        else perClient.set(client, rest)
        response.off('close', close)
        // Whoever still listens on behalf of this request stops: the answer may be decided while the wait is open.
        controller.abort()
      }
      response.once('close', close)
      return { signal: controller.signal, close }
    },
    get count() {
      return open.size
    },
    stop() {
      stopped = true
      for (const controller of open) controller.abort()
    },
  }
}

/** The promise's value, or `otherwise` as soon as the signal aborts; a rejection caused by the abort is not one. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal, otherwise: T): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => {})
    return Promise.resolve(otherwise)
  }
  return new Promise((resolve, reject) => {
    const onAbort = (): void => resolve(otherwise)
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(
      (value) => {
        signal.removeEventListener('abort', onAbort)
        resolve(value)
      },
      (error: unknown) => {
        signal.removeEventListener('abort', onAbort)
        if (signal.aborted) resolve(otherwise)
        else reject(error)
      },
    )
  })
}
