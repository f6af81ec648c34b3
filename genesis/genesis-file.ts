// The genesis file's shape: what a person writes. JSON, checked field by field; all faults at once, each with its path.
// Turns text into typed fields and stops there: what the fields must be together is in genesis.ts.

import * as z from 'zod'
import { BLS_KEY_BYTES, BLS_SIGNATURE_BYTES, NODE_KEY_BYTES, VALIDATORS_MAX } from '../consensus/wire.ts'
import { fromHex } from '../crypto/bytes.ts'
import { endpointProblem } from './endpoint.ts'
import { isInRange, PARAM_SPECS, type ParamSpec, rangeText } from './params.ts'

export const GENESIS_FORMAT = 1
/** The one version of the protocol that this software runs; a header's `version` and `supports`. */
export const CHAIN_PROTOCOL_VERSION = 1
/** The state machine that this software runs (ledger/). */
export const APP_NAME = 'scoville-ledger'
export const APP_VERSION = 1
export const CHAIN_ID_CHARS_MAX = 64
export const ACCOUNTS_MAX = 1_000_000
const ENDPOINTS_PER_VALIDATOR_MAX = 8
const NAME_CHARS_MAX = 64
const U64_MAX = (1n << 64n) - 1n

/** `path` is a JSON path such as `validators[2].blsKey`; empty for the file as a whole. */
export interface GenesisError {
  readonly path: string
  readonly message: string
}

export type ParsedGenesisFile =
  | { readonly ok: true; readonly file: GenesisFile }
  | { readonly ok: false; readonly errors: readonly GenesisError[] }

/** Bytes as hex with or without 0x, in either case: the genesis hash covers the bytes, not their spelling. */
function hexBytes(length: number) {
  const message = `must be ${length} bytes as ${2 * length} hex digits, with or without 0x`
  return z.string(message).transform((text, context) => {
    const bytes = fromHex((text.startsWith('0x') ? text.slice(2) : text).toLowerCase())
    if (bytes?.length === length) return bytes
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  })
}

function safeInt(what: string, min: number) {
  const message = `must be ${what}: a whole number from ${min} to 2^53-1`
  return z.int(message).min(min, message)
}

const amount = z
  .string('must be an amount in base units, as a string of decimal digits')
  .regex(/^[1-9]\d{0,19}$/, 'must be an amount in base units from 1 to 2^64-1, as a string of decimal digits')
  .transform((text, context) => {
    const value = BigInt(text)
    if (value <= U64_MAX) return value
    context.addIssue({ code: 'custom', message: 'must be at most 2^64-1' })
    return z.NEVER
  })

/** Finer than milliseconds is refused, not rounded: readers could round differently. */
const RFC3339_MS = z.iso.datetime({ offset: true }).regex(/:\d\d(?:\.\d{1,3})?(?:Z|[+-])/)

const time = z
  .union([z.string(), z.int().min(0)], 'must be an RFC 3339 time or milliseconds since 1970')
  .transform((given, context) => {
    if (typeof given === 'number') return given
    const ms = RFC3339_MS.safeParse(given).success ? Date.parse(given) : -1
    if (ms >= 0) return ms
    context.addIssue({ code: 'custom', message: 'must be an RFC 3339 time from 1970 on, such as 2026-01-31T12:00:00Z' })
    return z.NEVER
  })

function param(spec: ParamSpec) {
  return z.custom<number>((value) => typeof value === 'number' && isInRange(spec, value), `must be ${rangeText(spec)}`)
}

const endpoint = z.string().superRefine((text, context) => {
  const problem = endpointProblem(text, 'dial')
  if (problem !== undefined) context.addIssue({ code: 'custom', message: problem })
})

const validator = z.strictObject({
  /** For people only; not part of the genesis hash. */
  name: z.string().min(1).max(NAME_CHARS_MAX).optional(),
  power: safeInt('voting power', 1),
  blsKey: hexBytes(BLS_KEY_BYTES),
  nodeKey: hexBytes(NODE_KEY_BYTES),
  proofOfPossession: hexBytes(BLS_SIGNATURE_BYTES),
  /** Where to reach it; not part of the genesis hash, so that moving a node does not make another chain. */
  addresses: z.array(endpoint).max(ENDPOINTS_PER_VALIDATOR_MAX),
})

const schema = z.strictObject({
  format: z.literal(GENESIS_FORMAT, `must be ${GENESIS_FORMAT}: another format needs other software`),
  /** For people only; not part of the genesis hash. */
  warning: z.string().optional(),
  /** The keys are public: a network to try things out on. */
  devnet: z.boolean().default(false),
  chainId: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/, 'must be lower-case letters, digits and inner hyphens')
    .max(CHAIN_ID_CHARS_MAX),
  initialHeight: safeInt('the height of the genesis block', 0).default(0),
  protocolVersion: z.literal(CHAIN_PROTOCOL_VERSION, `must be ${CHAIN_PROTOCOL_VERSION}, all that this software runs`),
  // BIP 173 allows more; 16 keep an address readable and far below its 90 characters.
  addressPrefix: z
    .string()
    .regex(/^[a-z][a-z0-9]{0,15}$/, 'must be 1 to 16 lower-case letters and digits, a letter first'),
  time,
  app: z.strictObject({
    name: z.literal(APP_NAME, `must be ${APP_NAME}, the only application of this software`),
    version: z.literal(APP_VERSION, `must be ${APP_VERSION}, all that this software runs`),
  }),
  params: z
    .strictObject(Object.fromEntries(PARAM_SPECS.map((spec) => [spec.name, param(spec).optional()])))
    .default({}),
  validators: z.array(validator).min(1, 'must not be empty').max(VALIDATORS_MAX),
  accounts: z
    .array(z.strictObject({ address: z.string(), balance: amount }))
    .max(ACCOUNTS_MAX)
    .optional(),
  snapshot: z.strictObject({ stateRoot: hexBytes(32), snapshotHash: hexBytes(32) }).optional(),
  predecessor: z
    .strictObject({ genesisHash: hexBytes(32), height: safeInt('a height', 0), blockId: hexBytes(32) })
    .optional(),
})

export type GenesisFile = z.output<typeof schema>
/** What a generator writes. */
export type GenesisFileText = z.input<typeof schema>

/** Pure. Every fault of shape is reported, in the order of the file's fields. */
export function parseGenesisFile(text: string): ParsedGenesisFile {
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch (error) {
    return { ok: false, errors: [{ path: '', message: `not JSON: ${error instanceof Error ? error.message : ''}` }] }
  }
  const parsed = schema.safeParse(content)
  if (parsed.success) return { ok: true, file: parsed.data }
  return { ok: false, errors: parsed.error.issues.flatMap(errorsOf) }
}

function errorsOf(issue: z.core.$ZodIssue): GenesisError[] {
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({
      path: pathText([...issue.path, key]),
      message: 'is not a field of the genesis file',
    }))
  }
  return [{ path: pathText(issue.path), message: issue.message }]
}

function pathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`
    return text === '' ? String(part) : `${text}.${String(part)}`
  }, '')
}
