// Short forms of `npm run kills`, `storm` and `soak` (TESTING.md rows 9, 10 and 19), and a judge who is shown to see what is wrong.

import { expect, test } from 'vitest'
import type { Acknowledgement, Clients } from '../trials/clients.ts'
import { judge } from '../trials/judge.ts'
import { runKills } from '../trials/kills.ts'
import { Plan } from '../trials/plan.ts'
import { runSoak } from '../trials/soak.ts'
import { runStorm } from '../trials/storm.ts'
import { withTrial } from '../trials/trial.ts'

const SEED = 20
const quiet = { validators: 4, seed: SEED, keep: false, say: () => {} }

test('two of four are killed, and again three times while they recover; one loses its database, one everything: nothing is dropped or doubled', async () => {
  const rows = await runKills({ ...quiet, transactions: 1_000, only: ['recovery', 'database', 'everything'] })
  for (const { verdict } of rows) {
    expect(verdict.violations).toEqual([])
    expect(verdict).toMatchObject({ committed: 1_000, acknowledged: 1_000, dropped: 0, duplicated: 0, lost: 0 })
  }
  expect(rows.map(({ kills }) => kills)).toEqual([16, 1, 1])
}, 300_000)

test('single nodes are killed in a row, then all at once, twice: what was acknowledged is there', async () => {
  const result = await runStorm({ ...quiet, minutes: 0.1, allKills: 2 })
  // How soon it goes on is a figure of `npm run storm`, not of a busy machine.
  expect(result.verdict).toMatchObject({ dropped: 0, duplicated: 0, lost: 0 })
  expect(result.verdict.committed).toBe(result.verdict.acknowledged)
  expect(result.returns).toHaveLength(2)
}, 300_000)

test('nodes are stopped, restarted and killed under load and sampled: memory is seen, nothing is lost', async () => {
  const timing = { minutes: 0.15, faultSeconds: 1, sampleSeconds: 2, warmUpSeconds: 0 }
  const { faults, samples, verdict } = await runSoak({ ...quiet, ...timing, rate: 100 })
  expect(verdict.violations).toEqual([])
  expect(faults.stop + faults.restart + faults.kill).toBeGreaterThan(0)
  expect(Math.min(...samples.map(({ rssMib }) => rssMib))).toBeGreaterThan(10)
  expect(Math.min(...samples.map(({ descriptors }) => descriptors))).toBeGreaterThan(5)
}, 300_000)

test('the judge sees each lie: what is dropped, moved, never committed, nobody submitted, and state that does not follow', async () => {
  const clients = { workers: 4, run: 16, total: 320 }
  await withTrial({ ...quiet, clients }, async (trial) => {
    trial.load()
    await trial.clients.done()
    const honest = await trial.end()
    expect(honest).toMatchObject({ committed: 320, violations: [] })
    expect(honest.accounts).toBeGreaterThan(100)
    const judged = async (
      lie: Partial<Pick<Clients, 'submittedIds' | 'acknowledged' | 'submitted'>>,
      plan = trial.plan,
    ) => {
      const { submittedIds, acknowledged, submitted } = trial.clients
      return judge(trial.cluster, trial.nodes, plan, { submittedIds, acknowledged, submitted, ...lie }, 0)
    }
    const [first, ...others] = trial.clients.acknowledged
    const moved = (change: Partial<Acknowledgement>) => [{ ...first, ...change } as Acknowledgement, ...others]
    expect((await judged({ submitted: 321 })).dropped).toBe(1)
    expect((await judged({ acknowledged: moved({ height: 1_000 }) })).lost).toBe(1)
    expect((await judged({ acknowledged: moved({ blockHash: `0x${'0'.repeat(64)}` }) })).lost).toBe(1)
    // Said to be committed, but in no block.
    expect(
      (
        await judged({
          acknowledged: [...trial.clients.acknowledged, { ...moved({})[0], nonce: 9_999 } as Acknowledgement],
        })
      ).lost,
    ).toBe(1)
    const withoutOne = trial.clients.submittedIds.map((ids, sender) => (sender === 0 ? ids.slice(0, -1) : ids))
    expect((await judged({ submittedIds: withoutOne })).violations.join()).toContain('nobody submitted')
    // The same senders who pay others: every root and most balances are wrong.
    const other = Object.assign(new Plan(SEED + 1, 4), { senders: trial.plan.senders })
    const wrong = (await judged({}, other)).violations.join()
    expect(wrong).toContain('state root after height')
    expect(wrong).toContain('is not that of the replay')
    const stopped = await judge(trial.cluster, trial.nodes, trial.plan, trial.clients, 1_000_000)
    expect(stopped.violations.join()).toContain('below 1000000')
  })
}, 300_000)
