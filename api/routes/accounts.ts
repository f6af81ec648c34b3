// Accounts at the committed head. An address that was never used is an account with nothing in it, not an error.

import { parseAddress } from '../../ledger/address.ts'
import { type Answer, type ApiContext, content, type Route, refuse } from '../answer.ts'
import { getAccount, getNonce } from '../contract/accounts.ts'
import { route } from '../contract/operation.ts'
import { invalidParameter, type Parsed, parsed, refused } from '../parse.ts'
import { type NonceView, viewAccount, viewAddress } from '../view.ts'

export const accountRoutes: readonly Route[] = [
  route(getAccount, ({ path }, api) => show(path.address, api)),
  route(getNonce, ({ path }, api) => showNonce(path.address, api)),
]

function addressOf(text: string, api: ApiContext): Parsed<string> {
  const address = parseAddress(api.info.addressPrefix, text)
  return address.ok ? parsed(address.address) : refused(invalidParameter('address', address.detail))
}

function show(text: string, api: ApiContext): Answer {
  const address = addressOf(text, api)
  if (!address.ok) return refuse(address.problem)
  const { chain, submitter } = api.ports
  const nextNonce = submitter.nextNonce(address.value)
  return content(viewAccount(address.value, chain.account(address.value), nextNonce, api.info.addressPrefix))
}

function showNonce(text: string, api: ApiContext): Answer {
  const address = addressOf(text, api)
  if (!address.ok) return refuse(address.problem)
  const view: NonceView = {
    ...viewAddress(api.info.addressPrefix, address.value),
    committed: String(api.ports.chain.account(address.value).nonce),
    next: String(api.ports.submitter.nextNonce(address.value)),
  }
  return content(view)
}
