// Fetching of missing blocks in the simulation, of the shape of node/catch-up.ts: by id, from one peer after another, in chunks
// of the committed chain when the gap is long. Small chunks, so that runs of seconds reach the long way.

import type { Input } from '../../consensus/protocol.ts'
import type { CoreState } from '../../consensus/state.ts'
import type { Block, BlockId, Height, QC, ValidatorIndex, Verified } from '../../consensus/types.ts'
import type { Disk } from './disk.ts'
import type { Packet } from './network.ts'

const BLOCKS_PER_RESPONSE_MAX = 8
const RESPONSE_TIMEOUT_MS = 300
const RETRY_PAUSE_MS = 100

export interface CatchUpDeps {
  readonly core: CoreState
  readonly disk: Disk
  readonly peers: readonly ValidatorIndex[]
  readonly send: (to: ValidatorIndex, packet: Packet) => void
  readonly after: (delayMs: number, run: () => void) => void
  readonly deliver: (input: Input) => void
}

interface Search {
  round: ValidatorIndex[]
  readonly preferred: readonly ValidatorIndex[]
  above: Height
  /** Counts requests: a late answer's alarm does nothing. */
  request: number
}

export class CatchUp {
  readonly #deps: CatchUpDeps
  readonly #searches = new Map<BlockId, Search>()

  constructor(deps: CatchUpDeps) {
    this.#deps = deps
  }

  fetch(blockId: BlockId, preferred: readonly ValidatorIndex[]): void {
    if (this.#searches.has(blockId)) return
    const search: Search = { round: [], preferred, above: this.#deps.core.tree.rootHeight, request: 0 }
    this.#searches.set(blockId, search)
    this.#refill(search)
    this.#ask(blockId, search)
  }

  take({ blockId, blocks, certificate }: Extract<Packet, { kind: 'block-response' }>): void {
    const search = this.#searches.get(blockId)
    const { core, deliver } = this.#deps
    if (search === undefined) return
    search.request += 1
    const [first] = blocks
    const last = blocks.at(-1)
    if (first !== undefined && last !== undefined && core.tree.isConnected(first.proposal.header.parentId)) {
      deliver({ kind: 'fetched', blocks, ...(certificate === undefined ? {} : { certificate }) })
      search.above = last.proposal.header.height
      this.#refill(search)
    }
    this.#ask(blockId, search)
  }

  answer(to: ValidatorIndex, { blockId, above }: Extract<Packet, { kind: 'block-request' }>): void {
    const found = this.#tail(blockId, above) ?? this.#chunk(above)
    this.#deps.send(to, { kind: 'block-response', blockId, ...found })
  }

  #refill(search: Search): void {
    const { peers } = this.#deps
    const { preferred } = search
    search.round = [
      ...peers.filter((peer) => preferred.includes(peer)),
      ...peers.filter((peer) => !preferred.includes(peer)),
    ]
  }

  #ask(blockId: BlockId, search: Search): void {
    const { after, core, send } = this.#deps
    // The answer may still wait in the queue: whether the block is wanted is asked when the core has taken it.
    after(0, () => {
      if (!core.wanted.has(blockId)) {
        this.#searches.delete(blockId)
        return
      }
      const request = ++search.request
      const peer = search.round.shift()
      if (peer !== undefined) send(peer, { kind: 'block-request', blockId, above: search.above })
      after(peer === undefined ? RETRY_PAUSE_MS : RESPONSE_TIMEOUT_MS, () => {
        if (search.request !== request) return
        if (peer === undefined) {
          search.above = core.tree.rootHeight
          this.#refill(search)
        }
        this.#ask(blockId, search)
      })
    })
  }

  #tail(id: BlockId, above: Height): { readonly blocks: Verified<Block>[] } | undefined {
    const { core, disk } = this.#deps
    const blocks: Verified<Block>[] = []
    const find = (wanted: BlockId) => core.tree.block(wanted) ?? disk.block(wanted)
    for (let at = find(id); at !== undefined; at = find(at.proposal.header.parentId)) {
      if (at.proposal.header.height <= above) return { blocks: blocks.reverse() }
      if (blocks.length >= BLOCKS_PER_RESPONSE_MAX) return undefined
      blocks.push(at)
    }
    return undefined
  }

  #chunk(above: Height): { readonly blocks: readonly Verified<Block>[]; readonly certificate?: Verified<QC> } {
    const { chain } = this.#deps.disk
    const blocks = chain.slice(above + 1, above + 1 + BLOCKS_PER_RESPONSE_MAX)
    const next = chain[above + 1 + blocks.length]
    if (next === undefined) blocks.pop()
    const certificate = (next ?? chain.at(-1))?.proposal.justify
    if (certificate === undefined || blocks.length === 0) return { blocks: [] }
    return { blocks, certificate: certificate as Verified<QC> }
  }
}
