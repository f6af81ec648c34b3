// Real libp2p nodes on loopback for the network tests: validators with fixed seeds, what each of them was told, and
// a clock that can be moved forward. Conditions are awaited with a deadline; nothing sleeps.

import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { identify } from '@libp2p/identify'
import type { Libp2p } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { createLibp2p } from 'libp2p'
import { encodeFrame, FRAME_KIND } from '../../../consensus/frame.ts'
import type { ValidatorIndex } from '../../../consensus/types.ts'
import { type Hash, hashFromBytes } from '../../../crypto/bytes.ts'
import { createNetwork, type NetworkConfig, type RunningNetwork } from '../../../node/network/network.ts'
import type { Clock, Peer } from '../../../node/ports.ts'

export const GENESIS: Hash = hashFromBytes(new Uint8Array(32).fill(7))
export const OTHER_GENESIS: Hash = hashFromBytes(new Uint8Array(32).fill(8))
export const DEADLINE_MS = 15_000
const SILENT_LOG = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** Real time plus an offset; timers run in real time. */
export class ShiftedClock implements Clock {
  offsetMs = 0

  nowMs(): number {
    return Date.now() + this.offsetMs
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
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

/** A bare libp2p node without our protocols: the attacker's end. */
export async function rawHost(label: number): Promise<Libp2p> {
  return createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', seedOf(label)),
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false },
    services: { identify: identify() },
  })
}
