// Real libp2p nodes on loopback for the network tests: validators with fixed seeds, what each of them was told, and
// a clock that can be moved forward. Conditions are awaited with a deadline; nothing sleeps.

import { noise } from '@chainsafe/libp2p-noise'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { type Identify, identify } from '@libp2p/identify'
import type { Connection, Libp2p, Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { multiaddr } from '@multiformats/multiaddr'
import getPort from 'get-port'
import { createLibp2p } from 'libp2p'
import { encodeFrame, FRAME_KIND } from '../../../consensus/frame.ts'
import type { ValidatorIndex } from '../../../consensus/types.ts'
import { type Hash, hashFromBytes } from '../../../crypto/bytes.ts'
import { DIRECT_PROTOCOL } from '../../../node/network/direct.ts'
import { encodeHello } from '../../../node/network/hello.ts'
import { quietYamux } from '../../../node/network/host.ts'
import { createNetwork, type NetworkConfig, type RunningNetwork } from '../../../node/network/network.ts'
import type { Clock, Peer } from '../../../node/ports.ts'

export const GENESIS: Hash = hashFromBytes(new Uint8Array(32).fill(7))
export const OTHER_GENESIS: Hash = hashFromBytes(new Uint8Array(32).fill(8))
export const DEADLINE_MS = 15_000
const SILENT_LOG = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

interface Pending {
  readonly dueMs: number
  readonly callback: () => void
  readonly timer: NodeJS.Timeout
}

/** Real time that can be moved forward: what falls due on the way is called at once. */
export class ShiftedClock implements Clock {
  #offsetMs = 0
  #stoppedAtMs: number | undefined
  readonly #pending = new Set<Pending>()

  nowMs(): number {
    return (this.#stoppedAtMs ?? Date.now()) + this.#offsetMs
  }

  /** From here on only `advance` moves it (its timers still run in real time). */
  stopTicking(): void {
    this.#stoppedAtMs = Date.now()
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = setTimeout(() => this.#fire(pending), delayMs)
    const pending: Pending = { dueMs: this.nowMs() + delayMs, callback, timer }
    this.#pending.add(pending)
    return () => {
      clearTimeout(timer)
      this.#pending.delete(pending)
    }
  }

  advance(byMs: number): void {
    this.#offsetMs += byMs
    for (const pending of [...this.#pending].sort((a, b) => a.dueMs - b.dueMs)) {
      if (pending.dueMs <= this.nowMs() && this.#pending.has(pending)) this.#fire(pending)
    }
  }

  #fire(pending: Pending): void {
    clearTimeout(pending.timer)
    this.#pending.delete(pending)
    pending.callback()
  }
}

export function seedOf(label: number): Uint8Array {
  return new Uint8Array(32).fill(label)
}

export async function nodeKeyOf(label: number): Promise<Uint8Array> {
  return (await generateKeyPairFromSeed('Ed25519', seedOf(label))).publicKey.raw
}

/** Resolves when the condition holds. @throws Error naming it when it does not in time. */
export async function until(what: string, condition: () => boolean, deadlineMs = DEADLINE_MS): Promise<void> {
  const end = Date.now() + deadlineMs
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export interface Received {
  readonly from: Peer
  readonly frame: Uint8Array
}

export class TestNode {
  readonly running: RunningNetwork
  readonly clock = new ShiftedClock()
  readonly messages: Received[] = []
  readonly gossiped: { readonly from: string; readonly body: Uint8Array }[] = []
  readonly connected: Peer[] = []
  readonly disconnected: Peer[] = []
  readonly fatal: unknown[] = []
  verdict: (body: Uint8Array) => 'accept' | 'ignore' | 'reject' = () => 'accept'
  onMessage: (peer: Peer, frame: Uint8Array) => void = () => undefined

  constructor(config: Omit<NetworkConfig, 'clock' | 'onFatal'>) {
    const full: NetworkConfig = { ...config, clock: this.clock, onFatal: (error) => this.fatal.push(error) }
    this.running = createNetwork(
      full,
      {
        onMessage: (from, frame) => {
          this.messages.push({ from, frame })
          this.onMessage(from, frame)
        },
        onGossip: (from, body) => {
          this.gossiped.push({ from, body })
          return this.verdict(body)
        },
        onPeerConnected: (peer) => this.connected.push(peer),
        onPeerDisconnected: (peer) => this.disconnected.push(peer),
      },
      SILENT_LOG,
    )
  }

  get peers(): readonly Peer[] {
    return this.running.network.peers()
  }

  get id(): string {
    return this.running.listenAddresses()[0]?.split('/p2p/')[1] ?? ''
  }
}

export interface NodeOptions {
  readonly label: number
  readonly validators?: NetworkConfig['validators']
  readonly extraPeers?: readonly string[]
  readonly listen?: readonly string[]
  readonly genesisHash?: Hash
  readonly payloadBytesMax?: number
  readonly inboundPerSecondMax?: number
}

export function createNode(options: NodeOptions): TestNode {
  return new TestNode({
    genesisHash: options.genesisHash ?? GENESIS,
    epoch: 0,
    nodeKeySeed: seedOf(options.label),
    validators: options.validators ?? [],
    listen: options.listen ?? ['/ip4/127.0.0.1/tcp/0'],
    extraPeers: options.extraPeers ?? [],
    payloadBytesMax: options.payloadBytesMax ?? 1024 * 1024,
    inboundPerSecondMax: options.inboundPerSecondMax ?? 1_000,
    software: `node ${options.label}`,
    height: () => 0,
  })
}

/** Labels 1..n, indexes 0..n-1, on the given ports. */
export async function validatorsOn(ports: readonly number[]): Promise<NetworkConfig['validators']> {
  return Promise.all(
    ports.map(async (port, index) => ({
      index: index as ValidatorIndex,
      nodeKey: await nodeKeyOf(index + 1),
      addresses: [`/ip4/127.0.0.1/tcp/${port}`],
    })),
  )
}

export function listenOn(port: number): string[] {
  return [`/ip4/127.0.0.1/tcp/${port}`]
}

/** A vote frame around any bytes: the network does not look inside. */
export function voteFrame(body: Uint8Array): Uint8Array {
  return encodeFrame(FRAME_KIND.vote, 0, body)
}

export function numbered(number: number): Uint8Array {
  const body = new Uint8Array(4)
  new DataView(body.buffer).setUint32(0, number)
  return voteFrame(body)
}

export function numberOf(frame: Uint8Array): number {
  return new DataView(frame.buffer, frame.byteOffset + frame.length - 4, 4).getUint32(0)
}

/** Started nodes, stopped together. */
export class Nodes {
  readonly #started: { readonly stop: () => Promise<void> | void }[] = []

  async start(node: TestNode): Promise<TestNode> {
    this.#started.push(node.running)
    await node.running.start()
    return node
  }

  /** Validators with labels 1..size and indexes 0..size-1, connected all to all. */
  async mesh(size: number): Promise<Mesh> {
    const ports: number[] = []
    while (ports.length < size) ports.push(await getPort({ exclude: ports }))
    const validators = await validatorsOn(ports)
    const create = (index: number): TestNode =>
      createNode({ label: index + 1, validators, listen: listenOn(ports[index] ?? 0) })
    const nodes = await Promise.all(ports.map((_, index) => this.start(create(index))))
    await until('full mesh', () => nodes.every((node) => node.peers.length === size - 1))
    return { nodes, validators, restart: (index) => this.start(create(index)) }
  }

  /** A peer that is no node of ours, connected to one. */
  async stranger(label: number, to: TestNode, prepare?: (pubsub: GossipSub) => void): Promise<Stranger> {
    const stranger = await connectStranger(label, at(to.running.listenAddresses(), 0), prepare)
    this.#started.push(stranger.host)
    return stranger
  }

  async stop(): Promise<void> {
    await Promise.all(this.#started.splice(0).map(async (one) => one.stop()))
  }
}

export interface Mesh {
  readonly nodes: readonly TestNode[]
  readonly validators: NetworkConfig['validators']
  readonly restart: (index: number) => Promise<TestNode>
}

export function at<T>(items: readonly T[], index: number): T {
  const item = items[index]
  if (item === undefined) throw new Error(`no item ${index}`)
  return item
}

export type StrangerHost = Libp2p<{ identify: Identify; pubsub: GossipSub }>

/** Bare libp2p with a gossipsub of default limits: it sends what it likes. */
export interface Stranger {
  readonly host: StrangerHost
  readonly id: string
  readonly connection: Connection
  /** The stream that it sends on. */
  readonly stream: Stream
  /** Streams the node opened to it; nothing reads them until a listener is added. */
  readonly inbound: Stream[]
}

/**
 * @param address multiaddr of whoever it connects to
 * @param prepare before it connects
 */
export async function connectStranger(
  label: number,
  address: string,
  prepare?: (pubsub: GossipSub) => void,
): Promise<Stranger> {
  const host: StrangerHost = await createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', seedOf(label)),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [quietYamux()],
    connectionMonitor: { enabled: false },
    services: {
      identify: identify(),
      pubsub: gossipsub({ globalSignaturePolicy: 'StrictNoSign', allowPublishToZeroTopicPeers: true }),
    },
  })
  prepare?.(host.services.pubsub)
  const inbound: Stream[] = []
  await host.handle(DIRECT_PROTOCOL, (stream) => void inbound.push(stream))
  try {
    const connection = await host.dial(multiaddr(address))
    const stream = await connection.newStream(DIRECT_PROTOCOL)
    return { host, id: host.peerId.toString(), connection, stream, inbound }
  } catch (error) {
    await host.stop()
    throw error
  }
}

export function helloFrame(genesisHash: Hash = GENESIS): Uint8Array {
  return encodeHello({ genesisHash, epoch: 0, software: 'stranger', height: 0 })
}
