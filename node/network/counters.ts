// Figures of the network, counted where things happen and read synchronously (metrics, tests). Decides nothing.

import { FRAME_KIND } from '../../consensus/frame.ts'
import type { Offence } from '../ports.ts'

export type FrameName = keyof typeof FRAME_KIND

export interface FrameTraffic {
  readonly framesIn: number
  readonly framesOut: number
  /** Headers included. */
  readonly bytesIn: number
  readonly bytesOut: number
}

export interface NetworkStats {
  readonly frames: Readonly<Record<FrameName, FrameTraffic>>
  readonly offences: Readonly<Record<Offence, number>>
  readonly events: Readonly<Record<NetworkEvent, number>>
  readonly now: NetworkGauges
}

export interface NetworkGauges {
  /** On our chain: both hellos are through. */
  readonly peers: number
  /** Those of them that are validators. */
  readonly validators: number
  readonly connections: number
  /** Peers that our gossip reaches directly: their gossip follows their connection by some milliseconds. */
  readonly gossipPeers: number
}

const NETWORK_EVENTS = [
  'bans',
  'connections-closed',
  'connections-opened',
  'connections-refused',
  'dials',
  'dials-failed',
  'frames-dropped',
  'gossip-accepted',
  'gossip-bytes-in',
  'gossip-bytes-out',
  'gossip-healed',
  'gossip-reopened',
  'gossip-ignored',
  'gossip-published',
  'gossip-rejected',
  'hello-timeouts',
  'peers-silent',
  'peers-stalled',
  'reads-throttled',
] as const

export type NetworkEvent = (typeof NETWORK_EVENTS)[number]

const OFFENCES: readonly Offence[] = [
  'malformed',
  'wrong-chain',
  'false-proof',
  'invalid-signature',
  'invalid-content',
  'unsolicited',
  'flood',
]

const FRAME_NAMES: readonly FrameName[] = [
  'hello',
  'proposal',
  'vote',
  'timeout',
  'certificate',
  'blockRequest',
  'blockResponse',
  'epochProof',
  'epochProofRequest',
  'snapshotRequest',
  'snapshotResponse',
]

/** Byte 2 of a frame is its kind (FORMATS.md, 11). */
const KIND_AT = 2

export class Counters {
  readonly #in = new Map<number, { frames: number; bytes: number }>()
  readonly #out = new Map<number, { frames: number; bytes: number }>()
  readonly #offences = new Map<Offence, number>()
  readonly #events = new Map<NetworkEvent, number>()

  add(event: NetworkEvent, amount = 1): void {
    this.#events.set(event, (this.#events.get(event) ?? 0) + amount)
  }

  offence(offence: Offence): void {
    this.#offences.set(offence, (this.#offences.get(offence) ?? 0) + 1)
  }

  frameIn(frame: Uint8Array): void {
    count(this.#in, frame)
  }

  frameOut(frame: Uint8Array): void {
    count(this.#out, frame)
  }

  read(now: NetworkGauges): NetworkStats {
    const traffic = (name: FrameName): FrameTraffic => {
      const received = this.#in.get(FRAME_KIND[name])
      const sent = this.#out.get(FRAME_KIND[name])
      return {
        framesIn: received?.frames ?? 0,
        framesOut: sent?.frames ?? 0,
        bytesIn: received?.bytes ?? 0,
        bytesOut: sent?.bytes ?? 0,
      }
    }
    return {
      frames: record(FRAME_NAMES, traffic),
      offences: record(OFFENCES, (offence) => this.#offences.get(offence) ?? 0),
      events: record(NETWORK_EVENTS, (event) => this.#events.get(event) ?? 0),
      now,
    }
  }
}

function count(totals: Map<number, { frames: number; bytes: number }>, frame: Uint8Array): void {
  const kind = frame[KIND_AT] ?? 0
  const total = totals.get(kind)
  if (total === undefined) totals.set(kind, { frames: 1, bytes: frame.length })
  else {
    total.frames += 1
    total.bytes += frame.length
  }
}

function record<K extends string, V>(keys: readonly K[], value: (key: K) => V): Record<K, V> {
  return Object.fromEntries(keys.map((key) => [key, value(key)])) as Record<K, V>
}
