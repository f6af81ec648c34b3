// How full this node's mempool is. Counts only: what is pending is asked for by hash.

import type { Request, Response } from 'express'
import { type Answer, type ApiContext, content, type Route, refuse } from '../answer.ts'
import { parseNoQuery } from '../parse.ts'
import type { MempoolView } from '../view.ts'

export const mempoolRoutes: readonly Route[] = [{ method: 'GET', path: '/v1/mempool', handle: show }]

function show(request: Request, _response: Response, api: ApiContext): Answer {
  const query = parseNoQuery(request)
  if (!query.ok) return refuse(query.problem)
  const { count, bytes, ready, queued, countMax, bytesMax } = api.ports.status.mempool()
  const view: MempoolView = { count, bytes, ready, queued, countMax, bytesMax }
  return content(view)
}
