// Joins a chain that is far ahead: fetches the state at a certified height from several peers at once instead of every block.
// The target is the place of an anchor whose certificate was verified, never a height somebody claims (PITFALLS 29); every
// range is checked alone before it is written, so one that is false names its sender. What is written survives a crash.
// Never touches the chain that is there: when all is written, `onRestored` has the node start again on the new one.

import type { CertificateVerifier } from '../../consensus/certificates.ts'
import type { BlockId, Message, SnapshotPart } from '../../consensus/types.ts'
import type { WireLimits } from '../../consensus/wire.ts'
import { encodeMessage } from '../../consensus/wire-messages.ts'
import type { verifyEd25519 } from '../../crypto/ed25519.ts'
import type { Application } from '../../ledger/application.ts'
import { decodeStateRange, ENCODED_RANGE_BYTES_MAX } from '../../ledger/state-range.ts'
import { AskedPeers } from '../asked-peers.ts'
import type { NetworkLog } from '../network/network.ts'
import type { Clock, Network, Offence, Peer, RestoreStore } from '../ports.ts'
import { type Anchor, type AnchorContext, checkAnchor, checkTip, decodeAnchors, decodeTip, placeOf } from './anchor.ts'
import { type Offer, Offers } from './offers.ts'
import { type Basis, boundsOf, checkRange, PARTS, Restoration } from './restoration.ts'

/** A block has been missing for this long before snapshots are asked for: small gaps close sooner. */
export const ASK_AFTER_MS = 1_000
/** Between two rounds of asking who holds what. */
export const ASK_AGAIN_MS = 5_000
/** From the first snapshot worth fetching to the choice: more answers are under way. */
const CHOOSE_AFTER_MS = 300
export const SNAPSHOT_RESPONSE_TIMEOUT_MS = 5_000
/** Nothing of the chosen snapshot has come for this long: whoever holds it withholds it, or nobody does any more. */
export const STALLED_MS_MAX = 20_000
const RETRY_MS = 100
/** Requests to one peer: fewer than it serves (snapshot-server.ts). */
const ASKED_PER_SECOND_MAX = 12
/** Peers that sent something false and are not asked again; the oldest go first. */
const LIARS_MAX = 1_024
const FIRST_REQUEST_ID_MAX = 2 ** 31

type Response = Extract<Message, { kind: 'snapshot-response' }>
type RangePart = Extract<SnapshotPart, { kind: 'range' }>

export interface StateSyncDeps extends AnchorContext {
  readonly epoch: number
  readonly limits: WireLimits
  readonly clock: Clock
  readonly network: Pick<Network, 'sendToPeer' | 'peers' | 'penalise'>
  readonly certificates: Pick<CertificateVerifier, 'verifyQC'>
  /** See node/ingress.ts. */
  readonly verifySignature?: typeof verifyEd25519
  readonly app: Pick<Application, 'decode'>
  readonly store: RestoreStore
  /** Committed height of the chain that is there. */
  readonly height: () => number
  /** Whether a certified block is missing. */
  readonly isBehind: () => boolean
  /** Whether no peer has the next block: any snapshot above us will do. */
  readonly isStuck: () => boolean
  /** Heights from which on a snapshot is fetched instead of blocks. */
  readonly gapMin: number
  readonly log: Pick<NetworkLog, 'info' | 'warn'>
  readonly onRestored: (basis: Basis) => void
  readonly onFatal: (error: unknown) => void
}

/** For the log, `status` and `/readyz`. */
export interface SyncProgress {
  readonly targetHeight: number
  /** From 0 to 1. */
  readonly share: number
  readonly entries: number
  readonly peers: number
}

interface Asked {
  readonly peer: Peer
  readonly part: SnapshotPart
  /** Which part of the key space, of a range. */
  readonly index: number | undefined
  readonly cancelTimer: () => void
}

export class StateSync {
  readonly #deps: StateSyncDeps
  readonly #peers = new AskedPeers(ASKED_PER_SECOND_MAX)
  /** Bound: one a peer. */
  readonly #asked = new Map<number, Asked>()
  readonly #offers = new Offers()
  readonly #liars = new Set<string>()
  #requestIds: number
  /** Chosen; being restored once its tip is there. */
  #target: Offer | undefined
  #restoration: Restoration | undefined
  /** Parts with a checked range that is not written yet: each is asked for again only behind it. */
  readonly #writing = new Set<number>()
  #tail: Promise<void> = Promise.resolve()
  /** When something of the target last came. */
  #progressMs = 0
  #cancelRound: (() => void) | undefined
  #cancelChoice: (() => void) | undefined
  #cancelRetry: (() => void) | undefined
  #isOver = false

  constructor(deps: StateSyncDeps) {
    this.#deps = deps
    this.#requestIds = deps.clock.nowMs() % FIRST_REQUEST_ID_MAX
  }

  /** A snapshot is being fetched: blocks need not be. */
  get isActive(): boolean {
    return this.#target !== undefined
  }

  get progress(): SyncProgress | undefined {
    if (this.#target === undefined) return undefined
    const { place, holders } = this.#target
    const { share = 0, progress } = this.#restoration ?? {}
    return { targetHeight: place.height, share, entries: progress?.entries ?? 0, peers: holders.size }
  }

  /** Requests under way; for bounds. */
  get asking(): number {
    return this.#asked.size
  }

  /** Goes on with what an earlier life began. */
  async start(): Promise<void> {
    const { limits, log, store } = this.#deps
    const resumed = await Restoration.resume(store, limits)
    if (resumed === undefined || this.#isOver) return
    const { anchor, tip } = resumed.basis
    const { place } = resumed
    const isUseful = place.height > this.#deps.height()
    if (!isUseful || (await this.#problemOf(anchor)) !== undefined || 'problem' in checkTip(tip, anchor, this.#deps))
      return
    log.info({ height: place.height, share: resumed.share }, 'goes on with a snapshot')
    this.#restoration = resumed
    this.#target = this.#offers.add(anchor)
    this.#progressMs = this.#deps.clock.nowMs()
    this.#round()
    this.#finishIfWhole()
  }

  stop(): void {
    this.#isOver = true
    for (const cancel of [this.#cancelRound, this.#cancelChoice, this.#cancelRetry]) cancel?.()
    for (const { cancelTimer } of this.#asked.values()) cancelTimer()
    this.#asked.clear()
  }

  /** What is being written is written; call after `stop`. */
  async stopped(): Promise<void> {
    await this.#tail
  }

  /** A block is missing. */
  noticeSearch(): void {
    if (this.#isOver || this.#cancelRound !== undefined) return
    this.#cancelRound = this.#deps.clock.after(ASK_AFTER_MS, () => this.#round())
  }

  onPeerDisconnected(peer: Peer): void {
    this.#peers.forget(peer.id)
    this.#offers.forget(peer.id)
    for (const [id, asked] of this.#asked) {
      if (asked.peer.id !== peer.id) continue
      asked.cancelTimer()
      this.#asked.delete(id)
    }
    this.#pump()
  }

  onResponse(peer: Peer, { requestId, body }: Response): void {
    const asked = this.#asked.get(requestId)
    if (asked === undefined || asked.peer.id !== peer.id) {
      // Late answers happen; answers to nothing do not.
      if (requestId > this.#requestIds) this.#deps.network.penalise(peer.id, 'unsolicited', 'a snapshot response')
      return
    }
    asked.cancelTimer()
    this.#asked.delete(requestId)
    this.#peers.done(peer.id, body !== undefined)
    this.#take(asked, body).catch(this.#deps.onFatal)
  }

  async #take({ peer, part, index }: Asked, body: Uint8Array | undefined): Promise<void> {
    if (body === undefined) {
      if (part.kind !== 'anchors') this.#offers.get(part.blockId)?.holders.delete(peer.id)
    } else if (part.kind === 'anchors') await this.#takeAnchors(peer, body)
    else if (part.kind === 'tip') await this.#takeTip(peer, part.blockId, body)
    else this.#takeRange(peer, part, index ?? 0, body)
    this.#pump()
  }

  /** Every ASK_AGAIN_MS while something is missing: peers come and go, and so do the snapshots they hold. */
  #round(): void {
    const { clock, isBehind, log, network } = this.#deps
    this.#cancelRound = undefined
    if (this.#isOver || (!isBehind() && this.#target === undefined)) return
    this.#cancelRound = clock.after(ASK_AGAIN_MS, () => this.#round())
    const peers = network.peers().filter(({ id }) => !this.#liars.has(id))
    for (const round = this.#peers.order(peers, []); ; ) {
      const peer = this.#peers.take(round, clock.nowMs())
      if (peer === undefined) break
      this.#ask(peer, { kind: 'anchors' }, undefined)
    }
    if (this.#target === undefined) return
    const { progress } = this
    log.info({ ...progress }, 'fetching a snapshot')
    if (clock.nowMs() - this.#progressMs > STALLED_MS_MAX) this.#abandon('nothing of it comes any more')
  }

  async #takeAnchors(peer: Peer, body: Uint8Array): Promise<void> {
    const decoded = decodeAnchors(body, this.#deps.limits)
    if (!decoded.ok) return this.#refuse(peer, 'malformed', decoded.detail)
    const held: Anchor[] = []
    for (const anchor of decoded.value) {
      const problem = await this.#problemOf(anchor)
      if (problem === 'busy') continue
      if (problem !== undefined) return this.#refuse(peer, 'false-proof', problem)
      held.push(anchor)
    }
    this.#offers.replace(peer.id, held, this.#target)
    // Nothing of it is here yet and nobody holds it any more: another will do.
    if (this.#restoration === undefined && this.#target?.holders.size === 0) this.#target = undefined
    if (this.#target !== undefined || this.#cancelChoice !== undefined || this.#best() === undefined) return
    this.#cancelChoice = this.#deps.clock.after(CHOOSE_AFTER_MS, () => {
      this.#cancelChoice = undefined
      this.#choose()
    })
  }

  async #problemOf(anchor: Anchor): Promise<string | undefined> {
    const problem = checkAnchor(anchor, this.#deps)
    if (problem !== undefined) return problem
    const verified = await this.#deps.certificates.verifyQC(anchor.certificate)
    if (verified.ok) return undefined
    return verified.rejection.kind === 'busy' ? 'busy' : `an anchor whose certificate is ${verified.rejection.kind}`
  }

  /** Undefined when blocks will do. */
  #best(): Offer | undefined {
    const { gapMin, height, isStuck } = this.#deps
    return this.#offers.best(height() + (isStuck() ? 1 : gapMin))
  }

  #choose(): void {
    if (this.#isOver || this.#target !== undefined || !this.#deps.isBehind()) return
    const best = this.#best()
    if (best === undefined) return
    const { place, holders } = best
    const have = this.#deps.height()
    this.#deps.log.info({ have, target: place.height, peers: holders.size }, 'far behind: fetches a snapshot')
    this.#target = best
    this.#progressMs = this.#deps.clock.nowMs()
    this.#pump()
  }

  async #takeTip(peer: Peer, blockId: BlockId, body: Uint8Array): Promise<void> {
    const target = this.#target
    if (target?.place.blockId !== blockId || this.#restoration !== undefined) return
    const decoded = decodeTip(body, this.#deps.limits)
    if (!decoded.ok) return this.#refuse(peer, 'malformed', decoded.detail)
    const checked = checkTip(decoded.value, target.anchor, this.#deps)
    if ('problem' in checked) return this.#refuse(peer, 'false-proof', checked.problem)
    const began = this.#tail.then(() =>
      Restoration.begin(this.#deps.store, { anchor: target.anchor, tip: decoded.value }),
    )
    this.#tail = began.then(() => {})
    const restoration = await began
    if (this.#target !== target) return
    this.#restoration = restoration
    this.#progressMs = this.#deps.clock.nowMs()
  }

  #takeRange(peer: Peer, { blockId, from }: RangePart, index: number, body: Uint8Array): void {
    const restoration = this.#restoration
    if (restoration?.place.blockId !== blockId || restoration.progress.parts[index] !== from) return
    if (body.length > ENCODED_RANGE_BYTES_MAX) return this.#refuse(peer, 'malformed', 'a range too long')
    const decoded = decodeStateRange(body)
    if (!decoded.ok) return this.#refuse(peer, 'malformed', decoded.detail)
    const problem = checkRange(decoded.value, restoration.place.stateRoot, from, index)
    if (problem !== undefined) return this.#refuse(peer, 'false-proof', problem)
    this.#writing.add(index)
    this.#tail = this.#tail
      .then(() => (this.#restoration === restoration ? restoration.write(decoded.value, index) : undefined))
      .then(() => {
        this.#writing.delete(index)
        this.#progressMs = this.#deps.clock.nowMs()
        this.#finishIfWhole()
        this.#pump()
      })
    this.#tail.catch(this.#deps.onFatal)
  }

  #finishIfWhole(): void {
    const restoration = this.#restoration
    if (restoration?.isWhole !== true || this.#isOver) return
    if (!restoration.isRight()) return this.#abandon('what is on disk is not what was written')
    const { app, log, onFatal, onRestored } = this.#deps
    const { anchor, tip } = restoration.basis
    const block = { id: placeOf(anchor).blockId, proposal: tip.proposal }
    this.stop()
    this.#tail = this.#tail.then(() => restoration.finish(block, app))
    this.#tail.then(() => {
      log.info({ height: restoration.place.height, entries: restoration.progress.entries }, 'the snapshot is whole')
      onRestored(restoration.basis)
    }, onFatal)
  }

  #abandon(why: string): void {
    this.#deps.log.warn({ height: this.#target?.place.height, why }, 'a snapshot is given up')
    if (this.#target !== undefined) this.#offers.avoid(this.#target.place.blockId)
    this.#restoration = undefined
    this.#target = undefined
    this.#choose()
  }

  /** Asks for what comes next: one request a peer and a part at a time. */
  #pump(): void {
    const target = this.#target
    if (target === undefined || this.#isOver) return
    const { clock, network } = this.#deps
    const round = this.#peers.order(
      network.peers().filter(({ id }) => target.holders.has(id) && !this.#liars.has(id)),
      [],
    )
    for (const { part, index } of this.#wanted(target)) {
      const peer = this.#peers.take(round, clock.nowMs())
      if (peer === undefined) {
        this.#cancelRetry?.()
        this.#cancelRetry = clock.after(RETRY_MS, () => this.#pump())
        return
      }
      this.#ask(peer, part, index)
    }
  }

  #wanted({ place }: Offer): { readonly part: SnapshotPart; readonly index: number | undefined }[] {
    const { blockId } = place
    const asked = [...this.#asked.values()]
    if (this.#restoration === undefined) {
      const isAsked = asked.some(({ part }) => part.kind === 'tip')
      return isAsked ? [] : [{ part: { kind: 'tip', blockId }, index: undefined }]
    }
    const wanted: { part: SnapshotPart; index: number }[] = []
    for (let index = 0; index < PARTS; index++) {
      const from = this.#restoration.progress.parts[index]
      if (from === undefined || this.#writing.has(index) || asked.some((other) => other.index === index)) continue
      wanted.push({ part: { kind: 'range', blockId, from, to: boundsOf(index).to }, index })
    }
    return wanted
  }

  #ask(peer: Peer, part: SnapshotPart, index: number | undefined): void {
    const { clock, epoch, network } = this.#deps
    this.#requestIds += 1
    const requestId = this.#requestIds
    const cancelTimer = clock.after(SNAPSHOT_RESPONSE_TIMEOUT_MS, () => {
      this.#asked.delete(requestId)
      this.#peers.done(peer.id, false)
      this.#pump()
    })
    this.#asked.set(requestId, { peer, part, index, cancelTimer })
    network.sendToPeer(peer.id, encodeMessage({ kind: 'snapshot-request', requestId, part }, epoch))
  }

  /** No honest node sends this: it is not asked again. */
  #refuse(peer: Peer, offence: Offence, detail: string): void {
    this.#deps.log.warn({ peer: peer.id, detail }, 'a peer sent a false snapshot')
    this.#offers.forget(peer.id)
    const [oldest] = this.#liars
    if (this.#liars.size >= LIARS_MAX && oldest !== undefined) this.#liars.delete(oldest)
    this.#liars.add(peer.id)
    this.#deps.network.penalise(peer.id, offence, detail)
  }
}
