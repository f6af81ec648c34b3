// The chain that the examples of the contract are asked of: every hash in it is the same in every run.
// Two transfers of Alice commit in block 1, a third waits; the operations' example requests name these.

import { createMemoryChain, type MemoryChain, transfer } from '../chain.ts'

/** Pending: a third transfer of Alice. */
const PENDING = transfer({ nonce: 2n, amount: 3n })

/** What the example of submitTransaction submits. */
export const SUBMITTED = transfer({ nonce: 3n, amount: 4n, validUntil: 500 })
export const COMMITTED = transfer({ amount: 500n })

export async function createExampleChain(): Promise<MemoryChain> {
  const chain = createMemoryChain()
  chain.settings.checks.push({ name: 'sync', ok: true, detail: 'at the head' })
  await chain.ports.submitter.submit([COMMITTED.bytes, transfer({ nonce: 1n, amount: 1n }).bytes])
  chain.commit()
  chain.commit()
  await chain.ports.submitter.submit([PENDING.bytes])
  return chain
}
