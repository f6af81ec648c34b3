import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { DecodedTransaction } from '../../ledger/application.ts'
import { createVerifier, SLICE_SIGNATURES_MAX, type VerifierLimits } from '../../node/verifier.ts'
import { alice, ledger, transfer } from '../ledger/fixture.ts'

function signed(nonce: number): DecodedTransaction {
  const decoded = ledger.decode(transfer(alice, { nonce: BigInt(nonce) }))
  if (!decoded.ok) throw new Error(decoded.refusal.kind)
  return decoded.value
}

/** The same transaction, and so the same id, under a signature that is not valid: its last byte is changed. */
function forged(nonce: number): DecodedTransaction {
  const bytes = Uint8Array.from(signed(nonce).bytes)
  const last = bytes.length - 1
  bytes[last] = (bytes[last] ?? 0) ^ 1
  const decoded = ledger.decode(bytes)
  if (!decoded.ok) throw new Error(decoded.refusal.kind)
  return decoded.value
}

const many = Array.from({ length: 3 * SLICE_SIGNATURES_MAX + 1 }, (_, nonce) => signed(nonce))

/** The real ledger, with a record of how many signatures each synchronous call took. */
function setUp(limits: Partial<VerifierLimits> = {}) {
  const slices: number[] = []
  const application = {
    verify(transactions: readonly DecodedTransaction[]): boolean[] {
      slices.push(transactions.length)
      return ledger.verify(transactions)
    },
  }
  return {
    slices,
    verifier: createVerifier(application, { queueMax: 1_000, verifiedMax: 1_000, decodedMax: 1_000, ...limits }),
  }
}

describe('verifier', () => {
  it('tells valid from invalid, in order, across slices', async () => {
    const { slices, verifier } = setUp()
    const bad = new Set([0, SLICE_SIGNATURES_MAX, many.length - 1])
    const transactions = many.map((transaction, at) => (bad.has(at) ? forged(at) : transaction))
    const verdicts = await verifier.verify(transactions)
    expect(verdicts?.flatMap((isValid, at) => (isValid ? [] : [at]))).toEqual([...bad])
    expect(slices).toEqual([SLICE_SIGNATURES_MAX, SLICE_SIGNATURES_MAX, SLICE_SIGNATURES_MAX, 1])
    expect(await verifier.verify([])).toEqual([])
  })

  it('lets other work run between slices, and does none before it returns', async () => {
    const { slices, verifier } = setUp()
    const verdicts = verifier.verify(many)
    expect(slices).toEqual([])
    const seen: number[] = []
    while (slices.length < 4) {
      await nextTurn()
      seen.push(slices.length)
    }
    expect(seen, 'no turn of the event loop sees two slices').toEqual(
      seen.map((count, turn) => Math.min(count, (seen[turn - 1] ?? 0) + 1)),
    )
    expect((await verdicts)?.every((isValid) => isValid)).toBe(true)
  })

  it('verifies once what is valid, and knows another signature of the same id for what it is', async () => {
    const { slices, verifier } = setUp()
    const [transaction, copy, imposter] = [signed(0), signed(0), forged(0)]
    expect(imposter.id).toBe(transaction.id)
    expect(verifier.isVerified(transaction)).toBe(false)
    expect(await verifier.verify([transaction])).toEqual([true])
    expect(await verifier.verify([copy, imposter])).toEqual([true, false])
    expect(slices).toEqual([1, 1])
    expect([verifier.isVerified(copy), verifier.isVerified(imposter)]).toEqual([true, false])
    verifier.remember(signed(1))
    expect(await verifier.verify([signed(1)])).toEqual([true])
    expect(slices).toEqual([1, 1])
  })

  it('does not verify again what another caller brought meanwhile', async () => {
    const { slices, verifier } = setUp()
    const both = [verifier.verify(many), verifier.verify(many)]
    expect((await Promise.all(both)).flat().every((isValid) => isValid === true)).toBe(true)
    expect(slices.reduce((sum, count) => sum + count, 0)).toBe(many.length)
  })

  it('takes a block`s signatures before those that came earlier for the mempool', async () => {
    const { verifier } = setUp()
    const order: string[] = []
    const arrival = verifier.verify(many)?.then(() => order.push('arrival'))
    await nextTurn()
    const block = verifier.verify([signed(500)], 'block')?.then(() => order.push('block'))
    await Promise.all([arrival, block])
    expect(order).toEqual(['block', 'arrival'])
  })

  it('has no room beyond its bound, for either urgency, and has again when the queue is worked off', async () => {
    const { verifier } = setUp({ queueMax: 10 })
    const first = verifier.verify(many.slice(0, 10))
    expect(verifier.verify(many.slice(10, 11))).toBeUndefined()
    expect(verifier.verify([]), 'what needs no verification needs no room').toBeDefined()
    const block = verifier.verify(many.slice(10, 20), 'block')
    expect(verifier.verify(many.slice(20, 21), 'block')).toBeUndefined()
    await Promise.all([first, block])
    expect(await verifier.verify(many.slice(20, 30))).toHaveLength(10)
    expect(verifier.verify(many.slice(30, 41)), 'more than would ever fit').toBeUndefined()
  })

  it('forgets the least recently used beyond its bound', async () => {
    const { verifier } = setUp({ verifiedMax: 8 })
    for (const transaction of many.slice(0, 4)) verifier.remember(transaction)
    expect(many.slice(0, 4).every(verifier.isVerified)).toBe(true)
    for (const transaction of many.slice(4, 7)) verifier.remember(transaction)
    const [used] = many
    expect(used !== undefined && verifier.isVerified(used)).toBe(true)
    for (const transaction of many.slice(7, 100)) {
      verifier.remember(transaction)
      expect(used !== undefined && verifier.isVerified(used), 'in use').toBe(true)
    }
    expect(many.filter(verifier.isVerified).length).toBeLessThanOrEqual(8)
    expect(many.slice(1, 4).some(verifier.isVerified)).toBe(false)
  })

  it('finds what it verified by the very bytes, within its bound, and nothing else', async () => {
    const { verifier } = setUp({ decodedMax: 8 })
    const [first, second] = many
    if (first === undefined || second === undefined) throw new Error('no transactions')
    expect(verifier.find(first.bytes), 'not verified yet').toBeUndefined()
    await verifier.verify([first])
    expect(verifier.find(Uint8Array.from(first.bytes))).toBe(first)
    const resigned = Uint8Array.from(first.bytes)
    resigned[resigned.length - 1] = (resigned.at(-1) ?? 0) ^ 1
    expect(verifier.find(resigned), 'the same id with another signature').toBeUndefined()
    expect(verifier.find(second.bytes)).toBeUndefined()
    await verifier.verify(many)
    expect(many.filter(({ bytes }) => verifier.find(bytes) !== undefined).length).toBeLessThanOrEqual(8)
    expect(verifier.isVerified(first), 'still known to be valid').toBe(true)
  })

  it('hands a broken application to its caller, and goes on with the others', async () => {
    let isBroken = true
    let calls = 0
    const verifier = createVerifier(
      {
        verify(transactions) {
          calls++
          if (!isBroken) return ledger.verify(transactions)
          isBroken = false
          throw new Error('broken')
        },
      },
      { queueMax: many.length, verifiedMax: 10, decodedMax: 10 },
    )
    await expect(verifier.verify(many)).rejects.toThrow('broken')
    for (let turn = 0; turn < 5; turn++) await nextTurn()
    expect(calls, 'the rest of the job is left').toBe(1)
    expect(await verifier.verify(many.slice(0, 2))).toEqual([true, true])
    expect(await verifier.verify(many)).toHaveLength(many.length)
  })
})
