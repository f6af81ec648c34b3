// Where this node's consensus stands. It is this node's own view of the protocol, not something the chain agreed on.

import type { Request, Response } from 'express'
import { type Answer, type ApiContext, content, type Route, refuse } from '../answer.ts'
import { parseNoQuery } from '../parse.ts'
import { viewConsensus } from '../view.ts'

export const consensusRoutes: readonly Route[] = [{ method: 'GET', path: '/v1/consensus', handle: show }]

function show(request: Request, _response: Response, api: ApiContext): Answer {
  const query = parseNoQuery(request)
  return query.ok ? content(viewConsensus(api.ports.status.consensus())) : refuse(query.problem)
}
