// How full this node's mempool is. Counts only: what is pending is asked for by hash.

import { type Answer, type ApiContext, content, type Route } from '../answer.ts'
import { getMempool } from '../contract/network.ts'
import { route } from '../contract/operation.ts'
import type { MempoolView } from '../view.ts'

export const mempoolRoutes: readonly Route[] = [route(getMempool, (_input, api) => show(api))]

function show(api: ApiContext): Answer {
  const { count, bytes, ready, queued, countMax, bytesMax } = api.ports.status.mempool()
  const view: MempoolView = { count, bytes, ready, queued, countMax, bytesMax }
  return content(view)
}
