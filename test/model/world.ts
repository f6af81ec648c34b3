// States of the explored world as small numbers. Local states of a replica are interned, a world is the sorted tuple of their
// numbers (honest replicas are alike: nothing but their signatures tells them apart, and every proposer is the adversary), and
// what a replica can do is remembered per local state and set of certificates. So the rules are evaluated seldom, and as written.

import { BlockPool, type Move, movesOf, type Surroundings } from './moves.ts'
import { certificatesOf, FRESH, honestOf, type Replica, type Rules, violation } from './protocol.ts'

/** A Map takes 2^24 entries; when a table of answers gets near, it is emptied and fills again. */
const ANSWERS_MAX = 4_000_000
/** Local states that pack exactly, three to a number. */
const PACKED_MAX = 1 << 17

/** What signatures suffice for, and what of it is forbidden. */
export interface Environment {
  readonly number: number
  readonly surroundings: Surroundings
  readonly violation: string | undefined
}

export class World {
  readonly rules: Rules
  readonly views: number
  readonly honest: number
  readonly #pool = new BlockPool()
  readonly #locals: Replica[] = []
  readonly #numbers = new Map<string, number>()
  /** Number of the signatures of a local state: environments depend on nothing else. */
  readonly #signed: number[] = []
  readonly #signatures = new Map<string, number>()
  readonly #environments = new Map<string, Environment>()
  #environmentOf = new Map<number | string, Environment>()
  #next = new Map<number, Int32Array>()

  constructor(rules: Rules, views: number) {
    this.rules = rules
    this.views = views
    this.honest = honestOf(rules)
  }

  get locals(): number {
    return this.#locals.length
  }

  fresh(): number {
    return this.#intern(FRESH)
  }

  replica(local: number): Replica {
    const replica = this.#locals[local]
    if (replica === undefined) throw new RangeError(`no local state ${local}`)
    return replica
  }

  environment(locals: readonly number[]): Environment {
    const [a = 0, b = 0, c = 0] = locals.map((local) => this.#signed[local] ?? 0)
    const packs = this.#signatures.size < PACKED_MAX
    const key = packs ? (a * PACKED_MAX + b) * PACKED_MAX + c : `${a},${b},${c}`
    const known = this.#environmentOf.get(key)
    if (known !== undefined) return known
    const replicas = locals.map((local) => this.replica(local))
    const twinned = new Set(replicas.flatMap(({ votes }) => votes.filter(({ id }) => /^\d+a/.test(id))))
    const environment = this.#internEnvironment({ ...certificatesOf(this.rules, replicas), twinned })
    if (this.#environmentOf.size >= ANSWERS_MAX) this.#environmentOf = new Map()
    this.#environmentOf.set(key, environment)
    return environment
  }

  /** Local states that one action of this replica leads to; its own left out. */
  next(local: number, environment: Environment): Int32Array {
    const key = environment.number * 2 ** 26 + local
    const known = this.#next.get(key)
    if (known !== undefined) return known
    const found = new Set(this.moves(local, environment).map(({ replica }) => this.#intern(replica)))
    found.delete(local)
    const next = Int32Array.from(found)
    if (this.#next.size >= ANSWERS_MAX) this.#next = new Map()
    this.#next.set(key, next)
    return next
  }

  moves(local: number, { surroundings }: Environment): Move[] {
    return movesOf(this.rules, this.#pool, this.views, this.replica(local), surroundings)
  }

  numberOf(replica: Replica): number {
    return this.#intern(replica)
  }

  #intern(replica: Replica): number {
    const votes = replica.votes.map((block) => block.id).sort()
    const timeouts = replica.timeouts.map(({ view, highQcView }) => `${view}:${highQcView}`).sort()
    const signature = `${[...new Set(votes)]}|${[...new Set(timeouts)]}`
    const { view, lastVoted, highestTimeout, locked, highQC, lastTC } = replica
    const key = `${signature}|${view}|${lastVoted}|${highestTimeout}|${locked}|${highQC.blockId}|${lastTC}`
    const known = this.#numbers.get(key)
    if (known !== undefined) return known
    const number = this.#locals.push(replica) - 1
    this.#numbers.set(key, number)
    const signed = this.#signatures.get(signature) ?? this.#signatures.size
    this.#signatures.set(signature, signed)
    this.#signed.push(signed)
    return number
  }

  #internEnvironment(surroundings: Surroundings): Environment {
    const { certified, tcs, twinned } = surroundings
    const blocks = [certified, [...twinned]].map((list) =>
      list
        .map(({ id }) => id)
        .sort()
        .join(),
    )
    const timedOut = tcs.map(({ view, highQcViews }) => `${view}:${highQcViews}`).sort()
    const key = `${blocks.join('|')}|${timedOut}`
    const known = this.#environments.get(key)
    if (known !== undefined) return known
    const forbidden = violation(this.rules, certified, this.#pool.blocks)
    const environment = { number: this.#environments.size, surroundings, violation: forbidden }
    this.#environments.set(key, environment)
    return environment
  }
}
