// Runs one scenario: faults, then healing, then what has to follow from it (L1 to L3). Every claim is checked on the way.

import type { ValidatorIndex } from '../../../consensus/types.ts'
import { villainOf } from '../villains/catalogue.ts'
import { gripOf } from '../villains/grip.ts'
import { hold } from './claims.ts'
import { committeeOf } from './committee.ts'
import { Injection } from './injection.ts'
import type { SimulatedNode, Tampering } from './node.ts'
import type { Scenario } from './scenario.ts'
import { World } from './world.ts'

export interface Outcome {
  readonly views: number
  readonly height: number
  readonly transactions: number
  readonly steps: number
  /** Steps of honest validators, each judged by the model. */
  readonly modelled: number
  /** Of virtual time. */
  readonly elapsedMs: number
  readonly trace: string
  /** Views from healing to the first commit. */
  readonly viewsToCommit: number
  /** From healing until everything claimed held. */
  readonly healedMs: number
}

export interface RunOptions {
  readonly log?: (line: string) => void
  /** After the world is made, before it starts. */
  readonly prepare?: (world: World) => void
}

/** Blocks stamped by clocks that ran ahead are behind everybody's by then. */
const SETTLE_MS = 1_000
const RECOVERY_MS_MAX = 240_000
const INSIST_MS = 3_000

/** @throws Violation when a claim does not hold. */
export async function runScenario(scenario: Scenario, options: RunOptions = {}): Promise<Outcome> {
  const { validators, followers, villains, faults, faultsMs } = scenario
  const committee = await committeeOf(validators, scenario.scheme)
  const twins = villains.filter(({ kind }) => villainOf(kind).hasTwin === true)
  const world = new World({
    ...scenario,
    committee,
    followers,
    twins: twins.map(({ validator }) => validator as ValidatorIndex),
    villains: villains.map(({ validator }) => validator as ValidatorIndex),
    ...(options.log === undefined ? {} : { log: options.log }),
  })
  cast(world, scenario)
  const injection = new Injection(world, scenario)
  options.prepare?.(world)
  injection.begin()
  for (const node of world.nodes) world.start(node)
  busy(world, scenario)
  await world.runFor(faultsMs + 1)
  injection.heal(scenario.dead)
  const healedAtMs = world.elapsedMs
  // Old messages arrive or are lost, connections come back, chain time is past.
  const aheadMs = Math.max(faults.skewMs ?? 0, faults.jump?.byMs ?? 0)
  await world.runFor(SETTLE_MS + aheadMs + (faults.pause?.msMax ?? 0))
  const viewsToCommit = await checkLiveness(world, scenario, healedAtMs)
  for (const node of world.honest()) world.checkers.final(node)
  return {
    views: world.highestView,
    height: world.committedHeight,
    transactions: world.checkers.model.transactions,
    steps: world.steps,
    modelled: world.checkers.modelled,
    elapsedMs: world.elapsedMs,
    trace: world.traceHash(),
    viewsToCommit,
    healedMs: world.elapsedMs - healedAtMs,
  }
}

function cast(world: World, { villains }: Scenario): void {
  for (const { validator, kind } of villains) {
    const villain = villainOf(kind)
    for (const node of world.nodes) {
      if (node.validator === validator) node.tampering = watched(world, kind, villain.take(gripOf(world, node)))
    }
  }
}

/** A villain's node may stop at what it did to itself, but a villain that throws is not one: it would end without a word. */
function watched(
  world: World,
  kind: string,
  { out, hears, gossipOut, started, starting, stepped }: Tampering,
): Tampering {
  const guarded =
    <P extends readonly unknown[], R>(act: (...given: P) => R) =>
    (...given: P): R => {
      try {
        return act(...given)
      } catch (error) {
        world.breakOff(new Error(`the villain ${kind} throws`, { cause: error }))
        throw error
      }
    }
  return {
    ...(out && { out: guarded(out) }),
    ...(hears && { hears: guarded(hears) }),
    ...(gossipOut && { gossipOut: guarded(gossipOut) }),
    ...(started && { started: guarded(started) }),
    ...(starting && { starting: guarded(starting) }),
    ...(stepped && { stepped: guarded(stepped) }),
  }
}

/** Clients, all the time. */
function busy(world: World, { payEveryMs, annoyEveryMs, faultsMs }: Scenario): void {
  const { queue, clients } = world
  const random = world.random('workload times')
  const repeat = (everyMs: number, act: () => void) => {
    if (everyMs === 0) return
    const next = () => {
      if (world.elapsedMs >= faultsMs) return
      act()
      queue.after(random.between(1, 2 * everyMs), next)
    }
    queue.after(random.between(1, 2 * everyMs), next)
  }
  repeat(payEveryMs, () => clients.pay(world.honest().filter((node) => node.isStarted)))
  repeat(annoyEveryMs, () => clients.annoy(world.honest().filter((node) => node.isStarted)))
}

async function checkLiveness(world: World, { dead, validators }: Scenario, healedAtMs: number): Promise<number> {
  const { checkers, clients } = world
  const live = world.honest().filter((node) => !dead.includes(node.number))
  const limitMs = healedAtMs + RECOVERY_MS_MAX
  const heal = { view: world.highestView, height: world.committedHeight }
  const told = (node: SimulatedNode) => checkers.toldHeight(node)

  // L1: something new commits within n + 3 views.
  const commits = await world.runUntil(() => world.committedHeight > heal.height, limitMs)
  const state = () =>
    `healed in view ${heal.view} at height ${heal.height}; now view ${world.highestView}, ${live.map(told)}`
  hold('L1 progress', commits, state)
  const viewsToCommit = world.highestView - heal.view
  hold('L1 n+3 views', viewsToCommit <= validators + 3 + 1, () => `${viewsToCommit} views; ${state()}`)

  // L3: everybody is where the best was.
  const target = world.committedHeight
  const caughtUp = await world.runUntil(() => live.every((node) => told(node) >= target), limitMs)
  hold('L3 lagging nodes catch up', caughtUp, () => `to ${target}; ${state()}`)

  // L2: what was admitted commits; a client that was not served asks again.
  while (clients.pending().length > 0) {
    clients.insist(live)
    await world.runUntil(() => clients.pending().length === 0, Math.min(limitMs, world.elapsedMs + INSIST_MS))
    hold(
      'L2 admitted transactions commit',
      world.elapsedMs < limitMs,
      () => `${clients.pending().length} do not; ${state()}`,
    )
  }
  const last = world.committedHeight
  const together = await world.runUntil(() => live.every((node) => told(node) >= last), limitMs)
  hold('L3 lagging nodes catch up', together, () => `to ${last}; ${state()}`)
  return viewsToCommit
}
