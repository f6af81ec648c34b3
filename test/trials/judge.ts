// What the databases of stopped nodes hold, against what was submitted and what was acknowledged (guarantees 1, 3 and 4):
// one chain on all of them, everything in it exactly once, and every byte of the state as a replay of the plan says.
// Opens the databases itself; no node runs meanwhile. Never mends anything.

import { join } from 'node:path'
import type { Height } from '../../consensus/types.ts'
import type { WireLimits } from '../../consensus/wire.ts'
import { parseTransaction } from '../../ledger/transaction.ts'
import { decodeHead } from '../../node/storage/block-record.ts'
import { loadBlock } from '../../node/storage/chain-check.ts'
import { type Database, openDatabase } from '../../node/storage/database.ts'
import { HEAD_KEY, keyAfter, TABLES } from '../../node/storage/keys.ts'
import type { Cluster } from '../e2e/cluster.ts'
import type { Acknowledgement, Clients } from './clients.ts'
import { BALANCE, FEE, type Plan, transferBytes } from './plan.ts'
import { Replay, type ReplayedTransaction } from './replay.ts'

const SCAN_ENTRIES = 1_000
/** The replay's root is compared at so many heights, evenly spread, and at the last. */
const ROOTS_COMPARED = 20
/** Of each kind; the rest is counted. */
const NAMED_MAX = 5

export interface Verdict {
  readonly nodes: number
  /** Lowest of the nodes'. */
  readonly height: number
  readonly submitted: number
  readonly committed: number
  readonly acknowledged: number
  /** Submitted and in no block. */
  readonly dropped: number
  /** Committed more than once. */
  readonly duplicated: number
  /** Acknowledged runs that are not where a node said. */
  readonly lost: number
  /** Accounts whose bytes were compared on every node. */
  readonly accounts: number
  /** Sentences; none when all is well. */
  readonly violations: readonly string[]
}

interface StoredNode {
  readonly index: number
  readonly database: Database
  readonly height: number
  readonly stateRoot: string
}

/** @param nodes stopped, and at `settledHeight` or above, which holds everything that was submitted */
export async function judge(
  cluster: Cluster,
  nodes: readonly number[],
  plan: Plan,
  clients: Pick<Clients, 'submittedIds' | 'acknowledged' | 'submitted'>,
  settledHeight: number,
): Promise<Verdict> {
  const limits = limitsOf(cluster)
  const stored = await Promise.all(nodes.map((index) => openNode(cluster, index, limits)))
  try {
    const court = new Court(cluster, plan, clients, limits)
    for (const { index, height } of stored) {
      if (height < settledHeight) court.object(`node ${index} ends at height ${height}, below ${settledHeight}`)
    }
    const [first, ...others] = stored
    if (first === undefined) throw new RangeError('no node to judge')
    const chain = court.walk(first)
    for (const other of others) court.compare(first, other, chain)
    for (const node of stored) await court.compareState(node)
    return court.verdict(stored)
  } finally {
    await Promise.all(stored.map(({ database }) => database.close()))
  }
}

function limitsOf({ genesis, keys }: Cluster): WireLimits {
  const { payloadBytesMax, transactionsMax } = genesis.params
  return { validators: keys.length, payloadBytesMax, itemsMax: transactionsMax }
}

async function openNode(cluster: Cluster, index: number, limits: WireLimits): Promise<StoredNode> {
  const database = await openDatabase(join(cluster.dataDir(index), 'chain'))
  const head = decodeHead(database.get(HEAD_KEY) ?? new Uint8Array(0), limits)
  if (!head.ok) throw new Error(`node ${index} has no head: ${head.detail}`)
  return { index, database, height: head.value.height, stateRoot: head.value.stateRoot }
}

interface ChainPoint {
  readonly id: string
  readonly stateRoot: string
}

class Court {
  readonly #cluster: Cluster
  readonly #plan: Plan
  readonly #clients: Pick<Clients, 'submittedIds' | 'acknowledged' | 'submitted'>
  readonly #limits: WireLimits
  readonly #replay: Replay
  readonly #violations: string[] = []
  readonly #counts = new Map<string, number>()
  readonly #senderOf: ReadonlyMap<string, number>
  /** By sender: the acknowledgements of its runs, ascending by nonce. */
  readonly #awaited: Acknowledgement[][]
  /** Nonce that comes next, by sender. */
  readonly #next: number[]
  #committed = 0
  #duplicated = 0
  #lost = 0
  #accounts = 0

  constructor(
    cluster: Cluster,
    plan: Plan,
    clients: Pick<Clients, 'submittedIds' | 'acknowledged' | 'submitted'>,
    limits: WireLimits,
  ) {
    this.#cluster = cluster
    this.#plan = plan
    this.#clients = clients
    this.#limits = limits
    this.#senderOf = new Map(plan.senders.map(({ address }, index) => [address, index]))
    this.#replay = new Replay(plan.senders.map(({ address }) => ({ address, balance: BALANCE })))
    this.#awaited = plan.senders.map(() => [])
    this.#next = plan.senders.map(() => 0)
    for (const told of clients.acknowledged) this.#awaited[told.sender]?.push(told)
  }

  object(sentence: string, kind = sentence): void {
    const count = (this.#counts.get(kind) ?? 0) + 1
    this.#counts.set(kind, count)
    if (count <= NAMED_MAX) this.#violations.push(sentence)
  }

  /** The whole chain of one node, linked, replayed, and compared with what was said. */
  walk({ index, database, height }: StoredNode): ChainPoint[] {
    const chain: ChainPoint[] = []
    const every = Math.max(1, Math.floor(height / ROOTS_COMPARED))
    for (let at = 0; at <= height; at++) {
      const block = loadBlock(database, at as Height, this.#limits)
      if (block === undefined) throw new Error(`node ${index} lacks height ${at} of ${height}`)
      const { header, payload } = block.block.proposal
      if (at > 0 && header.parentId !== chain[at - 1]?.id) this.object(`height ${at} is not linked`, 'link')
      chain.push({ id: block.block.id, stateRoot: block.stateRoot })
      if (at === 0) continue
      const proposer = this.#cluster.keys[header.proposer]?.id
      if (proposer === undefined) throw new Error(`height ${at} has no proposer`)
      const transactions = payload.items.flatMap((item) => this.#take(item, at, block.block.id) ?? [])
      this.#replay.apply(at, proposer, transactions)
      if ((at % every === 0 || at === height) && this.#replay.root() !== block.stateRoot) {
        this.object(`the state root after height ${at} is not that of the replay`, 'root')
      }
    }
    return chain
  }

  /** A committed transaction as the plan has it; undefined when it must not be there. */
  #take(item: Uint8Array, height: number, blockId: string): ReplayedTransaction | undefined {
    const parsed = parseTransaction(item)
    if (!parsed.ok) throw new Error(`height ${height} holds what does not parse`)
    const { id, sender, transaction } = parsed.value
    const nonce = Number(transaction.nonce)
    const index = this.#senderOf.get(sender)
    if (index === undefined || this.#clients.submittedIds[index]?.[nonce] !== id) {
      this.object(`height ${height} holds ${id}, which nobody submitted`, 'foreign')
      return undefined
    }
    const expected = this.#next[index] ?? 0
    if (nonce < expected) {
      this.#duplicated += 1
      this.object(`${id} is committed again at height ${height}`, 'duplicate')
      return undefined
    }
    if (nonce > expected)
      this.object(`${sender}: nonce ${nonce} at height ${height} where ${expected} is next`, 'nonce')
    this.#next[index] = nonce + 1
    this.#committed += 1
    this.#hear(index, nonce, height, blockId)
    const outputs = this.#plan.outputsOf(index, nonce)
    return { id, sender, fee: FEE, weight: transferBytes(outputs.length), outputs }
  }

  #hear(sender: number, nonce: number, height: number, blockId: string): void {
    const awaited = this.#awaited[sender]
    if (awaited?.[0]?.nonce !== nonce) return
    const told = awaited.shift()
    if (told?.height === height && told.blockHash === `0x${blockId}`) return
    this.#lost += 1
    this.object(`sender ${sender}, nonce ${nonce}: said to be at ${told?.height}, is at ${height}`, 'moved')
  }

  compare(first: StoredNode, other: StoredNode, chain: readonly ChainPoint[]): void {
    for (let at = 0; at <= Math.min(first.height, other.height); at++) {
      const block = loadBlock(other.database, at as Height, this.#limits)
      if (block === undefined) throw new Error(`node ${other.index} lacks height ${at} of ${other.height}`)
      const same = chain[at]
      if (block.block.id !== same?.id) {
        this.object(`height ${at} differs between nodes ${first.index} and ${other.index}`, 'fork')
      } else if (block.stateRoot !== same.stateRoot) {
        this.object(`the root at height ${at} differs between nodes ${first.index} and ${other.index}`, 'roots')
      }
    }
  }

  /** Every value of the state, byte by byte and in both directions. */
  async compareState({ index, database, stateRoot }: StoredNode): Promise<void> {
    const wanted = this.#replay.values()
    this.#accounts = wanted.size
    if (stateRoot !== this.#replay.root()) this.object(`node ${index}: its root is not that of the replay`, 'root')
    const range = TABLES.find(({ name }) => name === 'state values')?.range
    if (range === undefined) throw new Error('the database has no table of state values')
    for (let { from } = range; ; ) {
      const entries = await database.entries({ from, to: range.to }, SCAN_ENTRIES)
      for (const [key, value] of entries) {
        // One byte of the key names the table.
        const at = Buffer.from(key).toString('hex', 1)
        if (wanted.get(at) !== Buffer.from(value).toString('hex')) {
          this.object(`node ${index}: state value ${at} is not that of the replay`, 'value')
        }
        wanted.delete(at)
      }
      const last = entries.at(-1)
      if (last === undefined) break
      from = keyAfter(last[0])
    }
    for (const at of wanted.keys()) this.object(`node ${index}: state value ${at} is missing`, 'missing')
  }

  verdict(stored: readonly StoredNode[]): Verdict {
    const { submitted, acknowledged } = this.#clients
    const dropped = submitted - this.#committed
    if (dropped > 0) this.object(`${dropped} of ${submitted} submitted transactions are in no block`)
    for (const [sender, awaited] of this.#awaited.entries()) {
      for (const { nonce, height } of awaited) {
        this.#lost += 1
        this.object(`sender ${sender}, nonce ${nonce}: said to be committed at ${height}, is in no block`, 'lost')
      }
    }
    for (const [kind, count] of this.#counts) {
      if (count > NAMED_MAX) this.#violations.push(`and ${count - NAMED_MAX} more of kind ${kind}`)
    }
    return {
      nodes: stored.length,
      height: Math.min(...stored.map(({ height }) => height)),
      submitted,
      committed: this.#committed,
      acknowledged: acknowledged.reduce((sum, { count }) => sum + count, 0),
      dropped,
      duplicated: this.#duplicated,
      lost: this.#lost,
      accounts: this.#accounts,
      violations: this.#violations,
    }
  }
}
