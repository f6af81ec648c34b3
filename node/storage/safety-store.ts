// What a validator must never forget, in two slots written in turn: a crash while one is written leaves the other.
// Each generation is mirrored in the database before it counts as saved, so that an older copy of the files is noticed.
// In doubt it refuses to vote, and it never falls back to an older state. Source: PITFALLS.md, rows 2, 6, 35 and 37.

import { brokenAdvance, brokenInvariant, decodeSafety, encodeSafety } from '../../consensus/safety-record.ts'
import type { GenesisHash, SafetyState } from '../../consensus/types.ts'
import type { WireLimits } from '../../consensus/wire.ts'
import { assert } from '../../crypto/assert.ts'
import { equalBytes } from '../../crypto/bytes.ts'
import { NodeError } from '../fault.ts'
import type { SafetyStore } from '../ports.ts'
import { decodeSlot, encodeSlot, type Slot } from './safety-slot.ts'
import { type SlotFiles, type SlotIndex, slotFilesIn } from './slot-files.ts'

/** The database's copy of the newest generation, and whether there is a chain beside it. */
export interface SafetyMirror {
  read(): Uint8Array | undefined
  write(bytes: Uint8Array, sync: boolean): Promise<void>
  /** Nothing above genesis is committed or kept. */
  isChainEmpty(): boolean
}

/** Stable: why a node must not vote with this data directory. */
export type RefusalCode =
  /** A safety file is missing beside a chain, a mirror or the other file. */
  | 'safety-missing'
  /** Nothing is there at all, and nobody declared that the key never signed: a new directory, or one that was emptied. */
  | 'safety-uninitialized'
  /** No slot is whole, or the body or the mirror does not decode. */
  | 'safety-damaged'
  /** The files are older than their mirror: a stale copy was restored, or the newest slot was lost. */
  | 'safety-stale'
  /** Files and mirror say different things of one generation. */
  | 'safety-mirror-differs'
  /** `scoville safety export` handed the state over: the mirror is one generation ahead and says the same. */
  | 'safety-exported'
  /** What is saved was signed by another validator of the chain. */
  | 'safety-other-key'
  | 'safety-other-chain'
  | 'safety-format'

export interface SafetyRefusal {
  readonly kind: 'refuse'
  readonly code: RefusalCode
  /** A sentence for the operator. */
  readonly reason: string
}

/** What an operator can do; docs/OPERATIONS.md, "Damage", says more. */
export function adviceOnRefusal(code: RefusalCode): string {
  switch (code) {
    case 'safety-uninitialized':
      return '`scoville safety import` an export of this validator; or, only if this key never signed anything anywhere, stop the node and run `scoville safety init --never-signed` with an empty data directory'
    case 'safety-exported':
      return 'if no other node took it, `scoville safety import` that export here; otherwise leave this directory alone'
    case 'safety-other-key':
      return 'give this directory the key it belongs to, or the key its own directory'
    case 'safety-other-chain':
      return 'check the genesis file and the data directory'
    case 'safety-format':
      return 'use the version of the software that wrote it'
    default:
      return 'put back the original files if nothing was signed since, or `scoville safety import` an export of this validator; else it follows the chain for good'
  }
}

export interface OpenedSafetyStore extends SafetyStore {
  /** Waits for the save under way. */
  close(): Promise<void>
}

export type SafetyOpening =
  | { readonly kind: 'ok'; readonly store: OpenedSafetyStore; readonly safety?: SafetyState }
  | SafetyRefusal

/** Saves waiting or under way; the driver waits for each, so two would do. */
export const SAVES_PENDING_MAX = 16

/** Of files that were created and hold nothing yet. */
const FIRST_GENERATION = 1

/**
 * Opens the safety files in `dir`, which exists and is locked. Never creates them: an emptied directory is no new one.
 * @throws NodeError storage-unavailable or safety-write-failed
 */
export function openSafetyStore(
  dir: string,
  genesisHash: GenesisHash,
  mirror: SafetyMirror,
  limits: WireLimits,
  files: SlotFiles = slotFilesIn(dir),
): Promise<SafetyOpening> {
  return openOrClose(files, genesisHash, mirror, limits, false)
}

/**
 * As `openSafetyStore`, but makes the first ones where nothing is and the chain is empty: only for a key that never signed.
 * @throws NodeError storage-unavailable or safety-write-failed
 */
export function openFirstSafetyStore(
  dir: string,
  genesisHash: GenesisHash,
  mirror: SafetyMirror,
  limits: WireLimits,
  files: SlotFiles = slotFilesIn(dir),
): Promise<SafetyOpening> {
  return openOrClose(files, genesisHash, mirror, limits, true)
}

async function openOrClose(
  files: SlotFiles,
  genesisHash: GenesisHash,
  mirror: SafetyMirror,
  limits: WireLimits,
  isFirst: boolean,
): Promise<SafetyOpening> {
  try {
    const opening = await open(files, genesisHash, mirror, limits, isFirst)
    if (opening.kind === 'refuse') await files.close()
    return opening
  } catch (error) {
    await files.close()
    throw error
  }
}

async function open(
  files: SlotFiles,
  genesisHash: GenesisHash,
  mirror: SafetyMirror,
  limits: WireLimits,
  isFirst: boolean,
): Promise<SafetyOpening> {
  const examined = await examineSafety(files, genesisHash, mirror, limits)
  if (examined.kind === 'refuse') return examined
  if (examined.kind === 'new' && !isFirst) return UNINITIALIZED
  if (examined.kind === 'new') return { kind: 'ok', store: await createFiles(files, genesisHash, mirror) }
  const { slot, other, isOtherThere, safety } = examined
  const bytes = encodeSlot(genesisHash, slot.generation, slot.body)
  if (!isOtherThere) await files.create(other, bytes)
  await mirror.write(bytes, true)
  const store = new SlotSafetyStore({ files, genesisHash, mirror, generation: slot.generation, next: other, safety })
  return { kind: 'ok', store, ...(safety && { safety }) }
}

/** What a directory without any record proves by itself. Source: PITFALLS.md, row 6. */
export const UNINITIALIZED: SafetyRefusal = {
  kind: 'refuse',
  code: 'safety-uninitialized',
  reason: 'there is no record of what this key signed: the directory is new, or what it held was lost',
}

export type ExaminedSafety =
  /** Nothing is there. Only who declared that the key never signed may take that for a beginning. */
  | { readonly kind: 'new' }
  | {
      readonly kind: 'good'
      readonly slot: Slot
      /** The slot to write next. */
      readonly other: SlotIndex
      readonly isOtherThere: boolean
      /** Undefined when nothing was saved yet. */
      readonly safety: SafetyState | undefined
    }
  | SafetyRefusal

/** What the files and their mirror prove; changes nothing. @throws NodeError storage-unavailable */
export async function examineSafety(
  files: SlotFiles,
  genesisHash: GenesisHash,
  mirror: SafetyMirror,
  limits: WireLimits,
): Promise<ExaminedSafety> {
  const contents = [await files.read(0), await files.read(1)] as const
  const mirrored = mirror.read()
  if (contents[0] === undefined && contents[1] === undefined) {
    if (mirrored !== undefined || !mirror.isChainEmpty()) {
      return refuse(
        'safety-missing',
        'the safety file is missing, yet this node has a chain: what it signed is not known',
      )
    }
    return { kind: 'new' }
  }

  const newest = newestOf(contents, genesisHash)
  if (newest.kind === 'refuse') return newest
  const { slot, at } = newest
  const other: SlotIndex = at === 0 ? 1 : 0
  // Overwriting in place loses no file; creation makes both before the mirror, and the mirror before anything is signed.
  const isNew = mirrored === undefined && mirror.isChainEmpty() && slot.generation === FIRST_GENERATION
  if (contents[other] === undefined && !isNew)
    return refuse('safety-missing', `safety.${other} is missing beside safety.${at}`)
  if (mirrored === undefined && !isNew && !newest.isOtherWhole) {
    return refuse('safety-damaged', `safety.${other} is damaged and the mirror is lost: it may have been the newest`)
  }
  const refusal = againstMirror(slot, mirrored)
  if (refusal !== undefined) return refusal
  const safety = slot.body.length === 0 ? undefined : decodeSafety(slot.body, limits)
  if (safety !== undefined && !safety.ok)
    return refuse('safety-damaged', `the safety file does not decode: ${safety.detail}`)
  return { kind: 'good', slot, other, isOtherThere: contents[other] !== undefined, safety: safety?.value }
}

async function createFiles(
  files: SlotFiles,
  genesisHash: GenesisHash,
  mirror: SafetyMirror,
): Promise<OpenedSafetyStore> {
  const generation = FIRST_GENERATION
  const bytes = encodeSlot(genesisHash, generation, new Uint8Array())
  await files.create(0, bytes)
  await files.create(1, bytes)
  await mirror.write(bytes, true)
  return new SlotSafetyStore({ files, genesisHash, mirror, generation, next: 0, safety: undefined })
}

interface NewestSlot {
  readonly kind: 'newest'
  readonly slot: Slot
  readonly at: SlotIndex
  readonly isOtherWhole: boolean
}
type Newest = NewestSlot | SafetyRefusal

function newestOf(
  contents: readonly [Uint8Array | undefined, Uint8Array | undefined],
  genesisHash: GenesisHash,
): Newest {
  let newest: Omit<NewestSlot, 'isOtherWhole'> | undefined
  const damage: string[] = []
  for (const at of [0, 1] as const) {
    const bytes = contents[at]
    const read = bytes === undefined ? ({ kind: 'damaged', detail: 'missing' } as const) : decodeSlot(bytes)
    switch (read.kind) {
      case 'damaged':
        damage.push(`safety.${at}: ${read.detail}`)
        break
      case 'unknown-format':
        return refuse('safety-format', `safety.${at} has format ${read.format}, which this version does not know`)
      case 'slot':
        if (read.slot.genesisHash !== genesisHash) {
          return refuse(
            'safety-other-chain',
            `safety.${at} belongs to the chain with genesis hash ${read.slot.genesisHash}`,
          )
        }
        if (newest === undefined || read.slot.generation > newest.slot.generation)
          newest = { kind: 'newest', slot: read.slot, at }
    }
  }
  if (newest === undefined)
    return refuse('safety-damaged', `no slot of the safety file is whole (${damage.join('; ')})`)
  return { ...newest, isOtherWhole: damage.length === 0 }
}

function againstMirror(slot: Slot, mirrored: Uint8Array | undefined): SafetyRefusal | undefined {
  // The database may have lost it (PITFALLS.md, 35): the file stands for itself.
  if (mirrored === undefined) return undefined
  const mirror = decodeSlot(mirrored)
  if (mirror.kind !== 'slot')
    return refuse('safety-damaged', 'the mirror of the safety file in the database does not decode')
  const { generation, body } = mirror.slot
  if (generation === slot.generation + 1 && body.length > 0 && equalBytes(body, slot.body)) {
    return refuse(
      'safety-exported',
      'it was handed over by `scoville safety export`: another directory may sign with it',
    )
  }
  if (generation > slot.generation) {
    return refuse(
      'safety-stale',
      `the safety file has generation ${slot.generation}, its mirror ${generation}: it is an old copy, or its newest slot is lost`,
    )
  }
  if (generation === slot.generation && !equalBytes(body, slot.body)) {
    return refuse('safety-mirror-differs', `the safety file and its mirror differ in generation ${generation}`)
  }
  return undefined
}

function refuse(code: RefusalCode, reason: string): SafetyRefusal {
  return { kind: 'refuse', code, reason }
}

interface Position {
  readonly files: SlotFiles
  readonly genesisHash: GenesisHash
  readonly mirror: SafetyMirror
  readonly generation: number
  readonly next: SlotIndex
  readonly safety: SafetyState | undefined
}

class SlotSafetyStore implements OpenedSafetyStore {
  readonly #files: SlotFiles
  readonly #genesisHash: GenesisHash
  readonly #mirror: SafetyMirror
  readonly #loaded: SafetyState | undefined
  #generation: number
  /** Never the slot that holds the newest generation. */
  #next: SlotIndex
  #newest: SafetyState | undefined
  #tail: Promise<void> = Promise.resolve()
  #pending = 0
  #failure: NodeError | undefined

  constructor(position: Position) {
    this.#files = position.files
    this.#genesisHash = position.genesisHash
    this.#mirror = position.mirror
    this.#generation = position.generation
    this.#next = position.next
    this.#loaded = position.safety
    this.#newest = position.safety
  }

  load(): SafetyState | undefined {
    return this.#loaded
  }

  /** @throws NodeError when it is not durable, and from then on always: after a failed sync nobody knows what is on disk. */
  save(safety: SafetyState): Promise<void> {
    assert(this.#pending < SAVES_PENDING_MAX, 'the driver waits for each save')
    const broken = brokenInvariant(safety) ?? (this.#newest && brokenAdvance(this.#newest, safety))
    assert(broken === undefined, `the safety state may not be saved: ${broken}`)
    this.#newest = safety
    this.#pending += 1
    const body = encodeSafety(safety)
    const saved = this.#tail.then(() => this.#write(body))
    this.#tail = saved.then(
      () => {},
      () => {},
    )
    return saved
  }

  async #write(body: Uint8Array): Promise<void> {
    try {
      if (this.#failure !== undefined) throw this.#failure
      const generation = this.#generation + 1
      const bytes = encodeSlot(this.#genesisHash, generation, body)
      await this.#files.write(this.#next, bytes)
      this.#generation = generation
      this.#next = this.#next === 0 ? 1 : 0
      // What is signed is mirrored: a file that lags behind its mirror has forgotten, one that is ahead has signed nothing yet.
      await this.#mirror.write(bytes, false)
    } catch (error) {
      this.#failure ??=
        error instanceof NodeError
          ? error
          : new NodeError('safety-write-failed', 'the safety state could not be saved', error)
      throw this.#failure
    } finally {
      this.#pending -= 1
    }
  }

  async close(): Promise<void> {
    await this.#tail
    await this.#files.close()
  }
}
