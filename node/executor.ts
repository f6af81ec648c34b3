// Speculative execution of uncommitted blocks and their atomic commit; builds the blocks this node proposes.
// Owns what a header says of its parent: state root, receipts root, chain root. Never votes, sends or reads a clock.
// An execution is kept until its block commits or is pruned, so the core's bound on uncommitted blocks bounds it.

import { certificateHash, evidenceRootOf, leadersHashEmpty, payloadRootOf } from '../consensus/preimages.ts'
import { HEADER_VERSION, PAYLOAD_TRANSACTIONS } from '../consensus/proposal-check.ts'
import type { Block, BlockId, Header, Height, QC, TC, UnsignedBlock, ValidatorIndex, View } from '../consensus/types.ts'
import type { ValidatorSet } from '../consensus/validators.ts'
import { blockIdOf } from '../consensus/wire.ts'
import { assert } from '../crypto/assert.ts'
import { type Hash, hashToBytes, ZERO_HASH } from '../crypto/bytes.ts'
import { appendPeak, peaksRoot } from '../crypto/merkle.ts'
import type {
  Application,
  BlockContext,
  DecodedTransaction,
  Executed,
  PayloadLimits,
  StateReader,
} from '../ledger/application.ts'
import type { ChainStore, CommitRecord } from './ports.ts'
import type { Verifier } from './verifier.ts'

export interface ExecutorDeps {
  readonly app: Application
  readonly store: ChainStore
  readonly verifier: Verifier
  readonly validators: ValidatorSet
  readonly limits: PayloadLimits
  readonly initialHeight: number
}

/** What the children of a block must say of it. */
interface Outlook {
  readonly height: number
  readonly stateRoot: Hash
  readonly receiptsRoot: Hash
  readonly chainPeaks: readonly Hash[]
}

interface Execution extends Outlook {
  readonly block: Block
  readonly executed: Executed
  readonly transactionIds: readonly Hash[]
}

/** Why a block is invalid: for the log. */
export type BlockVerdict = { readonly valid: true } | { readonly valid: false; readonly reason: string }

export interface BuildRequest {
  readonly view: View
  readonly parent: Block
  readonly justify: QC
  readonly tc?: TC
  readonly proposer: ValidatorIndex
  readonly timestampMs: number
  readonly candidates: (parent: StateReader) => Iterable<DecodedTransaction>
}

export interface Built {
  readonly block: UnsignedBlock
  /** Candidates that can no longer execute. */
  readonly dropped: readonly Hash[]
}

export class Executor {
  readonly #deps: ExecutorDeps
  readonly #executions = new Map<BlockId, Execution>()

  constructor(deps: ExecutorDeps) {
    this.#deps = deps
  }

  get pending(): number {
    return this.#executions.size
  }

  /** An executed block whose commit is not on disk yet. */
  blockOf(id: BlockId): Block | undefined {
    return this.#executions.get(id)?.block
  }

  /** The transactions of an executed, uncommitted block. */
  transactionsOf(id: BlockId): readonly Hash[] | undefined {
    return this.#executions.get(id)?.transactionIds
  }

  /** State after a block: the writes of its uncommitted ancestors over the store's. Follows what commits meanwhile. */
  stateAfter(id: BlockId): StateReader {
    const executions = this.#executions
    const { store } = this.#deps
    const find = (from: BlockId, map: 'values' | 'nodes', key: string): Uint8Array | undefined => {
      for (let at = executions.get(from); at !== undefined; at = executions.get(at.block.proposal.header.parentId)) {
        const written = at.executed.writes[map]
        const value = written.get(key)
        if (value !== undefined || written.has(key)) return value
      }
      return map === 'values' ? store.state().get(key) : store.state().node(key)
    }
    return { get: (key) => find(id, 'values', key), node: (path) => find(id, 'nodes', path) }
  }

  /** Checks what the header says of the parent, the signatures, and every transaction; deterministic for all nodes. */
  async execute(block: Block): Promise<BlockVerdict> {
    if (this.#executions.has(block.id)) return { valid: true }
    const { app, verifier, limits } = this.#deps
    const { header, payload } = block.proposal
    const parent = this.#outlook(header.parentId)
    if (header.height !== parent.height + 1) return invalid(`height ${header.height} on a parent at ${parent.height}`)
    if (header.stateRoot !== parent.stateRoot) return invalid('stateRoot is not that of the parent')
    if (header.receiptsRoot !== parent.receiptsRoot) return invalid('receiptsRoot is not that of the parent')
    if (header.chainRoot !== this.#chainRoot(parent)) return invalid('chainRoot is not that of the ancestors')
    const decoded: DecodedTransaction[] = []
    const unverified: DecodedTransaction[] = []
    for (const item of payload.items) {
      const known = verifier.find(item)
      const outcome = known === undefined ? app.decode(item) : ({ ok: true, value: known } as const)
      if (!outcome.ok) return invalid(`a transaction is ${outcome.refusal.kind}`)
      decoded.push(outcome.value)
      if (known === undefined && !verifier.isVerified(outcome.value)) unverified.push(outcome.value)
    }
    // A verifier without room is busy with what can wait; a block's signatures cannot.
    const verdicts = (await verifier.verify(unverified, 'block')) ?? app.verify(unverified)
    if (verdicts.includes(false)) return invalid('a bad signature')
    const state = this.stateAfter(header.parentId)
    const checked = new Set(decoded)
    const isVerified = (transaction: DecodedTransaction) => checked.has(transaction) || verifier.isVerified(transaction)
    const outcome = app.execute(state, this.#context(header), payload.items, limits, isVerified, decoded)
    if (!outcome.ok) return invalid(`transaction ${outcome.refusal.index} is ${outcome.refusal.refusal.kind}`)
    const { stateRoot, receiptsRoot, transactions } = outcome.value
    this.#executions.set(block.id, {
      block,
      executed: outcome.value,
      height: header.height,
      stateRoot,
      receiptsRoot,
      chainPeaks: appendPeak(parent.chainPeaks, this.#leavesUpTo(parent.height), hashToBytes(block.id)),
      transactionIds: transactions.map((transaction) => transaction.id),
    })
    return { valid: true }
  }

  build(request: BuildRequest): Built {
    const { app, limits, validators } = this.#deps
    const { view, parent, justify, tc, proposer } = request
    const outlook = this.#outlook(parent.id)
    const above = parent.proposal.header
    const timestampMs = Math.max(request.timestampMs, above.timestampMs + 1)
    const height = (above.height + 1) as Height
    const place = { height, epoch: validators.epoch, view, timestampMs, proposer }
    const state = this.stateAfter(parent.id)
    const built = app.build(state, this.#context(place), request.candidates(state), limits)
    const payload = { kind: PAYLOAD_TRANSACTIONS, items: built.items }
    const header: Header = {
      version: HEADER_VERSION,
      supports: HEADER_VERSION,
      phase: 0,
      genesisHash: above.genesisHash,
      ...place,
      parentId: parent.id,
      justifyHash: certificateHash(justify),
      tcHash: tc === undefined ? ZERO_HASH : certificateHash(tc),
      payloadRoot: payloadRootOf(payload),
      stateRoot: outlook.stateRoot,
      receiptsRoot: outlook.receiptsRoot,
      chainRoot: this.#chainRoot(outlook),
      leadersHash: leadersHashEmpty,
      epochHash: validators.epochHash,
      nextEpochHash: ZERO_HASH,
      evidenceRoot: evidenceRootOf([]),
    }
    const proposal = { header, payload, evidence: [], justify, ...(tc === undefined ? {} : { tc }) }
    return { block: { id: blockIdOf(header), proposal }, dropped: built.dropped.filter(isHopeless).map(({ id }) => id) }
  }

  /** Writes blocks that were executed, oldest first, in one batch; they stay readable through `stateAfter` throughout. */
  async commit(blocks: readonly Block[], certificate: QC): Promise<readonly CommitRecord[]> {
    const records = blocks.map((block): CommitRecord => {
      const execution = this.#executions.get(block.id)
      assert(execution !== undefined, 'a block is executed before it commits')
      const { executed, transactionIds, stateRoot, receiptsRoot, chainPeaks } = execution
      const { writes, receipts } = executed
      return { block, writes, receipts, transactionIds, stateRoot, receiptsRoot, chainPeaks }
    })
    await this.#deps.store.commit(records, certificate)
    for (const block of blocks) this.#executions.delete(block.id)
    return records
  }

  /** Next sequence of every lane that a committed block moved: what the mempool has to forget. */
  lanesOf(block: Block): ReadonlyMap<string, bigint> {
    const lanes = new Map<string, bigint>()
    for (const { lane, sequence } of this.#executions.get(block.id)?.executed.transactions ?? []) {
      lanes.set(lane, sequence + 1n)
    }
    return lanes
  }

  prune(ids: readonly BlockId[]): void {
    for (const id of ids) this.#executions.delete(id)
  }

  #outlook(id: BlockId): Outlook {
    const execution = this.#executions.get(id)
    if (execution !== undefined) return execution
    const stored = this.#deps.store.blockById(id)
    assert(stored !== undefined, 'a parent was executed or is committed')
    return { ...stored, height: stored.block.proposal.header.height }
  }

  /** Leaves of the chain accumulator with the block at `height` in it; leaf 0 is the genesis block. */
  #leavesUpTo(height: number): number {
    return height - this.#deps.initialHeight + 1
  }

  #chainRoot(parent: Outlook): Hash {
    return peaksRoot(parent.chainPeaks, this.#leavesUpTo(parent.height))
  }

  #context(at: Pick<Header, 'height' | 'epoch' | 'view' | 'timestampMs' | 'proposer'>): BlockContext {
    const { height, epoch, view, timestampMs, proposer } = at
    return { height, epoch, view, timestampMs, proposer: this.#deps.validators.get(proposer).id }
  }
}

function invalid(reason: string): BlockVerdict {
  return { valid: false, reason }
}

/** On this parent a used nonce may only mean that an uncommitted ancestor has the transaction: the commit will tell. */
function isHopeless({ refusal }: { readonly refusal: { readonly kind: string } }): boolean {
  return refusal.kind !== 'nonce-too-low'
}
