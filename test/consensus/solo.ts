// One core on a bench: a test hands it inputs and reads the effects. Certificates are made of whole cloth, as the core takes
// them for verified; every `execute` is answered at once unless the test wants to. Leader of view v is v mod n.

import { bitmapOf } from '../../consensus/bitmap.ts'
import { step } from '../../consensus/core.ts'
import type { Effect, Input } from '../../consensus/protocol.ts'
import { freshSafety } from '../../consensus/safety.ts'
import { type CoreState, createCore } from '../../consensus/state.ts'
import type {
  Block,
  Checked,
  Epoch,
  QC,
  SafetyState,
  TC,
  Timeout,
  UnsignedBlock,
  ValidatorIndex,
  Verified,
  View,
  Vote,
} from '../../consensus/types.ts'
import { type BlockSpec, blockOf, genesisOf, START_MS, TRANSACTION, validatorsOf } from '../simulation/workload.ts'

const SIGNATURE = new Uint8Array(96)
export const BASE_MS = 1_000
export const IDLE_MS = 400

export interface SoloOptions {
  readonly self?: number | undefined
  readonly validators?: number
  readonly baseTimeoutMs?: number
  readonly idleIntervalMs?: number
  readonly safety?: SafetyState
  readonly root?: Verified<Block>
  readonly uncommitted?: readonly Verified<Block>[]
}

type Kind = Effect['kind']
export type Of<K extends Kind> = Extract<Effect, { kind: K }>

export class Solo {
  readonly core: CoreState
  readonly genesis: Verified<Block>
  readonly rootQC: QC
  readonly size: number
  nowMs = START_MS + 10_000
  /** Answers `execute` by itself with this verdict; undefined leaves it to the test. */
  verdict: boolean | undefined = true

  constructor(options: SoloOptions = {}) {
    const {
      validators = 4,
      baseTimeoutMs = BASE_MS,
      idleIntervalMs = IDLE_MS,
      safety,
      root,
      uncommitted = [],
    } = options
    const self = 'self' in options ? options.self : 0
    const genesis = genesisOf(validators)
    this.size = validators
    this.genesis = genesis.block
    this.rootQC = genesis.qc
    this.core = createCore(
      {
        validators: validatorsOf(Array.from({ length: validators }, () => 1)),
        self: self as ValidatorIndex | undefined,
        pacemaker: { baseTimeoutMs, baseTimeoutMsMax: 10_000, idleIntervalMs },
        clockAheadMsMax: 500,
      },
      root ?? genesis.block,
      safety ?? freshSafety(genesis.qc),
      uncommitted,
    )
  }

  /** Started in view 1 with work known, so that nothing waits. */
  static busy(options: SoloOptions = {}): Solo {
    const solo = new Solo(options)
    solo.give({ kind: 'work', available: true })
    solo.give({ kind: 'start' })
    return solo
  }

  get view(): number {
    return this.core.view
  }

  give(input: Input): Effect[] {
    const effects = step(this.core, input, this.nowMs)
    if (this.verdict === undefined) return effects
    for (const effect of [...effects]) {
      if (effect.kind !== 'execute') continue
      effects.push(...this.give({ kind: 'executed', blockId: effect.block.id, valid: this.verdict }))
    }
    return effects
  }

  /** By the leader of its view on `parent`, whose QC is its justify unless another is given; with a TC if that takes one. */
  block(view: number, parent: Block, change: Partial<BlockSpec> = {}): Verified<Block> {
    const header = parent.proposal.header
    const { justify = this.qc(parent) } = change
    const { id, proposal } = blockOf({
      view,
      height: header.height + 1,
      justify,
      ...(justify.view + 1 === view ? {} : { tc: this.tc(view - 1, justify) }),
      proposer: view % this.size,
      timestampMs: header.timestampMs + 1,
      ...change,
    })
    return { id, proposal: { ...proposal, signature: SIGNATURE } } as Verified<Block>
  }

  payload(view: number, parent: Block, change: Partial<BlockSpec> = {}): Verified<Block> {
    return this.block(view, parent, { items: [TRANSACTION], ...change })
  }

  /** Consecutive empty blocks of these views, each on the one before. */
  chain(views: readonly number[], from: Block = this.genesis): Verified<Block>[] {
    const blocks: Verified<Block>[] = []
    for (const view of views) blocks.push(this.block(view, blocks.at(-1) ?? from))
    return blocks
  }

  qc(block: Block | UnsignedBlock, signers?: readonly number[]): Verified<QC> {
    if (block.id === this.genesis.id) return this.rootQC as Verified<QC>
    const { header, justify } = block.proposal
    return {
      epoch: 0 as Epoch,
      view: header.view,
      blockId: block.id,
      parentView: justify.view,
      parentId: header.parentId,
      signers: this.#bitmap(signers),
      signature: SIGNATURE,
    } as Verified<QC>
  }

  tc(view: number, highQC: QC = this.rootQC, signers?: readonly number[]): Verified<TC> {
    const quorum = Math.floor((2 * this.size) / 3) + 1
    const highQcViews = Array.from({ length: signers?.length ?? quorum }, () => highQC.view)
    const tc = { epoch: 0 as Epoch, view: view as View, signers: this.#bitmap(signers), highQcViews, highQC }
    return { ...tc, signature: SIGNATURE } as TC as Verified<TC>
  }

  vote(block: Block | UnsignedBlock, signer: number): Checked<Vote> {
    const { header, justify } = block.proposal
    return {
      epoch: 0 as Epoch,
      view: header.view,
      blockId: block.id,
      parentView: justify.view,
      parentId: header.parentId,
      signer: signer as ValidatorIndex,
      signature: SIGNATURE,
    } as Vote as Checked<Vote>
  }

  timeout(
    view: number,
    signer: number,
    more: { readonly highQC?: QC; readonly lastTC?: TC; readonly vote?: Vote } = {},
  ): Checked<Timeout> {
    const { highQC = this.rootQC } = more
    return {
      ...more,
      epoch: 0 as Epoch,
      view: view as View,
      highQC,
      signer: signer as ValidatorIndex,
      signature: SIGNATURE,
    } as Timeout as Checked<Timeout>
  }

  giveProposal(block: Verified<Block>): Effect[] {
    return this.give({ kind: 'proposal', block })
  }

  giveVotes(block: Block | UnsignedBlock, signers: readonly number[]): Effect[] {
    return signers.flatMap((signer) => this.give({ kind: 'vote', vote: this.vote(block, signer) }))
  }

  #bitmap(signers: readonly number[] | undefined): Uint8Array {
    const quorum = Math.floor((2 * this.size) / 3) + 1
    const chosen = signers ?? Array.from({ length: quorum }, (_, at) => at)
    return bitmapOf(chosen as readonly ValidatorIndex[], this.size)
  }
}

export function all<K extends Kind>(effects: readonly Effect[], kind: K): Of<K>[] {
  return effects.filter((effect): effect is Of<K> => effect.kind === kind)
}

/** The one effect of that kind. */
export function only<K extends Kind>(effects: readonly Effect[], kind: K): Of<K> {
  const found = all(effects, kind)
  const [first] = found
  if (first === undefined || found.length > 1) throw new RangeError(`${found.length} effects ${kind}, not one`)
  return first
}

/** What a step leaves of a timer: its delay, undefined when it cancels it, 'untouched' when it says nothing. */
export function timerAfter(effects: readonly Effect[], timer: Of<'timer'>['timer']): number | undefined | 'untouched' {
  const last = all(effects, 'timer').findLast((effect) => effect.timer === timer)
  return last === undefined ? 'untouched' : last.delayMs
}
