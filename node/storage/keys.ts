// The key layout of the database: one prefix byte a table, then fixed-length or opaque bytes; heights are big-endian, so
// that byte order is chain order. A table's letter never changes meaning: bump STORAGE_FORMAT instead.

import type { BlockId, Height } from '../../consensus/types.ts'
import { assert } from '../../crypto/assert.ts'
import { fromHex, type Hash } from '../../crypto/bytes.ts'

/** Version of the whole layout, keys and values; a database of another version is refused. */
export const STORAGE_FORMAT = 1

const TABLE = {
  /** height -> block record */
  block: 'b',
  /** block id -> height */
  blockHeight: 'i',
  /** transaction id -> height and index */
  transaction: 't',
  /** state key -> value */
  value: 'v',
  /** path -> state tree node */
  node: 'n',
  /** block id -> proposal, of blocks not yet committed */
  uncommitted: 'u',
} as const

export const META_KEY: Uint8Array = Buffer.from('meta')
export const HEAD_KEY: Uint8Array = Buffer.from('head')
export const SAFETY_MIRROR_KEY: Uint8Array = Buffer.from('safety')

function keyOf(table: string, rest: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(table, 'latin1'), rest])
}

function hexKey(table: string, hex: string): Uint8Array {
  const bytes = fromHex(hex)
  assert(bytes?.length === 32, 'a stored key is 64 hex digits')
  return keyOf(table, bytes)
}

export function blockKey(height: Height | number): Uint8Array {
  const key = Buffer.alloc(9, TABLE.block, 'latin1')
  key.writeBigUInt64BE(BigInt(height), 1)
  return key
}

export const blockHeightKey = (id: BlockId): Uint8Array => hexKey(TABLE.blockHeight, id)
export const transactionKey = (id: Hash): Uint8Array => hexKey(TABLE.transaction, id)
/** @param key 64 hex digits (StateReader). */
export const valueKey = (key: string): Uint8Array => hexKey(TABLE.value, key)
/** @param path opaque text; the root is the empty string. */
export const nodeKey = (path: string): Uint8Array => keyOf(TABLE.node, Buffer.from(path, 'utf8'))
export const uncommittedKey = (id: BlockId): Uint8Array => hexKey(TABLE.uncommitted, id)

/** Half-open: `from` included, `to` not. */
export interface KeyRange {
  readonly from: Uint8Array
  readonly to: Uint8Array
}

function tableRange(table: string): KeyRange {
  const from = Buffer.from(table, 'latin1')
  return { from, to: Buffer.from([(from[0] ?? 0) + 1]) }
}

export const UNCOMMITTED_RANGE: KeyRange = tableRange(TABLE.uncommitted)
export const WHOLE_RANGE: KeyRange = { from: Buffer.from([0]), to: Buffer.from([0xff]) }

/** Blocks of this height and above. */
export function blocksFrom(height: number): KeyRange {
  return { from: blockKey(height), to: tableRange(TABLE.block).to }
}
