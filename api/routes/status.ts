// What a node says about itself: who it is, whether it lives, whether it can serve, and its metrics.
// Alive and ready are different questions: a node that lost its peers must be left out by a balancer, not restarted.

import { type Answer, type ApiContext, content, type Route } from '../answer.ts'
import { getInfo, getLiveness, getMetrics, getReadiness } from '../contract/node.ts'
import { route } from '../contract/operation.ts'
import type { InfoView, ReadinessView } from '../view.ts'

export const statusRoutes: readonly Route[] = [
  route(getInfo, (_input, api) => showInfo(api)),
  route(getLiveness, showLife),
  route(getReadiness, (_input, api) => showReadiness(api)),
  route(getMetrics, (_input, api) => showMetrics(api)),
]

function showInfo(api: ApiContext): Answer {
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
    endpoints: api.operations.map(({ method, path }) => `${method} ${path}`),
  }
  return content(view)
}

function json(status: number, value: unknown): Answer {
  return { kind: 'text', status, contentType: 'application/json; charset=utf-8', body: JSON.stringify(value) }
}

function showLife(): Answer {
  return json(200, { status: 'alive' })
}

function showReadiness(api: ApiContext): Answer {
  const checks = api.ports.status.checks()
  const isReady = checks.every((check) => check.ok)
  const view: ReadinessView = {
    status: isReady ? 'ready' : 'not-ready',
    checks: Object.fromEntries(checks.map(({ name, ok, detail }) => [name, { ok, detail }])),
  }
  return json(isReady ? 200 : 503, view)
}

async function showMetrics(api: ApiContext): Promise<Answer> {
  const { contentType, body } = await api.ports.status.metrics()
  return { kind: 'text', status: 200, contentType, body }
}
