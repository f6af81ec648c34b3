// genesis/block-zero.ts: block 0 field by field (FORMATS 1, 2, 4, 6).

import { describe, expect, it } from 'vitest'
import { epochHashOf } from '../../consensus/preimages.ts'
import { blockIdOf, encodeHeader, encodeProposal, HEADER_BYTES } from '../../consensus/wire.ts'
import { toHex, ZERO_HASH } from '../../crypto/bytes.ts'
import { sha256 } from '../../crypto/hash.ts'
import { edited, genesisOf, NETWORK } from './network.ts'

const GENESIS = await genesisOf(NETWORK.genesisText)
const { header, justify, signature, payload, evidence } = GENESIS.block.proposal
/** RFC 6962, 2.1: the root of no leaves is the hash of nothing. */
const NO_LEAVES = toHex(sha256(new Uint8Array()))

describe('block 0', () => {
  it('stands at view 0 of epoch 0, at the initial height and the genesis time, without a parent', async () => {
    const later = await genesisOf(edited((file) => Object.assign(file, { initialHeight: 77 })))
    expect(later.block.proposal.header).toMatchObject({
      epoch: 0,
      view: 0,
      height: 77,
      parentId: ZERO_HASH,
      timestampMs: GENESIS.timeMs,
      phase: 0,
      version: 1,
      supports: 1,
    })
  })

  it('is certified by nothing and signed by nobody', () => {
    expect([header.justifyHash, header.tcHash, header.nextEpochHash]).toEqual([ZERO_HASH, ZERO_HASH, ZERO_HASH])
    expect(justify).toMatchObject({ epoch: 0, view: 0, blockId: ZERO_HASH, parentView: 0, parentId: ZERO_HASH })
    expect([toHex(justify.signers), toHex(justify.signature), toHex(signature)]).toEqual([
      '00',
      '00'.repeat(96),
      '00'.repeat(64),
    ])
  })

  it('has the genesis state, and the roots of nothing for all else', () => {
    expect(header.stateRoot).toBe(GENESIS.state.stateRoot)
    expect([header.receiptsRoot, header.chainRoot, header.evidenceRoot]).toEqual([NO_LEAVES, NO_LEAVES, NO_LEAVES])
    expect([payload.items, evidence]).toEqual([[], []])
  })

  it('names the chain and the epoch', () => {
    expect([header.genesisHash, header.epochHash]).toEqual([GENESIS.genesisHash, epochHashOf(GENESIS.validators)])
  })

  it('has the id of its header and can be encoded like any other block', () => {
    expect(blockIdOf(header)).toBe(GENESIS.block.id)
    expect(encodeHeader(header)).toHaveLength(HEADER_BYTES)
    expect(encodeProposal(GENESIS.block.proposal).length).toBeGreaterThan(HEADER_BYTES)
  })
})
