// The node's network: what node/ports.ts promises, on libp2p. Wires host, peers, dialer, gossip and penalties together.
// Who a peer is comes from its key alone; delivery is best effort, and nothing here understands a message.

import type { Connection } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import { FRAME_HEADER_BYTES, FRAME_KIND, frameBodyBytesMax } from '../../consensus/frame.ts'
import type { ValidatorIndex } from '../../consensus/types.ts'
import { assert } from '../../crypto/assert.ts'
import type { Hash } from '../../crypto/bytes.ts'
import type { Clock, Network, NetworkHandlers, Offence } from '../ports.ts'
import { Counters, type NetworkStats } from './counters.ts'
import { Dialer, type DialTarget, FALLBACK_DELAY_MS, HIGHER_INDEX_DELAY_MS } from './dialer.ts'
import { DIRECT_PROTOCOL, DIRECT_STREAMS_MAX } from './direct.ts'
import { Gossip, gossipTopic } from './gossip.ts'
import { checkHello, encodeHello } from './hello.ts'
import { createHost, DIAL_TIMEOUT_MS, type Host, INBOUND_PER_SECOND_MAX, peerIdOfNodeKey } from './host.ts'
import { OUTBOX_BYTES_MAX } from './outbox.ts'
import { HEARTBEAT_MS, Peers } from './peers.ts'
import { Penalties } from './penalties.ts'

/** Validators that a follower without extra peers dials. */
export const FOLLOWER_DIALS_MAX = 4
export const STOP_MS_MAX = 2_000

export interface NetworkValidator {
  readonly index: ValidatorIndex
  /** ed25519, 32 bytes. */
  readonly nodeKey: Uint8Array
  /** Multiaddrs; the peer id may be left out. */
  readonly addresses: readonly string[]
}

export interface NetworkConfig {
  readonly genesisHash: Hash
  readonly epoch: number
  /** 32-byte ed25519 seed: the libp2p identity is the node key. */
  readonly nodeKeySeed: Uint8Array
  readonly validators: readonly NetworkValidator[]
  /** Multiaddrs; port 0 lets the system choose. */
  readonly listen: readonly string[]
  /** Addresses to announce instead (behind NAT). */
  readonly announce?: readonly string[]
  readonly extraPeers: readonly string[]
  readonly payloadBytesMax: number
  readonly clock: Clock
  /** A handler threw: a bug; the node should stop. */
  readonly onFatal: (error: unknown) => void
  /** For the hello: at most 64 bytes, and the committed height. */
  readonly software?: string
  readonly height?: () => number
  /** New inbound connections per second and address, 5 unless told; loopback clusters need more. */
  readonly inboundPerSecondMax?: number
  /** In [0, 1): jitter of the backoff. */
  readonly random?: () => number
}

/** What is used of a pino logger. */
export interface NetworkLog {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void
  info(fields: Readonly<Record<string, unknown>>, message: string): void
  warn(fields: Readonly<Record<string, unknown>>, message: string): void
  error(fields: Readonly<Record<string, unknown>>, message: string): void
}

export interface RunningNetwork {
  /** @throws when it cannot listen, or an address of the configuration is no multiaddr. */
  start(): Promise<void>
  /** Within two seconds; nothing is delivered any more from the moment it is called. */
  stop(): Promise<void>
  readonly network: Network
  /** With the peer id; empty before start. */
  listenAddresses(): string[]
  stats(): NetworkStats
}

export function createNetwork(config: NetworkConfig, handlers: NetworkHandlers, log: NetworkLog): RunningNetwork {
  return new LibP2pNetwork(config, handlers, log)
}

class LibP2pNetwork implements RunningNetwork {
  readonly network: Network
  readonly #config: NetworkConfig
  readonly #log: NetworkLog
  readonly #counters = new Counters()
  readonly #penalties: Penalties
  readonly #peers: Peers
  readonly #handlers: NetworkHandlers
  readonly #validatorOf = new Map<string, ValidatorIndex>()
  #host: Host | undefined
  #gossip: Gossip | undefined
  #dialer: Dialer | undefined
  #selfId: string | undefined
  #cancelHeartbeat: (() => void) | undefined
  #stopped = false

  constructor(config: NetworkConfig, handlers: NetworkHandlers, log: NetworkLog) {
    const largest = frameBodyBytesMax(FRAME_KIND.proposal, config.payloadBytesMax) ?? 0
    assert(largest + FRAME_HEADER_BYTES <= OUTBOX_BYTES_MAX, 'a proposal of the largest payload fits an outbox')
    this.#config = config
    this.#handlers = handlers
    this.#log = log
    for (const { index, nodeKey } of config.validators) this.#validatorOf.set(peerIdOfNodeKey(nodeKey), index)
    this.#penalties = new Penalties((peerId) => this.#validatorOf.has(peerId))
    this.#peers = this.#createPeers()
    this.network = this.#createPort()
  }

  async start(): Promise<void> {
    assert(this.#host === undefined && !this.#stopped, 'a network starts once')
    const { config, topic } = { config: this.#config, topic: gossipTopic(this.#config.genesisHash) }
    const host = await createHost({
      nodeKeySeed: config.nodeKeySeed,
      listen: config.listen,
      announce: config.announce ?? [],
      topic,
      validators: config.validators.length,
      inboundPerSecondMax: config.inboundPerSecondMax ?? INBOUND_PER_SECOND_MAX,
      software: this.#software(),
      isRefused: (peerId, direction) => this.#isRefused(peerId, direction),
    })
    this.#host = host
    this.#selfId = host.peerId.toString()
    host.addEventListener('connection:open', (event) => this.#peers.onConnectionOpened(event.detail))
    host.addEventListener('connection:close', (event) => this.#peers.onConnectionClosed(event.detail))
    await host.handle(DIRECT_PROTOCOL, (stream, connection) => this.#peers.onStream(stream, connection), {
      maxInboundStreams: DIRECT_STREAMS_MAX,
      maxOutboundStreams: DIRECT_STREAMS_MAX,
    })
    this.#gossip = this.#createGossip(host, topic)
    this.#dialer = new Dialer(this.#targets(), {
      clock: config.clock,
      random: config.random ?? Math.random,
      dial: (addresses) => host.dial([...addresses], { signal: AbortSignal.timeout(DIAL_TIMEOUT_MS) }),
      isLinked: (peerId) => this.#peers.isLinked(peerId),
      onDial: (outcome, error) => {
        this.#counters.add(outcome === 'begun' ? 'dials' : 'dials-failed')
        if (outcome === 'failed') this.#log.debug({ error }, 'a dial failed')
      },
    })
    await host.start()
    this.#gossip.start()
    this.#dialer.start()
    this.#beat()
    this.#log.info({ peerId: this.#selfId, addresses: this.listenAddresses() }, 'network started')
  }

  async stop(): Promise<void> {
    if (this.#stopped) return
    this.#stopped = true
    this.#cancelHeartbeat?.()
    this.#dialer?.stop()
    // At once and without ceremony: closing politely waits for every peer.
    this.#peers.close()
    const host = this.#host
    if (host === undefined) return
    const { promise: expired, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, STOP_MS_MAX)
    const stopped = Promise.resolve(host.stop()).catch((error: unknown) => {
      this.#log.warn({ error }, 'libp2p did not stop cleanly')
    })
    await Promise.race([stopped, expired])
    clearTimeout(timer)
  }

  listenAddresses(): string[] {
    return this.#host?.getMultiaddrs().map((address) => address.toString()) ?? []
  }

  stats(): NetworkStats {
    const ready = this.#peers.ready()
    const validators = ready.filter((peer) => peer.validator !== undefined).length
    return this.#counters.read({
      peers: ready.length,
      validators,
      connections: this.#peers.connectionCount,
      gossipPeers: this.#gossip?.subscribers ?? 0,
    })
  }

  #createPort(): Network {
    const send = (frame: Uint8Array): Uint8Array => {
      assert(frame.length >= FRAME_HEADER_BYTES, 'only whole frames are sent')
      return frame
    }
    return {
      sendTo: (validator, body) => {
        assert(validator !== this.#selfIndex(), 'what is meant for ourselves does not go over the network')
        this.#peers.sendToValidator(validator, send(body))
      },
      broadcast: (body) => this.#peers.sendToAll('validators', send(body)),
      sendToFollowers: (body) => this.#peers.sendToAll('followers', send(body)),
      sendToPeer: (peerId, body) => this.#peers.sendToPeer(peerId, send(body)),
      gossip: (body) => {
        if (!this.#stopped) this.#gossip?.publish(body)
      },
      penalise: (peerId, offence, detail) => this.#penalise(peerId, offence, detail),
      peers: () => this.#peers.ready(),
    }
  }

  #createPeers(): Peers {
    const { clock, payloadBytesMax, genesisHash, onFatal } = this.#config
    return new Peers({
      clock,
      counters: this.#counters,
      handlers: this.#handlers,
      payloadBytesMax,
      validatorOf: (peerId) => this.#validatorOf.get(peerId),
      isBanned: (peerId) => this.#penalties.isBanned(peerId, clock.nowMs()),
      helloFrame: () => this.#helloFrame(),
      checkHello: (frame) => checkHello(frame, genesisHash),
      penalise: (peerId, offence, detail, times) => this.#penalise(peerId, offence, detail, times),
      onLinked: (peerId) => this.#dialer?.onLinked(peerId),
      onUnlinked: (peerId) => this.#dialer?.onUnlinked(peerId),
      onFatal,
      debug: (fields, message) => this.#log.debug(fields, message),
    })
  }

  #createGossip(host: Host, topic: string): Gossip {
    return new Gossip(host, topic, this.#config.clock, this.#counters, {
      judge: (peerId, body) => this.#judgeGossip(peerId, body),
      oversized: (peerId, bytes) => this.#penalise(peerId, 'malformed', `gossip of ${bytes} bytes`),
      flooded: (peerId, debtMs) => {
        const times = Math.floor(debtMs / 1000)
        if (times > 0) this.#penalise(peerId, 'flood', `${debtMs} ms of gossip too much`, times)
      },
      failed: (error) => this.#log.debug({ error }, 'gossip failed'),
    })
  }

  #judgeGossip(peerId: string, body: Uint8Array): 'accept' | 'ignore' | 'reject' {
    if (this.#stopped) return 'ignore'
    try {
      const verdict = this.#handlers.onGossip(peerId, body)
      if (verdict === 'reject') this.#penalise(peerId, 'invalid-content', 'gossip was rejected')
      return verdict
    } catch (error) {
      this.#config.onFatal(error)
      return 'ignore'
    }
  }

  #penalise(peerId: string, offence: Offence, detail: string, times = 1): void {
    this.#counters.offence(offence)
    this.#log.debug({ peer: peerId, offence, detail }, 'offence')
    if (!this.#penalties.add(peerId, offence, this.#config.clock.nowMs(), times)) return
    this.#counters.add('bans')
    this.#log.warn({ peer: peerId, validator: this.#validatorOf.get(peerId), offence, detail }, 'peer banned')
    this.#peers.disconnect(peerId, 'banned')
  }

  #isRefused(peerId: string, direction: 'inbound' | 'outbound'): boolean {
    const refused =
      this.#penalties.isBanned(peerId, this.#config.clock.nowMs()) ||
      (direction === 'inbound' && this.#peers.isFullFor(peerId))
    if (refused) this.#counters.add('connections-refused')
    return refused
  }

  #beat(): void {
    this.#cancelHeartbeat = this.#config.clock.after(HEARTBEAT_MS, () => {
      this.#peers.onHeartbeat((connections: readonly Connection[]) => this.#gossip?.heal(connections))
      this.#beat()
    })
  }

  #helloFrame(): Uint8Array {
    const { genesisHash, epoch, height } = this.#config
    return encodeHello({ genesisHash, epoch, software: this.#software(), height: height?.() ?? 0 })
  }

  #software(): string {
    return this.#config.software ?? 'scoville'
  }

  #selfIndex(): ValidatorIndex | undefined {
    return this.#selfId === undefined ? undefined : this.#validatorOf.get(this.#selfId)
  }

  /** Validators dial one another; a follower dials its extra peers, and a few validators without any or while none is linked. */
  #targets(): DialTarget[] {
    const self = this.#selfIndex()
    const extra = this.#config.extraPeers.map((address): DialTarget => target([address], undefined, 0))
    const others = this.#config.validators.filter(({ index, addresses }) => index !== self && addresses.length > 0)
    const validators = others.map(({ index, nodeKey, addresses }) => {
      const delayMs = self !== undefined && self > index ? HIGHER_INDEX_DELAY_MS : 0
      return target(addresses, peerIdOfNodeKey(nodeKey), delayMs)
    })
    const wanted = extra.filter(({ peerId }) => peerId !== this.#selfId)
    if (self === undefined && wanted.length > 0) {
      const named = new Set(wanted.map(({ peerId }) => peerId))
      const fallbacks = rotated(validators, this.#selfId ?? '').filter(({ peerId }) => !named.has(peerId))
      return [
        ...wanted,
        ...fallbacks.map((fallback) => ({ ...fallback, delayMs: FALLBACK_DELAY_MS, isFallback: true })),
      ]
    }
    const chosen = self !== undefined ? validators : rotated(validators, this.#selfId ?? '')
    const known = new Set(chosen.map(({ peerId }) => peerId))
    return [...chosen, ...wanted.filter(({ peerId }) => peerId === undefined || !known.has(peerId))]
  }
}

function target(addresses: readonly string[], expected: string | undefined, delayMs: number): DialTarget {
  const parsed = addresses.map((address) => multiaddr(address))
  const named = parsed.map(peerIdIn).find((id) => id !== undefined)
  const peerId = expected ?? named
  const complete = parsed.map((address): Multiaddr => {
    return peerId === undefined || peerIdIn(address) !== undefined ? address : address.encapsulate(`/p2p/${peerId}`)
  })
  return { addresses: complete, peerId, delayMs }
}

function peerIdIn(address: Multiaddr): string | undefined {
  return address.getComponents().findLast((component) => component.name === 'p2p')?.value
}

// Different followers begin with different validators, so that they spread.
function rotated(targets: readonly DialTarget[], selfId: string): DialTarget[] {
  const start = targets.length === 0 ? 0 : selfId.charCodeAt(selfId.length - 1) % targets.length
  return [...targets.slice(start), ...targets.slice(0, start)].slice(0, FOLLOWER_DIALS_MAX)
}
