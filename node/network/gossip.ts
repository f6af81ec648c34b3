// Gossip of transaction batches: one topic per chain, unsigned messages named by the hash of their content, judged
// synchronously by the node before they are passed on. Carries transactions only, never anything of consensus.

import { type GossipSub, gossipsub, TopicValidatorResult } from '@libp2p/gossipsub'
import type { Connection, Stream } from '@libp2p/interface'
import { assert } from '../../crypto/assert.ts'
import type { Hash } from '../../crypto/bytes.ts'
import { sha256 } from '../../crypto/hash.ts'
import type { Clock } from '../ports.ts'
import type { Counters } from './counters.ts'
import type { Host } from './host.ts'
import { TokenBucket } from './token-bucket.ts'

export const GOSSIP_BYTES_MAX = 256 * 1024
/** One RPC can carry several messages that a peer asked for; its other parts are bounded in number below. */
const RPC_BYTES_MAX = 4 * GOSSIP_BYTES_MAX + 64 * 1024
const OUTBOUND_BUFFER_BYTES_MAX = 8 * 1024 * 1024
/** Room for our topic and little else (CVE-2026-46679: a frame of subscriptions cost 89 MB). */
const TOPIC_BYTES_PER_PEER_MAX = 8 * 1024
export const SUBSCRIPTIONS_MAX = 16
const RPC_LIMITS = {
  maxSubscriptions: SUBSCRIPTIONS_MAX,
  maxMessages: 64,
  maxIhaveMessageIDs: 1024,
  maxIwantMessageIDs: 64,
  maxIdontwantMessageIDs: 512,
  maxControlMessages: 16,
  maxPeerInfos: 16,
}
/** What one peer may pass on to us, new messages only: duplicates never get this far. */
const MESSAGES_PER_SECOND = 500
export const MESSAGES_BURST = 2_000
const BYTES_PER_SECOND = 8 * 1024 * 1024
const BYTES_BURST = 32 * 1024 * 1024
/** Peers with a bucket at most; the oldest bucket goes (connections are bounded far below). */
const BUCKETS_MAX = 512
/** A subscription may be under way at one heartbeat, not at two. */
const UNHEARD_HEARTBEATS_MAX = 2
/** Identifying a peer opens the stream within this time, or never will. */
export const REOPEN_MS_MAX = 1_000
const GOSSIP_STREAM = '/meshsub/'

export function gossipTopic(genesisHash: Hash): string {
  return `/scoville/${genesisHash}/transactions/1`
}

/** Options checked against @libp2p/gossipsub 17.1.1. */
export function createGossipsub(topic: string): ReturnType<typeof gossipsub> {
  return gossipsub({
    globalSignaturePolicy: 'StrictNoSign',
    msgIdFn: (message) => sha256(message.data),
    allowedTopics: [topic],
    emitSelf: false,
    fallbackToFloodsub: false,
    doPX: false,
    tagMeshPeers: false,
    // A batch of our own goes to every subscriber at once: one hop in a full mesh, and no wait for the mesh to form.
    floodPublish: true,
    batchPublish: true,
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    heartbeatInterval: 700,
    pruneBackoff: 10_000,
    maxInboundStreams: 2,
    maxOutboundStreams: 2,
    maxInboundDataLength: RPC_BYTES_MAX,
    maxOutboundBufferSize: OUTBOUND_BUFFER_BYTES_MAX,
    maxTopicBytesPerPeer: TOPIC_BYTES_PER_PEER_MAX,
    decodeRpcLimits: RPC_LIMITS,
    // Telling everybody not to send a message costs as much as a small message.
    idontwantMinDataSize: 4 * 1024,
    // Many nodes behind one address are ordinary here, and offences are counted by penalties.ts.
    scoreParams: { IPColocationFactorWeight: 0 },
  })
}

export interface GossipEvents {
  readonly judge: (peerId: string, body: Uint8Array) => 'accept' | 'ignore' | 'reject'
  readonly oversized: (peerId: string, bytes: number) => void
  readonly flooded: (peerId: string, debtMs: number) => void
  readonly failed: (error: unknown) => void
}

interface Buckets {
  readonly messages: TokenBucket
  readonly bytes: TokenBucket
}

export class Gossip {
  readonly #host: Host
  readonly #pubsub: GossipSub
  readonly #topic: string
  readonly #clock: Clock
  readonly #counters: Counters
  readonly #events: GossipEvents
  readonly #buckets = new Map<string, Buckets>()
  /** Heartbeats in a row at which a connected peer subscribed to nothing. */
  readonly #unheard = new WeakMap<Connection, number>()

  constructor(host: Host, topic: string, clock: Clock, counters: Counters, events: GossipEvents) {
    this.#host = host
    this.#pubsub = host.services.pubsub
    this.#topic = topic
    this.#clock = clock
    this.#counters = counters
    this.#events = events
  }

  /** After the host has started. */
  start(): void {
    this.#pubsub.topicValidators.set(this.#topic, (peer, message) => this.#judge(peer.toString(), message.data))
    this.#pubsub.subscribe(this.#topic)
  }

  get subscribers(): number {
    return this.#pubsub.getSubscribers(this.#topic).length
  }

  /** The body is kept by reference for a few seconds: do not write to it. */
  publish(body: Uint8Array): void {
    assert(body.length <= GOSSIP_BYTES_MAX, `a gossip message of ${body.length} bytes is above ${GOSSIP_BYTES_MAX}`)
    this.#counters.add('gossip-published')
    this.#counters.add('gossip-bytes-out', body.length)
    this.#pubsub.publish(this.#topic, body).catch((error: unknown) => this.#events.failed(error))
  }

  /**
   * Gossipsub opens its outgoing stream once, when a peer is identified; if that stream is lost and a connection is
   * not, the peer would never hear us again. Identifying it anew makes gossipsub open another, unless it still holds one that
   * ended before it had listened for the end, as a restart of the peer can bring about: only when the peer is gone does it let
   * go of that, so the connection is ended, and whoever dialled dials again.
   */
  heal(connections: readonly Connection[]): void {
    const connection = connections.findLast((candidate) => candidate.status === 'open')
    if (connection === undefined) return
    if (hasOutgoing(connections)) {
      this.#hearAgain(connection, connections)
      return
    }
    this.#counters.add('gossip-healed')
    this.#host.services.identify.identify(connection).then(
      () => this.#clock.after(REOPEN_MS_MAX, () => this.#letGo(connections)),
      (error: unknown) => this.#events.failed(error),
    )
  }

  /** A peer that does not speak gossip is not cut off for that. */
  #letGo(connections: readonly Connection[]): void {
    const isKnown = this.#pubsub.getPeers().some((peer) => connections[0]?.remotePeer.equals(peer) === true)
    if (!isKnown || hasOutgoing(connections)) return
    for (const connection of connections) connection.abort(new Error('gossip opens no stream to it'))
  }

  /**
   * A peer says what it subscribes to once, when it opens its stream; gossipsub forgets that when an older connection of the
   * same peer ends late. Ending the stream makes the peer open another and say it again.
   */
  #hearAgain(connection: Connection, connections: readonly Connection[]): void {
    const isHeard = this.#pubsub.getSubscribers(this.#topic).some((peer) => peer.equals(connection.remotePeer))
    const silent = isHeard ? 0 : (this.#unheard.get(connection) ?? 0) + 1
    this.#unheard.set(connection, silent)
    if (silent < UNHEARD_HEARTBEATS_MAX) return
    this.#unheard.delete(connection)
    for (const stream of connections.flatMap((candidate) => gossipStreams(candidate, 'inbound'))) {
      this.#counters.add('gossip-reopened')
      stream.abort(new Error('its subscription is not known'))
    }
  }

  #judge(peerId: string, body: Uint8Array): TopicValidatorResult {
    this.#counters.add('gossip-bytes-in', body.length)
    if (body.length > GOSSIP_BYTES_MAX) {
      this.#counters.add('gossip-rejected')
      this.#events.oversized(peerId, body.length)
      return TopicValidatorResult.Reject
    }
    const debtMs = this.#charge(peerId, body.length)
    if (debtMs > 0) {
      this.#counters.add('gossip-ignored')
      this.#events.flooded(peerId, debtMs)
      return TopicValidatorResult.Ignore
    }
    switch (this.#events.judge(peerId, body)) {
      case 'accept':
        this.#counters.add('gossip-accepted')
        return TopicValidatorResult.Accept
      case 'ignore':
        this.#counters.add('gossip-ignored')
        return TopicValidatorResult.Ignore
      case 'reject':
        this.#counters.add('gossip-rejected')
        return TopicValidatorResult.Reject
    }
  }

  #charge(peerId: string, bytes: number): number {
    const nowMs = this.#clock.nowMs()
    let buckets = this.#buckets.get(peerId)
    if (buckets === undefined) {
      const oldest = this.#buckets.keys().next()
      if (this.#buckets.size >= BUCKETS_MAX && oldest.done !== true) this.#buckets.delete(oldest.value)
      buckets = {
        messages: new TokenBucket(MESSAGES_PER_SECOND, MESSAGES_BURST, nowMs),
        bytes: new TokenBucket(BYTES_PER_SECOND, BYTES_BURST, nowMs),
      }
      this.#buckets.set(peerId, buckets)
    }
    return Math.max(buckets.messages.take(1, nowMs), buckets.bytes.take(bytes, nowMs))
  }
}

const hasOutgoing = (connections: readonly Connection[]): boolean =>
  connections.some((connection) => gossipStreams(connection, 'outbound').length > 0)

function gossipStreams(connection: Connection, direction: 'inbound' | 'outbound'): Stream[] {
  return connection.streams.filter(
    (stream) => stream.direction === direction && stream.protocol.startsWith(GOSSIP_STREAM) && stream.status === 'open',
  )
}
