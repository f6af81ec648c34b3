// genesis/devnet.ts: deterministic with a seed, random without, and accepted by the parser either way.

import { describe, expect, it } from 'vitest'
import { keyPairFromSeed } from '../../crypto/ed25519.ts'
import { BASE_UNITS_PER_COIN, devnetAccounts, generateNetwork, type NetworkRequest } from '../../genesis/devnet.ts'
import { addressOf } from '../../ledger/address.ts'
import { bls, genesisOf, NETWORK } from './network.ts'

const REQUEST: NetworkRequest = { validators: 2, chainId: 'net', accounts: [], addresses: () => [] }

describe('with a seed', () => {
  it('is the same network every time, and says that its keys are public', async () => {
    const [first, second] = [
      await generateNetwork(bls, { ...REQUEST, seed: 's' }),
      await generateNetwork(bls, { ...REQUEST, seed: 's' }),
    ]
    expect(second).toEqual(first)
    const genesis = await genesisOf(first.genesisText)
    expect(genesis.devnet).toBe(true)
    expect(first.genesisText).toMatch(/"warning": "DEVELOPMENT ONLY/)
  })

  it('is another for another seed, and a larger one begins with the same keys', async () => {
    const ids = async (seed: string, validators: number) => {
      return (await generateNetwork(bls, { ...REQUEST, seed, validators })).keys.map((keys) => keys.id)
    }
    const [a2, a3, b2] = [await ids('a', 2), await ids('a', 3), await ids('b', 2)]
    expect(a3).toEqual(expect.arrayContaining(a2))
    expect(a2.some((id) => b2.includes(id))).toBe(false)
  })
})

describe('without one', () => {
  it('has keys nobody else can make, and does not call itself a devnet', async () => {
    const request = { ...REQUEST, timeMs: 1 }
    const [first, second] = [await generateNetwork(bls, request), await generateNetwork(bls, request)]
    expect(second.keys[0]?.id).not.toBe(first.keys[0]?.id)
    const genesis = await genesisOf(first.genesisText)
    expect([genesis.devnet, genesis.timeMs]).toEqual([false, 1])
    expect(first.genesisText).not.toContain('warning')
  })

  it('needs a time: it must not depend on the machine that runs it', async () => {
    await expect(generateNetwork(bls, REQUEST)).rejects.toThrow(/genesis time/)
  })
})

it('puts key i at index i of the epoch, with its addresses', async () => {
  const genesis = await genesisOf(NETWORK.genesisText)
  expect(genesis.validators.validators.map((validator) => validator.id)).toEqual(NETWORK.keys.map((keys) => keys.id))
  expect([0, 1, 2, 3].map((index) => genesis.addressesOf(index))).toEqual(
    [4_100, 4_101, 4_102, 4_103].map((port) => [`/ip4/127.0.0.1/tcp/${port}`]),
  )
})

it('makes the largest network there is', async () => {
  const { genesisText } = await generateNetwork(bls, { ...REQUEST, seed: 's', validators: 100 })
  expect((await genesisOf(genesisText)).validators.validators).toHaveLength(100)
})

it.each([0, 101, 1.5])('refuses %d validators', async (validators) => {
  await expect(generateNetwork(bls, { ...REQUEST, seed: 's', validators })).rejects.toThrow(RangeError)
})

it('keeps no secret in the genesis file', () => {
  for (const keys of NETWORK.keys) {
    for (const secret of [keys.nodeSeed, keys.blsSecretKey]) {
      expect(NETWORK.genesisText).not.toContain(Buffer.from(secret).toString('hex'))
    }
  }
})

describe('devnet accounts', () => {
  it('are ten with a million coins each, whose keys are public', () => {
    const accounts = devnetAccounts()
    expect(accounts.map((account) => account.balance / BASE_UNITS_PER_COIN)).toEqual(Array(10).fill(1_000_000n))
    for (const { address, seed } of accounts) expect(addressOf(keyPairFromSeed(seed).publicKey)).toBe(address)
  })
})
