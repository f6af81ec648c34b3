// What is known of the model, kept known: three views are safe, and each rule is needed or known not to be. attacks.json holds a
// shortest attack for each rule dropped, as `npm run model -- --json` finds them.

import { expect, test } from 'vitest'
import attacks from './attacks.json' with { type: 'json' }
import { explore, NOT_FOR_SAFETY, replay, walk, without } from './explore.ts'
import { BlockPool, movesOf } from './moves.ts'
import {
  type Block,
  certificatesOf,
  FRESH,
  honestOf,
  type Replica,
  RULES,
  type RuleName,
  violation,
} from './protocol.ts'

const NAMES = Object.keys(RULES) as RuleName[]
/** States up to symmetry that a dropped rule may take here; the dearer ones are replayed. */
const ORBITS_MAX = 300_000

test('two views, exhaustively: safe', () => {
  expect(explore({ views: 2 })).toEqual({ outcome: 'safe', states: 4_160, orbits: 786, transitions: 1_714, depth: 9 })
})

test('three views, exhaustively: safe, as VIEWCHANGE.md section 1 has it', { timeout: 120_000 }, () => {
  const { outcome, states, orbits } = explore({ views: 3 })
  expect({ outcome, states, orbits }).toEqual({ outcome: 'safe', states: 3_046_360, orbits: 514_391 })
})

/** Every state as it is, replicas told apart, nothing remembered but the states: slow and hard to get wrong. */
function exploreNaively(views: number): { readonly states: number; readonly orbits: number } {
  const pool = new BlockPool()
  const start = Array.from({ length: honestOf(RULES) }, () => FRESH)
  const byId = (a: Block, b: Block) => (a.id < b.id ? -1 : 1)
  const text = (replica: Replica) => JSON.stringify({ ...replica, votes: replica.votes.toSorted(byId) })
  const seen = new Set([start.map(text).join()])
  const orbits = new Set<string>()
  const pending = [start]
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    orbits.add(state.map(text).sort().join())
    const certificates = certificatesOf(RULES, state)
    expect(violation(RULES, certificates.certified, pool.blocks)).toBeUndefined()
    const twinned = new Set(state.flatMap((replica) => replica.votes.filter((block) => block.id[1] === 'a')))
    for (const [who, replica] of state.entries()) {
      for (const move of movesOf(RULES, pool, views, replica, { ...certificates, twinned })) {
        const next = state.with(who, move.replica)
        const key = next.map(text).join()
        if (seen.has(key)) continue
        seen.add(key)
        pending.push(next)
      }
    }
  }
  return { states: seen.size, orbits: orbits.size }
}

test.each([1, 2])('the explorer reaches as many states of %i views as a naive one', (views) => {
  const { states, orbits } = explore({ views })
  expect(exploreNaively(views)).toEqual({ states, orbits })
})

test('a thousand walks of five views: safe, and blocks are committed in many', () => {
  const { violation: found, committed } = walk({ views: 5, walks: 1_000, seed: 1 })
  expect(found).toBeUndefined()
  expect(committed).toBeGreaterThan(200)
})

test('walks find what is wrong, too: without vote rule (2), justify.view >= max(highQcViews)', () => {
  const found = walk({ views: 5, walks: 1_000, rules: without('justifyCoversTC') })
  expect(found.violation).toMatch(/although/)
  expect(replay(without('justifyCoversTC'), 5, found.trace ?? []).violation).toBe(found.violation)
})

test('every rule is either attacked or known not to matter for safety', () => {
  expect([...Object.keys(attacks), ...NOT_FOR_SAFETY].sort()).toEqual(NAMES.toSorted())
})

const ATTACKS = Object.entries(attacks) as [RuleName, (typeof attacks)[keyof typeof attacks]][]

test.each(ATTACKS)('without %s the shortest attack known works, and with the rule it does not', (name, attack) => {
  const { trace, violation: known } = attack
  expect(replay(without(name), 3, trace)).toEqual({ refusedAt: undefined, violation: known })
  expect(replay(RULES, 3, trace).violation).toBeUndefined()
})

test.each(ATTACKS.filter(([, { orbits }]) => orbits <= ORBITS_MAX))(
  'without %s exploration finds that attack, after as many states as ever',
  { timeout: 60_000 },
  (name, attack) => {
    const found = explore({ views: 3, rules: without(name), orbitsMax: ORBITS_MAX })
    expect(found).toMatchObject({ outcome: 'violation', ...attack })
  },
)

test.each(NOT_FOR_SAFETY)('two views with %s the other way round, exhaustively: safe', (name) => {
  const { outcome, orbits } = explore({ views: 2, rules: without(name) })
  expect(outcome).toBe('safe')
  expect(orbits).toBeGreaterThan(500)
})
