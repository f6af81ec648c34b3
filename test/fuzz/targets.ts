// Every decoder and parser of the project that is ever given bytes from outside the process.

import { consensusTargets } from './targets-consensus.ts'
import { ledgerTargets } from './targets-ledger.ts'
import { nodeTargets } from './targets-node.ts'
import { textTargets } from './targets-text.ts'

export const TARGETS = [...consensusTargets, ...ledgerTargets, ...nodeTargets, ...textTargets]
