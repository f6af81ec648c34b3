import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Epoch, EpochConfig, Validator } from '../../consensus/types.ts'
import {
  checkEpochConfig,
  createValidatorSet,
  leaderSchedule,
  quorumOf,
  SCHEDULE_SLOTS_MAX,
} from '../../consensus/validators.ts'
import { VALIDATORS_MAX } from '../../consensus/wire.ts'
import { InvariantError } from '../../crypto/assert.ts'
import { index, view } from './committee.ts'

/** Keys are never used here: only their lengths and differences count. */
function validator(at: number, power = 1): Validator {
  const nodeKey = new Uint8Array(32)
  new DataView(nodeKey.buffer).setUint32(0, at)
  return { id: at.toString(16).padStart(40, '0'), power, blsKey: new Uint8Array(48), nodeKey }
}

function config(powers: readonly number[]): EpochConfig {
  const validators = powers.map((power, at) => validator(at, power))
  return { format: 1, epoch: 0 as Epoch, protocolVersion: 1, params: [], validators }
}

const setOf = (powers: readonly number[]) => createValidatorSet(config(powers))
const powersArbitrary = fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 30 })

describe('quorum, witness and faults (DESIGN.md section 3, "Formats")', () => {
  test.each([
    { powers: [1], quorum: 1, witness: 1, faults: 0 },
    { powers: [1, 1, 1], quorum: 3, witness: 1, faults: 0 },
    { powers: [1, 1, 1, 1], quorum: 3, witness: 2, faults: 1 },
    { powers: [10, 10, 10, 10], quorum: 27, witness: 14, faults: 1 },
    { powers: [1, 1, 1, 1, 1, 1, 1], quorum: 5, witness: 3, faults: 2 },
    { powers: [5, 1, 1, 1, 1], quorum: 7, witness: 3, faults: 2 },
  ])('powers $powers: quorum $quorum, witness $witness, faults $faults', ({ powers, quorum, witness, faults }) => {
    expect(setOf(powers)).toMatchObject({ quorum, witness, faults, size: powers.length })
  })

  test('quorum = floor(2W/3)+1 exactly, up to the largest total', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (total) => {
        expect(BigInt(quorumOf(total))).toBe((2n * BigInt(total)) / 3n + 1n)
      }),
    )
  })

  test('two quorums share a witness, and what is faulty leaves a quorum', () => {
    fc.assert(
      fc.property(powersArbitrary, (powers) => {
        const { totalPower, quorum, witness } = setOf(powers)
        expect(2 * quorum - totalPower).toBeGreaterThan(totalPower - quorum)
        expect(totalPower - (witness - 1)).toBeGreaterThanOrEqual(quorum)
        expect(3 * (witness - 1)).toBeLessThan(totalPower)
      }),
    )
  })

  test('equal powers: floor((n-1)/3) faults, whatever the power', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 1_000 }), (n, power) => {
        expect(setOf(new Array(n).fill(power)).faults).toBe(Math.floor((n - 1) / 3))
      }),
    )
  })
})

describe('members', () => {
  const set = setOf([5, 1, 2])

  test('are found by index and by node key', () => {
    expect(set.indexOfNodeKey(set.get(index(2)).nodeKey)).toBe(2)
    expect(set.indexOfNodeKey(new Uint8Array(32).fill(9))).toBeUndefined()
    expect(set.indices()).toEqual([0, 1, 2])
  })

  test('an index from outside is asked about first', () => {
    expect([-1, 0, 2, 3, 0.5].map((at) => set.has(at))).toEqual([false, true, true, false, false])
    expect(() => set.get(index(3))).toThrow(InvariantError)
  })

  test('a signer named twice counts once', () => {
    expect(set.powerOf([index(0), index(2), index(0)])).toBe(7)
  })
})

describe('leader schedule (DESIGN.md section 3, "Leader")', () => {
  test('equal powers: round robin, leader(view) = view mod n', () => {
    const set = setOf([7, 7, 7, 7])
    expect(Array.from({ length: 9 }, (_, at) => set.leader(view(at)))).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 0])
    expect(set.leader(view(Number.MAX_SAFE_INTEGER))).toBe(Number.MAX_SAFE_INTEGER % 4)
  })

  test('smooth: the heavy one never leads all its views in a row', () => {
    expect(leaderSchedule([5, 1, 1])).toEqual([0, 0, 1, 0, 2, 0, 0])
  })

  test('each leads exactly its share over a period of the powers themselves', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 20 }), (powers) => {
        const schedule = leaderSchedule(powers)
        const total = powers.reduce((a, b) => a + b, 0)
        for (const [at, power] of powers.entries()) {
          const led = schedule.filter((leader) => leader === at).length
          expect(led * total).toBe(power * schedule.length)
        }
      }),
    )
  })

  test.each([
    { why: 'powers without a small common measure', powers: [Number.MAX_SAFE_INTEGER - 10, 3, 5] },
    { why: 'a whale and many small ones', powers: [1_000_000_007, ...new Array(200).fill(1)] },
  ])('bounded for $why, and everybody leads', ({ powers }) => {
    const schedule = leaderSchedule(powers)
    expect(schedule.length).toBeLessThanOrEqual(2 * SCHEDULE_SLOTS_MAX)
    expect(new Set(schedule).size).toBe(powers.length)
    expect(schedule.filter((leader) => leader === 0).length).toBeGreaterThan(0.9 * SCHEDULE_SLOTS_MAX)
  })

  test('scaled down, a share is off by less than a slot', () => {
    const powers = [100_003, 50_021, 25_013, 12_503]
    const total = powers.reduce((a, b) => a + b, 0)
    const schedule = leaderSchedule(powers)
    expect(schedule).toHaveLength(SCHEDULE_SLOTS_MAX)
    for (const [at, power] of powers.entries()) {
      const led = schedule.filter((leader) => leader === at).length
      expect(Math.abs(led - (power / total) * SCHEDULE_SLOTS_MAX)).toBeLessThan(1)
    }
  })

  test('more validators than slots: round robin', () => {
    const powers = Array.from({ length: SCHEDULE_SLOTS_MAX + 1 }, (_, at) => at + 1)
    expect(leaderSchedule(powers)).toEqual(powers.map((_, at) => at))
  })
})

describe('an epoch config (FORMATS.md, 3)', () => {
  const valid = config([1, 2, 3])
  const [first, second, third] = valid.validators
  if (!first || !second || !third) throw new Error('three validators')

  test('of the largest size is accepted', () => {
    expect(checkEpochConfig(config(new Array(VALIDATORS_MAX).fill(1)))).toBeUndefined()
    expect(checkEpochConfig(config([Number.MAX_SAFE_INTEGER]))).toBeUndefined()
  })

  test.each<{ why: string; kind: string; config: EpochConfig }>([
    { why: 'nobody', kind: 'no-validators', config: config([]) },
    {
      why: 'an index is a u16',
      kind: 'too-many-validators',
      config: config(new Array(VALIDATORS_MAX + 1).fill(1)),
    },
    { why: 'out of order', kind: 'validators-not-ascending', config: { ...valid, validators: [second, first] } },
    {
      why: 'one id twice',
      kind: 'validators-not-ascending',
      config: { ...valid, validators: [first, { ...second, id: first.id }] },
    },
    {
      why: 'one param twice',
      kind: 'params-not-ascending',
      config: {
        ...valid,
        params: [
          { id: 1, value: 1 },
          { id: 1, value: 2 },
        ],
      },
    },
    { why: 'no power', kind: 'bad-power', config: config([1, 0]) },
    { why: 'negative power', kind: 'bad-power', config: config([1, -1]) },
    { why: 'a fraction', kind: 'bad-power', config: config([1, 0.5]) },
    { why: 'total of 2^53', kind: 'total-power-too-large', config: config([Number.MAX_SAFE_INTEGER, 1]) },
    { why: 'id not hex', kind: 'bad-id', config: { ...valid, validators: [{ ...first, id: 'g'.repeat(40) }] } },
    { why: 'id too short', kind: 'bad-id', config: { ...valid, validators: [{ ...first, id: '00' }] } },
    {
      why: 'BLS key too short',
      kind: 'bad-bls-key',
      config: { ...valid, validators: [{ ...first, blsKey: new Uint8Array(47) }] },
    },
    {
      why: 'node key too long',
      kind: 'bad-node-key',
      config: { ...valid, validators: [{ ...first, nodeKey: new Uint8Array(33) }] },
    },
    {
      why: 'one node key for two',
      kind: 'duplicate-node-key',
      config: { ...valid, validators: [first, { ...second, nodeKey: first.nodeKey }] },
    },
  ])('refused: $why', ({ config: refused, kind }) => {
    expect(checkEpochConfig(refused)?.kind).toBe(kind)
    expect(() => createValidatorSet(refused)).toThrow(InvariantError)
  })
})
