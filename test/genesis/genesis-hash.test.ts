// genesis/genesis-hash.ts: the encoding laid out by hand, and that both kinds of state have their own.

import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { toHex, ZERO_HASH } from '../../crypto/bytes.ts'
import { encodeGenesis, type GenesisContent, genesisHashOf } from '../../genesis/genesis-hash.ts'

const CONTENT: GenesisContent = {
  format: 1,
  devnet: true,
  chainId: 'c-1',
  initialHeight: 5,
  protocolVersion: 1,
  addressPrefix: 'ab',
  timeMs: 0x0102_0304_0506,
  app: { name: 'x', version: 2 },
  params: [{ id: 3, value: 9 }],
  validators: [
    {
      id: 'ff'.repeat(20),
      power: 7,
      blsKey: new Uint8Array(48).fill(0xb1),
      nodeKey: new Uint8Array(32).fill(0xa2),
      proofOfPossession: new Uint8Array(96).fill(0xc3),
    },
  ],
  state: { kind: 'accounts', accounts: [{ address: '0d'.repeat(20), balance: 0xffff_ffff_ffff_ffffn }] },
}

const BY_HAND = [
  ...['0001', '01', '00000003', '632d31', '0000000000000005', '0001', '00000002', '6162', '0000010203040506'],
  ...['00000001', '78', '00000002', '00000001', '0003', '0000000000000009'],
  ...['00000001', '0000000000000007', 'b1'.repeat(48), 'a2'.repeat(32), 'c3'.repeat(96)],
  ...['00', '00000001', '0d'.repeat(20), 'ff'.repeat(8)],
]

describe('encodeGenesis', () => {
  it('is the documented sequence of fields', () => {
    expect(toHex(encodeGenesis(CONTENT))).toBe([...BY_HAND, '00'].join(''))
  })

  it('has room for a predecessor and a snapshot (FORMATS 13)', () => {
    const predecessor = { genesisHash: ZERO_HASH, height: 6, blockId: ZERO_HASH }
    const state = { kind: 'snapshot', stateRoot: ZERO_HASH, snapshotHash: ZERO_HASH } as const
    const end = ['01', '00'.repeat(64), '01', '00'.repeat(32), '0000000000000006', '00'.repeat(32)]
    expect(toHex(encodeGenesis({ ...CONTENT, state, predecessor }))).toBe([...BY_HAND.slice(0, -4), ...end].join(''))
  })
})

it('hashes under its own tag', () => {
  const preimage = Buffer.concat([Buffer.from('scoville/genesis/1'), Buffer.from([...BY_HAND, '00'].join(''), 'hex')])
  expect(genesisHashOf(CONTENT)).toBe(createHash('sha256').update(preimage).digest('hex'))
})
