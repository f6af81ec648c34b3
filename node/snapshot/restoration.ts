// One snapshot being put together: which ranges are written, which come next, and the record its chain begins with.
// The state's keys are hashes, so equal parts of their space hold about equally much and can be fetched side by side.
// Checks every range against the certified root before it is written. Owns the encoding of its progress; asks nobody.

import type { Block } from '../../consensus/types.ts'
import type { WireLimits } from '../../consensus/wire.ts'
import { assert } from '../../crypto/assert.ts'
import type { Hash } from '../../crypto/bytes.ts'
import { type Decoded, DecodeError, decode, Writer } from '../../crypto/codec.ts'
import type { Application, StateWrites } from '../../ledger/application.ts'
import { valueHashOf } from '../../ledger/state-proof.ts'
import { isFull, keyAfter, type StateRange, verifyRange } from '../../ledger/state-range.ts'
import { stateRoot, updateTree } from '../../ledger/state-tree.ts'
import type { CommitRecord, RestoreStore } from '../ports.ts'
import { type Anchor, decodeTip, encodeTip, type Place, placeOf, readAnchor, type Tip, writeAnchor } from './anchor.ts'

/** By the first hex digit of the key. */
export const PARTS = 16
/** Of a tip in a basis: more than one frame carries. */
const TIP_BYTES_MAX = 64 * 1024 * 1024

export interface Basis {
  readonly anchor: Anchor
  readonly tip: Tip
}

export interface RestorationProgress {
  /** Key from which on a part is not written yet; undefined: it is whole. */
  readonly parts: readonly (Hash | undefined)[]
  /** Entries written. */
  readonly entries: number
}

/** First and last key of a part. */
export function boundsOf(part: number): { readonly from: Hash; readonly to: Hash } {
  const digit = part.toString(16)
  return { from: digit.padEnd(64, '0') as Hash, to: digit.padEnd(64, 'f') as Hash }
}

const NOTHING: RestorationProgress = {
  parts: Array.from({ length: PARTS }, (_, part) => boundsOf(part).from),
  entries: 0,
}

/** What is wrong with a range that was answered for one of this part; undefined when nothing is. */
export function checkRange(range: StateRange, root: Hash, from: Hash, part: number): string | undefined {
  const { to } = boundsOf(part)
  if (range.from !== from || range.to > to) return 'a range that was not asked for'
  if (range.to !== to && !isFull(range.entries)) return 'a range in crumbs'
  return verifyRange(root, range) ? undefined : 'a range that is not the state'
}

export class Restoration {
  readonly basis: Basis
  readonly place: Place
  readonly #store: RestoreStore
  #progress: RestorationProgress

  private constructor(store: RestoreStore, basis: Basis, progress: RestorationProgress) {
    this.#store = store
    this.basis = basis
    this.place = placeOf(basis.anchor)
    this.#progress = progress
  }

  /** @param basis checked */
  static async begin(store: RestoreStore, basis: Basis): Promise<Restoration> {
    await store.begin(encodeBasis(basis), encodeProgress(NOTHING))
    return new Restoration(store, basis, NOTHING)
  }

  /** What an earlier life began; undefined when it began nothing, or what it left does not read. Its basis is not checked. */
  static async resume(store: RestoreStore, limits: WireLimits): Promise<Restoration | undefined> {
    const begun = await store.begun()
    if (begun === undefined) return undefined
    const basis = decodeBasis(begun.basis, limits)
    const progress = decode(begun.progress, (reader): RestorationProgress => {
      const entries = reader.u64()
      const parts = reader.list(PARTS, (r) => r.optional((key) => key.hash()))
      if (parts.length !== PARTS) throw new DecodeError(`${parts.length} parts`)
      return { entries, parts }
    })
    return basis.ok && progress.ok ? new Restoration(store, basis.value, progress.value) : undefined
  }

  get progress(): RestorationProgress {
    return this.#progress
  }

  get isWhole(): boolean {
    return this.#progress.parts.every((next) => next === undefined)
  }

  /** Of the whole, from 0 to 1: how much of the key space is written. */
  get share(): number {
    const shares = this.#progress.parts.map((next, part) => {
      if (next === undefined) return 1
      const { from } = boundsOf(part)
      return (Number.parseInt(next.slice(0, 9), 16) - Number.parseInt(from.slice(0, 9), 16)) / 2 ** 32
    })
    return shares.reduce((sum, share) => sum + share, 0) / PARTS
  }

  /** Writes a checked range; ranges of one part come in order, one call at a time. */
  async write(range: StateRange, part: number): Promise<void> {
    assert(this.#progress.parts[part] === range.from, 'the ranges of a part follow one another')
    const changes = range.entries.map(({ key, value }) => ({ key, valueHash: valueHashOf(value) }))
    const values = new Map(range.entries.map(({ key, value }) => [key, value]))
    const { nodes } = updateTree(this.#store.state(), changes)
    const next = range.to === boundsOf(part).to ? undefined : keyAfter(range.to)
    const entries = this.#progress.entries + range.entries.length
    const progress = { entries, parts: this.#progress.parts.with(part, next) }
    await this.#store.write({ values, nodes }, encodeProgress(progress))
    this.#progress = progress
  }

  /** Whether what is written is the state that was certified: so unless the disk lost some of it. */
  isRight(): boolean {
    return stateRoot(this.#store.state()) === this.place.stateRoot
  }

  /** The chain begins here. @param block that of the tip */
  async finish(block: Block, app: Pick<Application, 'decode'>): Promise<void> {
    assert(this.isWhole && this.isRight(), 'a snapshot is whole before it becomes a chain')
    const { anchor, tip } = this.basis
    const transactionIds = block.proposal.payload.items.map((item) => {
      const decoded = app.decode(item)
      assert(decoded.ok, 'a certified block holds transactions')
      return decoded.value.id
    })
    const record: CommitRecord = {
      block,
      writes: NO_WRITES,
      receipts: tip.receipts,
      transactionIds,
      stateRoot: this.place.stateRoot,
      receiptsRoot: anchor.child.receiptsRoot,
      chainPeaks: anchor.chainPeaks,
    }
    await this.#store.finish(record, anchor.certificate)
  }
}

const NO_WRITES: StateWrites = { values: new Map(), nodes: new Map() }

export function encodeBasis({ anchor, tip }: Basis): Uint8Array {
  const writer = new Writer()
  writeAnchor(writer, anchor)
  return writer.bytes(encodeTip(tip)).finish()
}

export function decodeBasis(bytes: Uint8Array, limits: WireLimits): Decoded<Basis> {
  return decode(bytes, (reader) => {
    const anchor = readAnchor(reader, limits)
    const tip = decodeTip(reader.bytes(TIP_BYTES_MAX), limits)
    if (!tip.ok) throw new DecodeError(tip.detail)
    return { anchor, tip: tip.value }
  })
}

function encodeProgress({ entries, parts }: RestorationProgress): Uint8Array {
  return new Writer()
    .u64(entries)
    .list(parts, (writer, next) => writer.optional(next, (w, key) => w.hash(key)))
    .finish()
}
