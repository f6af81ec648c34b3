// The means to make a genuine log false: where in it a rule is at stake, and how a record is changed there.
// Changes nothing in place: a log is used for many rows.

import type {
  SafetyVariables,
  StepRecord,
  TracedBlock,
  TracedEffect,
  TracedQC,
  TracedTimeout,
} from '../../consensus/trace.ts'

export interface Spot {
  readonly record: StepRecord
  readonly earlier: readonly StepRecord[]
  /** The node's variables ahead of the record. */
  readonly state: SafetyVariables
}

export interface Doctored {
  readonly title: string
  readonly place: (spot: Spot) => boolean
  /** What stands there instead. */
  readonly change: (spot: Spot) => readonly StepRecord[]
  /** Part of the reason for the rejection. */
  readonly reason: string
}

export type Kind = TracedEffect['kind']
export type EffectOf<K extends Kind> = Extract<TracedEffect, { readonly kind: K }>

export const OTHER = 'f'.repeat(64)

export function isOf<K extends Kind>(kind: K) {
  return (effect: TracedEffect): effect is EffectOf<K> => effect.kind === kind
}

export function effectIn<K extends Kind>(record: StepRecord, kind: K): EffectOf<K> {
  const found = record.effects.find(isOf(kind))
  if (found === undefined) throw new RangeError(`no ${kind} in the record`)
  return found
}

export const has = (record: StepRecord, kind: Kind) => record.found === undefined && record.effects.some(isOf(kind))
export const votes = ({ record }: Pick<Spot, 'record'>) =>
  has(record, 'vote') && record.changed.lastVotedView !== undefined
export const timesOut = ({ record }: Pick<Spot, 'record'>) =>
  has(record, 'timeout') && record.changed.highestTimeoutView !== undefined
export const proposes = ({ record }: Pick<Spot, 'record'>) => has(record, 'proposal')
export const commits = ({ record }: Pick<Spot, 'record'>) => has(record, 'commit')
export const commitsTwo = (spot: Spot) => commits(spot) && effectIn(spot.record, 'commit').blocks.length > 1
export const restarts = ({ record, earlier }: Spot) => record.found !== undefined && earlier.length > 0
export const brings = (action: StepRecord['action']) => (spot: Spot) => spot.record.action === action
export const entersBy = (action: StepRecord['action']) => (spot: Spot) =>
  spot.record.action === action && spot.record.changed.view !== undefined
export const isFresh = ({ record }: Pick<Spot, 'record'>) => record.found === undefined

/** The record with its effects of one kind changed, dropped (none) or multiplied. */
export function effects<K extends Kind>(kind: K, change: (effect: EffectOf<K>, spot: Spot) => readonly TracedEffect[]) {
  return (spot: Spot): StepRecord[] => {
    const isKind = isOf(kind)
    const next = spot.record.effects.flatMap((effect) => (isKind(effect) ? change(effect, spot) : [effect]))
    return [{ ...spot.record, effects: next }]
  }
}

export function variable(name: keyof SafetyVariables, value: (spot: Spot) => number | string | undefined) {
  return (spot: Spot): StepRecord[] => {
    const { [name]: _, ...rest } = spot.record.changed
    const given = value(spot)
    return [{ ...spot.record, changed: given === undefined ? rest : { ...rest, [name]: given } }]
  }
}

export function found(name: keyof SafetyVariables, change: (value: number) => number) {
  return ({ record }: Pick<Spot, 'record'>): StepRecord[] => {
    if (record.found === undefined) throw new RangeError('no restart')
    return [{ ...record, found: { ...record.found, [name]: change(Number(record.found[name])) } }]
  }
}

export function brought(change: (block: TracedBlock) => TracedBlock) {
  return ({ record }: Pick<Spot, 'record'>): StepRecord[] => [{ ...record, blocks: (record.blocks ?? []).map(change) }]
}

export function certified(change: (qc: TracedQC) => TracedQC) {
  return ({ record }: Pick<Spot, 'record'>): StepRecord[] => [{ ...record, qcs: (record.qcs ?? []).map(change) }]
}

export function timedOut(change: (timeout: TracedTimeout, spot: Spot) => TracedTimeout) {
  return effects('timeout', ({ timeout }, spot) => [{ kind: 'timeout', timeout: change(timeout, spot) }])
}

/** A step in which nothing came and these effects happened. */
export const outOfNothing = (...given: readonly TracedEffect[]): StepRecord => ({
  action: 'timer',
  changed: {},
  effects: given,
})

export function blockVotedFor({ record, earlier }: Spot): TracedBlock {
  const { blockId } = effectIn(record, 'vote').vote
  const block = [...earlier, record].flatMap(({ blocks = [] }) => blocks).find(({ id }) => id === blockId)
  if (block === undefined) throw new RangeError('a vote for a block that no record shows')
  return block
}

export function isFreshEntry(record: StepRecord): boolean {
  return (
    record.found === undefined && record.changed.view !== undefined && !has(record, 'vote') && !has(record, 'timeout')
  )
}
