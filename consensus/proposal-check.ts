// What a proposal and a timeout must look like before anything costly is done with them: pure, cheap, no signature.
// These are DESIGN.md section 3, "Vote" (2) and (3) and "Timeout", as far as one message alone shows them; the parent's
// height and time, the payload and the roots are checked where the parent is known. Never looks at a clock or a store.

import { ZERO_HASH } from '../crypto/bytes.ts'
import { certificateHash, evidenceRootOf, leadersHashEmpty, payloadRootOf } from './preimages.ts'
import { hasEntryProof } from './safety.ts'
import { type GenesisHash, PHASE_NORMAL, type Proposal, type Timeout } from './types.ts'
import type { ValidatorSet } from './validators.ts'

/** The one header version of stage 1. */
export const HEADER_VERSION = 1
/** Payload kind 0: transactions. */
export const PAYLOAD_TRANSACTIONS = 0

/** The header field, or the part of the proposal, that breaks its rule. */
export interface ProposalRejection {
  readonly kind:
    | 'version'
    | 'supports'
    | 'phase'
    | 'genesis-hash'
    | 'epoch'
    | 'view'
    | 'height'
    | 'proposer'
    | 'parent-id'
    | 'justify-hash'
    | 'tc-hash'
    | 'payload-kind'
    | 'payload-root'
    | 'leaders-hash'
    | 'epoch-hash'
    | 'next-epoch-hash'
    | 'evidence'
    | 'evidence-root'
    | 'entry-proof'
}

export interface TimeoutRejection {
  readonly kind: 'epoch' | 'high-qc' | 'entry-proof' | 'vote'
}

interface ProposalRule {
  readonly kind: ProposalRejection['kind']
  readonly holds: (proposal: Proposal, context: ProposalContext) => boolean
}

export interface ProposalContext {
  readonly genesisHash: GenesisHash
  readonly validators: ValidatorSet
}

/** In order: the first broken one is reported, the one that hashes the payload comes last. */
const PROPOSAL_RULES: readonly ProposalRule[] = [
  { kind: 'version', holds: ({ header }) => header.version === HEADER_VERSION },
  { kind: 'supports', holds: ({ header }) => header.supports >= header.version },
  { kind: 'genesis-hash', holds: ({ header }, { genesisHash }) => header.genesisHash === genesisHash },
  { kind: 'epoch', holds: isOfEpoch },
  { kind: 'epoch-hash', holds: ({ header }, { validators }) => header.epochHash === validators.epochHash },
  // Stage 1 has neither epoch ends nor leader records nor evidence (FORMATS.md): a block that has one is invalid.
  { kind: 'phase', holds: ({ header }) => header.phase === PHASE_NORMAL },
  { kind: 'next-epoch-hash', holds: ({ header }) => header.nextEpochHash === ZERO_HASH },
  { kind: 'leaders-hash', holds: ({ header }) => header.leadersHash === leadersHashEmpty },
  { kind: 'evidence', holds: ({ evidence }) => evidence.length === 0 },
  { kind: 'evidence-root', holds: ({ header, evidence }) => header.evidenceRoot === evidenceRootOf(evidence) },
  { kind: 'view', holds: ({ header }) => header.view >= 1 },
  { kind: 'height', holds: ({ header }) => header.height >= 1 },
  // Vote (3): the block extends what its justify certifies, and its view's leader made it.
  { kind: 'proposer', holds: ({ header }, { validators }) => header.proposer === validators.leader(header.view) },
  { kind: 'parent-id', holds: ({ header, justify }) => header.parentId === justify.blockId },
  { kind: 'justify-hash', holds: ({ header, justify }) => header.justifyHash === certificateHash(justify) },
  { kind: 'tc-hash', holds: ({ header, tc }) => header.tcHash === (tc ? certificateHash(tc) : ZERO_HASH) },
  // Vote (2).
  { kind: 'entry-proof', holds: ({ header, justify, tc }) => hasEntryProof(header.view, justify, tc) },
  { kind: 'payload-kind', holds: ({ payload }) => payload.kind === PAYLOAD_TRANSACTIONS },
  { kind: 'payload-root', holds: ({ header, payload }) => header.payloadRoot === payloadRootOf(payload) },
]

/** Undefined when every rule holds. */
export function checkProposal(proposal: Proposal, context: ProposalContext): ProposalRejection | undefined {
  for (const { kind, holds } of PROPOSAL_RULES) if (!holds(proposal, context)) return { kind }
  return undefined
}

/** A certificate of another epoch proves nothing here (PITFALLS.md, rows 25 and 27). */
function isOfEpoch({ header, justify, tc }: Proposal, { validators }: ProposalContext): boolean {
  const epochs = [header.epoch, justify.epoch, ...(tc ? [tc.epoch, tc.highQC.epoch] : [])]
  return epochs.every((epoch) => epoch === validators.epoch)
}

/** Undefined when the timeout is well formed and proves its own view; its certificates are verified apart. */
export function checkTimeoutShape(timeout: Timeout): TimeoutRejection | undefined {
  const { epoch, view, highQC, lastTC, vote, signer } = timeout
  const certificates = [highQC.epoch, ...(lastTC ? [lastTC.epoch, lastTC.highQC.epoch] : [])]
  if (!certificates.every((certificate) => certificate === epoch)) return { kind: 'epoch' }
  if (highQC.view >= view) return { kind: 'high-qc' }
  // Attached exactly when the highQC does not show how the view was entered.
  const entered = highQC.view + 1 === view ? lastTC === undefined : lastTC !== undefined && lastTC.view + 1 === view
  if (!entered) return { kind: 'entry-proof' }
  if (vote && (vote.epoch !== epoch || vote.view !== view || vote.signer !== signer)) return { kind: 'vote' }
  return undefined
}
