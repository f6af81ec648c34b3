// A chain of well-formed blocks with made-up signatures: the stores check links and roots, never signatures.

import type {
  Block,
  BlockId,
  Epoch,
  GenesisHash,
  Header,
  Height,
  QC,
  SafetyState,
  TC,
  ValidatorIndex,
  View,
} from '../../../consensus/types.ts'
import { blockIdOf, type WireLimits } from '../../../consensus/wire.ts'
import { type Hash, hashFromBytes, ZERO_HASH } from '../../../crypto/bytes.ts'
import { sha256 } from '../../../crypto/hash.ts'
import type { CommitRecord, StoredBlock } from '../../../node/ports.ts'
import type { GenesisState } from '../../../node/storage/chain-store.ts'

export const LIMITS: WireLimits = { validators: 4, payloadBytesMax: 1_048_576, itemsMax: 5_000 }

export function hashOfText(text: string): Hash {
  return hashFromBytes(sha256(Buffer.from(text)))
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)

export const GENESIS_HASH = hashOfText('genesis file') as GenesisHash
export const OTHER_GENESIS_HASH = hashOfText('another genesis file') as GenesisHash

export function qcFor(view: number, blockId: BlockId, parentView: number, parentId: BlockId): QC {
  return {
    epoch: 0 as Epoch,
    view: view as View,
    blockId,
    parentView: parentView as View,
    parentId,
    signers: Uint8Array.of(0b0111),
    signature: new Uint8Array(96).fill(view % 251),
  }
}

export function tcFor(view: number, highQC: QC): TC {
  return {
    epoch: 0 as Epoch,
    view: view as View,
    signers: Uint8Array.of(0b1011),
    highQcViews: [highQC.view, highQC.view, highQC.view],
    highQC,
    signature: new Uint8Array(96).fill(view % 249),
  }
}

const ROOT_QC = qcFor(0, ZERO_HASH as BlockId, 0, ZERO_HASH as BlockId)

interface Place {
  readonly height: number
  readonly view: number
  readonly parent?: { readonly block: Block; readonly stateRoot: Hash; readonly receiptsRoot: Hash }
  readonly items?: readonly Uint8Array[]
  readonly salt?: string
}

export function blockAt({ height, view, parent, items = [], salt = '' }: Place): Block {
  const parentHeader = parent?.block.proposal.header
  const justify =
    parent === undefined
      ? ROOT_QC
      : qcFor(view - 1, parent.block.id, parent.block.proposal.justify.view, parent.block.proposal.header.parentId)
  const header: Header = {
    version: 1,
    supports: 1,
    phase: 0,
    genesisHash: GENESIS_HASH,
    epoch: 0 as Epoch,
    view: view as View,
    height: height as Height,
    parentId: parent?.block.id ?? (ZERO_HASH as BlockId),
    justifyHash: hashOfText(`justify ${view}`),
    tcHash: ZERO_HASH,
    proposer: (view % 4) as ValidatorIndex,
    timestampMs: (parentHeader?.timestampMs ?? 1_000) + 1,
    payloadRoot: hashOfText(`payload ${height} ${salt}`),
    stateRoot: parent?.stateRoot ?? hashOfText('state 0'),
    receiptsRoot: parent?.receiptsRoot ?? hashOfText('receipts 0'),
    chainRoot: ZERO_HASH,
    leadersHash: ZERO_HASH,
    epochHash: ZERO_HASH,
    nextEpochHash: ZERO_HASH,
    evidenceRoot: ZERO_HASH,
  }
  const proposal = { header, payload: { kind: 0, items }, evidence: [], justify, signature: new Uint8Array(64).fill(7) }
  return { id: blockIdOf(header), proposal }
}

export const GENESIS_BLOCK = blockAt({ height: 0, view: 0 })
export const GENESIS_STATE: GenesisState = {
  writes: {
    values: new Map([[hashOfText('alice'), Uint8Array.of(100)]]),
    nodes: new Map([['', Uint8Array.of(0)]]),
  },
  stateRoot: hashOfText('state 0'),
  receiptsRoot: hashOfText('receipts 0'),
}
export const GENESIS_PEAKS = [hashOfText('peak 0')]

/** Every block pays alice, so the state tells the height; the root node does too. */
export function recordOn(
  parent: { readonly block: Block; readonly stateRoot: Hash; readonly receiptsRoot: Hash },
  salt = '',
): CommitRecord {
  const { height: below, view: viewBelow } = parent.block.proposal.header
  const height = below + 1
  const mark = Buffer.alloc(8)
  mark.writeUInt32BE(height)
  const transactionIds = [hashOfText(`tx ${height}.0 ${salt}`), hashOfText(`tx ${height}.1 ${salt}`)]
  const items = [bytesOf(`item ${height}.0`), bytesOf(`item ${height}.1`)]
  return {
    block: blockAt({ height, view: viewBelow + 1, parent, items, salt }),
    writes: {
      values: new Map([
        [hashOfText('alice'), mark],
        [hashOfText(`born at ${height}`), mark],
        [hashOfText(`born at ${height - 1}`), undefined],
      ]),
      nodes: new Map<string, Uint8Array | undefined>([
        ['', mark],
        [`${height}`, mark],
        [`${height - 1}`, undefined],
      ]),
    },
    receipts: [bytesOf(`receipt ${height}.0`), bytesOf(`receipt ${height}.1`), bytesOf('block')],
    transactionIds,
    stateRoot: hashOfText(`state ${height}`),
    receiptsRoot: hashOfText(`receipts ${height}`),
    chainPeaks: [hashOfText(`peak ${height}`)],
  }
}

export const GENESIS_STORED: StoredBlock = {
  block: GENESIS_BLOCK,
  receipts: [],
  transactionIds: [],
  stateRoot: GENESIS_STATE.stateRoot,
  receiptsRoot: GENESIS_STATE.receiptsRoot,
  chainPeaks: GENESIS_PEAKS,
}

/** The first `count` records above genesis. */
export function chainOf(count: number): CommitRecord[] {
  const records: CommitRecord[] = []
  let parent: Pick<StoredBlock, 'block' | 'stateRoot' | 'receiptsRoot'> = GENESIS_STORED
  for (let i = 0; i < count; i++) {
    const record = recordOn(parent)
    records.push(record)
    parent = record
  }
  return records
}

/** QC of a child one view above the block. */
export function certificateOf({ block }: { readonly block: Block }): QC {
  const { view } = block.proposal.header
  return qcFor(view + 1, hashOfText(`child of ${block.id}`) as BlockId, view, block.id)
}

export function heightOf(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? -1 : bytes.length === 1 ? 0 : Buffer.from(bytes).readUInt32BE()
}

/** A safety state after voting in `view`, with every optional part present when `isFull`. */
export function safetyAt(view: number, isFull = false): SafetyState {
  const blockId = hashOfText(`block of view ${view}`) as BlockId
  const parentId = hashOfText(`block of view ${view - 1}`) as BlockId
  const highQC = qcFor(view - 1, parentId, Math.max(0, view - 2), hashOfText('grandparent') as BlockId)
  const vote = {
    epoch: 0 as Epoch,
    view: view as View,
    blockId,
    parentView: (view - 1) as View,
    parentId,
    signer: 2 as ValidatorIndex,
  }
  const base = {
    epoch: 0 as Epoch,
    lastVotedView: view as View,
    lastVote: vote,
    lockedView: (view - 1) as View,
    highQC,
  }
  if (!isFull) return { ...base, highestTimeoutView: 0 as View }
  const lastTC = tcFor(view - 1, qcFor(view - 2, hashOfText('high') as BlockId, view - 3, hashOfText('low') as BlockId))
  return {
    ...base,
    highestTimeoutView: view as View,
    lastTimeout: { epoch: 0 as Epoch, view: view as View, highQC, lastTC, vote, signer: 2 as ValidatorIndex },
    lastTC,
    lastProposal: { view: view as View, blockId },
  }
}
