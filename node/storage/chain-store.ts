// The committed chain, its indexes, its state and the uncommitted tail, over a database.
// A commit is one atomic synced batch; until it is durable every read still answers from the height before it.
// Never decides what is committed, and never serves a record that does not check: it throws a fault naming it.

import { join } from 'node:path'
import type { Block, BlockId, GenesisHash, Height, QC } from '../../consensus/types.ts'
import { blockIdOf, type WireLimits } from '../../consensus/wire.ts'
import { assert } from '../../crypto/assert.ts'
import type { Hash } from '../../crypto/bytes.ts'
import type { StateReader, StateWrites } from '../../ledger/application.ts'
import type { ChainStore, CommitRecord, HeldState, StoredBlock, StoredHead } from '../ports.ts'
import {
  decodePlace,
  encodeHead,
  encodeHeight,
  encodePlace,
  encodeStoredBlock,
  type HeadRecord,
  type TransactionPlace,
} from './block-record.ts'
import {
  CHECKED_BLOCKS,
  type CheckedChain,
  checkChain,
  claimDatabase,
  damaged,
  loadBlock,
  loadHeight,
  loadRepair,
  loadUncommitted,
  orDamaged,
  rootNodeSumOf,
} from './chain-check.ts'
import { type Database, openDatabase, type WriteOp } from './database.ts'
import { heldStateOf } from './held-state.ts'
import {
  blockHeightKey,
  blockKey,
  HEAD_KEY,
  nodeKey,
  OLDEST_KEY,
  REPAIR_KEY,
  SAFETY_MIRROR_KEY,
  transactionKey,
  valueKey,
} from './keys.ts'
import { lockDataDir } from './lock.ts'
import { pruningOf } from './pruning.ts'
import { CHAIN_DIR, completeQuarantine, encodeRepair, type Repair } from './quarantine.ts'
import { RecentBlocks } from './recent-blocks.ts'
import type { SafetyMirror } from './safety-store.ts'
import { StateCache } from './state-cache.ts'
import { deletionOf, UncommittedBlocks } from './uncommitted.ts'

export interface GenesisState {
  readonly writes: StateWrites
  readonly stateRoot: Hash
  readonly receiptsRoot: Hash
}

/** A chain store with the lifetime around it. */
export interface OpenedChainStore extends ChainStore {
  /** Where the safety store mirrors its newest generation. */
  readonly mirror: SafetyMirror
  /**
   * Deletes the blocks below a height, which is at least CHECKED_BLOCKS below the head. Not synced: what a crash undoes is
   * pruned again.
   */
  prune(below: Height): Promise<void>
  /** Gives the room of pruned blocks back to the disk. */
  compactPruned(): Promise<void>
  /** The state as the disk has it, past the cache: for whoever checks it. */
  storedState(): StateReader
  /** Set when this database replaced a damaged one (quarantine.ts). */
  readonly repair: Repair | undefined
  /** The sources are replayed: they are not needed any more. */
  endRepair(): Promise<void>
  /** Blocks kept decoded, within RECENT_BLOCKS_MAX and RECENT_BYTES_MAX. */
  readonly recentBlocks: number
  /** Writes block 0 and its state; once, while `head()` is undefined. */
  initialise(genesisBlock: Block, genesisState: GenesisState, chainPeaks: readonly Hash[]): Promise<void>
  close(): Promise<void>
}

/**
 * Opens `dir`, creating it, and checks what is there.
 * @throws NodeError data-dir-locked, storage-unavailable, storage-other-chain, storage-format or storage-damaged
 */
export async function openChainStore(
  dir: string,
  genesisHash: GenesisHash,
  limits: WireLimits,
): Promise<OpenedChainStore> {
  await completeQuarantine(dir)
  const lock = await lockDataDir(dir, () => openDatabase(join(dir, CHAIN_DIR)))
  try {
    return await createChainStore(lock.holder, genesisHash, limits, lock.release)
  } catch (error) {
    await lock.holder.close()
    await lock.release()
    throw error
  }
}

/** The same over any database; `release` runs after it is closed. */
export async function createChainStore(
  database: Database,
  genesisHash: GenesisHash,
  limits: WireLimits,
  release: () => Promise<void> = async () => {},
): Promise<OpenedChainStore> {
  await claimDatabase(database, genesisHash)
  const chain = await checkChain(database, limits)
  const tail = await loadUncommitted(database, limits)
  const repair = loadRepair(database)
  const store = new DatabaseChainStore(database, limits, { chain, tail, repair }, release)
  await store.dropStale()
  return store
}

interface Checked {
  readonly chain: CheckedChain | undefined
  readonly tail: readonly Block[]
  readonly repair: Repair | undefined
}

class DatabaseChainStore implements OpenedChainStore {
  readonly mirror: SafetyMirror
  readonly #database: Database
  readonly #limits: WireLimits
  readonly #release: () => Promise<void>
  readonly #state: StateCache
  readonly #recent = new RecentBlocks()
  readonly #uncommitted: UncommittedBlocks
  #head: HeadRecord | undefined
  #oldest: Height | undefined
  #repair: Repair | undefined
  #committing = false
  #failure: unknown

  constructor(database: Database, limits: WireLimits, { chain, tail, repair }: Checked, release: () => Promise<void>) {
    this.#database = database
    this.#limits = limits
    this.#release = release
    this.#state = new StateCache(database)
    this.#head = chain?.head
    this.#oldest = chain?.oldest
    this.#repair = repair
    for (const stored of chain?.recent ?? []) this.#recent.add(stored)
    this.#uncommitted = new UncommittedBlocks(database, tail)
    this.mirror = {
      read: () => database.get(SAFETY_MIRROR_KEY),
      write: (bytes, sync) => database.write([{ type: 'put', key: SAFETY_MIRROR_KEY, value: bytes }], sync),
      // Only genesis has no certificate. A database that replaced another is never a new one: this node may have signed.
      isChainEmpty: () =>
        this.#head?.certificate === undefined && this.#uncommitted.size === 0 && this.#repair === undefined,
    }
  }

  head(): StoredHead | undefined {
    return this.#head
  }

  oldestHeight(): Height {
    assert(this.#oldest !== undefined, 'genesis is committed first')
    return this.#oldest
  }

  state(): StateReader {
    return this.#state
  }

  storedState(): StateReader {
    return { get: (key) => this.#database.get(valueKey(key)), node: (path) => this.#database.get(nodeKey(path)) }
  }

  async initialise(genesisBlock: Block, genesisState: GenesisState, chainPeaks: readonly Hash[]): Promise<void> {
    assert(this.#head === undefined, 'a chain is initialised once')
    const { writes, stateRoot, receiptsRoot } = genesisState
    const record = {
      block: genesisBlock,
      writes,
      receipts: [],
      transactionIds: [],
      stateRoot,
      receiptsRoot,
      chainPeaks,
    }
    await this.#write([record], headAfter(record, rootNodeSumOf(writes.nodes.get(''))))
    this.#oldest = genesisBlock.proposal.header.height
  }

  async commit(records: readonly CommitRecord[], certificate: QC): Promise<void> {
    const last = this.#checkRecords(records, certificate)
    let rootNode = this.#state.node('')
    for (const { writes } of records) rootNode = writes.nodes.has('') ? writes.nodes.get('') : rootNode
    await this.#write(records, headAfter(last, rootNodeSumOf(rootNode), certificate))
  }

  /** Contiguous, linked by id and by the roots each header states of its parent. */
  #checkRecords(records: readonly CommitRecord[], certificate: QC): CommitRecord {
    assert(this.#head !== undefined, 'genesis is committed first')
    let height: number = this.#head.height
    let parent = this.blockAt(this.#head.height)
    let last: CommitRecord | undefined
    for (const record of records) {
      const { header } = record.block.proposal
      height += 1
      assert(header.height === height, `height ${header.height} is committed where ${height} is next`)
      assert(header.parentId === parent?.block.id, 'a committed block follows the one before it')
      assert(header.stateRoot === parent.stateRoot, 'a committed header states the state root of its parent')
      assert(header.receiptsRoot === parent.receiptsRoot, 'a committed header states the receipts root of its parent')
      assert(blockIdOf(header) === record.block.id, 'a block id is the hash of its header')
      parent = record
      last = record
    }
    assert(last !== undefined, 'a commit has blocks')
    assert(certificate.parentId === last.block.id, 'the certificate is of a child of the last block committed')
    return last
  }

  async #write(records: readonly CommitRecord[], head: HeadRecord): Promise<void> {
    assert(!this.#committing, 'one commit at a time')
    if (this.#failure !== undefined) throw this.#failure
    this.#committing = true
    const stale = this.#uncommitted.upTo(head.height)
    const operations = records.flatMap(operationsOf)
    operations.push(...stale.map(deletionOf))
    operations.push({ type: 'put', key: HEAD_KEY, value: encodeHead(head) })
    // LevelDB shows the batch before the promise resolves: until then readers get the height before (PITFALLS, 43).
    const before = this.#database.snapshot()
    this.#state.readFrom(before)
    try {
      await this.#database.write(operations, true)
    } catch (error) {
      // Whether it reached the disk is not known: readers stay at the height before, and there is no next commit.
      this.#failure = error
      throw error
    } finally {
      this.#committing = false
    }
    // From here to the end of the block nothing else runs: readers see all of the new height at once.
    this.#state.readFrom(this.#database)
    for (const record of records) {
      this.#state.apply(record.writes)
      const { block, receipts, transactionIds, stateRoot, receiptsRoot, chainPeaks } = record
      this.#recent.add({ block, receipts, transactionIds, stateRoot, receiptsRoot, chainPeaks })
    }
    this.#uncommitted.forget(stale)
    this.#head = head
    await before.close()
  }

  async prune(below: Height): Promise<void> {
    const oldest = this.oldestHeight()
    assert(this.#head !== undefined && below + CHECKED_BLOCKS <= this.#head.height, 'the last blocks are kept')
    const blocks: StoredBlock[] = []
    for (let height: number = oldest; height < below; height++) {
      const stored = this.blockAt(height as Height)
      if (stored !== undefined) blocks.push(stored)
    }
    if (blocks.length === 0) return
    // First for the readers: LevelDB shows a deletion before it is told, and what is gone must count as pruned, not as lost.
    this.#oldest = below
    this.#recent.forgetBelow(below)
    await this.#database.write(pruningOf(blocks, below), false)
  }

  compactPruned(): Promise<void> {
    return this.#database.compact({ from: blockKey(0), to: blockKey(this.oldestHeight()) })
  }

  get repair(): Repair | undefined {
    return this.#repair
  }

  async endRepair(): Promise<void> {
    const repair: Repair = { sources: [] }
    await this.#database.write([{ type: 'put', key: REPAIR_KEY, value: encodeRepair(repair) }], true)
    this.#repair = repair
  }

  get recentBlocks(): number {
    return this.#recent.size
  }

  holdState(): HeldState {
    assert(!this.#committing, 'a state is held between commits')
    return heldStateOf(this.#database.snapshot())
  }

  blockAt(height: Height): StoredBlock | undefined {
    if (this.#head === undefined || this.#oldest === undefined) return undefined
    if (height > this.#head.height || height < this.#oldest) return undefined
    const stored = this.#recent.at(height) ?? loadBlock(this.#database, height, this.#limits)
    // Never a silent gap: what lies between the oldest and the head is there, or it is lost.
    if (stored === undefined) throw damaged(`the block at height ${height} is missing`)
    return stored
  }

  blockById(id: BlockId): StoredBlock | undefined {
    const height = loadHeight(this.#database, id)
    return height === undefined ? undefined : this.blockAt(height)
  }

  transactionAt(id: Hash): TransactionPlace | undefined {
    const bytes = this.#database.get(transactionKey(id))
    if (bytes === undefined || this.#head === undefined) return undefined
    const place = orDamaged(decodePlace(bytes), `the place of transaction ${id}`)
    if (place.height < this.oldestHeight()) return undefined
    return place.height > this.#head.height ? undefined : place
  }

  async saveBlock(block: Block): Promise<void> {
    if (this.#head !== undefined && block.proposal.header.height <= this.#head.height) return
    await this.#uncommitted.save(block)
  }

  deleteBlocks(blockIds: readonly BlockId[]): Promise<void> {
    return this.#uncommitted.delete(blockIds)
  }

  uncommitted(): readonly Block[] {
    return this.#uncommitted.list()
  }

  async dropStale(): Promise<void> {
    if (this.#head !== undefined) await this.deleteBlocks(this.#uncommitted.upTo(this.#head.height))
  }

  async close(): Promise<void> {
    await this.#database.close()
    await this.#release()
  }
}

/** What makes a database whose state is that after `record` a chain that begins there. `rootNode`: as stored. */
export function beginningAt(record: CommitRecord, rootNode: Uint8Array | undefined, certificate: QC): WriteOp[] {
  const head = headAfter(record, rootNodeSumOf(rootNode), certificate)
  return [
    ...operationsOf(record),
    { type: 'put', key: OLDEST_KEY, value: encodeHeight(head.height) },
    { type: 'put', key: HEAD_KEY, value: encodeHead(head) },
  ]
}

function headAfter(record: CommitRecord, rootNodeSum: Hash, certificate?: QC): HeadRecord {
  const { block, stateRoot } = record
  const { height } = block.proposal.header
  return { height, blockId: block.id, stateRoot, rootNodeSum, ...(certificate && { certificate }) }
}

function operationsOf(record: CommitRecord): WriteOp[] {
  const { block, writes, transactionIds } = record
  const { height } = block.proposal.header
  const operations: WriteOp[] = [
    { type: 'put', key: blockKey(height), value: encodeStoredBlock(record) },
    { type: 'put', key: blockHeightKey(block.id), value: encodeHeight(height) },
  ]
  transactionIds.forEach((id, index) => {
    operations.push({ type: 'put', key: transactionKey(id), value: encodePlace({ height, index }) })
  })
  for (const [key, value] of writes.values) operations.push(writeOf(valueKey(key), value))
  for (const [path, node] of writes.nodes) operations.push(writeOf(nodeKey(path), node))
  return operations
}

function writeOf(key: Uint8Array, value: Uint8Array | undefined): WriteOp {
  return value === undefined ? { type: 'del', key } : { type: 'put', key, value }
}
