// The certificates that tests of certificates.ts start from, and what it takes to count and forge them.

import { CertificateVerifier } from '../../consensus/certificates.ts'
import type { QC, TC, Timeout } from '../../consensus/types.ts'
import type { Bls } from '../../crypto/bls.ts'
import { loadBls } from '../../crypto/bls-backend.ts'
import { blockNamed, type Committee, createCommittee, qcOf, tcOf, timeoutOf } from './committee.ts'

/** The point at infinity in G2, compressed: the sum of no signatures. */
export const INFINITY = Uint8Array.from({ length: 96 }, (_, at) => (at === 0 ? 0xc0 : 0))
export const on = { view: 5, blockId: blockNamed('block'), parentView: 4, parentId: blockNamed('parent') }

/** The real backend with its calls counted. */
export function counted(bls: Bls): {
  readonly bls: Bls
  readonly calls: Record<'single' | 'aggregate' | 'groups', number>
} {
  const calls = { single: 0, aggregate: 0, groups: 0 }
  return {
    calls,
    bls: {
      ...bls,
      verify: (...given) => {
        calls.single++
        return bls.verify(...given)
      },
      verifyAggregate: (...given) => {
        calls.aggregate++
        return bls.verifyAggregate(...given)
      },
      verifyAggregateGroups: (...given) => {
        calls.groups++
        return bls.verifyAggregateGroups(...given)
      },
    },
  }
}

export interface Ground {
  readonly committee: Committee
  readonly otherChain: Committee
  readonly otherEpoch: Committee
  readonly weighted: Committee
  /** Of view 5, by 0, 1 and 3. */
  readonly qc: QC
  /** Of view 7: 0 and 3 report qc, 2 the root. */
  readonly timeouts: readonly Timeout[]
  readonly tc: TC
}

export async function prepareGround(): Promise<Ground> {
  const bls = await loadBls('blst')
  const committee = await createCommittee(bls, [1, 1, 1, 1])
  const qc = await qcOf(committee, [0, 1, 3], on)
  const timeouts = await Promise.all(
    [3, 0, 2].map((signer) => timeoutOf(committee, signer, { view: 7, highQC: signer === 2 ? committee.root : qc })),
  )
  return {
    committee,
    otherChain: await createCommittee(bls, [1, 1, 1, 1], { chain: 'other chain' }),
    otherEpoch: await createCommittee(bls, [1, 1, 1, 1], { epoch: 1 }),
    weighted: await createCommittee(bls, [5, 1, 1, 1]),
    qc,
    timeouts,
    tc: await tcOf(committee, timeouts),
  }
}

/** A verifier that remembers nothing yet. */
export function freshVerifier({ genesisHash, validators, root }: Committee, bls: Bls): CertificateVerifier {
  return new CertificateVerifier({ bls, genesisHash, validators, rootQC: root })
}
