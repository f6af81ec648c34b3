// Addresses: the first 20 bytes of SHA-256 of an ed25519 public key; 40 lower-case hex digits in memory, bech32m to people.
// Owns the two spellings and nothing else; never decides whether an account exists.
// Source: DESIGN.md section 4; BIP 350 for bech32m.

import { bech32m } from '@scure/base'
import { toHex } from '../crypto/bytes.ts'
import { sha256Hash } from '../crypto/hash.ts'

export const ADDRESS_BYTES = 20
/** BIP 173: a bech32 text has at most 90 characters. Longer input is refused before it is looked at. */
const ADDRESS_TEXT_MAX = 90

const HEX_ADDRESS = /^0x[0-9a-fA-F]{40}$/
const HEX_IN_MEMORY = /^[0-9a-f]{40}$/

export type ParsedAddress =
  | { readonly ok: true; readonly address: string }
  | { readonly ok: false; readonly detail: string }

/** The account of an ed25519 public key (32 bytes), as 40 hex digits. Plain SHA-256: a validator's id is the same thing. */
export function addressOf(publicKey: Uint8Array): string {
  return sha256Hash(publicKey).slice(0, 2 * ADDRESS_BYTES)
}

/** Whether `text` is an address as kept in memory. */
export function isAddress(text: string): boolean {
  return HEX_IN_MEMORY.test(text)
}

/**
 * The spelling people see, e.g. `scov1…`.
 * @throws RangeError when `address` is not 40 lower-case hex digits.
 */
export function encodeAddress(prefix: string, address: string): string {
  if (!isAddress(address)) throw new RangeError(`not an address: ${address}`)
  return bech32m.encode(prefix, bech32m.toWords(Buffer.from(address, 'hex')))
}

/** Reads bech32m with exactly this prefix (all lower or all upper case), or `0x` and 40 hex digits in any case. */
export function parseAddress(prefix: string, text: string): ParsedAddress {
  if (text.length > ADDRESS_TEXT_MAX) return refuse(`an address has at most ${ADDRESS_TEXT_MAX} characters`)
  if (text.startsWith('0x')) {
    return HEX_ADDRESS.test(text)
      ? { ok: true, address: text.slice(2).toLowerCase() }
      : refuse('a hex address is 0x and 40 hex digits')
  }
  const separator = text.lastIndexOf('1')
  if (separator < 1) return refuse(`neither ${prefix}1... nor 0x and 40 hex digits`)
  const found = text.slice(0, separator).toLowerCase()
  if (found !== prefix)
    return refuse(`the prefix is ${JSON.stringify(found)}, this network's is ${JSON.stringify(prefix)}`)
  const decoded = bech32m.decodeUnsafe(text)
  if (!decoded) return refuse('the bech32m checksum is wrong: a character is mistyped, missing or in mixed case')
  const bytes = bech32m.fromWordsUnsafe(decoded.words)
  if (!bytes || bytes.length !== ADDRESS_BYTES) return refuse(`an address has ${ADDRESS_BYTES} bytes`)
  return { ok: true, address: toHex(bytes) }
}

function refuse(detail: string): ParsedAddress {
  return { ok: false, detail }
}
