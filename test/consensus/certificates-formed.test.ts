import { beforeAll, describe, expect, test } from 'vitest'
import { bitmapOf } from '../../consensus/bitmap.ts'
import type { CertificateVerifier } from '../../consensus/certificates.ts'
import type { BlockId, Vote } from '../../consensus/types.ts'
import { InvariantError } from '../../crypto/assert.ts'
import type { Bls } from '../../crypto/bls.ts'
import { counted, freshVerifier, type Ground, INFINITY, on, prepareGround } from './certificate-ground.ts'
import { index, timeoutOf, view, voteOf } from './committee.ts'

let ground: Ground
beforeAll(async () => {
  ground = await prepareGround()
})

const fresh = (bls: Bls = ground.committee.bls): CertificateVerifier => freshVerifier(ground.committee, bls)

describe('formQC (DESIGN.md section 3, "Votes")', () => {
  const votesBy = (signers: readonly number[]): Promise<Vote[]> =>
    Promise.all(signers.map((signer) => voteOf(ground.committee, signer, on)))
  const forged = (vote: Vote): Vote => ({ ...vote, signature: ground.qc.signature })

  test('any order of votes gives one QC, verified once as the aggregate it publishes (PITFALLS.md, row 22)', async () => {
    const { bls, calls } = counted(ground.committee.bls)
    const verifier = fresh(bls)
    const formed = await verifier.formQC(await votesBy([3, 0, 1]))
    expect(formed).toEqual({ kind: 'formed', qc: ground.qc })
    expect(calls).toEqual({ single: 0, aggregate: 1, groups: 0 })
    expect((await verifier.verifyQC(ground.qc)).ok).toBe(true)
    expect(calls.aggregate).toBe(1)
  })

  test.each<{ why: string; spoil: (vote: Vote) => Vote | Promise<Vote> }>([
    { why: 'a signature of something else', spoil: forged },
    { why: 'infinity (PITFALLS.md, row 21)', spoil: (vote) => ({ ...vote, signature: INFINITY }) },
    { why: 'no point at all', spoil: (vote) => ({ ...vote, signature: new Uint8Array(96) }) },
    {
      why: 'a vote on another chain (row 25)',
      spoil: async (vote) => ({ ...vote, signature: (await voteOf(ground.otherChain, vote.signer, on)).signature }),
    },
  ])('names who sent $why, and nobody else', async ({ spoil }) => {
    const [a, b, c, d] = await votesBy([0, 1, 2, 3])
    if (!a || !b || !c || !d) throw new RangeError('four votes')
    const refuted = await fresh().formQC([await spoil(d), a, await spoil(b), c])
    expect(refuted).toEqual({ kind: 'refuted', culprits: [1, 3] })
  })

  test('the valid votes that are left form one at the next attempt (PITFALLS.md, row 23)', async () => {
    const [a, b, c, d] = await votesBy([0, 1, 2, 3])
    if (!a || !b || !c || !d) throw new RangeError('four votes')
    const verifier = fresh()
    expect(await verifier.formQC([a, b, forged(c)])).toEqual({ kind: 'refuted', culprits: [2] })
    expect(await verifier.formQC([a, b, d])).toEqual({ kind: 'formed', qc: ground.qc })
  })

  test('a signer beyond the quorum does not count twice either', async () => {
    await expect(fresh().formQC(await votesBy([0, 1, 2, 2]))).rejects.toThrow('a signer counts once')
  })

  test.each<{ why: string; votes: () => Promise<Vote[]> }>([
    { why: 'none', votes: async () => [] },
    { why: 'fewer than a quorum', votes: () => votesBy([0, 1]) },
    { why: 'one signer twice', votes: () => votesBy([0, 1, 1]) },
    {
      why: 'votes that say different things of the parent',
      votes: async () => [...(await votesBy([0, 1])), await voteOf(ground.committee, 2, { ...on, parentView: 3 })],
    },
    {
      why: 'votes for different blocks',
      votes: async () => [
        ...(await votesBy([0, 1])),
        await voteOf(ground.committee, 2, { ...on, blockId: on.parentId as BlockId }),
      ],
    },
  ])('takes a quorum of votes that say the same: $why is a bug of the collector', async ({ votes }) => {
    await expect(fresh().formQC(await votes())).rejects.toThrow(InvariantError)
  })
})

describe('formTC', () => {
  test('carries the highest QC, signers in index order, and is verified once', async () => {
    const { bls, calls } = counted(ground.committee.bls)
    const formed = await fresh(bls).formTC(ground.timeouts)
    expect(formed).toEqual({ kind: 'formed', tc: ground.tc })
    expect(ground.tc).toMatchObject({
      highQcViews: [5, 0, 5],
      signers: bitmapOf([0, 2, 3].map(index), 4),
      highQC: ground.qc,
    })
    expect(calls).toEqual({ single: 0, aggregate: 1, groups: 1 })
  })

  test('names who signed another highQC view than it sent', async () => {
    const [a, b, c] = ground.timeouts
    if (!a || !b || !c) throw new RangeError('three timeouts')
    const liar = { ...c, highQC: ground.qc }
    expect(await fresh().formTC([a, b, liar])).toEqual({ kind: 'refuted', culprits: [c.signer] })
  })

  test('names who sent a highQC that is none', async () => {
    const [a, b, c] = ground.timeouts
    if (!a || !b || !c) throw new RangeError('three timeouts')
    const liar = await timeoutOf(ground.committee, c.signer, { view: 7, highQC: { ...ground.qc, view: view(6) } })
    expect(await fresh().formTC([a, b, liar])).toEqual({ kind: 'refuted', culprits: [c.signer] })
  })

  test('timeouts of different views are never put together (PITFALLS.md, row 13)', async () => {
    const stray = await timeoutOf(ground.committee, 1, { view: 6, highQC: ground.qc })
    await expect(fresh().formTC([...ground.timeouts.slice(0, 2), stray])).rejects.toThrow(InvariantError)
  })

  test('fewer than a quorum is a bug of the collector', async () => {
    await expect(fresh().formTC(ground.timeouts.slice(0, 2))).rejects.toThrow(InvariantError)
  })
})

describe('single signatures, for evidence', () => {
  test('of a vote: the signer its own, on this chain', async () => {
    const vote = await voteOf(ground.committee, 2, on)
    const verifier = fresh()
    expect(await verifier.verifyVoteSignature(vote)).toBe(true)
    expect(await verifier.verifyVoteSignature({ ...vote, signer: index(1) })).toBe(false)
    expect(await verifier.verifyVoteSignature({ ...vote, view: view(6) })).toBe(false)
    expect(await verifier.verifyVoteSignature(await voteOf(ground.otherChain, 2, on))).toBe(false)
  })

  test('of a timeout: its view and its highQC view', async () => {
    const [timeout] = ground.timeouts
    if (!timeout) throw new RangeError('a timeout')
    const verifier = fresh()
    expect(await verifier.verifyTimeoutSignature(timeout)).toBe(true)
    expect(await verifier.verifyTimeoutSignature({ ...timeout, highQC: ground.committee.root })).toBe(false)
    expect(await verifier.verifyTimeoutSignature({ ...timeout, view: view(8) })).toBe(false)
  })

  test('somebody who is not in the set signed nothing', async () => {
    const vote = await voteOf(ground.committee, 2, on)
    const [timeout] = ground.timeouts
    if (!timeout) throw new RangeError('a timeout')
    expect(await fresh().verifyVoteSignature({ ...vote, signer: index(4) })).toBe(false)
    expect(await fresh().verifyTimeoutSignature({ ...timeout, signer: index(65_535) })).toBe(false)
  })
})
