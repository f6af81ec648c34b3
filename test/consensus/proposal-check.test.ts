import { beforeAll, describe, expect, test } from 'vitest'
import { certificateHash } from '../../consensus/preimages.ts'
import { checkProposal, checkTimeoutShape, type ProposalRejection } from '../../consensus/proposal-check.ts'
import type {
  BlockId,
  Epoch,
  Evidence,
  GenesisHash,
  Header,
  Height,
  Proposal,
  QC,
  TC,
  Timeout,
} from '../../consensus/types.ts'
import { blockIdOf } from '../../consensus/wire.ts'
import { loadBls } from '../../crypto/bls-backend.ts'
import { ZERO_HASH } from '../../crypto/bytes.ts'
import {
  blockNamed,
  type Committee,
  createCommittee,
  index,
  named,
  proposalOf,
  qcOf,
  tcOf,
  timeoutOf,
  view,
  voteOf,
} from './committee.ts'

interface Ground {
  readonly committee: Committee
  /** View 1, on the root. */
  readonly first: Proposal
  /** QC of `first`. */
  readonly qc1: QC
  /** Timeouts of view 2: one signer knows only the root, two know qc1. */
  readonly tc2: TC
  /** View 2, entered by qc1. */
  readonly byQC: Proposal
  /** View 3, entered by tc2. */
  readonly byTC: Proposal
}

async function prepare(): Promise<Ground> {
  const committee = await createCommittee(await loadBls('blst'), [1, 1, 1, 1])
  const { root } = committee
  const first = proposalOf(committee, 1, root)
  const on = { view: 1, blockId: blockIdOf(first.header), parentView: 0, parentId: root.blockId }
  const qc1 = await qcOf(committee, [0, 1, 2], on)
  const tc2 = await tcOf(
    committee,
    await Promise.all(
      [0, 1, 3].map((signer) => timeoutOf(committee, signer, { view: 2, highQC: signer ? qc1 : root })),
    ),
  )
  return { committee, first, qc1, tc2, byQC: proposalOf(committee, 2, qc1), byTC: proposalOf(committee, 3, qc1, tc2) }
}

let ground: Ground
beforeAll(async () => {
  ground = await prepare()
})

function check(proposal: Proposal): ProposalRejection | undefined {
  return checkProposal(proposal, ground.committee)
}

/** The same proposal with header fields replaced. */
function withHeader(proposal: Proposal, fields: Partial<Header>): Proposal {
  return { ...proposal, header: { ...proposal.header, ...fields } }
}

/** As its leader would have made it: only what is wanted is wrong. */
function made(at: number, justify: QC, tc?: TC): Proposal {
  return proposalOf(ground.committee, at, justify, tc)
}

describe('a proposal that every rule accepts', () => {
  test.each(['first', 'byQC', 'byTC'] as const)('%s', (name) => {
    expect(check(ground[name])).toBeUndefined()
  })

  test('software that supports more than the version it speaks', () => {
    expect(check(withHeader(ground.byQC, { supports: 9 }))).toBeUndefined()
  })
})

const other = named('something else')
const evidence: Evidence = { type: 1, epoch: 0 as Epoch, view: view(1), body: new Uint8Array(0) }

describe('header fields (FORMATS.md, 1; stage 1 has no epoch end, leaders or evidence)', () => {
  test.each<{ kind: ProposalRejection['kind']; why: string; fields: Partial<Header> }>([
    { kind: 'version', why: 'of a later version', fields: { version: 2, supports: 2 } },
    { kind: 'supports', why: 'less than it speaks', fields: { supports: 0 } },
    { kind: 'phase', why: 'an epoch end', fields: { phase: 1 } },
    { kind: 'genesis-hash', why: 'another chain (PITFALLS.md, row 25)', fields: { genesisHash: other as GenesisHash } },
    { kind: 'epoch', why: 'another epoch (row 27)', fields: { epoch: 1 as Epoch } },
    { kind: 'view', why: 'the root view, which nobody leads', fields: { view: view(0) } },
    { kind: 'height', why: 'nothing is proposed below height 1', fields: { height: 0 as Height } },
    { kind: 'proposer', why: 'not the leader (row 31)', fields: { proposer: index(3) } },
    { kind: 'proposer', why: 'nobody of the set (row 31)', fields: { proposer: index(4) } },
    { kind: 'parent-id', why: 'not the certified block (row 9)', fields: { parentId: other as BlockId } },
    { kind: 'justify-hash', why: 'not the QC it carries (row 24)', fields: { justifyHash: other } },
    { kind: 'tc-hash', why: 'a TC it does not carry', fields: { tcHash: other } },
    { kind: 'payload-root', why: 'another payload', fields: { payloadRoot: other } },
    { kind: 'leaders-hash', why: 'a leaders record', fields: { leadersHash: other } },
    { kind: 'epoch-hash', why: 'other validators', fields: { epochHash: other } },
    { kind: 'next-epoch-hash', why: 'a next epoch', fields: { nextEpochHash: other } },
    { kind: 'evidence-root', why: 'evidence it does not carry', fields: { evidenceRoot: other } },
  ])('$kind: $why', ({ kind, fields }) => {
    expect(check(withHeader(ground.byQC, fields))).toEqual({ kind })
  })

  test.each<{ kind: ProposalRejection['kind']; why: string; change: (proposal: Proposal) => Proposal }>([
    { kind: 'evidence', why: 'evidence is empty in stage 1', change: (p) => ({ ...p, evidence: [evidence] }) },
    { kind: 'payload-kind', why: 'only transactions', change: (p) => ({ ...p, payload: { ...p.payload, kind: 1 } }) },
    { kind: 'payload-root', why: 'an item less', change: (p) => ({ ...p, payload: { kind: 0, items: [] } }) },
    {
      kind: 'payload-root',
      why: 'items in another order',
      change: (p) => ({ ...p, payload: { kind: 0, items: p.payload.items.toReversed() } }),
    },
    {
      kind: 'epoch',
      why: 'justify of another epoch',
      change: (p) => ({ ...p, justify: { ...p.justify, epoch: 1 as Epoch } }),
    },
    {
      kind: 'justify-hash',
      why: 'justify with another set of signers',
      change: (p) => ({ ...p, justify: { ...p.justify, signers: Uint8Array.of(0b1111) } }),
    },
    { kind: 'tc-hash', why: 'a TC the header does not name', change: (p) => ({ ...p, tc: ground.tc2 }) },
  ])('$kind: $why', ({ kind, change }) => {
    expect(check(change(ground.byQC))).toEqual({ kind })
  })

  test.each<{ why: string; change: (tc: TC) => TC }>([
    { why: 'TC of another epoch (PITFALLS.md, row 27)', change: (tc) => ({ ...tc, epoch: 1 as Epoch }) },
    { why: 'highQC of another epoch', change: (tc) => ({ ...tc, highQC: { ...tc.highQC, epoch: 1 as Epoch } }) },
  ])('epoch: $why', ({ change }) => {
    expect(check(made(3, ground.qc1, change(ground.tc2)))).toEqual({ kind: 'epoch' })
  })

  test('tc-hash: a TC named and left out', () => {
    const { tc, ...bare } = ground.byTC
    expect(certificateHash(tc ?? ground.tc2)).toBe(bare.header.tcHash)
    expect(check(bare)).toEqual({ kind: 'tc-hash' })
  })
})

describe('entry proof (DESIGN.md section 3, "Vote" (2); PITFALLS.md, row 8)', () => {
  test.each<{ why: string; make: () => Proposal }>([
    { why: 'a view skipped without a TC', make: () => made(3, ground.qc1) },
    { why: 'a view in the past of its own justify', make: () => made(1, ground.qc1) },
    { why: 'a TC of a view that is not the one before', make: () => made(4, ground.qc1, ground.tc2) },
    { why: 'justify below the highest QC its TC reports', make: () => made(3, ground.committee.root, ground.tc2) },
    {
      why: 'justify as high as the TC carries, but below what one signer reported',
      make: () => {
        const tc = { ...ground.tc2, highQC: ground.committee.root }
        return made(3, ground.committee.root, tc)
      },
    },
    { why: 'a TC beside the QC of the view before', make: () => made(3, { ...ground.qc1, view: view(2) }, ground.tc2) },
    { why: 'both at once in view 2', make: () => made(2, ground.qc1, { ...ground.tc2, view: view(1) }) },
  ])('refused: $why', ({ make }) => {
    expect(check(make())).toEqual({ kind: 'entry-proof' })
  })

  test('justify above the highest QC its TC reports is better still', () => {
    const low = { ...ground.tc2, highQcViews: [view(0), view(0), view(0)], highQC: ground.committee.root }
    expect(check(made(3, ground.qc1, low))).toBeUndefined()
  })
})

describe('shape of a timeout (DESIGN.md section 3, "Timeout")', () => {
  const on = { view: 2, blockId: blockNamed('b'), parentView: 1, parentId: blockNamed('a') }
  let byQC: Timeout
  let byTC: Timeout

  beforeAll(async () => {
    const { committee, qc1, tc2 } = ground
    byQC = await timeoutOf(committee, 2, { view: 2, highQC: qc1, vote: await voteOf(committee, 2, on) })
    byTC = await timeoutOf(committee, 2, { view: 3, highQC: qc1, lastTC: tc2 })
  })

  test('proves its view by its highQC, or by its lastTC; a vote of its own may be attached', () => {
    expect([byQC, byTC].map(checkTimeoutShape)).toEqual([undefined, undefined])
  })

  test.each<{ kind: string; why: string; change: () => Timeout }>([
    { kind: 'high-qc', why: 'a highQC of the view itself', change: () => ({ ...byQC, view: view(1) }) },
    { kind: 'entry-proof', why: 'nothing shows how view 3 was entered', change: () => ({ ...byQC, view: view(3) }) },
    { kind: 'entry-proof', why: 'a TC of an older view', change: () => ({ ...byTC, view: view(4) }) },
    {
      kind: 'entry-proof',
      why: 'a TC beside the QC of the view before',
      change: () => ({ ...byQC, lastTC: ground.tc2 }),
    },
    { kind: 'epoch', why: 'its highQC is of another epoch', change: () => ({ ...byQC, epoch: 1 as Epoch }) },
    {
      kind: 'epoch',
      why: 'its lastTC is of another epoch (PITFALLS.md, row 27)',
      change: () => ({ ...byTC, lastTC: { ...ground.tc2, epoch: 1 as Epoch } }),
    },
    { kind: 'vote', why: 'a vote of somebody else', change: () => ({ ...byQC, signer: index(1) }) },
    {
      kind: 'vote',
      why: 'a vote of another view',
      change: () => ({ ...byQC, ...(byQC.vote && { vote: { ...byQC.vote, view: view(1) } }) }),
    },
    {
      kind: 'vote',
      why: 'a vote of another epoch',
      change: () => ({ ...byQC, ...(byQC.vote && { vote: { ...byQC.vote, epoch: 1 as Epoch } }) }),
    },
  ])('refused, $kind: $why', ({ kind, change }) => {
    expect(checkTimeoutShape(change())).toEqual({ kind })
  })
})

test('zero is the hash of no TC', () => {
  expect(ground.byQC.header.tcHash).toBe(ZERO_HASH)
})
