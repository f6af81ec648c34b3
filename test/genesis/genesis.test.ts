// genesis/genesis.ts: what a file must be to found a chain, what its hash covers, and what is derived from it.

import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isRootQC, rootQC } from '../../consensus/certificates.ts'
import type { Epoch } from '../../consensus/types.ts'
import { createValidatorSet } from '../../consensus/validators.ts'
import { toHex } from '../../crypto/bytes.ts'
import { formatGenesisErrors, parseGenesis } from '../../genesis/genesis.ts'
import { generateValidatorKeys, provePossession } from '../../genesis/keys.ts'
import { namedParams } from '../../genesis/params.ts'
import { parseAddress } from '../../ledger/address.ts'
import { bls, type Editable, edited, faultsOf, genesisOf, NETWORK } from './network.ts'

const GENESIS = await genesisOf(NETWORK.genesisText)
const other = await generateValidatorKeys(bls, new Uint8Array(32).fill(9))

function set(file: Editable, list: 'validators' | 'accounts', at: number, changes: Record<string, unknown>): void {
  Object.assign(file[list]?.[at] ?? {}, changes)
}

const field = (file: Editable, at: number) => file.validators[at]

describe('golden', () => {
  it('the devnet keeps its hash, block 0 and roots: a change is another chain and needs an ADR', async () => {
    const golden = JSON.parse(readFileSync(new URL('../golden/genesis.json', import.meta.url), 'utf8'))
    const genesis = await genesisOf(JSON.stringify(golden.file))
    expect({
      genesisHash: genesis.genesisHash,
      blockId: genesis.block.id,
      stateRoot: genesis.state.stateRoot,
      receiptsRoot: genesis.state.receiptsRoot,
    }).toEqual(golden.derived)
    expect(JSON.parse(NETWORK.genesisText)).toEqual(golden.file)
  })
})

describe('the hash does not cover', () => {
  it.each<[string, (file: Editable) => void]>([
    ['where a node is', (file) => set(file, 'validators', 0, { addresses: ['/dns4/moved.example/tcp/1'] })],
    ['that its address is not known yet', (file) => set(file, 'validators', 3, { addresses: [] })],
    ['what it is called', (file) => set(file, 'validators', 0, { name: 'Carolina Reaper' })],
    ['whether it has a name', (file) => delete file.validators[1]?.name],
    ['the warning', (file) => delete file.warning],
    ['the order of validators', (file) => file.validators.reverse()],
    ['the order of accounts', (file) => file.accounts?.reverse()],
    ['the spelling of an instant', (file) => Object.assign(file, { time: '2026-01-01T02:00:00+02:00' })],
    ['milliseconds instead of a date', (file) => Object.assign(file, { time: Date.UTC(2026, 0, 1) })],
    ['that a default was left out', (file) => delete file.params],
    [
      'the spelling of hex',
      (file) => set(file, 'validators', 0, { nodeKey: field(file, 0)?.nodeKey.slice(2).toUpperCase() }),
    ],
    [
      'the spelling of an address',
      (file) => {
        const parsed = parseAddress('scvdev', file.accounts?.[0]?.address ?? '')
        set(file, 'accounts', 0, { address: parsed.ok ? `0x${parsed.address}` : '' })
      },
    ],
  ])('%s', async (_, edit) => {
    expect((await genesisOf(edited(edit))).genesisHash).toBe(GENESIS.genesisHash)
  })
})

describe('the hash covers', () => {
  it.each<[string, (file: Editable) => void]>([
    ['the initial height', (file) => Object.assign(file, { initialHeight: 1 })],
    ['the address prefix', (file) => Object.assign(file, { addressPrefix: 'x', accounts: [] })],
    ['the time', (file) => Object.assign(file, { time: '2026-01-01T00:00:00.001Z' })],
    ['a parameter', (file) => Object.assign(file, { params: { feeMin: 2 } })],
    ['voting power', (file) => set(file, 'validators', 0, { power: 2 })],
    ['a balance', (file) => set(file, 'accounts', 0, { balance: '1' })],
    ['an account', (file) => file.accounts?.pop()],
    ['a validator', (file) => file.validators.pop()],
    ['that keys are public', (file) => Object.assign(file, { devnet: false })],
  ])('%s, and so do block 0 and every preimage', async (_, edit) => {
    const other = await genesisOf(edited(edit))
    expect(other.genesisHash).not.toBe(GENESIS.genesisHash)
    expect(other.block.id).not.toBe(GENESIS.block.id)
    expect(other.block.proposal.header.genesisHash).toBe(other.genesisHash)
  })
})

describe('shape', () => {
  it.each<[string, string, (file: Editable) => void]>([
    ['an unknown field', 'chainid: ', (file) => Object.assign(file, { chainid: 'x' })],
    ['an unknown field inside', 'validators[1].stake: ', (file) => set(file, 'validators', 1, { stake: 1 })],
    ['another format', 'format: ', (file) => Object.assign(file, { format: 2 })],
    ['another protocol', 'protocolVersion: ', (file) => Object.assign(file, { protocolVersion: 2 })],
    ['another application', 'app.name: ', (file) => Object.assign(file, { app: { name: 'evm', version: 1 } })],
    ['a chain id with a space', 'chainId: ', (file) => Object.assign(file, { chainId: 'a b' })],
    ['too long a chain id', 'chainId: ', (file) => Object.assign(file, { chainId: 'a'.repeat(65) })],
    ['a negative height', 'initialHeight: ', (file) => Object.assign(file, { initialHeight: -1 })],
    ['a height above 2^53-1', 'initialHeight: ', (file) => Object.assign(file, { initialHeight: 2 ** 53 })],
    ['a prefix that is no bech32 prefix', 'addressPrefix: ', (file) => Object.assign(file, { addressPrefix: 'Scv' })],
    ['too long a prefix', 'addressPrefix: ', (file) => Object.assign(file, { addressPrefix: 'a'.repeat(17) })],
    ['a date that is none', 'time: ', (file) => Object.assign(file, { time: '2026-02-30T00:00:00Z' })],
    ['a local time', 'time: ', (file) => Object.assign(file, { time: '2026-01-01T00:00:00' })],
    ['microseconds', 'time: ', (file) => Object.assign(file, { time: '2026-01-01T00:00:00.0001Z' })],
    ['a time before 1970', 'time: ', (file) => Object.assign(file, { time: '1969-12-31T23:59:59Z' })],
    ['an unknown parameter', 'params.blockTime: ', (file) => Object.assign(file, { params: { blockTime: 1 } })],
    ['a parameter out of range', 'params.feeMin: ', (file) => Object.assign(file, { params: { feeMin: -1 } })],
    ['no validators', 'validators: ', (file) => Object.assign(file, { validators: [] })],
    ['power 0', 'validators[2].power: ', (file) => set(file, 'validators', 2, { power: 0 })],
    ['power as text', 'validators[2].power: ', (file) => set(file, 'validators', 2, { power: '1' })],
    ['a short key', 'validators[2].blsKey: ', (file) => set(file, 'validators', 2, { blsKey: '0x00' })],
    [
      'a key that is no hex',
      'validators[0].nodeKey: ',
      (file) => set(file, 'validators', 0, { nodeKey: 'g'.repeat(64) }),
    ],
    ['a key left out', 'validators[0].nodeKey: ', (file) => delete (field(file, 0) as Partial<Editable>).nodeKey],
    [
      'an address without a port',
      'validators[3].addresses[0]: ',
      (file) => set(file, 'validators', 3, { addresses: ['/ip4/127.0.0.1'] }),
    ],
    ['a balance as a number', 'accounts[0].balance: ', (file) => set(file, 'accounts', 0, { balance: 5 })],
    ['a balance of nothing', 'accounts[0].balance: ', (file) => set(file, 'accounts', 0, { balance: '0' })],
    ['a balance with leading zeros', 'accounts[0].balance: ', (file) => set(file, 'accounts', 0, { balance: '01' })],
    [
      'a balance of 2^64',
      'accounts[0].balance: ',
      (file) => set(file, 'accounts', 0, { balance: '18446744073709551616' }),
    ],
  ])('refuses %s, naming %s', async (_, start, edit) => {
    const faults = await faultsOf(edited(edit))
    expect(faults).toHaveLength(1)
    expect(faults[0]?.slice(0, start.length)).toBe(start)
    expect(faults[0]?.length).toBeGreaterThan(start.length + 5)
  })

  it('reports all faults at once', async () => {
    const text = edited((file) => {
      set(file, 'validators', 2, { blsKey: '', power: 0.5 })
      Object.assign(file, { chainId: '', extra: 1 })
    })
    expect((await faultsOf(text)).map((fault) => fault.split(':')[0])).toEqual([
      'chainId',
      'validators[2].power',
      'validators[2].blsKey',
      'extra',
    ])
  })

  it.each(['', 'null', '[]', '{', '1'])('refuses %j without throwing', async (text) => {
    expect(await faultsOf(text)).not.toEqual([])
  })
})

describe('content', () => {
  it.each<[string, string, (file: Editable) => void]>([
    [
      'a BLS key used twice, even with its proof (PITFALLS 20)',
      'validators[1].blsKey: is the same as validators[0].blsKey',
      (file) => set(file, 'validators', 1, { blsKey: field(file, 0)?.blsKey }),
    ],
    [
      'a node key used twice',
      'validators[3].nodeKey: is the same as validators[1].nodeKey',
      (file) => set(file, 'validators', 3, { nodeKey: field(file, 1)?.nodeKey }),
    ],
    [
      'a node key of small order: no proposal would verify',
      'validators[0].nodeKey: is not a canonical ed25519 key of full order',
      (file) => set(file, 'validators', 0, { nodeKey: `01${'00'.repeat(31)}` }),
    ],
    [
      'a total power of 2^53 (FORMATS 3)',
      'validators: total power 9007199254740992 is not below 2^53',
      (file) => {
        set(file, 'validators', 0, { power: Number.MAX_SAFE_INTEGER - 2 })
      },
    ],
    [
      'an account twice, in two spellings',
      'accounts[1].address: is the same as accounts[0].address',
      (file) => {
        const parsed = parseAddress('scvdev', file.accounts?.[0]?.address ?? '')
        set(file, 'accounts', 1, { address: parsed.ok ? `0x${parsed.address}` : '' })
      },
    ],
    [
      'an address of another network',
      'accounts[0].address: the prefix is "scvdev"',
      (file) => Object.assign(file, { addressPrefix: 'other', accounts: file.accounts?.slice(0, 1) }),
    ],
    [
      'a mistyped address',
      'accounts[0].address: the bech32m checksum is wrong',
      (file) => set(file, 'accounts', 0, { address: `${file.accounts?.[0]?.address.slice(0, -1)}b` }),
    ],
    [
      'a supply of 2^64',
      'accounts: the total supply 18446744073709551616 is not below 2^64',
      (file) => {
        file.accounts?.splice(2)
        set(file, 'accounts', 0, { balance: '18446744073709551615' })
        set(file, 'accounts', 1, { balance: '1' })
      },
    ],
    ['a missing state', 'accounts: is missing', (file) => delete file.accounts],
    [
      'a snapshot, which is in the format (FORMATS 13) and not done yet',
      'snapshot: starting from a snapshot is not supported by this version',
      (file) => {
        delete file.accounts
        Object.assign(file, { snapshot: { stateRoot: '00'.repeat(32), snapshotHash: '00'.repeat(32) } })
      },
    ],
    [
      'a predecessor, likewise',
      'predecessor: continuing another chain is not supported by this version',
      (file) =>
        Object.assign(file, { predecessor: { genesisHash: '00'.repeat(32), height: 1, blockId: '00'.repeat(32) } }),
    ],
  ])('refuses %s', async (_, expected, edit) => {
    const faults = await faultsOf(edited(edit))
    expect(faults.filter((fault) => !fault.includes('proofOfPossession'))).toHaveLength(1)
    expect(faults.some((fault) => fault.startsWith(expected))).toBe(true)
  })

  it('accepts the greatest supply and the greatest power', async () => {
    const text = edited((file) => {
      file.accounts?.splice(2)
      set(file, 'accounts', 0, { balance: '18446744073709551614' })
      set(file, 'accounts', 1, { balance: '1' })
      set(file, 'validators', 0, { power: Number.MAX_SAFE_INTEGER - 3 })
    })
    expect(await faultsOf(text)).toEqual([])
  })

  it.each<[string, (file: Editable) => Promise<unknown> | unknown]>([
    ['nobody signed it', (file) => set(file, 'validators', 2, { proofOfPossession: `0x${'00'.repeat(96)}` })],
    ['the point at infinity', (file) => set(file, 'validators', 2, { proofOfPossession: `0xc0${'00'.repeat(95)}` })],
    [
      'another validator signed it',
      (file) => set(file, 'validators', 2, { proofOfPossession: field(file, 1)?.proofOfPossession }),
    ],
    ['it was made for another node key', (file) => set(file, 'validators', 2, { nodeKey: toHex(other.nodeKey) })],
    ['the BLS key is another', (file) => set(file, 'validators', 2, { blsKey: toHex(other.blsKey) })],
    ['the BLS key is no point', (file) => set(file, 'validators', 2, { blsKey: 'ff'.repeat(48) })],
    ['the BLS key is the point at infinity', (file) => set(file, 'validators', 2, { blsKey: `c0${'00'.repeat(47)}` })],
  ])('refuses a proof of possession when %s', async (_, edit) => {
    const faults = await faultsOf(edited(edit))
    expect(faults.map((fault) => fault.split(':')[0])).toEqual(['validators[2].proofOfPossession'])
  })

  it('refuses proofs made for another chain', async () => {
    const faults = await faultsOf(edited((file) => Object.assign(file, { chainId: 'other' })))
    expect(faults).toHaveLength(4)
  })

  it('names validators by their place in the file, whatever their order', async () => {
    const text = edited((file) => {
      file.validators.reverse()
      set(file, 'validators', 0, { proofOfPossession: '00'.repeat(96) })
    })
    expect((await faultsOf(text))[0]).toMatch(/^validators\[0\]\.proofOfPossession: /)
  })

  it('accepts a validator that proves its key', async () => {
    const proof = toHex(await provePossession(bls, other, 'scoville-devnet'))
    const joined = {
      power: 3,
      blsKey: toHex(other.blsKey),
      nodeKey: toHex(other.nodeKey),
      proofOfPossession: proof,
      addresses: [],
    }
    const genesis = await genesisOf(edited((file) => file.validators.push(joined)))
    const index = genesis.validators.validators.findIndex((validator) => validator.id === other.id)
    expect([genesis.validators.validators[index]?.power, genesis.addressesOf(index)]).toEqual([3, []])
  })
})

describe('what follows from the file', () => {
  it('is an epoch that a validator set accepts, ascending by id', () => {
    const validators = createValidatorSet(GENESIS.validators)
    expect([validators.size, validators.quorum, validators.epoch]).toEqual([4, 3, 0])
  })

  it('finds addresses and names by index in the epoch, not in the file', async () => {
    const reversed = await genesisOf(edited((file) => file.validators.reverse()))
    for (const index of [0, 1, 2, 3]) {
      expect(reversed.addressesOf(index)).toEqual(GENESIS.addressesOf(index))
      expect(reversed.nameOf(index)).toBe(`validator-${index}`)
    }
    expect([GENESIS.addressesOf(4), GENESIS.nameOf(4)]).toEqual([[], undefined])
  })

  it('has every parameter in the epoch, by name and by id', async () => {
    const genesis = await genesisOf(edited((file) => Object.assign(file, { params: { transactionsMax: 9 } })))
    expect(genesis.params.transactionsMax).toBe(9)
    expect(namedParams(genesis.validators.params)).toEqual({ ok: true, params: genesis.params })
  })

  it('has the root QC of block 0 (FORMATS 4)', () => {
    expect(isRootQC(GENESIS.rootQC, rootQC(0 as Epoch, GENESIS.block.id, 4))).toBe(true)
  })

  it('has one value in the state per account', () => {
    expect(GENESIS.state.writes.values.size).toBe(10)
  })

  it('is the same on both BLS backends', async () => {
    const { loadBls } = await import('../../crypto/bls-backend.ts')
    const portable = await parseGenesis(NETWORK.genesisText, await loadBls('noble'))
    expect(portable.ok && portable.genesis.block.id).toBe(GENESIS.block.id)
  })
})

it('prints one fault a line', () => {
  const errors = [
    { path: '', message: 'not JSON' },
    { path: 'a.b', message: 'wrong' },
  ]
  expect(formatGenesisErrors(errors)).toBe('not JSON\na.b: wrong')
})
