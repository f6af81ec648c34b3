// The blocks of a database that is damaged somewhere: what can be read is given out, what cannot is not there.
// Never the last word: whoever takes a block from here checks it as if a stranger had sent it.

import type { Block, Height } from '../../consensus/types.ts'
import type { WireLimits } from '../../consensus/wire.ts'
import { NodeError } from '../fault.ts'
import { decodeHead, decodeStoredBlock, type HeadRecord } from './block-record.ts'
import { type Database, openDatabase } from './database.ts'
import { blockKey, HEAD_KEY } from './keys.ts'

export interface BlockSource {
  blockAt(height: number): Block | undefined
  head(): HeadRecord | undefined
  close(): Promise<void>
}

/** Undefined when it cannot be opened at all. @throws NodeError data-dir-locked */
export async function openBlockSource(path: string, limits: WireLimits): Promise<BlockSource | undefined> {
  let database: Database
  try {
    database = await openDatabase(path, 'unchecked')
  } catch (error) {
    if (error instanceof NodeError && error.code !== 'data-dir-locked') return undefined
    throw error
  }
  const read = (key: Uint8Array): Uint8Array | undefined => {
    try {
      return database.get(key)
    } catch (error) {
      if (error instanceof NodeError) return undefined
      throw error
    }
  }
  return {
    blockAt(height) {
      const bytes = read(blockKey(height as Height))
      const decoded = bytes && decodeStoredBlock(bytes, limits)
      return decoded?.ok === true ? decoded.value.block : undefined
    },
    head() {
      const bytes = read(HEAD_KEY)
      const decoded = bytes && decodeHead(bytes, limits)
      return decoded?.ok === true ? decoded.value : undefined
    },
    close: () => database.close(),
  }
}
