// Handing over what a validator signed: the record as a JSON document, taken out of one directory and put into another. Only
// ever raises what is there; an export ends its directory's right to sign. Source: docs/adr/0009. Never runs beside a node.

import { z } from 'zod'
import { decodeSafety, encodeSafety, joinSafety } from '../../consensus/safety-record.ts'
import type { GenesisHash, SafetyState } from '../../consensus/types.ts'
import type { WireLimits } from '../../consensus/wire.ts'
import { equalBytes, fromHex, toHex } from '../../crypto/bytes.ts'
import { sha256 } from '../../crypto/hash.ts'
import { decodeSlot, encodeSlot, SLOT_BYTES_MAX, type Slot } from './safety-slot.ts'
import { examineSafety, type SafetyMirror } from './safety-store.ts'
import type { SlotFiles } from './slot-files.ts'

export const EXPORT_KIND = 'scoville/safety-export'
const EXPORT_VERSION = 1
/** `state` in hex is nearly all of it. */
export const EXPORT_BYTES_MAX = 2 * SLOT_BYTES_MAX + 4_096

const u64 = z.string().regex(/^\d{1,16}$/, 'must be a number in a string')
const hash = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hex digits')
const exportSchema = z.strictObject({
  kind: z.literal(EXPORT_KIND),
  version: z.literal(EXPORT_VERSION),
  genesisHash: hash,
  validator: z.strictObject({ index: z.int().min(0), id: z.string(), nodeKey: hash }),
  epoch: u64,
  lastVotedView: u64,
  highestTimeoutView: u64,
  lockedView: u64,
  generation: u64,
  /** The whole record: the votes and certificates behind the numbers above. */
  state: z.string().regex(/^([0-9a-f]{2})+$/, 'must be hex digits'),
})
const fileSchema = z.strictObject({ ...exportSchema.shape, checksum: hash })
type Export = z.output<typeof exportSchema>

/** A stopped node's record, and whose it is. */
export interface SafetyPlace {
  readonly files: SlotFiles
  readonly mirror: SafetyMirror
  readonly genesisHash: GenesisHash
  readonly limits: WireLimits
  readonly validator: { readonly index: number; readonly id: string; readonly nodeKey: Uint8Array }
}

export interface TransferProblem {
  readonly kind: 'problem'
  readonly code: string
  readonly message: string
}

/**
 * The document, after which this directory signs nothing any more (`safety-exported`). Asked again it gives the same.
 * @throws NodeError when the mirror cannot be written
 */
export async function exportSafety(place: SafetyPlace): Promise<{ readonly text: string } | TransferProblem> {
  const { genesisHash, limits, mirror, validator } = place
  const examined = await examineSafety(place.files, genesisHash, mirror, limits)
  if (examined.kind === 'new' || (examined.kind === 'good' && examined.safety === undefined)) {
    return problem('safety-empty', 'nothing was signed with this directory: there is nothing to move')
  }
  if (examined.kind === 'refuse' && examined.code !== 'safety-exported') {
    return problem(examined.code, `${examined.reason}; only a record beyond doubt can be exported`)
  }
  const newest = examined.kind === 'good' ? handedOver(examined.slot) : newestOf(await knownTo(place))
  const safety = newest && decodeSafety(newest.body, limits)
  if (newest === undefined || safety?.ok !== true) return problem('safety-damaged', 'the record does not decode')
  const signer = safety.value.lastVote?.signer ?? safety.value.lastTimeout?.signer
  if (signer !== undefined && signer !== validator.index) return otherKey(signer, validator.index)
  // Marked before anybody can have the document.
  await mirror.write(encodeSlot(genesisHash, newest.generation, newest.body), true)
  return { text: documentOf(place, newest, safety.value) }
}

/** The mirror one generation ahead of the files, with the same body: no save leaves that behind. */
function handedOver({ genesisHash, generation, body }: Slot): Slot {
  return { genesisHash, generation: generation + 1, body }
}

function documentOf({ genesisHash, validator }: SafetyPlace, slot: Slot, safety: SafetyState): string {
  const content: Export = {
    kind: EXPORT_KIND,
    version: EXPORT_VERSION,
    genesisHash,
    validator: { index: validator.index, id: validator.id, nodeKey: toHex(validator.nodeKey) },
    epoch: `${safety.epoch}`,
    lastVotedView: `${safety.lastVotedView}`,
    highestTimeoutView: `${safety.highestTimeoutView}`,
    lockedView: `${safety.lockedView}`,
    generation: `${slot.generation}`,
    state: toHex(slot.body),
  }
  return `${JSON.stringify({ ...content, checksum: checksumOf(content) }, null, 2)}\n`
}

/** Over the fields in the schema's order, whatever order a file has them in. */
function checksumOf(content: Export): string {
  const ordered = Object.keys(exportSchema.shape).map((name) => content[name as keyof Export])
  return toHex(sha256(Buffer.from(JSON.stringify(ordered))))
}

/**
 * Raises what is there to what the document says, part by part. Where the directory's own record is in doubt, only a document at
 * least as new as everything known there settles it.
 * @throws NodeError when it cannot be written; run again then
 */
export async function importSafety(place: SafetyPlace, text: string): Promise<SafetyState | TransferProblem> {
  const { files, genesisHash, limits, mirror } = place
  const parsed = parseExport(place, text)
  if (parsed.kind === 'problem') return parsed
  const examined = await examineSafety(files, genesisHash, mirror, limits)
  if (examined.kind === 'refuse' && ['safety-other-chain', 'safety-format'].includes(examined.code)) {
    return problem(examined.code, examined.reason)
  }
  const known = await knownTo(place)
  const joined = joinAll(parsed.safety, known, limits)
  if ('kind' in joined) return joined
  const newest = newestOf(known)
  const generation = Math.max(parsed.generation, newest?.generation ?? 0)
  const isRepeated = newest?.generation === parsed.generation + 1 && wasImported(newest, parsed.safety, known, limits)
  if (examined.kind === 'refuse' && generation > parsed.generation && !isRepeated) {
    return problem(
      'safety-import-old',
      `the export has generation ${parsed.generation}, and this directory knew of ${generation} (${examined.code}): what was signed after the export is not in it`,
    )
  }
  const bytes = encodeSlot(genesisHash, generation + 1, encodeSafety(joined))
  await files.create(0, bytes)
  await files.create(1, bytes)
  await mirror.write(bytes, true)
  return joined
}

/** What does not decode says nothing. */
function joinAll(safety: SafetyState, slots: readonly Slot[], limits: WireLimits): SafetyState | TransferProblem {
  let joined = safety
  for (const { body } of slots) {
    const there = decodeSafety(body, limits)
    if (!there.ok) continue
    const both = joinSafety(joined, there.value)
    if ('conflict' in both) {
      return problem('safety-conflict', `${both.conflict}: this key signed twice; do not use it any more`)
    }
    joined = both
  }
  return joined
}

/** The newest slot is what an import of this document left that was cut short: the document and what was there before, no more. */
function wasImported(newest: Slot, safety: SafetyState, known: readonly Slot[], limits: WireLimits): boolean {
  const before = known.filter(({ generation }) => generation < newest.generation)
  const joined = joinAll(safety, before, limits)
  return !('kind' in joined) && equalBytes(encodeSafety(joined), newest.body)
}

type ParsedExport =
  | { readonly kind: 'parsed'; readonly generation: number; readonly safety: SafetyState }
  | TransferProblem

function parseExport({ genesisHash, limits, validator }: SafetyPlace, text: string): ParsedExport {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    return problem('safety-export-invalid', 'the export is not JSON')
  }
  const parsed = fileSchema.safeParse(json)
  if (!parsed.success) {
    const faults = parsed.error.issues.map(({ message, path }) => `${path.join('.') || 'file'}: ${message}`)
    return problem('safety-export-invalid', `not an export of a safety record: ${faults.join('; ')}`)
  }
  const { checksum, ...content } = parsed.data
  if (checksumOf(content) !== checksum) {
    return problem('safety-export-invalid', 'the checksum of the export does not match: it was changed or cut')
  }
  if (content.genesisHash !== genesisHash) {
    return problem('safety-other-chain', `the export is of the chain with genesis hash ${content.genesisHash}`)
  }
  if (content.validator.nodeKey !== toHex(validator.nodeKey)) {
    return otherKey(content.validator.index, validator.index)
  }
  const safety = decodeSafety(fromHex(content.state) ?? new Uint8Array(), limits)
  if (!safety.ok) return problem('safety-export-invalid', `the state in the export does not decode: ${safety.detail}`)
  const { epoch, highestTimeoutView, lastVotedView, lockedView } = safety.value
  const isSame =
    content.epoch === `${epoch}` &&
    content.lastVotedView === `${lastVotedView}` &&
    content.highestTimeoutView === `${highestTimeoutView}` &&
    content.lockedView === `${lockedView}`
  if (!isSame) return problem('safety-export-invalid', 'the numbers of the export are not those of its state')
  return { kind: 'parsed', generation: Number(content.generation), safety: safety.value }
}

/** Every whole record of this chain: both slots and the mirror. */
async function knownTo({ files, genesisHash, mirror }: SafetyPlace): Promise<Slot[]> {
  const contents = [await files.read(0), await files.read(1), mirror.read()]
  return contents.flatMap((bytes) => {
    const read = bytes && decodeSlot(bytes)
    return read?.kind === 'slot' && read.slot.genesisHash === genesisHash ? [read.slot] : []
  })
}

function newestOf(slots: readonly Slot[]): Slot | undefined {
  return slots.reduce<Slot | undefined>((a, b) => (a === undefined || b.generation > a.generation ? b : a), undefined)
}

function otherKey(theirs: number, ours: number): TransferProblem {
  return problem('safety-other-key', `it is the record of validator v${theirs}, and the key file is v${ours}'s`)
}

function problem(code: string, message: string): TransferProblem {
  return { kind: 'problem', code, message }
}
