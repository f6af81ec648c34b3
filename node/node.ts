// One node, wired: everything it is made of, in the order in which it starts; stopping is the reverse.
// Recovery comes first and whole: nothing is advertised or served before it ends (PITFALLS 40).

import type { ChainInfo } from '../api/ports.ts'
import { createApi } from '../api/server.ts'
import { CertificateVerifier } from '../consensus/certificates.ts'
import type { Effect } from '../consensus/protocol.ts'
import type { CoreState } from '../consensus/state.ts'
import { createValidatorSet, type ValidatorSet } from '../consensus/validators.ts'
import type { WireLimits } from '../consensus/wire.ts'
import { InvariantError } from '../crypto/assert.ts'
import type { Bls } from '../crypto/bls.ts'
import { loadBls } from '../crypto/bls-backend.ts'
import { hashToBytes } from '../crypto/bytes.ts'
import { appendPeak } from '../crypto/merkle.ts'
import { formatGenesisErrors, type Genesis, parseGenesis } from '../genesis/genesis.ts'
import type { ValidatorKeys } from '../genesis/keys.ts'
import { createLedger } from '../ledger/ledger.ts'
import { TRANSACTION_BYTES_MAX } from '../ledger/transaction.ts'
import { createMempool, MEMPOOL_DEFAULTS } from '../mempool/mempool.ts'
import { BlockFactory } from './block-factory.ts'
import { CatchUp } from './catch-up.ts'
import { systemClock } from './clock.ts'
import { Committer } from './committer.ts'
import type { Config } from './config.ts'
import { Driver } from './driver.ts'
import { EvidenceStore } from './evidence-store.ts'
import { Executor } from './executor.ts'
import { NodeError } from './fault.ts'
import { type Identity, NOTHING_TO_SAVE, openIdentity } from './identity.ts'
import { Inclusion } from './inclusion.ts'
import { Ingress } from './ingress.ts'
import type { Log } from './log.ts'
import { Metrics } from './metrics.ts'
import { createNetwork } from './network/network.ts'
import type { CommitRecord } from './ports.ts'
import { createChainReader, createNodeStatus, readTransaction } from './readers.ts'
import { quorumConnected, recover } from './recovery.ts'
import { Relay } from './relay.ts'
import { Signatory } from './signatory.ts'
import { type OpenedChainStore, openChainStore } from './storage/chain-store.ts'
import { Submissions } from './submissions.ts'
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
  const genesis = await readGenesis(options.genesisText, bls)
  const validators = createValidatorSet(genesis.validators)
  const limits: WireLimits = {
    validators: validators.size,
    payloadBytesMax: genesis.params.payloadBytesMax,
    itemsMax: genesis.params.transactionsMax,
  }
  const store = await openChain(config.dataDir, genesis, limits)
  try {
    const { genesisHash } = genesis
    const { dataDir } = config
    const identity = await openIdentity({
      dataDir,
      keys: options.keys,
      validators,
      store,
      genesisHash,
      limits,
      bls,
      log,
    })
    return await run(options, { bls, genesis, validators, limits, store, identity })
  } catch (error) {
    await store.close()
    throw error
  }
}

async function readGenesis(text: string, bls: Bls): Promise<Genesis> {
  const parsed = await parseGenesis(text, bls)
  if (!parsed.ok)
    throw new NodeError('genesis-invalid', `the genesis file is not valid:\n${formatGenesisErrors(parsed.errors)}`)
  return parsed.genesis
}

async function openChain(dir: string, genesis: Genesis, limits: WireLimits): Promise<OpenedChainStore> {
  const store = await openChainStore(dir, genesis.genesisHash, limits)
  if (store.head() === undefined) {
    await store.initialise(genesis.block, genesis.state, appendPeak([], 0, hashToBytes(genesis.block.id)))
  }
  return store
}

interface Parts {
  readonly bls: Bls
  readonly genesis: Genesis
  readonly validators: ValidatorSet
  readonly limits: WireLimits
  readonly store: OpenedChainStore
  readonly identity: Identity
}

async function run(options: NodeOptions, parts: Parts): Promise<RunningNode> {
  const { config, log, onFatal } = options
  const { bls, genesis, validators, limits, store, identity } = parts
  const { genesisHash, params, rootQC } = genesis
  const clock = systemClock
  const app = createLedger({
    genesisHash,
    feeMin: BigInt(params.feeMin),
    validUntilAheadMax: params.validUntilAheadMax,
  })
  const mempool = createMempool({
    countMax: config.mempoolCountMax,
    bytesMax: config.mempoolBytesMax,
    perLaneMax: config.mempoolPerAccountMax,
    nonceGapMax: MEMPOOL_DEFAULTS.nonceGapMax,
    transactionBytesMax: TRANSACTION_BYTES_MAX,
  })
  const verifier = createVerifier(app, {
    ...VERIFIER_DEFAULTS,
    verifiedMax: Math.max(VERIFIER_DEFAULTS.verifiedMax, 2 * config.mempoolCountMax),
  })
  const certificates = new CertificateVerifier({ bls, genesisHash, validators, rootQC })
  const executor = new Executor({
    app,
    store,
    verifier,
    validators,
    limits: params,
    initialHeight: genesis.initialHeight,
  })
  const inclusion = new Inclusion(mempool)
  const evidence = new EvidenceStore(certificates, log)
  let lastCommitMs = clock.nowMs()
  let ready = false
  let hadWork = false

  const height = () => store.head()?.height ?? genesis.initialHeight
  const noteWork = () => {
    const available = mempool.hasExecutable()
    if (available !== hadWork) driver.deliver({ kind: 'work', available })
    hadWork = available
  }
  const followChain = (core: CoreState, effects: readonly Effect[]) => {
    metrics.onEffects(effects)
    const proposed = core.proposals.get(core.view)
    const chain = (proposed && core.tree.chainTo(proposed)) ?? core.tree.chainTo(core.safety.highQC.blockId)
    if (chain === undefined) return
    inclusion.follow(chain.map(({ id }) => ({ id, transactions: executor.transactionsOf(id) })))
    noteWork()
  }
  const onCommitted = (records: readonly CommitRecord[], lanes: ReadonlyMap<string, bigint>) => {
    lastCommitMs = clock.nowMs()
    for (const { block, transactionIds } of records) {
      const { header } = block.proposal
      metrics.onCommitted(transactionIds.length, lastCommitMs - header.timestampMs)
      log.debug({ height: header.height, view: header.view, transactions: transactionIds.length }, 'committed')
    }
    submissions.onCommitted(
      records.flatMap((record) => record.transactionIds),
      lanes,
    )
    for (const { block } of records) inclusion.committed(block.id)
    noteWork()
  }

  const submissions: Submissions = new Submissions({
    app,
    mempool,
    verifier,
    clock,
    state: () => store.state(),
    height,
    committed: (id) => readTransaction(store, id),
    unready: () => (ready ? undefined : 'the node is starting'),
    gossip: (bytes) => relay.publish(bytes),
    onChanged: noteWork,
  })
  const committer = new Committer({
    executor,
    store,
    onCommitting: (blocks) => {
      for (const { id } of blocks) inclusion.committing(id)
    },
    onCommitted,
    onFatal,
  })
  const network = createNetwork(
    {
      genesisHash,
      epoch: validators.epoch,
      nodeKeySeed: options.keys?.nodeSeed ?? crypto.getRandomValues(new Uint8Array(32)),
      validators: validators.indices().map((index) => ({
        index,
        nodeKey: validators.get(index).nodeKey,
        addresses: genesis.addressesOf(index),
      })),
      listen: [config.listen],
      extraPeers: config.peers,
      payloadBytesMax: params.payloadBytesMax,
      clock,
      onFatal,
      software: `scoville/${SOFTWARE_VERSION}`,
      height,
      inboundPerSecondMax: Math.max(5, 4 * validators.size),
    },
    {
      onMessage: (peer, frame) => ingress.onMessage(peer, frame),
      onGossip: (peerId, body) => relay.onGossip(peerId, body),
      onPeerConnected: (peer) => driver.greet(peer.id),
      onPeerDisconnected: (peer) => catchUp.onPeerDisconnected(peer),
    },
    log,
  )
  const relay = new Relay({
    clock,
    network: () => network.network,
    submissions: () => submissions,
    otherValidators: validators.size - (identity.self === undefined ? 0 : 1),
    onFatal,
  })
  const { root, safety, uncommitted } = recover(store, identity.safety, rootQC)
  const driver: Driver = new Driver({
    config: {
      validators,
      self: identity.self,
      pacemaker: config,
      clockAheadMsMax: params.clockAheadMsMax,
    },
    root,
    safety,
    uncommitted,
    clock,
    network: network.network,
    store,
    safetyStore: identity.safetyStore ?? NOTHING_TO_SAVE,
    certificates,
    executor,
    committer,
    factory: new BlockFactory({
      app,
      mempool,
      executor,
      clock,
      self: identity.self,
      blockIntervalMs: config.blockIntervalMs,
      transactionsMax: params.transactionsMax,
      onDropped: (ids) => submissions.drop(ids),
    }),
    signatory: identity.signer && new Signatory(identity.signer, genesisHash),
    evidence,
    catchUp: () => catchUp,
    log,
    onStep: followChain,
    onFatal,
  })
  const ingress: Ingress = new Ingress({
    genesisHash,
    validators,
    certificates,
    limits,
    network: network.network,
    core: () => driver.core,
    deliver: (input) => driver.deliverFromPeer(input),
    onBlockRequest: (peer, request) => catchUp.onRequest(peer, request),
    onBlockResponse: (peer, response) => catchUp.onResponse(peer, response),
    onFatal,
  })
  const catchUp: CatchUp = new CatchUp({
    epoch: validators.epoch,
    clock,
    network: network.network,
    store,
    certificates,
    ingress: () => ingress,
    core: () => driver.core,
    deliver: (input) => driver.delivered(input),
    onFatal,
  })
  const metrics = new Metrics({ chain: genesis.chainId }, () => ({
    height: height(),
    view: driver.core.view,
    highQcView: driver.core.safety.highQC.view,
    timeoutMs: driver.core.pacemaker.timeoutMs(),
    mempoolTransactions: mempool.info().count,
    mempoolBytes: mempool.info().bytes,
    uncommittedBlocks: driver.core.tree.size,
    peers: network.network.peers().length,
    blocksFetched: catchUp.blocksFetched,
    queuedInputs: driver.queued,
    ingressDropped: ingress.dropped,
    evidence: evidence.size,
  }))
  const info: ChainInfo = {
    chainId: genesis.chainId,
    genesisHash,
    addressPrefix: genesis.addressPrefix,
    softwareVersion: SOFTWARE_VERSION,
    role: identity.self === undefined ? 'full' : 'validator',
  }
  const reading = {
    info,
    initialHeight: genesis.initialHeight,
    store,
    validators,
    network: () => network.network,
    core: () => driver.core,
  }
  const api = createApi(
    {
      chain: createChainReader(reading),
      submitter: submissions,
      status: createNodeStatus({
        ...reading,
        mempool,
        metrics,
        clock,
        searching: () => catchUp.searching,
        lastCommitMs: () => lastCommitMs,
        observing: identity.observing,
      }),
    },
    {
      rateLimit:
        config.apiRequestsPerSecondMax === 0 ? false : { windowMs: 1_000, requestsMax: config.apiRequestsPerSecondMax },
      onFault: (error, requestId) => {
        log.error({ err: error, requestId }, 'a request failed')
        if (error instanceof InvariantError) onFatal(error)
      },
    },
  )

  const stop = async () => {
    ready = false
    await api.stop()
    relay.stop()
    catchUp.stop()
    await network.stop()
    await driver.stop()
    await identity.safetyStore?.close()
    await store.close()
  }
  try {
    submissions.onCommitted([], new Map())
    await network.start()
    await quorumConnected(network.network, clock, validators, identity.self)
    await driver.delivered({ kind: 'start' })
    ready = true
    const { port } = await api.start(config.apiHost, config.apiPort)
    const { role } = info
    log.info(
      { role, self: identity.self, height: height(), view: driver.core.view, apiPort: port, bls: bls.name },
      'started',
    )
    return { genesis, apiPort: port, listenAddresses: network.listenAddresses(), role, stop }
  } catch (error) {
    await network.stop()
    await driver.stop()
    throw error
  }
}
