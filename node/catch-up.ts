// Missing blocks: asks peers for them until the core no longer wants them, and answers peers that ask this node.
// A target is always the id in a verified certificate, never a height somebody claims (PITFALLS 29); what comes back counts only
// if its hash links end in that id, or in a certificate of its own.

import { TREE_BLOCKS_MAX } from '../consensus/block-tree.ts'
import type { CertificateVerifier } from '../consensus/certificates.ts'
import { BLOCK_RESPONSE_BYTES_MAX } from '../consensus/frame.ts'
import type { Input } from '../consensus/protocol.ts'
import type { CoreState } from '../consensus/state.ts'
import type { Block, BlockId, Height, Message, Proposal, QC, ValidatorIndex } from '../consensus/types.ts'
import { encodeProposal } from '../consensus/wire.ts'
import { BLOCKS_PER_RESPONSE_MAX, encodeMessage, ITEMS_PER_RESPONSE_MAX } from '../consensus/wire-messages.ts'
import { AskedPeers } from './asked-peers.ts'
import type { Ingress } from './ingress.ts'
import type { ChainStore, Clock, Network, Peer } from './ports.ts'

/** How long one peer has to answer before the next is asked. */
export const RESPONSE_TIMEOUT_MS = 2_000
/** Pause after every connected peer was asked in vain. */
export const RETRY_PAUSE_MS = 250
/** Requests served per peer: a bucket of this many, refilled at this many a second. */
export const REQUESTS_PER_SECOND_MAX = 20
/** Ids are u32: room for as many requests as a process ever makes. */
const FIRST_REQUEST_ID_MAX = 2 ** 31
/** Requests made to one peer: fewer than it serves, for what was sent apart may arrive together. */
export const ASKED_PER_SECOND_MAX = 12
/** A response holds no more than this of proposals, so that the frame bound is never met. */
const RESPONSE_PAYLOAD_BYTES = BLOCK_RESPONSE_BYTES_MAX - 1024 * 1024

/** With more blocks than this waiting to be executed, no more are asked for: a quarter of the tree's bound. */
const UNEXECUTED_MAX = TREE_BLOCKS_MAX / 4

type Request = Extract<Message, { kind: 'block-request' }>
type Response = Extract<Message, { kind: 'block-response' }>

export interface CatchUpDeps {
  readonly epoch: number
  readonly clock: Clock
  readonly network: Pick<Network, 'sendToPeer' | 'peers' | 'penalise'>
  readonly store: Pick<ChainStore, 'head' | 'blockAt' | 'blockById'>
  readonly certificates: CertificateVerifier
  readonly ingress: () => Ingress
  readonly core: () => CoreState
  /** Resolves once the core took the input. */
  readonly deliver: (input: Input) => Promise<void>
  readonly onFatal: (error: unknown) => void
  /** A block is missing. */
  readonly onSearch?: () => void
  /** While true nothing is asked for: the state is being fetched instead (node/snapshot). */
  readonly isSuspended?: () => boolean
}

type Answer = 'useful' | 'useless' | { readonly problem: string }

interface Search {
  readonly blockId: BlockId
  /** Peers not asked yet in this round. */
  round: Peer[]
  preferred: readonly ValidatorIndex[]
  asked: { readonly peer: string; readonly requestId: number } | undefined
  /** For a peer that may be asked, or for the core. */
  isWaiting: boolean
  /** Height above which blocks are asked for. */
  above: Height
  cancelTimer: () => void
}

export class CatchUp {
  readonly #deps: CatchUpDeps
  /** Bound: what the core wants at once, at most three blocks. */
  readonly #searches = new Map<BlockId, Search>()
  readonly #asked = new AskedPeers(ASKED_PER_SECOND_MAX)
  readonly #tokens = new Map<string, { tokens: number; atMs: number }>()
  /** Begins with the time: what an earlier life asked for and gets answered now is late, not unsolicited. */
  #requestIds: number
  #stopped = false
  #blocksFetched = 0
  /** Answers in a row that led to nothing. */
  #vain = 0

  constructor(deps: CatchUpDeps) {
    this.#deps = deps
    this.#requestIds = deps.clock.nowMs() % FIRST_REQUEST_ID_MAX
  }

  get searching(): number {
    return this.#searches.size
  }

  get blocksFetched(): number {
    return this.#blocksFetched
  }

  /** Every peer was asked twice for the next block, and none has it: blocks are pruned, or withheld. */
  get isStuck(): boolean {
    const peers = this.#deps.network.peers().length
    return this.#searches.size > 0 && peers > 0 && this.#vain >= 2 * peers
  }

  stop(): void {
    this.#stopped = true
    for (const search of this.#searches.values()) search.cancelTimer()
    this.#searches.clear()
  }

  /** The core wants a block; `from` are validators that voted for it. */
  fetch(blockId: BlockId, from: readonly ValidatorIndex[]): void {
    if (this.#stopped || this.#searches.has(blockId)) return
    const search: Search = {
      blockId,
      round: [],
      preferred: from,
      asked: undefined,
      isWaiting: false,
      above: this.#deps.core().tree.rootHeight,
      cancelTimer: () => {},
    }
    this.#searches.set(blockId, search)
    this.#deps.onSearch?.()
    this.#refill(search)
    this.#ask(search)
  }

  onResponse(peer: Peer, response: Response): void {
    const search = [...this.#searches.values()].find(({ asked }) => asked?.requestId === response.requestId)
    if (search === undefined || search.asked?.peer !== peer.id) {
      // Late answers happen; answers to nothing do not.
      if (response.requestId > this.#requestIds) this.#deps.network.penalise(peer.id, 'unsolicited', 'a block response')
      return
    }
    search.cancelTimer()
    search.asked = undefined
    this.#take(search, peer, response).catch(this.#deps.onFatal)
  }

  async #take(search: Search, peer: Peer, response: Response): Promise<void> {
    const answer = await this.#accept(search, response)
    this.#asked.done(peer.id, answer === 'useful')
    this.#vain = answer === 'useful' ? 0 : this.#vain + 1
    if (typeof answer === 'object') this.#deps.network.penalise(peer.id, 'invalid-content', answer.problem)
    this.#ask(search)
    this.#resume()
  }

  /** Feeds what is proved to the core; otherwise says what is wrong. An empty answer is no fault: the peer lacks it. */
  async #accept(search: Search, { proposals, certificate }: Response): Promise<Answer> {
    const { ingress, certificates, core, deliver } = this.#deps
    if (proposals.length === 0) return 'useless'
    const blocks = ingress().certifiedChain(proposals)
    if ('detail' in blocks) return { problem: blocks.detail }
    const last = blocks.at(-1)
    const first = blocks[0]
    if (last === undefined || first === undefined) return 'useless'
    // Answered from another height than asked (the chain went on meanwhile): of no use, and no fault.
    if (!core().tree.isConnected(first.proposal.header.parentId)) return 'useless'
    if (last.id === search.blockId) {
      await deliver({ kind: 'fetched', blocks })
    } else {
      if (certificate === undefined || certificate.blockId !== last.id)
        return { problem: 'blocks that nothing certifies' }
      const verified = await certificates.verifyQC(certificate)
      if (!verified.ok) return { problem: `a certificate that is ${verified.rejection.kind}` }
      await deliver({ kind: 'fetched', blocks, certificate: verified.value })
    }
    this.#blocksFetched += blocks.length
    search.above = last.proposal.header.height
    this.#refill(search)
    return 'useful'
  }

  #refill(search: Search): void {
    search.round = this.#asked.order(this.#deps.network.peers(), search.preferred)
  }

  /** Somebody may be asked again: whoever waited for that goes on. */
  #resume(): void {
    for (const search of [...this.#searches.values()]) {
      if (!search.isWaiting || search.round.length === 0) continue
      search.cancelTimer()
      this.#ask(search)
    }
  }

  /** Asks the next peer, unless the core has got the block in the meantime. */
  #ask(search: Search): void {
    const { core, clock, network, epoch } = this.#deps
    search.isWaiting = false
    if (this.#stopped || !core().wanted.has(search.blockId)) {
      this.#searches.delete(search.blockId)
      return
    }
    if (core().tree.unexecuted > UNEXECUTED_MAX || this.#deps.isSuspended?.() === true) {
      // Blocks arrive faster than they execute: wait for the core, not for a peer.
      search.isWaiting = true
      search.cancelTimer = clock.after(RETRY_PAUSE_MS, () => this.#ask(search))
      return
    }
    const peer = this.#asked.take(search.round, clock.nowMs())
    if (peer === undefined) {
      search.isWaiting = true
      search.cancelTimer = clock.after(RETRY_PAUSE_MS, () => {
        if (search.round.length === 0) {
          search.above = core().tree.rootHeight
          this.#refill(search)
        }
        this.#ask(search)
      })
      return
    }
    this.#requestIds += 1
    const request: Request = {
      kind: 'block-request',
      requestId: this.#requestIds,
      blockId: search.blockId,
      committedHeight: search.above,
    }
    search.asked = { peer: peer.id, requestId: request.requestId }
    search.cancelTimer = clock.after(RESPONSE_TIMEOUT_MS, () => {
      search.asked = undefined
      this.#asked.done(peer.id, false)
      this.#ask(search)
      this.#resume()
    })
    network.sendToPeer(peer.id, encodeMessage(request, epoch))
  }

  /** Answers a peer: the whole way to the block if it is short, else the next part of the committed chain and its certificate. */
  onRequest(peer: Peer, request: Request): void {
    if (!this.#allow(peer.id)) return this.#deps.network.penalise(peer.id, 'flood', 'block requests')
    const found = this.#tail(request.blockId, request.committedHeight) ?? this.#chunk(request.committedHeight)
    const response: Response = { kind: 'block-response', requestId: request.requestId, ...found }
    this.#deps.network.sendToPeer(peer.id, encodeMessage(response, this.#deps.epoch))
  }

  /** From just above `height` to the block, ascending; undefined when it is not held or too far. */
  #tail(id: BlockId, height: Height): { readonly proposals: Proposal[] } | undefined {
    const proposals: Proposal[] = []
    let bytes = 0
    let items = 0
    for (let at = this.#block(id); at !== undefined; at = this.#block(at.proposal.header.parentId)) {
      if (at.proposal.header.height <= height) return { proposals: proposals.reverse() }
      bytes += encodeProposal(at.proposal).length
      items += at.proposal.payload.items.length
      if (proposals.length >= BLOCKS_PER_RESPONSE_MAX || isTooMuch(bytes, items)) return undefined
      proposals.push(at.proposal)
    }
    return undefined
  }

  #chunk(height: Height): { readonly proposals: Proposal[]; readonly certificate?: QC } {
    const { store } = this.#deps
    const proposals: Proposal[] = []
    const head = store.head()
    let bytes = 0
    let items = 0
    let next = height + 1
    for (; next < (head?.height ?? 0) && proposals.length < BLOCKS_PER_RESPONSE_MAX; next++) {
      const proposal = store.blockAt(next as Height)?.block.proposal
      if (proposal === undefined) break
      bytes += encodeProposal(proposal).length
      items += proposal.payload.items.length
      if (proposals.length > 0 && isTooMuch(bytes, items)) break
      proposals.push(proposal)
    }
    // The child's justify is the certificate of the last one.
    const certificate = store.blockAt(next as Height)?.block.proposal.justify
    if (certificate === undefined || proposals.length === 0) return { proposals: [] }
    return { proposals, certificate }
  }

  #block(id: BlockId): Block | undefined {
    return this.#deps.core().tree.block(id) ?? this.#deps.store.blockById(id)?.block
  }

  #allow(peerId: string): boolean {
    const nowMs = this.#deps.clock.nowMs()
    const bucket = this.#tokens.get(peerId) ?? { tokens: REQUESTS_PER_SECOND_MAX, atMs: nowMs }
    // A clock that steps back takes nothing away.
    const elapsedMs = Math.max(0, nowMs - bucket.atMs)
    const refilled = bucket.tokens + (elapsedMs * REQUESTS_PER_SECOND_MAX) / 1_000
    const tokens = Math.min(REQUESTS_PER_SECOND_MAX, refilled)
    this.#tokens.set(peerId, { tokens: Math.max(0, tokens - 1), atMs: nowMs })
    return tokens >= 1
  }

  onPeerDisconnected(peer: Peer): void {
    this.#tokens.delete(peer.id)
    this.#asked.forget(peer.id)
    for (const search of [...this.#searches.values()]) {
      if (search.asked?.peer !== peer.id) continue
      search.cancelTimer()
      search.asked = undefined
      this.#ask(search)
    }
  }
}

/** More than one response may hold: the receiver refuses the whole of it. */
function isTooMuch(bytes: number, items: number): boolean {
  return bytes > RESPONSE_PAYLOAD_BYTES || items > ITEMS_PER_RESPONSE_MAX
}
