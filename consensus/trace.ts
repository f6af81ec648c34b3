// One record per step of the core: what came in, which safety variables changed, what was asked for. Plain values that survive
// JSON, so that the model (test/model/conformance.ts) can judge a run while it happens or a log long afterwards.
// Pure; reads the core and never changes it. A record costs a few small objects: nothing of it is made unless asked for.

import { unreachable } from '../crypto/assert.ts'
import type { Effect, Input, TimerName } from './protocol.ts'
import type { CoreState } from './state.ts'
import type { Block, QC, SafetyState, TC, Timeout, UnsignedBlock, UnsignedTimeout, UnsignedVote } from './types.ts'

export interface TracedQC {
  readonly view: number
  readonly blockId: string
  readonly parentView: number
  readonly parentId: string
  /** Ascending. */
  readonly signers: readonly number[]
}

export interface TracedTC {
  readonly view: number
  readonly signers: readonly number[]
  /** In signer order. */
  readonly highQcViews: readonly number[]
  readonly highQC: TracedQC
}

export interface TracedBlock {
  readonly id: string
  readonly view: number
  readonly height: number
  readonly parentId: string
  readonly proposer: number
  readonly justify: TracedQC
  readonly tc?: TracedTC
}

export interface TracedVote {
  readonly view: number
  readonly blockId: string
  readonly parentView: number
  readonly parentId: string
  readonly signer: number
}

export interface TracedTimeout {
  readonly view: number
  readonly highQC: TracedQC
  readonly lastTC?: TracedTC
  readonly vote?: TracedVote
  readonly signer: number
}

/** What a save makes durable (DESIGN.md section 3, "Persist before send"), as far as numbers tell it. */
export interface SavedVariables {
  readonly lastVotedView: number
  readonly highestTimeoutView: number
  readonly lockedView: number
  readonly highQcView: number
  readonly highQcBlockId: string
  /** 0: none. */
  readonly lastTcView: number
  readonly lastProposalView: number
}

/** The variables the safety of the protocol rests on. */
export interface SafetyVariables extends SavedVariables {
  readonly view: number
  /** Last committed block. */
  readonly rootId: string
  readonly rootView: number
  readonly rootHeight: number
}

export type TracedEffect =
  | { readonly kind: 'save'; readonly saved: SavedVariables }
  | { readonly kind: 'vote'; readonly vote: TracedVote }
  | { readonly kind: 'timeout'; readonly timeout: TracedTimeout }
  | { readonly kind: 'proposal'; readonly block: TracedBlock }
  | {
      readonly kind: 'commit'
      readonly blocks: readonly Pick<TracedBlock, 'id' | 'view' | 'height' | 'parentId'>[]
      readonly certificate: TracedQC
    }
  | { readonly kind: 'entered-view'; readonly view: number; readonly leader: number }
  | { readonly kind: 'halt'; readonly reason: string }

export interface StepRecord {
  readonly action: Input['kind']
  readonly timer?: TimerName
  /** What the input brought, where it brought any. */
  readonly blocks?: readonly TracedBlock[]
  readonly qcs?: readonly TracedQC[]
  readonly tcs?: readonly TracedTC[]
  readonly vote?: TracedVote
  readonly timeout?: TracedTimeout
  readonly executed?: { readonly blockId: string; readonly valid: boolean }
  /** On the first record of a life: what the node came up with. */
  readonly found?: SafetyVariables
  /** The variables that differ from before. */
  readonly changed: Partial<SafetyVariables>
  /** Signatures asked for, commits, view entries and saves, in the core's order; timers, fetches and the like are left out. */
  readonly effects: readonly TracedEffect[]
}

/** To be read before and after the step: the core is changed in place. */
export function variablesOf({ safety, view, tree }: CoreState): SafetyVariables {
  return { ...savedOf(safety), view, rootId: tree.root.id, rootView: tree.rootView, rootHeight: tree.rootHeight }
}

function savedOf(safety: SafetyState): SavedVariables {
  return {
    lastVotedView: safety.lastVotedView,
    highestTimeoutView: safety.highestTimeoutView,
    lockedView: safety.lockedView,
    highQcView: safety.highQC.view,
    highQcBlockId: safety.highQC.blockId,
    lastTcView: safety.lastTC?.view ?? 0,
    lastProposalView: safety.lastProposal?.view ?? 0,
  }
}

/** All of them by name: a variable that is missing here does not compile. */
export const SAFETY_VARIABLES = Object.keys({
  lastVotedView: 0,
  highestTimeoutView: 0,
  lockedView: 0,
  highQcView: 0,
  highQcBlockId: 0,
  lastTcView: 0,
  lastProposalView: 0,
  view: 0,
  rootId: 0,
  rootView: 0,
  rootHeight: 0,
} satisfies Record<keyof SafetyVariables, 0>) as (keyof SafetyVariables)[]

/**
 * The record of one step. Write it after the effects were performed: then a `save` in a log was durable.
 * @param before `variablesOf` the core ahead of the step
 * @param after the same behind it
 */
export function traceOf(
  before: SafetyVariables,
  input: Input,
  effects: readonly Effect[],
  after: SafetyVariables,
): StepRecord {
  const changed: Record<string, string | number> = {}
  for (const name of SAFETY_VARIABLES) if (before[name] !== after[name]) changed[name] = after[name]
  return { action: input.kind, ...broughtBy(input), changed, effects: effects.flatMap(tracedEffects) }
}

/** For a driver: made when the core is, called after every step; its first record says what the core began with. */
export function createTracer(core: CoreState): (input: Input, effects: readonly Effect[]) => StepRecord {
  let before = variablesOf(core)
  let isFirst = true
  return (input, effects) => {
    const after = variablesOf(core)
    const record = traceOf(before, input, effects, after)
    const first = isFirst ? { found: before } : {}
    before = after
    isFirst = false
    return { ...record, ...first }
  }
}

function broughtBy(input: Input): Omit<StepRecord, 'action' | 'found' | 'changed' | 'effects'> {
  switch (input.kind) {
    case 'proposal':
      return { blocks: [tracedBlock(input.block)] }
    case 'fetched':
      return {
        blocks: input.blocks.map(tracedBlock),
        ...(input.certificate === undefined ? {} : { qcs: [tracedQC(input.certificate)] }),
      }
    case 'vote':
      return { vote: tracedVote(input.vote) }
    case 'timeout':
      return { timeout: tracedTimeout(input.timeout) }
    case 'certificate':
      return { qcs: [tracedQC(input.qc)], ...(input.tc === undefined ? {} : { tcs: [tracedTC(input.tc)] }) }
    case 'qc-formed':
      return { qcs: [tracedQC(input.qc)] }
    case 'tc-formed':
      return { tcs: [tracedTC(input.tc)] }
    case 'executed':
      return { executed: { blockId: input.blockId, valid: input.valid } }
    case 'timer':
      return { timer: input.timer }
    case 'start':
    case 'votes-refuted':
    case 'timeouts-refuted':
    case 'built':
    case 'work':
      return {}
    default:
      return unreachable(input)
  }
}

function tracedEffects(effect: Effect): TracedEffect[] {
  switch (effect.kind) {
    case 'save':
      return [{ kind: 'save', saved: savedOf(effect.safety) }]
    case 'send-vote':
      return [{ kind: 'vote', vote: tracedVote(effect.vote) }]
    case 'send-timeout':
      return [{ kind: 'timeout', timeout: tracedTimeout(effect.timeout) }]
    case 'send-proposal':
      return [{ kind: 'proposal', block: tracedBlock(effect.block) }]
    case 'commit': {
      const blocks = effect.blocks.map(({ id, proposal: { header } }) => {
        return { id, view: header.view, height: header.height, parentId: header.parentId }
      })
      return [{ kind: 'commit', blocks, certificate: tracedQC(effect.certificate) }]
    }
    case 'entered-view':
      return [{ kind: 'entered-view', view: effect.view, leader: effect.leader }]
    case 'halt':
      return [{ kind: 'halt', reason: effect.reason }]
    default:
      // Messages sent again as they are, and what concerns no signature.
      return []
  }
}

function tracedQC({ view, blockId, parentView, parentId, signers }: QC): TracedQC {
  return { view, blockId, parentView, parentId, signers: indicesOf(signers) }
}

function tracedTC({ view, signers, highQcViews, highQC }: TC): TracedTC {
  return { view, signers: indicesOf(signers), highQcViews: [...highQcViews], highQC: tracedQC(highQC) }
}

function tracedVote({ view, blockId, parentView, parentId, signer }: UnsignedVote): TracedVote {
  return { view, blockId, parentView, parentId, signer }
}

function tracedTimeout({ view, highQC, lastTC, vote, signer }: Timeout | UnsignedTimeout): TracedTimeout {
  return {
    view,
    highQC: tracedQC(highQC),
    ...(lastTC === undefined ? {} : { lastTC: tracedTC(lastTC) }),
    ...(vote === undefined ? {} : { vote: tracedVote(vote) }),
    signer,
  }
}

function tracedBlock({ id, proposal: { header, justify, tc } }: Block | UnsignedBlock): TracedBlock {
  const { view, height, parentId, proposer } = header
  const traced = { id, view, height, parentId, proposer, justify: tracedQC(justify) }
  return tc === undefined ? traced : { ...traced, tc: tracedTC(tc) }
}

function indicesOf(bitmap: Uint8Array): number[] {
  const indices: number[] = []
  for (let i = 0; i < bitmap.length * 8; i++) if (((bitmap[i >> 3] ?? 0) >> (i & 7)) & 1) indices.push(i)
  return indices
}
