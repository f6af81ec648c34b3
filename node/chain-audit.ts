// A whole database read and checked: every record, every link, root, index entry and state value. For `scoville db` and for a
// node that met damage. Names what it finds and goes on; changes nothing. About a minute for a million transactions.

import type { CertificateVerifier } from '../consensus/certificates.ts'
import type { ValidatorSet } from '../consensus/validators.ts'
import type { WireLimits } from '../consensus/wire.ts'
import { type Hash, hashToBytes, ZERO_HASH } from '../crypto/bytes.ts'
import { appendPeak, merkleRoot, peaksRoot } from '../crypto/merkle.ts'
import type { Genesis } from '../genesis/genesis.ts'
import type { Application } from '../ledger/application.ts'
import { auditState, WHOLE_STATE } from '../ledger/state-audit.ts'
import { NodeError } from './fault.ts'
import type { StoredBlock } from './ports.ts'
import { faultOf } from './replay.ts'
import {
  decodeHead,
  decodeHeight,
  decodePlace,
  decodeStoredBlock,
  decodeUncommitted,
  type HeadRecord,
} from './storage/block-record.ts'
import { walk } from './storage/chain-check.ts'
import type { Database } from './storage/database.ts'
import {
  blockHeightKey,
  blocksFrom,
  describeKey,
  HEAD_KEY,
  keyAfter,
  nodeKey,
  OLDEST_KEY,
  TABLES,
  transactionKey,
  valueKey,
} from './storage/keys.ts'

/** Findings that are named; more are counted only. */
export const FINDINGS_NAMED_MAX = 64
const SCANNED_MAX = 256

export interface AuditContext {
  readonly genesis: Genesis
  readonly validators: ValidatorSet
  readonly limits: WireLimits
  readonly certificates: CertificateVerifier
  readonly app: Pick<Application, 'decode'>
  /** What is being read, and how many entries of it were. */
  readonly onProgress: (what: string, entries: number) => void
}

export interface TableSize {
  readonly name: string
  readonly entries: number
  /** Keys and values, as the node wrote them. */
  readonly bytes: number
}

export interface ChainAudit {
  readonly head: HeadRecord | undefined
  /** Lowest height held. */
  readonly oldest: number | undefined
  /** Blocks from the oldest up to here are whole and linked. */
  readonly goodTo: number | undefined
  readonly transactions: number
  readonly tables: readonly TableSize[]
  readonly findings: readonly string[]
  readonly findingCount: number
}

/** @throws NodeError only when the database cannot be read at all */
export async function auditChain(database: Database, context: AuditContext): Promise<ChainAudit> {
  const audit = new Audit(database, context)
  for (const table of TABLES) await audit.table(table)
  await audit.head()
  await audit.state()
  return audit.result()
}

/** Entries and bytes only: nothing is checked but what LevelDB and the checksums refuse. @throws NodeError storage-damaged */
export async function measureTables(
  database: Database,
  limits: WireLimits,
): Promise<Pick<ChainAudit, 'head' | 'oldest' | 'tables'>> {
  const tables: TableSize[] = []
  for (const { name, range } of TABLES) {
    let [entries, bytes] = [0, 0]
    for await (const [key, value] of walk(database, range)) {
      entries += 1
      bytes += key.length + value.length
    }
    tables.push({ name, entries, bytes })
  }
  const stored = database.get(HEAD_KEY)
  const head = stored && decodeHead(stored, limits)
  const [first] = await database.entries(blocksFrom(0), 1)
  const block = first && decodeStoredBlock(first[1], limits)
  return {
    head: head?.ok === true ? head.value : undefined,
    oldest: block?.ok === true ? block.value.block.proposal.header.height : undefined,
    tables,
  }
}

class Audit {
  readonly #database: Database
  readonly #context: AuditContext
  readonly #findings: string[] = []
  #findingCount = 0
  readonly #tables: TableSize[] = []
  #parent: StoredBlock | undefined
  #oldest: number | undefined
  #goodTo: number | undefined
  #transactions = 0
  #head: HeadRecord | undefined

  constructor(database: Database, context: AuditContext) {
    this.#database = database
    this.#context = context
    const bytes = this.#get(HEAD_KEY)
    const head = bytes && decodeHead(bytes, context.limits)
    if (head?.ok === true) this.#head = head.value
  }

  async table({ name, range }: (typeof TABLES)[number]): Promise<void> {
    let { from } = range
    let [entries, bytes] = [0, 0]
    for (;;) {
      const chunk = await this.#scan(name, { from, to: range.to })
      for (const [key, value] of chunk) {
        entries += 1
        bytes += key.length + (value?.length ?? 0)
        if (value === undefined) this.#find(`the value of ${describeKey(key)} is not what was written`)
        else if (this.#get(key) === undefined) this.#find(`${describeKey(key)} is listed and not found`)
        else this.#record(name, key, value)
      }
      this.#context.onProgress(name, entries)
      const last = chunk.at(-1)
      if (last === undefined || chunk.length < SCANNED_MAX) break
      from = keyAfter(last[0])
    }
    this.#tables.push({ name, entries, bytes })
  }

  async #scan(
    name: string,
    range: { from: Uint8Array; to: Uint8Array },
  ): Promise<[Uint8Array, Uint8Array | undefined][]> {
    try {
      return await this.#database.scan(range, SCANNED_MAX)
    } catch (error) {
      if (!(error instanceof NodeError)) throw error
      this.#find(`the ${name} from ${describeKey(range.from)} on cannot be read: ${error.message}`)
      return []
    }
  }

  #record(table: string, key: Uint8Array, value: Uint8Array): void {
    if (table === 'blocks') return this.#block(key, value)
    if (table !== 'uncommitted blocks') return
    const decoded = decodeUncommitted(value, this.#context.limits)
    if (!decoded.ok) return this.#find(`${describeKey(key)} does not decode (${decoded.detail})`)
    if (describeKey(key) !== `uncommitted block ${decoded.value.id}`) this.#find(`${describeKey(key)} is another block`)
  }

  #block(key: Uint8Array, value: Uint8Array): void {
    const decoded = decodeStoredBlock(value, this.#context.limits)
    if (!decoded.ok) return this.#find(`${describeKey(key)} does not decode (${decoded.detail})`)
    const stored = decoded.value
    const parent = this.#parent
    const { height } = stored.block.proposal.header
    const found = this.#findingCount
    if (describeKey(key) !== `the block at height ${height}`) this.#find(`${describeKey(key)} says ${height}`)
    this.#oldest ??= height
    if (parent !== undefined) this.#linked(stored, parent)
    else if (height === this.#context.genesis.initialHeight && stored.block.id !== this.#context.genesis.block.id) {
      this.#find(`block ${height} is not the genesis block`)
    }
    this.#contents(stored, height)
    const follows = this.#goodTo === undefined ? height === this.#oldest : height === this.#goodTo + 1
    if (this.#findingCount === found && follows) this.#goodTo = height
    this.#parent = stored
    this.#transactions += stored.transactionIds.length
  }

  #linked(stored: StoredBlock, parent: StoredBlock): void {
    const { header } = stored.block.proposal
    const above = parent.block.proposal.header.height
    if (header.height > above + 1) {
      const missing =
        header.height === above + 2 ? `block ${above + 1} is` : `blocks ${above + 1} to ${header.height - 1} are`
      return this.#find(`${missing} missing`)
    }
    const fault = faultOf(stored.block, parent.block, {
      genesisHash: this.#context.genesis.genesisHash,
      validators: this.#context.validators,
    })
    if (fault !== undefined) this.#find(`block ${header.height} ${fault}`)
    if (header.stateRoot !== parent.stateRoot || header.receiptsRoot !== parent.receiptsRoot) {
      this.#find(`block ${header.height} does not confirm the roots stored at height ${above}`)
    }
    const leaves = above - this.#context.genesis.initialHeight + 1
    if (header.chainRoot !== peaksRoot(parent.chainPeaks, leaves)) {
      this.#find(`block ${header.height} does not confirm the accumulator stored at height ${above}`)
    }
    if (appendPeak(parent.chainPeaks, leaves, hashToBytes(stored.block.id)).join() !== stored.chainPeaks.join()) {
      this.#find(`the accumulator stored at height ${header.height} does not follow the one before it`)
    }
  }

  #contents({ block, receipts, receiptsRoot, transactionIds }: StoredBlock, height: number): void {
    if (merkleRoot(receipts) !== receiptsRoot)
      this.#find(`the receipts of block ${height} do not have its receipts root`)
    const index = this.#get(blockHeightKey(block.id))
    const at = index && decodeHeight(index)
    if (at?.ok !== true || at.value !== height) this.#find(`the index does not lead to block ${height} (${block.id})`)
    const { items } = block.proposal.payload
    if (items.length !== transactionIds.length)
      this.#find(`block ${height} has ${transactionIds.length} transaction ids`)
    for (const [position, id] of transactionIds.entries()) this.#transaction(id, items[position], height, position)
  }

  #transaction(id: Hash, item: Uint8Array | undefined, height: number, position: number): void {
    const decoded = item && this.#context.app.decode(item)
    if (decoded?.ok !== true || decoded.value.id !== id) {
      return this.#find(`transaction ${position} of block ${height} is not ${id}`)
    }
    const bytes = this.#get(transactionKey(id))
    const place = bytes && decodePlace(bytes)
    if (place?.ok !== true || place.value.height !== height || place.value.index !== position) {
      this.#find(`the index does not lead to transaction ${id} in block ${height}`)
    }
  }

  async head(): Promise<void> {
    const head = this.#head
    const tip = this.#parent
    // Nothing was committed yet, not even block 0.
    if (head === undefined && this.#get(HEAD_KEY) === undefined && this.#entries('blocks') === 0) return
    if (head === undefined) return this.#find('the head is missing or does not decode')
    const top = tip?.block.proposal.header.height
    if (tip === undefined || top !== head.height) {
      return this.#find(`the head is at height ${head.height}, the last block at ${top ?? 'none'}`)
    }
    if (tip.block.id !== head.blockId || tip.stateRoot !== head.stateRoot)
      this.#find('the head is not of the last block')
    const { certificate } = head
    if (certificate === undefined) {
      if (tip.block.id !== this.#context.genesis.block.id)
        this.#find(`nothing certifies the head, height ${head.height}`)
    } else if (certificate.parentId !== head.blockId || certificate.view !== certificate.parentView + 1) {
      this.#find('the head certificate does not commit the head')
    } else {
      const verified = await this.#context.certificates.verifyQC(certificate)
      if (!verified.ok) this.#find(`the head certificate is ${verified.rejection.kind}`)
    }
    const stated = this.#get(OLDEST_KEY)
    const oldest = stated === undefined ? this.#context.genesis.initialHeight : decodedHeight(stated)
    if (oldest !== this.#oldest) this.#find(`the oldest height is ${oldest}, the first block is at ${this.#oldest}`)
    const blocks = this.#entries('blocks')
    if (this.#entries('block ids') !== blocks) this.#find(`${this.#entries('block ids')} block ids of ${blocks} blocks`)
    if (this.#entries('transactions') !== this.#transactions) {
      this.#find(`${this.#entries('transactions')} index entries of ${this.#transactions} transactions`)
    }
  }

  async state(): Promise<void> {
    const root = this.#parent?.stateRoot ?? ZERO_HASH
    const reader = {
      get: (key: string) => this.#database.get(valueKey(key)),
      node: (path: string) => this.#database.get(nodeKey(path)),
    }
    const walk = auditState(reader, root, WHOLE_STATE)
    let step = walk.next()
    for (let pages = 1; step.done !== true; step = walk.next(), pages++) {
      if (pages % SCANNED_MAX !== 0) continue
      this.#context.onProgress('the state tree', step.value)
      await new Promise(setImmediate)
    }
    const { values, pages, faults, faultCount } = step.value
    for (const fault of faults) this.#find(fault)
    this.#findingCount += faultCount - faults.length
    // Without faults every leaf and page was met: what is more is a record that nothing commits to.
    if (faultCount > 0) return
    if (this.#entries('state values') !== values)
      this.#find(`${this.#entries('state values')} values of ${values} leaves`)
    if (this.#entries('state pages') !== pages)
      this.#find(`${this.#entries('state pages')} state pages, ${pages} in the tree`)
  }

  result(): ChainAudit {
    return {
      head: this.#head,
      oldest: this.#oldest,
      goodTo: this.#goodTo,
      transactions: this.#transactions,
      tables: this.#tables,
      findings: this.#findings,
      findingCount: this.#findingCount,
    }
  }

  #entries(name: string): number {
    return this.#tables.find((table) => table.name === name)?.entries ?? 0
  }

  /** A value that does not check counts as missing; the scan of its table names it. */
  #get(key: Uint8Array): Uint8Array | undefined {
    try {
      return this.#database.get(key)
    } catch (error) {
      if (error instanceof NodeError) return undefined
      throw error
    }
  }

  #find(what: string): void {
    this.#findingCount += 1
    if (this.#findings.length < FINDINGS_NAMED_MAX) this.#findings.push(what)
  }
}

function decodedHeight(bytes: Uint8Array): number | undefined {
  const decoded = decodeHeight(bytes)
  return decoded.ok ? decoded.value : undefined
}
