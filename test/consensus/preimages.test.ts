// Each preimage written out by hand once, from FORMATS.md alone, and what must change it.

import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  certificateHash,
  epochHashOf,
  evidenceRootOf,
  isSameVote,
  leadersHashEmpty,
  payloadRootOf,
  popPreimage,
  proposalPreimage,
  timeoutPreimage,
  votePreimage,
} from '../../consensus/preimages.ts'
import type { Epoch, GenesisHash } from '../../consensus/types.ts'
import { blockIdOf, encodeEpochConfig, encodeHeader, encodeQC, encodeTC } from '../../consensus/wire.ts'
import { toHex } from '../../crypto/bytes.ts'
import * as any from './arbitraries.ts'
import { blockNamed, named, view } from './committee.ts'

const genesisHash = named('chain') as GenesisHash
const epoch = 3 as Epoch
const blockId = blockNamed('block')
const parentId = blockNamed('parent')
const ballot = { epoch, view: view(9), blockId, parentView: view(8), parentId }

/** SHA-256 over text, hex (0x...) and u64 parts, independently of the project's codec. */
function sha(...parts: readonly (string | number | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) {
    if (typeof part === 'number') hash.update(Buffer.from(part.toString(16).padStart(16, '0'), 'hex'))
    else if (typeof part === 'string' && part.startsWith('0x')) hash.update(Buffer.from(part.slice(2), 'hex'))
    else hash.update(part)
  }
  return hash.digest('hex')
}

describe('preimages (FORMATS.md)', () => {
  test('vote', () => {
    const expected = sha('scoville/vote/1', `0x${genesisHash}`, 3, 9, `0x${blockId}`, 8, `0x${parentId}`)
    expect(toHex(votePreimage(genesisHash, ballot))).toBe(expected)
  })

  test('timeout', () => {
    const timeout = { epoch, view: view(9), highQcView: view(7) }
    expect(toHex(timeoutPreimage(genesisHash, timeout))).toBe(sha('scoville/timeout/1', `0x${genesisHash}`, 3, 9, 7))
  })

  test('proposal', () => {
    const expected = sha('scoville/proposal/1', `0x${genesisHash}`, 3, 9, `0x${blockId}`)
    expect(toHex(proposalPreimage(genesisHash, epoch, view(9), blockId))).toBe(expected)
  })

  test('proof of possession', () => {
    const [id, blsKey, nodeKey] = ['ab'.repeat(20), new Uint8Array(48).fill(1), new Uint8Array(32).fill(2)]
    const expected = sha('scoville/pop/1', '0x00000005', 'chain', `0x${id}`, blsKey, nodeKey)
    expect(toHex(popPreimage('chain', id, blsKey, nodeKey))).toBe(expected)
  })

  test('a chain of any length of name has proofs of possession', () => {
    expect(popPreimage('ü'.repeat(500), 'ab'.repeat(20), new Uint8Array(48), new Uint8Array(32))).toHaveLength(32)
  })
})

describe('a signature means one thing on one chain (PITFALLS.md, row 25)', () => {
  const otherChain = named('other chain') as GenesisHash
  test.each([
    { field: 'chain', other: votePreimage(otherChain, ballot) },
    { field: 'epoch', other: votePreimage(genesisHash, { ...ballot, epoch: 4 as Epoch }) },
    { field: 'view', other: votePreimage(genesisHash, { ...ballot, view: view(10) }) },
    { field: 'block', other: votePreimage(genesisHash, { ...ballot, blockId: parentId }) },
    { field: 'parent view', other: votePreimage(genesisHash, { ...ballot, parentView: view(7) }) },
    { field: 'parent', other: votePreimage(genesisHash, { ...ballot, parentId: blockId }) },
    { field: 'type', other: timeoutPreimage(genesisHash, { epoch, view: view(9), highQcView: view(8) }) },
    { field: 'type, to a proposal', other: proposalPreimage(genesisHash, epoch, view(9), blockId) },
  ])('another $field, another preimage', ({ other }) => {
    expect(toHex(other)).not.toBe(toHex(votePreimage(genesisHash, ballot)))
  })

  test('a timeout names chain, epoch, view and highQC view', () => {
    const timeout = { epoch, view: view(9), highQcView: view(7) }
    const others = [
      timeoutPreimage(otherChain, timeout),
      timeoutPreimage(genesisHash, { ...timeout, epoch: 4 as Epoch }),
      timeoutPreimage(genesisHash, { ...timeout, view: view(10) }),
      timeoutPreimage(genesisHash, { ...timeout, highQcView: view(6) }),
      timeoutPreimage(genesisHash, timeout),
    ]
    expect(new Set(others.map(toHex)).size).toBe(others.length)
  })
})

describe('hashes (FORMATS.md, 1, 2, 3, 6)', () => {
  let empty = ''
  beforeAll(() => {
    empty = createHash('sha256').digest('hex')
  })

  test('payload root: H(kind ‖ RFC 6962 root)', () => {
    const [a, b] = [Buffer.from('a'), Buffer.from('b')]
    const leaf = (item: Uint8Array) => sha(Uint8Array.of(0), item)
    const root = sha(Uint8Array.of(1), `0x${leaf(a)}`, `0x${leaf(b)}`)
    expect(payloadRootOf({ kind: 0, items: [a, b] })).toBe(sha('scoville/payload/1', '0x00', `0x${root}`))
    expect(payloadRootOf({ kind: 2, items: [] })).toBe(sha('scoville/payload/1', '0x02', `0x${empty}`))
  })

  test('no evidence is a tree of no leaves, no leaders an empty record', () => {
    expect(evidenceRootOf([])).toBe(empty)
    expect(leadersHashEmpty).toBe(sha('scoville/leaders/1'))
  })

  test('ids and certificate hashes are over whole encodings', () => {
    const [header] = fc.sample(any.header, 1)
    const [qc] = fc.sample(any.qc, 1)
    const [tc] = fc.sample(any.tc, 1)
    const [config] = fc.sample(any.epochConfig, 1)
    if (!header || !qc || !tc || !config) throw new RangeError('no sample')
    expect(blockIdOf(header)).toBe(sha('scoville/header/1', encodeHeader(header)))
    expect(certificateHash(qc)).toBe(sha('scoville/justify/1', encodeQC(qc)))
    expect(certificateHash(tc)).toBe(sha('scoville/tc/1', encodeTC(tc)))
    expect(epochHashOf(config)).toBe(sha('scoville/epoch/1', encodeEpochConfig(config)))
  })
})

test('votes are the same exactly when their preimages are', () => {
  const few = fc.record({
    epoch: fc.constantFrom(1 as Epoch, 2 as Epoch),
    view: fc.constantFrom(view(1), view(2)),
    blockId: fc.constantFrom(blockId, parentId),
    parentView: fc.constantFrom(view(0), view(1)),
    parentId: fc.constantFrom(blockId, parentId),
  })
  fc.assert(
    fc.property(few, few, (a, b) => {
      const same = toHex(votePreimage(genesisHash, a)) === toHex(votePreimage(genesisHash, b))
      expect(isSameVote(a, b)).toBe(same)
    }),
  )
})
