// What dead and slow validators cost (VIEWCHANGE.md, sections 2 and 3): simulated, without faults of the network.

import { describe, expect, test } from 'vitest'
import { Simulation, type SimulationOptions } from './simulation.ts'

const T = 1_000

/** All but `dead` started, each with transactions waiting for ever when busy. */
function begin(dead: readonly number[], options: Partial<SimulationOptions> & { readonly n: number; busy?: boolean }) {
  const { n, busy = true, ...rest } = options
  const powers = Array.from({ length: n }, () => 1)
  const simulation = new Simulation({ seed: 1, powers, baseTimeoutMs: T, idleIntervalMs: 300, ...rest })
  const live = simulation.replicas.filter((replica) => !dead.includes(replica.index))
  for (const replica of live) {
    if (busy) replica.waiting = Number.MAX_SAFE_INTEGER
    replica.start()
  }
  return simulation
}

/** Milliseconds and messages per rotation of n views, once it has settled. */
function perRotation(simulation: Simulation, rotations: number) {
  const n = simulation.validators.size
  const reach = (view: number) => simulation.runUntil(() => simulation.highestView() >= view, 3_600_000)
  expect(reach(4 * n)).toBe(true)
  const { sent } = simulation.network
  const before = { elapsedMs: simulation.elapsedMs, ...sent, commits: simulation.highestCommit() }
  expect(reach((4 + rotations) * n)).toBe(true)
  return {
    ms: (simulation.elapsedMs - before.elapsedMs) / rotations,
    timeouts: (sent.timeout - before.timeout) / rotations,
    certificates: (sent.certificate - before.certificate) / rotations,
    votes: (sent.vote - before.vote) / rotations,
    commits: (simulation.highestCommit() - before.commits) / rotations,
  }
}

describe('dead leaders', () => {
  test.each([0, 1, 2, 3])(
    'VIEWCHANGE 4.2: validator %i of four dead costs less than one timeout per rotation',
    (dead) => {
      const cost = perRotation(begin([dead], { n: 4 }), 50)
      expect(cost.ms).toBeLessThan(0.95 * T)
      // Three of four views make a block, and the votes of the one before the dead leader are not lost.
      expect(cost.commits).toBeGreaterThanOrEqual(2.9)
    },
  )

  test('VIEWCHANGE 4.2: two dead in a row of seven: no flood', () => {
    const cost = perRotation(begin([2, 3], { n: 7 }), 50)
    expect(cost.ms).toBeLessThan(2 * T)
    // The first tick reaches a live collector, so hardly anybody comes to broadcast: 5 times 6 would be one flood.
    expect(cost.timeouts).toBeLessThan(30)
    expect(cost.commits).toBeGreaterThanOrEqual(4)
  })

  test('VIEWCHANGE 4.2: a network slower than base, one dead: commits go on', () => {
    const simulation = begin([3], { n: 4, baseTimeoutMs: 300 })
    simulation.network.faults = { ...simulation.network.faults, delayMs: [300, 300] }
    simulation.runFor(300_000)
    expect(simulation.highestCommit()).toBeGreaterThan(30)
  })
})

describe('nobody dead', () => {
  test('with work: no timeout, a commit per view', () => {
    const cost = perRotation(begin([], { n: 4 }), 50)
    expect(cost.timeouts).toBe(0)
    expect(cost.certificates).toBe(0)
    expect(cost.commits).toBe(4)
  })

  test.each([
    ['base below the idle interval', 100, 300],
    ['base and idle interval alike', 300, 300],
    ['base above the idle interval', 1_000, 300],
  ])('VIEWCHANGE 3.4, 4.8: %s: transactions now and then, no spurious timeout', (_, baseTimeoutMs, idleIntervalMs) => {
    const simulation = begin([], { n: 4, busy: false, baseTimeoutMs, idleIntervalMs })
    for (let i = 0; i < 60; i++) {
      simulation.submit(20)
      simulation.runFor(400 + simulation.chance.workload.between(0, 1_500))
    }
    expect(simulation.network.sent.timeout).toBe(0)
    expect(simulation.network.sent.certificate).toBe(0)
  })

  test('VIEWCHANGE 3.5: everybody commits a lone transaction within four views, not an idle interval later', () => {
    const slowest: number[] = []
    const simulation = begin([], { n: 4, busy: false, idleIntervalMs: 1_000 })
    for (let i = 0; i < 20; i++) {
      simulation.runFor(2_500)
      simulation.submit(0)
      simulation.runFor(1)
      const before = simulation.elapsedMs
      const done = () => simulation.replicas.every((replica) => replica.waiting === 0)
      expect(simulation.runUntil(done, before + 5_000)).toBe(true)
      slowest.push(simulation.elapsedMs - before)
    }
    expect(Math.max(...slowest)).toBeLessThan(500)
  })

  test('VIEWCHANGE 3.6, 4.4: a leader whose proposals never reach L(v+1): it fetches and goes on, nobody times out', () => {
    const simulation = begin([], { n: 4 })
    simulation.network.passes = (from, to, { kind }) => kind !== 'proposal' || to !== (from + 1) % 4
    const cost = perRotation(simulation, 20)
    expect(cost.timeouts).toBe(0)
    expect(simulation.network.sent['block-request']).toBeGreaterThan(0)
  })

  test('VIEWCHANGE 4.9: a collector that takes votes and never proposes costs a timeout, no more', () => {
    const simulation = begin([], { n: 4 })
    simulation.network.passes = (from, _, { kind }) => from !== 2 || kind === 'vote' || kind === 'timeout'
    const cost = perRotation(simulation, 20)
    expect(cost.ms).toBeLessThan(1.2 * T)
    expect(cost.commits).toBeGreaterThanOrEqual(2.9)
  })
})
