import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { equalBytes, type Hash, hashToBytes } from '../../crypto/bytes.ts'
import { Writer } from '../../crypto/codec.ts'
import { signEd25519, verifyEd25519 } from '../../crypto/ed25519.ts'
import {
  decodeTransaction,
  encodeTransaction,
  MEMO_BYTES_MAX,
  OUTPUTS_MAX,
  parseTransaction,
  signTransfer,
  TRANSACTION_BYTES_MAX,
  type Transaction,
  transactionId,
  U64_MAX,
} from '../../ledger/transaction.ts'
import { alice, bob, GENESIS, transfer } from './fixture.ts'

function decoded(bytes: Uint8Array): Transaction {
  const result = decodeTransaction(bytes)
  if (!result.ok) throw new Error(result.detail)
  return result.value
}

const SAMPLE = decoded(transfer(alice))
const OUTPUT = { recipient: bob.address, amount: 1n }

function envelope({ kind = 1, scheme = 1, key = 32, signature = 64, nonce = 0n, body = bodyBytes() }): Uint8Array {
  return new Writer(TRANSACTION_BYTES_MAX)
    .hash(GENESIS)
    .u16(kind)
    .big64(nonce)
    .big64(10n)
    .u64(50)
    .bytes(body)
    .u8(scheme)
    .bytes(new Uint8Array(key))
    .bytes(new Uint8Array(signature))
    .finish()
}

function bodyBytes(amounts: readonly bigint[] = [1n], memo = 0, trailing = 0): Uint8Array {
  return new Writer(TRANSACTION_BYTES_MAX)
    .list(amounts, (writer, amount) => writer.fixed(new Uint8Array(20), 20).big64(amount))
    .bytes(new Uint8Array(memo))
    .fixed(new Uint8Array(trailing), trailing)
    .finish()
}

describe('the id (DESIGN section 4)', () => {
  test('a re-signed copy is the same transaction', () => {
    const other = { ...SAMPLE, auth: { ...SAMPLE.auth, signature: new Uint8Array(64).fill(1) } }
    expect(transactionId(other)).toBe(transactionId(SAMPLE))
    const parsed = parseTransaction(encodeTransaction(other))
    expect(parsed.ok && parsed.value.id).toBe(transactionId(SAMPLE))
  })

  test.each<[string, Partial<Transaction>]>([
    ['chain', { genesisHash: 'cd'.repeat(32) as Hash }],
    ['kind', { kind: 2 }],
    ['nonce', { nonce: 1n }],
    ['fee', { fee: 11n }],
    ['validUntil', { validUntil: 51 }],
    ['amount', { body: { ...SAMPLE.body, outputs: [{ ...OUTPUT, amount: 2n }] } }],
    ['recipient', { body: { ...SAMPLE.body, outputs: [{ ...OUTPUT, recipient: alice.address }] } }],
    ['memo', { body: { ...SAMPLE.body, memo: new Uint8Array(1) } }],
    ['scheme', { auth: { ...SAMPLE.auth, scheme: 2 } }],
    ['key, so that the sender cannot be swapped', { auth: { ...SAMPLE.auth, key: bob.keyPair.publicKey } }],
  ])('covers the %s', (_, change) => {
    expect(transactionId({ ...SAMPLE, ...change })).not.toBe(transactionId(SAMPLE))
  })

  test('its 32 bytes are what is signed', () => {
    const message = hashToBytes(transactionId(SAMPLE))
    expect(verifyEd25519(alice.keyPair.publicKey, message, SAMPLE.auth.signature)).toBe(true)
    expect(equalBytes(SAMPLE.auth.signature, signEd25519(alice.keyPair.secretKey, message))).toBe(true)
  })
})

describe('refusals of bytes', () => {
  test.each<[string, Uint8Array, RegExp]>([
    ['no output', envelope({ body: bodyBytes([]) }), /at least one output/],
    ['one output too many', envelope({ body: bodyBytes(Array(OUTPUTS_MAX + 1).fill(1n)) }), /above the bound 256/],
    ['an output of zero', envelope({ body: bodyBytes([1n, 0n]) }), /at least 1/],
    ['amounts that add up to more than a u64', envelope({ body: bodyBytes([U64_MAX, 1n]) }), /more than a u64/],
    ['a memo one byte too long', envelope({ body: bodyBytes([1n], MEMO_BYTES_MAX + 1) }), /above the bound 256/],
    ['something behind the body', envelope({ body: bodyBytes([1n], 0, 1) }), /trailing/],
    ['something behind the transaction', Buffer.concat([transfer(alice), new Uint8Array(1)]), /trailing/],
    ['an unknown signature scheme', envelope({ scheme: 2 }), /scheme 2/],
    ['a short key', envelope({ key: 31 }), /32 bytes/],
    ['a long signature', envelope({ signature: 65 }), /64 bytes/],
    ['a nonce without successor', envelope({ nonce: U64_MAX }), /no successor/],
    ['more bytes than any transaction', new Uint8Array(TRANSACTION_BYTES_MAX + 1), /at most 8192/],
    ['nothing', new Uint8Array(0), /wanted/],
  ])('%s is malformed', (_, bytes, detail) => {
    expect(parseTransaction(bytes)).toEqual({
      ok: false,
      refusal: { kind: 'malformed-transaction', detail: expect.stringMatching(detail) },
    })
    expect(decodeTransaction(bytes)).toEqual({ ok: false, detail: expect.stringMatching(detail) })
  })

  test('another kind is told from malformed bytes, whatever its body (FORMATS 9)', () => {
    const bytes = envelope({ kind: 7, body: Buffer.from('not a transfer') })
    expect(parseTransaction(bytes)).toEqual({ ok: false, refusal: { kind: 'unsupported-kind', got: 7 } })
    expect(decodeTransaction(bytes)).toEqual({ ok: false, detail: 'kind 7 is not supported' })
  })

  test('the largest transfer is accepted', () => {
    const outputs = Array.from({ length: OUTPUTS_MAX }, () => OUTPUT)
    const bytes = transfer(alice, { outputs, memo: new Uint8Array(MEMO_BYTES_MAX) })
    expect(bytes.length).toBe(7_599)
    expect(decoded(bytes).body.outputs).toHaveLength(OUTPUTS_MAX)
  })
})

describe('properties', () => {
  const address = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((raw) => Buffer.from(raw).toString('hex'))
  const output = fc.record({ recipient: address, amount: fc.bigInt({ min: 1n, max: U64_MAX / 8n }) })
  const request = fc.record({
    genesisHash: fc.constant(GENESIS),
    nonce: fc.bigInt({ min: 0n, max: U64_MAX - 1n }),
    fee: fc.bigInt({ min: 0n, max: U64_MAX }),
    validUntil: fc.maxSafeNat(),
    outputs: fc.array(output, { minLength: 1, maxLength: 8 }),
    memo: fc.uint8Array({ maxLength: MEMO_BYTES_MAX }),
  })

  test('decode inverts encode, and the parsed id and sender are the signer’s', () => {
    fc.assert(
      fc.property(request, (fields) => {
        const { id, bytes } = signTransfer({ ...fields, keyPair: alice.keyPair })
        const parsed = parseTransaction(bytes)
        if (!parsed.ok) throw new Error(parsed.refusal.kind)
        expect(parsed.value.id).toBe(id)
        expect(parsed.value.sender).toBe(alice.address)
        expect(parsed.value.total).toBe(fields.outputs.reduce((sum, { amount }) => sum + amount, 0n))
        expect(Buffer.compare(encodeTransaction(parsed.value.transaction), bytes)).toBe(0)
      }),
      { numRuns: 50 },
    )
  })

  test('one encoding only: whatever decodes encodes to the same bytes, and a mutant outside the signature has another id', () => {
    const bytes = transfer(alice)
    const id = transactionId(SAMPLE)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (position, flip) => {
        const mutant = Buffer.from(bytes)
        mutant[position] = (mutant[position] ?? 0) ^ flip
        const parsed = parseTransaction(mutant)
        if (!parsed.ok) return
        expect(Buffer.compare(encodeTransaction(parsed.value.transaction), mutant)).toBe(0)
        expect(parsed.value.id === id).toBe(position >= bytes.length - 64)
      }),
      { numRuns: 500 },
    )
  })

  test('any bytes give a value or a refusal, never an exception', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => void parseTransaction(bytes)))
  })
})
