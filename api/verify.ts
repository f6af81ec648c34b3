// Checks what a node answers with nothing but the genesis file: that a block is final, that a transaction and its receipt are in
// it, that an account had a balance after it or was never touched. Pure: no socket, no disk, no clock, so it runs anywhere.
// A lie is a returned value. Whether an answer is recent is the caller's to judge: the verified height says how old it is.

import { bitmapIndices } from '../consensus/bitmap.ts'
import { type CertificateRejection, CertificateVerifier } from '../consensus/certificates.ts'
import { payloadRootFrom } from '../consensus/preimages.ts'
import { PAYLOAD_TRANSACTIONS } from '../consensus/proposal-check.ts'
import type { BlockId, EpochConfig, GenesisHash, Header, Height, QC, ValidatorIndex } from '../consensus/types.ts'
import { createValidatorSet, type ValidatorSet } from '../consensus/validators.ts'
import { blockIdOf } from '../consensus/wire.ts'
import { assert } from '../crypto/assert.ts'
import type { Bls } from '../crypto/bls.ts'
import type { Hash } from '../crypto/bytes.ts'
import { verifyMerkleProof } from '../crypto/merkle.ts'
import { type Account, accountKey, decodeAccount, EMPTY_ACCOUNT } from '../ledger/account.ts'
import { decodeReceipt, RECEIPT_TRANSACTION, type Receipt } from '../ledger/receipt.ts'
import { verifyStateProof } from '../ledger/state-proof.ts'
import { type ParsedTransaction, parseTransaction } from '../ledger/transaction.ts'
import {
  type AccountProof,
  type CertificateProof,
  FINALITY_HEADERS_MAX,
  type FinalityProof,
  type TransactionProof,
} from './proofs.ts'

/** What a parsed genesis file gives (genesis/genesis.ts). */
export interface TrustedGenesis {
  readonly genesisHash: GenesisHash
  readonly initialHeight: Height
  readonly validators: EpochConfig
  readonly block: { readonly id: BlockId }
  readonly rootQC: QC
}

/** All that has to be believed. Keep it: certificates that were verified once cost nothing the second time. */
export interface Trust {
  readonly genesisHash: GenesisHash
  readonly initialHeight: Height
  readonly genesisId: BlockId
  readonly validators: ValidatorSet
  readonly certificates: Pick<CertificateVerifier, 'verifyQC'>
}

/** What is wrong with a proof. */
export type ProofRejection =
  /** Fewer than two headers, or more than any node could need. */
  | { readonly kind: 'wrong-length'; readonly got: number; readonly max: number }
  | { readonly kind: 'wrong-chain' }
  | { readonly kind: 'wrong-validators' }
  /** A header does not follow the one before it. */
  | { readonly kind: 'not-linked'; readonly index: number }
  /** The certificate is not of the last header, or not one view above its parent. */
  | { readonly kind: 'not-final' }
  | { readonly kind: 'bad-certificate'; readonly rejection: CertificateRejection }
  /** Proved, but something else than what was asked about. */
  | { readonly kind: 'wrong-block' | 'wrong-transaction' | 'wrong-receipt' | 'wrong-account' }
  | { readonly kind: 'transaction-not-included' | 'receipt-not-included' | 'account-not-proved' }

export type Verdict<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly rejection: ProofRejection }

export interface FinalBlock {
  readonly id: BlockId
  readonly header: Header
  /** Certified, and so trusted for the roots it states of the block. */
  readonly child: Header
}

export interface CertifiedBlock extends FinalBlock {
  /** Who signed the certificate of the block itself: nobody for the genesis block. */
  readonly signers: readonly ValidatorIndex[]
  /** Their voting power. */
  readonly power: number
}

export interface ProvedTransaction {
  readonly block: FinalBlock
  readonly index: number
  readonly parsed: ParsedTransaction
  readonly receipt: Receipt
}

export interface ProvedAccount {
  /** The account is as it was after this block. */
  readonly block: FinalBlock
  readonly account: Account
  /** False: the address was never touched, and everything in `account` is zero. */
  readonly exists: boolean
}

export function trustGenesis(genesis: TrustedGenesis, bls: Bls): Trust {
  const { genesisHash, initialHeight, rootQC } = genesis
  const validators = createValidatorSet(genesis.validators)
  const certificates = new CertificateVerifier({ bls, genesisHash, validators, rootQC })
  return { genesisHash, initialHeight, genesisId: genesis.block.id, validators, certificates }
}

/**
 * That the first header's block is final (DESIGN.md section 3, commit rule): a certified block one view above its parent makes
 * the parent final, and with it every ancestor. Cheap checks come before the one signature.
 */
export async function verifyFinality(trust: Trust, proof: FinalityProof): Promise<Verdict<FinalBlock>> {
  const { headers, certificate } = proof
  if (headers.length < 2 || headers.length > FINALITY_HEADERS_MAX) {
    return refuse({ kind: 'wrong-length', got: headers.length, max: FINALITY_HEADERS_MAX })
  }
  let parent: { readonly id: BlockId; readonly header: Header } | undefined
  let last: { readonly id: BlockId; readonly header: Header } | undefined
  for (const [index, header] of headers.entries()) {
    if (header.genesisHash !== trust.genesisHash) return refuse({ kind: 'wrong-chain' })
    if (header.epochHash !== trust.validators.epochHash) return refuse({ kind: 'wrong-validators' })
    parent = last
    if (parent !== undefined && (header.parentId !== parent.id || header.height !== parent.header.height + 1)) {
      return refuse({ kind: 'not-linked', index })
    }
    last = { id: blockIdOf(header), header }
  }
  const [header, child] = headers
  assert(parent !== undefined && last !== undefined && header !== undefined && child !== undefined, 'two at least')
  const isOfLast = certificate.blockId === last.id && certificate.view === last.header.view
  const isOfParent = certificate.parentId === parent.id && certificate.parentView === parent.header.view
  if (!isOfLast || !isOfParent || certificate.view !== certificate.parentView + 1) return refuse({ kind: 'not-final' })
  const id = child.parentId
  if (header.height === trust.initialHeight && id !== trust.genesisId) return refuse({ kind: 'wrong-chain' })
  const verified = await trust.certificates.verifyQC(certificate)
  if (!verified.ok) return refuse({ kind: 'bad-certificate', rejection: verified.rejection })
  return { ok: true, value: { id, header, child } }
}

/** That the block with this id or at this height is final, and who certified it. */
export async function verifyCertificate(
  trust: Trust,
  block: BlockId | Height,
  { certificate, finality }: CertificateProof,
): Promise<Verdict<CertifiedBlock>> {
  const final = await verifyFinality(trust, finality)
  if (!final.ok) return final
  const { id, header } = final.value
  if (block !== id && block !== header.height) return refuse({ kind: 'wrong-block' })
  if (certificate.blockId !== id || certificate.view !== header.view) return refuse({ kind: 'wrong-block' })
  const verified = await trust.certificates.verifyQC(certificate)
  if (!verified.ok) return refuse({ kind: 'bad-certificate', rejection: verified.rejection })
  const signers = bitmapIndices(certificate.signers, trust.validators.size)
  assert(signers !== undefined, 'a verified certificate has a canonical bitmap')
  return { ok: true, value: { ...final.value, signers, power: trust.validators.powerOf(signers) } }
}

/** That the transaction with this id committed, and what became of it: its receipt stands at its own index. */
export async function verifyTransaction(
  trust: Trust,
  id: Hash,
  proof: TransactionProof,
): Promise<Verdict<ProvedTransaction>> {
  const { bytes, index, count, itemsRoot, path, receiptPath } = proof
  const parsed = parseTransaction(bytes)
  if (!parsed.ok || parsed.value.id !== id) return refuse({ kind: 'wrong-transaction' })
  const receipt = decodeReceipt(proof.receipt)
  if (!receipt.ok || receipt.value.type !== RECEIPT_TRANSACTION || receipt.value.transactionId !== id) {
    return refuse({ kind: 'wrong-receipt' })
  }
  const final = await verifyFinality(trust, proof.finality)
  if (!final.ok) return final
  const { header, child } = final.value
  const isPayload = payloadRootFrom(PAYLOAD_TRANSACTIONS, itemsRoot) === header.payloadRoot
  if (!isPayload || !verifyMerkleProof({ leaf: bytes, index, count, path, root: itemsRoot })) {
    return refuse({ kind: 'transaction-not-included' })
  }
  // Receipts stand in the order of the transactions, and the block's own effects come last (FORMATS.md, 7).
  const leaf = proof.receipt
  if (!verifyMerkleProof({ leaf, index, count: count + 1, path: receiptPath, root: child.receiptsRoot })) {
    return refuse({ kind: 'receipt-not-included' })
  }
  return { ok: true, value: { block: final.value, index, parsed: parsed.value, receipt: receipt.value } }
}

/** What the account of an address (40 hex digits) was after a final block, or that there was none. */
export async function verifyAccount(
  trust: Trust,
  address: string,
  { finality, value, state }: AccountProof,
): Promise<Verdict<ProvedAccount>> {
  const account = value === undefined ? { ok: true as const, value: EMPTY_ACCOUNT } : decodeAccount(value)
  if (!account.ok) return refuse({ kind: 'wrong-account' })
  const final = await verifyFinality(trust, finality)
  if (!final.ok) return final
  if (!verifyStateProof(final.value.child.stateRoot, accountKey(address), value, state)) {
    return refuse({ kind: 'account-not-proved' })
  }
  return { ok: true, value: { block: final.value, account: account.value, exists: value !== undefined } }
}

function refuse(rejection: ProofRejection): { readonly ok: false; readonly rejection: ProofRejection } {
  return { ok: false, rejection }
}
