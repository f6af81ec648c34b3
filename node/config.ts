// What one node's operator may choose: one schema for the file (TOML), the environment and the flags.
// Precedence: flags, then environment, then file, then defaults. Every fault is reported, with its key and its source.
// Never holds what all nodes of a chain must agree on: that is in the genesis file (genesis/params.ts).

import { readFile } from 'node:fs/promises'
import { parse as parseToml } from 'smol-toml'
import * as z from 'zod'
import { endpointProblem } from '../genesis/endpoint.ts'

const KIB = 1024
const MIB = 1024 * KIB
export const ENV_PREFIX = 'SCOVILLE_'
/** The configuration file's own path cannot stand in it. */
export const CONFIG_PATH_FLAG = 'config'
export const CONFIG_PATH_ENV = `${ENV_PREFIX}CONFIG`

function endpoint(use: 'dial' | 'listen') {
  return z.string().superRefine((text, context) => {
    const problem = endpointProblem(text, use)
    if (problem !== undefined) context.addIssue({ code: 'custom', message: `${text}: ${problem}` })
  })
}

function nonEmpty() {
  return z.string().min(1, 'must not be empty')
}

function int(unit: string, min: number, max: number, defaultValue: number, about: string) {
  const message = `must be a whole number from ${min} to ${max} (${unit})`
  return z.int(message).min(min, message).max(max, message).default(defaultValue).meta({ unit, description: about })
}

/** What a start reads in full, and more than any node needs for its own sake. */
const PRUNE_KEEP_BLOCKS_MIN = 128
const PRUNE_MESSAGE = `must be 0 (keep all) or a whole number from ${PRUNE_KEEP_BLOCKS_MIN} to 1000000000 (blocks)`

const schema = z.strictObject({
  dataDir: nonEmpty()
    .default('./scoville-data')
    .meta({ unit: 'path', description: 'Directory of the database and the safety file. One process at a time.' }),
  genesis: nonEmpty()
    .default('./genesis.json')
    .meta({ unit: 'path', description: 'The genesis file, the same on every node.' }),
  keyFile: nonEmpty()
    .exactOptional()
    .meta({ unit: 'path', description: 'The validator key file. Without one the node is a full node.' }),
  listen: endpoint('listen')
    .default('/ip4/0.0.0.0/tcp/4100')
    .meta({ unit: 'multiaddr', description: 'Where other nodes reach this one; port 0 is any free port.' }),
  advertise: z
    .array(endpoint('dial'))
    .max(16)
    .default([])
    .meta({ unit: 'multiaddrs', description: 'Addresses to announce instead of the listening one (behind NAT).' }),
  peers: z
    .array(endpoint('dial'))
    .max(256)
    .default([])
    .meta({ unit: 'multiaddrs', description: "Nodes to connect to beside the genesis file's validators." }),
  apiHost: nonEmpty().default('127.0.0.1').meta({
    unit: 'host',
    description: 'Address the API listens on; the default is reachable from this machine only.',
  }),
  apiPort: int('port', 0, 65_535, 4_000, 'Port of the API and explorer; 0 is any free port.'),
  apiRequestsPerSecondMax: int('requests/s', 0, 1_000_000, 200, 'Requests of one client address; 0 lifts the limit.'),
  logLevel: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .meta({ unit: 'level', description: 'Least severe level written to the log.' }),
  logFormat: z.enum(['json', 'pretty']).default('json').meta({ unit: 'format', description: 'pretty is for people.' }),
  traceFile: nonEmpty().exactOptional().meta({
    unit: 'path',
    description: 'Where every step of the consensus core is recorded, for `npm run conformance`. One file per node.',
  }),
  blsBackend: z
    .enum(['blst', 'noble'])
    .exactOptional()
    .meta({ unit: 'backend', description: 'BLS library. Unset: blst where its native module loads, otherwise noble.' }),
  baseTimeoutMs: int('ms', 50, 60_000, 1_000, 'Lower bound of the base view timeout, and its value at start.'),
  baseTimeoutMsMax: int(
    'ms',
    50,
    60_000,
    10_000,
    'Upper bound of the base view timeout, which follows measured views.',
  ),
  idleIntervalMs: int('ms', 10, 60_000, 1_000, 'How long a leader without work waits before an empty block.'),
  blockIntervalMs: int('ms', 0, 10_000, 40, 'Least time between a block of this node and its parent (pacing).'),
  stateSyncGapBlocks: int(
    'blocks',
    0,
    1_000_000_000,
    4_000,
    'Behind by more than this, a node fetches a snapshot instead of the blocks; 0: never (for an archive).',
  ),
  snapshotIntervalBlocks: int(
    'blocks',
    0,
    1_000_000_000,
    1_000,
    'Between two snapshots of the state held for peers; 0: none are.',
  ),
  mempoolCountMax: int('transactions', 1, 10_000_000, 50_000, 'Transactions held in the mempool.'),
  mempoolBytesMax: int('bytes', 64 * KIB, 16 * KIB * MIB, 64 * MIB, 'Sum of the encoded transactions in the mempool.'),
  mempoolPerAccountMax: int('transactions', 1, 1_000_000, 1_024, 'Transactions of one account in the mempool.'),
  pruneKeepBlocks: z
    .int(PRUNE_MESSAGE)
    .min(0, PRUNE_MESSAGE)
    .max(1_000_000_000, PRUNE_MESSAGE)
    .refine((blocks) => blocks === 0 || blocks >= PRUNE_KEEP_BLOCKS_MIN, PRUNE_MESSAGE)
    .default(0)
    .meta({
      unit: 'blocks',
      description:
        'Blocks kept with their receipts and transaction index; older ones are deleted. 0 keeps all (archive).',
    }),
  repair: z.boolean().default(true).meta({
    unit: 'switch',
    description:
      'Whether a damaged database is moved aside and put together again from its good blocks and from peers.',
  }),
  metrics: z
    .boolean()
    .default(true)
    .meta({ unit: 'switch', description: 'Whether the API serves Prometheus metrics.' }),
})

export type Config = Readonly<z.output<typeof schema>>
export type ConfigKey = keyof Config

/** A fault in the configuration. `source` is what the operator has to edit: a flag, a variable or the file's path. */
export interface ConfigError {
  readonly key: string
  readonly source: string
  readonly message: string
}

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config }
  | { readonly ok: false; readonly errors: readonly ConfigError[] }

export interface ConfigSources {
  /** By camel-case key, as a command-line parser gives them; undefined values count as absent. */
  readonly flags: Readonly<Record<string, unknown>>
  /** Variables without the SCOVILLE_ prefix are not looked at; with it, an unknown one is an error (a misspelt limit). */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly file?: { readonly path: string; readonly text: string }
}

/** One row of what can be configured: for the command line's help and the operator's manual. */
export interface Setting {
  readonly key: ConfigKey
  readonly flag: string
  readonly env: string
  /** As it would be written in an environment variable; undefined when the setting is absent by default. */
  readonly defaultValue: string | undefined
  readonly unit: string
  /** Inclusive range, or the allowed words. */
  readonly allowed: string
  readonly description: string
}

const KEYS = Object.keys(schema.shape) as ConfigKey[]

export function envName(key: string): string {
  return ENV_PREFIX + key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
}

export function flagName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}

/** Pure: reads neither disk nor process. Values are taken by precedence, but a faulty one is reported even if overridden. */
export function parseConfig(sources: ConfigSources): ParsedConfig {
  const errors: ConfigError[] = []
  const chosen: Record<string, unknown> = {}
  const sourceOf = new Map<string, string>()
  const take = (key: string, source: string, given: unknown): void => {
    if (!isKey(key)) {
      errors.push({ key, source, message: 'is not a setting' })
      return
    }
    const parsed = schema.shape[key].safeParse(typeof given === 'string' ? fromText(key, given) : given)
    if (!parsed.success) {
      for (const issue of parsed.error.issues) {
        errors.push({
          key: key + issue.path.map((part) => `[${String(part)}]`).join(''),
          source,
          message: issue.message,
        })
      }
      return
    }
    chosen[key] = parsed.data
    sourceOf.set(key, source)
  }

  if (sources.file !== undefined) takeFile(sources.file, take, errors)
  for (const [name, value] of Object.entries(sources.env).sort()) {
    if (value === undefined || !name.startsWith(ENV_PREFIX) || name === CONFIG_PATH_ENV) continue
    take(KEYS.find((key) => envName(key) === name) ?? name, name, value)
  }
  for (const [key, value] of Object.entries(sources.flags)) {
    if (value !== undefined && key !== CONFIG_PATH_FLAG) take(key, flagName(key), value)
  }

  if (errors.length > 0) return { ok: false, errors }
  const config = schema.parse(chosen)
  const conflicts = conflictsIn(config, (key) => sourceOf.get(key) ?? 'default')
  return conflicts.length > 0 ? { ok: false, errors: conflicts } : { ok: true, config }
}

/** Reads the file named by `--config` or SCOVILLE_CONFIG, if any, and parses everything. */
export async function loadConfig(sources: Omit<ConfigSources, 'file'>): Promise<ParsedConfig> {
  const flag = sources.flags[CONFIG_PATH_FLAG]
  const filePath = typeof flag === 'string' ? flag : sources.env[CONFIG_PATH_ENV]
  if (filePath === undefined) return parseConfig(sources)
  try {
    return parseConfig({ ...sources, file: { path: filePath, text: await readFile(filePath, 'utf8') } })
  } catch (error) {
    const source = typeof flag === 'string' ? flagName(CONFIG_PATH_FLAG) : CONFIG_PATH_ENV
    const message = `${filePath} cannot be read: ${error instanceof Error ? error.message : String(error)}`
    return { ok: false, errors: [{ key: CONFIG_PATH_FLAG, source, message }] }
  }
}

export function formatConfigErrors(errors: readonly ConfigError[]): string {
  return errors.map(({ key, source, message }) => `${key} (${source}): ${message}`).join('\n')
}

export function settings(): Setting[] {
  const properties = z.toJSONSchema(schema, { io: 'input' }).properties ?? {}
  return KEYS.map((key) => {
    const property = properties[key]
    const { unit, description } = schema.shape[key].meta() ?? {}
    const fallback = typeof property === 'object' ? property.default : undefined
    return {
      key,
      flag: flagName(key),
      env: envName(key),
      defaultValue: fallback === undefined ? undefined : String(fallback),
      unit: String(unit),
      allowed: typeof property === 'object' ? allowedText(property) : '',
      description: description ?? '',
    }
  })
}

/** The operator's manual as a Markdown table. */
export function describeConfig(): string {
  const rows = settings().map((row) => {
    const fallback =
      row.defaultValue === undefined ? 'unset' : row.defaultValue === '' ? 'none' : `\`${row.defaultValue}\``
    return `| \`${row.key}\` | \`${row.flag}\` | \`${row.env}\` | ${fallback} | ${row.unit} | ${row.allowed} | ${row.description} |`
  })
  return [
    '| Key | Flag | Environment | Default | Unit | Allowed | Meaning |',
    '|---|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

function takeFile(
  file: { readonly path: string; readonly text: string },
  take: (key: string, source: string, given: unknown) => void,
  errors: ConfigError[],
): void {
  let table: Record<string, unknown>
  try {
    table = parseToml(file.text)
  } catch (error) {
    const message = error instanceof Error ? error.message.trim() : String(error)
    errors.push({ key: CONFIG_PATH_FLAG, source: file.path, message })
    return
  }
  for (const [key, value] of Object.entries(table)) take(key, file.path, value)
}

function isKey(key: string): key is ConfigKey {
  return Object.hasOwn(schema.shape, key)
}

/** Environment variables and most flags are text: give it the type the key wants; what does not fit is left to the schema. */
function fromText(key: ConfigKey, text: string): unknown {
  const type = kindOf(schema.shape[key])
  if (type === 'array') return text === '' ? [] : text.split(',').map((part) => part.trim())
  if (type === 'boolean') return text === 'true' ? true : text === 'false' ? false : text
  if (type === 'int' || type === 'number') return /^(?:0|[1-9]\d*)$/.test(text) ? Number(text) : text
  return text
}

function kindOf(type: z.core.$ZodType): string {
  const inner = type instanceof z.ZodDefault || type instanceof z.ZodExactOptional ? type.def.innerType : type
  return inner._zod.def.type
}

function allowedText(property: z.core.JSONSchema.BaseSchema): string {
  if (property.enum !== undefined) return property.enum.map((word) => `\`${String(word)}\``).join(', ')
  if (property.minimum !== undefined) return `${property.minimum} to ${property.maximum}`
  if (property.maxItems !== undefined) return `at most ${property.maxItems}`
  if (property.type === 'boolean') return '`true`, `false`'
  return ''
}

/** Settings that are fine alone and not together. */
function conflictsIn(config: Config, sourceOf: (key: ConfigKey) => string): ConfigError[] {
  const conflicts: ConfigError[] = []
  const atMost = (low: ConfigKey, high: ConfigKey, factor = 1): void => {
    if (Number(config[low]) * factor <= Number(config[high])) return
    const product = factor === 1 ? low : `${factor} times ${low}`
    const message = `${product} (${config[low]}, ${sourceOf(low)}) must not be above ${high} (${config[high]}, ${sourceOf(high)})`
    conflicts.push({ key: low, source: sourceOf(low), message })
  }
  atMost('baseTimeoutMs', 'baseTimeoutMsMax')
  // A paced view must fit its timer: base is at least 4 times the view time (DESIGN.md section 3, Pacemaker).
  atMost('blockIntervalMs', 'baseTimeoutMs', 4)
  atMost('blockIntervalMs', 'idleIntervalMs')
  atMost('mempoolPerAccountMax', 'mempoolCountMax')
  return conflicts
}
