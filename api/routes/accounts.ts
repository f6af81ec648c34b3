// Accounts at the committed head. An address that was never used is an account with nothing in it, not an error.

import { parseAddress } from '../../ledger/address.ts'
import { type Answer, type ApiContext, content, type Route, refuse } from '../answer.ts'
import { getAccount, getNonce } from '../contract/accounts.ts'
import { route } from '../contract/operation.ts'
import { invalidParameter, type Parsed, parsed, refused } from '../parse.ts'
import { type NonceView, viewAccount, viewAddress } from '../view.ts'
import { viewAccountProof } from '../view-proof.ts'
import { unprovable } from './proofs.ts'

export const accountRoutes: readonly Route[] = [
  route(getAccount, ({ path, query }, api) => show(path.address, query.proof === 'true', api)),
  route(getNonce, ({ path }, api) => showNonce(path.address, api)),
]

function addressOf(text: string, api: ApiContext): Parsed<string> {
  const address = parseAddress(api.info.addressPrefix, text)
  return address.ok ? parsed(address.address) : refused(invalidParameter('address', address.detail))
}

function show(text: string, isProved: boolean, api: ApiContext): Answer {
  const address = addressOf(text, api)
  if (!address.ok) return refuse(address.problem)
  const { chain, proofs, submitter } = api.ports
  const nextNonce = submitter.nextNonce(address.value)
  // Read in one go with the proof: both are of the same height.
  const account = chain.account(address.value)
  const view = viewAccount(address.value, account, nextNonce, api.info.addressPrefix)
  if (!isProved) return content(view)
  const proof = proofs.account(address.value)
  if (proof === undefined) return refuse(unprovable(`account ${address.value}`, account.height))
  return content({ ...view, proof: viewAccountProof(proof) })
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
