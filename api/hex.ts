// The API's spelling of bytes: lower-case hex behind 0x. Input may have either case.

import { toHex } from '../crypto/bytes.ts'

export function hex(bytes: Uint8Array): string {
  return `0x${toHex(bytes)}`
}

/** 0x-hex of either case to bytes; undefined when it is anything else. */
export function bytesOfHex(text: string): Uint8Array | undefined {
  if (!text.startsWith('0x')) return undefined
  const bytes = Buffer.from(text.slice(2), 'hex')
  // Node stops at the first character that is no hex digit, so a full length proves that all of them were.
  return bytes.length * 2 === text.length - 2 ? bytes : undefined
}
