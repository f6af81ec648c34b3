// Byte strings and the brands that keep a hash, a key and a signature from being swapped.
// Owns hex conversion and comparison; never hashes, encodes or checks anything else.

declare const brand: unique symbol
/** A nominal type. The brand is a map, so that brands nest (a plain name would collapse to never). */
export type Brand<T, Name extends string> = T & { readonly [brand]: { readonly [N in Name]: true } }

/** 32 bytes as 64 lower-case hex digits without a prefix: hashes are Map keys, so in memory they are strings. */
export type Hash = Brand<string, 'Hash'>

export const HASH_BYTES = 32
export const ZERO_HASH = '00'.repeat(HASH_BYTES) as Hash

const HEX = /^(?:[0-9a-f]{2})*$/

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/** Lower-case hex without a prefix to bytes; undefined when it is anything else (upper case included: one spelling). */
export function fromHex(hex: string): Uint8Array | undefined {
  if (!HEX.test(hex)) return undefined
  return new Uint8Array(Buffer.from(hex, 'hex'))
}

/** @throws RangeError unless given exactly 32 bytes. */
export function hashFromBytes(bytes: Uint8Array): Hash {
  if (bytes.length !== HASH_BYTES) throw new RangeError(`a hash has ${HASH_BYTES} bytes, not ${bytes.length}`)
  return toHex(bytes) as Hash
}

export function hashToBytes(hash: Hash): Uint8Array {
  return Buffer.from(hash, 'hex')
}

/** Whether `text` is a hash as kept in memory: 64 lower-case hex digits. */
export function isHash(text: string): text is Hash {
  return text.length === 2 * HASH_BYTES && HEX.test(text)
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts)
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0
}

/** Lexicographic order of unsigned bytes: negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  return Buffer.compare(a, b)
}
