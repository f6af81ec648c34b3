// A node that missed a long stretch of the chain gets it at speed, from honest peers that never take its haste for a flood.

import { expect, test } from 'vitest'
import { committeeOf } from './world/committee.ts'
import { World } from './world/world.ts'

/** More than a peer serves at once: a burst of requests of so many blocks each (node/catch-up.ts). */
const MISSED = 1_500

test(`${MISSED} blocks behind`, { timeout: 120_000 }, async () => {
  const committee = await committeeOf(4, 'fast')
  const world = new World({
    seed: 1,
    committee,
    followers: 1,
    twins: [],
    villains: [],
    baseTimeoutMs: 300,
    idleIntervalMs: 1,
    blockIntervalMs: 0,
  })
  const [late, ...others] = world.nodes
  if (late === undefined) throw new Error('a world has nodes')
  for (const node of others) world.start(node)
  expect(await world.runUntil(() => world.committedHeight >= MISSED, 300_000)).toBe(true)
  world.start(late)
  const startedMs = world.elapsedMs
  const isThere = () => world.checkers.toldHeight(late) > world.committedHeight - 5
  expect(await world.runUntil(isThere, startedMs + 20_000)).toBe(true)
  for (const node of world.nodes) world.checkers.final(node)
})
