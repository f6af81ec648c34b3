// A snapshot as a file: the basis, then the whole state in ranges, each of which proves itself against the certified root.
// `"SCOVSNAP" format u16 genesisHash b32`, sections `{length u32, bytes}` (basis, then ranges in key order, each within one
// part), a section of length 0, and SHA-256 of all that comes before it. Source: FORMATS.md 14.
// Owns the file's form; whether the basis is of this chain is anchor.ts's to say.

import { createHash } from 'node:crypto'
import { type FileHandle, open, rename } from 'node:fs/promises'
import type { GenesisHash } from '../../consensus/types.ts'
import type { WireLimits } from '../../consensus/wire.ts'
import { type Hash, hashFromBytes, hashToBytes } from '../../crypto/bytes.ts'
import { Writer } from '../../crypto/codec.ts'
import { decodeStateRange, encodeStateRange, keyAfter, type StateRange } from '../../ledger/state-range.ts'
import { NodeError } from '../fault.ts'
import type { HeldState } from '../ports.ts'
import { placeOf } from './anchor.ts'
import { cutRange } from './cut-range.ts'
import { type Basis, boundsOf, checkRange, decodeBasis, encodeBasis, PARTS } from './restoration.ts'

const MAGIC = 'SCOVSNAP'
const FILE_FORMAT = 1
const HEAD_BYTES = 42
/** A basis holds a block and its receipts; a range is far smaller. */
const SECTION_BYTES_MAX = 72 * 1024 * 1024

export interface SnapshotSummary {
  readonly entries: number
  readonly ranges: number
  readonly bytes: number
  /** SHA-256 of the file without its last 32 bytes. */
  readonly hash: Hash
}

/** Writes the file, whole or not at all. @throws the system's errors */
export async function writeSnapshotFile(
  path: string,
  genesisHash: GenesisHash,
  basis: Basis,
  state: HeldState,
): Promise<SnapshotSummary> {
  const temporary = `${path}.new`
  const file = await open(temporary, 'wx')
  const digest = createHash('sha256')
  const total = { entries: 0, ranges: 0, bytes: 0 }
  const write = async (bytes: Uint8Array) => {
    digest.update(bytes)
    total.bytes += bytes.length
    await file.appendFile(bytes)
  }
  try {
    await write(new Writer().fixed(Buffer.from(MAGIC), 8).u16(FILE_FORMAT).hash(genesisHash).finish())
    await write(new Writer().bytes(encodeBasis(basis)).finish())
    for (let part = 0; part < PARTS; part++) {
      const { from, to } = boundsOf(part)
      for (let next: Hash | undefined = from; next !== undefined; ) {
        const range: StateRange = await cutRange(state, next, to)
        await write(new Writer(300_000).bytes(encodeStateRange(range)).finish())
        total.ranges += 1
        total.entries += range.entries.length
        next = range.to === to ? undefined : keyAfter(range.to)
      }
    }
    await write(new Writer().u32(0).finish())
    const hash = hashFromBytes(digest.digest())
    await file.appendFile(hashToBytes(hash))
    await file.sync()
    await file.close()
    await rename(temporary, path)
    return { ...total, bytes: total.bytes + 32, hash }
  } catch (error) {
    await file.close().catch(() => {})
    throw error
  }
}

export interface SnapshotReading {
  /** Throws, or takes it; nothing else is read before it resolves. */
  readonly onBasis: (basis: Basis) => Promise<void>
  /** In key order, checked against the root the basis states. */
  readonly onRange: (range: StateRange, part: number) => Promise<void>
}

/**
 * Reads a file to its end, every range checked.
 * @throws NodeError snapshot-invalid naming what is wrong, snapshot-other-chain, or the system's errors
 */
export async function readSnapshotFile(
  path: string,
  genesisHash: GenesisHash | undefined,
  limits: WireLimits,
  { onBasis, onRange }: SnapshotReading,
): Promise<SnapshotSummary & { readonly genesisHash: GenesisHash }> {
  const file = await open(path, 'r')
  try {
    const reader = new SectionReader(path, file)
    const head = await reader.take(HEAD_BYTES)
    if (head.toString('latin1', 0, 8) !== MAGIC) throw invalid(path, 'it is not a snapshot')
    if (head.readUInt16BE(8) !== FILE_FORMAT) throw invalid(path, `its format ${head.readUInt16BE(8)} is not known`)
    const own = hashFromBytes(head.subarray(10)) as GenesisHash
    if (genesisHash !== undefined && own !== genesisHash)
      throw new NodeError('snapshot-other-chain', `${path} is of the chain with genesis hash ${own}`)
    const basis = decodeBasis((await reader.section()) ?? new Uint8Array(), limits)
    if (!basis.ok) throw invalid(path, `its basis does not decode (${basis.detail})`)
    await onBasis(basis.value)
    const { stateRoot } = placeOf(basis.value.anchor)
    const total = { entries: 0, ranges: 0 }
    for (let part = 0; part < PARTS; part++) {
      for (let next: Hash | undefined = boundsOf(part).from; next !== undefined; ) {
        const range = decodeStateRange((await reader.section()) ?? new Uint8Array())
        if (!range.ok) throw invalid(path, `range ${total.ranges} does not decode (${range.detail})`)
        const problem = checkRange(range.value, stateRoot, next, part)
        if (problem !== undefined) throw invalid(path, `range ${total.ranges} is ${problem}`)
        await onRange(range.value, part)
        total.ranges += 1
        total.entries += range.value.entries.length
        next = range.value.to === boundsOf(part).to ? undefined : keyAfter(range.value.to)
      }
    }
    if ((await reader.section()) !== undefined) throw invalid(path, 'it goes on behind the state')
    const hash = hashFromBytes(reader.digest())
    if (hashFromBytes(await reader.take(32)) !== hash) throw invalid(path, 'its checksum is another')
    if (!(await reader.isAtEnd())) throw invalid(path, 'it goes on behind its checksum')
    return { ...total, bytes: reader.bytes, hash, genesisHash: own }
  } finally {
    await file.close()
  }
}

function invalid(path: string, what: string): NodeError {
  return new NodeError('snapshot-invalid', `${path} is not a whole snapshot: ${what}`)
}

class SectionReader {
  readonly #path: string
  readonly #file: FileHandle
  readonly #digest = createHash('sha256')
  bytes = 0

  constructor(path: string, file: FileHandle) {
    this.#path = path
    this.#file = file
  }

  async take(length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length)
    for (let at = 0; at < length; ) {
      const { bytesRead } = await this.#file.read(buffer, at, length - at, this.bytes + at)
      if (bytesRead === 0) throw invalid(this.#path, `it ends after ${this.bytes + at} bytes`)
      at += bytesRead
    }
    this.bytes += length
    this.#digest.update(buffer)
    return buffer
  }

  /** Undefined at the section that ends them. */
  async section(): Promise<Uint8Array | undefined> {
    const length = (await this.take(4)).readUInt32BE(0)
    if (length > SECTION_BYTES_MAX) throw invalid(this.#path, `a section of ${length} bytes`)
    return length === 0 ? undefined : await this.take(length)
  }

  /** Of what was read so far; once. */
  digest(): Buffer {
    return this.#digest.copy().digest()
  }

  async isAtEnd(): Promise<boolean> {
    const { bytesRead } = await this.#file.read(Buffer.alloc(1), 0, 1, this.bytes)
    return bytesRead === 0
  }
}
