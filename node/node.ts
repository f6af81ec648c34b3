// One node: a replica on the real disk, network and clock, with an API in front; stopping is starting in reverse.
// Recovery comes first and whole: nothing is advertised or served before it ends (PITFALLS 40).

import { type Api, createApi } from '../api/server.ts'
import type { BlockId } from '../consensus/types.ts'
import type { ValidatorSet } from '../consensus/validators.ts'
import type { WireLimits } from '../consensus/wire.ts'
import { InvariantError } from '../crypto/assert.ts'
import type { Bls } from '../crypto/bls.ts'
import { loadBls } from '../crypto/bls-backend.ts'
import type { Genesis } from '../genesis/genesis.ts'
import { SEED_BYTES, type ValidatorKeys } from '../genesis/keys.ts'
import type { Application } from '../ledger/application.ts'
import { TRANSACTION_BYTES_MAX } from '../ledger/transaction.ts'
import { MEMPOOL_DEFAULTS, type MempoolLimits } from '../mempool/mempool.ts'
import { openChain } from './chain-opening.ts'
import { readChainRules } from './chain-rules.ts'
import { systemClock } from './clock.ts'
import { createNoticeBoard, type NoticeBoard } from './commit-notices.ts'
import type { Config } from './config.ts'
import { NodeError } from './fault.ts'
import { type Identity, openIdentity } from './identity.ts'
import type { Log } from './log.ts'
import { Metrics, type Sampled } from './metrics.ts'
import { createNetwork, type NetworkConfig, type RunningNetwork } from './network/network.ts'
import type { NetworkHandlers } from './ports.ts'
import { createProofReader } from './proofs.ts'
import { Pruner } from './pruner.ts'
import { createChainReader, createNodeStatus } from './readers.ts'
import { quorumConnected } from './recovery.ts'
import { Replica } from './replica.ts'
import type { OpenedChainStore } from './storage/chain-store.ts'
import { adoptRestored, restoreStoreIn } from './storage/restore-store.ts'
import { openTraceFile, type TraceFile } from './trace-file.ts'
import { createVerifier, VERIFIER_DEFAULTS } from './verifier.ts'
import { SOFTWARE_VERSION } from './version.ts'

export interface NodeOptions {
  readonly config: Config
  readonly genesisText: string
  /** Absent: a full node. */
  readonly keys: ValidatorKeys | undefined
  readonly log: Log
  /** The process must stop: a broken invariant, a failed write, a broken fault assumption. */
  readonly onFatal: (error: unknown) => void
  /** A chain restored from a snapshot is whole: stop and start again, and it takes the place of the one that is there. */
  readonly onRestored: () => void
}

export interface RunningNode {
  readonly genesis: Genesis
  readonly apiPort: number
  readonly listenAddresses: readonly string[]
  readonly role: 'validator' | 'full'
  stop(): Promise<void>
}

/** @throws NodeError with a stable code when it cannot start: genesis-invalid, key-not-in-genesis, data-dir-locked, storage-... */
export async function startNode(options: NodeOptions): Promise<RunningNode> {
  const { config, log } = options
  const bls = await loadBls(config.blsBackend)
  if (bls.notice !== undefined) log.warn({}, bls.notice)
  const rules = await readChainRules(options.genesisText, bls)
  const { app, genesis, limits, validators } = rules
  if (await adoptRestored(config.dataDir)) log.info({}, 'a chain restored from a snapshot takes its place')
  const store = await openChain({
    dir: config.dataDir,
    ...rules,
    log,
    nowMs: () => systemClock.nowMs(),
    mayRepair: config.repair,
    hasPeers: validators.size > 1 || options.keys === undefined || config.peers.length > 0,
  })
  try {
    const { dataDir } = config
    const identity = await openIdentity({
      dataDir,
      keys: options.keys,
      validators,
      store,
      genesisHash: genesis.genesisHash,
      limits,
      bls,
      log,
    })
    return await run(options, { bls, genesis, validators, limits, app, store, identity })
  } catch (error) {
    await store.close()
    throw error
  }
}

interface Parts {
  readonly bls: Bls
  readonly genesis: Genesis
  readonly validators: ValidatorSet
  readonly limits: WireLimits
  readonly app: Application
  readonly store: OpenedChainStore
  readonly identity: Identity
}

async function run(options: NodeOptions, parts: Parts): Promise<RunningNode> {
  const { config, log } = options
  const { app, bls, genesis, validators, store, identity } = parts
  const clock = systemClock
  let lastCommitMs = clock.nowMs()
  const commits = createNoticeBoard()
  const network: RunningNetwork = createNetwork(
    networkConfig(options, parts),
    lateHandlers(() => replica.handlers),
    log,
  )
  const verifiedMax = Math.max(VERIFIER_DEFAULTS.verifiedMax, 2 * config.mempoolCountMax)
  const restoreStore = restoreStoreIn(config.dataDir, genesis.genesisHash, () => store.mirror.read())
  const replica: Replica = new Replica({
    ...parts,
    ...identity,
    verifier: createVerifier(app, { ...VERIFIER_DEFAULTS, verifiedMax }),
    clock,
    network: network.network,
    pacemaker: config,
    mempoolLimits: mempoolLimitsOf(config),
    blockIntervalMs: config.blockIntervalMs,
    log,
    onEffects: (_core, effects, input) => {
      metrics.onEffects(effects)
      trace?.step(effects, input)
    },
    onCommitted: (records) => {
      lastCommitMs = clock.nowMs()
      for (const { block, transactionIds } of records) {
        const { height, view, timestampMs } = block.proposal.header
        metrics.onCommitted(transactionIds.length, lastCommitMs - timestampMs)
        log.debug({ height, view, transactions: transactionIds.length }, 'committed')
      }
      pruner.onCommitted()
      commits.notify()
    },
    onFatal: (error) => {
      trace?.close()
      options.onFatal(error)
    },
    snapshots: {
      restoreStore,
      intervalBlocks: config.snapshotIntervalBlocks,
      gapBlocks: config.stateSyncGapBlocks,
      onRestored: options.onRestored,
    },
  })
  const trace = traceOf(options, genesis, replica)
  const metrics = new Metrics({ chain: genesis.chainId }, () => sample(replica, network))
  const api = createNodeApi(options, parts, { replica, network, metrics, commits, lastCommitMs: () => lastCommitMs })

  const pruner = new Pruner({ store, keepBlocks: config.pruneKeepBlocks, onFatal: options.onFatal })
  const stopReplica = async () => {
    await network.stop()
    await replica.stop()
    await pruner.stop()
    await restoreStore.close()
    trace?.close()
    await identity.safetyStore?.close()
  }
  const stop = async () => {
    replica.close()
    await api.stop()
    await stopReplica()
    await store.close()
  }
  try {
    await network.start()
    await quorumConnected(network.network, clock, validators, identity.self)
    await replica.start()
    const { port } = await api.start(config.apiHost, config.apiPort)
    const role = roleOf(identity)
    const { height, driver } = replica
    log.info({ role, self: identity.self, height, view: driver.core.view, apiPort: port, bls: bls.name }, 'started')
    return { genesis, apiPort: port, listenAddresses: network.listenAddresses(), role, stop }
  } catch (error) {
    replica.close()
    await stopReplica()
    throw error
  }
}

function mempoolLimitsOf(config: Config): MempoolLimits {
  return {
    countMax: config.mempoolCountMax,
    bytesMax: config.mempoolBytesMax,
    perLaneMax: config.mempoolPerAccountMax,
    nonceGapMax: MEMPOOL_DEFAULTS.nonceGapMax,
    transactionBytesMax: TRANSACTION_BYTES_MAX,
  }
}

function traceOf({ config, log }: NodeOptions, genesis: Genesis, { driver }: Replica): TraceFile | undefined {
  const { traceFile: path } = config
  if (path === undefined) return undefined
  return openTraceFile({ path, genesisHash: genesis.genesisHash, core: driver.core, clock: systemClock, log })
}

/** The network is made before the replica it calls. */
function lateHandlers(handlers: () => NetworkHandlers): NetworkHandlers {
  return {
    onMessage: (peer, frame) => handlers().onMessage(peer, frame),
    onGossip: (peerId, body) => handlers().onGossip(peerId, body),
    onPeerConnected: (peer) => handlers().onPeerConnected(peer),
    onPeerDisconnected: (peer) => handlers().onPeerDisconnected(peer),
  }
}

function networkConfig({ config, keys, onFatal }: NodeOptions, { genesis, validators, store }: Parts): NetworkConfig {
  return {
    genesisHash: genesis.genesisHash,
    epoch: validators.epoch,
    nodeKeySeed: keys?.nodeSeed ?? crypto.getRandomValues(new Uint8Array(SEED_BYTES)),
    validators: validators.indices().map((index) => ({
      index,
      nodeKey: validators.get(index).nodeKey,
      addresses: genesis.addressesOf(index),
    })),
    listen: [config.listen],
    announce: config.advertise,
    extraPeers: config.peers,
    payloadBytesMax: genesis.params.payloadBytesMax,
    clock: systemClock,
    onFatal,
    software: `scoville/${SOFTWARE_VERSION}`,
    height: () => store.head()?.height ?? genesis.initialHeight,
    // Validators behind one address, as on a development machine, all connect within a second.
    inboundPerSecondMax: Math.max(5, 4 * validators.size),
  }
}

interface Running {
  readonly replica: Replica
  readonly network: RunningNetwork
  readonly metrics: Metrics
  readonly commits: NoticeBoard
  readonly lastCommitMs: () => number
}

function createNodeApi({ config, log, onFatal }: NodeOptions, parts: Parts, running: Running): Api {
  const { genesis, identity, store, validators } = parts
  const { replica, network, metrics, commits, lastCommitMs } = running
  const reading = {
    info: {
      chainId: genesis.chainId,
      genesisHash: genesis.genesisHash,
      addressPrefix: genesis.addressPrefix,
      softwareVersion: SOFTWARE_VERSION,
      role: roleOf(identity),
    },
    store,
    validators,
    network: () => network.network,
    core: () => replica.driver.core,
  }
  const status = createNodeStatus({
    ...reading,
    mempool: replica.mempool,
    metrics,
    clock: systemClock,
    searching: () => replica.catchUp.searching,
    fetching: () => replica.snapshots?.progress,
    lastCommitMs,
    observing: identity.observing,
  })
  const uncommitted = (id: BlockId) => replica.executor.blockOf(id) ?? replica.driver.core.tree.block(id)
  const requestsMax = config.apiRequestsPerSecondMax
  return createApi(
    {
      chain: createChainReader(reading),
      proofs: createProofReader({ store, uncommitted }),
      submitter: replica.submissions,
      status,
      commits,
    },
    {
      rateLimit: requestsMax === 0 ? false : { windowMs: 1_000, requestsMax },
      metrics: config.metrics,
      onFault: (error, requestId) => {
        log.error({ err: error, requestId }, 'a request failed')
        // Damage gets no better: the next start looks at everything and mends it.
        if (error instanceof InvariantError || isDamage(error)) onFatal(error)
      },
    },
  )
}

function isDamage(error: unknown): boolean {
  return error instanceof NodeError && error.code === 'storage-damaged'
}

function roleOf({ self }: Identity): 'validator' | 'full' {
  return self === undefined ? 'full' : 'validator'
}

function sample(
  { mempool, driver, catchUp, ingress, evidence, height }: Replica,
  { network }: RunningNetwork,
): Sampled {
  const { view, safety, pacemaker, tree } = driver.core
  const { count, bytes } = mempool.info()
  return {
    height,
    view,
    highQcView: safety.highQC.view,
    timeoutMs: pacemaker.timeoutMs(),
    mempoolTransactions: count,
    mempoolBytes: bytes,
    uncommittedBlocks: tree.size,
    peers: network.peers().length,
    blocksFetched: catchUp.blocksFetched,
    queuedInputs: driver.queued,
    ingressDropped: ingress.dropped,
    evidence: evidence.size,
  }
}
