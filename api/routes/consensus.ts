// Where this node's consensus stands. It is this node's own view of the protocol, not something the chain agreed on.

import { content, type Route } from '../answer.ts'
import { getConsensus } from '../contract/network.ts'
import { route } from '../contract/operation.ts'
import { viewConsensus } from '../view.ts'

export const consensusRoutes: readonly Route[] = [
  route(getConsensus, (_input, api) => content(viewConsensus(api.ports.status.consensus()))),
]
