import { bech32, bech32m } from '@scure/base'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sha256 } from '../../crypto/hash.ts'
import { addressOf, encodeAddress, isAddress, parseAddress } from '../../ledger/address.ts'

const ADDRESS = '00112233445566778899aabbccddeeff00112233'
const TEXT = encodeAddress('scov', ADDRESS)
const WORDS = bech32m.toWords(Buffer.from(ADDRESS, 'hex'))

test('an address is the first 20 bytes of SHA-256 of the public key (DESIGN section 4)', () => {
  const key = new Uint8Array(32).fill(5)
  expect(addressOf(key)).toBe(Buffer.from(sha256(key)).toString('hex').slice(0, 40))
})

test.each([
  ['bech32m with this prefix', TEXT],
  ['bech32m in upper case (BIP 173)', TEXT.toUpperCase()],
  ['0x and hex', `0x${ADDRESS}`],
  ['0x and hex in upper case', `0x${ADDRESS.toUpperCase()}`],
])('accepts %s', (_, text) => {
  expect(parseAddress('scov', text)).toEqual({ ok: true, address: ADDRESS })
})

test.each([
  ["another network's prefix", encodeAddress('scovtest', ADDRESS), /prefix is "scovtest", this network's is "scov"/],
  ['a mistyped character', `${TEXT.slice(0, -1)}${TEXT.endsWith('q') ? 'p' : 'q'}`, /checksum/],
  ['a missing character', TEXT.slice(0, -1), /checksum/],
  ['mixed case (BIP 173)', TEXT.slice(0, -3) + TEXT.slice(-3).toUpperCase(), /checksum/],
  ['bech32, the older checksum (BIP 350)', bech32.encode('scov', WORDS), /checksum/],
  ['19 bytes', bech32m.encode('scov', bech32m.toWords(new Uint8Array(19))), /20 bytes/],
  ['32 bytes', bech32m.encode('scov', bech32m.toWords(new Uint8Array(32))), /20 bytes/],
  ['words with bits left over', bech32m.encode('scov', [...WORDS.slice(0, -1), 31, 31]), /20 bytes/],
  ['hex without 0x', ADDRESS, /the prefix is/],
  ['too little hex', `0x${ADDRESS.slice(2)}`, /40 hex digits/],
  ['no hex', `0x${'g'.repeat(40)}`, /40 hex digits/],
  ['nothing', '', /neither/],
  ['a long text, before it is looked at', `scov1${'q'.repeat(100_000)}`, /at most 90/],
])('refuses %s', (_, text, detail) => {
  expect(parseAddress('scov', text)).toEqual({ ok: false, detail: expect.stringMatching(detail) })
})

test('parse inverts encode for every address and prefix', () => {
  const bytes = fc.uint8Array({ minLength: 20, maxLength: 20 })
  const prefix = fc.stringMatching(/^[a-z]{1,10}1?[a-z]{1,10}$/)
  fc.assert(
    fc.property(bytes, prefix, (raw, network) => {
      const address = Buffer.from(raw).toString('hex')
      expect(isAddress(address)).toBe(true)
      expect(parseAddress(network, encodeAddress(network, address))).toEqual({ ok: true, address })
    }),
  )
})

test('encoding what is no address is a bug, not a text', () => {
  for (const wrong of ['', ADDRESS.slice(1), `0x${ADDRESS}`, ADDRESS.toUpperCase()]) {
    expect(() => encodeAddress('scov', wrong)).toThrow(RangeError)
  }
})
