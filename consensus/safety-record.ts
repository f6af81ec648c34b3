// The stored form of the safety state, and what its numbers must obey from one save to the next.
// Owns bytes and invariants only: where they are kept and when they are durable is node/storage/safety-store.ts.
// Source: DESIGN.md section 3, "Persist before send"; the invariants are those of SafetyState (types.ts).

import { type Decoded, DecodeError, decode, type Reader, Writer } from '../crypto/codec.ts'
import type { BlockId, Epoch, SafetyState, UnsignedTimeout, UnsignedVote, ValidatorIndex, View } from './types.ts'
import { certificateBytes, readQC, readTC, type WireLimits, writeQC, writeTC } from './wire.ts'

const SAFETY_FORMAT = 1
/** Everything but the certificates: two votes of 90 bytes, the numbers, ids and presence flags. */
const FIXED_BYTES_MAX = 320

export function encodeSafety(safety: SafetyState): Uint8Array {
  const { highQC, lastTC, lastTimeout } = safety
  const timeoutBytes = lastTimeout === undefined ? 0 : certificateBytes(lastTimeout.highQC, lastTimeout.lastTC)
  const writer = new Writer(FIXED_BYTES_MAX + certificateBytes(highQC, lastTC) + timeoutBytes)
  writer.u16(SAFETY_FORMAT).u64(safety.epoch)
  writer.u64(safety.lastVotedView).optional(safety.lastVote, writeUnsignedVote)
  writer.u64(safety.highestTimeoutView).optional(safety.lastTimeout, writeUnsignedTimeout)
  writer.u64(safety.lockedView)
  writeQC(writer, safety.highQC)
  writer.optional(safety.lastTC, writeTC)
  writer.optional(safety.lastProposal, (w, last) => w.u64(last.view).hash(last.blockId))
  return writer.finish()
}

/** Refuses bytes whose numbers break the invariants of SafetyState, whatever wrote them. */
export function decodeSafety(bytes: Uint8Array, limits: WireLimits): Decoded<SafetyState> {
  return decode(bytes, (reader) => {
    const format = reader.u16()
    if (format !== SAFETY_FORMAT) throw new DecodeError(`safety format ${format} is not ${SAFETY_FORMAT}`)
    const safety = readSafety(reader, limits)
    const broken = brokenInvariant(safety)
    if (broken !== undefined) throw new DecodeError(broken)
    return safety
  })
}

function readSafety(reader: Reader, limits: WireLimits): SafetyState {
  const epoch = reader.u64() as Epoch
  const lastVotedView = reader.u64() as View
  const lastVote = reader.optional(readUnsignedVote)
  const highestTimeoutView = reader.u64() as View
  const lastTimeout = reader.optional((r) => readUnsignedTimeout(r, limits))
  const lockedView = reader.u64() as View
  const highQC = readQC(reader, limits)
  const lastTC = reader.optional((r) => readTC(r, limits))
  const lastProposal = reader.optional((r) => ({ view: r.u64() as View, blockId: r.hash() as BlockId }))
  return {
    epoch,
    lastVotedView,
    ...(lastVote && { lastVote }),
    highestTimeoutView,
    ...(lastTimeout && { lastTimeout }),
    lockedView,
    highQC,
    ...(lastTC && { lastTC }),
    ...(lastProposal && { lastProposal }),
  }
}

function writeUnsignedVote(writer: Writer, vote: UnsignedVote): void {
  writer.u64(vote.epoch).u64(vote.view).hash(vote.blockId).u64(vote.parentView).hash(vote.parentId).u16(vote.signer)
}

function readUnsignedVote(reader: Reader): UnsignedVote {
  return {
    epoch: reader.u64() as Epoch,
    view: reader.u64() as View,
    blockId: reader.hash() as BlockId,
    parentView: reader.u64() as View,
    parentId: reader.hash() as BlockId,
    signer: reader.u16() as ValidatorIndex,
  }
}

function writeUnsignedTimeout(writer: Writer, timeout: UnsignedTimeout): void {
  writer.u64(timeout.epoch).u64(timeout.view)
  writeQC(writer, timeout.highQC)
  writer.optional(timeout.lastTC, writeTC).optional(timeout.vote, writeUnsignedVote).u16(timeout.signer)
}

function readUnsignedTimeout(reader: Reader, limits: WireLimits): UnsignedTimeout {
  const epoch = reader.u64() as Epoch
  const view = reader.u64() as View
  const highQC = readQC(reader, limits)
  const lastTC = reader.optional((r) => readTC(r, limits))
  const vote = reader.optional(readUnsignedVote)
  const signer = reader.u16() as ValidatorIndex
  return { epoch, view, highQC, ...(lastTC && { lastTC }), ...(vote && { vote }), signer }
}

/** The first invariant of SafetyState that does not hold, as a sentence; undefined when all do. */
export function brokenInvariant(safety: SafetyState): string | undefined {
  const { lastVote, lastTimeout } = safety
  if ((lastVote?.view ?? 0) !== safety.lastVotedView) return 'lastVote is not of lastVotedView'
  if ((lastTimeout?.view ?? 0) !== safety.highestTimeoutView) return 'lastTimeout is not of highestTimeoutView'
  if (safety.highQC.view < safety.lockedView) return 'highQC is below lockedView'
  const epochs = [lastVote?.epoch, lastTimeout?.epoch, safety.highQC.epoch, safety.lastTC?.epoch]
  if (epochs.some((epoch) => epoch !== undefined && epoch !== safety.epoch)) return 'a part is of another epoch'
  return undefined
}

/**
 * What `next` would unsay of `before`, as a sentence; undefined when it may follow. Within an epoch no number falls, and
 * what was signed in a view stays what it was: one vote, one proposal, one reported highQC view (PITFALLS 1-6, 37).
 */
export function brokenAdvance(before: SafetyState, next: SafetyState): string | undefined {
  if (next.epoch !== before.epoch) return next.epoch < before.epoch ? 'the epoch fell' : undefined
  if (next.lastVotedView < before.lastVotedView) return 'lastVotedView fell'
  if (next.highestTimeoutView < before.highestTimeoutView) return 'highestTimeoutView fell'
  if (next.lockedView < before.lockedView) return 'lockedView fell'
  if (next.highQC.view < before.highQC.view) return 'highQC fell'
  if ((next.lastTC?.view ?? 0) < (before.lastTC?.view ?? 0)) return 'lastTC fell'
  if ((next.lastProposal?.view ?? 0) < (before.lastProposal?.view ?? 0)) return 'lastProposal fell'
  if (next.lastVotedView === before.lastVotedView && !isSameVote(before.lastVote, next.lastVote)) {
    return 'a second vote in one view'
  }
  if (
    next.highestTimeoutView === before.highestTimeoutView &&
    next.lastTimeout?.highQC.view !== before.lastTimeout?.highQC.view
  ) {
    return 'a second timeout in one view'
  }
  if (
    next.lastProposal?.view === before.lastProposal?.view &&
    next.lastProposal?.blockId !== before.lastProposal?.blockId
  ) {
    return 'a second proposal in one view'
  }
  return undefined
}

/** Compares what the signature covers. */
function isSameVote(a: UnsignedVote | undefined, b: UnsignedVote | undefined): boolean {
  return a?.blockId === b?.blockId && a?.parentView === b?.parentView && a?.parentId === b?.parentId
}

/**
 * What covers both: of each part the one of the higher view, so that nothing either says is unsaid. A conflict, as a sentence,
 * when both signed one view and said different things there: a key that has signed twice.
 */
export function joinSafety(a: SafetyState, b: SafetyState): SafetyState | { readonly conflict: string } {
  if (a.epoch !== b.epoch) return a.epoch > b.epoch ? a : b
  const [voted, timedOut] = [
    a.lastVotedView >= b.lastVotedView ? a : b,
    a.highestTimeoutView >= b.highestTimeoutView ? a : b,
  ]
  const lastTC = (a.lastTC?.view ?? 0) >= (b.lastTC?.view ?? 0) ? a.lastTC : b.lastTC
  const lastProposal = (a.lastProposal?.view ?? 0) >= (b.lastProposal?.view ?? 0) ? a.lastProposal : b.lastProposal
  const joined: SafetyState = {
    epoch: a.epoch,
    lastVotedView: voted.lastVotedView,
    ...(voted.lastVote && { lastVote: voted.lastVote }),
    highestTimeoutView: timedOut.highestTimeoutView,
    ...(timedOut.lastTimeout && { lastTimeout: timedOut.lastTimeout }),
    lockedView: a.lockedView >= b.lockedView ? a.lockedView : b.lockedView,
    highQC: a.highQC.view >= b.highQC.view ? a.highQC : b.highQC,
    ...(lastTC && { lastTC }),
    ...(lastProposal && { lastProposal }),
  }
  const conflict = brokenAdvance(a, joined) ?? brokenAdvance(b, joined)
  return conflict === undefined ? joined : { conflict }
}
