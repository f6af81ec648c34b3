// `X-Min-Height`: read your own writes behind a load balancer. A node that is behind waits a little, then says 412
// rather than showing an older state. The wait counts against the bound on held requests.

import { setTimeout as delay } from 'node:timers/promises'
import type { Answer, ApiContext, Handler } from './answer.ts'
import { refuse } from './answer.ts'
import { invalidParameter, parseHeight } from './parse.ts'
import { unlessAborted } from './waiters.ts'

/** How often the head is looked at while waiting. */
const POLL_MS = 20

export function awaitHeight(handle: Handler, waitMs: number): Handler {
  return (request, response, api) => {
    const wanted = request.headers['x-min-height']
    if (wanted === undefined) return handle(request, response, api)
    const height = typeof wanted === 'string' ? parseHeight(wanted) : undefined
    if (height === undefined) return refuse(invalidParameter('X-Min-Height', 'expected a height'))
    if (api.ports.chain.head().height >= height) return handle(request, response, api)
    const waiter = api.waiters.open(request.ip ?? 'unknown', response)
    if (waiter === undefined) return unmet(height, api)
    const reached = reach(height, waitMs, api, waiter.signal).finally(() => waiter.close())
    return reached.then((isReached) => (isReached ? handle(request, response, api) : unmet(height, api)))
  }
}

async function reach(height: number, waitMs: number, api: ApiContext, signal: AbortSignal): Promise<boolean> {
  const steps = Math.ceil(waitMs / POLL_MS)
  for (let step = 0; step < steps && !signal.aborted; step++) {
    await unlessAborted(delay(Math.min(POLL_MS, waitMs), undefined, { signal }), signal, undefined)
    if (api.ports.chain.head().height >= height) return true
  }
  return false
}

function unmet(wanted: number, api: ApiContext): Answer {
  const height = String(api.ports.chain.head().height)
  const detail = `the chain is at height ${height}, ${wanted} was wanted`
  return refuse({ code: 'min-height-unmet', detail, members: { height } })
}
