// The key layout of the database: one prefix byte a table, then fixed-length or opaque bytes; heights are big-endian, so
// that byte order is chain order. A table's letter never changes meaning: bump STORAGE_FORMAT instead.

import type { BlockId, Height } from '../../consensus/types.ts'
import { assert } from '../../crypto/assert.ts'
import { fromHex, type Hash } from '../../crypto/bytes.ts'

/** Version of the whole layout, keys and values; a database of another version is refused. 2: values carry a checksum. */
export const STORAGE_FORMAT = 2

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
/** Lowest height whose block is held; absent while that is block 0. */
export const OLDEST_KEY: Uint8Array = Buffer.from('oldest')
/** How far a database that is being restored has come (restore-store.ts); absent in a chain. */
export const RESTORE_KEY: Uint8Array = Buffer.from('restore')
/** And what it is restored from. */
export const RESTORE_BASIS_KEY: Uint8Array = Buffer.from('restore-basis')
/** What became of an earlier database of this directory (quarantine.ts); absent when there was none. */
export const REPAIR_KEY: Uint8Array = Buffer.from('repair')

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
export const BLOCK_ID_RANGE: KeyRange = tableRange(TABLE.blockHeight)
export const WHOLE_RANGE: KeyRange = { from: Buffer.from([0]), to: Buffer.from([0xff]) }

/** State values from one key to another, both included. */
export function valuesBetween(from: string, to: string): KeyRange {
  return { from: valueKey(from), to: keyAfter(valueKey(to)) }
}

/** The state key of a value's record. */
export function stateKeyOf(key: Uint8Array): Hash {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('hex', 1) as Hash
}

/** Blocks of this height and above. */
export function blocksFrom(height: number): KeyRange {
  return { from: blockKey(height), to: tableRange(TABLE.block).to }
}

/** The least key above this one: where a walk goes on. */
export function keyAfter(key: Uint8Array): Uint8Array {
  return Buffer.concat([key, Buffer.of(0)])
}

/** Every table by the word an operator reads, in key order, and the single records. */
export const TABLES: readonly { readonly name: string; readonly range: KeyRange }[] = [
  { name: 'blocks', range: tableRange(TABLE.block) },
  { name: 'block ids', range: tableRange(TABLE.blockHeight) },
  { name: 'state pages', range: tableRange(TABLE.node) },
  { name: 'transactions', range: tableRange(TABLE.transaction) },
  { name: 'uncommitted blocks', range: tableRange(TABLE.uncommitted) },
  { name: 'state values', range: tableRange(TABLE.value) },
]

/** A key in words, for faults and reports. */
export function describeKey(key: Uint8Array): string {
  const bytes = Buffer.from(key.buffer, key.byteOffset, key.byteLength)
  if (
    [META_KEY, HEAD_KEY, SAFETY_MIRROR_KEY, OLDEST_KEY, RESTORE_KEY, RESTORE_BASIS_KEY, REPAIR_KEY].some((single) =>
      bytes.equals(single),
    )
  )
    return `the record "${bytes.toString('latin1')}"`
  const table = bytes.toString('latin1', 0, 1)
  const hex = bytes.toString('hex', 1)
  switch (table) {
    case TABLE.block:
      return bytes.length === 9 ? `the block at height ${bytes.readBigUInt64BE(1)}` : `key ${bytes.toString('hex')}`
    case TABLE.blockHeight:
      return `the height of block ${hex}`
    case TABLE.transaction:
      return `the place of transaction ${hex}`
    case TABLE.value:
      return `state value ${hex}`
    case TABLE.node:
      return `state tree page "${bytes.toString('utf8', 1)}"`
    case TABLE.uncommitted:
      return `uncommitted block ${hex}`
    default:
      return `key ${bytes.toString('hex')}`
  }
}
