// Breadth-first exploration of the model, and random walks through it. Breadth first, the first violation found is a shortest.
// A world is three small numbers, kept exactly in typed arrays (12 bytes and a parent), so no state is lost to a hash collision.

import { RULES, type RuleName, type Rules } from './protocol.ts'
import { World } from './world.ts'

export interface Exploration {
  /** safe: exhausted; violation; bounded: stopped by `statesMax`. */
  readonly outcome: 'safe' | 'violation' | 'bounded'
  /** Distinct states up to a permutation of the honest replicas, the initial one included. */
  readonly orbits: number
  /** Distinct states: orbits times their permutations. */
  readonly states: number
  readonly transitions: number
  /** Actions from the start to the last state taken up. */
  readonly depth: number
  readonly violation?: string
  /** A shortest way to the violation. */
  readonly trace?: readonly string[]
}

export interface ExploreOptions {
  readonly views: number
  readonly rules?: Rules
  /** In orbits. */
  readonly orbitsMax?: number
  /** Called every 2^18 orbits taken up. */
  readonly onProgress?: (orbits: number, pending: number) => void
}

/** Scoville's rules without some (or with the one it does without). */
export function without(...names: readonly RuleName[]): Rules {
  const rules: Record<RuleName, boolean> = { ...RULES }
  for (const name of names) rules[name] = !rules[name]
  return rules
}

/** Rules that safety does not rest on (VIEWCHANGE.md section 1): without them, or with the last, the model has to stay safe. */
export const NOT_FOR_SAFETY: readonly RuleName[] = [
  'voteInCurrentView',
  'timeoutInCurrentView',
  'noRedundantTC',
  'justifyCoversLock',
]

/** Open addressing over tuples of three: the entry is the tuple's number, its words are kept once, in `words`. */
class TupleSet {
  words = new Uint32Array(3 << 12)
  parents = new Uint32Array(1 << 12)
  size = 0
  #slots = new Uint32Array(1 << 14)

  /** True if it is new; it then has number size - 1. */
  add(a: number, b: number, c: number, parent: number): boolean {
    if (this.size * 2 >= this.#slots.length) this.#grow()
    const slot = this.#find(a, b, c)
    if (this.#slots[slot] !== 0) return false
    const at = this.size * 3
    if (at === this.words.length) {
      this.words = enlarged(this.words)
      this.parents = enlarged(this.parents)
    }
    this.words[at] = a
    this.words[at + 1] = b
    this.words[at + 2] = c
    this.parents[this.size] = parent
    this.size += 1
    this.#slots[slot] = this.size
    return true
  }

  #find(a: number, b: number, c: number): number {
    const mask = this.#slots.length - 1
    let hash = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b) ^ Math.imul(c, 0xc2b2ae35)
    hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d)
    let slot = (hash ^ (hash >>> 13)) & mask
    for (;;) {
      const entry = this.#slots[slot] ?? 0
      if (entry === 0) return slot
      const at = (entry - 1) * 3
      if (this.words[at] === a && this.words[at + 1] === b && this.words[at + 2] === c) return slot
      slot = (slot + 1) & mask
    }
  }

  #grow(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2)
    for (let entry = 0; entry < this.size; entry++) {
      const [a, b, c] = this.tuple(entry)
      this.#slots[this.#find(a, b, c)] = entry + 1
    }
  }

  tuple(entry: number): readonly [number, number, number] {
    const at = entry * 3
    return [this.words[at] ?? 0, this.words[at + 1] ?? 0, this.words[at + 2] ?? 0]
  }
}

function enlarged(words: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(words.length * 2)
  larger.set(words)
  return larger
}

/** Stands in the third place when only two replicas are honest; sorts last. */
const ABSENT = 0xffff_ffff

function sorted(locals: readonly number[]): readonly [number, number, number] {
  const [a = ABSENT, b = ABSENT, c = ABSENT] = locals.toSorted((x, y) => x - y)
  return [a, b, c]
}

function permutations(a: number, b: number, c: number): number {
  if (c === ABSENT) return a === b ? 1 : 2
  if (a === b && b === c) return 1
  return a === b || b === c ? 3 : 6
}

export function explore({
  views,
  rules = RULES,
  orbitsMax = Number.MAX_SAFE_INTEGER,
  onProgress,
}: ExploreOptions): Exploration {
  const world = new World(rules, views)
  const seen = new TupleSet()
  const start = sorted(Array.from({ length: world.honest }, () => world.fresh()))
  seen.add(...start, 0)
  let states = 1
  let transitions = 0
  let depth = 0
  let levelEnd = 1
  const outcome = (kind: Exploration['outcome'], extra: Partial<Exploration> = {}): Exploration => {
    return { outcome: kind, orbits: seen.size, states, transitions, depth, ...extra }
  }
  for (let at = 0; at < seen.size; at++) {
    if (at === levelEnd) {
      depth += 1
      levelEnd = seen.size
    }
    const locals = seen.tuple(at).slice(0, world.honest)
    const environment = world.environment(locals)
    if (environment.violation !== undefined) {
      return outcome('violation', { violation: environment.violation, trace: traceTo(world, seen, at) })
    }
    if (seen.size >= orbitsMax) return outcome('bounded')
    if ((at & 0x3ffff) === 0x3ffff) onProgress?.(at + 1, seen.size - at - 1)
    for (let who = 0; who < locals.length; who++) {
      const moved = locals.slice()
      for (const local of world.next(locals[who] ?? 0, environment)) {
        transitions += 1
        moved[who] = local
        const [a, b, c] = sorted(moved)
        if (seen.add(a, b, c, at)) states += permutations(a, b, c)
      }
    }
  }
  return outcome('safe')
}

/** Replays the way to a state with replicas that keep their places, so that the trace can name them. */
function traceTo(world: World, seen: TupleSet, last: number): string[] {
  const way: number[] = []
  for (let at = last; at !== 0; at = seen.parents[at] ?? 0) way.unshift(at)
  const places = Array.from({ length: world.honest }, () => world.fresh())
  return way.map((at) => {
    const target = seen.tuple(at).join()
    const environment = world.environment(sorted(places).slice(0, world.honest))
    for (const [who, local] of places.entries()) {
      for (const { action, replica } of world.moves(local, environment)) {
        const next = world.numberOf(replica)
        if (sorted(places.with(who, next)).join() !== target) continue
        places[who] = next
        return `replica ${who}: ${action}`
      }
    }
    throw new Error('a recorded state has no way from its parent')
  })
}

export interface Replayed {
  /** Index of the first action that the rules forbid; undefined when all were possible. */
  readonly refusedAt: number | undefined
  readonly violation: string | undefined
}

/** Takes the actions of a trace one by one, as far as the rules allow. */
export function replay(rules: Rules, views: number, trace: readonly string[]): Replayed {
  const world = new World(rules, views)
  const places = Array.from({ length: world.honest }, () => world.fresh())
  const environment = () => world.environment(sorted(places).slice(0, world.honest))
  for (const [at, line] of trace.entries()) {
    const [, who = '', action] = /^replica (\d): (.*)$/.exec(line) ?? []
    const local = places[Number(who)]
    const move =
      local === undefined ? undefined : world.moves(local, environment()).find((one) => one.action === action)
    if (move === undefined) return { refusedAt: at, violation: environment().violation }
    places[Number(who)] = world.numberOf(move.replica)
  }
  return { refusedAt: undefined, violation: environment().violation }
}

/** splitmix32: a walk is its seed. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x9e3779b9) >>> 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32
  }
}

/** Names the actions of a walk. */
function retrace(world: World, way: readonly (readonly [number, number])[]): string[] {
  const places = Array.from({ length: world.honest }, () => world.fresh())
  return way.map(([who, local]) => {
    const environment = world.environment(sorted(places).slice(0, world.honest))
    const move = world.moves(places[who] ?? 0, environment).find(({ replica }) => world.numberOf(replica) === local)
    places[who] = local
    return `replica ${who}: ${move?.action ?? 'unknown'}`
  })
}

export interface Walks {
  readonly walks: number
  readonly steps: number
  /** Walks in which some block was committed: the others prove little. */
  readonly committed: number
  readonly violation?: string
  /** Of the violating walk. */
  readonly seed?: number
  readonly trace?: readonly string[]
}

export interface WalkOptions {
  readonly views: number
  readonly walks: number
  readonly rules?: Rules
  readonly seed?: number
  readonly onProgress?: (walks: number) => void
}

/** Local states kept before a walk begins with empty tables again. */
const WALK_LOCALS_MAX = 200_000

/** Each walk goes on until nothing new can happen; every state on the way is checked. */
export function walk({ views, walks, rules = RULES, seed = 1, onProgress }: WalkOptions): Walks {
  let world = new World(rules, views)
  let steps = 0
  let committed = 0
  for (let nth = 0; nth < walks; nth++) {
    if (world.locals > WALK_LOCALS_MAX) world = new World(rules, views)
    const random = randomOf(seed + nth)
    const way: [number, number][] = []
    const places = Array.from({ length: world.honest }, () => world.fresh())
    for (;;) {
      const environment = world.environment(sorted(places).slice(0, world.honest))
      if (environment.violation !== undefined) {
        const trace = retrace(world, way)
        return { walks: nth + 1, steps, committed, violation: environment.violation, seed: seed + nth, trace }
      }
      const choices = places.map((local) => world.next(local, environment))
      const movable = choices.flatMap((next, who) => (next.length > 0 ? [who] : []))
      const who = movable[Math.floor(random() * movable.length)]
      const next = who === undefined ? undefined : choices[who]
      if (who === undefined || next === undefined) {
        const { certified } = environment.surroundings
        if (certified.some(({ view, justify }) => justify.view > 0 && justify.view + 1 === view)) committed += 1
        break
      }
      const local = next[Math.floor(random() * next.length)] ?? 0
      places[who] = local
      way.push([who, local])
      steps += 1
    }
    if ((nth & 0xfff) === 0xfff) onProgress?.(nth + 1)
  }
  return { walks, steps, committed }
}
