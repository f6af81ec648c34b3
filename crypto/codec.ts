// The one canonical codec: fixed field order, big-endian integers, lists with a u32 count, no trailing bytes.
// Every length read from outside is checked against a bound before anything is allocated.
// Owns bytes in and bytes out; never decides what a value means.

import { type Hash, hashFromBytes, hashToBytes } from './bytes.ts'

/** The bytes are not the canonical encoding of anything. Thrown inside decoders only; `decode` turns it into a value. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError'
}

export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly detail: string }

const U64_MAX = (1n << 64n) - 1n

export class Writer {
  #buffer: Buffer
  #length = 0

  constructor(capacity = 256) {
    this.#buffer = Buffer.allocUnsafe(capacity)
  }

  /** Call before reading #buffer: growing replaces it. */
  #reserve(bytes: number): number {
    const at = this.#length
    const need = at + bytes
    if (need > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(need, this.#buffer.length * 2))
      this.#buffer.copy(grown, 0, 0, at)
      this.#buffer = grown
    }
    this.#length = need
    return at
  }

  u8(value: number): this {
    const at = this.#reserve(1)
    this.#buffer.writeUInt8(value, at)
    return this
  }

  u16(value: number): this {
    const at = this.#reserve(2)
    this.#buffer.writeUInt16BE(value, at)
    return this
  }

  u32(value: number): this {
    const at = this.#reserve(4)
    this.#buffer.writeUInt32BE(value, at)
    return this
  }

  /** A u64 kept in memory as a safe integer (views, heights, epochs, milliseconds). */
  u64(value: number): this {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not an unsigned safe integer: ${value}`)
    const at = this.#reserve(8)
    this.#buffer.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at)
    this.#buffer.writeUInt32BE(value % 0x1_0000_0000, at + 4)
    return this
  }

  /** A u64 kept in memory as a bigint (amounts, nonces). */
  big64(value: bigint): this {
    if (value < 0n || value > U64_MAX) throw new RangeError(`not a u64: ${value}`)
    const at = this.#reserve(8)
    this.#buffer.writeBigUInt64BE(value, at)
    return this
  }

  /** Bytes whose length the format fixes. */
  fixed(bytes: Uint8Array, length: number): this {
    if (bytes.length !== length) throw new RangeError(`expected ${length} bytes, got ${bytes.length}`)
    const at = this.#reserve(length)
    this.#buffer.set(bytes, at)
    return this
  }

  hash(hash: Hash): this {
    return this.fixed(hashToBytes(hash), 32)
  }

  /** Bytes behind a u32 length. */
  bytes(bytes: Uint8Array): this {
    this.u32(bytes.length)
    const at = this.#reserve(bytes.length)
    this.#buffer.set(bytes, at)
    return this
  }

  /** UTF-8 text behind a u32 length in bytes. */
  text(text: string): this {
    return this.bytes(Buffer.from(text, 'utf8'))
  }

  list<T>(items: readonly T[], write: (writer: this, item: T) => void): this {
    this.u32(items.length)
    for (const item of items) write(this, item)
    return this
  }

  /** One byte, 0 or 1, then the value if it is there. */
  optional<T>(value: T | undefined, write: (writer: this, value: T) => void): this {
    this.u8(value === undefined ? 0 : 1)
    if (value !== undefined) write(this, value)
    return this
  }

  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length)
  }
}

export class Reader {
  readonly #buffer: Buffer
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.#buffer.length - this.#at
  }

  #take(bytes: number): number {
    const at = this.#at
    if (bytes > this.#buffer.length - at)
      throw new DecodeError(`${bytes} bytes wanted at ${at}, ${this.remaining} left`)
    this.#at = at + bytes
    return at
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#take(1))
  }

  u16(): number {
    return this.#buffer.readUInt16BE(this.#take(2))
  }

  u32(): number {
    return this.#buffer.readUInt32BE(this.#take(4))
  }

  /** A u64 that has to fit a safe integer: a larger one is refused, never rounded. */
  u64(): number {
    const at = this.#take(8)
    const value = this.#buffer.readUInt32BE(at) * 0x1_0000_0000 + this.#buffer.readUInt32BE(at + 4)
    if (!Number.isSafeInteger(value)) throw new DecodeError(`integer at ${at} is above 2^53-1`)
    return value
  }

  big64(): bigint {
    return this.#buffer.readBigUInt64BE(this.#take(8))
  }

  /** A view into the input, not a copy. */
  fixed(length: number): Uint8Array {
    const at = this.#take(length)
    return this.#buffer.subarray(at, at + length)
  }

  hash(): Hash {
    return hashFromBytes(this.fixed(32))
  }

  /** Bytes behind a u32 length of at most `max`; a view into the input. */
  bytes(max: number): Uint8Array {
    const length = this.u32()
    if (length > max) throw new DecodeError(`length ${length} is above the bound ${max}`)
    return this.fixed(length)
  }

  /** UTF-8 text of at most `max` bytes; ill-formed UTF-8 is refused. */
  text(max: number): string {
    const bytes = this.bytes(max)
    const text = Buffer.from(bytes).toString('utf8')
    if (Buffer.compare(Buffer.from(text, 'utf8'), bytes) !== 0) throw new DecodeError('text is not well-formed UTF-8')
    return text
  }

  list<T>(max: number, read: (reader: this) => T): T[] {
    const count = this.u32()
    if (count > max) throw new DecodeError(`count ${count} is above the bound ${max}`)
    const items: T[] = []
    for (let i = 0; i < count; i++) items.push(read(this))
    return items
  }

  optional<T>(read: (reader: this) => T): T | undefined {
    const flag = this.u8()
    if (flag > 1) throw new DecodeError(`presence flag is ${flag}`)
    return flag === 1 ? read(this) : undefined
  }

  /** Call last: an encoding with anything behind it is not canonical. */
  end(): void {
    if (this.remaining !== 0) throw new DecodeError(`${this.remaining} trailing bytes`)
  }
}

/** Runs a decoder over the whole input; every failure comes back as a value. */
export function decode<T>(bytes: Uint8Array, read: (reader: Reader) => T): Decoded<T> {
  try {
    const reader = new Reader(bytes)
    const value = read(reader)
    reader.end()
    return { ok: true, value }
  } catch (error) {
    if (error instanceof DecodeError) return { ok: false, detail: error.message }
    throw error
  }
}
