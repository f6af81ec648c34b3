// Each villain by itself: the honest rest stays right and goes on, and the villain does do something. Then too many of them.

import { describe, expect, test } from 'vitest'
import { Violation } from './invariants.ts'
import { VILLAINS } from './villains/catalogue.ts'
import { committeeOf } from './world/committee.ts'
import { runScenario } from './world/run.ts'
import { drawScenario, type Scenario } from './world/scenario.ts'
import { World } from './world/world.ts'

const names = [...VILLAINS.keys()]

test('there are enough of them', () => {
  expect(names.length).toBeGreaterThanOrEqual(30)
})

describe.each([4, 7])('%i validators', (validators) => {
  test.each(names)('%s: the others agree and go on', { timeout: 60_000 }, async (villain) => {
    // Another world for each: together they meet every fault.
    const seed = names.indexOf(villain)
    const outcome = await runScenario(drawScenario(seed, { villain, validators, faultsMs: 2_000 }))
    expect(outcome.height).toBeGreaterThan(0)
  })
})

/** A quiet world, in which whatever is different is the villain's doing; what needs blocks to be fetched gets a crash. */
function quiet(seed: number, villain: string): Scenario {
  return {
    seed,
    validators: 4,
    followers: 0,
    scheme: 'fast',
    faultsMs: 2_000,
    faults: { crash: { everyMs: 500, downMsMax: 600 }, lossPerMille: 100, swizzle: { everyMs: 700 } },
    villains: [{ validator: 0, kind: villain }],
    dead: [],
    payEveryMs: 30,
    annoyEveryMs: 0,
    baseTimeoutMs: 200,
    idleIntervalMs: 50,
    blockIntervalMs: 0,
  }
}

describe('no villain is idle: the run differs from that of an honest node in its place', () => {
  const honest = new Map<number, Promise<string>>()
  const traceOf = async (scenario: Scenario, isTamed: boolean) => {
    const prepare = (world: World) => {
      for (const node of world.nodes) if (isTamed) node.tampering = undefined
    }
    return (await runScenario(scenario, { prepare })).trace
  }
  test.each(names.filter((name) => VILLAINS.get(name)?.hasTwin !== true))('%s', { timeout: 60_000 }, async (name) => {
    for (let seed = 1; seed <= 4; seed++) {
      const plain = honest.get(seed) ?? traceOf(quiet(seed, name), true)
      honest.set(seed, plain)
      if ((await traceOf(quiet(seed, name), false)) !== (await plain)) return
    }
    throw new Error(`${name} changed nothing`)
  })
})

describe('negative control: f + 1 validators that equivocate fork the chain, and are named', () => {
  test.each([4, 7, 10])('%i validators', { timeout: 60_000 }, async (size) => {
    const f = Math.floor((size - 1) / 3)
    const committee = await committeeOf(size, 'fast')
    const villains = committee.validators.indices().slice(0, f + 1)
    const world = new World({
      seed: size,
      committee,
      followers: 0,
      twins: villains,
      villains,
      baseTimeoutMs: 300,
      idleIntervalMs: 50,
      blockIntervalMs: 0,
    })
    // Every villain is two nodes with one key, and shows each half of the honest nodes another one.
    const isTwin = (number: number) => number >= size
    world.links.groups = world.nodes.map(({ number }) => {
      if (number <= f) return 0
      return isTwin(number) ? 1 : number % 2
    })
    for (const node of world.nodes) world.start(node)
    const pay = () => {
      world.clients.pay(world.honest().filter((node) => node.isStarted))
      world.queue.after(50, pay)
    }
    pay()
    const violation = await world.runFor(60_000).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(violation).toBeInstanceOf(Violation)
    expect(violation).toMatchObject({ claim: expect.stringMatching(/^S[12] /) })
    expect(world.checkers.accused()).toEqual(villains)
  })
})
