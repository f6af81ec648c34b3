// The way in for everything a peer sends on a direct stream: bytes -> bounded decode -> cheap checks -> signatures -> the core.
// The only place besides storage where something becomes `Verified`; cheap checks come first, BLS last (PITFALLS 39).
// Owns what is under way and its bounds; never decides anything about consensus.

import type { CertificateRejection, CertificateVerifier } from '../consensus/certificates.ts'
import { proposalPreimage } from '../consensus/preimages.ts'
import { checkProposal, checkTimeoutShape } from '../consensus/proposal-check.ts'
import type { Input } from '../consensus/protocol.ts'
import { type CoreState, VIEWS_AHEAD_MAX, VIEWS_BEHIND_MAX } from '../consensus/state.ts'
import type {
  Block,
  BlockId,
  Checked,
  GenesisHash,
  Message,
  Proposal,
  QC,
  TC,
  Timeout,
  Verified,
  View,
  Vote,
} from '../consensus/types.ts'
import type { ValidatorSet } from '../consensus/validators.ts'
import { blockIdOf, type WireLimits } from '../consensus/wire.ts'
import { decodeMessage } from '../consensus/wire-messages.ts'
import { verifyEd25519 } from '../crypto/ed25519.ts'
import type { Network, Offence, Peer } from './ports.ts'

/** Messages of one peer, and of all, whose signatures are being checked; beyond, they are dropped: the protocol resends. */
export const PEER_IN_FLIGHT_MAX = 64
export const IN_FLIGHT_MAX = 1_024
/** Different proposals of one view that are worth a signature check: the first, and one that proves equivocation. */
const PROPOSALS_PER_VIEW_MAX = 2

export interface IngressDeps {
  readonly genesisHash: GenesisHash
  readonly validators: ValidatorSet
  readonly certificates: CertificateVerifier
  readonly limits: WireLimits
  /** The signature of a node key; crypto/ed25519.ts unless a simulation has its own scheme. */
  readonly verifySignature?: typeof verifyEd25519
  readonly network: Pick<Network, 'penalise' | 'sendToFollowers'>
  /** Read only: the window of views and what is held already. */
  readonly core: () => CoreState
  readonly deliver: (input: Input) => void
  readonly onBlockRequest: (peer: Peer, request: Extract<Message, { kind: 'block-request' }>) => void
  readonly onBlockResponse: (peer: Peer, response: Extract<Message, { kind: 'block-response' }>) => void
  readonly onSnapshotRequest: (peer: Peer, request: Extract<Message, { kind: 'snapshot-request' }>) => void
  readonly onSnapshotResponse: (peer: Peer, response: Extract<Message, { kind: 'snapshot-response' }>) => void
  /** A broken invariant inside a check: stops the process. */
  readonly onFatal: (error: unknown) => void
}

export class Ingress {
  readonly #deps: IngressDeps
  readonly #inFlight = new Map<string, number>()
  #total = 0
  #dropped = 0
  /** Ids whose checks have begun, per view of the window. */
  readonly #proposals = new Map<View, Set<BlockId>>()

  constructor(deps: IngressDeps) {
    this.#deps = deps
  }

  get dropped(): number {
    return this.#dropped
  }

  /** Checks under way: at most IN_FLIGHT_MAX. */
  get inFlight(): number {
    return this.#total
  }

  /** Views with a proposal being checked or accepted: bounded by the checks under way and the window. */
  get proposalViews(): number {
    return this.#proposals.size
  }

  onMessage(peer: Peer, frame: Uint8Array): void {
    const { limits, onBlockRequest, onBlockResponse, onSnapshotRequest, onSnapshotResponse } = this.#deps
    const decoded = decodeMessage(frame, limits)
    if (!decoded.ok) return this.#penalise(peer, 'malformed', decoded.detail)
    const message = decoded.value
    switch (message.kind) {
      case 'block-request':
        return onBlockRequest(peer, message)
      case 'block-response':
        return onBlockResponse(peer, message)
      case 'snapshot-request':
        return onSnapshotRequest(peer, message)
      case 'snapshot-response':
        return onSnapshotResponse(peer, message)
      case 'vote':
        return this.#onVote(peer, message.vote)
      case 'proposal':
        return this.#onProposal(peer, message.proposal, frame)
      case 'timeout':
        return this.#begin(peer, () => this.#onTimeout(peer, message.timeout))
      case 'certificate':
        return this.#begin(peer, () => this.#onCertificate(peer, message.qc, message.tc))
      default:
        message satisfies never
    }
  }

  /** A block this node made or read from its own storage. */
  ownBlock(block: Block): Verified<Block> {
    return block as Verified<Block>
  }

  /**
   * Ancestors of a certified block: its id covers their content, so one signature each, the proposer's, is left to check (it
   * is not in the id, and a block stored with a wrong one could not be passed on).
   */
  certifiedChain(proposals: readonly Proposal[]): readonly Verified<Block>[] | { readonly detail: string } {
    const blocks: Verified<Block>[] = []
    for (const proposal of proposals) {
      const rejection = checkProposal(proposal, this.#deps)
      if (rejection !== undefined) return { detail: `a block with a wrong ${rejection.kind}` }
      const block = { id: blockIdOf(proposal.header), proposal }
      const last = blocks.at(-1)
      if (last !== undefined && last.id !== proposal.header.parentId)
        return { detail: 'blocks that do not follow one another' }
      if (!this.#isSigned(block)) return { detail: 'a block its proposer did not sign' }
      blocks.push(block as Verified<Block>)
    }
    return blocks
  }

  #onVote(peer: Peer, vote: Vote): void {
    const { view } = this.#deps.core()
    // The connection proves who speaks, so a vote that fails later is its signer's own fault (PITFALLS 23).
    if (peer.validator === undefined || vote.signer !== peer.validator) {
      return this.#penalise(peer, 'invalid-content', 'a vote of somebody else')
    }
    if (vote.epoch !== this.#deps.validators.epoch) return
    if (vote.view < view - VIEWS_BEHIND_MAX || vote.view > view + VIEWS_AHEAD_MAX) return
    this.#deps.deliver({ kind: 'vote', vote: vote as Checked<Vote> })
  }

  #onProposal(peer: Peer, proposal: Proposal, frame: Uint8Array): void {
    const core = this.#deps.core()
    const { header } = proposal
    if (header.view < core.view - VIEWS_BEHIND_MAX) return
    const block: Block = { id: blockIdOf(header), proposal }
    if (core.tree.block(block.id) !== undefined) return
    const seen = this.#proposals.get(header.view)
    if (seen !== undefined && (seen.has(block.id) || seen.size >= PROPOSALS_PER_VIEW_MAX)) return
    const rejection = checkProposal(proposal, this.#deps)
    if (rejection !== undefined)
      return this.#penalise(peer, 'invalid-content', `a proposal with a wrong ${rejection.kind}`)
    // Before the entry is made: a proposal dropped for want of room has to be taken when it comes again.
    if (!this.#hasRoom(peer)) return this.#drop()
    if (!this.#isSigned(block)) return this.#penalise(peer, 'invalid-signature', 'a proposal its proposer did not sign')
    // Only a leader's own signature makes an entry, so a stranger cannot fill the window; it stays no longer than the check
    // unless the proposal's certificates are valid, and then no longer than the window.
    this.#proposals.set(header.view, (seen ?? new Set()).add(block.id))
    this.#begin(peer, async () => {
      const accepted = await this.#verifyCertificates(peer, proposal.justify, proposal.tc)
      if (!accepted) {
        const begun = this.#proposals.get(header.view)
        begun?.delete(block.id)
        if (begun?.size === 0) this.#proposals.delete(header.view)
        return
      }
      const from = peer.validator
      this.#deps.deliver({ kind: 'proposal', block: block as Verified<Block>, ...(from === undefined ? {} : { from }) })
      this.#deps.network.sendToFollowers(frame)
      this.#forgetOldProposals()
    })
  }

  async #onTimeout(peer: Peer, timeout: Timeout): Promise<void> {
    if (peer.validator === undefined || timeout.signer !== peer.validator) {
      return this.#penalise(peer, 'invalid-content', 'a timeout of somebody else')
    }
    if (timeout.epoch !== this.#deps.validators.epoch) return
    const rejection = checkTimeoutShape(timeout)
    if (rejection !== undefined)
      return this.#penalise(peer, 'invalid-content', `a timeout with a wrong ${rejection.kind}`)
    if (!(await this.#verifyCertificates(peer, timeout.highQC, timeout.lastTC))) return
    this.#deps.deliver({ kind: 'timeout', timeout: timeout as Checked<Timeout> })
  }

  async #onCertificate(peer: Peer, qc: QC, tc: TC | undefined): Promise<void> {
    const { safety } = this.#deps.core()
    const isNews = qc.view > safety.highQC.view || (tc !== undefined && tc.view > (safety.lastTC?.view ?? 0))
    if (!isNews || !(await this.#verifyCertificates(peer, qc, tc))) return
    const verified = tc === undefined ? {} : { tc: tc as Verified<TC> }
    this.#deps.deliver({ kind: 'certificate', qc: qc as Verified<QC>, ...verified })
  }

  async #verifyCertificates(peer: Peer, qc: QC, tc: TC | undefined): Promise<boolean> {
    const { certificates } = this.#deps
    const first = await certificates.verifyQC(qc)
    if (!first.ok) return this.#refuse(peer, first.rejection)
    if (tc === undefined) return true
    const second = await certificates.verifyTC(tc)
    return second.ok || this.#refuse(peer, second.rejection)
  }

  #refuse(peer: Peer, rejection: CertificateRejection): false {
    if (rejection.kind !== 'busy') this.#penalise(peer, 'invalid-signature', `a certificate that is ${rejection.kind}`)
    return false
  }

  #isSigned({ id, proposal }: Block): boolean {
    const { genesisHash, validators, verifySignature = verifyEd25519 } = this.#deps
    const { epoch, view, proposer } = proposal.header
    const preimage = proposalPreimage(genesisHash, epoch, view, id)
    return verifySignature(validators.get(proposer).nodeKey, preimage, proposal.signature)
  }

  #hasRoom(peer: Peer): boolean {
    return (this.#inFlight.get(peer.id) ?? 0) < PEER_IN_FLIGHT_MAX && this.#total < IN_FLIGHT_MAX
  }

  #drop(): void {
    this.#dropped += 1
  }

  /** Runs a check that waits for signatures, within the bounds. */
  #begin(peer: Peer, check: () => Promise<void>): void {
    if (!this.#hasRoom(peer)) return this.#drop()
    this.#inFlight.set(peer.id, (this.#inFlight.get(peer.id) ?? 0) + 1)
    this.#total += 1
    const done = () => {
      this.#total -= 1
      const left = (this.#inFlight.get(peer.id) ?? 1) - 1
      if (left === 0) this.#inFlight.delete(peer.id)
      else this.#inFlight.set(peer.id, left)
    }
    check().then(done, (error: unknown) => {
      done()
      this.#deps.onFatal(error)
    })
  }

  #forgetOldProposals(): void {
    const lowest = this.#deps.core().view - VIEWS_BEHIND_MAX
    for (const view of this.#proposals.keys()) if (view < lowest) this.#proposals.delete(view)
  }

  #penalise(peer: Peer, offence: Offence, detail: string): void {
    this.#deps.network.penalise(peer.id, offence, detail)
  }
}
