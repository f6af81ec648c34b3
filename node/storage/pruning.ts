// What a pruned block takes with it: its record, its id and its transactions' places. One batch with the new oldest height, so
// that after a crash the chain begins where it says it begins.

import type { Height } from '../../consensus/types.ts'
import type { StoredBlock } from '../ports.ts'
import { encodeHeight } from './block-record.ts'
import type { WriteOp } from './database.ts'
import { blockHeightKey, blockKey, OLDEST_KEY, transactionKey } from './keys.ts'

/** @param blocks ascending, from the oldest on @param oldest the height after the last of them */
export function pruningOf(blocks: readonly StoredBlock[], oldest: Height): WriteOp[] {
  const operations: WriteOp[] = [{ type: 'put', key: OLDEST_KEY, value: encodeHeight(oldest) }]
  for (const { block, transactionIds } of blocks) {
    operations.push({ type: 'del', key: blockKey(block.proposal.header.height) })
    operations.push({ type: 'del', key: blockHeightKey(block.id) })
    for (const id of transactionIds) operations.push({ type: 'del', key: transactionKey(id) })
  }
  return operations
}
