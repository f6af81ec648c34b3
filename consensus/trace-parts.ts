// The parts of a trace line (trace-line.ts) as JSON and back: certificates, blocks, signed messages, variables, effects.
// Structures are lists in a fixed order, ids their place in the line's own list. Pure; checks shapes, never meanings.

import { DecodeError } from '../crypto/codec.ts'
import type {
  SafetyVariables,
  SavedVariables,
  StepRecord,
  TracedBlock,
  TracedEffect,
  TracedQC,
  TracedTC,
  TracedTimeout,
  TracedVote,
} from './trace.ts'

type NumberVariable = Exclude<keyof SafetyVariables, 'highQcBlockId' | 'rootId'>

const LETTERS: Readonly<Record<keyof SafetyVariables, string>> = {
  view: 'v',
  lastVotedView: 'o',
  highestTimeoutView: 't',
  lockedView: 'l',
  highQcView: 'q',
  highQcBlockId: 'i',
  lastTcView: 'c',
  lastProposalView: 'p',
  rootId: 'r',
  rootView: 'w',
  rootHeight: 'h',
}
const VARIABLES: readonly (keyof SafetyVariables)[] = Object.keys(LETTERS) as (keyof SafetyVariables)[]

/** Every variable that a save writes, in the order of the records. */
export const SAVED: readonly (keyof SavedVariables)[] = [
  'lastVotedView',
  'highestTimeoutView',
  'lockedView',
  'highQcView',
  'highQcBlockId',
  'lastTcView',
  'lastProposalView',
]

const isNumberVariable = (name: keyof SafetyVariables): name is NumberVariable =>
  name !== 'highQcBlockId' && name !== 'rootId'

/** The ids of one line, in order of appearance; the rest of the line has their places. */
export class Ids {
  readonly #list: string[] = []
  readonly #places = new Map<string, number>()

  static unpacked(list: readonly unknown[]): Ids {
    const ids = new Ids()
    for (const text of list) ids.place(Buffer.from(textOf(text), 'base64url').toString('hex'))
    return ids
  }

  place(id: string): number {
    const known = this.#places.get(id)
    if (known !== undefined) return known
    this.#places.set(id, this.#list.length)
    return this.#list.push(id) - 1
  }

  at(json: unknown): string {
    const id = this.#list[integerOf(json)]
    if (id === undefined) throw new DecodeError(`no id at ${json}`)
    return id
  }

  packed(): string[] {
    return this.#list.map((id) => Buffer.from(id, 'hex').toString('base64url'))
  }
}

export function packQC({ view, blockId, parentView, parentId, signers }: TracedQC, ids: Ids) {
  return [view, ids.place(blockId), parentView, ids.place(parentId), signers]
}

export function qcOf(json: unknown, ids: Ids): TracedQC {
  const [view, blockId, parentView, parentId, signers] = listOf(json)
  return { ...headOf(view, blockId, parentView, parentId, ids), signers: integersOf(signers) }
}

/** What a QC and a vote have alike. */
function headOf(view: unknown, blockId: unknown, parentView: unknown, parentId: unknown, ids: Ids) {
  return {
    view: integerOf(view),
    blockId: ids.at(blockId),
    parentView: integerOf(parentView),
    parentId: ids.at(parentId),
  }
}

export function packTC({ view, signers, highQcViews, highQC }: TracedTC, ids: Ids) {
  return [view, signers, highQcViews, packQC(highQC, ids)]
}

export function tcOf(json: unknown, ids: Ids): TracedTC {
  const [view, signers, highQcViews, highQC] = listOf(json)
  return {
    view: integerOf(view),
    signers: integersOf(signers),
    highQcViews: integersOf(highQcViews),
    highQC: qcOf(highQC, ids),
  }
}

type Committed = Pick<TracedBlock, 'id' | 'view' | 'height' | 'parentId'>

function packCommitted({ id, view, height, parentId }: Committed, ids: Ids) {
  return [ids.place(id), view, height, ids.place(parentId)]
}

function committedOf([id, view, height, parentId]: readonly unknown[], ids: Ids): Committed {
  return { id: ids.at(id), view: integerOf(view), height: integerOf(height), parentId: ids.at(parentId) }
}

export function packBlock(block: TracedBlock, ids: Ids) {
  const { proposer, justify, tc } = block
  return [...packCommitted(block, ids), proposer, packQC(justify, ids), ...(tc === undefined ? [] : [packTC(tc, ids)])]
}

export function blockOf(json: unknown, ids: Ids): TracedBlock {
  const members = listOf(json)
  const [proposer, justify, tc] = members.slice(4)
  return present({
    ...committedOf(members, ids),
    proposer: integerOf(proposer),
    justify: qcOf(justify, ids),
    tc: optional(tc, (given) => tcOf(given, ids)),
  })
}

export function packVote({ view, blockId, parentView, parentId, signer }: TracedVote, ids: Ids) {
  return [view, ids.place(blockId), parentView, ids.place(parentId), signer]
}

export function voteOf(json: unknown, ids: Ids): TracedVote {
  const [view, blockId, parentView, parentId, signer] = listOf(json)
  return { ...headOf(view, blockId, parentView, parentId, ids), signer: integerOf(signer) }
}

export function packTimeout({ view, highQC, lastTC, vote, signer }: TracedTimeout, ids: Ids) {
  const optionals = [lastTC === undefined ? 0 : packTC(lastTC, ids), vote === undefined ? 0 : packVote(vote, ids)]
  return [view, packQC(highQC, ids), signer, ...optionals]
}

export function timeoutOf(json: unknown, ids: Ids): TracedTimeout {
  const [view, highQC, signer, lastTC, vote] = listOf(json)
  return present({
    view: integerOf(view),
    highQC: qcOf(highQC, ids),
    lastTC: lastTC === 0 ? undefined : tcOf(lastTC, ids),
    vote: vote === 0 ? undefined : voteOf(vote, ids),
    signer: integerOf(signer),
  })
}

export function executedOf(json: unknown, ids: Ids): NonNullable<StepRecord['executed']> {
  const [blockId, valid] = listOf(json)
  return { blockId: ids.at(blockId), valid: integerOf(valid) === 1 }
}

export function packVariables(variables: Partial<SafetyVariables>, ids: Ids, names = VARIABLES) {
  const packed: Record<string, number> = {}
  for (const name of names) {
    const value = variables[name]
    if (value !== undefined) packed[LETTERS[name]] = typeof value === 'number' ? value : ids.place(value)
  }
  return packed
}

export function changedOf(json: unknown, ids: Ids): Partial<SafetyVariables> {
  const given = objectOf(json)
  const changed: { -readonly [Name in keyof SafetyVariables]?: SafetyVariables[Name] } = {}
  for (const name of VARIABLES) {
    const value = given[LETTERS[name]]
    if (value === undefined) continue
    if (isNumberVariable(name)) changed[name] = integerOf(value)
    else changed[name] = ids.at(value)
  }
  return changed
}

export function foundOf(json: unknown, ids: Ids): SafetyVariables {
  const { view, rootId, rootView, rootHeight } = changedOf(json, ids)
  return {
    ...savedOf(json, ids),
    view: integerOf(view),
    rootId: textOf(rootId),
    rootView: integerOf(rootView),
    rootHeight: integerOf(rootHeight),
  }
}

function savedOf(json: unknown, ids: Ids): SavedVariables {
  const { lastVotedView, highestTimeoutView, lockedView, highQcView, highQcBlockId, lastTcView, lastProposalView } =
    changedOf(json, ids)
  return {
    lastVotedView: integerOf(lastVotedView),
    highestTimeoutView: integerOf(highestTimeoutView),
    lockedView: integerOf(lockedView),
    highQcView: integerOf(highQcView),
    highQcBlockId: textOf(highQcBlockId),
    lastTcView: integerOf(lastTcView),
    lastProposalView: integerOf(lastProposalView),
  }
}

export function packEffect(effect: TracedEffect, ids: Ids): readonly unknown[] {
  switch (effect.kind) {
    case 'save':
      return [effect.kind, packVariables(effect.saved, ids, SAVED)]
    case 'vote':
      return [effect.kind, packVote(effect.vote, ids)]
    case 'timeout':
      return [effect.kind, packTimeout(effect.timeout, ids)]
    case 'proposal':
      return [effect.kind, packBlock(effect.block, ids)]
    case 'commit':
      return [effect.kind, effect.blocks.map((block) => packCommitted(block, ids)), packQC(effect.certificate, ids)]
    case 'entered-view':
      return [effect.kind, effect.view, effect.leader]
    case 'halt':
      return [effect.kind, effect.reason]
    default:
      return effect satisfies never
  }
}

export function effectOf(json: unknown, ids: Ids): TracedEffect {
  const [kind, first, second] = listOf(json)
  switch (kind) {
    case 'save':
      return { kind, saved: savedOf(first, ids) }
    case 'vote':
      return { kind, vote: voteOf(first, ids) }
    case 'timeout':
      return { kind, timeout: timeoutOf(first, ids) }
    case 'proposal':
      return { kind, block: blockOf(first, ids) }
    case 'commit': {
      const blocks = listOf(first).map((block) => committedOf(listOf(block), ids))
      return { kind, blocks, certificate: qcOf(second, ids) }
    }
    case 'entered-view':
      return { kind, view: integerOf(first), leader: integerOf(second) }
    case 'halt':
      return { kind, reason: textOf(first) }
    default:
      throw new DecodeError(`no such effect: ${kind}`)
  }
}

export function objectOf(json: unknown): Readonly<Record<string, unknown>> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new DecodeError('an object is expected')
  return json as Readonly<Record<string, unknown>>
}

export function listOf(json: unknown): readonly unknown[] {
  if (!Array.isArray(json)) throw new DecodeError('a list is expected')
  return json
}

export function textOf(json: unknown): string {
  if (typeof json !== 'string') throw new DecodeError('a text is expected')
  return json
}

export function integerOf(json: unknown): number {
  if (typeof json !== 'number' || !Number.isSafeInteger(json) || json < 0)
    throw new DecodeError('an unsigned safe integer is expected')
  return json
}

export function integersOf(json: unknown): number[] {
  return listOf(json).map(integerOf)
}

export function wordOf<T extends string>(json: unknown, words: Readonly<Record<T, true>>): T {
  const isWord = (given: string): given is T => Object.hasOwn(words, given)
  const given = textOf(json)
  if (!isWord(given)) throw new DecodeError(`no such word: ${given}`)
  return given
}

export function optional<T>(json: unknown, read: (json: unknown) => T): T | undefined {
  return json === undefined ? undefined : read(json)
}

type Present<T> = { [Name in keyof T as undefined extends T[Name] ? never : Name]: T[Name] } & {
  [Name in keyof T as undefined extends T[Name] ? Name : never]?: Exclude<T[Name], undefined>
}

/** Without the members that are undefined: a record says nothing of what was not there. */
export function present<T extends object>(members: T): Present<T> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as Present<T>
}
