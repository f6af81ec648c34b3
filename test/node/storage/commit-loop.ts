// A process of its own that commits and saves until it is killed: node commit-loop.ts <data directory>.
// Prints `<height> <view>` once both are durable, so that the test knows what must still be there.

import { writeSync } from 'node:fs'
import { openChainStore } from '../../../node/storage/chain-store.ts'
import { openFirstSafetyStore } from '../../../node/storage/safety-store.ts'
import {
  certificateOf,
  GENESIS_BLOCK,
  GENESIS_HASH,
  GENESIS_PEAKS,
  GENESIS_STATE,
  LIMITS,
  recordOn,
  safetyAt,
} from './fixture.ts'

const dir = process.argv[2] ?? ''
const chain = await openChainStore(dir, GENESIS_HASH, LIMITS)
const safety = await openFirstSafetyStore(dir, GENESIS_HASH, chain.mirror, LIMITS)
if (safety.kind === 'refuse') throw new Error(safety.reason)
if (chain.head() === undefined) await chain.initialise(GENESIS_BLOCK, GENESIS_STATE, GENESIS_PEAKS)

let view = safety.safety?.lastVotedView ?? 0
for (;;) {
  const head = chain.head()
  const parent = head && chain.blockAt(head.height)
  if (parent === undefined) throw new Error('the head block is gone')
  const record = recordOn(parent)
  view += 1
  await Promise.all([safety.store.save(safetyAt(view)), chain.saveBlock(record.block)])
  await chain.commit([record], certificateOf(record))
  writeSync(1, `${record.block.proposal.header.height} ${view}\n`)
}
