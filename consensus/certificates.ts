// What a QC and a TC must prove, and how they are formed. Asynchronous, because BLS is: nothing else in consensus may be.
// Cheap checks first and weight before any signature (PITFALLS.md, rows 21 and 39); certificates that were verified are
// remembered by the hash of their whole bytes. Never decides what to do with a certificate or with a culprit.

import { assert } from '../crypto/assert.ts'
import type { Bls } from '../crypto/bls.ts'
import { equalBytes, type Hash, ZERO_HASH } from '../crypto/bytes.ts'
import { bitmapBytes, bitmapIndices, bitmapOf } from './bitmap.ts'
import { certificateHash, isSameVote, timeoutPreimage, votePreimage } from './preimages.ts'
import type { BlockId, Epoch, GenesisHash, QC, TC, Timeout, ValidatorIndex, Verified, View, Vote } from './types.ts'
import type { ValidatorSet } from './validators.ts'
import { BLS_SIGNATURE_BYTES, encodeQC } from './wire.ts'

/** Verified certificates remembered; the oldest go first. Honest traffic needs a few per view. */
export const VERIFIED_CERTIFICATES_MAX = 1_024
/** Verifications asked for from outside that are under way at once, each of a different certificate; one more is `busy`. */
export const CERTIFICATES_IN_FLIGHT_MAX = 256

export type CertificateRejection =
  | { readonly kind: 'wrong-epoch'; readonly expected: Epoch; readonly got: Epoch }
  /** Wrong length or padding bits set. */
  | { readonly kind: 'bad-bitmap' }
  | { readonly kind: 'below-quorum'; readonly quorum: number; readonly power: number }
  /** Views that contradict each other: a parent not below its child, highQcViews that do not fit. */
  | { readonly kind: 'bad-views' }
  /** Of view 0 and not byte for byte the epoch's root QC. */
  | { readonly kind: 'not-root' }
  | { readonly kind: 'bad-signature' }
  /** Says nothing about the certificate or who sent it: too many are being verified. */
  | { readonly kind: 'busy' }

export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly rejection: CertificateRejection }

export type FormedQC =
  | { readonly kind: 'formed'; readonly qc: Verified<QC> }
  | { readonly kind: 'refuted'; readonly culprits: readonly ValidatorIndex[] }

export type FormedTC =
  | { readonly kind: 'formed'; readonly tc: Verified<TC> }
  | { readonly kind: 'refuted'; readonly culprits: readonly ValidatorIndex[] }

/**
 * The QC every epoch begins from, signed by nobody (FORMATS.md, 4).
 * @param blockId the last block of the epoch before, or the genesis block.
 * @param size number of validators.
 */
export function rootQC(epoch: Epoch, blockId: BlockId, size: number): QC {
  return {
    epoch,
    view: 0 as View,
    blockId,
    parentView: 0 as View,
    parentId: ZERO_HASH as BlockId,
    signers: new Uint8Array(bitmapBytes(size)),
    signature: new Uint8Array(BLS_SIGNATURE_BYTES),
  }
}

/** Byte equality is all that makes a root QC valid. */
export function isRootQC(qc: QC, root: QC): boolean {
  return equalBytes(encodeQC(qc), encodeQC(root))
}

export interface CertificateDeps {
  readonly bls: Bls
  readonly genesisHash: GenesisHash
  readonly validators: ValidatorSet
  readonly rootQC: QC
}

export class CertificateVerifier {
  readonly #deps: CertificateDeps
  /** Insertion order is age. */
  readonly #verified = new Set<Hash>()
  /** Bound: CERTIFICATES_IN_FLIGHT_MAX, the highQC of each TC among them, and what is being formed. */
  readonly #inFlight = new Map<Hash, Promise<CertificateRejection | undefined>>()

  constructor(deps: CertificateDeps) {
    this.#deps = deps
  }

  async verifyQC(qc: QC): Promise<Result<Verified<QC>>> {
    return result(qc, await this.#once(qc, CERTIFICATES_IN_FLIGHT_MAX))
  }

  /** Every field of it, its highQC included (PITFALLS.md, row 8). */
  async verifyTC(tc: TC): Promise<Result<Verified<TC>>> {
    return result(tc, await this.#once(tc, CERTIFICATES_IN_FLIGHT_MAX))
  }

  /** Whether the signer is one of ours and signed it: for evidence and culprits, never on the way to a certificate. */
  async verifyVoteSignature(vote: Vote): Promise<boolean> {
    const { bls, genesisHash, validators } = this.#deps
    if (!validators.has(vote.signer)) return false
    return await bls.verify(validators.get(vote.signer).blsKey, votePreimage(genesisHash, vote), vote.signature)
  }

  /** As for a vote. Covers epoch, view and highQC.view; the certificates inside are checked apart. */
  async verifyTimeoutSignature(timeout: Timeout): Promise<boolean> {
    const { bls, genesisHash, validators } = this.#deps
    if (!validators.has(timeout.signer)) return false
    const { epoch, view, highQC, signature } = timeout
    const preimage = timeoutPreimage(genesisHash, { epoch, view, highQcView: highQC.view })
    return await bls.verify(validators.get(timeout.signer).blsKey, preimage, signature)
  }

  /**
   * Aggregates and verifies exactly what it publishes; only when that fails, one by one (PITFALLS.md, rows 22 and 23).
   * @param votes a quorum of distinct signers of this epoch who say the same: the collector's to ensure.
   */
  async formQC(votes: readonly Vote[]): Promise<FormedQC> {
    const sorted = votes.toSorted((a, b) => a.signer - b.signer)
    const [first] = sorted
    assert(first !== undefined && sorted.every((vote) => isSameVote(vote, first)), 'votes for one QC say the same')
    const signers = this.#quorumOf(sorted, first.epoch)
    const signature = await this.#deps.bls.aggregate(sorted.map((vote) => vote.signature))
    if (signature !== undefined) {
      const { epoch, view, blockId, parentView, parentId } = first
      const qc = { epoch, view, blockId, parentView, parentId, signers, signature }
      const verified = result<QC>(qc, await this.#once(qc))
      if (verified.ok) return { kind: 'formed', qc: verified.value }
      assert(verified.rejection.kind === 'bad-signature', `votes formed a QC that is ${verified.rejection.kind}`)
    }
    return { kind: 'refuted', culprits: await culpritsOf(sorted, (vote) => this.verifyVoteSignature(vote)) }
  }

  /**
   * As `formQC`; the TC carries the highest QC among the timeouts.
   * @param timeouts a quorum of distinct signers giving up on one view of this epoch, each highQC below that view.
   */
  async formTC(timeouts: readonly Timeout[]): Promise<FormedTC> {
    const sorted = timeouts.toSorted((a, b) => a.signer - b.signer)
    const [first] = sorted
    assert(first !== undefined && sorted.every((timeout) => timeout.view === first.view), 'timeouts are of one view')
    const signers = this.#quorumOf(sorted, first.epoch)
    const highest = sorted.reduce((a, b) => (b.highQC.view > a.highQC.view ? b : a))
    if ((await this.#once(highest.highQC)) !== undefined) return { kind: 'refuted', culprits: [highest.signer] }
    const signature = await this.#deps.bls.aggregate(sorted.map((timeout) => timeout.signature))
    if (signature !== undefined) {
      const { epoch, view } = first
      const highQcViews = sorted.map((timeout) => timeout.highQC.view)
      const tc = { epoch, view, signers, highQcViews, highQC: highest.highQC, signature }
      const verified = result<TC>(tc, await this.#once(tc))
      if (verified.ok) return { kind: 'formed', tc: verified.value }
      assert(verified.rejection.kind === 'bad-signature', `timeouts formed a TC that is ${verified.rejection.kind}`)
    }
    return { kind: 'refuted', culprits: await culpritsOf(sorted, (timeout) => this.verifyTimeoutSignature(timeout)) }
  }

  /** The bitmap of the signers of what is about to be aggregated. */
  #quorumOf(messages: readonly { readonly signer: ValidatorIndex; readonly epoch: Epoch }[], epoch: Epoch): Uint8Array {
    const { validators } = this.#deps
    const signers = messages.map((message) => message.signer)
    assert(
      messages.every((message) => message.epoch === epoch) && epoch === validators.epoch,
      'messages for a certificate are of this epoch',
    )
    assert(new Set(signers).size === signers.length, 'a signer counts once')
    assert(validators.powerOf(signers) >= validators.quorum, 'a certificate takes a quorum')
    return bitmapOf(signers, validators.size)
  }

  /** One verification per certificate, however many ask, and none for those verified before. */
  async #once(certificate: QC | TC, inFlightMax = Number.POSITIVE_INFINITY): Promise<CertificateRejection | undefined> {
    const key = certificateHash(certificate)
    if (this.#verified.has(key)) return undefined
    const under = this.#inFlight.get(key)
    if (under !== undefined) return await under
    if (this.#inFlight.size >= inFlightMax) return { kind: 'busy' }
    const checking = 'highQC' in certificate ? this.#checkTC(certificate) : this.#checkQC(certificate)
    this.#inFlight.set(key, checking)
    try {
      const rejection = await checking
      if (rejection === undefined) this.#remember(key)
      return rejection
    } finally {
      this.#inFlight.delete(key)
    }
  }

  #remember(key: Hash): void {
    this.#verified.add(key)
    if (this.#verified.size <= VERIFIED_CERTIFICATES_MAX) return
    for (const oldest of this.#verified) {
      this.#verified.delete(oldest)
      return
    }
  }

  async #checkQC(qc: QC): Promise<CertificateRejection | undefined> {
    const { bls, genesisHash, validators, rootQC: root } = this.#deps
    if (qc.epoch !== validators.epoch) return { kind: 'wrong-epoch', expected: validators.epoch, got: qc.epoch }
    if (qc.view === 0) return isRootQC(qc, root) ? undefined : { kind: 'not-root' }
    const signers = this.#weigh(qc.signers)
    if ('kind' in signers) return signers
    if (qc.parentView >= qc.view) return { kind: 'bad-views' }
    const keys = signers.map((signer) => validators.get(signer).blsKey)
    const valid = await bls.verifyAggregate(keys, votePreimage(genesisHash, qc), qc.signature)
    return valid ? undefined : { kind: 'bad-signature' }
  }

  async #checkTC(tc: TC): Promise<CertificateRejection | undefined> {
    const { bls, genesisHash, validators } = this.#deps
    const { epoch, view, highQcViews, highQC } = tc
    if (epoch !== validators.epoch) return { kind: 'wrong-epoch', expected: validators.epoch, got: epoch }
    const signers = this.#weigh(tc.signers)
    if ('kind' in signers) return signers
    if (highQcViews.length !== signers.length) return { kind: 'bad-views' }
    if (!highQcViews.every((highQcView) => highQcView < view)) return { kind: 'bad-views' }
    if (highestOf(highQcViews) !== highQC.view) return { kind: 'bad-views' }
    const rejection = await this.#once(highQC)
    if (rejection !== undefined) return rejection
    // Signers with the same highQcView signed the same message: one pairing each for as many messages as there are.
    const keysByView = new Map<View, Uint8Array[]>()
    for (const [at, highQcView] of highQcViews.entries()) {
      const signer = signers[at]
      assert(signer !== undefined, 'as many signers as highQcViews')
      const keys = keysByView.get(highQcView) ?? []
      keys.push(validators.get(signer).blsKey)
      keysByView.set(highQcView, keys)
    }
    const groups = [...keysByView].map(([highQcView, publicKeys]) => ({
      publicKeys,
      message: timeoutPreimage(genesisHash, { epoch, view, highQcView }),
    }))
    return (await bls.verifyAggregateGroups(groups, tc.signature)) ? undefined : { kind: 'bad-signature' }
  }

  /** The signers if they are a quorum: before any signature, so that an empty set never meets an infinity point. */
  #weigh(bitmap: Uint8Array): ValidatorIndex[] | CertificateRejection {
    const { validators } = this.#deps
    const signers = bitmapIndices(bitmap, validators.size)
    if (signers === undefined) return { kind: 'bad-bitmap' }
    const power = validators.powerOf(signers)
    return power >= validators.quorum ? signers : { kind: 'below-quorum', quorum: validators.quorum, power }
  }
}

/** Undefined of none. */
function highestOf(views: readonly View[]): View | undefined {
  let highest: View | undefined
  for (const view of views) if (highest === undefined || view > highest) highest = view
  return highest
}

function result<T>(certificate: T, rejection: CertificateRejection | undefined): Result<Verified<T>> {
  return rejection === undefined ? { ok: true, value: certificate as Verified<T> } : { ok: false, rejection }
}

/** Those whose own signature does not verify. Valid ones always aggregate to a valid one, so there are some. */
async function culpritsOf<T extends { readonly signer: ValidatorIndex }>(
  messages: readonly T[],
  isSigned: (message: T) => Promise<boolean>,
): Promise<ValidatorIndex[]> {
  const culprits: ValidatorIndex[] = []
  for (const message of messages) if (!(await isSigned(message))) culprits.push(message.signer)
  assert(culprits.length > 0, 'an aggregate of valid signatures did not verify')
  return culprits
}
