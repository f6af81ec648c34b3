// genesis/mnemonic.ts against the published vectors of SLIP-0010, and the devnet's accounts pinned.

import { describe, expect, it } from 'vitest'
import { toHex } from '../../crypto/bytes.ts'
import { accountsFromMnemonic, DEVNET_MNEMONIC, deriveSeed } from '../../genesis/mnemonic.ts'

describe('SLIP-0010, test vector 1 for ed25519', () => {
  const seed = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex')
  it.each([
    ['m', [], '2b4be7f19ee27bbf30c667b642d5f4aa69fd169872f8fc3059c08ebae2eb19e7'],
    ["m/0'", [0], '68e0fe46dfb67e368c75379acec591dad19df3cde26e63b93a8e704f1dade7a3'],
    ["m/0'/1'", [0, 1], 'b1d0bad404bf35da785a64ca1ac54b2617211d2777696fbffaf208f746ae84f2'],
    ["m/0'/1'/2'", [0, 1, 2], '92a5b23c0b8a99e37d07df3fb9966917f5d06e02ddbd909c7e184371463e9fc9'],
    ["m/0'/1'/2'/2'", [0, 1, 2, 2], '30d1dc7e5fc04c31219ab25a27ae00b50f6fd66622f6e9c913253d6511d1e662'],
    [
      "m/0'/1'/2'/2'/1000000000'",
      [0, 1, 2, 2, 1_000_000_000],
      '8f94d394a8e8fd6b1bc2f3f49f5c47e385281d5c17e65324b0f62483e37e8793',
    ],
  ] as const)('%s', (_, path, expected) => {
    expect(toHex(deriveSeed(seed, path))).toBe(expected)
  })

  it.each([-1, 0.5, 2 ** 31])('refuses the child index %d', (index) => {
    expect(() => deriveSeed(seed, [index])).toThrow(RangeError)
  })
})

describe('accounts', () => {
  it('are those of the mnemonic at their documented paths', () => {
    const accounts = accountsFromMnemonic(DEVNET_MNEMONIC, 10)
    expect(accounts.map((account) => account.path)).toContain("m/44'/1'/9'/0'")
    expect(new Set(accounts.map((account) => account.address)).size).toBe(10)
    expect(accountsFromMnemonic(DEVNET_MNEMONIC, 1)).toEqual(accounts.slice(0, 1))
  })

  it.each([
    ['a word that is not in the list', DEVNET_MNEMONIC.replace('junk', 'jank')],
    ['a wrong checksum', DEVNET_MNEMONIC.replace('junk', 'test')],
    ['no words', ''],
  ])('refuses %s', (_, words) => {
    expect(() => accountsFromMnemonic(words, 1)).toThrow(RangeError)
  })
})
