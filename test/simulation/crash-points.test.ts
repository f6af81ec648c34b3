// A crash at every write and every send of a run, with what was not synced lost, torn or kept: nobody votes twice, everybody
// comes back, the chain goes on. All points: SIM_CRASH_POINTS=all (some thousands of runs); otherwise every so many.

import { expect, test } from 'vitest'
import { runScenario } from './world/run.ts'
import type { Scenario } from './world/scenario.ts'
import type { World } from './world/world.ts'

const SCENARIO: Scenario = {
  seed: 11,
  validators: 4,
  followers: 0,
  scheme: 'fast',
  faultsMs: 1_500,
  faults: {},
  villains: [],
  dead: [],
  payEveryMs: 40,
  annoyEveryMs: 0,
  baseTimeoutMs: 200,
  idleIntervalMs: 30,
  blockIntervalMs: 0,
}
const NODE = 1
/** Of each kind; every so many are tried. */
const EVERY = process.env.SIM_CRASH_POINTS === 'all' ? 1 : 24

type Kind = 'write' | 'send'
type Remains = 'lost' | 'torn' | 'kept'

/** Counts the writes and sends of one node; at the point asked for, it crashes, and is back soon. */
function counting(at: { readonly kind: Kind; readonly point: number } | undefined, remains: Remains) {
  const seen = { write: 0, send: 0 }
  let crashes = 0
  const prepare = (world: World) => {
    const node = world.nodes[NODE]
    if (node === undefined) return
    node.disk.remains = remains
    const count = (kind: Kind) => {
      seen[kind] += 1
      if (at?.kind !== kind || at.point !== seen[kind] || !node.isRunning) return
      crashes += 1
      world.crash(node)
      world.queue.after(20, () => world.start(node))
    }
    node.disk.onWrite = () => count('write')
    world.onSend = (sender) => {
      if (sender === node) count('send')
    }
  }
  return { prepare, seen, crashes: () => crashes }
}

test.each([
  ['write', 'lost'],
  ['write', 'torn'],
  ['write', 'kept'],
  ['send', 'lost'],
  ['send', 'torn'],
  ['send', 'kept'],
] as const)('at each %s, what is not synced is %s', { timeout: 3_600_000 }, async (kind, remains) => {
  const calm = counting(undefined, remains)
  await runScenario(SCENARIO, { prepare: calm.prepare })
  const points = calm.seen[kind]
  expect(points).toBeGreaterThan(100)
  let crashed = 0
  for (let point = 1; point <= points; point += EVERY) {
    const crash = counting({ kind, point }, remains)
    try {
      await runScenario(SCENARIO, { prepare: crash.prepare })
    } catch (error) {
      throw new Error(`${kind} ${point} of ${points}, ${remains}`, { cause: error })
    }
    crashed += crash.crashes()
  }
  // Recovery included: every point was reached.
  expect(crashed).toBe(Math.ceil(points / EVERY))
})
