// What a node says about itself: who it is, whether it lives, whether it can serve, and its metrics.
// Alive and ready are different questions: a node that lost its peers must be left out by a balancer, not restarted.

import type { Request, Response } from 'express'
import { type Answer, type ApiContext, content, pathParameter, type Route, refuse } from '../answer.ts'
import { parseNoQuery } from '../parse.ts'
import { isProblemCode, PROBLEMS } from '../problem.ts'
import type { InfoView, ReadinessView } from '../view.ts'

export const statusRoutes: readonly Route[] = [
  { method: 'GET', path: '/v1', handle: showInfo },
  { method: 'GET', path: '/livez', handle: showLife },
  { method: 'GET', path: '/readyz', handle: showReadiness },
  { method: 'GET', path: '/metrics', handle: showMetrics },
  { method: 'GET', path: '/errors/:code', handle: showProblem },
]

function showInfo(request: Request, _response: Response, api: ApiContext): Answer {
  const query = parseNoQuery(request)
  if (!query.ok) return refuse(query.problem)
  const head = api.ports.chain.head()
  const view: InfoView = {
    chainId: api.info.chainId,
    genesisHash: `0x${api.info.genesisHash}`,
    addressPrefix: api.info.addressPrefix,
    height: String(head.height),
    view: String(head.view),
    version: api.info.softwareVersion,
    role: api.info.role,
    syncing: api.ports.status.checks().some((check) => check.name === 'sync' && !check.ok),
    endpoints: api.endpoints,
  }
  return content(view)
}

function json(status: number, value: unknown): Answer {
  return { kind: 'text', status, contentType: 'application/json; charset=utf-8', body: JSON.stringify(value) }
}

function showLife(): Answer {
  return json(200, { status: 'alive' })
}

function showReadiness(_request: Request, _response: Response, api: ApiContext): Answer {
  const checks = api.ports.status.checks()
  const isReady = checks.every((check) => check.ok)
  const view: ReadinessView = {
    status: isReady ? 'ready' : 'not-ready',
    checks: Object.fromEntries(checks.map(({ name, ok, detail }) => [name, { ok, detail }])),
  }
  return json(isReady ? 200 : 503, view)
}

async function showMetrics(_request: Request, _response: Response, api: ApiContext): Promise<Answer> {
  const { contentType, body } = await api.ports.status.metrics()
  return { kind: 'text', status: 200, contentType, body }
}

/** What the `type` of a problem resolves to. */
function showProblem(request: Request): Answer {
  const code = pathParameter(request, 'code')
  if (!isProblemCode(code)) return refuse({ code: 'problem-unknown', detail: 'no problem has this code' })
  const { status, title, retryAfter } = PROBLEMS[code]
  return content({ code, status, title, retryable: retryAfter !== undefined })
}
