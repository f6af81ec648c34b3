// The two BLS backends against each other: the same bytes out, the same verdict on anything in. A network may run both.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createBlstBls } from '../../crypto/bls-blst.ts'
import { createNobleBls } from '../../crypto/bls-noble.ts'

const blst = createBlstBls()
const noble = createNobleBls()

const anySeed = fc.uint8Array({ minLength: 32, maxLength: 64 })
const anyMessage = fc.uint8Array({ maxLength: 100 })

describe('byte for byte', () => {
  test('keys from any seed', async () => {
    await fc.assert(
      fc.asyncProperty(anySeed, async (seed) => {
        const secretKey = await blst.secretKey(seed)
        expect(Buffer.from(await noble.secretKey(seed))).toEqual(Buffer.from(secretKey))
        expect(Buffer.from(await noble.publicKey(secretKey))).toEqual(Buffer.from(await blst.publicKey(secretKey)))
      }),
      { numRuns: 20 },
    )
  })

  test('signatures and aggregates of any message, each checked by the other (PITFALLS 26)', async () => {
    await fc.assert(
      fc.asyncProperty(anySeed, anySeed, anyMessage, async (seed, other, message) => {
        const secretKeys = [await blst.secretKey(seed), await blst.secretKey(other)]
        const publicKeys = await Promise.all(secretKeys.map((key) => blst.publicKey(key)))
        const native = await Promise.all(secretKeys.map((key) => blst.sign(key, message)))
        const portable = await Promise.all(secretKeys.map((key) => noble.sign(key, message)))
        expect(portable.map((bytes) => Buffer.from(bytes))).toEqual(native.map((bytes) => Buffer.from(bytes)))
        const sum = (await noble.aggregate(portable)) ?? new Uint8Array(0)
        expect(Buffer.from(sum)).toEqual(Buffer.from((await blst.aggregate(native)) ?? []))
        expect(await blst.verifyAggregate(publicKeys, message, sum)).toBe(true)
        expect(await noble.verifyAggregate(publicKeys, message, sum)).toBe(true)
      }),
      { numRuns: 4 },
    )
  })
})

describe('the same verdict', () => {
  // The corruption of a valid key or signature reaches every stage: flags, range, curve, subgroup, pairing.
  const corruption = fc.record({ at: fc.nat(95), to: fc.nat(255) })

  test('on corrupted signatures', async () => {
    const seed = new Uint8Array(32).fill(1)
    const secretKey = await blst.secretKey(seed)
    const signature = await blst.sign(secretKey, seed)
    await fc.assert(
      fc.asyncProperty(corruption, async ({ at, to }) => {
        const changed = Uint8Array.from(signature)
        changed[at] = to
        const accepted = await blst.aggregate([changed])
        expect((await noble.aggregate([changed])) === undefined).toBe(accepted === undefined)
      }),
      { numRuns: 40 },
    )
  })

  test('on points read from any bytes with plausible flags', async () => {
    const anyPoint = fc.uint8Array({ minLength: 96, maxLength: 96 }).map((bytes) => {
      const point = Uint8Array.from(bytes)
      point[0] = 0x80 | ((point[0] ?? 0) & 0x3f)
      return point
    })
    await fc.assert(
      fc.asyncProperty(anyPoint, async (point) => {
        const accepted = await blst.aggregate([point])
        expect((await noble.aggregate([point])) === undefined).toBe(accepted === undefined)
      }),
      { numRuns: 40 },
    )
  })
})
