// Connections between nodes: who reaches whom, how late and with what loss. A connection has an age: what was under way on an
// old one is lost, as bytes in a socket are. In order while connected, unless the seed says otherwise. Owns bans, too: the
// penalties are the network's own (node/network/penalties.ts).

import { Penalties } from '../../../node/network/penalties.ts'
import type { Offence } from '../../../node/ports.ts'
import type { EventQueue } from '../event-queue.ts'
import type { Random } from '../random.ts'
import type { SimulatedNode } from './node.ts'

export interface LinkFaults {
  readonly lossPerMille: number
  readonly duplicatePerMille: number
  readonly delayMs: readonly [least: number, most: number]
  /** Some messages take longer by up to this. */
  readonly slowPerMille: number
  readonly slowMsMax: number
  /** Messages overtake one another: harsher than a stream. */
  readonly reorders: boolean
  /** Messages seen again this long after. */
  readonly replayPerMille: number
  readonly replayMsMax: number
}

export const CALM: LinkFaults = {
  lossPerMille: 0,
  duplicatePerMille: 0,
  delayMs: [3, 12],
  slowPerMille: 0,
  slowMsMax: 0,
  reorders: false,
  replayPerMille: 0,
  replayMsMax: 0,
}

const RECONNECT_MS = [20, 300] as const

interface Pair {
  connected: boolean
  /** Counts connections. */
  age: number
  /** Extra delay each way: a slow link. */
  slowMs: number
  readonly lastArrivalMs: [number, number]
}

export class Links {
  readonly #queue: EventQueue
  readonly #random: Random
  readonly #nodes: readonly SimulatedNode[]
  readonly #pairs = new Map<number, Pair>()
  readonly #penalties: readonly Penalties[]
  faults: LinkFaults = CALM
  /** Whether penalties disconnect and ban. */
  bans = false
  /** Group of each node: only members of one group hear each other. */
  groups: readonly number[] | undefined
  /** Directed cuts, `from * nodes + to`. */
  readonly cuts = new Set<number>()
  readonly sent = new Map<string, number>()
  onBan: (by: SimulatedNode, against: SimulatedNode) => void = () => {}
  onPenalty: (by: SimulatedNode, against: SimulatedNode, offence: Offence, detail: string) => void = () => {}

  constructor(queue: EventQueue, random: Random, nodes: readonly SimulatedNode[]) {
    this.#queue = queue
    this.#random = random
    this.#nodes = nodes
    this.#penalties = nodes.map(() => new Penalties((id) => this.#byId(id)?.validator !== undefined))
  }

  isConnected(a: SimulatedNode, b: SimulatedNode): boolean {
    return this.#pair(a, b).connected
  }

  peersOf(node: SimulatedNode): readonly SimulatedNode[] {
    return this.#nodes.filter((other) => other !== node && this.isConnected(node, other))
  }

  /** A node began to listen and dials everybody. */
  up(node: SimulatedNode): void {
    for (const other of this.#nodes) if (other !== node) this.#dial(node, other)
  }

  down(node: SimulatedNode): void {
    for (const other of this.#nodes) if (other !== node) this.disconnect(node, other, false)
  }

  disconnect(a: SimulatedNode, b: SimulatedNode, redials = true): void {
    const pair = this.#pair(a, b)
    if (!pair.connected) return
    pair.connected = false
    pair.age += 1
    a.peerLost(b)
    b.peerLost(a)
    if (redials) this.#dial(a, b)
  }

  slow(a: SimulatedNode, b: SimulatedNode, byMs: number): void {
    this.#pair(a, b).slowMs = byMs
  }

  allWell(): void {
    this.faults = CALM
    this.groups = undefined
    this.cuts.clear()
    for (const pair of this.#pairs.values()) pair.slowMs = 0
  }

  penalise(by: SimulatedNode, peerId: string, offence: Offence, detail: string): void {
    const against = this.#byId(peerId)
    if (against === undefined) return
    this.onPenalty(by, against, offence, detail)
    const banned = this.#penalties[by.number]?.add(peerId, offence, this.#queue.nowMs) === true
    if (!banned) return
    this.onBan(by, against)
    if (this.bans) this.disconnect(by, against)
  }

  send(from: SimulatedNode, to: SimulatedNode, bytes: Uint8Array, kind: 'frame' | 'gossip'): void {
    const pair = this.#pair(from, to)
    if (!pair.connected) return
    const random = this.#random
    const { lossPerMille, duplicatePerMille, replayPerMille, replayMsMax } = this.faults
    if (random.chance(lossPerMille) || !this.#reaches(from, to)) return
    const copies = random.chance(duplicatePerMille) ? 2 : 1
    for (let copy = 0; copy < copies; copy++) this.#deliver(pair, from, to, bytes, kind, this.#delayMs(pair))
    if (random.chance(replayPerMille)) this.#deliver(pair, from, to, bytes, kind, random.between(1, replayMsMax), true)
  }

  #deliver(
    pair: Pair,
    from: SimulatedNode,
    to: SimulatedNode,
    bytes: Uint8Array,
    kind: 'frame' | 'gossip',
    delayMs: number,
    overtakes = this.faults.reorders,
  ): void {
    const { age } = pair
    const direction = from.number < to.number ? 0 : 1
    let atMs = this.#queue.nowMs + delayMs
    if (!overtakes) {
      atMs = Math.max(atMs, pair.lastArrivalMs[direction])
      pair.lastArrivalMs[direction] = atMs
    }
    this.#queue.after(atMs - this.#queue.nowMs, () => {
      // A partition cuts what is under way too.
      if (pair.age === age && this.#reaches(from, to)) to.receive(from, bytes, kind)
    })
  }

  #dial(a: SimulatedNode, b: SimulatedNode): void {
    this.#queue.after(this.#random.between(...RECONNECT_MS), () => {
      const pair = this.#pair(a, b)
      if (pair.connected || !a.isListening || !b.isListening) return
      if (!this.#reaches(a, b) || !this.#reaches(b, a) || this.#isBanned(a, b) || this.#isBanned(b, a)) {
        this.#dial(a, b)
        return
      }
      pair.connected = true
      pair.age += 1
      a.peerFound(b)
      b.peerFound(a)
    })
  }

  #isBanned(by: SimulatedNode, peer: SimulatedNode): boolean {
    return this.bans && this.#penalties[by.number]?.isBanned(peer.id, this.#queue.nowMs) === true
  }

  #reaches(from: SimulatedNode, to: SimulatedNode): boolean {
    const { groups, cuts } = this
    if (groups !== undefined && groups[from.number] !== groups[to.number]) return false
    return cuts.size === 0 || !cuts.has(from.number * this.#nodes.length + to.number)
  }

  #delayMs({ slowMs }: Pair): number {
    const { delayMs, slowPerMille, slowMsMax } = this.faults
    const slow = slowMsMax > 0 && this.#random.chance(slowPerMille) ? this.#random.between(0, slowMsMax) : 0
    return this.#random.between(...delayMs) + slow + slowMs
  }

  #pair(a: SimulatedNode, b: SimulatedNode): Pair {
    const key = Math.min(a.number, b.number) * this.#nodes.length + Math.max(a.number, b.number)
    let pair = this.#pairs.get(key)
    if (pair === undefined) {
      pair = { connected: false, age: 0, slowMs: 0, lastArrivalMs: [0, 0] }
      this.#pairs.set(key, pair)
    }
    return pair
  }

  #byId(id: string): SimulatedNode | undefined {
    return this.#nodes.find((node) => node.id === id)
  }
}
