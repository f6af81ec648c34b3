// A batch of transactions as gossip carries it: a u32 count, then each transaction behind its u32 length.
// Owns the encoding and its bounds; never looks inside a transaction.

import { assert } from '../crypto/assert.ts'
import { type Decoded, DecodeError, decode, Writer } from '../crypto/codec.ts'

/** Of a whole encoded batch. */
export const BATCH_BYTES_MAX = 256 * 1024
export const BATCH_ITEMS_MAX = 1_024
const BATCH_HEADER_BYTES = 4

/** What an item takes of a batch. */
export function batchItemBytes(item: Uint8Array): number {
  return 4 + item.length
}

/** @throws InvariantError when the items are none, too many, empty or too long: the batcher keeps to the bounds. */
export function encodeBatch(items: readonly Uint8Array[]): Uint8Array {
  assert(items.length >= 1 && items.length <= BATCH_ITEMS_MAX, `${items.length} items are no batch`)
  let length = BATCH_HEADER_BYTES
  for (const item of items) {
    assert(item.length > 0, 'an item is empty')
    length += batchItemBytes(item)
  }
  assert(length <= BATCH_BYTES_MAX, `a batch of ${length} bytes is too long`)
  return new Writer(length).list(items, (writer, item) => writer.bytes(item)).finish()
}

/** The items are copies: one that stays in the mempool must not keep the whole batch in memory. */
export function decodeBatch(bytes: Uint8Array): Decoded<Uint8Array[]> {
  return decode(bytes, (reader) => {
    if (bytes.length > BATCH_BYTES_MAX) throw new DecodeError(`a batch of ${bytes.length} bytes is too long`)
    const items = reader.list(BATCH_ITEMS_MAX, (at) => {
      const item = at.bytes(BATCH_BYTES_MAX)
      if (item.length === 0) throw new DecodeError('an item is empty')
      return new Uint8Array(item)
    })
    if (items.length === 0) throw new DecodeError('the batch is empty')
    return items
  })
}
