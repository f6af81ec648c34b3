// Accounts at the committed head. An address that was never used is an account with nothing in it, not an error.

import type { Request, Response } from 'express'
import { parseAddress } from '../../ledger/address.ts'
import { type Answer, type ApiContext, content, pathParameter, type Route, refuse } from '../answer.ts'
import { invalidParameter, type Parsed, parsed, parseNoQuery, refused } from '../parse.ts'
import { type NonceView, viewAccount, viewAddress } from '../view.ts'

export const accountRoutes: readonly Route[] = [
  { method: 'GET', path: '/v1/accounts/:address', handle: show },
  { method: 'GET', path: '/v1/accounts/:address/nonce', handle: showNonce },
]

function addressOf(request: Request, api: ApiContext): Parsed<string> {
  const query = parseNoQuery(request)
  if (!query.ok) return query
  const address = parseAddress(api.info.addressPrefix, pathParameter(request, 'address'))
  return address.ok ? parsed(address.address) : refused(invalidParameter('address', address.detail))
}

function show(request: Request, _response: Response, api: ApiContext): Answer {
  const address = addressOf(request, api)
  if (!address.ok) return refuse(address.problem)
  const { chain, submitter } = api.ports
  const nextNonce = submitter.nextNonce(address.value)
  return content(viewAccount(address.value, chain.account(address.value), nextNonce, api.info.addressPrefix))
}

function showNonce(request: Request, _response: Response, api: ApiContext): Answer {
  const address = addressOf(request, api)
  if (!address.ok) return refuse(address.problem)
  const view: NonceView = {
    ...viewAddress(api.info.addressPrefix, address.value),
    committed: String(api.ports.chain.account(address.value).nonce),
    next: String(api.ports.submitter.nextNonce(address.value)),
  }
  return content(view)
}
