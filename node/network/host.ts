// The libp2p node: tcp, noise, yamux, identify, gossipsub and their limits (TESTING.md, hardening: P2P). The only file
// that assembles libp2p; knows nothing of frames, chains or validators beyond their number.

import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed, publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { GossipSub } from '@libp2p/gossipsub'
import { type Identify, identify } from '@libp2p/identify'
import type { Libp2p, StreamMuxerFactory } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { createGossipsub } from './gossip.ts'

/** Beside the validators' own. */
export const CONNECTIONS_MAX = 64
export const PENDING_CONNECTIONS_MAX = 10
/** Inbound connections per second and address; loopback clusters need more. */
export const INBOUND_PER_SECOND_MAX = 5
export const DIALS_PARALLEL_MAX = 16
export const DIAL_TIMEOUT_MS = 5_000
const UPGRADE_TIMEOUT_MS = 5_000
/** A paused stream holds at most one window, which has to fit the read buffer or libp2p resets the stream. */
const STREAM_WINDOW_BYTES_MAX = 4 * 1024 * 1024
const READ_BUFFER_BYTES_MAX = 2 * STREAM_WINDOW_BYTES_MAX
const STREAMS_PER_CONNECTION_MAX = 32

export interface HostConfig {
  /** The ed25519 seed: the node key is the libp2p identity. */
  readonly nodeKeySeed: Uint8Array
  readonly listen: readonly string[]
  /** Told to peers in place of the listening addresses; none: those. */
  readonly announce: readonly string[]
  readonly topic: string
  readonly validators: number
  readonly inboundPerSecondMax: number
  readonly software: string
  /** Whether to refuse this peer, whichever side dials. */
  readonly isRefused: (peerId: string, direction: 'inbound' | 'outbound') => boolean
}

export type Host = Libp2p<{ readonly identify: Identify; readonly pubsub: GossipSub }>

/** libp2p's text form of an ed25519 public key. */
export function peerIdOfNodeKey(nodeKey: Uint8Array): string {
  return peerIdFromPublicKey(publicKeyFromRaw(nodeKey)).toString()
}

/** Not started. @throws when a listen address is no multiaddr. */
export async function createHost(config: HostConfig): Promise<Host> {
  return createLibp2p({
    start: false,
    privateKey: await generateKeyPairFromSeed('Ed25519', config.nodeKeySeed),
    nodeInfo: { name: 'scoville', version: '1', userAgent: config.software },
    addresses: { listen: [...config.listen], announce: [...config.announce] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [quietYamux()],
    connectionManager: {
      maxConnections: CONNECTIONS_MAX + config.validators,
      maxIncomingPendingConnections: PENDING_CONNECTIONS_MAX,
      inboundConnectionThreshold: config.inboundPerSecondMax,
      maxParallelDials: DIALS_PARALLEL_MAX,
      dialTimeout: DIAL_TIMEOUT_MS,
      inboundUpgradeTimeout: UPGRADE_TIMEOUT_MS,
      outboundStreamProtocolNegotiationTimeout: UPGRADE_TIMEOUT_MS,
      inboundStreamProtocolNegotiationTimeout: UPGRADE_TIMEOUT_MS,
    },
    // It pings through new streams and aborts when the event loop is late; our heartbeats do this on the streams in
    // use.
    connectionMonitor: { enabled: false },
    connectionGater: {
      denyDialPeer: (peerId) => config.isRefused(peerId.toString(), 'outbound'),
      denyInboundEncryptedConnection: (peerId) => config.isRefused(peerId.toString(), 'inbound'),
      // libp2p's default refuses private addresses in some environments; ours come from the operator.
      denyDialMultiaddr: () => false,
    },
    services: { identify: identify(), pubsub: createGossipsub(config.topic) },
  })
}

/**
 * Yamux writes from microtasks and event listeners where nobody catches. When a peer hangs up at the wrong moment that
 * write throws, and an uncaught exception ends the process: so a write to a closed connection is refused, not thrown.
 */
export function quietYamux(): () => StreamMuxerFactory {
  const create = yamux({
    maxInboundStreams: STREAMS_PER_CONNECTION_MAX,
    maxOutboundStreams: STREAMS_PER_CONNECTION_MAX,
    streamOptions: { maxStreamWindowSize: STREAM_WINDOW_BYTES_MAX, maxReadBufferLength: READ_BUFFER_BYTES_MAX },
  })
  return () => {
    const factory = create()
    const createStreamMuxer = factory.createStreamMuxer.bind(factory)
    factory.createStreamMuxer = (stream) => {
      const send = stream.send.bind(stream)
      stream.send = (bytes) => {
        try {
          return send(bytes)
        } catch {
          return false
        }
      }
      return createStreamMuxer(stream)
    }
    return factory
  }
}
