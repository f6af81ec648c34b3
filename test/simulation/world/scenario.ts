// What happens in one world, as plain data: drawn from a seed, printed with a failure, shrunk by leaving things out, kept as
// JSON. Each fault class is in or out with even odds, its rate drawn log-uniformly; what one class hides another seed shows.

import { Random } from '../random.ts'
import { VILLAINS } from '../villains/catalogue.ts'

export interface Faults {
  readonly lossPerMille?: number
  readonly duplicatePerMille?: number
  readonly delayMsMax?: number
  readonly slow?: { readonly perMille: number; readonly msMax: number }
  readonly reorders?: boolean
  readonly replay?: { readonly perMille: number; readonly msMax: number }
  /** Groups that hear only themselves, redrawn this often. */
  readonly partition?: { readonly everyMs: number; readonly parts: number }
  /** One node alone, then the next: swizzle and clog. */
  readonly swizzle?: { readonly everyMs: number }
  /** One direction of one link. */
  readonly cuts?: { readonly everyMs: number; readonly count: number }
  readonly disconnect?: { readonly everyMs: number }
  readonly slowPeer?: { readonly byMs: number }
  readonly skewMs?: number
  readonly jump?: { readonly everyMs: number; readonly byMs: number }
  readonly pause?: { readonly everyMs: number; readonly msMax: number }
  readonly timerLateMs?: number
  readonly crash?: { readonly everyMs: number; readonly downMsMax: number }
  /** At the n-th write to a disk, before it is synced, or at the n-th frame sent. */
  readonly crashAtWrite?: { readonly every: number }
  readonly crashAtSend?: { readonly every: number }
  readonly crashAll?: { readonly atMs: number }
  readonly slowDisk?: { readonly msMax: number; readonly stallPerMille: number; readonly stallMsMax: number }
  /** Penalties disconnect and ban, as the network of a node does. */
  readonly bans?: boolean
}

export type FaultName = keyof Faults

export interface CastVillain {
  readonly validator: number
  /** A name, or several joined by `+`. */
  readonly kind: string
}

export interface Scenario {
  readonly seed: number
  readonly validators: number
  readonly followers: number
  readonly scheme: 'fast' | 'real'
  /** How long the faults last. */
  readonly faultsMs: number
  readonly faults: Faults
  readonly villains: readonly CastVillain[]
  /** Dead from healing on, at most f together with the villains. */
  readonly dead: readonly number[]
  readonly payEveryMs: number
  readonly annoyEveryMs: number
  readonly baseTimeoutMs: number
  readonly idleIntervalMs: number
  readonly blockIntervalMs: number
}

export interface ScenarioChoices {
  readonly validators?: number
  readonly faultsMs?: number
  /** Force these villains; otherwise drawn. */
  readonly villain?: string
}

const SIZES = [4, 4, 4, 7, 7, 10]

export function drawScenario(seed: number, choices: ScenarioChoices = {}): Scenario {
  const random = new Random(seed, 'scenario')
  const validators = choices.validators ?? random.pick(SIZES)
  const f = Math.floor((validators - 1) / 3)
  const faultsMs = choices.faultsMs ?? random.between(2_000, 8_000)
  const order = random.shuffled(Array.from({ length: validators }, (_, at) => at))
  const villainCount = choices.villain !== undefined ? random.between(1, f) : castSize(random, f)
  const names = [...VILLAINS.keys()]
  const villains = order.slice(0, villainCount).map((validator) => ({
    validator,
    kind: choices.villain ?? kindOf(random, names),
  }))
  const deadCount = random.chance(300) ? random.between(0, f - villainCount) : 0
  return {
    seed,
    validators,
    followers: random.chance(250) ? 1 : 0,
    // Real signatures cost hundreds of times as much.
    scheme: random.chance(10) ? 'real' : 'fast',
    faultsMs,
    faults: drawFaults(seed, faultsMs),
    villains,
    dead: order.slice(villainCount, villainCount + deadCount),
    payEveryMs: random.chance(850) ? logUniform(random, 10, 2_000) : 0,
    annoyEveryMs: random.chance(300) ? logUniform(random, 50, 2_000) : 0,
    baseTimeoutMs: logUniform(random, 150, 1_000),
    idleIntervalMs: logUniform(random, 20, 500),
    blockIntervalMs: random.chance(500) ? random.between(1, 60) : 0,
  }
}

/** Mostly as many as there may be. */
function castSize(random: Random, f: number): number {
  if (!random.chance(700)) return 0
  return random.chance(800) ? f : random.between(1, f)
}

/** One thing every time, or several at once: some bugs take two. */
function kindOf(random: Random, names: readonly string[]): string {
  if (random.chance(400)) return random.pick(names)
  return random.shuffled(names).slice(0, random.between(2, 5)).join('+')
}

function drawFaults(seed: number, faultsMs: number): Faults {
  // Each class has a stream of its own, so that a new class does not reshuffle the others.
  const draw = <T>(name: FaultName, make: (random: Random) => T): { readonly [N in FaultName]?: T } => {
    const random = new Random(seed, `scenario ${name}`)
    return random.chance(500) ? { [name]: make(random) } : {}
  }
  return {
    ...draw('lossPerMille', (random) => logUniform(random, 1, 300)),
    ...draw('duplicatePerMille', (random) => logUniform(random, 1, 300)),
    ...draw('delayMsMax', (random) => logUniform(random, 10, 200)),
    ...draw('slow', (random) => ({ perMille: logUniform(random, 1, 200), msMax: logUniform(random, 50, 2_000) })),
    ...draw('reorders', () => true),
    ...draw('replay', (random) => ({ perMille: logUniform(random, 1, 100), msMax: logUniform(random, 100, 8_000) })),
    ...draw('partition', (random) => ({ everyMs: logUniform(random, 200, 4_000), parts: random.between(2, 3) })),
    ...draw('swizzle', (random) => ({ everyMs: logUniform(random, 200, 4_000) })),
    ...draw('cuts', (random) => ({ everyMs: logUniform(random, 200, 4_000), count: random.between(1, 6) })),
    ...draw('disconnect', (random) => ({ everyMs: logUniform(random, 50, 2_000) })),
    ...draw('slowPeer', (random) => ({ byMs: logUniform(random, 10, 800) })),
    ...draw('skewMs', (random) => logUniform(random, 1, 10_000)),
    ...draw('jump', (random) => ({ everyMs: logUniform(random, 300, 4_000), byMs: logUniform(random, 1, 10_000) })),
    ...draw('pause', (random) => ({ everyMs: logUniform(random, 300, 4_000), msMax: logUniform(random, 50, 10_000) })),
    ...draw('timerLateMs', (random) => logUniform(random, 1, 500)),
    ...draw('crash', (random) => ({
      everyMs: logUniform(random, 100, 4_000),
      downMsMax: logUniform(random, 1, 3_000),
    })),
    ...draw('crashAtWrite', (random) => ({ every: logUniform(random, 20, 2_000) })),
    ...draw('crashAtSend', (random) => ({ every: logUniform(random, 50, 5_000) })),
    ...draw('crashAll', (random) => ({ atMs: random.between(200, faultsMs) })),
    ...draw('slowDisk', (random) => ({
      msMax: logUniform(random, 2, 200),
      stallPerMille: logUniform(random, 1, 50),
      stallMsMax: logUniform(random, 100, 1_000),
    })),
    ...draw('bans', () => true),
  } as Faults
}

export function logUniform(random: Random, least: number, most: number): number {
  const unit = random.next() / 0x1_0000_0000
  return Math.round(least * (most / least) ** unit)
}
