// The validators of the current epoch, in the order of the validator set, which certificates' bitmaps refer to.

import { type Answer, type ApiContext, content, type Route } from '../answer.ts'
import { listValidators } from '../contract/network.ts'
import { route } from '../contract/operation.ts'
import { viewValidator } from '../view.ts'

export const validatorRoutes: readonly Route[] = [route(listValidators, (_input, api) => list(api))]

function list(api: ApiContext): Answer {
  return content(api.ports.chain.validators().map((validator) => viewValidator(validator, api.info.addressPrefix)))
}
