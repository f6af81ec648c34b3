// `scoville db verify|repair|stats`: the database of a stopped node, whose lock each of them takes. verify and stats change
// nothing; repair moves a damaged database aside, as a start would, and the next start puts it together again.

import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { ChainAudit } from '../chain-audit.ts'
import type { ChainRules } from '../chain-rules.ts'
import { codeOf, NodeError } from '../fault.ts'
import type { Database } from '../storage/database.ts'
import {
  addLeaf,
  columns,
  done,
  EXIT,
  type Finish,
  failed,
  grouped,
  type Outcome,
  type Terminal,
  textOf,
} from './outcome.ts'

const PROGRESS_MS = 2_000

interface DbOptions {
  readonly json?: boolean
  readonly config?: string
  readonly dataDir?: string
  readonly genesis?: string
}

type Action = (directory: Directory) => Promise<Outcome>

interface Directory {
  readonly dir: string
  readonly rules: ChainRules
  /** What is being read, for people who wait. */
  readonly onProgress: (what: string, entries: number) => void
}

export function addDb(program: Command, finish: Finish, terminal: Terminal): void {
  const group = program.command('db').description("check, mend or measure a stopped node's database")
  const commands: readonly (readonly [string, string, Action])[] = [
    ['verify', 'read and check all of it; exit code 1 when anything is damaged', verify],
    ['repair', 'move a damaged database aside; the next start puts the chain together again', repair],
    ['stats', 'heights, entries and bytes of each table, size on the disk', stats],
  ]
  for (const [name, about, action] of commands) {
    addLeaf(group, name, about, [
      `db ${name} --config node.toml`,
      `db ${name} --data-dir data --genesis genesis.json --json`,
    ])
      .option('--config <file>', 'configuration file of the node')
      .option('--data-dir <path>', 'its data directory')
      .option('--genesis <path>', 'its genesis file')
      .action((options: DbOptions) => finish(options, () => runOn(options, terminal, action)))
  }
}

async function runOn(options: DbOptions, terminal: Terminal, action: Action): Promise<Outcome> {
  const [{ formatConfigErrors, loadConfig }, { loadBls }, { readChainRules }] = await Promise.all([
    import('../config.ts'),
    import('../../crypto/bls-backend.ts'),
    import('../chain-rules.ts'),
  ])
  const { json, ...flags } = options
  const loaded = await loadConfig({ flags, env: terminal.env })
  if (!loaded.ok)
    return failed('config-invalid', `the configuration is not valid:\n${formatConfigErrors(loaded.errors)}`)
  const { blsBackend, dataDir, genesis } = loaded.config
  let text: string
  try {
    text = await readFile(genesis, 'utf8')
  } catch (error) {
    return failed(
      'genesis-missing',
      `the genesis file ${genesis} cannot be read (${textOf(error)}); name it with --genesis`,
    )
  }
  if (!(await isThere(join(dataDir, 'chain')))) {
    return failed('storage-unavailable', `there is no database in ${dataDir}; name the data directory with --data-dir`)
  }
  let saidMs = performance.now()
  const rules = await readChainRules(text, await loadBls(blsBackend))
  return action({
    dir: dataDir,
    rules,
    onProgress(what, entries) {
      if (json === true || performance.now() - saidMs < PROGRESS_MS) return
      saidMs = performance.now()
      terminal.err(`${what}: ${grouped(entries)}`)
    },
  })
}

/** Takes the lock for as long as `use` runs. */
async function withDatabase<T>({ dir, rules }: Directory, use: (database: Database) => Promise<T>): Promise<T> {
  const [{ claimDatabase }, { openDatabase }, { META_KEY }, { lockDataDir }] = await Promise.all([
    import('../storage/chain-check.ts'),
    import('../storage/database.ts'),
    import('../storage/keys.ts'),
    import('../storage/lock.ts'),
  ])
  const lock = await lockDataDir(dir, () => openDatabase(join(dir, 'chain'), 'unchecked'))
  try {
    // Of another chain or format: refused before a single record is called damaged.
    if (lock.holder.get(META_KEY) !== undefined) await claimDatabase(lock.holder, rules.genesis.genesisHash)
    return await use(lock.holder)
  } finally {
    await lock.holder.close()
    await lock.release()
  }
}

async function audit(directory: Directory): Promise<ChainAudit> {
  const [{ auditChain }, { checkTables }] = await Promise.all([
    import('../chain-audit.ts'),
    import('../storage/table-sums.ts'),
  ])
  const { dir, onProgress, rules } = directory
  return withDatabase(directory, async (database) => {
    const found = await auditChain(database, { ...rules, onProgress })
    const table = await checkTables(join(dir, 'chain')).then(
      () => [],
      (error: unknown) => [textOf(error)],
    )
    return { ...found, findings: [...table, ...found.findings], findingCount: table.length + found.findingCount }
  })
}

/** The audit, or what LevelDB says when it does not even open. */
async function findings(directory: Directory): Promise<ChainAudit | string> {
  try {
    return await audit(directory)
  } catch (error) {
    if (error instanceof NodeError && error.code === 'storage-damaged') return error.message
    throw error
  }
}

async function verify(directory: Directory): Promise<Outcome> {
  const found = await findings(directory)
  if (typeof found === 'string') {
    return { ...done(`damaged: ${found}`, { ok: false, findings: [found], findingCount: 1 }), exitCode: EXIT.failed }
  }
  const { findingCount, head } = found
  const isGood = findingCount === 0
  const more = findingCount > found.findings.length ? [`… ${findingCount} findings in all`] : []
  const text = [
    tableOf(found),
    '',
    ...(isGood ? [`good: everything up to height ${head?.height ?? 'none'} is as it was written`] : []),
    ...found.findings.map((finding) => `DAMAGED: ${finding}`),
    ...more,
    ...(isGood
      ? []
      : [`blocks are good up to height ${found.goodTo ?? 'none'}; a start mends it, or \`scoville db repair\``]),
  ].join('\n')
  const json = { ok: isGood, ...summaryOf(found), findings: found.findings, findingCount }
  return isGood ? done(text, json) : { ...done(text, json), exitCode: EXIT.failed }
}

async function repair(directory: Directory): Promise<Outcome> {
  const found = await findings(directory)
  if (typeof found !== 'string' && found.findingCount === 0) {
    return done('nothing is damaged: nothing to repair', { repaired: false, findings: [] })
  }
  const { dir, rules } = directory
  const why = typeof found === 'string' ? [found] : found.findings
  const { quarantineDatabase, sourcePath } = await import('../storage/quarantine.ts')
  const folder = await quarantineDatabase(dir, rules.genesis.genesisHash, why.join('\n'), Date.now())
  const path = sourcePath(dir, folder)
  const text = `${why.join('\n')}\nthe database was moved to ${path}; start the node: it executes the good blocks again and asks peers for the rest`
  return done(text, { repaired: true, findings: why, quarantine: path })
}

async function stats(directory: Directory): Promise<Outcome> {
  const { measureTables } = await import('../chain-audit.ts')
  const measured = await withDatabase(directory, (database) => measureTables(database, directory.rules.limits))
  const diskBytes = await sizeOf(join(directory.dir, 'chain'))
  const logicalBytes = measured.tables.reduce((sum, { bytes }) => sum + bytes, 0)
  const text = [
    tableOf(measured),
    '',
    columns([
      ['logical size', `${grouped(logicalBytes)} bytes`],
      ['on the disk', `${grouped(diskBytes)} bytes, ${(diskBytes / Math.max(1, logicalBytes)).toFixed(2)} times that`],
    ]),
  ].join('\n')
  return done(text, { ...summaryOf(measured), logicalBytes, diskBytes })
}

type Measured = Pick<ChainAudit, 'head' | 'oldest' | 'tables'>

function tableOf({ head, oldest, tables }: Measured): string {
  const size = (entries: number, bytes: number) =>
    `${grouped(entries).padStart(12)} entries ${grouped(bytes).padStart(16)} bytes`
  return columns([
    ['heights', head === undefined ? 'none' : `${grouped(oldest ?? 0)} to ${grouped(head.height)}`],
    ['head', head?.blockId ?? 'none'],
    ...tables.map(({ name, entries, bytes }): [string, string] => [name, size(entries, bytes)]),
  ])
}

function summaryOf({ head, oldest, tables }: Measured) {
  return {
    height: head === undefined ? null : String(head.height),
    blockId: head?.blockId ?? null,
    oldestHeight: oldest === undefined ? null : String(oldest),
    tables,
  }
}

async function isThere(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory()
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw error
  }
}

async function sizeOf(dir: string): Promise<number> {
  const names = await readdir(dir)
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(dir, name))).size))
  return sizes.reduce((sum, size) => sum + size, 0)
}
