// What a node says about itself, as clients see it, and the operations for it.
// Probes take any query, since balancers add their own; everything else refuses what it does not know.

import { z } from 'zod'
import { answers, JSON_TYPE, NONE, type Operation } from './operation.ts'
import { problemPage } from './problem.ts'
import { decimal, enveloped, hash, type Seen } from './spelling.ts'

const info = z
  .object({
    chainId: z.string(),
    genesisHash: hash,
    addressPrefix: z.string(),
    height: decimal,
    view: decimal,
    version: z.string(),
    role: z.enum(['validator', 'full']),
    syncing: z.boolean(),
    endpoints: z.array(z.string()),
  })
  .meta({ id: 'NodeInfo' })
export type InfoView = Seen<z.infer<typeof info>>

const readiness = z
  .object({
    status: z.enum(['ready', 'not-ready']),
    checks: z.record(z.string(), z.object({ ok: z.boolean(), detail: z.string() })),
  })
  .meta({ id: 'Readiness' })
export type ReadinessView = Seen<z.infer<typeof readiness>>

const ANY = z.looseObject({})
const codeParameter = z.object({
  code: z.string().max(64).meta({ pattern: '^[a-z-]{1,64}$', description: 'A problem code.' }),
})

export const getInfo = {
  id: 'getInfo',
  method: 'GET',
  path: '/v1',
  tag: 'Node',
  summary: 'The node and its chain',
  description: 'Where to begin: the chain, its head, and every endpoint.',
  parameters: NONE,
  query: NONE,
  answers: { 200: answers('The node.', enveloped(info)) },
  problems: [],
  example: {},
} satisfies Operation<typeof NONE, typeof NONE>

export const getLiveness = {
  id: 'getLiveness',
  method: 'GET',
  path: '/livez',
  tag: 'Node',
  summary: 'Whether the process answers',
  description: 'Restart the node when it does not.',
  parameters: NONE,
  query: ANY,
  answers: { 200: answers('It lives.', z.object({ status: z.enum(['alive']) })) },
  problems: [],
  example: {},
} satisfies Operation<typeof NONE, typeof ANY>

export const getReadiness = {
  id: 'getReadiness',
  method: 'GET',
  path: '/readyz',
  tag: 'Node',
  summary: 'Whether the node can serve',
  description: 'Send no requests there while it is 503, but do not restart it.',
  parameters: NONE,
  query: ANY,
  answers: { 200: answers('Every check is ok.', readiness), 503: answers('The checks say why not.', readiness) },
  problems: [],
  example: {},
} satisfies Operation<typeof NONE, typeof ANY>

export const getMetrics = {
  id: 'getMetrics',
  method: 'GET',
  path: '/metrics',
  tag: 'Node',
  summary: 'Metrics',
  description: 'Prometheus text exposition.',
  parameters: NONE,
  query: ANY,
  answers: { 200: { description: 'Metrics.', content: { 'text/plain': 'text' } } },
  problems: [],
  example: {},
} satisfies Operation<typeof NONE, typeof ANY>

export const getProblem = {
  id: 'getProblem',
  method: 'GET',
  path: '/errors/{code}',
  tag: 'Node',
  summary: 'What a problem code means',
  description: 'The `type` of every problem resolves to it. A page for people with `Accept: text/html`.',
  parameters: codeParameter,
  query: NONE,
  answers: {
    200: { description: 'The code, explained.', content: { [JSON_TYPE]: problemPage, 'text/html': 'text' } },
  },
  problems: ['problem-unknown'],
  example: { path: { code: 'nonce-too-low' } },
} satisfies Operation<typeof codeParameter, typeof NONE>

export const getDocument = {
  id: 'getDocument',
  method: 'GET',
  path: '/openapi.json',
  tag: 'Node',
  summary: 'This document',
  description: 'OpenAPI 3.1. `/docs` shows it.',
  parameters: NONE,
  query: NONE,
  answers: { 200: answers('The document.', z.looseObject({ openapi: z.string() })) },
  problems: [],
  example: {},
} satisfies Operation<typeof NONE, typeof NONE>
