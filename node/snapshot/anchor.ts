// What a snapshot hangs from: a committed block, the child that states the roots after it, and the certificate of that child,
// which makes the block final. Whoever knows the genesis file can check all of it; a height in it is never a mere claim.
// Owns the encodings of anchors and of tips, and their checks. Source: FORMATS.md 14, PITFALLS 29, docs/adr/0007.

import { BLOCK_RESPONSE_BYTES_MAX } from '../../consensus/frame.ts'
import { proposalPreimage } from '../../consensus/preimages.ts'
import { checkProposal } from '../../consensus/proposal-check.ts'
import type { Block, BlockId, GenesisHash, Header, Height, Proposal, QC } from '../../consensus/types.ts'
import type { ValidatorSet } from '../../consensus/validators.ts'
import {
  blockIdOf,
  HEADER_BYTES,
  proposalBytes,
  readHeader,
  readProposal,
  readQC,
  type WireLimits,
  writeHeader,
  writeProposal,
  writeQC,
} from '../../consensus/wire.ts'
import type { Hash } from '../../crypto/bytes.ts'
import { type Decoded, decode, type Reader, Writer } from '../../crypto/codec.ts'
import { verifyEd25519 } from '../../crypto/ed25519.ts'
import { merkleRoot, peaksRoot } from '../../crypto/merkle.ts'

/** Anchors in one answer: no node holds more snapshots. */
export const ANCHORS_MAX = 4
/** Peaks of an accumulator over at most 2^53 leaves. */
const PEAKS_MAX = 53

export interface Anchor {
  /** Of the block the snapshot stands at. */
  readonly header: Header
  /** Of its child, one view above: states the roots after the block. */
  readonly child: Header
  /** Of the child; commits the block. */
  readonly certificate: QC
  /** Peaks of the chain accumulator with the block in it. */
  readonly chainPeaks: readonly Hash[]
}

/** The block itself, so that a restored node can go on from it. */
export interface Tip {
  readonly proposal: Proposal
  readonly receipts: readonly Uint8Array[]
}

/** Where a snapshot stands, read from an anchor. */
export interface Place {
  readonly height: Height
  readonly blockId: BlockId
  /** After the block. */
  readonly stateRoot: Hash
}

export interface AnchorContext {
  readonly genesisHash: GenesisHash
  readonly validators: ValidatorSet
  readonly initialHeight: number
}

export function placeOf({ header, child }: Anchor): Place {
  return { height: header.height, blockId: child.parentId, stateRoot: child.stateRoot }
}

/** What is wrong with an anchor, its certificate's signature aside; undefined when nothing is. */
export function checkAnchor(anchor: Anchor, context: AnchorContext): string | undefined {
  const { header, child, certificate, chainPeaks } = anchor
  for (const { genesisHash, epochHash } of [header, child]) {
    if (genesisHash !== context.genesisHash) return 'a header of another chain'
    if (epochHash !== context.validators.epochHash) return 'a header of another validator set'
  }
  if (header.height <= context.initialHeight) return 'a snapshot of the genesis state'
  const blockId = blockIdOf(header)
  if (child.parentId !== blockId || child.height !== header.height + 1) return 'a child of another block'
  if (certificate.blockId !== blockIdOf(child) || certificate.view !== child.view)
    return 'a certificate of another block'
  // The commit rule (DESIGN.md section 3): a certified child one view above makes its parent final.
  if (certificate.parentId !== blockId || certificate.parentView !== header.view || child.view !== header.view + 1)
    return 'a certificate that does not commit the block'
  const leaves = header.height - context.initialHeight + 1
  if (chainPeaks.length !== onesIn(leaves) || peaksRoot(chainPeaks, leaves) !== child.chainRoot)
    return 'peaks of another chain'
  return undefined
}

/** Like node/ingress.ts for a fetched block: the certificate covers its content, one signature is left to check. */
export function checkTip(
  { proposal, receipts }: Tip,
  { child }: Anchor,
  context: AnchorContext & { readonly verifySignature?: typeof verifyEd25519 },
): { readonly block: Block } | { readonly problem: string } {
  const block: Block = { id: blockIdOf(proposal.header), proposal }
  if (block.id !== child.parentId) return { problem: 'the tip of another snapshot' }
  const rejection = checkProposal(proposal, context)
  if (rejection !== undefined) return { problem: `a tip with a wrong ${rejection.kind}` }
  const { epoch, view, proposer } = proposal.header
  const preimage = proposalPreimage(context.genesisHash, epoch, view, block.id)
  const verify = context.verifySignature ?? verifyEd25519
  if (!verify(context.validators.get(proposer).nodeKey, preimage, proposal.signature))
    return { problem: 'a tip its proposer did not sign' }
  if (merkleRoot(receipts) !== child.receiptsRoot) return { problem: 'receipts of another block' }
  return { block }
}

export function writeAnchor(writer: Writer, { header, child, certificate, chainPeaks }: Anchor): void {
  writeHeader(writer, header)
  writeHeader(writer, child)
  writeQC(writer, certificate)
  writer.list(chainPeaks, (w, peak) => w.hash(peak))
}

export function readAnchor(reader: Reader, limits: WireLimits): Anchor {
  return {
    header: readHeader(reader),
    child: readHeader(reader),
    certificate: readQC(reader, limits),
    chainPeaks: reader.list(PEAKS_MAX, (r) => r.hash()),
  }
}

export function encodeAnchors(anchors: readonly Anchor[]): Uint8Array {
  return new Writer(4 + anchors.length * (2 * HEADER_BYTES + 2_048)).list(anchors, writeAnchor).finish()
}

export function decodeAnchors(bytes: Uint8Array, limits: WireLimits): Decoded<readonly Anchor[]> {
  return decode(bytes, (reader) => reader.list(ANCHORS_MAX, (r) => readAnchor(r, limits)))
}

export function encodeTip({ proposal, receipts }: Tip): Uint8Array {
  const receiptBytes = receipts.reduce((sum, receipt) => sum + 4 + receipt.length, 4)
  const writer = new Writer(proposalBytes(proposal) + receiptBytes)
  writeProposal(writer, proposal)
  return writer.list(receipts, (w, receipt) => w.bytes(receipt)).finish()
}

export function decodeTip(bytes: Uint8Array, limits: WireLimits): Decoded<Tip> {
  return decode(bytes, (reader) => ({
    proposal: readProposal(reader, limits),
    // One receipt more than transactions: the last is for block effects (FORMATS.md, 7).
    receipts: reader.list(limits.itemsMax + 1, (r) => new Uint8Array(r.bytes(BLOCK_RESPONSE_BYTES_MAX))),
  }))
}

function onesIn(count: number): number {
  return [...count.toString(2)].filter((digit) => digit === '1').length
}
