// node/config.ts: precedence, faults with key and source, and that the printed table tells the truth.

import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  type ConfigSources,
  describeConfig,
  envName,
  flagName,
  formatConfigErrors,
  loadConfig,
  parseConfig,
  settings,
} from '../../node/config.ts'

const NOTHING: ConfigSources = { flags: {}, env: {} }
const file = (text: string) => ({ path: 'node.toml', text })

function accepted(sources: Partial<ConfigSources>) {
  const parsed = parseConfig({ ...NOTHING, ...sources })
  if (!parsed.ok) throw new Error(formatConfigErrors(parsed.errors))
  return parsed.config
}

function refused(sources: Partial<ConfigSources>) {
  const parsed = parseConfig({ ...NOTHING, ...sources })
  return parsed.ok ? [] : parsed.errors.map(({ key, source }) => `${key} from ${source}`)
}

describe('defaults', () => {
  it('are the documented ones', () => {
    expect(accepted({})).toEqual({
      dataDir: './scoville-data',
      genesis: './genesis.json',
      listen: '/ip4/0.0.0.0/tcp/4100',
      advertise: [],
      peers: [],
      pruneKeepBlocks: 0,
      repair: true,
      snapshotIntervalBlocks: 1_000,
      stateSyncGapBlocks: 4_000,
      apiHost: '127.0.0.1',
      apiPort: 4_000,
      apiRequestsPerSecondMax: 200,
      logLevel: 'info',
      logFormat: 'json',
      baseTimeoutMs: 1_000,
      baseTimeoutMsMax: 10_000,
      idleIntervalMs: 1_000,
      blockIntervalMs: 40,
      mempoolCountMax: 50_000,
      mempoolBytesMax: 64 * 1024 * 1024,
      mempoolPerAccountMax: 1_024,
      metrics: true,
    })
  })

  it('leave out what has none, so that a missing key file means a full node', () => {
    expect(Object.keys(accepted({}))).not.toContain('keyFile')
  })
})

describe('precedence', () => {
  const text = file('apiPort = 1\nidleIntervalMs = 2000\nlogLevel = "warn"')
  const env = { SCOVILLE_API_PORT: '2', SCOVILLE_IDLE_INTERVAL_MS: '3000', HOME: '/home/somebody' }
  const flags = { apiPort: '3' }

  it.each([
    ['the file beats a default', { file: text }, { apiPort: 1, idleIntervalMs: 2_000, logLevel: 'warn' }],
    ['the environment beats the file', { file: text, env }, { apiPort: 2, idleIntervalMs: 3_000, logLevel: 'warn' }],
    ['a flag beats both', { file: text, env, flags }, { apiPort: 3, idleIntervalMs: 3_000, logLevel: 'warn' }],
    ['an undefined flag is no flag', { env, flags: { apiPort: undefined } }, { apiPort: 2 }],
  ] as const)('%s', (_, sources, expected) => {
    expect(accepted(sources)).toMatchObject(expected)
  })
})

describe('text from flags and environment gets the type of its key', () => {
  it.each([
    ['a list is split at commas', 'SCOVILLE_PEERS', '/ip4/192.0.2.1/tcp/1, /dns4/a.example/tcp/2', 'peers', 2],
    ['an empty list is empty', 'SCOVILLE_PEERS', '', 'peers', 0],
  ] as const)('%s', (_, name, text, key, count) => {
    expect(accepted({ env: { [name]: text } })[key]).toHaveLength(count)
  })

  it('reads switches and words', () => {
    const env = { SCOVILLE_METRICS: 'false', SCOVILLE_BLS_BACKEND: 'noble' }
    expect(accepted({ env })).toMatchObject({ metrics: false, blsBackend: 'noble' })
  })

  it('takes values that a command-line parser has typed already', () => {
    expect(accepted({ flags: { metrics: false, peers: ['/ip6/::1/tcp/9'] } })).toMatchObject({ metrics: false })
  })
})

describe('faults name the key and where it came from', () => {
  it.each([
    ['a misspelt key in the file', { file: file('apiPrt = 1') }, ['apiPrt from node.toml']],
    ['a misspelt variable', { env: { SCOVILLE_API_PRT: '1' } }, ['SCOVILLE_API_PRT from SCOVILLE_API_PRT']],
    ['a misspelt flag', { flags: { apiPrt: '1' } }, ['apiPrt from --api-prt']],
    ['a key every object has', { file: file('constructor = 1') }, ['constructor from node.toml']],
    ['text where the file needs a number', { file: file('apiPort = "x"') }, ['apiPort from node.toml']],
    ['a fraction', { file: file('apiPort = 1.5') }, ['apiPort from node.toml']],
    ['a number in another spelling', { env: { SCOVILLE_API_PORT: '0x10' } }, ['apiPort from SCOVILLE_API_PORT']],
    ['an empty number', { env: { SCOVILLE_API_PORT: '' } }, ['apiPort from SCOVILLE_API_PORT']],
    ['an empty path', { env: { SCOVILLE_KEY_FILE: '' } }, ['keyFile from SCOVILLE_KEY_FILE']],
    ['a switch that is neither', { env: { SCOVILLE_METRICS: 'yes' } }, ['metrics from SCOVILLE_METRICS']],
    ['one bad item of a list', { flags: { peers: '/ip4/192.0.2.1/tcp/1,nowhere' } }, ['peers[1] from --peers']],
    ['port 0 to dial', { flags: { advertise: '/ip4/192.0.2.1/tcp/0' } }, ['advertise[0] from --advertise']],
    ['TOML that is none', { file: file('a = ') }, ['config from node.toml']],
    ['an overridden fault', { file: file('apiPort = -1'), flags: { apiPort: '1' } }, ['apiPort from node.toml']],
    ['a table in the file', { file: file('[api]\nport = 1') }, ['api from node.toml']],
  ] as const)('%s', (_, sources, expected) => {
    expect(refused(sources)).toEqual(expected)
  })

  it('are reported all at once', () => {
    const sources = {
      file: file('apiPort = -1\nx = 1'),
      env: { SCOVILLE_LOG_LEVEL: 'loud' },
      flags: { listen: 'here' },
    }
    expect(refused(sources)).toHaveLength(4)
  })
})

describe('settings that are fine alone and not together', () => {
  it.each([
    ['the bounds of the base timeout are in order', { baseTimeoutMs: 5_000, baseTimeoutMsMax: 4_000 }, 'baseTimeoutMs'],
    ['a paced view fits its timer (DESIGN 3, Pacemaker)', { blockIntervalMs: 251 }, 'blockIntervalMs'],
    ['pacing is not slower than idling', { blockIntervalMs: 200, idleIntervalMs: 100 }, 'blockIntervalMs'],
    ['one account fits the mempool', { mempoolCountMax: 1_000 }, 'mempoolPerAccountMax'],
  ] as const)('%s', (_, flags, key) => {
    expect(refused({ flags })[0]).toMatch(new RegExp(`^${key} from `))
  })

  it('are accepted at the boundary', () => {
    const flags = { blockIntervalMs: 250, baseTimeoutMs: 1_000, baseTimeoutMsMax: 1_000, mempoolCountMax: 1_024 }
    expect(refused({ flags })).toEqual([])
  })
})

describe('the table', () => {
  it('gives every setting a unit, a meaning and a distinct flag and variable', () => {
    const rows = settings()
    for (const row of rows)
      expect([row.unit, row.description].map((text) => text.length > 2 || text === 'ms')).toEqual([true, true])
    expect(new Set(rows.map((row) => row.flag)).size).toBe(rows.length)
    expect(new Set(rows.map((row) => row.env)).size).toBe(rows.length)
  })

  it('shows defaults which, given as variables, change nothing', () => {
    const env = Object.fromEntries(settings().map((row) => [row.env, row.defaultValue]))
    expect(accepted({ env })).toEqual(accepted({}))
  })

  it.each(settings().filter((row) => / to /.test(row.allowed)))('shows the range that holds for $key', (row) => {
    const [min, max] = row.allowed.split(' to ').map(Number)
    const isOutOfRange = (value: number) =>
      refused({ flags: { [row.key]: value } }).includes(`${row.key} from ${row.flag}`) &&
      parseErrorOf(row.key, value).includes('whole number')
    expect([(min ?? 0) - 1, min ?? 0, max ?? 0, (max ?? 0) + 1].map(isOutOfRange)).toEqual([true, false, false, true])
  })

  it('has a line for every setting', () => {
    const lines = describeConfig().trim().split('\n')
    expect(lines).toHaveLength(2 + settings().length)
    expect(describeConfig()).toContain('| `apiPort` | `--api-port` | `SCOVILLE_API_PORT` | `4000` |')
    expect(new Set(lines.map((line) => line.split('|').length))).toEqual(new Set([9]))
  })

  it('derives names in one way', () => {
    expect([envName('mempoolPerAccountMax'), flagName('mempoolPerAccountMax')]).toEqual([
      'SCOVILLE_MEMPOOL_PER_ACCOUNT_MAX',
      '--mempool-per-account-max',
    ])
  })
})

function parseErrorOf(key: string, value: number): string {
  const parsed = parseConfig({ flags: { [key]: value }, env: {} })
  return parsed.ok ? '' : formatConfigErrors(parsed.errors)
}

describe('the file is found by flag, then by variable', () => {
  it('reads it, and says which of the two named a missing one', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'scoville-config-'))
    try {
      const path = join(directory, 'node.toml')
      await writeFile(path, 'apiPort = 77')
      const byFlag = await loadConfig({ flags: { config: path }, env: { SCOVILLE_CONFIG: '/nowhere' } })
      expect(byFlag.ok && byFlag.config.apiPort).toBe(77)
      const byEnv = await loadConfig({ flags: {}, env: { SCOVILLE_CONFIG: path } })
      expect(byEnv.ok && byEnv.config.apiPort).toBe(77)
      const missing = await loadConfig({ flags: {}, env: { SCOVILLE_CONFIG: join(directory, 'none') } })
      expect(missing.ok ? [] : missing.errors.map((error) => error.source)).toEqual(['SCOVILLE_CONFIG'])
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})
