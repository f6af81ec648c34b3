// TESTING 12, in short: 20,000 operations of clients of the HTTP API while nodes are killed, stopped and partitioned, each answer
// judged against the committed chain (S11 to S13, PITFALLS 43 and 44). The long form is `npm run history`.

import { expect, test } from 'vitest'
import { runCampaign } from '../history/campaign.ts'
import { FAULTS } from '../history/nemesis.ts'

const OPERATIONS = 20_000
/** Operations end it, not time: 55 s of processor time in all, and whoever shares the machine takes from that. */
const TIMEOUT_MS = 600_000

test('TESTING 12: no stale, aborted, intermediate or lost read, whatever happens', {
  timeout: TIMEOUT_MS,
}, async () => {
  const summary = await runCampaign({
    operations: OPERATIONS,
    secondsMax: Number.POSITIVE_INFINITY,
    seed: 1,
    clients: 64,
    times: { faultMs: 1_000, pauseMs: 1_500, quietMs: 300 },
    onProgress: () => {},
  })
  expect(summary.anomalies).toEqual([])
  expect(summary.complaints).toEqual([])
  expect(summary.answered).toBeGreaterThanOrEqual(OPERATIONS)
  expect([...summary.disturbances.keys()].sort()).toEqual([...FAULTS].sort())
  // A history without writes, waits and refusals would prove little.
  expect(summary.transactions).toBeGreaterThan(500)
  for (const [kind, { ok }] of summary.operations) expect({ kind, seen: ok > 0 }).toEqual({ kind, seen: true })
  expect(summary.operations.size).toBe(10)
})
