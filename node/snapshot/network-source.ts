// Fetches a snapshot from running nodes without being one: the way peers do, checked the way peers check, at the rate they
// serve. It holds nothing up there, needs no access to their disks, and trusts the genesis file alone.

import type { GenesisHash } from '../../consensus/types.ts'
import { decodeMessage } from '../../consensus/wire-messages.ts'
import type { ChainRules } from '../chain-rules.ts'
import { systemClock } from '../clock.ts'
import { NodeError } from '../fault.ts'
import { createNetwork, type NetworkLog, type RunningNetwork } from '../network/network.ts'
import type { Peer, RestoreStore } from '../ports.ts'
import type { Basis } from './restoration.ts'
import { StateSync } from './state-sync.ts'

/** Without a snapshot to fetch for this long nobody has one. */
const OFFER_MS_MAX = 30_000
const POLL_MS = 250
const SILENT: NetworkLog = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

export interface NetworkSource {
  readonly rules: ChainRules
  /** Multiaddrs; none: the addresses of the genesis file. */
  readonly peers: readonly string[]
  readonly store: RestoreStore
}

/** Resolves when the whole state is in the store. @throws NodeError snapshot-unavailable */
export async function fetchSnapshot({ rules, peers, store }: NetworkSource): Promise<Basis> {
  const { app, certificates, genesis, limits, validators } = rules
  const { genesisHash, initialHeight } = genesis
  const { promise: restored, resolve, reject } = Promise.withResolvers<Basis>()
  const network: RunningNetwork = createNetwork(
    networkConfig(rules, peers, reject),
    {
      onMessage(peer: Peer, frame: Uint8Array) {
        const decoded = decodeMessage(frame, limits)
        if (decoded.ok && decoded.value.kind === 'snapshot-response') sync.onResponse(peer, decoded.value)
      },
      onGossip: () => 'ignore',
      onPeerConnected: () => {},
      onPeerDisconnected: (peer) => sync.onPeerDisconnected(peer),
    },
    SILENT,
  )
  const sync = new StateSync({
    genesisHash,
    validators,
    initialHeight,
    epoch: validators.epoch,
    limits,
    clock: systemClock,
    network: network.network,
    certificates,
    app,
    store,
    height: () => initialHeight,
    isBehind: () => true,
    isStuck: () => true,
    gapMin: 1,
    log: SILENT,
    onRestored: resolve,
    onFatal: reject,
  })
  const startedMs = systemClock.nowMs()
  const watch = setInterval(() => {
    if (sync.isActive || systemClock.nowMs() - startedMs < OFFER_MS_MAX) return
    reject(new NodeError('snapshot-unavailable', `no peer offered a snapshot within ${OFFER_MS_MAX / 1_000} s`))
  }, POLL_MS)
  try {
    await network.start()
    sync.noticeSearch()
    return await restored
  } finally {
    clearInterval(watch)
    sync.stop()
    await network.stop()
    await sync.stopped()
  }
}

function networkConfig(
  { genesis, validators }: ChainRules,
  extraPeers: readonly string[],
  onFatal: (error: unknown) => void,
): Parameters<typeof createNetwork>[0] {
  return {
    genesisHash: genesis.genesisHash as GenesisHash,
    epoch: validators.epoch,
    nodeKeySeed: crypto.getRandomValues(new Uint8Array(32)),
    validators: validators.indices().map((index) => ({
      index,
      nodeKey: validators.get(index).nodeKey,
      addresses: genesis.addressesOf(index),
    })),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    extraPeers,
    payloadBytesMax: genesis.params.payloadBytesMax,
    clock: systemClock,
    onFatal,
  }
}
