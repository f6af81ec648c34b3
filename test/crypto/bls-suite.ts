// The suite that every BLS backend passes: official vectors, golden bytes, and everything that must be refused.
// Owns no expectation about a particular backend; run by bls-blst.test.ts and bls-noble.test.ts.

import { describe, expect, test } from 'vitest'
import type { Bls } from '../../crypto/bls.ts'
import { concatBytes, fromHex, toHex } from '../../crypto/bytes.ts'
import golden from '../golden/bls.json' with { type: 'json' }

function bytes(hex: string | undefined): Uint8Array {
  const decoded = fromHex(hex ?? 'missing')
  if (decoded === undefined) throw new Error(`not hex: ${hex}`)
  return decoded
}

function flip(original: Uint8Array, bit: number): Uint8Array {
  const changed = Uint8Array.from(original)
  changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7))
  return changed
}

/** The sign flag: flipping it gives the opposite point, valid in every way. */
const SIGN_BIT = 2

const own = golden.own
const keys = own.validators.map((validator) => bytes(validator.publicKey))
const key0 = bytes(own.validators[0]?.publicKey)
const key1 = bytes(own.validators[1]?.publicKey)
const [A, B] = [bytes(own.messageA), bytes(own.messageB)]
const signatures = own.signaturesA.map(bytes)
const signature = bytes(own.signaturesA[0])
const aggregate = bytes(own.aggregateOfThreeA)
const grouped = bytes(own.groupsTwoOnATwoOnB)
const three = keys.slice(0, 3)

const infinityKey = concatBytes(Uint8Array.of(0xc0), new Uint8Array(47))
const infinitySignature = concatBytes(Uint8Array.of(0xc0), new Uint8Array(95))
/** x = p: the same field element as x = 0, written otherwise. */
const FIELD_PRIME = '9a0111ea397fe69a4b1ba7b6434bacd764774b84f38512bf6730d2a0f6b0f6241eabfffeb153ffffb9feffffffffaaab'

const badKeys: readonly (readonly [string, Uint8Array])[] = [
  ['infinity', infinityKey],
  ['a point of order 3', bytes(golden.outsideSubgroup.publicKeys[0])],
  ['a point of the curve outside the subgroup', bytes(golden.outsideSubgroup.publicKeys[1])],
  [
    'the signer itself plus a point of order 3: the pairing alone accepts it',
    bytes(golden.outsideSubgroup.publicKeys[2]),
  ],
  ['an x that is not on the curve', bytes(golden.offCurve.publicKey)],
  ['x = p, which is not canonical', bytes(FIELD_PRIME)],
  ['the compression flag missing', flip(key0, 0)],
  ['the infinity flag on a finite point', flip(key0, 1)],
  ['47 bytes', key0.subarray(1)],
  ['49 bytes', concatBytes(key0, Uint8Array.of(0))],
  ['no bytes', new Uint8Array(0)],
  ['an uncompressed point of 96 bytes', concatBytes(flip(key0, 0), new Uint8Array(48))],
]

const badSignatures: readonly (readonly [string, Uint8Array])[] = [
  ['infinity (PITFALLS 21)', infinitySignature],
  ['a point of the curve outside the subgroup', bytes(golden.outsideSubgroup.signatures[0])],
  ['the signature plus a point outside the subgroup', bytes(golden.outsideSubgroup.signatures[1])],
  ['an x that is not on the curve', bytes(golden.offCurve.signature)],
  ['the first half of x equal to p', concatBytes(bytes(FIELD_PRIME), new Uint8Array(48))],
  ['the second half of x above p', concatBytes(signature.subarray(0, 48), new Uint8Array(48).fill(0xff))],
  ['the compression flag missing', flip(signature, 0)],
  ['95 bytes', signature.subarray(1)],
  ['97 bytes', concatBytes(signature, Uint8Array.of(0))],
  ['no bytes', new Uint8Array(0)],
  ['an uncompressed point of 192 bytes', concatBytes(flip(signature, 0), new Uint8Array(96))],
]

function vectors(bls: Bls): void {
  test.each(golden.keygen)('KeyGen gives the master key of EIP-2333 for seed $seed', async (vector) => {
    expect(toHex(await bls.secretKey(bytes(vector.seed)))).toBe(vector.secretKey)
  })

  test.each(golden.sign)('ethereum/bls12-381-tests $name', async (vector) => {
    const secretKey = bytes(vector.secretKey)
    expect(toHex(await bls.publicKey(secretKey))).toBe(vector.publicKey)
    expect(toHex(await bls.sign(secretKey, bytes(vector.message)))).toBe(vector.signature)
    expect(await bls.verify(bytes(vector.publicKey), bytes(vector.message), bytes(vector.signature))).toBe(true)
  })

  test(`ethereum/bls12-381-tests ${golden.aggregate.name}`, async () => {
    const { publicKeys, message, signature: sum } = golden.aggregate
    expect(await bls.verifyAggregate(publicKeys.map(bytes), bytes(message), bytes(sum))).toBe(true)
  })

  test.each(own.validators)('golden validator $publicKey', async (validator) => {
    const secretKey = await bls.secretKey(bytes(validator.seed))
    expect(toHex(secretKey)).toBe(validator.secretKey)
    expect(toHex(await bls.publicKey(secretKey))).toBe(validator.publicKey)
  })

  test('golden aggregate: the sum of three signatures, in any order', async () => {
    expect(await bls.aggregate(signatures.slice(0, 3))).toEqual(aggregate)
    expect(await bls.aggregate(signatures.slice(0, 3).reverse())).toEqual(aggregate)
  })

  test('an empty message is a message', async () => {
    const secretKey = bytes(own.validators[0]?.secretKey)
    const signed = await bls.sign(secretKey, new Uint8Array(0))
    expect(await bls.verify(key0, new Uint8Array(0), signed)).toBe(true)
    expect(await bls.verify(key0, Uint8Array.of(0), signed)).toBe(false)
  })
}

function verdicts(bls: Bls): void {
  test('a signature stands for its key and its message only', async () => {
    expect(await bls.verify(key0, A, signature)).toBe(true)
    expect(await bls.verify(key0, B, signature)).toBe(false)
    expect(await bls.verify(key1, A, signature)).toBe(false)
    expect(await bls.verify(key0, A, flip(signature, SIGN_BIT))).toBe(false)
    expect(await bls.verify(flip(key0, SIGN_BIT), A, signature)).toBe(false)
    expect(await bls.verify(key0, A, flip(signature, 700))).toBe(false)
  })

  test('an aggregate stands for exactly its signers (PITFALLS 22)', async () => {
    expect(await bls.verifyAggregate(three, A, aggregate)).toBe(true)
    expect(await bls.verifyAggregate(keys, A, aggregate)).toBe(false)
    expect(await bls.verifyAggregate(three.slice(1), A, aggregate)).toBe(false)
    expect(await bls.verifyAggregate([...three, key0], A, aggregate)).toBe(false)
    expect(await bls.verifyAggregate(three, B, aggregate)).toBe(false)
  })

  test('groups stand for exactly who signed what', async () => {
    const [ab, cd] = [keys.slice(0, 2), keys.slice(2)]
    const first = { publicKeys: ab, message: A }
    const second = { publicKeys: cd, message: B }
    expect(await bls.verifyAggregateGroups([first, second], grouped)).toBe(true)
    expect(await bls.verifyAggregateGroups([second, first], grouped)).toBe(true)
    expect(
      await bls.verifyAggregateGroups(
        [
          { ...first, message: B },
          { ...second, message: A },
        ],
        grouped,
      ),
    ).toBe(false)
    expect(await bls.verifyAggregateGroups([first], grouped)).toBe(false)
    expect(await bls.verifyAggregateGroups([{ publicKeys: three, message: A }], aggregate)).toBe(true)
  })

  test('one message in two groups is refused: a certificate has one form', async () => {
    const split = [
      { publicKeys: [key0], message: A },
      { publicKeys: three.slice(1), message: A },
    ]
    expect(await bls.verifyAggregateGroups(split, aggregate)).toBe(false)
  })

  test('keys that cancel out sign nothing', async () => {
    const cancelling = [key1, flip(key1, SIGN_BIT)]
    expect(await bls.verifyAggregate(cancelling, A, signature)).toBe(false)
    const groups = [
      { publicKeys: [key0], message: A },
      { publicKeys: cancelling, message: B },
    ]
    expect(await bls.verifyAggregateGroups(groups, signature)).toBe(false)
  })

  test('without proof of possession a rogue key forges an aggregate: why genesis demands one (PITFALLS 20)', async () => {
    // rogue = attacker - victim, so victim + rogue = attacker, who signs for both. Nobody knows rogue's secret key.
    const { attackerSecretKey, victimPublicKey, publicKey: rogue } = golden.rogueKey
    const forged = await bls.sign(bytes(attackerSecretKey), A)
    expect(await bls.verifyAggregate([bytes(victimPublicKey), bytes(rogue)], A, forged)).toBe(true)
    expect(await bls.verify(bytes(rogue), A, forged)).toBe(false)
  })
}

function refusals(bls: Bls): void {
  test.each(badKeys)('as a public key: %s', async (_why, bad) => {
    expect(await bls.verify(bad, A, signature)).toBe(false)
    expect(await bls.verifyAggregate([...three, bad], A, aggregate)).toBe(false)
    const groups = [
      { publicKeys: three, message: A },
      { publicKeys: [bad], message: B },
    ]
    expect(await bls.verifyAggregateGroups(groups, aggregate)).toBe(false)
  })

  test.each(badSignatures)('as a signature: %s', async (_why, bad) => {
    expect(await bls.verify(key0, A, bad)).toBe(false)
    expect(await bls.aggregate([signature, bad])).toBeUndefined()
    expect(await bls.verifyAggregate(three, A, bad)).toBe(false)
    expect(await bls.verifyAggregateGroups([{ publicKeys: three, message: A }], bad)).toBe(false)
  })

  test('nobody has signed nothing (PITFALLS 21: empty bitmap and infinity)', async () => {
    for (const sum of [signature, infinitySignature]) {
      expect(await bls.verifyAggregate([], A, sum)).toBe(false)
      expect(await bls.verifyAggregateGroups([], sum)).toBe(false)
      expect(await bls.verifyAggregateGroups([{ publicKeys: [], message: A }], sum)).toBe(false)
    }
    expect(await bls.aggregate([])).toBeUndefined()
  })

  test('signatures that cancel out have no sum', async () => {
    expect(await bls.aggregate([signature, flip(signature, SIGN_BIT)])).toBeUndefined()
  })

  test('a bad seed or secret key is an error: those are ours', async () => {
    await expect(bls.secretKey(new Uint8Array(31))).rejects.toThrow(RangeError)
    const order = '73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001'
    for (const bad of [new Uint8Array(32), new Uint8Array(31).fill(1), new Uint8Array(33).fill(1), bytes(order)]) {
      await expect(bls.publicKey(bad)).rejects.toThrow(RangeError)
      await expect(bls.sign(bad, A)).rejects.toThrow(RangeError)
    }
  })
}

export function runBlsSuite(name: string, create: () => Bls): void {
  const bls = create()
  describe(`${name}: vectors`, () => vectors(bls))
  describe(`${name}: verdicts`, () => verdicts(bls))
  describe(`${name}: refusals`, () => refusals(bls))
}
