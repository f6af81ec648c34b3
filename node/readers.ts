// What the API may see of the node: committed state at one height, the consensus state, and named readiness checks.
// Reads only. Nothing uncommitted is visible through the chain reader.

import type {
  AccountState,
  ChainInfo,
  ChainReader,
  Check,
  CommittedBlock,
  CommittedTransaction,
  ConsensusInfo,
  Head,
  NodeStatus,
  ValidatorStatus,
} from '../api/ports.ts'
import type { CoreState } from '../consensus/state.ts'
import type { BlockId, Height, View } from '../consensus/types.ts'
import type { ValidatorSet } from '../consensus/validators.ts'
import { assert } from '../crypto/assert.ts'
import { type Hash, isHash } from '../crypto/bytes.ts'
import { readAccount } from '../ledger/account.ts'
import type { Mempool } from '../mempool/mempool.ts'
import type { Metrics } from './metrics.ts'
import type { ChainStore, Clock, Network, StoredBlock } from './ports.ts'
import type { SyncProgress } from './snapshot/state-sync.ts'

export interface ReaderDeps {
  readonly info: ChainInfo
  readonly store: ChainStore
  readonly validators: ValidatorSet
  readonly network: () => Network
  readonly core: () => CoreState
}

export function createChainReader(deps: ReaderDeps): ChainReader {
  const { info, store, validators } = deps
  const head = () => {
    const stored = store.head()
    assert(stored !== undefined, 'the API starts after the chain')
    return stored
  }
  const find = (at: Height | BlockId): StoredBlock | undefined =>
    typeof at === 'string' && isHash(at) ? store.blockById(at as BlockId) : store.blockAt(Number(at) as Height)
  return {
    info: () => info,
    head(): Head {
      const { height, blockId } = head()
      const block = store.blockAt(height)?.block
      assert(block !== undefined, 'the head block is held')
      const { view, timestampMs } = block.proposal.header
      return { height, view, blockId, timestampMs, oldestHeight: store.oldestHeight() }
    },
    block(at): CommittedBlock | undefined {
      const stored = find(at)
      if (stored === undefined) return undefined
      const { block, transactionIds, receipts } = stored
      const { height } = block.proposal.header
      const child = store.blockAt((height + 1) as Height)?.block
      const certificate = child?.proposal.justify ?? justifyOfTip(deps.core(), block.id)
      return { ...block, transactionIds, receipts, ...(certificate === undefined ? {} : { certificate }) }
    },
    transaction: (id) => readTransaction(store, id),
    account(address): AccountState {
      const { height } = head()
      const { balance, nonce, historyCount, historyHead } = readAccount(store.state(), address)
      return { balance, nonce, historyCount, historyHead, height }
    },
    validators(): readonly ValidatorStatus[] {
      const connected = new Set(
        deps
          .network()
          .peers()
          .map((peer) => peer.validator),
      )
      const { self } = deps.core().config
      return validators.indices().map((index) => {
        const isSelf = index === self
        return { index, ...validators.get(index), isSelf, connected: isSelf || connected.has(index) }
      })
    },
  }
}

/** The last committed block's QC is the justify of a block that is not committed yet: it is known, and certifies. */
function justifyOfTip(core: CoreState, id: BlockId) {
  const { highQC } = core.safety
  if (highQC.blockId === id) return highQC
  const parent = core.tree.chainTo(highQC.blockId)?.[0]
  return parent?.proposal.justify.blockId === id ? parent.proposal.justify : undefined
}

export function readTransaction(store: ChainStore, id: Hash): CommittedTransaction | undefined {
  const place = store.transactionAt(id)
  if (place === undefined) return undefined
  const stored = store.blockAt(place.height)
  const bytes = stored?.block.proposal.payload.items[place.index]
  const receipt = stored?.receipts[place.index]
  assert(stored !== undefined && bytes !== undefined && receipt !== undefined, 'an indexed transaction is stored')
  const { timestampMs } = stored.block.proposal.header
  return { id, bytes, ...place, blockId: stored.block.id, timestampMs, receipt }
}

export interface StatusDeps extends ReaderDeps {
  readonly mempool: Mempool
  readonly metrics: Metrics
  readonly clock: Clock
  readonly searching: () => number
  /** A snapshot is being fetched. */
  readonly fetching: () => SyncProgress | undefined
  /** When the newest block became durable here. */
  readonly lastCommitMs: () => number
  /** Why this node signs nothing although it has a key. */
  readonly observing: string | undefined
}

/** Without a commit for this many view timeouts, and at least for STALLED_MS_MIN, consensus is not ready. */
const STALLED_TIMEOUTS = 5
const STALLED_MS_MIN = 15_000

export function createNodeStatus(deps: StatusDeps): NodeStatus {
  const { mempool, metrics, validators, core } = deps
  return {
    mempool: () => mempool.info(),
    consensus(): ConsensusInfo {
      const { safety, view, pacemaker } = core()
      return {
        epoch: safety.epoch,
        view,
        leader: validators.leader(view),
        highQC: { view: safety.highQC.view, blockId: safety.highQC.blockId },
        lockedView: safety.lockedView,
        lastVotedView: safety.lastVotedView,
        highestTimeoutView: safety.highestTimeoutView,
        timeoutMs: pacemaker.timeoutMs(),
        backoff: pacemaker.failures,
        quorum: validators.quorum,
        totalPower: validators.totalPower,
      }
    },
    checks: () => [syncCheck(deps), peersCheck(deps), consensusCheck(deps), dbCheck(deps), safetyCheck(deps)],
    metrics: () => metrics.render(),
  }
}

function syncCheck({ searching, fetching, core }: StatusDeps): Check {
  const snapshot = fetching()
  if (snapshot !== undefined) {
    const { targetHeight, share, entries, peers } = snapshot
    const detail = `fetching the snapshot of height ${targetHeight}: ${(100 * share).toFixed(0)} %, ${entries} entries, from ${peers} peers; have height ${core().tree.rootHeight}`
    return { name: 'sync', ok: false, detail }
  }
  const { tree, safety } = core()
  const missing = searching() > 0 && !tree.isConnected(safety.highQC.blockId)
  const detail = missing
    ? `fetching blocks above height ${tree.rootHeight} up to the one certified in view ${safety.highQC.view}`
    : 'follows the certified chain'
  return { name: 'sync', ok: !missing, detail }
}

function peersCheck({ info, validators, network, core }: StatusDeps): Check {
  const { self } = core().config
  const peers = network().peers()
  // Whoever votes needs a quorum; whoever follows needs one that passes blocks on.
  if (info.role === 'full') return { name: 'peers', ok: peers.length > 0, detail: `${peers.length} connected` }
  const connected = peers.flatMap((peer) => (peer.validator === undefined ? [] : [peer.validator]))
  const power = validators.powerOf(self === undefined ? connected : [...connected, self])
  const silent = validators.indices().filter((index) => index !== self && !connected.includes(index))
  const ok = power >= validators.quorum
  const missing = silent.length === 0 ? '' : `; not connected: ${silent.map((index) => `v${index}`).join(', ')}`
  return {
    name: 'peers',
    ok,
    detail: `${power} of ${validators.totalPower} voting power, ${validators.quorum} needed${missing}`,
  }
}

function consensusCheck({ clock, lastCommitMs, core }: StatusDeps): Check {
  const { pacemaker, view } = core()
  const idleMs = clock.nowMs() - lastCommitMs()
  const allowed = Math.max(STALLED_MS_MIN, STALLED_TIMEOUTS * pacemaker.timeoutMs())
  const detail = `view ${view as View}, last commit ${(idleMs / 1_000).toFixed(1)} s ago`
  return { name: 'consensus', ok: idleMs <= allowed, detail }
}

function dbCheck({ store }: StatusDeps): Check {
  const head = store.head()
  return { name: 'db', ok: head !== undefined, detail: head === undefined ? 'empty' : `height ${head.height}` }
}

function safetyCheck({ observing }: StatusDeps): Check {
  return { name: 'safety', ok: observing === undefined, detail: observing ?? 'the safety state is current' }
}
