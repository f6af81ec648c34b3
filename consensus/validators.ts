// An epoch's validators: voting power, quorum and who leads which view. Fixed for the epoch, the same on every node.
// Quorum = floor(2W/3)+1 of total power W; witness = W - quorum + 1, so that at least one is honest (DESIGN.md section 3).
// Never learns who is reachable or slow: the schedule is a function of the config alone.

import { assert } from '../crypto/assert.ts'
import { type Hash, toHex } from '../crypto/bytes.ts'
import { epochHashOf } from './preimages.ts'
import type { Epoch, EpochConfig, Validator, ValidatorIndex, View } from './types.ts'
import { BLS_KEY_BYTES, isAscending, NODE_KEY_BYTES, VALIDATOR_ID_BYTES, VALIDATORS_MAX } from './wire.ts'

/** Slots that unequal powers are scaled down to; giving the weakest a slot each adds at most as many again. */
export const SCHEDULE_SLOTS_MAX = 4_096

export interface ValidatorSet {
  readonly config: EpochConfig
  readonly epoch: Epoch
  readonly epochHash: Hash
  readonly size: number
  readonly totalPower: number
  readonly quorum: number
  /** Power that contains at least one honest validator. */
  readonly witness: number
  /** The most validators that can be faulty at once: floor((n-1)/3) when powers are equal. */
  readonly faults: number
  /** Whether an index a stranger sent is one of ours. */
  has(index: number): index is ValidatorIndex
  /** @throws InvariantError when there is no such validator: ask `has` first about an index from outside. */
  get(index: ValidatorIndex): Validator
  indexOfNodeKey(nodeKey: Uint8Array): ValidatorIndex | undefined
  /** Power of distinct validators: one named twice counts once. */
  powerOf(indices: Iterable<ValidatorIndex>): number
  leader(view: View): ValidatorIndex
  /** All of them, ascending. */
  indices(): readonly ValidatorIndex[]
}

/** Why a config is none; `index` is the offending validator's position. */
export type EpochConfigRejection =
  | { readonly kind: 'no-validators' }
  | { readonly kind: 'too-many-validators'; readonly count: number; readonly max: number }
  | { readonly kind: 'params-not-ascending' }
  | { readonly kind: 'validators-not-ascending' }
  | { readonly kind: 'bad-id' | 'bad-bls-key' | 'bad-node-key' | 'duplicate-node-key'; readonly index: number }
  | { readonly kind: 'bad-power'; readonly index: number; readonly power: number }
  | { readonly kind: 'total-power-too-large' }

const ID = new RegExp(`^[0-9a-f]{${2 * VALIDATOR_ID_BYTES}}$`)

/** What FORMATS.md, 3 demands of a config; proofs of possession are genesis's and registration's to check. */
export function checkEpochConfig(config: EpochConfig): EpochConfigRejection | undefined {
  const { params, validators } = config
  if (validators.length === 0) return { kind: 'no-validators' }
  if (validators.length > VALIDATORS_MAX) {
    return { kind: 'too-many-validators', count: validators.length, max: VALIDATORS_MAX }
  }
  if (!isAscending(params)) return { kind: 'params-not-ascending' }
  let total = 0
  const nodeKeys = new Set<string>()
  for (const [index, { id, power, blsKey, nodeKey }] of validators.entries()) {
    if (!ID.test(id)) return { kind: 'bad-id', index }
    if (blsKey.length !== BLS_KEY_BYTES) return { kind: 'bad-bls-key', index }
    if (nodeKey.length !== NODE_KEY_BYTES) return { kind: 'bad-node-key', index }
    if (!Number.isSafeInteger(power) || power <= 0) return { kind: 'bad-power', index, power }
    total += power
    if (!Number.isSafeInteger(total)) return { kind: 'total-power-too-large' }
    nodeKeys.add(toHex(nodeKey))
    if (nodeKeys.size !== index + 1) return { kind: 'duplicate-node-key', index }
  }
  return isAscending(validators) ? undefined : { kind: 'validators-not-ascending' }
}

/** @param config one that `checkEpochConfig` accepts; anything else is a broken invariant. */
export function createValidatorSet(config: EpochConfig): ValidatorSet {
  const rejection = checkEpochConfig(config)
  assert(rejection === undefined, `the epoch config is not valid: ${rejection?.kind}`)
  const { epoch, validators } = config
  const powers = validators.map((validator) => validator.power)
  const totalPower = powers.reduce((sum, power) => sum + power, 0)
  const quorum = quorumOf(totalPower)
  const schedule = leaderSchedule(powers)
  const all = validators.map((_, index) => index as ValidatorIndex)
  const byNodeKey = new Map(all.map((index) => [toHex(get(index).nodeKey), index]))

  function get(index: ValidatorIndex): Validator {
    const validator = validators[index]
    assert(validator !== undefined, `validator ${index} is not in the set`)
    return validator
  }

  return {
    config,
    epoch,
    epochHash: epochHashOf(config),
    size: validators.length,
    totalPower,
    quorum,
    witness: totalPower - quorum + 1,
    faults: faultsOf(powers, totalPower - quorum),
    has: (index): index is ValidatorIndex => Number.isInteger(index) && index >= 0 && index < validators.length,
    get,
    indexOfNodeKey: (nodeKey) => byNodeKey.get(toHex(nodeKey)),
    powerOf: (indices) => {
      let sum = 0
      for (const index of new Set(indices)) sum += get(index).power
      return sum
    },
    leader: (view) => {
      const leader = schedule[view % schedule.length]
      assert(leader !== undefined, `view ${view} has no leader`)
      return leader
    },
    indices: () => all,
  }
}

/** floor(2W/3)+1 without leaving the safe integers. */
export function quorumOf(totalPower: number): number {
  const remainder = totalPower % 3
  const third = (totalPower - remainder) / 3
  return 2 * third + (remainder === 2 ? 1 : 0) + 1
}

/** The longest count of validators, weakest first, whose power stays within what may be faulty. */
function faultsOf(powers: readonly number[], faultyPowerMax: number): number {
  let left = faultyPowerMax
  let count = 0
  for (const power of powers.toSorted((a, b) => a - b)) {
    left -= power
    if (left < 0) break
    count++
  }
  return count
}

/**
 * The leaders of views 0, 1, 2, ...; repeats for ever. Smooth weighted round robin over slots in proportion to power: each
 * leads as often as it has slots, spread out evenly. Equal powers, and more validators than slots, are a plain round robin.
 */
export function leaderSchedule(powers: readonly number[]): readonly ValidatorIndex[] {
  const slots = slotsOf(powers)
  const length = slots.reduce((sum, count) => sum + count, 0)
  const credit = slots.map(() => 0)
  const schedule: ValidatorIndex[] = []
  if (length === powers.length) return powers.map((_, index) => index as ValidatorIndex)
  for (let at = 0; at < length; at++) {
    let best = 0
    for (const [index, count] of slots.entries()) {
      credit[index] = (credit[index] ?? 0) + count
      if ((credit[index] ?? 0) > (credit[best] ?? 0)) best = index
    }
    credit[best] = (credit[best] ?? 0) - length
    schedule.push(best as ValidatorIndex)
  }
  return schedule
}

/** Slots per validator, at least one each: power over the common divisor, scaled down by largest remainder if too many. */
function slotsOf(powers: readonly number[]): number[] {
  if (powers.length >= SCHEDULE_SLOTS_MAX) return powers.map(() => 1)
  const divisor = powers.reduce(greatestCommonDivisor)
  const slots = powers.map((power) => power / divisor)
  const total = slots.reduce((sum, count) => sum + count, 0)
  if (total <= SCHEDULE_SLOTS_MAX) return slots
  const shares = slots.map((count, index) => {
    const scaled = BigInt(count) * BigInt(SCHEDULE_SLOTS_MAX)
    return { index, whole: Number(scaled / BigInt(total)), remainder: Number(scaled % BigInt(total)) }
  })
  let spare = SCHEDULE_SLOTS_MAX - shares.reduce((sum, share) => sum + share.whole, 0)
  for (const share of shares.toSorted((a, b) => b.remainder - a.remainder || a.index - b.index)) {
    if (spare-- <= 0) break
    share.whole++
  }
  return shares.map((share) => Math.max(1, share.whole))
}

function greatestCommonDivisor(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b]
  return a
}
