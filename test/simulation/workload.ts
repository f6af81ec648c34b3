// What blocks are made of in the simulation: a payload is one opaque item or none, an id is a number that was not used before.
// Consensus looks at neither; the header's roots are zero throughout.

import { rootQC } from '../../consensus/certificates.ts'
import type { Effect } from '../../consensus/protocol.ts'
import type {
  Block,
  BlockId,
  Epoch,
  EpochConfig,
  GenesisHash,
  Header,
  Height,
  Payload,
  QC,
  TC,
  UnsignedBlock,
  ValidatorIndex,
  Verified,
  View,
} from '../../consensus/types.ts'
import { createValidatorSet, type ValidatorSet } from '../../consensus/validators.ts'
import { ZERO_HASH } from '../../crypto/bytes.ts'
import { hashOf } from '../../crypto/hash.ts'

export const START_MS = 1_800_000_000_000
export const TRANSACTION: Uint8Array = Buffer.from('transaction')

export function validatorsOf(powers: readonly number[]): ValidatorSet {
  const config: EpochConfig = {
    format: 1,
    epoch: 0 as Epoch,
    protocolVersion: 1,
    params: [],
    validators: powers.map((power, at) => ({
      id: at.toString(16).padStart(40, '0'),
      power,
      blsKey: new Uint8Array(48).fill(at + 1),
      nodeKey: new Uint8Array(32).fill(at + 1),
    })),
  }
  return createValidatorSet(config)
}

export interface BlockSpec {
  readonly view: number
  readonly height: number
  readonly justify: QC
  readonly tc?: TC
  readonly proposer: number
  readonly timestampMs: number
  readonly items?: readonly Uint8Array[]
  /** Tells blocks apart that are otherwise alike. */
  readonly name?: string
}

/** A block of these fields; its id stands for all of them. */
export function blockOf(spec: BlockSpec): UnsignedBlock {
  const { view, height, justify, tc, proposer, timestampMs, items = [], name = '' } = spec
  const payload: Payload = { kind: 0, items }
  const header: Header = {
    version: 1,
    supports: 1,
    phase: 0,
    genesisHash: ZERO_HASH as GenesisHash,
    epoch: 0 as Epoch,
    view: view as View,
    height: height as Height,
    parentId: justify.blockId,
    justifyHash: ZERO_HASH,
    tcHash: ZERO_HASH,
    proposer: proposer as ValidatorIndex,
    timestampMs,
    payloadRoot: ZERO_HASH,
    stateRoot: ZERO_HASH,
    receiptsRoot: ZERO_HASH,
    chainRoot: ZERO_HASH,
    leadersHash: ZERO_HASH,
    epochHash: ZERO_HASH,
    nextEpochHash: ZERO_HASH,
    evidenceRoot: ZERO_HASH,
  }
  const text = [view, height, justify.blockId, justify.view, tc?.view, proposer, timestampMs, items.length, name].join()
  const id = hashOf('scoville/header/1', Buffer.from(text)) as BlockId
  return { id, proposal: { header, payload, evidence: [], justify, ...(tc === undefined ? {} : { tc }) } }
}

export interface Genesis {
  readonly block: Verified<Block>
  readonly qc: QC
}

export function genesisOf(validators: number): Genesis {
  const none = rootQC(0 as Epoch, ZERO_HASH as BlockId, validators)
  const { id, proposal } = blockOf({ view: 0, height: 0, justify: none, proposer: 0, timestampMs: START_MS })
  const block = { id, proposal: { ...proposal, signature: new Uint8Array(64) } } as Verified<Block>
  return { block, qc: rootQC(0 as Epoch, id, validators) }
}

/** Answers `propose` as a node's block factory would. */
export function buildBlock(
  request: Extract<Effect, { kind: 'propose' }>,
  proposer: ValidatorIndex,
  nowMs: number,
  hasTransactions: boolean,
  name = '',
): UnsignedBlock {
  const { view, parent, justify, tc } = request
  const above = parent.proposal.header
  return blockOf({
    view,
    height: above.height + 1,
    justify,
    ...(tc === undefined ? {} : { tc }),
    proposer,
    timestampMs: Math.max(nowMs, above.timestampMs + 1),
    items: hasTransactions ? [TRANSACTION] : [],
    name,
  })
}
