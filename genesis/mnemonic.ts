// Account keys from a mnemonic: BIP 39 words to a seed, SLIP-0010 (ed25519, hardened children only) to keys.
// Account i is at m/44'/1'/i'/0': purpose 44 and coin type 1 ("any test network") of BIP 44, then the account.
// For development networks; holds no real money and stores nothing.

import { createHmac } from 'node:crypto'
import { mnemonicToSeedSync, validateMnemonic } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { keyPairFromSeed } from '../crypto/ed25519.ts'
import { addressOf } from '../ledger/address.ts'

/** Public knowledge: everybody has the keys of its accounts. */
export const DEVNET_MNEMONIC = 'test test test test test test test test test test test junk'
const HARDENED = 0x8000_0000
const MASTER_KEY = 'ed25519 seed'

export interface MnemonicAccount {
  /** 40 hex digits. */
  readonly address: string
  /** 32 bytes, secret: the ed25519 seed. */
  readonly seed: Uint8Array
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** Where it is in the tree, for people. */
  readonly path: string
}

/**
 * Accounts 0 to count-1 of a mnemonic without a passphrase.
 * @throws RangeError when the words are not a BIP 39 mnemonic (English list, checksum).
 */
export function accountsFromMnemonic(mnemonic: string, count: number): MnemonicAccount[] {
  if (!validateMnemonic(mnemonic, wordlist)) throw new RangeError('not a BIP 39 mnemonic')
  const seed = mnemonicToSeedSync(mnemonic)
  return Array.from({ length: count }, (_, index) => {
    const accountSeed = deriveSeed(seed, [44, 1, index, 0])
    const { publicKey } = keyPairFromSeed(accountSeed)
    return { address: addressOf(publicKey), seed: accountSeed, publicKey, path: `m/44'/1'/${index}'/0'` }
  })
}

/**
 * SLIP-0010 for ed25519: the 32-byte private key at a path of hardened indexes (given without the hardening bit).
 * @throws RangeError when an index is not in 0..2^31-1.
 */
export function deriveSeed(masterSeed: Uint8Array, path: readonly number[]): Uint8Array {
  let node = hmac512(Buffer.from(MASTER_KEY, 'ascii'), masterSeed)
  for (const index of path) {
    if (!Number.isInteger(index) || index < 0 || index >= HARDENED) throw new RangeError(`not a child index: ${index}`)
    const child = Buffer.alloc(37)
    child.set(node.subarray(0, 32), 1)
    child.writeUInt32BE(index + HARDENED, 33)
    node = hmac512(node.subarray(32), child)
  }
  return new Uint8Array(node.subarray(0, 32))
}

function hmac512(key: Uint8Array, message: Uint8Array): Buffer {
  return createHmac('sha512', key).update(message).digest()
}
