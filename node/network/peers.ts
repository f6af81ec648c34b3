// The table of peers: their connections and the two direct streams of each, from the first connection to the last.
// A peer is on the network once both hellos went through; its streams and connections live and die together.
// Never decodes a message and never decides what an offence costs.

import type { Connection, Stream } from '@libp2p/interface'
import type { ValidatorIndex } from '../../consensus/types.ts'
import type { Clock, NetworkHandlers, Offence, Peer } from '../ports.ts'
import type { Counters } from './counters.ts'
import {
  abortConnection,
  DIRECT_PROTOCOL,
  FOLLOWER_ALLOWANCE,
  Receiver,
  Sender,
  VALIDATOR_ALLOWANCE,
} from './direct.ts'
import type { HelloCheck } from './hello.ts'

export const FOLLOWERS_MAX = 32
/** Two dials that crossed; a third means that an old one is dead. */
export const CONNECTIONS_PER_PEER_MAX = 2
/** From the first connection until both hellos are through. */
export const HELLO_TIMEOUT_MS = 5_000
export const HEARTBEAT_MS = 5_000
/** Four heartbeats missed: TCP may take minutes to notice, and to resume after a partition. */
export const SILENCE_MAX_MS = 20_000
/** A peer that takes no bytes for so long is disconnected. */
export const STALL_MAX_MS = 20_000
/** A debt of a second of frames is one flood offence. */
const FLOOD_DEBT_MS = 1_000

interface Link {
  readonly peer: Peer
  /** Oldest first. */
  connections: Connection[]
  sender: Sender | undefined
  opening: boolean
  receiver: Receiver | undefined
  isReady: boolean
  cancelHelloTimer: (() => void) | undefined
}

export interface PeersDeps {
  readonly clock: Clock
  readonly counters: Counters
  readonly handlers: NetworkHandlers
  readonly payloadBytesMax: number
  readonly validatorOf: (peerId: string) => ValidatorIndex | undefined
  readonly isBanned: (peerId: string) => boolean
  readonly helloFrame: () => Uint8Array
  readonly checkHello: (frame: Uint8Array) => HelloCheck
  readonly penalise: (peerId: string, offence: Offence, detail: string, times?: number) => void
  readonly onLinked: (peerId: string) => void
  readonly onUnlinked: (peerId: string) => void
  /** A handler threw: a bug, never the peer's fault. */
  readonly onFatal: (error: unknown) => void
  readonly debug: (fields: Readonly<Record<string, unknown>>, message: string) => void
}

export class Peers {
  readonly #deps: PeersDeps
  readonly #links = new Map<string, Link>()
  readonly #byValidator = new Map<ValidatorIndex, Link>()
  #closed = false

  constructor(deps: PeersDeps) {
    this.#deps = deps
  }

  /** Those on our chain, with both hellos through. */
  ready(): Peer[] {
    return [...this.#links.values()].filter((link) => link.isReady).map((link) => link.peer)
  }

  get connectionCount(): number {
    let count = 0
    for (const link of this.#links.values()) count += link.connections.length
    return count
  }

  isLinked(peerId: string): boolean {
    return this.#links.has(peerId)
  }

  /** Whether a new follower would be one too many. */
  isFullFor(peerId: string): boolean {
    if (this.#links.has(peerId) || this.#deps.validatorOf(peerId) !== undefined) return false
    let followers = 0
    for (const link of this.#links.values()) if (link.peer.validator === undefined) followers += 1
    return followers >= FOLLOWERS_MAX
  }

  sendToValidator(index: ValidatorIndex, frame: Uint8Array): void {
    const link = this.#byValidator.get(index)
    if (link !== undefined) this.#send(link, frame)
  }

  sendToPeer(peerId: string, frame: Uint8Array): void {
    const link = this.#links.get(peerId)
    if (link !== undefined) this.#send(link, frame)
  }

  sendToAll(kind: 'validators' | 'followers', frame: Uint8Array): void {
    for (const link of this.#links.values()) {
      if ((link.peer.validator !== undefined) === (kind === 'validators')) this.#send(link, frame)
    }
  }

  onConnectionOpened(connection: Connection): void {
    const peerId = connection.remotePeer.toString()
    if (this.#closed || this.#deps.isBanned(peerId) || this.isFullFor(peerId)) {
      this.#deps.counters.add('connections-refused')
      abortConnection(connection, 'refused')
      return
    }
    this.#deps.counters.add('connections-opened')
    const link = this.#links.get(peerId) ?? this.#addLink(peerId)
    link.connections.push(connection)
    const surplus = link.connections.length > CONNECTIONS_PER_PEER_MAX ? link.connections[0] : undefined
    if (surplus !== undefined) abortConnection(surplus, 'one connection too many')
    this.#openSender(link)
  }

  onConnectionClosed(connection: Connection): void {
    const link = this.#links.get(connection.remotePeer.toString())
    if (link === undefined || !link.connections.includes(connection)) return
    this.#deps.counters.add('connections-closed')
    link.connections = link.connections.filter((other) => other !== connection)
    if (link.sender?.connection === connection) link.sender = undefined
    if (link.receiver?.connection === connection) link.receiver = undefined
    if (link.connections.length === 0) {
      this.#dropLink(link)
      return
    }
    this.#refresh(link)
    this.#openSender(link)
  }

  onStream(stream: Stream, connection: Connection): void {
    const link = this.#links.get(connection.remotePeer.toString())
    if (link === undefined || !link.connections.includes(connection)) {
      stream.abort(new Error('refused'))
      return
    }
    const allowance = link.peer.validator === undefined ? FOLLOWER_ALLOWANCE : VALIDATOR_ALLOWANCE
    const limits = { allowance, payloadBytesMax: this.#deps.payloadBytesMax }
    new Receiver(connection, stream, limits, this.#deps.clock, {
      hello: (receiver, frame) => this.#onHello(link, receiver, frame),
      frame: (receiver, frame) => this.#onFrame(link, receiver, frame),
      fault: (receiver, detail) => {
        abortConnection(receiver.connection, 'malformed frames')
        this.#deps.penalise(link.peer.id, 'malformed', detail)
      },
      throttled: (_receiver, framesDebtMs) => this.#onThrottled(link, framesDebtMs),
      closed: (receiver) => {
        if (link.receiver === receiver) abortConnection(receiver.connection, 'its direct stream ended')
      },
    })
  }

  disconnect(peerId: string, reason: string): void {
    const connections = this.#links.get(peerId)?.connections ?? []
    for (const connection of connections) abortConnection(connection, reason)
  }

  /** Every HEARTBEAT_MS: says hello again, and drops who is silent or does not take bytes. */
  onHeartbeat(heal: (connections: readonly Connection[]) => void): void {
    const frame = this.#deps.helloFrame()
    const nowMs = this.#deps.clock.nowMs()
    for (const link of [...this.#links.values()]) {
      if (!link.isReady) continue
      if (link.receiver !== undefined && nowMs - link.receiver.heardAtMs > SILENCE_MAX_MS) {
        this.#deps.counters.add('peers-silent')
        this.disconnect(link.peer.id, 'silent')
      } else if (link.sender !== undefined && link.sender.blockedMs > STALL_MAX_MS) {
        this.#deps.counters.add('peers-stalled')
        this.disconnect(link.peer.id, 'stalled')
      } else {
        this.#send(link, frame)
        heal(link.connections)
      }
    }
  }

  /** No connection is accepted any more, and all are gone when this returns. */
  close(): void {
    this.#closed = true
    for (const link of [...this.#links.values()]) {
      for (const connection of link.connections) abortConnection(connection, 'stopping')
      this.#dropLink(link)
    }
  }

  #addLink(peerId: string): Link {
    const peer: Peer = { id: peerId, validator: this.#deps.validatorOf(peerId) }
    const link: Link = {
      peer,
      connections: [],
      sender: undefined,
      opening: false,
      receiver: undefined,
      isReady: false,
      cancelHelloTimer: undefined,
    }
    this.#links.set(peerId, link)
    if (peer.validator !== undefined) this.#byValidator.set(peer.validator, link)
    this.#refresh(link)
    this.#deps.onLinked(peerId)
    return link
  }

  #dropLink(link: Link): void {
    if (this.#links.get(link.peer.id) !== link) return
    this.#links.delete(link.peer.id)
    if (link.peer.validator !== undefined) this.#byValidator.delete(link.peer.validator)
    link.connections = []
    link.sender = undefined
    link.receiver = undefined
    this.#refresh(link)
    link.cancelHelloTimer?.()
    this.#deps.onUnlinked(link.peer.id)
  }

  #openSender(link: Link): void {
    const connection = link.connections.at(-1)
    if (connection === undefined || link.sender !== undefined || link.opening) return
    link.opening = true
    connection
      .newStream(DIRECT_PROTOCOL, { signal: AbortSignal.timeout(HELLO_TIMEOUT_MS) })
      .then((stream) => this.#attachSender(link, connection, stream))
      .catch((error: unknown) => {
        this.#deps.debug({ peer: link.peer.id, error }, 'no direct stream')
        abortConnection(connection, 'no direct stream')
      })
      .finally(() => {
        link.opening = false
        // The connection may have gone meanwhile while another is there.
        if (link.sender === undefined && link.connections.at(-1) !== connection) this.#openSender(link)
      })
  }

  #attachSender(link: Link, connection: Connection, stream: Stream): void {
    if (!link.connections.includes(connection)) {
      stream.abort(new Error('its connection is gone'))
      return
    }
    const sender = new Sender(connection, stream, this.#deps.clock, {
      dropped: (frames) => this.#deps.counters.add('frames-dropped', frames),
      closed: () => {
        if (link.sender === sender) abortConnection(connection, 'our direct stream ended')
      },
    })
    link.sender = sender
    sender.send(this.#deps.helloFrame())
    this.#refresh(link)
  }

  #onHello(link: Link, receiver: Receiver, frame: Uint8Array): boolean {
    this.#deps.counters.frameIn(frame)
    const check = this.#deps.checkHello(frame)
    if (check.kind !== 'same-chain') {
      abortConnection(receiver.connection, 'hello refused')
      this.#deps.penalise(link.peer.id, check.kind, check.detail)
      return false
    }
    const previous = link.receiver
    if (previous === receiver) return true
    if (!link.connections.includes(receiver.connection)) return false
    link.receiver = receiver
    this.#deps.debug({ peer: link.peer.id, hello: check.hello }, 'hello')
    if (previous !== undefined) {
      previous.abort('replaced by a newer stream')
      // The peer has moved: to it, the old connection is gone, however long TCP takes to tell us.
      if (previous.connection !== receiver.connection) abortConnection(previous.connection, 'the peer moved to another')
    }
    this.#refresh(link)
    return true
  }

  #onFrame(link: Link, receiver: Receiver, frame: Uint8Array): void {
    // Only the newest stream counts, or frames of two streams could overtake one another.
    if (link.receiver !== receiver) return
    this.#deps.counters.frameIn(frame)
    this.#call(() => this.#deps.handlers.onMessage(link.peer, frame))
  }

  #onThrottled(link: Link, framesDebtMs: number): void {
    this.#deps.counters.add('reads-throttled')
    const times = Math.floor(framesDebtMs / FLOOD_DEBT_MS)
    if (times > 0) this.#deps.penalise(link.peer.id, 'flood', `${framesDebtMs} ms of frames too many`, times)
  }

  #send(link: Link, frame: Uint8Array): void {
    if (!link.isReady || link.sender === undefined) return
    this.#deps.counters.frameOut(frame)
    link.sender.send(frame)
  }

  #refresh(link: Link): void {
    const isReady = link.sender !== undefined && link.receiver !== undefined
    const { handlers } = this.#deps
    if (isReady && !link.isReady) {
      link.isReady = true
      link.cancelHelloTimer?.()
      link.cancelHelloTimer = undefined
      this.#call(() => handlers.onPeerConnected(link.peer))
    } else if (!isReady && link.isReady) {
      link.isReady = false
      this.#call(() => handlers.onPeerDisconnected(link.peer))
    }
    if (!link.isReady && link.cancelHelloTimer === undefined) {
      link.cancelHelloTimer = this.#deps.clock.after(HELLO_TIMEOUT_MS, () => {
        link.cancelHelloTimer = undefined
        this.#deps.counters.add('hello-timeouts')
        for (const connection of link.connections) abortConnection(connection, 'no hello in time')
      })
    }
  }

  #call(handler: () => void): void {
    try {
      handler()
    } catch (error) {
      this.#deps.onFatal(error)
    }
  }
}
