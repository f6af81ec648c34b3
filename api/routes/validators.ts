// The validators of the current epoch, in the order of the validator set, which certificates' bitmaps refer to.

import type { Request, Response } from 'express'
import { type Answer, type ApiContext, content, type Route, refuse } from '../answer.ts'
import { parseNoQuery } from '../parse.ts'
import { viewValidator } from '../view.ts'

export const validatorRoutes: readonly Route[] = [{ method: 'GET', path: '/v1/validators', handle: list }]

function list(request: Request, _response: Response, api: ApiContext): Answer {
  const query = parseNoQuery(request)
  if (!query.ok) return refuse(query.problem)
  return content(api.ports.chain.validators().map((validator) => viewValidator(validator, api.info.addressPrefix)))
}
