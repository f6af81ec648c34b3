// Every endpoint of the API, in the order in which they are tried. Nothing is served that is not listed here,
// but for the pages of /docs.

import type { Route } from './answer.ts'
import { accountRoutes } from './routes/accounts.ts'
import { blockRoutes } from './routes/blocks.ts'
import { consensusRoutes } from './routes/consensus.ts'
import { documentRoutes } from './routes/document.ts'
import { eventRoutes } from './routes/events.ts'
import { mempoolRoutes } from './routes/mempool.ts'
import { proofRoutes } from './routes/proofs.ts'
import { statusRoutes } from './routes/status.ts'
import { transactionRoutes } from './routes/transactions.ts'
import { validatorRoutes } from './routes/validators.ts'

/** Submission first, and a fixed path before the patterns that match it too: express tries its routes in order. */
export const ROUTES: readonly Route[] = [
  ...transactionRoutes,
  ...blockRoutes,
  ...proofRoutes,
  ...eventRoutes,
  ...accountRoutes,
  ...validatorRoutes,
  ...consensusRoutes,
  ...mempoolRoutes,
  ...statusRoutes,
  ...documentRoutes,
]
