// A set of validators with real keys from fixed seeds, and what they would sign: the ground every consensus test that
// needs certificates stands on. Deterministic: the golden vectors are made of it.

import { bitmapOf } from '../../consensus/bitmap.ts'
import { CertificateVerifier, rootQC } from '../../consensus/certificates.ts'
import {
  certificateHash,
  evidenceRootOf,
  leadersHashEmpty,
  payloadRootOf,
  proposalPreimage,
  timeoutPreimage,
  votePreimage,
} from '../../consensus/preimages.ts'
import type {
  BlockId,
  Epoch,
  EpochConfig,
  GenesisHash,
  Header,
  Height,
  Payload,
  Proposal,
  QC,
  TC,
  Timeout,
  Validator,
  ValidatorIndex,
  View,
  Vote,
} from '../../consensus/types.ts'
import { createValidatorSet, type ValidatorSet } from '../../consensus/validators.ts'
import { blockIdOf } from '../../consensus/wire.ts'
import type { Bls } from '../../crypto/bls.ts'
import { type Hash, hashFromBytes, toHex, ZERO_HASH } from '../../crypto/bytes.ts'
import { keyPairFromSeed, signEd25519 } from '../../crypto/ed25519.ts'
import { sha256 } from '../../crypto/hash.ts'

/** A hash that stands for something: SHA-256 of its name. */
export function named(name: string): Hash {
  return hashFromBytes(sha256(Buffer.from(name)))
}

export const blockNamed = (name: string): BlockId => named(name) as BlockId
export const view = (value: number): View => value as View
export const index = (value: number): ValidatorIndex => value as ValidatorIndex

interface Member {
  readonly validator: Validator
  readonly blsSecret: Uint8Array
  readonly nodeSecret: Uint8Array
}

export interface Committee {
  readonly bls: Bls
  readonly genesisHash: GenesisHash
  readonly genesisId: BlockId
  readonly root: QC
  readonly validators: ValidatorSet
  readonly verifier: CertificateVerifier
  readonly members: readonly Member[]
}

/** @param powers one validator each, in the order of a seed; the set itself is ascending by id, powers included. */
export async function createCommittee(
  bls: Bls,
  powers: readonly number[],
  { epoch = 0, chain = 'committee' }: { readonly epoch?: number; readonly chain?: string } = {},
): Promise<Committee> {
  const keyed = await Promise.all(
    powers.map(async (_, at) => {
      const node = keyPairFromSeed(sha256(Buffer.from(`node key ${at}`)))
      const blsSecret = await bls.secretKey(sha256(Buffer.from(`bls key ${at}`)))
      return { node, blsSecret, blsKey: await bls.publicKey(blsSecret), id: toHex(sha256(node.publicKey)).slice(0, 40) }
    }),
  )
  const sorted = keyed.toSorted((a, b) => (a.id < b.id ? -1 : 1))
  const members = sorted.map(({ node, blsSecret, blsKey, id }, at) => ({
    validator: { id, power: powers[at] ?? 1, blsKey, nodeKey: node.publicKey },
    blsSecret,
    nodeSecret: node.secretKey,
  }))
  const config: EpochConfig = {
    format: 1,
    epoch: epoch as Epoch,
    protocolVersion: 1,
    params: [{ id: 1, value: 1_048_576 }],
    validators: members.map((member) => member.validator),
  }
  const genesisHash = named(chain) as GenesisHash
  const genesisId = blockNamed(`genesis block of ${chain}`)
  const root = rootQC(config.epoch, genesisId, members.length)
  const validators = createValidatorSet(config)
  const verifier = new CertificateVerifier({ bls, genesisHash, validators, rootQC: root })
  return { bls, genesisHash, genesisId, root, validators, verifier, members }
}

function memberOf(committee: Committee, signer: number): Member {
  const member = committee.members[signer]
  if (member === undefined) throw new RangeError(`no member ${signer}`)
  return member
}

export interface VoteOn {
  readonly view: number
  readonly blockId: BlockId
  readonly parentView: number
  readonly parentId: BlockId
}

export async function voteOf(committee: Committee, signer: number, on: VoteOn): Promise<Vote> {
  const { bls, genesisHash, validators } = committee
  const content = {
    epoch: validators.epoch,
    view: view(on.view),
    blockId: on.blockId,
    parentView: view(on.parentView),
    parentId: on.parentId,
  }
  const signature = await bls.sign(memberOf(committee, signer).blsSecret, votePreimage(genesisHash, content))
  return { ...content, signer: index(signer), signature }
}

export async function aggregateOf(bls: Bls, signatures: readonly Uint8Array[]): Promise<Uint8Array> {
  const signature = await bls.aggregate(signatures)
  if (signature === undefined) throw new RangeError('signatures do not aggregate')
  return signature
}

/** A certificate of whoever is named, a quorum or not. */
export async function qcOf(committee: Committee, signers: readonly number[], on: VoteOn): Promise<QC> {
  const votes = await Promise.all(signers.map((signer) => voteOf(committee, signer, on)))
  const signature = await aggregateOf(
    committee.bls,
    votes.map((vote) => vote.signature),
  )
  return {
    epoch: committee.validators.epoch,
    view: view(on.view),
    blockId: on.blockId,
    parentView: view(on.parentView),
    parentId: on.parentId,
    signers: bitmapOf(signers.map(index), committee.validators.size),
    signature,
  }
}

export async function timeoutOf(
  committee: Committee,
  signer: number,
  about: { readonly view: number; readonly highQC: QC; readonly lastTC?: TC; readonly vote?: Vote },
): Promise<Timeout> {
  const { bls, genesisHash, validators } = committee
  const signed = { epoch: validators.epoch, view: view(about.view), highQcView: about.highQC.view }
  const signature = await bls.sign(memberOf(committee, signer).blsSecret, timeoutPreimage(genesisHash, signed))
  const { epoch } = validators
  return { ...about, epoch, view: view(about.view), signer: index(signer), signature }
}

/** The TC of these timeouts, whatever they are: nothing is checked. */
export async function tcOf(committee: Committee, timeouts: readonly Timeout[]): Promise<TC> {
  const sorted = timeouts.toSorted((a, b) => a.signer - b.signer)
  const highest = sorted.reduce((a, b) => (b.highQC.view > a.highQC.view ? b : a))
  return {
    epoch: highest.epoch,
    view: sorted[0]?.view ?? view(0),
    signers: bitmapOf(
      sorted.map((timeout) => timeout.signer),
      committee.validators.size,
    ),
    highQcViews: sorted.map((timeout) => timeout.highQC.view),
    highQC: highest.highQC,
    signature: await aggregateOf(
      committee.bls,
      sorted.map((timeout) => timeout.signature),
    ),
  }
}

export function headerOf(committee: Committee, at: number, payload: Payload, justify: QC, tc?: TC): Header {
  const { genesisHash, validators } = committee
  return {
    version: 1,
    supports: 1,
    phase: 0,
    genesisHash,
    epoch: validators.epoch,
    view: view(at),
    height: (justify.view + 1) as Height,
    parentId: justify.blockId,
    justifyHash: certificateHash(justify),
    tcHash: tc ? certificateHash(tc) : ZERO_HASH,
    proposer: validators.leader(view(at)),
    timestampMs: 1_800_000_000_000 + at,
    payloadRoot: payloadRootOf(payload),
    stateRoot: named('state'),
    receiptsRoot: named('receipts'),
    chainRoot: named('chain'),
    leadersHash: leadersHashEmpty,
    epochHash: validators.epochHash,
    nextEpochHash: ZERO_HASH,
    evidenceRoot: evidenceRootOf([]),
  }
}

/** A valid proposal for a view by its leader. */
export function proposalOf(committee: Committee, at: number, justify: QC, tc?: TC): Proposal {
  const payload: Payload = { kind: 0, items: [Buffer.from('first'), Buffer.from('second'), new Uint8Array(0)] }
  const header = headerOf(committee, at, payload, justify, tc)
  const { nodeSecret } = memberOf(committee, header.proposer)
  const preimage = proposalPreimage(committee.genesisHash, header.epoch, header.view, blockIdOf(header))
  const signature = signEd25519(nodeSecret, preimage)
  return { header, payload, evidence: [], justify, ...(tc && { tc }), signature }
}
