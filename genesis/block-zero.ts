// Block 0: the one block nobody proposed. It follows from the genesis file alone, so every node derives the same one.
// It is never sent, voted for or verified: a node that trusts the genesis file trusts it, and the root QC points at it.

import { rootQC } from '../consensus/certificates.ts'
import { epochHashOf, evidenceRootOf, leadersHashEmpty, payloadRootOf } from '../consensus/preimages.ts'
import {
  type Block,
  type BlockId,
  type Epoch,
  type EpochConfig,
  type GenesisHash,
  type Header,
  type Height,
  type Payload,
  PHASE_NORMAL,
  type ValidatorIndex,
  type View,
} from '../consensus/types.ts'
import { blockIdOf } from '../consensus/wire.ts'
import { type Hash, ZERO_HASH } from '../crypto/bytes.ts'
import { ED25519_SIGNATURE_BYTES } from '../crypto/ed25519.ts'
import { merkleRoot } from '../crypto/merkle.ts'

const PAYLOAD_TRANSACTIONS = 0
const NO_BLOCK = ZERO_HASH as BlockId

export interface BlockZeroInput {
  readonly genesisHash: GenesisHash
  readonly initialHeight: Height
  readonly timeMs: number
  readonly config: EpochConfig
  /** Of the genesis state: block 0 executes nothing, so its child's header says the same. */
  readonly stateRoot: Hash
  /** Of no receipts. */
  readonly receiptsRoot: Hash
}

/**
 * Epoch 0, view 0, no parent, empty payload. Where another block has a certificate this one has the root form of a QC for no
 * block, and zero for its hash; where another has a signature, 64 zero bytes.
 */
export function blockZero(input: BlockZeroInput): Block {
  const { config } = input
  const payload: Payload = { kind: PAYLOAD_TRANSACTIONS, items: [] }
  const header: Header = {
    version: config.protocolVersion,
    supports: config.protocolVersion,
    phase: PHASE_NORMAL,
    genesisHash: input.genesisHash,
    epoch: 0 as Epoch,
    view: 0 as View,
    height: input.initialHeight,
    parentId: NO_BLOCK,
    justifyHash: ZERO_HASH,
    tcHash: ZERO_HASH,
    proposer: 0 as ValidatorIndex,
    timestampMs: input.timeMs,
    payloadRoot: payloadRootOf(payload),
    stateRoot: input.stateRoot,
    receiptsRoot: input.receiptsRoot,
    chainRoot: merkleRoot([]),
    leadersHash: leadersHashEmpty,
    epochHash: epochHashOf(config),
    nextEpochHash: ZERO_HASH,
    evidenceRoot: evidenceRootOf([]),
  }
  const justify = rootQC(0 as Epoch, NO_BLOCK, config.validators.length)
  const signature = new Uint8Array(ED25519_SIGNATURE_BYTES)
  return { id: blockIdOf(header), proposal: { header, payload, evidence: [], justify, signature } }
}
