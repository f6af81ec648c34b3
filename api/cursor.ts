// Keyset cursors: opaque to clients, versioned, and bound to the chain and the filter they were issued for.
// A cursor names a place between two items, so pages neither repeat nor skip while the chain grows. Never an offset.

import { equalBytes } from '../crypto/bytes.ts'
import { decode, Writer } from '../crypto/codec.ts'
import { sha256 } from '../crypto/hash.ts'

const VERSION = 1
const BINDING_BYTES = 8
/** version, binding, direction, key */
const CURSOR_BYTES = 1 + BINDING_BYTES + 1 + 8
const CURSOR = /^[A-Za-z0-9_-]{24}$/

/** `after`: items that follow the key in the order asked for; `before`: items that precede it. */
export interface Cursor {
  readonly direction: 'after' | 'before'
  /** Height of a block or index of a transaction; a safe integer. */
  readonly key: number
}

function bindingOf(filter: readonly string[]): Uint8Array {
  return sha256(Buffer.from(JSON.stringify(filter))).subarray(0, BINDING_BYTES)
}

/** `filter`: what selects and orders the list (chain, resource, parameters), but not the page size. */
export function encodeCursor(cursor: Cursor, filter: readonly string[]): string {
  const writer = new Writer(CURSOR_BYTES).u8(VERSION).fixed(bindingOf(filter), BINDING_BYTES)
  writer.u8(cursor.direction === 'after' ? 0 : 1).u64(cursor.key)
  return Buffer.from(writer.finish()).toString('base64url')
}

/** A cursor of another version, chain or filter is refused: it would silently show another list. */
export function decodeCursor(
  text: string,
  filter: readonly string[],
): { readonly ok: true; readonly cursor: Cursor } | { readonly ok: false; readonly detail: string } {
  if (!CURSOR.test(text)) return { ok: false, detail: 'not a cursor' }
  const decoded = decode(Buffer.from(text, 'base64url'), (reader) => ({
    version: reader.u8(),
    binding: reader.fixed(BINDING_BYTES),
    direction: reader.u8(),
    key: reader.u64(),
  }))
  if (!decoded.ok) return { ok: false, detail: 'not a cursor' }
  const { version, binding, direction, key } = decoded.value
  if (version !== VERSION) return { ok: false, detail: `cursor version ${version} is not supported` }
  if (!equalBytes(binding, bindingOf(filter)))
    return { ok: false, detail: 'issued for other parameters or another chain' }
  if (direction > 1) return { ok: false, detail: 'not a cursor' }
  return { ok: true, cursor: { direction: direction === 0 ? 'after' : 'before', key } }
}

/** The inclusive range of keys that a list covers. Empty when low > high. */
export interface KeyRange {
  readonly low: number
  readonly high: number
}

export interface KeyPage {
  readonly keys: readonly number[]
  readonly next?: Cursor
  readonly prev?: Cursor
}

/** The keys of one page of a dense range, in the order asked for. */
export function pageKeys(range: KeyRange, order: 'asc' | 'desc', limit: number, cursor: Cursor | undefined): KeyPage {
  const ascending = order === 'asc'
  // The page is cut at the cursor on the side it faces: `after` in ascending order are the higher keys.
  const upward = (cursor?.direction ?? 'after') === 'after' ? ascending : !ascending
  const from = upward ? Math.max(range.low, cursor === undefined ? range.low : cursor.key + 1) : range.low
  const to = upward ? range.high : Math.min(range.high, cursor === undefined ? range.high : cursor.key - 1)
  const first = upward ? from : Math.max(from, to - limit + 1)
  const last = upward ? Math.min(to, from + limit - 1) : to
  const keys: number[] = []
  for (let key = first; key <= last; key++) keys.push(key)
  if (keys.length === 0) return { keys }
  const above: Cursor | undefined =
    last < range.high ? { direction: ascending ? 'after' : 'before', key: last } : undefined
  const below: Cursor | undefined =
    first > range.low ? { direction: ascending ? 'before' : 'after', key: first } : undefined
  const [next, prev] = ascending ? [above, below] : [below, above]
  return {
    keys: ascending ? keys : keys.reverse(),
    ...(next === undefined ? {} : { next }),
    ...(prev === undefined ? {} : { prev }),
  }
}
