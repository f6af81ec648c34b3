import { beforeAll, describe, expect, test } from 'vitest'
import {
  CERTIFICATES_IN_FLIGHT_MAX,
  type CertificateRejection,
  type CertificateVerifier,
  isRootQC,
  rootQC,
  VERIFIED_CERTIFICATES_MAX,
} from '../../consensus/certificates.ts'
import type { Epoch, QC, TC } from '../../consensus/types.ts'
import type { Bls } from '../../crypto/bls.ts'
import { counted, freshVerifier, type Ground, INFINITY, on, prepareGround } from './certificate-ground.ts'
import { aggregateOf, blockNamed, qcOf, tcOf, timeoutOf, view, voteOf } from './committee.ts'

let ground: Ground
beforeAll(async () => {
  ground = await prepareGround()
})

const fresh = (bls: Bls = ground.committee.bls): CertificateVerifier => freshVerifier(ground.committee, bls)

type Kind = CertificateRejection['kind']

describe('root QC (FORMATS.md, 4): valid only by byte equality', () => {
  test('accepted without a signature', async () => {
    const { root, genesisId } = ground.committee
    expect(isRootQC(rootQC(0 as Epoch, genesisId, 4), root)).toBe(true)
    expect(await fresh().verifyQC({ ...root })).toEqual({ ok: true, value: root })
  })

  test.each<{ why: string; kind: Kind; change: (root: QC) => QC }>([
    { why: 'another block', kind: 'not-root', change: (root) => ({ ...root, blockId: on.blockId }) },
    { why: 'a parent', kind: 'not-root', change: (root) => ({ ...root, parentId: on.parentId }) },
    { why: 'signers', kind: 'not-root', change: (root) => ({ ...root, signers: Uint8Array.of(0b1111) }) },
    { why: 'a longer bitmap', kind: 'not-root', change: (root) => ({ ...root, signers: new Uint8Array(2) }) },
    { why: 'a signature', kind: 'not-root', change: (root) => ({ ...root, signature: INFINITY }) },
    { why: 'another epoch', kind: 'wrong-epoch', change: (root) => ({ ...root, epoch: 1 as Epoch }) },
    { why: 'another view', kind: 'below-quorum', change: (root) => ({ ...root, view: view(1) }) },
  ])('refused: $why', async ({ kind, change }) => {
    expect(await fresh().verifyQC(change(ground.committee.root))).toMatchObject({ ok: false, rejection: { kind } })
  })

  test('a quorum cannot sign a QC of view 0 either', async () => {
    const signed = await qcOf(ground.committee, [0, 1, 2, 3], { ...on, view: 0, parentView: 0 })
    expect(await fresh().verifyQC(signed)).toMatchObject({ ok: false, rejection: { kind: 'not-root' } })
  })
})

describe('verifyQC', () => {
  test.each([{ signers: [0, 1, 3] }, { signers: [1, 2, 3] }, { signers: [0, 1, 2, 3] }])(
    'accepts $signers of 4',
    async ({ signers }) => {
      const qc = await qcOf(ground.committee, signers, on)
      expect(await fresh().verifyQC(qc)).toEqual({ ok: true, value: qc })
    },
  )

  test.each<{ why: string; kind: Kind; make: () => QC | Promise<QC> }>([
    {
      why: 'nobody signed and the signature is infinity (PITFALLS.md, row 21)',
      kind: 'below-quorum',
      make: () => ({ ...ground.qc, signers: Uint8Array.of(0), signature: INFINITY }),
    },
    {
      why: 'a quorum named and the signature is infinity (row 21)',
      kind: 'bad-signature',
      make: () => ({ ...ground.qc, signature: INFINITY }),
    },
    {
      why: 'a padding bit (row 24)',
      kind: 'bad-bitmap',
      make: () => ({ ...ground.qc, signers: Uint8Array.of(0b11011) }),
    },
    {
      why: 'a bitmap too long (row 24)',
      kind: 'bad-bitmap',
      make: () => ({ ...ground.qc, signers: Uint8Array.of(0b1011, 0) }),
    },
    { why: 'no bitmap (row 24)', kind: 'bad-bitmap', make: () => ({ ...ground.qc, signers: new Uint8Array(0) }) },
    { why: 'two of four', kind: 'below-quorum', make: () => qcOf(ground.committee, [0, 1], on) },
    {
      why: 'two of four, one of them signing twice',
      kind: 'below-quorum',
      make: async () => {
        const [a, b] = await Promise.all([0, 1].map((signer) => voteOf(ground.committee, signer, on)))
        if (!a || !b) throw new RangeError('two votes')
        const signature = await aggregateOf(ground.committee.bls, [a.signature, b.signature, b.signature])
        return { ...ground.qc, signers: Uint8Array.of(0b0011), signature }
      },
    },
    {
      why: 'a signer named who did not sign',
      kind: 'bad-signature',
      make: () => ({ ...ground.qc, signers: Uint8Array.of(0b1111) }),
    },
    {
      why: 'another signer named',
      kind: 'bad-signature',
      make: () => ({ ...ground.qc, signers: Uint8Array.of(0b0111) }),
    },
    { why: 'another chain (row 25)', kind: 'bad-signature', make: () => qcOf(ground.otherChain, [0, 1, 3], on) },
    { why: 'another epoch (row 27)', kind: 'wrong-epoch', make: () => qcOf(ground.otherEpoch, [0, 1, 3], on) },
    {
      why: 'another epoch passed off as ours (row 25)',
      kind: 'bad-signature',
      make: async () => ({ ...(await qcOf(ground.otherEpoch, [0, 1, 3], on)), epoch: 0 as Epoch }),
    },
    { why: 'another view', kind: 'bad-signature', make: () => ({ ...ground.qc, view: view(6) }) },
    { why: 'another block', kind: 'bad-signature', make: () => ({ ...ground.qc, blockId: blockNamed('x') }) },
    { why: 'another parent view', kind: 'bad-signature', make: () => ({ ...ground.qc, parentView: view(3) }) },
    { why: 'another parent', kind: 'bad-signature', make: () => ({ ...ground.qc, parentId: blockNamed('x') }) },
    {
      why: 'a parent that is not below, signed or not',
      kind: 'bad-views',
      make: () => qcOf(ground.committee, [0, 1, 3], { ...on, parentView: 5 }),
    },
    {
      why: 'bytes that are no point',
      kind: 'bad-signature',
      make: () => ({ ...ground.qc, signature: new Uint8Array(96).fill(7) }),
    },
    {
      why: 'a timeout its signature',
      kind: 'bad-signature',
      make: () => ({ ...ground.qc, signature: ground.tc.signature }),
    },
  ])('refuses: $why', async ({ kind, make }) => {
    expect(await fresh().verifyQC(await make())).toMatchObject({ ok: false, rejection: { kind } })
  })

  test('weight counts, not heads: three of four with power 3 of 8 are no quorum, two with 6 are', async () => {
    const { weighted } = ground
    const three = await qcOf(weighted, [1, 2, 3], on)
    expect(await weighted.verifier.verifyQC(three)).toEqual({
      ok: false,
      rejection: { kind: 'below-quorum', quorum: 6, power: 3 },
    })
    expect((await weighted.verifier.verifyQC(await qcOf(weighted, [0, 2], on))).ok).toBe(true)
  })
})

describe('verifyTC checks every field (PITFALLS.md, row 8)', () => {
  test('accepts', async () => {
    expect(await fresh().verifyTC(ground.tc)).toEqual({ ok: true, value: ground.tc })
  })

  const reports = (...views: readonly number[]) => views.map(view)
  test.each<{ why: string; kind: Kind; make: () => TC | Promise<TC> }>([
    { why: 'another epoch (row 27)', kind: 'wrong-epoch', make: () => ({ ...ground.tc, epoch: 1 as Epoch }) },
    {
      why: 'a padding bit (row 24)',
      kind: 'bad-bitmap',
      make: () => ({ ...ground.tc, signers: Uint8Array.of(0b11101) }),
    },
    {
      why: 'nobody and infinity (row 21)',
      kind: 'below-quorum',
      make: () => ({ ...ground.tc, signers: Uint8Array.of(0), highQcViews: [], signature: INFINITY }),
    },
    {
      why: 'two of four',
      kind: 'below-quorum',
      make: () => tcOf(ground.committee, ground.timeouts.slice(0, 2)),
    },
    {
      why: 'a report less than signers',
      kind: 'bad-views',
      make: () => ({ ...ground.tc, highQcViews: reports(5, 5) }),
    },
    {
      why: 'a report more than signers',
      kind: 'bad-views',
      make: () => ({ ...ground.tc, highQcViews: reports(5, 0, 5, 5) }),
    },
    {
      why: 'reports of the view itself, really signed and with a QC of it',
      kind: 'bad-views',
      make: async () => {
        const { committee, qc } = ground
        return tcOf(
          committee,
          await Promise.all([0, 1, 2].map((by) => timeoutOf(committee, by, { view: 5, highQC: qc }))),
        )
      },
    },
    {
      why: 'a report of the view itself, signed by nobody',
      kind: 'bad-views',
      make: () => ({ ...ground.tc, highQcViews: reports(5, 7, 5) }),
    },
    {
      why: 'a highQC below the highest report',
      kind: 'bad-views',
      make: () => ({ ...ground.tc, highQC: ground.committee.root }),
    },
    {
      why: 'a highQC above the highest report',
      kind: 'bad-views',
      make: () => ({ ...ground.tc, highQcViews: reports(4, 0, 4) }),
    },
    {
      why: 'reports in another order',
      kind: 'bad-signature',
      make: () => ({ ...ground.tc, highQcViews: reports(0, 5, 5) }),
    },
    { why: 'a report lowered', kind: 'bad-signature', make: () => ({ ...ground.tc, highQcViews: reports(5, 0, 4) }) },
    {
      why: 'an arbitrary QC of the right view (row 8)',
      kind: 'bad-signature',
      make: () => ({ ...ground.tc, highQC: { ...ground.qc, blockId: blockNamed('x') } }),
    },
    {
      why: 'a sub-quorum highQC',
      kind: 'below-quorum',
      make: async () => ({ ...ground.tc, highQC: await qcOf(ground.committee, [0, 1], on) }),
    },
    {
      why: 'a highQC of another epoch (row 27)',
      kind: 'wrong-epoch',
      make: () => ({ ...ground.tc, highQC: { ...ground.qc, epoch: 1 as Epoch } }),
    },
    {
      why: 'a made-up root',
      kind: 'not-root',
      make: async () => {
        const { committee } = ground
        const timeouts = await Promise.all(
          [0, 1, 2].map((signer) => timeoutOf(committee, signer, { view: 7, highQC: committee.root })),
        )
        return { ...(await tcOf(committee, timeouts)), highQC: { ...committee.root, blockId: on.blockId } }
      },
    },
    { why: 'another view', kind: 'bad-signature', make: () => ({ ...ground.tc, view: view(8) }) },
    {
      why: 'timeouts of different views counted together (row 13)',
      kind: 'bad-signature',
      make: async () => {
        const stray = await timeoutOf(ground.committee, 1, { view: 6, highQC: ground.qc })
        return { ...(await tcOf(ground.committee, [...ground.timeouts.slice(0, 2), stray])), view: view(7) }
      },
    },
    {
      why: 'another chain (row 25)',
      kind: 'bad-signature',
      make: async () => {
        const { committee, otherChain, qc } = ground
        const timeouts = [0, 1, 2].map((signer) => timeoutOf(otherChain, signer, { view: 7, highQC: qc }))
        return await tcOf(committee, await Promise.all(timeouts))
      },
    },
    {
      why: 'a vote its signature',
      kind: 'bad-signature',
      make: () => ({ ...ground.tc, signature: ground.qc.signature }),
    },
  ])('refuses: $why', async ({ kind, make }) => {
    expect(await fresh().verifyTC(await make())).toMatchObject({ ok: false, rejection: { kind } })
  })
})

describe('what was verified is remembered', () => {
  test('by its whole bytes: another signature on the same view and block is verified again', async () => {
    const { bls, calls } = counted(ground.committee.bls)
    const verifier = fresh(bls)
    await verifier.verifyQC(ground.qc)
    expect((await verifier.verifyQC({ ...ground.qc })).ok).toBe(true)
    expect(calls.aggregate).toBe(1)
    expect((await verifier.verifyQC({ ...ground.qc, signature: INFINITY })).ok).toBe(false)
    expect((await verifier.verifyQC(await qcOf(ground.committee, [0, 1, 2], on))).ok).toBe(true)
    expect(calls.aggregate).toBe(3)
  })

  test('a refusal is not', async () => {
    const { bls, calls } = counted(ground.committee.bls)
    const verifier = fresh(bls)
    const bad = { ...ground.qc, view: view(6) }
    expect([(await verifier.verifyQC(bad)).ok, (await verifier.verifyQC(bad)).ok]).toEqual([false, false])
    expect(calls.aggregate).toBe(2)
  })

  test('many who ask at once share one verification, and a TC shares that of its highQC', async () => {
    const { bls, calls } = counted(ground.committee.bls)
    const verifier = fresh(bls)
    const asked = [ground.tc, { ...ground.tc }, { ...ground.tc }].map((tc) => verifier.verifyTC(tc))
    const answers = await Promise.all([...asked, verifier.verifyQC(ground.qc)])
    expect(answers.every((answer) => answer.ok)).toBe(true)
    expect(calls).toEqual({ single: 0, aggregate: 1, groups: 1 })
  })

  test('no more than VERIFIED_CERTIFICATES_MAX: the oldest is verified again', async () => {
    const { bls, calls } = counted({ ...ground.committee.bls, verifyAggregate: async () => true })
    const verifier = fresh(bls)
    const at = (above: number) => verifier.verifyQC({ ...ground.qc, view: view(5 + above) })
    for (let above = 0; above <= VERIFIED_CERTIFICATES_MAX; above++) await at(above)
    await at(VERIFIED_CERTIFICATES_MAX)
    await at(1)
    expect(calls.aggregate).toBe(VERIFIED_CERTIFICATES_MAX + 1)
    await at(0)
    expect(calls.aggregate).toBe(VERIFIED_CERTIFICATES_MAX + 2)
  })

  test('no more than CERTIFICATES_IN_FLIGHT_MAX at once; forming our own is not held up by it', async () => {
    const { committee } = ground
    const { promise: opened, resolve: open } = Promise.withResolvers<void>()
    const gated: Bls = {
      ...committee.bls,
      verifyAggregate: async (keys, message, signature) => {
        if (signature === ground.qc.signature) await opened
        return await committee.bls.verifyAggregate(keys, message, signature)
      },
    }
    const verifier = fresh(gated)
    const waiting = Array.from({ length: CERTIFICATES_IN_FLIGHT_MAX }, (_, above) =>
      verifier.verifyQC({ ...ground.qc, view: view(5 + above) }),
    )
    expect(await verifier.verifyQC({ ...ground.qc, view: view(9_999) })).toEqual({
      ok: false,
      rejection: { kind: 'busy' },
    })
    expect(await verifier.verifyTC(ground.tc)).toEqual({ ok: false, rejection: { kind: 'busy' } })
    const votes = await Promise.all([0, 1, 2].map((signer) => voteOf(committee, signer, on)))
    expect((await verifier.formQC(votes)).kind).toBe('formed')
    open()
    expect((await Promise.all(waiting)).filter((answer) => answer.ok)).toHaveLength(1)
    expect((await verifier.verifyTC(ground.tc)).ok).toBe(true)
  })

  test('a backend that fails is a fault, which is not remembered', async () => {
    let broken = true
    const { bls } = ground.committee
    const verifier = fresh({
      ...bls,
      verifyAggregate: (...given) =>
        broken ? Promise.reject(new Error('worker gone')) : bls.verifyAggregate(...given),
    })
    await expect(verifier.verifyQC(ground.qc)).rejects.toThrow('worker gone')
    broken = false
    expect((await verifier.verifyQC(ground.qc)).ok).toBe(true)
  })
})
