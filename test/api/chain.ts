// A chain of one process behind the API's ports: the real ledger, real blocks and receipts, a list for a mempool and no
// consensus. A block is made when a test says so. Every answer is what a node would give, so nothing here is faked but time.

import type {
  AccountState,
  ApiPorts,
  Check,
  CommittedBlock,
  CommittedTransaction,
  Pending,
  PendingState,
  Settled,
  SubmitRefusal,
  Submitted,
  ValidatorStatus,
} from '../../api/ports.ts'
import type { BlockId, Epoch, GenesisHash, Header, Height, QC, ValidatorIndex, View } from '../../consensus/types.ts'
import { blockIdOf } from '../../consensus/wire.ts'
import { assert } from '../../crypto/assert.ts'
import { type Hash, ZERO_HASH } from '../../crypto/bytes.ts'
import { type Ed25519KeyPair, keyPairFromSeed } from '../../crypto/ed25519.ts'
import { sha256 } from '../../crypto/hash.ts'
import { readAccount } from '../../ledger/account.ts'
import { addressOf } from '../../ledger/address.ts'
import type { DecodedTransaction, StateReader } from '../../ledger/application.ts'
import { genesisState } from '../../ledger/genesis-state.ts'
import { createLedger } from '../../ledger/ledger.ts'
import { signTransfer } from '../../ledger/transaction.ts'
import { createNoticeBoard } from '../../node/commit-notices.ts'
import { createProofReader } from '../../node/proofs.ts'

export const GENESIS_HASH = 'ab'.repeat(32) as GenesisHash
export const PREFIX = 'scvtest'
export const FEE_MIN = 10n
export const VALID_UNTIL_AHEAD_MAX = 1_000
export const GENESIS_TIME_MS = Date.UTC(2026, 0, 1)
export const BALANCE = 1_000_000n

export interface TestAccount {
  readonly keyPair: Ed25519KeyPair
  readonly address: string
}

export function testAccount(index: number): TestAccount {
  const keyPair = keyPairFromSeed(sha256(Buffer.from(`account ${index}`)))
  return { keyPair, address: addressOf(keyPair.publicKey) }
}

export const ALICE = testAccount(0)
export const BOB = testAccount(1)

export interface Transfer {
  readonly from?: TestAccount
  readonly to?: string
  readonly nonce?: bigint
  readonly amount?: bigint
  readonly fee?: bigint
  readonly validUntil?: number
  readonly genesisHash?: Hash
}

/** A signed transfer from Alice to Bob of 1, with the smallest fee, unless said otherwise. */
export function transfer(wanted: Transfer = {}): { readonly id: Hash; readonly bytes: Uint8Array } {
  return signTransfer({
    genesisHash: wanted.genesisHash ?? GENESIS_HASH,
    nonce: wanted.nonce ?? 0n,
    fee: wanted.fee ?? FEE_MIN,
    validUntil: wanted.validUntil ?? 500,
    outputs: [{ recipient: wanted.to ?? BOB.address, amount: wanted.amount ?? 1n }],
    keyPair: (wanted.from ?? ALICE).keyPair,
  })
}

interface Held {
  readonly transaction: DecodedTransaction
  status: PendingState
}

export interface MemoryChain {
  readonly ports: ApiPorts
  /** Commits everything pending whose turn it is; answers the new height. */
  commit(): number
  /** Lets a pending transaction go. */
  drop(id: Hash, status: Exclude<PendingState, { state: 'pending' }>): void
  /** Forgets the blocks below a height. */
  prune(oldest: number): void
  /** Switches: what the next submissions meet, and what readiness says. */
  readonly settings: {
    countMax: number
    perAccountMax: number
    bytesMax: number
    notReady?: string
    isBehind?: boolean
    checks: Check[]
  }
  /** Waits under way. */
  waiting(): number
  /** Runs inside the next submission, between admission and answer. */
  onSubmitted?: () => void
  submissions: number
}

export function createMemoryChain(): MemoryChain {
  const ledger = createLedger({ genesisHash: GENESIS_HASH, feeMin: FEE_MIN, validUntilAheadMax: VALID_UNTIL_AHEAD_MAX })
  const values = new Map<string, Uint8Array>()
  const nodes = new Map<string, Uint8Array>()
  const state: StateReader = { get: (key) => values.get(key), node: (path) => nodes.get(path) }
  const write = (target: Map<string, Uint8Array>, changes: ReadonlyMap<string, Uint8Array | undefined>): void => {
    for (const [key, value] of changes) {
      if (value === undefined) target.delete(key)
      else target.set(key, value)
    }
  }
  const genesis = genesisState([ALICE, BOB].map(({ address }) => ({ address, balance: BALANCE })))
  write(values, genesis.writes.values)
  write(nodes, genesis.writes.nodes)

  const validators: ValidatorStatus[] = [0, 1, 2, 3].map((index) => {
    const nodeKey = keyPairFromSeed(sha256(Buffer.from(`validator ${index}`))).publicKey
    const blsKey = new Uint8Array(48).fill(index + 1)
    return { index, id: addressOf(nodeKey), power: 1, blsKey, nodeKey, isSelf: index === 0, connected: true }
  })
  const blocks: CommittedBlock[] = []
  const byId = new Map<BlockId, CommittedBlock>()
  const committed = new Map<Hash, CommittedTransaction>()
  const held = new Map<Hash, Held>()
  const listeners = new Map<Hash, Set<(settled: Settled) => void>>()
  const commits = createNoticeBoard()
  let oldest = 0
  const settings: MemoryChain['settings'] = { countMax: 1_000, perAccountMax: 64, bytesMax: 4_096, checks: [] }

  const tip = (): CommittedBlock => {
    const block = blocks.at(-1)
    assert(block !== undefined, 'there is a genesis block')
    return block
  }

  const append = (items: readonly Uint8Array[], ids: readonly Hash[], receipts: readonly Uint8Array[]): void => {
    const height = blocks.length as Height
    const parent = blocks.at(-1)
    const qc = qcOf(parent)
    const header = headerAt(height, parent?.id, genesis.stateRoot)
    const id = blockIdOf(header)
    const proposal = {
      header,
      payload: { kind: 0, items },
      evidence: [],
      justify: qc,
      signature: new Uint8Array(64),
    }
    if (parent !== undefined) {
      const certified = { ...parent, certificate: qc }
      blocks[parent.proposal.header.height] = certified
      byId.set(parent.id, certified)
    }
    const block: CommittedBlock = { id, proposal, transactionIds: ids, receipts }
    blocks.push(block)
    byId.set(id, block)
  }
  append([], [], [])

  /** The child that made the tip final: certified and not yet committed, as on a node. */
  const certified = (): CommittedBlock => {
    const parent = tip()
    const header = headerAt((parent.proposal.header.height + 1) as Height, parent.id, genesis.stateRoot)
    const proposal = { header, payload: { kind: 0, items: [] }, evidence: [], justify: qcOf(parent) }
    const block = { id: blockIdOf(header), proposal: { ...proposal, signature: new Uint8Array(64) } }
    return { ...block, transactionIds: [], receipts: [] }
  }
  const provable = (block: CommittedBlock | undefined) =>
    block === undefined || block.proposal.header.height < oldest ? undefined : { block, receipts: block.receipts }

  const settle = (id: Hash, settled: Settled): void => {
    for (const listener of [...(listeners.get(id) ?? [])]) listener(settled)
  }

  const nextNonce = (lane: string): bigint => {
    let nonce = readAccount(state, lane).nonce
    const pending = pendingOf(lane)
    while (pending.some(({ transaction }) => transaction.sequence === nonce)) nonce++
    return nonce
  }
  const pendingOf = (lane: string): Held[] =>
    [...held.values()].filter(({ transaction, status }) => transaction.lane === lane && status.state === 'pending')

  const admit = (transaction: DecodedTransaction): SubmitRefusal | undefined => {
    if (settings.notReady !== undefined) return { kind: 'not-ready', reason: settings.notReady }
    const refusal = ledger.admit(transaction, state, blocks.length)
    if (refusal !== undefined) return refusal
    if (ledger.verify([transaction])[0] !== true) return { kind: 'bad-signature' }
    const lane = pendingOf(transaction.lane)
    const rival = lane.find((other) => other.transaction.sequence === transaction.sequence)
    if (rival !== undefined) {
      const feeNeeded = rival.transaction.priority + 1n
      return { kind: 'nonce-taken', conflictingId: rival.transaction.id, feeNeeded }
    }
    if (lane.length >= settings.perAccountMax) return { kind: 'account-limit', max: settings.perAccountMax }
    if (held.size >= settings.countMax) return { kind: 'mempool-full', feeNeeded: FEE_MIN + 1n }
    return undefined
  }

  const submitOne = (bytes: Uint8Array): Submitted => {
    chain.submissions++
    if (bytes.length > settings.bytesMax) {
      return { ok: false, refusal: { kind: 'transaction-too-large', max: settings.bytesMax, got: bytes.length } }
    }
    const decoded = ledger.decode(bytes)
    if (!decoded.ok) return { ok: false, refusal: decoded.refusal }
    const transaction = decoded.value
    const { id } = transaction
    const before = committed.get(id)
    if (before !== undefined) return { ok: true, id, duplicate: true, committed: before, queue: 'ready' }
    const known = held.get(id)
    if (known?.status.state === 'pending') return { ok: true, id, duplicate: true, queue: known.status.queue }
    const refusal = admit(transaction)
    if (refusal !== undefined) return { ok: false, id, refusal }
    const queue = transaction.sequence === nextNonce(transaction.lane) ? 'ready' : 'queued'
    held.set(id, { transaction, status: { state: 'pending', queue } })
    return { ok: true, id, duplicate: false, queue }
  }

  const pendingView = ({ transaction, status }: Held): Pending => ({
    id: transaction.id,
    bytes: transaction.bytes,
    status,
  })

  const chain: MemoryChain = {
    settings,
    submissions: 0,
    waiting: () => [...listeners.values()].reduce((sum, waiting) => sum + waiting.size, 0),
    commit() {
      const height = blocks.length as Height
      const candidates = [...held.values()]
        .filter(({ status }) => status.state === 'pending')
        .map(({ transaction }) => transaction)
        .sort((a, b) => Number(a.sequence - b.sequence))
      const limits = { payloadBytesMax: 1_000_000, transactionsMax: 1_000 }
      const proposer = validators[height % validators.length]?.id ?? ''
      const context = { height, epoch: 0, view: height, timestampMs: timeAt(height), proposer }
      const { items } = ledger.build(state, context, candidates, limits)
      const executed = ledger.execute(state, context, items, limits, () => true)
      assert(executed.ok, 'what the ledger builds, it executes')
      const { writes, receipts, transactions } = executed.value
      write(values, writes.values)
      write(nodes, writes.nodes)
      append(
        items,
        transactions.map(({ id }) => id),
        receipts,
      )
      for (const [index, { id, bytes }] of transactions.entries()) {
        const receipt = receipts[index]
        assert(receipt !== undefined, 'each transaction has a receipt')
        const record = { id, bytes, height, index, blockId: tip().id, timestampMs: timeAt(height), receipt }
        committed.set(id, record)
        held.delete(id)
        settle(id, { kind: 'committed', transaction: record })
      }
      commits.notify()
      return height
    },
    drop(id, status) {
      const gone = held.get(id)
      assert(gone !== undefined, 'only what is held can go')
      gone.status = status
      settle(id, { kind: 'gone', status })
    },
    prune(height) {
      oldest = height
    },
    ports: {
      commits,
      chain: {
        info: () => ({
          chainId: 'scoville-test',
          genesisHash: GENESIS_HASH,
          addressPrefix: PREFIX,
          softwareVersion: '0.0.0-test',
          role: 'validator',
        }),
        head: () => {
          const { id, proposal } = tip()
          const { height, view, timestampMs } = proposal.header
          return { height, view, blockId: id, timestampMs, oldestHeight: oldest as Height }
        },
        block: (at) => {
          const block = typeof at === 'number' ? blocks[at] : byId.get(at)
          return block === undefined || block.proposal.header.height < oldest ? undefined : block
        },
        transaction: (id) => committed.get(id),
        account: (address): AccountState => ({ ...readAccount(state, address), height: tip().proposal.header.height }),
        validators: () => validators,
      },
      proofs: createProofReader({
        store: {
          head: () => {
            const { height, blockId } = chain.ports.chain.head()
            return { height, blockId, certificate: qcOf(certified()) }
          },
          blockAt: (height) => provable(blocks[height]),
          blockById: (id) => provable(byId.get(id)),
          transactionAt: (id) => committed.get(id),
          state: () => state,
        },
        uncommitted: (id) => (settings.isBehind ? undefined : [certified()].find((block) => block.id === id)),
      }),
      submitter: {
        submit: async (batch) => {
          const outcomes = batch.map(submitOne)
          chain.onSubmitted?.()
          return outcomes
        },
        pending: (id) => {
          const found = held.get(id)
          return found === undefined ? undefined : pendingView(found)
        },
        nextNonce,
        settled: (id, timeoutMs, signal) =>
          new Promise((resolve, reject) => {
            const waiting = listeners.get(id) ?? new Set()
            listeners.set(id, waiting)
            const end = (): void => {
              waiting.delete(finish)
              clearTimeout(timer)
            }
            const finish = (settled: Settled): void => {
              end()
              resolve(settled)
            }
            const timer = setTimeout(() => finish({ kind: 'timeout' }), timeoutMs)
            waiting.add(finish)
            signal.addEventListener('abort', () => {
              end()
              reject(signal.reason)
            })
          }),
      },
      status: {
        mempool: () => {
          const pending = [...held.values()].filter(({ status }) => status.state === 'pending')
          const ready = pending.filter(({ status }) => status.state === 'pending' && status.queue === 'ready').length
          const bytes = pending.reduce((sum, { transaction }) => sum + transaction.bytes.length, 0)
          const { countMax } = settings
          return { count: pending.length, bytes, ready, queued: pending.length - ready, countMax, bytesMax: 1_000_000 }
        },
        consensus: () => ({
          epoch: 0 as Epoch,
          view: (blocks.length + 1) as View,
          leader: blocks.length % 4,
          highQC: { view: tip().proposal.header.view, blockId: tip().id },
          lockedView: 0 as View,
          lastVotedView: 0 as View,
          highestTimeoutView: 0 as View,
          timeoutMs: 1_000,
          backoff: 0,
          quorum: 3,
          totalPower: 4,
        }),
        checks: () => settings.checks,
        metrics: async () => ({ contentType: 'text/plain; version=0.0.4', body: 'scoville_height 1\n' }),
      },
    },
  }
  return chain
}

function timeAt(height: number): number {
  return GENESIS_TIME_MS + height * 1_000
}

function headerAt(height: Height, parentId: BlockId | undefined, stateRoot: Hash): Header {
  return {
    version: 1,
    supports: 1,
    phase: 0,
    genesisHash: GENESIS_HASH,
    epoch: 0 as Epoch,
    view: height as number as View,
    height,
    parentId: parentId ?? (ZERO_HASH as BlockId),
    justifyHash: ZERO_HASH,
    tcHash: ZERO_HASH,
    proposer: (height % 4) as ValidatorIndex,
    timestampMs: timeAt(height),
    payloadRoot: ZERO_HASH,
    stateRoot,
    receiptsRoot: ZERO_HASH,
    chainRoot: ZERO_HASH,
    leadersHash: ZERO_HASH,
    epochHash: ZERO_HASH,
    nextEpochHash: ZERO_HASH,
    evidenceRoot: ZERO_HASH,
  }
}

/** Shaped like a certificate of validators 0, 1 and 3; the API does not verify. */
function qcOf(block: CommittedBlock | undefined): QC {
  const header = block?.proposal.header
  return {
    epoch: 0 as Epoch,
    view: header?.view ?? (0 as View),
    blockId: block?.id ?? (ZERO_HASH as BlockId),
    parentView: block?.proposal.justify.view ?? (0 as View),
    parentId: header?.parentId ?? (ZERO_HASH as BlockId),
    signers: Uint8Array.of(0b1011),
    signature: new Uint8Array(96).fill(7),
  }
}
