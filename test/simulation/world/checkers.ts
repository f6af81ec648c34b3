// What must hold of whole replicas, at every step of every seed: one named claim each (S1 to S17 of the test plan). Those of the
// core are in ../invariants.ts and shared; here are those that need signatures, disks, ledgers and clients.
// Sees honest nodes only: what villains do to themselves is nobody's business.

import { bitmapIndices } from '../../../consensus/bitmap.ts'
import { TREE_BLOCKS_MAX } from '../../../consensus/block-tree.ts'
import { proposalPreimage, timeoutPreimage, votePreimage } from '../../../consensus/preimages.ts'
import type { Effect, Input } from '../../../consensus/protocol.ts'
import { decodeSafety } from '../../../consensus/safety-record.ts'
import type { CoreState } from '../../../consensus/state.ts'
import { createTracer } from '../../../consensus/trace.ts'
import type { Block, Equivocation, QC, SafetyState, TC, ValidatorIndex, View } from '../../../consensus/types.ts'
import { equalBytes, type Hash } from '../../../crypto/bytes.ts'
import { PEER_INPUTS_MAX } from '../../../node/driver.ts'
import type { CommitRecord } from '../../../node/ports.ts'
import type { OpenedChainStore } from '../../../node/storage/chain-store.ts'
import { decodeSlot } from '../../../node/storage/safety-slot.ts'
import { type Conformance, createConformance } from '../../model/conformance.ts'
import * as core from '../invariants.ts'
import { hold } from './claims.ts'
import type { Committee } from './committee.ts'
import { LedgerModel, type Replayed } from './ledger-model.ts'
import type { SimulatedNode } from './node.ts'

/** What is remembered of one node over all its lives. */
interface Past {
  /** Last block its core decided in this life. */
  decided: Block | undefined
  /** Height up to which it told clients. */
  toldHeight: number
  /** What it loaded or signed last. */
  safety: SafetyState | undefined
  highQC: QC | undefined
  lastTC: TC | undefined
  tracer: ReturnType<typeof createTracer> | undefined
  /** Over all lives. Undefined: a full node, which signs nothing. */
  readonly conformance: Conformance | undefined
}

interface Durable {
  readonly slot: Uint8Array
  readonly generation: number
  readonly safety: SafetyState | undefined
}

export class Checkers {
  readonly history = new core.History()
  /** Steps that the model was asked about. */
  modelled = 0
  readonly model: LedgerModel
  /** The one chain, by height, as the first node committed it. */
  readonly chain: { readonly block: Block; readonly replayed: Replayed }[] = []
  readonly #committee: Committee
  readonly #isVillain: (validator: ValidatorIndex) => boolean
  readonly #past = new Map<SimulatedNode, Past>()
  readonly #decoded = new WeakMap<Uint8Array, Durable>()
  readonly #verified = new Set<string>()
  /** Every QC an honest node had, by view: a fork has to be somebody's doing. */
  readonly #certificates = new Map<number, QC[]>()
  /** Transactions some client was told to be committed, with their height. */
  readonly acknowledged = new Map<Hash, number>()

  constructor(committee: Committee, isVillain: (validator: ValidatorIndex) => boolean) {
    this.#committee = committee
    this.#isVillain = isVillain
    this.model = new LedgerModel(committee)
  }

  /** S15: who signed two blocks of one view that both were certified; ascending. */
  accused(): readonly ValidatorIndex[] {
    const { size } = this.#committee.validators
    const culprits = new Set<ValidatorIndex>()
    for (const certificates of this.#certificates.values()) {
      for (const a of certificates) {
        for (const b of certificates) {
          if (a.blockId === b.blockId) continue
          const signers = new Set(bitmapIndices(a.signers, size))
          for (const signer of bitmapIndices(b.signers, size) ?? []) if (signers.has(signer)) culprits.add(signer)
        }
      }
    }
    return [...culprits].sort((a, b) => a - b)
  }

  toldHeight(node: SimulatedNode): number {
    return this.#pastOf(node).toldHeight
  }

  /** S3, S11, S12: what a node comes back with covers all it signed and all it told. */
  starting(node: SimulatedNode, store: OpenedChainStore, safety: SafetyState | undefined): void {
    const past = this.#pastOf(node)
    past.highQC = undefined
    const tip = store.head()
    const height = tip?.height ?? -1
    hold('S11 told and lost', height >= past.toldHeight, () => `${node.id} told ${past.toldHeight}, now at ${height}`)
    const known = this.chain[height]
    const head = tip && store.blockById(tip.blockId)
    past.decided = head?.block
    if (known !== undefined && head !== undefined) {
      hold('S8 state root after a crash', head.stateRoot === known.replayed.stateRoot, () => `${node.id} at ${height}`)
    }
    if (past.safety === undefined || node.validator === undefined) return
    hold('S3 monotone safety', safety !== undefined, () => `${node.id} forgot everything`)
    core.checkMonotone(past.safety, safety)
    past.safety = safety
  }

  /** S3, S4, S7: at the moment of a signature its cause is on the disk, and it is the only one of its kind. */
  signing(node: SimulatedNode, what: 'vote' | 'timeout' | 'proposal', preimage: Uint8Array): void {
    const safety = this.#durable(node)
    hold('S4 send after save', safety !== undefined, () => `${node.id} signs a ${what} and nothing is on its disk`)
    const { genesisHash } = this.#committee.genesis
    const past = this.#pastOf(node)
    if (past.safety !== undefined && past.safety !== safety) core.checkMonotone(past.safety, safety)
    past.safety = safety
    const { lastVote, lastTimeout, lastProposal } = safety
    const detail = () => `${node.id} signs a ${what} that is not on its disk`
    switch (what) {
      case 'vote': {
        hold(
          'S4 send after save',
          lastVote !== undefined && equalBytes(votePreimage(genesisHash, lastVote), preimage),
          detail,
        )
        const vote = { ...lastVote, signature: preimage }
        core.checkNoVoteAfterTimeout(this.history, vote)
        core.checkOneVote(this.history, vote)
        return
      }
      case 'timeout': {
        const expected = lastTimeout && { ...lastTimeout, highQcView: lastTimeout.highQC.view }
        hold(
          'S4 send after save',
          expected !== undefined && equalBytes(timeoutPreimage(genesisHash, expected), preimage),
          detail,
        )
        const { vote, ...rest } = expected
        const timeout = {
          ...rest,
          ...(vote === undefined ? {} : { vote: { ...vote, signature: preimage } }),
          signature: preimage,
        }
        // Decided and saved before the timeout, though a crash may have kept its signature from being made until now.
        if (timeout.vote !== undefined) {
          core.checkNoVoteAfterTimeout(this.history, timeout.vote)
          core.checkOneVote(this.history, timeout.vote)
        }
        core.checkOneTimeout(this.history, timeout)
        core.checkProvesItsView(timeout)
        return
      }
      case 'proposal': {
        const { epoch } = safety
        const saved = lastProposal && proposalPreimage(genesisHash, epoch, lastProposal.view, lastProposal.blockId)
        hold('S4 send after save', saved !== undefined && equalBytes(saved, preimage), detail)
        return
      }
      default:
        what satisfies never
    }
  }

  /** A node begins a life: its steps are put before the model (docs/PROTOCOL.md) from here on. */
  born(node: SimulatedNode, state: CoreState): void {
    this.#pastOf(node).tracer = createTracer(state)
  }

  stepped(node: SimulatedNode, state: CoreState, effects: readonly Effect[], input: Input): void {
    this.#conforms(node, effects, input)
    this.#checkBounds(node, state)
    const past = this.#pastOf(node)
    const { highQC, lastTC } = state.safety
    if (highQC !== past.highQC) {
      past.highQC = highQC
      this.#checkQC(highQC)
    }
    if (lastTC !== undefined && lastTC !== past.lastTC) {
      past.lastTC = lastTC
      this.#checkTC(lastTC)
    }
    for (const effect of effects) this.#effect(node, past, effect)
  }

  /** Every step is one that the model allows a node that saw what this one saw. */
  #conforms(node: SimulatedNode, effects: readonly Effect[], input: Input): void {
    const { tracer, conformance } = this.#pastOf(node)
    if (tracer === undefined || conformance === undefined) return
    const record = tracer(input, effects)
    const verdict = conformance.accept(record)
    hold('the model allows it', verdict.kind === 'accepted', () => {
      return `${node.id}: ${verdict.kind === 'rejected' ? verdict.reason : ''} ${JSON.stringify(record)}`
    })
    this.modelled += 1
  }

  #effect(node: SimulatedNode, past: Past, effect: Effect): void {
    switch (effect.kind) {
      case 'send-proposal': {
        const { header } = effect.block.proposal
        core.checkOneProposal(this.history, effect.block, this.#committee.validators.leader(header.view))
        return
      }
      case 'commit': {
        const tip = past.decided
        hold('S6 tip', tip !== undefined, () => node.id)
        this.#checkQC(effect.certificate)
        core.checkCommitRule(tip, effect.blocks, effect.certificate)
        for (const block of effect.blocks) core.checkAgreement(this.history, block)
        past.decided = effect.blocks.at(-1)
        return
      }
      case 'halt':
        hold('halt', false, () => `${node.id}: ${effect.reason}`)
        return
      case 'evidence': {
        const culprit = culpritOf(effect.equivocation)
        // A forged double vote may be put before the core; what is kept as evidence is checked at the end.
        const isForgeable = effect.equivocation.kind === 'double-vote'
        hold('S15 no honest key is framed', isForgeable || this.#isVillain(culprit), () => `validator ${culprit}`)
        return
      }
      default:
    }
  }

  /** S1, S6, S8 to S12: what clients of this node can read from now on. */
  committed(node: SimulatedNode, records: readonly CommitRecord[]): void {
    const past = this.#pastOf(node)
    for (const record of records) {
      const { height } = record.block.proposal.header
      hold(
        'S12 heights rise',
        height === past.toldHeight + 1 || past.toldHeight <= 0 || height > past.toldHeight,
        () => `${node.id}: ${height} after ${past.toldHeight}`,
      )
      core.checkAgreement(this.history, record.block)
      if (this.chain.length === 0) this.#begin()
      hold('S6 heights', height <= this.chain.length, () => `height ${height} where ${this.chain.length} is next`)
      if (height === this.chain.length)
        this.chain.push({ block: record.block, replayed: this.model.apply(record.block) })
      const known = this.chain[height]
      const replayed = known?.replayed
      hold('S8 state root', record.stateRoot === replayed?.stateRoot, () => `${node.id} at ${height}`)
      hold('S8 receipts root', record.receiptsRoot === replayed.receiptsRoot, () => `${node.id} at ${height}`)
      past.toldHeight = Math.max(past.toldHeight, height)
      for (const id of record.transactionIds) this.acknowledged.set(id, height)
    }
  }

  /** S1, S8, S11, S15 once more, over everything each node has at the end. */
  final(node: SimulatedNode): void {
    const { store, replica } = node
    if (store === undefined || replica === undefined) return
    const height = store.head()?.height ?? 0
    for (const [id, at] of this.acknowledged) {
      if (at > height || at < store.oldestHeight()) continue
      hold('S11 acknowledged', store.transactionAt(id)?.height === at, () => `${node.id} lacks ${id} of height ${at}`)
    }
    for (const equivocation of replica.evidence.all()) {
      const culprit = culpritOf(equivocation)
      hold('S15 no honest key is framed', this.#isVillain(culprit), () => `${node.id} accuses validator ${culprit}`)
    }
  }

  #begin(): void {
    const { block, state } = this.#committee.genesis
    this.chain.push({ block, replayed: { stateRoot: state.stateRoot, receiptsRoot: state.receiptsRoot, ids: [] } })
  }

  /** S16: what a peer can make grow. */
  #checkBounds(node: SimulatedNode, state: CoreState): void {
    core.checkBounds(state)
    const { replica } = node
    if (replica === undefined) return
    const sizes: readonly (readonly [string, number, number])[] = [
      ['executions', replica.executor.pending, TREE_BLOCKS_MAX + 64],
      ['searches', replica.catchUp.searching, 16],
      ['inputs', replica.driver.queued, PEER_INPUTS_MAX + 64],
      ['evidence', replica.evidence.size, 2 * this.#committee.validators.size],
      ['mempool', replica.mempool.info().count, 2_000],
    ]
    for (const [what, got, most] of sizes)
      hold('S16 bounds', got <= most, () => `${node.id}, ${what}: ${got} of ${most}`)
  }

  /** S2, S5: verified a second time, by the scheme itself. Fire and forget: the fast scheme resolves before the next event. */
  #checkQC(qc: QC): void {
    const key = `${qc.view}/${qc.blockId}/${Buffer.from(qc.signature.subarray(0, 32)).toString('latin1')}`
    if (qc.view === 0 || this.#verified.has(key)) return
    this.#verified.add(key)
    const sameView = this.#certificates.get(qc.view) ?? []
    sameView.push(qc)
    this.#certificates.set(qc.view, sameView)
    core.checkOneCertifiedBlock(this.history, qc)
    const { validators, scheme, genesis } = this.#committee
    const signers = bitmapIndices(qc.signers, validators.size)
    hold('S5 bitmap', signers !== undefined, () => `QC of view ${qc.view}`)
    core.checkQuorum(validators, signers)
    const keys = signers.map((signer) => validators.get(signer).blsKey)
    this.#expect(
      scheme.bls.verifyAggregate(keys, votePreimage(genesis.genesisHash, qc), qc.signature),
      `QC of view ${qc.view}`,
    )
  }

  #checkTC(tc: TC): void {
    const key = `tc/${tc.view}/${Buffer.from(tc.signature.subarray(0, 32)).toString('latin1')}`
    if (this.#verified.has(key)) return
    this.#verified.add(key)
    const { validators, scheme, genesis } = this.#committee
    const signers = bitmapIndices(tc.signers, validators.size)
    hold('S5 bitmap', signers !== undefined, () => `TC of view ${tc.view}`)
    core.checkQuorum(validators, signers)
    const { epoch, view, highQcViews } = tc
    hold(
      'S5 TC',
      highQcViews.length === signers.length && Math.max(...highQcViews) === tc.highQC.view,
      () => `of view ${view}`,
    )
    this.#checkQC(tc.highQC)
    const groups = [...new Set(highQcViews)].map((highQcView) => ({
      publicKeys: signers
        .filter((_, at) => highQcViews[at] === highQcView)
        .map((signer) => validators.get(signer).blsKey),
      message: timeoutPreimage(genesis.genesisHash, { epoch, view, highQcView }),
    }))
    this.#expect(scheme.bls.verifyAggregateGroups(groups, tc.signature), `TC of view ${view}`)
  }

  /** Set by the world: a promise that broke a claim. */
  onBroken: (error: unknown) => void = () => {}

  #expect(verdict: Promise<boolean>, what: string): void {
    verdict.then((isValid) => hold('S5 aggregate', isValid, () => what)).catch((error: unknown) => this.onBroken(error))
  }

  /** What a reader of the safety files would find after a power cut now. */
  #durable(node: SimulatedNode): SafetyState | undefined {
    let newest: Durable | undefined
    for (const slot of node.disk.slots) {
      const durable = slot && this.#decode(slot)
      if (durable !== undefined && durable.generation > (newest?.generation ?? -1)) newest = durable
    }
    return newest?.safety
  }

  #decode(bytes: Uint8Array): Durable | undefined {
    const known = this.#decoded.get(bytes)
    if (known !== undefined) return known
    const read = decodeSlot(bytes)
    if (read.kind !== 'slot') return undefined
    const { generation, body } = read.slot
    const safety = body.length === 0 ? undefined : decodeSafety(body, this.#committee.limits)
    hold('S3 durable', safety === undefined || safety.ok, () => 'a whole slot does not decode')
    const durable: Durable = { slot: bytes, generation, safety: safety?.ok === true ? safety.value : undefined }
    this.#decoded.set(bytes, durable)
    return durable
  }

  #pastOf(node: SimulatedNode): Past {
    let past = this.#past.get(node)
    if (past === undefined) {
      const { size, quorum, leader } = this.#committee.validators
      const conformance = createConformance(size, quorum, (view) => leader(view as View))
      past = {
        decided: undefined,
        toldHeight: 0,
        safety: undefined,
        highQC: undefined,
        lastTC: undefined,
        tracer: undefined,
        conformance: node.validator === undefined ? undefined : conformance,
      }
      this.#past.set(node, past)
    }
    return past
  }
}

export function culpritOf(equivocation: Equivocation): ValidatorIndex {
  return equivocation.kind === 'double-vote' ? equivocation.first.signer : equivocation.first.header.proposer
}
