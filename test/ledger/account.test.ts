import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Hash, hashToBytes, ZERO_HASH } from '../../crypto/bytes.ts'
import { Writer } from '../../crypto/codec.ts'
import { hashOf } from '../../crypto/hash.ts'
import {
  accountKey,
  decodeAccount,
  EMPTY_ACCOUNT,
  encodeAccount,
  KEYS_REMEMBERED_MAX,
  nextHistoryHead,
  readAccount,
} from '../../ledger/account.ts'
import { EMPTY_STATE } from '../../ledger/overlay.ts'
import { alice, bob, hashOfNumber, stateWith } from './fixture.ts'

test('the key is H(namespace 1 ‖ address) (FORMATS 8)', () => {
  const content = Buffer.concat([Uint8Array.of(1), Buffer.from(alice.address, 'hex')])
  expect(accountKey(alice.address)).toBe(hashOf('scoville/state-key/1', content))
  expect(accountKey(bob.address)).not.toBe(accountKey(alice.address))
  expect(() => accountKey('12')).toThrow(/40 hex digits/)
})

test('keys are the same after more addresses than are remembered', () => {
  const before = accountKey(alice.address)
  for (let i = 0; i <= KEYS_REMEMBERED_MAX; i++) accountKey(i.toString(16).padStart(40, '0'))
  expect(accountKey(alice.address)).toBe(before)
})

test('an address never touched is empty and absent', () => {
  expect(readAccount(EMPTY_STATE, alice.address)).toEqual(EMPTY_ACCOUNT)
  expect(readAccount(stateWith([alice, 5n]), alice.address)).toEqual({ ...EMPTY_ACCOUNT, balance: 5n })
})

test('a foreign value under the key of an account stops the process', () => {
  const state = { get: () => new Uint8Array(57), node: () => undefined }
  expect(() => readAccount(state, alice.address)).toThrow(/not an account/)
})

test('the next head is H(head ‖ height ‖ index ‖ id ‖ receipt hash), every part of it counting', () => {
  const entry = { height: 2 ** 40 + 5, index: 3, transactionId: hashOfNumber(1), receiptHash: hashOfNumber(2) }
  const content = new Writer()
    .hash(ZERO_HASH)
    .u64(entry.height)
    .u32(3)
    .hash(entry.transactionId)
    .hash(entry.receiptHash)
  expect(nextHistoryHead(ZERO_HASH, entry)).toBe(hashOf('scoville/history/1', content.finish()))
  const others = [{ height: 6 }, { index: 4 }, { transactionId: hashOfNumber(3) }, { receiptHash: hashOfNumber(3) }]
  const heads = others.map((change) => nextHistoryHead(ZERO_HASH, { ...entry, ...change }))
  heads.push(nextHistoryHead(ZERO_HASH, entry), nextHistoryHead(hashOfNumber(1), entry))
  expect(new Set(heads).size).toBe(6)
})

test('decode inverts encode; another type, a missing and a further byte are refused', () => {
  const u64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n })
  fc.assert(
    fc.property(u64, u64, fc.maxSafeNat(), fc.nat(), (balance, nonce, historyCount, seed) => {
      const account = { balance, nonce, historyCount, historyHead: hashOfNumber(seed) }
      const bytes = encodeAccount(account)
      expect(bytes).toHaveLength(57)
      expect(decodeAccount(bytes)).toEqual({ ok: true, value: account })
      expect(decodeAccount(bytes.subarray(1)).ok).toBe(false)
      expect(decodeAccount(Buffer.concat([bytes, new Uint8Array(1)])).ok).toBe(false)
      expect(decodeAccount(Buffer.concat([Uint8Array.of(2), bytes.subarray(1)])).ok).toBe(false)
    }),
  )
})

test('hashes in memory and in bytes are the same thing', () => {
  const head = 'ef'.repeat(32) as Hash
  expect(encodeAccount({ ...EMPTY_ACCOUNT, historyHead: head }).subarray(25)).toEqual(hashToBytes(head))
})
