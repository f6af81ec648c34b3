import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Hash, ZERO_HASH } from '../../crypto/bytes.ts'
import {
  blockEffectsReceipt,
  creditEvent,
  decodeReceipt,
  EVENT_FEES,
  EVENT_TRANSFER,
  EVENTS_MAX,
  encodeReceipt,
  FAILURE_CODES,
  failureName,
  type Receipt,
  readCredit,
} from '../../ledger/receipt.ts'
import { alice, bob } from './fixture.ts'

const TRANSFER = creditEvent(EVENT_TRANSFER, alice.address, { recipient: bob.address, amount: 7n })
const SAMPLE: Receipt = {
  type: 1,
  transactionId: 'cd'.repeat(32) as Hash,
  status: 1,
  code: 0,
  fee: 10n,
  weight: 203,
  events: [TRANSFER],
}

test('failure codes are frozen: a number never changes its meaning (FORMATS 7)', () => {
  expect(FAILURE_CODES).toEqual({ 0: 'none', 1: 'insufficient-funds', 2: 'balance-overflow' })
  expect(failureName(2)).toBe('balance-overflow')
  expect(failureName(999)).toBe('code-999')
})

test('an event says who got how much', () => {
  expect(readCredit(TRANSFER)).toEqual({ recipient: bob.address, amount: 7n })
  expect(readCredit({ ...TRANSFER, kind: 99 })).toBeUndefined()
  expect(readCredit({ ...TRANSFER, content: new Uint8Array(3) })).toBeUndefined()
})

test('block effects name the proposer and its fees; without fees they are empty but present', () => {
  const [event] = blockEffectsReceipt(bob.address, 30n, 600).events
  expect(event?.kind).toBe(EVENT_FEES)
  expect(event && readCredit(event)).toEqual({ recipient: bob.address, amount: 30n })
  expect(blockEffectsReceipt(bob.address, 0n, 0)).toMatchObject({ type: 2, transactionId: ZERO_HASH, events: [] })
})

test.each<[string, Uint8Array]>([
  ['an unknown type', encodeReceipt({ ...SAMPLE, type: 3 })],
  ['an unknown status', encodeReceipt({ ...SAMPLE, status: 3 })],
  ['one event too many', encodeReceipt({ ...SAMPLE, events: Array(EVENTS_MAX + 1).fill(TRANSFER) })],
  ['five topics', encodeReceipt({ ...SAMPLE, events: [{ ...TRANSFER, topics: Array(5).fill(ZERO_HASH) }] })],
  ['an emitter that is too long', encodeReceipt({ ...SAMPLE, events: [{ ...TRANSFER, emitter: new Uint8Array(65) }] })],
  [
    'an event that is too long',
    encodeReceipt({ ...SAMPLE, events: [{ ...TRANSFER, content: new Uint8Array(1_025) }] }),
  ],
  ['something behind it', Buffer.concat([encodeReceipt(SAMPLE), new Uint8Array(1)])],
  ['half of it', encodeReceipt(SAMPLE).slice(0, 30)],
])('refuses %s', (_, bytes) => {
  expect(decodeReceipt(bytes).ok).toBe(false)
})

test('decode inverts encode, up to every bound', () => {
  const hash = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((raw) => Buffer.from(raw).toString('hex') as Hash)
  const event = fc.record({
    kind: fc.nat(65_535),
    emitter: fc.uint8Array({ maxLength: 64 }),
    topics: fc.array(hash, { maxLength: 4 }),
    content: fc.uint8Array({ maxLength: 1_024 }),
  })
  const receipt = fc.record({
    type: fc.constantFrom(1, 2),
    transactionId: hash,
    status: fc.nat(2),
    code: fc.nat(65_535),
    fee: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    weight: fc.maxSafeNat(),
    events: fc.array(event, { maxLength: 5 }),
  })
  fc.assert(
    fc.property(receipt, (value) => {
      const bytes = encodeReceipt(value)
      const decoded = decodeReceipt(bytes)
      if (!decoded.ok) throw new Error(decoded.detail)
      expect(Buffer.compare(encodeReceipt(decoded.value), bytes)).toBe(0)
      expect(decoded.value).toMatchObject({ fee: value.fee, weight: value.weight, status: value.status })
    }),
  )
})
