// What is checked before a stored chain is believed: LevelDB opens happily with records missing (PITFALLS.md, row 35).
// Reports the first damage as a fault that names it; repairs nothing. The certificate's signature is the node's to verify.

import type { Block, BlockId, GenesisHash, Height } from '../../consensus/types.ts'
import type { WireLimits } from '../../consensus/wire.ts'
import { type Hash, hashFromBytes, ZERO_HASH } from '../../crypto/bytes.ts'
import type { Decoded } from '../../crypto/codec.ts'
import { sha256 } from '../../crypto/hash.ts'
import { NodeError } from '../fault.ts'
import type { StoredBlock } from '../ports.ts'
import {
  decodeHead,
  decodeHeight,
  decodeMeta,
  decodeStoredBlock,
  decodeUncommitted,
  encodeMeta,
  type HeadRecord,
} from './block-record.ts'
import type { Database, DatabaseReader } from './database.ts'
import {
  BLOCK_ID_RANGE,
  blockHeightKey,
  blockKey,
  blocksFrom,
  describeKey,
  HEAD_KEY,
  type KeyRange,
  keyAfter,
  META_KEY,
  nodeKey,
  OLDEST_KEY,
  REPAIR_KEY,
  STORAGE_FORMAT,
  UNCOMMITTED_RANGE,
  WHOLE_RANGE,
} from './keys.ts'
import { decodeRepair, type Repair } from './quarantine.ts'

/** How many of the last blocks are read and linked at opening. */
export const CHECKED_BLOCKS = 64
/** Blocks kept beyond the committed chain: one a view, so this many views without a commit. */
export const UNCOMMITTED_MAX = 1_024

export function damaged(what: string, cause?: unknown): NodeError {
  return new NodeError('storage-damaged', `the chain database is damaged: ${what}`, cause)
}

export function orDamaged<T>(decoded: Decoded<T>, what: string): T {
  if (!decoded.ok) throw damaged(`${what} does not decode (${decoded.detail})`)
  return decoded.value
}

/** Marks a fresh database as this chain's. @throws NodeError when it is another chain's, another format's or damaged. */
export async function claimDatabase(database: Database, genesisHash: GenesisHash): Promise<void> {
  const bytes = database.get(META_KEY)
  if (bytes === undefined) {
    const [first] = await database.entries(WHOLE_RANGE, 1)
    if (first !== undefined) throw damaged('it holds records but not the one that says which chain they are of')
    await database.write([{ type: 'put', key: META_KEY, value: encodeMeta(STORAGE_FORMAT, genesisHash) }], true)
    return
  }
  const meta = decodeMeta(bytes)
  if (meta === undefined) throw damaged('the record that says which chain it is of does not decode')
  if (meta.format !== STORAGE_FORMAT) {
    throw new NodeError(
      'storage-format',
      `the database has format ${meta.format}, this version reads format ${STORAGE_FORMAT}: use the version that wrote it or start from an empty data directory`,
    )
  }
  if (meta.genesisHash !== genesisHash) {
    throw new NodeError(
      'storage-other-chain',
      `the database belongs to the chain with genesis hash ${meta.genesisHash}, not to ${genesisHash}: check the genesis file and the data directory`,
    )
  }
}

/** SHA-256 of the root node as stored; zero when the state is empty. */
export function rootNodeSumOf(rootNode: Uint8Array | undefined): Hash {
  return rootNode === undefined ? ZERO_HASH : hashFromBytes(sha256(rootNode))
}

export interface CheckedChain {
  readonly head: HeadRecord
  /** Lowest height held: that of block 0 unless blocks were pruned or never fetched. */
  readonly oldest: Height
  /** Ascending; at most CHECKED_BLOCKS. */
  readonly recent: readonly StoredBlock[]
}

/** The head, the last blocks, linked, and the index of all of them; undefined when nothing was committed yet, not even genesis. */
export async function checkChain(database: Database, limits: WireLimits): Promise<CheckedChain | undefined> {
  const bytes = database.get(HEAD_KEY)
  if (bytes === undefined) {
    const [block] = await database.entries(blocksFrom(0), 1)
    if (block !== undefined) throw damaged('it holds blocks but no head')
    return undefined
  }
  const head = orDamaged(decodeHead(bytes, limits), 'the head')
  const [above] = await database.entries(blocksFrom(head.height + 1), 1)
  if (above !== undefined) throw damaged(`it holds blocks above the head, height ${head.height}`)

  const oldest = await oldestOf(database, head, limits)
  const recent: StoredBlock[] = []
  for (let height: number = head.height; recent.length < CHECKED_BLOCKS && height >= oldest; height--) {
    recent.unshift(loadLinked(database, height, recent[0], limits))
  }
  checkHead(head, recent.at(-1), database)
  await checkIndex(database, oldest, head.height)
  return { head, oldest, recent }
}

async function oldestOf(database: Database, head: HeadRecord, limits: WireLimits): Promise<Height> {
  const [first] = await database.entries(blocksFrom(0), 1)
  if (first === undefined) throw damaged(`the head block, height ${head.height}, is missing`)
  const { height, parentId } = orDamaged(decodeStoredBlock(first[1], limits), 'the first block').block.proposal.header
  const stated = database.get(OLDEST_KEY)
  const oldest = stated && orDamaged(decodeHeight(stated), 'the oldest height')
  if (oldest === undefined && parentId !== ZERO_HASH)
    throw damaged(`the chain begins at height ${height}, after block 0`)
  if (oldest !== undefined && oldest !== height) {
    throw damaged(`the chain begins at height ${height}, its oldest height is ${oldest}`)
  }
  return height
}

/**
 * Every height has its entry in the index of ids. One batch holds a block and all it changed, so a batch that LevelDB lost
 * shows here, however long ago it was; the index is a hundredth of the blocks.
 */
async function checkIndex(database: Database, oldest: Height, head: Height): Promise<void> {
  const seen = new Uint8Array(head - oldest + 1)
  for await (const [key, value] of walk(database, BLOCK_ID_RANGE)) {
    const height = orDamaged(decodeHeight(value), describeKey(key))
    if (height < oldest || height > head) throw damaged(`${describeKey(key)} is ${height}, outside the chain`)
    if (seen[height - oldest] !== 0) throw damaged(`two blocks are indexed at height ${height}`)
    seen[height - oldest] = 1
  }
  const missing = seen.indexOf(0)
  if (missing >= 0) throw damaged(`the block at height ${oldest + missing} is missing from the index`)
}

/** Entries read at a time by whoever walks a whole table. */
const WALKED_MAX = 1_024

/** Every entry of a range, ascending. */
export async function* walk(database: Database, range: KeyRange): AsyncGenerator<[Uint8Array, Uint8Array]> {
  let { from } = range
  for (;;) {
    const entries = await database.entries({ from, to: range.to }, WALKED_MAX)
    yield* entries
    const last = entries.at(-1)
    if (last === undefined || entries.length < WALKED_MAX) return
    from = keyAfter(last[0])
  }
}

function loadLinked(
  database: DatabaseReader,
  height: number,
  child: StoredBlock | undefined,
  limits: WireLimits,
): StoredBlock {
  const stored = loadBlock(database, height as Height, limits)
  if (stored === undefined) throw damaged(`the block at height ${height} is missing`)
  const { id, proposal } = stored.block
  if (proposal.header.height !== height)
    throw damaged(`the block stored at height ${height} says ${proposal.header.height}`)
  if (loadHeight(database, id) !== height) throw damaged(`the index does not lead to block ${id} at height ${height}`)
  if (child === undefined) return stored
  const { header } = child.block.proposal
  if (header.parentId !== id) throw damaged(`block ${height + 1} does not follow the block stored at height ${height}`)
  if (header.stateRoot !== stored.stateRoot || header.receiptsRoot !== stored.receiptsRoot) {
    throw damaged(`block ${height + 1} does not confirm the roots stored at height ${height}`)
  }
  return stored
}

function checkHead(head: HeadRecord, tip: StoredBlock | undefined, database: DatabaseReader): void {
  if (tip === undefined) throw damaged(`the head block, height ${head.height}, is missing`)
  if (tip.block.id !== head.blockId) throw damaged(`the head names block ${head.blockId}, stored is ${tip.block.id}`)
  if (head.certificate !== undefined && head.certificate.parentId !== head.blockId) {
    throw damaged('the head certificate does not commit the head block')
  }
  if (tip.stateRoot !== head.stateRoot || rootNodeSumOf(database.get(nodeKey(''))) !== head.rootNodeSum) {
    throw damaged(`the state tree's root node is not that of height ${head.height}`)
  }
}

export function loadBlock(database: DatabaseReader, height: Height, limits: WireLimits): StoredBlock | undefined {
  const bytes = database.get(blockKey(height))
  return bytes && orDamaged(decodeStoredBlock(bytes, limits), `the block at height ${height}`)
}

export function loadHeight(database: DatabaseReader, id: BlockId): Height | undefined {
  const bytes = database.get(blockHeightKey(id))
  return bytes && orDamaged(decodeHeight(bytes), `the height of block ${id}`)
}

/** Blocks voted for or proposed and not committed, in any order. */
export async function loadUncommitted(database: Database, limits: WireLimits): Promise<Block[]> {
  const entries = await database.entries(UNCOMMITTED_RANGE, UNCOMMITTED_MAX + 1)
  if (entries.length > UNCOMMITTED_MAX) throw damaged(`more than ${UNCOMMITTED_MAX} uncommitted blocks`)
  return entries.map(([key, value]) => {
    const block = orDamaged(decodeUncommitted(value, limits), 'an uncommitted block')
    const id = Buffer.from(key).toString('hex', 1)
    if (block.id !== id) throw damaged(`the uncommitted block stored as ${id} is ${block.id}`)
    return block
  })
}

export function loadRepair(database: DatabaseReader): Repair | undefined {
  const bytes = database.get(REPAIR_KEY)
  if (bytes === undefined) return undefined
  const repair = decodeRepair(bytes)
  if (repair === undefined) throw damaged('the record of an earlier repair does not decode')
  return repair
}
