// Proofs over HTTP: of a block's finality and of a transaction. An account's stands beside the account (accounts.ts).
// A node that cannot prove something yet says so with 409 and never sends a weaker proof.

import { encodeQC } from '../../consensus/wire.ts'
import type { Hash } from '../../crypto/bytes.ts'
import { toHex } from '../../crypto/bytes.ts'
import { type Answer, type ApiContext, content, type Route, refuse } from '../answer.ts'
import { route } from '../contract/operation.ts'
import { type CertificateProofView, getBlockCertificate, getTransactionProof } from '../contract/proofs.ts'
import { hex } from '../hex.ts'
import type { CommittedBlock } from '../ports.ts'
import type { Problem } from '../problem.ts'
import type { CertificateProof, FinalityProof } from '../proofs.ts'
import { viewCertificate } from '../view.ts'
import { viewFinality, viewTransactionProof } from '../view-proof.ts'
import { findBlock, type NamedBlock } from './blocks.ts'
import { unknownTransaction } from './transactions.ts'

export const proofRoutes: readonly Route[] = [
  route(getBlockCertificate, ({ path }, api) => showCertificate(path.block, api)),
  route(getTransactionProof, ({ path }, api) => showTransactionProof(path.hash, api)),
]

export function unprovable(what: string, height: number): Problem {
  const detail = `nothing held here proves ${what} at height ${height}; the next commit does`
  return { code: 'proof-unavailable', detail, members: { height: String(height) } }
}

function showCertificate(name: NamedBlock, api: ApiContext): Answer {
  const found = findBlock(name, api)
  if (!found.ok) return refuse(found.problem)
  const { block, isLatest } = found.value
  const { chain, proofs } = api.ports
  const proof = proofs.certificate(block.id)
  if (proof === undefined) return refuse(unprovable(`block ${block.id}`, chain.head().height))
  const caching = isLatest ? 'head' : 'immutable'
  return content(viewCertificateProof(block, proof, api), caching, etagOf(block.id, proof.finality))
}

function viewCertificateProof(block: CommittedBlock, proof: CertificateProof, api: ApiContext): CertificateProofView {
  const { height, epochHash } = block.proposal.header
  const { quorum, totalPower } = api.ports.status.consensus()
  const certificate = viewCertificate(proof.certificate)
  const signers = new Set(certificate.signers)
  let power = 0
  for (const validator of api.ports.chain.validators()) if (signers.has(validator.index)) power += validator.power
  return {
    block: { hash: `0x${block.id}`, height: String(height) },
    certificate: {
      ...certificate,
      power: String(power),
      quorum: String(quorum),
      totalPower: String(totalPower),
      bytes: hex(encodeQC(proof.certificate)),
    },
    validatorSetHash: `0x${epochHash}`,
    finality: viewFinality(proof.finality),
  }
}

function showTransactionProof(hash: Hash, api: ApiContext): Answer {
  const { chain, proofs, submitter } = api.ports
  const committed = chain.transaction(hash)
  if (committed === undefined && submitter.pending(hash) === undefined) return unknownTransaction(api)
  const proof = proofs.transaction(hash)
  if (committed === undefined || proof === undefined) {
    return refuse(unprovable(`transaction ${hash}`, chain.head().height))
  }
  const { blockId: id, height } = committed
  return content(viewTransactionProof(hash, proof, { id, height }), 'immutable', etagOf(hash, proof.finality))
}

/** Several certificates can prove the same, so the signature is part of the tag. */
function etagOf(id: Hash, { certificate }: FinalityProof): string {
  return `${id}-p-${toHex(certificate.signature.subarray(0, 8))}`
}
