// The table of seeded bugs: every rule the project lives by, taken out once. npm run mutants applies each of them to a copy of the
// tree and asks the tests; one that no test notices is a hole in the tests.

import type { Mutant } from './mutant.ts'
import { CERTIFICATES_AND_KEYS, PROPOSALS_AND_INGRESS } from './of-checks.ts'
import { API, NETWORK } from './of-edges.ts'
import { MEMPOOL, SUBMISSION_AND_WIRING } from './of-mempool.ts'
import { DISK, EXECUTION, SNAPSHOTS } from './of-node.ts'
import { CERTIFICATES_AND_VIEWS, TREE_AND_SET } from './of-views.ts'
import { VOTE_AND_COMMIT } from './of-voting.ts'

export const MUTANTS: readonly Mutant[] = [
  ...VOTE_AND_COMMIT,
  ...CERTIFICATES_AND_VIEWS,
  ...TREE_AND_SET,
  ...CERTIFICATES_AND_KEYS,
  ...PROPOSALS_AND_INGRESS,
  ...DISK,
  ...SNAPSHOTS,
  ...EXECUTION,
  ...MEMPOOL,
  ...SUBMISSION_AND_WIRING,
  ...NETWORK,
  ...API,
]
