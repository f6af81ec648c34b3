// Proof that a validator signed two messages an honest one never signs both of. Kept in memory and logged; blocks carry
// evidence in a later stage. Bound: one piece per validator and kind.

import type { CertificateVerifier } from '../consensus/certificates.ts'
import type { Equivocation, ValidatorIndex } from '../consensus/types.ts'
import type { Log } from './log.ts'

export class EvidenceStore {
  readonly #kept = new Map<string, Equivocation>()
  readonly #certificates: CertificateVerifier
  readonly #log: Log

  constructor(certificates: CertificateVerifier, log: Log) {
    this.#certificates = certificates
    this.#log = log
  }

  get size(): number {
    return this.#kept.size
  }

  all(): readonly Equivocation[] {
    return [...this.#kept.values()]
  }

  /** Votes reach the core unverified, so both are verified here: nobody is accused by a signature that is not his. */
  async keep(equivocation: Equivocation): Promise<void> {
    const culprit = culpritOf(equivocation)
    const key = `${equivocation.kind}/${culprit}`
    if (this.#kept.has(key)) return
    if (equivocation.kind === 'double-vote') {
      const { first, second } = equivocation
      if (!(await this.#certificates.verifyVoteSignature(first))) return
      if (!(await this.#certificates.verifyVoteSignature(second))) return
    }
    this.#kept.set(key, equivocation)
    this.#log.error({ kind: equivocation.kind, validator: culprit }, 'equivocation: two conflicting signed messages')
  }
}

function culpritOf(equivocation: Equivocation): ValidatorIndex {
  return equivocation.kind === 'double-vote' ? equivocation.first.signer : equivocation.first.header.proposer
}
