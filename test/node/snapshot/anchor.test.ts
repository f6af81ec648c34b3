// What a snapshot hangs from, checked with nothing but the genesis file (docs/adr/0007, FORMATS.md 14).

import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { BlockId, GenesisHash, Height } from '../../../consensus/types.ts'
import { blockIdOf } from '../../../consensus/wire.ts'
import { loadBls } from '../../../crypto/bls-backend.ts'
import { hashToBytes, toHex } from '../../../crypto/bytes.ts'
import { appendPeak, merkleRoot, peaksRoot } from '../../../crypto/merkle.ts'
import { EMPTY_STATE } from '../../../ledger/overlay.ts'
import { valueHashOf } from '../../../ledger/state-proof.ts'
import { encodeStateRange, proveRange, verifyRange } from '../../../ledger/state-range.ts'
import { updateTree } from '../../../ledger/state-tree.ts'
import {
  type Anchor,
  type AnchorContext,
  checkAnchor,
  checkTip,
  decodeAnchors,
  decodeTip,
  encodeAnchors,
  encodeTip,
  placeOf,
  type Tip,
} from '../../../node/snapshot/anchor.ts'
import { type Committee, createCommittee, named, proposalOf, qcOf } from '../../consensus/committee.ts'
import { createStore, hashOfNumber } from '../../ledger/fixture.ts'

const LIMITS = { validators: 4, payloadBytesMax: 1_000, itemsMax: 8 }
const RECEIPTS = ['a receipt', 'another', 'a third', 'of the block'].map((text) => new TextEncoder().encode(text))

let committee: Committee
let context: AnchorContext
let anchor: Anchor
let tip: Tip
beforeAll(async () => {
  committee = await createCommittee(await loadBls('blst'), [1, 1, 1, 1])
  const { genesisHash, genesisId, root, validators } = committee
  context = { genesisHash, validators, initialHeight: 0 }
  const proposal = proposalOf(committee, 1, root)
  const blockId = blockIdOf(proposal.header)
  const justify = await qcOf(committee, [0, 1, 2], { view: 1, blockId, parentView: 0, parentId: genesisId })
  const chainPeaks = appendPeak(appendPeak([], 0, hashToBytes(genesisId)), 1, hashToBytes(blockId))
  const child = {
    ...proposalOf(committee, 2, justify).header,
    chainRoot: peaksRoot(chainPeaks, 2),
    receiptsRoot: merkleRoot(RECEIPTS),
  }
  const on = { view: 2, blockId: blockIdOf(child), parentView: 1, parentId: blockId }
  anchor = { header: proposal.header, child, certificate: await qcOf(committee, [0, 1, 3], on), chainPeaks }
  tip = { proposal, receipts: RECEIPTS }
})

const other = named('another block') as BlockId

test('an honest anchor states where it stands, and its certificate holds', async () => {
  expect(checkAnchor(anchor, context)).toBeUndefined()
  expect((await committee.verifier.verifyQC(anchor.certificate)).ok).toBe(true)
  expect(placeOf(anchor)).toEqual({ height: 1, blockId: blockIdOf(anchor.header), stateRoot: anchor.child.stateRoot })
})

test.each<{ readonly lie: string; readonly change: (of: Anchor) => Anchor; readonly why: RegExp }>([
  {
    lie: 'a height nobody certified (PITFALLS 29)',
    change: (of) => ({ ...of, header: { ...of.header, height: 9_000 as Height } }),
    why: /child of another block/,
  },
  {
    lie: 'the same height in the child too',
    change: (of) => {
      const header = { ...of.header, height: 9_000 as Height }
      return { ...of, header, child: { ...of.child, height: 9_001 as Height, parentId: blockIdOf(header) } }
    },
    why: /certificate of another block/,
  },
  {
    lie: 'another state root',
    change: (of) => ({ ...of, child: { ...of.child, stateRoot: named('rich') } }),
    why: /certificate of another block/,
  },
  {
    lie: 'a certificate of another child',
    change: (of) => ({ ...of, certificate: { ...of.certificate, blockId: other } }),
    why: /certificate of another block/,
  },
  {
    lie: 'a certificate that skips a view: certified is not committed (DESIGN.md section 3)',
    change: (of) => ({ ...of, certificate: { ...of.certificate, parentView: 0 as never } }),
    why: /does not commit/,
  },
  {
    lie: 'peaks of another chain',
    change: (of) => ({ ...of, chainPeaks: [named('peak')] }),
    why: /peaks/,
  },
  { lie: 'too few peaks', change: (of) => ({ ...of, chainPeaks: [] }), why: /peaks/ },
  {
    lie: 'another chain',
    change: (of) => ({ ...of, header: { ...of.header, genesisHash: named('chain') as GenesisHash } }),
    why: /another chain/,
  },
  {
    lie: 'another validator set',
    change: (of) => ({ ...of, child: { ...of.child, epochHash: named('set') } }),
    why: /another validator set/,
  },
  {
    lie: 'the genesis state, which needs no snapshot',
    change: (of) => ({ ...of, header: { ...of.header, height: 0 as Height } }),
    why: /genesis/,
  },
])('refused: $lie', ({ change, why }) => {
  expect(checkAnchor(change(anchor), context)).toMatch(why)
})

test('a certificate below the quorum makes nothing final', async () => {
  const { view, blockId, parentView, parentId } = anchor.certificate
  const few = await qcOf(committee, [0, 1], { view, blockId, parentView, parentId })
  expect(checkAnchor({ ...anchor, certificate: few }, context)).toBeUndefined()
  expect((await committee.verifier.verifyQC(few)).ok).toBe(false)
})

describe('the tip', () => {
  test('is the block the anchor stands at', () => {
    expect(checkTip(tip, anchor, context)).toEqual({
      block: { id: blockIdOf(tip.proposal.header), proposal: tip.proposal },
    })
  })

  test.each<{ readonly lie: string; readonly change: (of: Tip) => Tip; readonly why: RegExp }>([
    {
      lie: 'another block',
      change: (of) => ({ ...of, proposal: { ...of.proposal, header: { ...of.proposal.header, timestampMs: 1 } } }),
      why: /another snapshot/,
    },
    {
      lie: 'another payload',
      change: (of) => ({ ...of, proposal: { ...of.proposal, payload: { kind: 0, items: [] } } }),
      why: /wrong payload-root/,
    },
    {
      lie: 'no signature of its proposer',
      change: (of) => ({ ...of, proposal: { ...of.proposal, signature: new Uint8Array(64) } }),
      why: /did not sign/,
    },
    { lie: 'a receipt less', change: (of) => ({ ...of, receipts: of.receipts.slice(1) }), why: /receipts/ },
  ])('refused: $lie', ({ change, why }) => {
    expect(checkTip(change(tip), anchor, context)).toEqual({ problem: expect.stringMatching(why) })
  })
})

/** A small state and two of its ranges: whole, and with edges inside and outside. */
function ranges() {
  const keys = Array.from({ length: 6 }, (_, i) => hashOfNumber(i)).sort()
  const values = new Map(keys.map((key, i) => [key, Uint8Array.of(1, i)]))
  const { root, nodes } = updateTree(
    EMPTY_STATE,
    [...values].map(([key, value]) => ({ key, valueHash: valueHashOf(value) })),
  )
  const store = createStore()
  store.apply({ values, nodes })
  const [from, to] = [keys[1] ?? hashOfNumber(0), keys[3] ?? hashOfNumber(0)]
  const entries = [...values].map(([key, value]) => ({ key, value })).filter(({ key }) => key >= from && key <= to)
  return { root, range: { from, to, entries, steps: proveRange(store.state, from, to) } }
}

test.each(['snapshot-anchors', 'snapshot-tip', 'state-range'])('golden vector %s', (name) => {
  const { root, range } = ranges()
  const made: Record<string, unknown> = {
    'snapshot-anchors': { bytes: toHex(encodeAnchors([anchor])) },
    'snapshot-tip': { bytes: toHex(encodeTip(tip)) },
    'state-range': {
      root,
      range: { ...range, entries: range.entries.map(({ key, value }) => ({ key, value: toHex(value) })) },
      bytes: toHex(encodeStateRange(range)),
    },
  }
  const path = new URL(`../../golden/${name}.json`, import.meta.url)
  if (process.env.GOLDEN === 'write') writeFileSync(path, `${JSON.stringify(made[name], null, 2)}\n`)
  expect(made[name]).toEqual(JSON.parse(readFileSync(path, 'utf8')))
  expect(decodeAnchors(encodeAnchors([anchor]), LIMITS)).toEqual({ ok: true, value: [anchor] })
  const decoded = decodeTip(encodeTip(tip), LIMITS)
  expect(decoded.ok && toHex(encodeTip(decoded.value))).toBe(toHex(encodeTip(tip)))
  expect(verifyRange(root, range)).toBe(true)
})
