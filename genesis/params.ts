// The protocol's parameters: their frozen ids, their names, defaults and ranges. Every node of a chain has the same ones.
// Owns the two forms (a list ascending by id for the epoch, named numbers for code); never decides what a parameter does.
// What a node may choose for itself is in node/config.ts instead.

import type { Param } from '../consensus/types.ts'

const KIB = 1024
const MIB = 1024 * KIB

export interface Params {
  /** Sum of a payload's item lengths, in bytes. */
  readonly payloadBytesMax: number
  /** Transactions in a block. */
  readonly transactionsMax: number
  /** Lowest fee of a transaction, in base units. */
  readonly feeMin: number
  /** How far above the current height a transaction's validUntil may lie, in heights. */
  readonly validUntilAheadMax: number
  /** How far ahead of a voter's clock a block's time may be, in milliseconds (DESIGN.md section 3, vote rule 4). */
  readonly clockAheadMsMax: number
}

export type ParamName = keyof Params

export interface ParamSpec {
  /** Frozen: a retired parameter's id is never given to another. */
  readonly id: number
  readonly name: ParamName
  readonly unit: string
  readonly defaultValue: number
  readonly min: number
  readonly max: number
}

/** Ascending by id. */
export const PARAM_SPECS: readonly ParamSpec[] = [
  // At least the largest transfer (256 outputs); at most what a block response carries of two payloads' length and certificates.
  { id: 1, name: 'payloadBytesMax', unit: 'bytes', defaultValue: 1 * MIB, min: 16 * KIB, max: 3 * MIB },
  { id: 2, name: 'transactionsMax', unit: 'transactions', defaultValue: 5_000, min: 1, max: 50_000 },
  { id: 3, name: 'feeMin', unit: 'base units', defaultValue: 1, min: 0, max: 1_000_000_000_000 },
  { id: 4, name: 'validUntilAheadMax', unit: 'heights', defaultValue: 100_000, min: 10, max: 100_000_000 },
  { id: 5, name: 'clockAheadMsMax', unit: 'ms', defaultValue: 500, min: 50, max: 60_000 },
]

export const PARAM_DEFAULTS: Params = fromEntries((spec) => spec.defaultValue)

/** The list for the epoch: every parameter, ascending by id. */
export function paramList(params: Params): Param[] {
  return PARAM_SPECS.map((spec) => ({ id: spec.id, value: params[spec.name] }))
}

export type NamedParams =
  | { readonly ok: true; readonly params: Params }
  | { readonly ok: false; readonly problems: readonly { readonly id: number; readonly message: string }[] }

/** Names for an epoch's list. Refused: an unknown, repeated or missing id, a value out of range. */
export function namedParams(list: readonly Param[]): NamedParams {
  const problems: { id: number; message: string }[] = []
  const values = new Map<number, number>()
  for (const { id, value } of list) {
    const spec = PARAM_SPECS.find((candidate) => candidate.id === id)
    if (spec === undefined) problems.push({ id, message: `parameter ${id} is not known` })
    else if (values.has(id)) problems.push({ id, message: `parameter ${id} is given twice` })
    else if (!isInRange(spec, value)) problems.push({ id, message: `${spec.name} must be ${rangeText(spec)}` })
    values.set(id, value)
  }
  for (const spec of PARAM_SPECS) {
    if (!values.has(spec.id)) problems.push({ id: spec.id, message: `${spec.name} is missing` })
  }
  if (problems.length > 0) return { ok: false, problems }
  return { ok: true, params: fromEntries((spec) => values.get(spec.id) ?? spec.defaultValue) }
}

export function isInRange(spec: ParamSpec, value: number): boolean {
  return Number.isSafeInteger(value) && value >= spec.min && value <= spec.max
}

export function rangeText(spec: ParamSpec): string {
  return `a whole number of ${spec.unit} from ${spec.min} to ${spec.max}`
}

function fromEntries(pick: (spec: ParamSpec) => number): Params {
  const params = {
    payloadBytesMax: 0,
    transactionsMax: 0,
    feeMin: 0,
    validUntilAheadMax: 0,
    clockAheadMsMax: 0,
  } satisfies Params
  for (const spec of PARAM_SPECS) params[spec.name] = pick(spec)
  return params
}
