// One validator of four under fire: the real core, and a world that answers its effects, says what the other three might say,
// and mixes in messages that look verified and are not what anybody honest would sign (ByzzFuzz: one field wrong).
// The world may break every assumption about the others; what the core promises of itself has to hold all the same.

import { bitmapIndices, bitmapOf, isCanonicalBitmap } from '../../consensus/bitmap.ts'
import { step } from '../../consensus/core.ts'
import { checkTimeoutShape } from '../../consensus/proposal-check.ts'
import type { Effect, Input, TimerName } from '../../consensus/protocol.ts'
import { freshSafety, hasEntryProof } from '../../consensus/safety.ts'
import { decodeSafety, encodeSafety } from '../../consensus/safety-record.ts'
import { type CoreState, createCore, VIEWS_AHEAD_MAX, VIEWS_BEHIND_MAX } from '../../consensus/state.ts'
import type {
  Block,
  BlockId,
  Checked,
  Equivocation,
  Proposal,
  QC,
  SafetyState,
  TC,
  Timeout,
  UnsignedBlock,
  Verified,
  View,
  Vote,
} from '../../consensus/types.ts'
import { encodeProposal } from '../../consensus/wire.ts'
import { equalBytes, isHash, ZERO_HASH } from '../../crypto/bytes.ts'
import { hashOf } from '../../crypto/hash.ts'
import { index, view as viewOf } from '../consensus/committee.ts'
import * as claims from '../simulation/invariants.ts'
import type { Random } from '../simulation/random.ts'
import { blockOf, genesisOf, START_MS, TRANSACTION, validatorsOf } from '../simulation/workload.ts'
import { mutateValue } from './mutate.ts'

const SIZE = 4
const VOTE_SIGNATURE = new Uint8Array(96)
const PROPOSAL_SIGNATURE = new Uint8Array(64)
/** What the world remembers, newest last. */
const RECENT_MAX = 48
/** Above this, sums of views leave the safe integers; no quorum of honest validators ever signs such a view. */
const VIEW_MAX = 2 ** 40
const LIMITS = { validators: SIZE, payloadBytesMax: 4_096, itemsMax: 64 }

const validators = validatorsOf(Array(SIZE).fill(1))
const genesis = genesisOf(SIZE)

class Recent<T> {
  readonly items: T[] = []

  push(item: T): void {
    this.items.push(item)
    if (this.items.length > RECENT_MAX) this.items.shift()
  }

  /** The newest half of the time. */
  pick(random: Random): T | undefined {
    if (this.items.length === 0) return undefined
    return random.chance(500) ? this.items.at(-1) : random.pick(this.items)
  }
}

/** Stands for the hash of the header: what a block says decides what it is called. */
function idOf(proposal: Proposal): BlockId {
  return hashOf('scoville/header/1', encodeProposal({ ...proposal, signature: PROPOSAL_SIGNATURE })) as BlockId
}

function signed(block: UnsignedBlock): Verified<Block> {
  const proposal = { ...block.proposal, signature: PROPOSAL_SIGNATURE }
  return { id: idOf(proposal), proposal } as Block as Verified<Block>
}

const isView = (view: number): boolean => Number.isSafeInteger(view) && view >= 0 && view <= VIEW_MAX
const isSame = (a: QC, b: QC): boolean =>
  a.view === b.view && a.blockId === b.blockId && a.parentId === b.parentId && equalBytes(a.signers, b.signers)

function isQuorum(signers: Uint8Array): boolean {
  if (!isCanonicalBitmap(signers, SIZE)) return false
  return (bitmapIndices(signers, SIZE)?.length ?? 0) >= validators.quorum
}

/** What the verifier of certificates would say, signatures taken for granted. */
function looksLikeQC(qc: QC): boolean {
  if (qc.signature.length !== VOTE_SIGNATURE.length || !isHash(qc.blockId) || !isHash(qc.parentId)) return false
  if (qc.view === 0) return qc.epoch === 0 && qc.parentView === 0 && isSame(qc, genesis.qc)
  return qc.epoch === 0 && isView(qc.view) && isView(qc.parentView) && qc.parentView < qc.view && isQuorum(qc.signers)
}

function looksLikeTC(tc: TC): boolean {
  if (tc.signature.length !== VOTE_SIGNATURE.length) return false
  if (tc.epoch !== 0 || !isView(tc.view) || !isQuorum(tc.signers) || !looksLikeQC(tc.highQC)) return false
  if (tc.highQcViews.length !== bitmapIndices(tc.signers, SIZE)?.length) return false
  return (
    tc.highQcViews.every((highQcView) => isView(highQcView) && highQcView < tc.view) &&
    Math.max(...tc.highQcViews) === tc.highQC.view
  )
}

function looksLikeProposal({ header, justify, tc }: Proposal): boolean {
  return (
    header.epoch === 0 &&
    isView(header.view) &&
    header.view >= 1 &&
    header.height >= 1 &&
    header.proposer === validators.leader(header.view) &&
    header.parentId === justify.blockId &&
    looksLikeQC(justify) &&
    (tc === undefined || looksLikeTC(tc))
  )
}

export class CoreWorld {
  readonly #random: Random
  readonly #self = index(2)
  readonly #history = new claims.History()
  #core: CoreState
  #nowMs = START_MS
  /** On disk. */
  #safety: SafetyState = freshSafety(genesis.qc)
  readonly #saved = new Map<BlockId, Verified<Block>>()
  #tip: Block = genesis.block
  readonly #blocks = new Recent<Verified<Block>>()
  readonly #qcs = new Recent<QC>()
  readonly #inputs = new Recent<Input>()
  readonly #answers: Input[] = []
  readonly #timers = new Map<TimerName, View>()
  readonly counts = { steps: 0, mutants: 0, votes: 0, timeouts: 0, proposals: 0, commits: 0, crashes: 0, evidence: 0 }
  /** Set once the core gave up on its fault assumption: the process would stop. */
  halted: string | undefined

  constructor(random: Random) {
    this.#random = random
    this.#blocks.push(genesis.block)
    this.#qcs.push(genesis.qc)
    this.#core = this.#born()
  }

  #born(): CoreState {
    const pacemaker = { baseTimeoutMs: 1_000, baseTimeoutMsMax: 10_000, idleIntervalMs: 1_000 }
    const config = { validators, self: this.#self, pacemaker, clockAheadMsMax: 500 }
    const root = this.#tip as Verified<Block>
    const above = [...this.#saved.values()].filter(
      ({ proposal }) => proposal.header.height > root.proposal.header.height,
    )
    return createCore(config, root, this.#safety, above)
  }

  /** @throws claims.Violation, or whatever the core throws: both are findings. */
  advance(): void {
    const random = this.#random
    this.counts.steps += 1
    this.#nowMs += random.chance(50) ? random.between(0, 3_000) : random.between(0, 60)
    if (this.counts.steps === 1) return this.#feed({ kind: 'start' })
    if (random.chance(3)) return this.#crash()
    const input = random.chance(250) ? this.#mutant() : this.#plain()
    if (input !== undefined) this.#feed(input)
  }

  #crash(): void {
    this.counts.crashes += 1
    this.#answers.length = 0
    this.#timers.clear()
    this.#core = this.#born()
    this.#feed({ kind: 'start' })
  }

  #plain(): Input | undefined {
    const random = this.#random
    const roll = random.between(0, 99)
    if (roll < 40 && this.#answers.length > 0) {
      return this.#answers.splice(random.between(0, this.#answers.length - 1), 1)[0]
    }
    if (roll < 58) return this.#proposal()
    if (roll < 76) return this.#vote()
    if (roll < 86) return this.#timeout()
    if (roll < 92) return this.#certificate()
    if (roll < 96) {
      const [timer, view] = random.pick([...this.#timers, ['view', this.#core.view] as const])
      return { kind: 'timer', timer, view }
    }
    if (roll < 98) return { kind: 'work', available: random.chance(500) }
    return this.#inputs.pick(random)
  }

  /** A recent input with one or two fields wrong, as long as ingress would still take it for verified. */
  #mutant(): Input | undefined {
    const random = this.#random
    const input = this.#inputs.pick(random)
    if (input === undefined) return undefined
    const alike = this.#inputs.items.filter(({ kind }) => kind === input.kind)
    let mutant = mutateValue(random, input, random.pick(alike))
    if (random.chance(300)) mutant = mutateValue(random, mutant, random.pick(alike))
    const looks = this.#verified({ ...mutant, kind: input.kind } as Input)
    if (looks === undefined || (this.#conflicts(looks) && !random.chance(20))) return undefined
    this.counts.mutants += 1
    return looks
  }

  /** The input as ingress or the driver would hand it on, or nothing. */
  #verified(input: Input): Input | undefined {
    const { view } = this.#core
    const isNear = (of: number) => of >= view - VIEWS_BEHIND_MAX && of <= view + VIEWS_AHEAD_MAX
    const isOther = (signer: number) => validators.has(signer) && signer !== this.#self
    switch (input.kind) {
      case 'proposal': {
        const { proposal } = input.block
        const { header, justify, tc } = proposal
        // Ingress refuses these, and the core has its own rule: now and then it has to use it.
        const isProved = () => hasEntryProof(header.view, justify, tc) || this.#random.chance(100)
        if (!isRead(() => looksLikeProposal(proposal) && isProved() && encodeProposal(proposal).length > 0))
          return undefined
        return { kind: 'proposal', block: { id: idOf(proposal), proposal } as Block as Verified<Block> }
      }
      case 'vote': {
        const { vote } = input
        const reads = vote.epoch === 0 && isView(vote.view) && isView(vote.parentView)
        return reads && isOther(vote.signer) && isNear(vote.view) ? input : undefined
      }
      case 'timeout': {
        const { timeout } = input
        const looks = () =>
          timeout.epoch === 0 &&
          isView(timeout.view) &&
          isOther(timeout.signer) &&
          checkTimeoutShape(timeout) === undefined &&
          looksLikeQC(timeout.highQC) &&
          (timeout.vote === undefined || isView(timeout.vote.parentView)) &&
          (timeout.lastTC === undefined || looksLikeTC(timeout.lastTC))
        return isRead(looks) ? input : undefined
      }
      case 'certificate':
        return isRead(() => looksLikeQC(input.qc) && (input.tc === undefined || looksLikeTC(input.tc)))
          ? input
          : undefined
      case 'qc-formed':
        return isRead(() => looksLikeQC(input.qc)) ? input : undefined
      case 'tc-formed':
        return isRead(() => looksLikeTC(input.tc)) ? input : undefined
      case 'votes-refuted':
      case 'timeouts-refuted':
        return input.culprits.every((culprit) => validators.has(culprit)) ? input : undefined
      case 'timer':
      case 'executed':
      case 'work':
        return input
      default:
        return undefined
    }
  }

  #certificatesIn(input: Input): readonly QC[] {
    const ofTC = (tc: TC | undefined) => (tc === undefined ? [] : [tc.highQC])
    switch (input.kind) {
      case 'proposal':
        return [input.block.proposal.justify, ...ofTC(input.block.proposal.tc)]
      case 'timeout':
        return [input.timeout.highQC, ...ofTC(input.timeout.lastTC)]
      case 'certificate':
        return [input.qc, ...ofTC(input.tc)]
      case 'qc-formed':
        return [input.qc]
      case 'tc-formed':
        return [input.tc.highQC]
      default:
        return []
    }
  }

  /** Whether it certifies what no honest quorum does: the core halts then, and rightly. */
  #conflicts(input: Input): boolean {
    const { certified } = this.#history
    return this.#certificatesIn(input).some((qc) => {
      const parent = this.#core.tree.block(qc.parentId)
      if (parent !== undefined && parent.proposal.header.view !== qc.parentView) return true
      if (this.#core.tree.node(qc.blockId)?.execution === 'invalid') return true
      return (certified.get(qc.view) ?? qc.blockId) !== qc.blockId
    })
  }

  #proposal(): Input | undefined {
    const random = this.#random
    const view = viewOf(Math.max(1, this.#core.view + (random.chance(700) ? 0 : random.between(-3, 2))))
    const justify = this.#justify(view)
    if (justify === undefined || justify.view >= view) return undefined
    const parent = this.#blocks.items.find(({ id }) => id === justify.blockId)
    const isProved = justify.view + 1 === view || random.chance(20)
    const tc = isProved ? undefined : this.#tc(view - 1, justify)
    const height = (parent?.proposal.header.height ?? justify.view) + (random.chance(995) ? 1 : random.between(0, 2))
    if (!isView(height)) return undefined
    const timestampMs =
      (parent?.proposal.header.timestampMs ?? START_MS) + random.between(random.chance(30) ? -1 : 1, 20)
    // The parent may be a mutant of the latest time there is: nothing can follow it.
    if (!Number.isSafeInteger(timestampMs)) return undefined
    const items = random.chance(400) ? [TRANSACTION] : []
    const name = random.chance(60) ? 'second' : ''
    const proposer = validators.leader(view)
    const spec = { view, height, justify, ...(tc && { tc }), proposer, timestampMs, items, name }
    // Named in the header, for ids follow from what is encoded.
    const { id: _, proposal } = blockOf(spec)
    const header = name === '' ? proposal.header : { ...proposal.header, supports: 2 }
    const block = signed({ id: ZERO_HASH as BlockId, proposal: { ...proposal, header } })
    return this.#verified({ kind: 'proposal', block })
  }

  /** Mostly of a block the core can execute and in the view before: otherwise one dead branch would be all it ever sees. */
  #justify(view: View): QC | undefined {
    const random = this.#random
    const { tree, safety } = this.#core
    const roll = random.between(0, 9)
    if (roll === 0) return this.#qcs.pick(random)
    if (roll < 4) return safety.highQC
    const sound = this.#blocks.items.filter(({ id, proposal }) => tree.isValid(id) && proposal.header.view < view)
    if (sound.length === 0) return this.#qcFor(tree.root) ?? genesis.qc
    const newest = sound.reduce((a, b) => (b.proposal.header.view > a.proposal.header.view ? b : a))
    const block = random.chance(800) ? newest : random.pick(sound)
    const { view: at } = block.proposal.header
    const isCertified = (this.#history.certified.get(at) ?? block.id) === block.id
    return isCertified ? (this.#qcFor(block) ?? genesis.qc) : safety.highQC
  }

  #tc(view: number, highQC: QC): TC | undefined {
    if (highQC.view >= view) return undefined
    const random = this.#random
    const signers = random.shuffled([0, 1, 2, 3]).slice(0, random.between(3, 4)).sort()
    const highQcViews = signers.map((_, at) =>
      viewOf(at === 0 ? highQC.view : random.between(Math.max(0, highQC.view - 3), highQC.view)),
    )
    const bitmap = bitmapOf(signers.map(index), SIZE)
    return { epoch: highQC.epoch, view: viewOf(view), signers: bitmap, highQcViews, highQC, signature: VOTE_SIGNATURE }
  }

  #vote(): Input | undefined {
    const block = this.#blocks.pick(this.#random)
    if (block === undefined || block.id === genesis.block.id) return undefined
    const vote = this.#voteOn(block, this.#other())
    if (!this.#random.chance(150)) return this.#verified({ kind: 'vote', vote })
    // Beyond the window: ingress looks at the view as well, but the core may have moved on since.
    const far = viewOf(this.#core.view + this.#random.between(VIEWS_AHEAD_MAX, 10 * VIEWS_AHEAD_MAX))
    return { kind: 'vote', vote: { ...vote, view: far } }
  }

  #other(): number {
    return this.#random.pick([0, 1, 3])
  }

  #voteOn({ id, proposal }: Block, signer: number): Checked<Vote> {
    const { header, justify } = proposal
    const { epoch, view, parentId } = header
    const vote: Vote = {
      epoch,
      view,
      blockId: id,
      parentView: justify.view,
      parentId,
      signer: index(signer),
      signature: VOTE_SIGNATURE,
    }
    return vote as Checked<Vote>
  }

  #timeout(): Input | undefined {
    const random = this.#random
    const view = viewOf(Math.max(1, this.#core.view + (random.chance(800) ? 0 : random.between(-3, 3))))
    const highQC = random.chance(600) ? this.#core.safety.highQC : this.#qcs.pick(random)
    if (highQC === undefined || highQC.view >= view) return undefined
    const lastTC = highQC.view + 1 === view ? undefined : this.#tc(view - 1, highQC)
    const signer = this.#other()
    const voted = this.#blocks.items.find(({ proposal }) => proposal.header.view === view)
    const vote = voted !== undefined && random.chance(500) ? { vote: this.#voteOn(voted, signer) } : {}
    const timeout: Timeout = {
      epoch: highQC.epoch,
      view,
      highQC,
      ...(lastTC && { lastTC }),
      ...vote,
      signer: index(signer),
      signature: VOTE_SIGNATURE,
    }
    return this.#verified({ kind: 'timeout', timeout: timeout as Checked<Timeout> })
  }

  #certificate(): Input | undefined {
    const random = this.#random
    const qc = random.chance(600) ? this.#qcFor(this.#blocks.pick(random)) : this.#qcs.pick(random)
    if (qc === undefined) return undefined
    const tc = random.chance(400) ? this.#tc(this.#core.view + random.between(-2, 1), qc) : undefined
    const input = { kind: 'certificate', qc: qc as Verified<QC>, ...(tc && { tc: tc as Verified<TC> }) } as const
    return this.#conflicts(input) ? undefined : this.#verified(input)
  }

  #qcFor(block: Block | undefined): QC | undefined {
    if (block === undefined || block.id === genesis.block.id) return undefined
    // A quorum does not vote for what is invalid, or hardly ever in this world.
    if (this.#core.tree.node(block.id)?.execution === 'invalid' && !this.#random.chance(5)) return undefined
    const { signer: _, ...on } = this.#voteOn(block, 0)
    return { ...on, signers: bitmapOf(this.#random.shuffled([0, 1, 2, 3]).slice(1).map(index), SIZE) }
  }

  #feed(input: Input): void {
    this.#inputs.push(input)
    if (input.kind === 'proposal') this.#blocks.push(input.block)
    for (const qc of this.#certificatesIn(input)) {
      if (!this.#history.certified.has(qc.view)) this.#history.certified.set(qc.view, qc.blockId)
      this.#qcs.push(qc)
    }
    const effects = step(this.#core, input, this.#nowMs)
    const isResend = input.kind === 'start' || input.kind === 'timer'
    for (const effect of effects) {
      const isAgain = effect.kind === 'send-vote' && this.#history.votes.has(`${this.#self}/${effect.vote.view}`)
      if (isAgain && !isResend) throw new claims.Violation('a vote is cast once', `by ${input.kind}`)
      this.#observe(effect)
      if (this.halted !== undefined) return
    }
    claims.checkBounds(this.#core)
    claims.checkMonotone(this.#safety, this.#core.safety)
    const { view, safety } = this.#core
    const entered = Math.max(safety.highQC.view, safety.lastTC?.view ?? 0)
    if (entered >= view) throw new claims.Violation('views rise with certificates', `${view} with one of ${entered}`)
  }

  #observe(effect: Effect): void {
    const { counts } = this
    switch (effect.kind) {
      case 'save':
        return this.#save(effect.safety, effect.block)
      case 'send-vote':
        counts.votes += 1
        return this.#onVote({ ...effect.vote, signature: VOTE_SIGNATURE }, effect.to.includes(this.#self))
      case 'send-timeout': {
        counts.timeouts += 1
        const { vote: attached, ...rest } = effect.timeout
        const vote = attached === undefined ? {} : { vote: { ...attached, signature: VOTE_SIGNATURE } }
        const timeout = { ...rest, ...vote, signature: VOTE_SIGNATURE } as Checked<Timeout>
        claims.checkSavedTimeout(this.#safety, timeout)
        claims.checkOneTimeout(this.#history, timeout)
        claims.checkProvesItsView(timeout)
        if (effect.to === 'all' || effect.to.includes(this.#self)) this.#answer({ kind: 'timeout', timeout })
        return
      }
      case 'send-proposal': {
        counts.proposals += 1
        if (this.#history.timeouts.has(`${this.#self}/${effect.block.proposal.header.view}`)) {
          throw new claims.Violation('no proposal after the timeout', `view ${effect.block.proposal.header.view}`)
        }
        claims.checkSavedProposal(this.#safety, effect.block)
        claims.checkOneProposal(this.#history, effect.block, validators.leader(effect.block.proposal.header.view))
        const proposal = { ...effect.block.proposal, signature: PROPOSAL_SIGNATURE }
        const block = { id: effect.block.id, proposal } as Block as Verified<Block>
        this.#saved.set(block.id, block)
        return this.#answer({ kind: 'proposal', block })
      }
      case 'aggregate-votes':
        return this.#onAggregateVotes(effect)
      case 'aggregate-timeouts':
        return this.#onAggregateTimeouts(effect)
      case 'execute':
        return this.#onExecute(effect.block)
      case 'propose':
        return this.#build(effect)
      case 'commit':
        counts.commits += effect.blocks.length
        claims.checkCommitRule(this.#tip, effect.blocks, effect.certificate)
        this.#tip = effect.blocks.at(-1) ?? this.#tip
        return
      case 'fetch': {
        const found = this.#blocks.items.find(({ id }) => id === effect.blockId)
        if (found !== undefined) this.#answer({ kind: 'fetched', blocks: [found] })
        return
      }
      case 'prune':
        for (const id of effect.blockIds) this.#saved.delete(id)
        return
      case 'timer':
        this.#timers.delete(effect.timer)
        if (effect.delayMs === undefined) return
        if (!(effect.delayMs >= 0 && effect.delayMs <= 40_000)) {
          throw new claims.Violation('delays are bounded', `${effect.timer} in ${effect.delayMs} ms`)
        }
        this.#timers.set(effect.timer, effect.view)
        return
      case 'evidence':
        counts.evidence += 1
        return this.#onEvidence(effect.equivocation)
      case 'halt':
        this.halted = effect.reason
        return
      case 'relay-proposal':
      case 'send-certificate':
      case 'entered-view':
        return
      default:
        effect satisfies never
    }
  }

  #onExecute({ id, proposal }: Block): void {
    const isCertified = this.#history.certified.get(proposal.header.view) === id
    this.#answer({ kind: 'executed', blockId: id, valid: isCertified || !this.#random.chance(10) })
  }

  #answer(input: Input): void {
    this.#answers.push(input)
    // Slow work may be lost with its process, never kept for ever.
    if (this.#answers.length > RECENT_MAX) this.#answers.shift()
  }

  #save(safety: SafetyState, block: Block | UnsignedBlock | undefined): void {
    claims.checkMonotone(this.#safety, safety)
    const again = decodeSafety(encodeSafety(safety), LIMITS)
    if (!again.ok) throw new claims.Violation('what is saved can be read', again.detail)
    this.#safety = again.value
    if (block !== undefined && 'signature' in block.proposal)
      this.#saved.set(block.id, block as Block as Verified<Block>)
  }

  #onVote(vote: Vote, isOwn: boolean): void {
    claims.checkSavedVote(this.#safety, vote)
    claims.checkNoVoteAfterTimeout(this.#history, vote)
    claims.checkOneVote(this.#history, vote)
    const block = this.#saved.get(vote.blockId) ?? this.#core.tree.block(vote.blockId)
    if (block !== undefined) {
      const { header, justify, tc } = block.proposal
      const isSafe = hasEntryProof(header.view, justify, tc) && header.parentId === justify.blockId
      if (!isSafe || justify.view > this.#safety.highQC.view || justify.view > this.#safety.lockedView) {
        throw new claims.Violation('a vote locks what it builds on', `view ${header.view} on ${justify.view}`)
      }
    }
    if (isOwn) this.#answer({ kind: 'vote', vote: vote as Checked<Vote> })
  }

  #onAggregateVotes({ view, blockId, votes }: Extract<Effect, { kind: 'aggregate-votes' }>): void {
    const [first] = votes
    const signers = votes.map((vote) => vote.signer)
    claims.checkQuorum(validators, signers)
    if (first === undefined) return
    const { signer: _, signature: __, ...on } = first
    const qc: QC = { ...on, signers: bitmapOf(signers, SIZE), signature: VOTE_SIGNATURE }
    const formed = { kind: 'qc-formed', qc: qc as Verified<QC> } as const
    const others = signers.filter((signer) => signer !== this.#self)
    const refute = this.#random.chance(200) || !looksLikeQC(qc) || this.#conflicts(formed)
    this.#answer(refute ? { kind: 'votes-refuted', view, blockId, culprits: [this.#random.pick(others)] } : formed)
  }

  #onAggregateTimeouts({ view, timeouts }: Extract<Effect, { kind: 'aggregate-timeouts' }>): void {
    const sorted = timeouts.toSorted((a, b) => a.signer - b.signer)
    const signers = sorted.map((timeout) => timeout.signer)
    claims.checkQuorum(validators, signers)
    const highest = sorted.reduce((a, b) => (b.highQC.view > a.highQC.view ? b : a))
    const tc: TC = {
      epoch: highest.epoch,
      view,
      signers: bitmapOf(signers, SIZE),
      highQcViews: sorted.map((timeout) => timeout.highQC.view),
      highQC: highest.highQC,
      signature: VOTE_SIGNATURE,
    }
    if (!looksLikeTC(tc)) throw new claims.Violation('timeouts of a view form its TC', `view ${view}`)
    const others = signers.filter((signer) => signer !== this.#self)
    if (this.#random.chance(200)) {
      this.#answer({ kind: 'timeouts-refuted', view, culprits: [this.#random.pick(others)] })
    } else this.#answer({ kind: 'tc-formed', tc: tc as Verified<TC> })
  }

  #build({ view, parent, justify, tc }: Extract<Effect, { kind: 'propose' }>): void {
    const { height, timestampMs } = parent.proposal.header
    const isLast = timestampMs === Number.MAX_SAFE_INTEGER
    if (this.#random.chance(50) || isLast) return this.#answer({ kind: 'built', view })
    const spec = { view, height: height + 1, justify, ...(tc && { tc }), proposer: this.#self, items: [TRANSACTION] }
    const { proposal } = blockOf({ ...spec, timestampMs: Math.max(this.#nowMs, timestampMs + 1) })
    const { signature: _, ...unsigned } = signed({ id: ZERO_HASH as BlockId, proposal }).proposal
    const block = { id: idOf({ ...unsigned, signature: PROPOSAL_SIGNATURE }), proposal: unsigned }
    this.#answer({ kind: 'built', view, block })
  }

  /** S15: what is kept as evidence really is two messages of one validator, and that is never this one. */
  #onEvidence(equivocation: Equivocation): void {
    const blames =
      equivocation.kind === 'double-vote'
        ? equivocation.first.signer === equivocation.second.signer &&
          equivocation.first.view === equivocation.second.view &&
          equivocation.first.signer
        : equivocation.first.header.view === equivocation.second.header.view && equivocation.first.header.proposer
    if (blames === false || (equivocation.kind === 'double-vote' && blames === this.#self)) {
      throw new claims.Violation('S15 evidence', `${equivocation.kind} blames ${blames}`)
    }
  }
}

/** A mutated value may lack what its type promises; nothing that was decoded does. */
function isRead(looks: () => boolean): boolean {
  try {
    return looks()
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return false
    throw error
  }
}
