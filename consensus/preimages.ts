// What gets signed and what gets hashed: every preimage begins with its domain tag, and everything signed in consensus
// also names the chain and the epoch, so that no signature means anything elsewhere (FORMATS.md; PITFALLS.md, row 25).
// Never signs and never verifies.

import type { Hash } from '../crypto/bytes.ts'
import { Writer } from '../crypto/codec.ts'
import { digest, hashOf } from '../crypto/hash.ts'
import { merkleRoot } from '../crypto/merkle.ts'
import type { BlockId, Epoch, EpochConfig, Evidence, GenesisHash, Payload, QC, TC, View, Vote } from './types.ts'
import {
  BLS_KEY_BYTES,
  encodeEpochConfig,
  encodeEvidence,
  encodeQC,
  encodeTC,
  NODE_KEY_BYTES,
  VALIDATOR_ID_BYTES,
} from './wire.ts'

/** What a vote says, its signer and signature aside. */
export type VoteContent = Pick<Vote, 'epoch' | 'view' | 'blockId' | 'parentView' | 'parentId'>

/** 32 bytes, signed with BLS. The parent is in it, so one QC proves the commit of the parent. */
export function votePreimage(genesisHash: GenesisHash, vote: VoteContent): Uint8Array {
  const writer = new Writer(120).hash(genesisHash).u64(vote.epoch).u64(vote.view).hash(vote.blockId)
  return digest('scoville/vote/1', writer.u64(vote.parentView).hash(vote.parentId).finish())
}

/** 32 bytes, signed with BLS. */
export function timeoutPreimage(
  genesisHash: GenesisHash,
  timeout: { readonly epoch: Epoch; readonly view: View; readonly highQcView: View },
): Uint8Array {
  const writer = new Writer(56).hash(genesisHash).u64(timeout.epoch).u64(timeout.view).u64(timeout.highQcView)
  return digest('scoville/timeout/1', writer.finish())
}

/** 32 bytes, signed with ed25519 by the proposer's node key. */
export function proposalPreimage(genesisHash: GenesisHash, epoch: Epoch, view: View, blockId: BlockId): Uint8Array {
  return digest('scoville/proposal/1', new Writer(80).hash(genesisHash).u64(epoch).u64(view).hash(blockId).finish())
}

/**
 * 32 bytes, signed with the BLS key itself: whoever registers a key holds it (PITFALLS.md, row 20).
 * @param chainId the genesis file's name of the chain; encoded with its length, as every text.
 * @param validatorId 40 hex digits.
 */
export function popPreimage(chainId: string, validatorId: string, blsKey: Uint8Array, nodeKey: Uint8Array): Uint8Array {
  const fixedBytes = 4 + VALIDATOR_ID_BYTES + BLS_KEY_BYTES + NODE_KEY_BYTES
  const writer = new Writer(fixedBytes + Buffer.byteLength(chainId))
    .text(chainId)
    .fixed(Buffer.from(validatorId, 'hex'), VALIDATOR_ID_BYTES)
  return digest('scoville/pop/1', writer.fixed(blsKey, BLS_KEY_BYTES).fixed(nodeKey, NODE_KEY_BYTES).finish())
}

export function epochHashOf(config: EpochConfig): Hash {
  return hashOf('scoville/epoch/1', encodeEpochConfig(config))
}

/** The leaders record is empty in stage 1 (FORMATS.md, 2). */
export const leadersHashEmpty: Hash = hashOf('scoville/leaders/1')

/** H(kind ‖ RFC 6962 root over the items). */
export function payloadRootOf(payload: Payload): Hash {
  return payloadRootFrom(payload.kind, merkleRoot(payload.items))
}

/** As `payloadRootOf`, for whoever has the root over the items and not the items. */
export function payloadRootFrom(kind: number, itemsRoot: Hash): Hash {
  return hashOf('scoville/payload/1', new Writer(33).u8(kind).hash(itemsRoot).finish())
}

/** RFC 6962 root over the encoded pieces of evidence: that of no leaves while there is none. */
export function evidenceRootOf(evidence: readonly Evidence[]): Hash {
  return merkleRoot(evidence.map(encodeEvidence))
}

/** Of a QC: the header's justifyHash. Of a TC: its tcHash. */
export function certificateHash(certificate: QC | TC): Hash {
  if ('highQC' in certificate) return hashOf('scoville/tc/1', encodeTC(certificate))
  return hashOf('scoville/justify/1', encodeQC(certificate))
}

/** Whether two votes say the same, and so count towards one QC. */
export function isSameVote(a: VoteContent, b: VoteContent): boolean {
  return (
    a.epoch === b.epoch &&
    a.view === b.view &&
    a.blockId === b.blockId &&
    a.parentView === b.parentView &&
    a.parentId === b.parentId
  )
}
