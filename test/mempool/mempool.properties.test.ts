// Any sequence of what can happen to a mempool, against a naive model of it (model.ts).

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Hash } from '../../crypto/bytes.ts'
import type { DecodedTransaction } from '../../ledger/application.ts'
import { createMempool, type Mempool, type MempoolLimits, type Removed } from '../../mempool/mempool.ts'
import { Model } from './model.ts'
import { type Sketch, transaction } from './transactions.ts'

const LIMITS: MempoolLimits = {
  countMax: 7,
  bytesMax: 800,
  perLaneMax: 3,
  nonceGapMax: 6,
  transactionBytesMax: 300,
}

type Step =
  | { readonly kind: 'add'; readonly sketch: Required<Omit<Sketch, 'nonce'>> & { readonly offset: number } }
  | { readonly kind: 'propose'; readonly countMax: number }
  | { readonly kind: 'commit' }
  | { readonly kind: 'orphan' }
  | { readonly kind: 'commit-foreign'; readonly lane: string }
  | { readonly kind: 'drop'; readonly pick: number }

const lanes = fc.constantFrom('a', 'b', 'c')
const sketches = fc.record({
  lane: lanes,
  offset: fc.integer({ min: -1, max: 7 }),
  fee: fc.integer({ min: 0, max: 25 }),
  size: fc.constantFrom(60, 100, 250, 301),
  validUntil: fc.constantFrom(2, 5, 30, 30, 30),
  salt: fc.nat(1),
})
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('add' as const), sketch: sketches }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('propose' as const), countMax: fc.integer({ min: 0, max: 5 }) }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('commit' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('orphan' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('commit-foreign' as const), lane: lanes }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('drop' as const), pick: fc.nat() }) },
)

/** Where each transaction that was taken ended; the world around one mempool. */
class World {
  readonly pool: Mempool = createMempool(LIMITS)
  readonly model = new Model(LIMITS)
  /** Since they were last taken: a dropped transaction may come again. */
  readonly pending = new Set<Hash>()
  readonly reached = new Map<string, number>()

  count(what: string): void {
    this.reached.set(what, (this.reached.get(what) ?? 0) + 1)
  }

  leave(removed: readonly Removed[]): ReadonlySet<Hash> {
    for (const { transaction: gone, state } of removed) {
      this.count(state)
      expect(this.pending.delete(gone.id), `${state}: was pending, and is reported once`).toBe(true)
    }
    return new Set(removed.map((each) => each.transaction.id))
  }

  run(step: Step): void {
    this.count(step.kind)
    switch (step.kind) {
      case 'add':
        return this.add(transaction(this.resolve(step.sketch)))
      case 'propose':
        return this.propose(step.countMax)
      case 'commit':
        return this.commit(this.model.blocks.shift() ?? [])
      case 'orphan':
        this.pool.unmarkIncluded((this.model.blocks.pop() ?? []).map(({ id }) => id))
        return
      case 'commit-foreign':
        while (this.model.blocks.length > 0) this.run({ kind: 'orphan' })
        return this.commit([transaction({ lane: step.lane, nonce: Number(this.model.nextOf(step.lane)), salt: 99 })])
      case 'drop':
        return this.drop(step.pick)
    }
  }

  resolve({ offset, ...sketch }: Extract<Step, { kind: 'add' }>['sketch']): Sketch {
    return { ...sketch, nonce: Math.max(0, Number(this.model.nextOf(sketch.lane)) + offset) }
  }

  add(newcomer: DecodedTransaction): void {
    const next = this.model.nextOf(newcomer.lane)
    const checked = this.pool.check(newcomer, next)
    const result = this.pool.add(newcomer, next)
    const expected = this.model.add(newcomer)
    expect(checked.ok).toBe(result.ok)
    if (!result.ok) {
      this.count(result.refusal.kind)
      expect(result.refusal.kind).toBe(expected)
      return
    }
    expect(result.duplicate).toBe(this.pending.has(newcomer.id))
    this.pending.add(newcomer.id)
    expect(this.leave(result.removed)).toEqual(expected)
    expect(result.queue).toBe(this.model.isReady(newcomer) ? 'ready' : 'queued')
  }

  /** A block of what can still commit at its height, as building one leaves out the rest. */
  propose(countMax: number): void {
    const height = this.model.height + this.model.blocks.length + 1
    const leftOut = new Set<string>()
    const block = this.model.candidates().filter(({ lane, validUntil }) => {
      if (validUntil < height) leftOut.add(lane)
      return !leftOut.has(lane)
    })
    const taken = block.slice(0, countMax)
    this.model.blocks.push(taken)
    this.pool.markIncluded(taken.map(({ id }) => id))
  }

  commit(block: readonly DecodedTransaction[]): void {
    this.model.height++
    for (const { id, lane, sequence } of block) {
      this.pending.delete(id)
      this.model.next.set(lane, sequence + 1n)
    }
    const ids = block.map(({ id }) => id)
    const moved = new Map(block.map(({ lane }) => [lane, this.model.nextOf(lane)]))
    const gone = this.leave(this.pool.onCommit({ ids, lanes: moved }, this.model.height))
    const { held, height } = this.model
    const expected = held.filter(({ transaction: each }) => {
      if (ids.includes(each.id)) return false
      return each.sequence < this.model.nextOf(each.lane) || each.validUntil <= height
    })
    expect(gone).toEqual(new Set(expected.map(({ transaction: each }) => each.id)))
    this.model.remove(new Set([...gone, ...ids]))
  }

  drop(pick: number): void {
    const open = this.model.held.filter(({ transaction: each }) => !this.model.isIncluded(each.id))
    const chosen = open[pick % Math.max(1, open.length)]?.transaction.id
    this.model.remove(this.leave(this.pool.drop(chosen === undefined ? [] : [chosen], 'does not execute')))
  }

  check(): void {
    const { pool, model } = this
    const ready = model.ready()
    const executable = ready.filter(({ id }) => !model.isIncluded(id)).length
    expect(pool.info()).toMatchObject({
      count: model.held.length,
      bytes: model.bytes,
      ready: ready.length,
      queued: model.held.length - ready.length,
      executable,
      lanes: new Set(model.held.map((each) => each.transaction.lane)).size,
    })
    expect(pool.hasExecutable()).toBe(executable > 0)
    expect(pool.info().count).toBeLessThanOrEqual(LIMITS.countMax)
    expect(pool.info().bytes).toBeLessThanOrEqual(LIMITS.bytesMax)
    for (const lane of ['a', 'b', 'c']) expect(model.lane(lane).length).toBeLessThanOrEqual(LIMITS.perLaneMax)
    expect(new Set(model.held.map((each) => each.transaction.id))).toEqual(this.pending)
    for (const id of this.pending) expect(pool.lookup(id)).toBeDefined()
    const start = (lane: string) => {
      const before = model.blocks.flat().filter((each) => each.lane === lane)
      return model.nextOf(lane) + BigInt(before.length)
    }
    const chosen = [...pool.candidates((id) => model.isIncluded(id), start)]
    expect(chosen.map(({ id }) => id)).toEqual(model.candidates().map(({ id }) => id))
  }
}

describe('mempool, any history', () => {
  it('agrees with the model: bounds, order, and one end for every transaction', () => {
    const reached = new Map<string, number>()
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 50, size: 'max' }), (history) => {
        const world = new World()
        for (const step of history) {
          world.run(step)
          world.check()
        }
        for (const [what, times] of world.reached) reached.set(what, (reached.get(what) ?? 0) + times)
      }),
      { numRuns: 200 },
    )
    // A property that never got to the hard part proves nothing.
    const hard = ['dropped', 'replaced', 'expired', 'mempool-full', 'account-limit', 'nonce-taken', 'orphan']
    for (const what of hard) expect(reached.get(what) ?? 0, what).toBeGreaterThan(0)
  })
})
