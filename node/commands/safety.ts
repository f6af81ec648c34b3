// `scoville safety show|export|import`: what a stopped validator signed, looked at, taken out, put in. Each takes the lock of the
// data directory. Export ends the directory's right to sign; import only raises. What they mean is in node/storage/safety-transfer.ts.

import { open, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Command } from 'commander'
import type { SafetyState } from '../../consensus/types.ts'
import type { ValidatorKeys } from '../../genesis/keys.ts'
import type { ChainRules } from '../chain-rules.ts'
import type { SafetyPlace } from '../storage/safety-transfer.ts'
import { addLeaf, columns, done, EXIT, type Finish, failed, type Outcome, type Terminal, textOf } from './outcome.ts'

interface SafetyOptions {
  readonly json?: boolean
  readonly config?: string
  readonly dataDir?: string
  readonly genesis?: string
  readonly keyFile?: string
}

/** Whether the directory has to be one that a node ran with. */
type Needs = 'there' | 'any'

type Site = Omit<SafetyPlace, 'validator'>

export function addSafety(program: Command, finish: Finish, terminal: Terminal): void {
  const group = program.command('safety').description("a stopped validator's record of what it signed: look, move")
  const add = (usage: string, about: string, examples: readonly string[]) =>
    addLeaf(group, usage, about, examples)
      .option('--config <file>', 'configuration file of the node')
      .option('--data-dir <path>', 'its data directory')
      .option('--genesis <path>', 'its genesis file')
      .option('--key-file <path>', 'its validator key file')
  add('show', 'what the directory proves, and whether a node would sign with it; exit code 1 when not', [
    'safety show --config node.toml',
  ]).action((options: SafetyOptions) => finish(options, () => onSite(options, terminal, 'there', (site) => show(site))))
  add('export <file>', 'hand the record over: this directory signs nothing any more', [
    'safety export record.json --config node.toml',
  ]).action((file: string, options: SafetyOptions) =>
    finish(options, () => onPlace(options, terminal, 'there', (place) => handOver(place, file))),
  )
  add('import <file>', 'raise the record to that of an export of the same validator', [
    'safety import record.json --config node.toml',
  ]).action((file: string, options: SafetyOptions) =>
    finish(options, () => onPlace(options, terminal, 'any', (place) => take(place, file))),
  )
}

type Settings = { readonly dir: string; readonly keyFile: string | undefined; readonly rules: ChainRules }

async function settingsOf(options: SafetyOptions, terminal: Terminal): Promise<Settings | Outcome> {
  const [{ formatConfigErrors, loadConfig }, { loadBls }, { readChainRules }] = await Promise.all([
    import('../config.ts'),
    import('../../crypto/bls-backend.ts'),
    import('../chain-rules.ts'),
  ])
  const { json: _json, ...flags } = options
  const loaded = await loadConfig({ flags, env: terminal.env })
  if (!loaded.ok)
    return failed('config-invalid', `the configuration is not valid:\n${formatConfigErrors(loaded.errors)}`)
  const { blsBackend, dataDir, genesis, keyFile } = loaded.config
  try {
    const rules = await readChainRules(await readFile(genesis, 'utf8'), await loadBls(blsBackend))
    return { dir: dataDir, keyFile, rules }
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error
    return failed(
      'genesis-missing',
      `the genesis file ${genesis} cannot be read (${textOf(error)}); name it with --genesis`,
    )
  }
}

async function onSite(
  options: SafetyOptions,
  terminal: Terminal,
  needs: Needs,
  use: (site: Site, settings: Settings) => Promise<Outcome>,
): Promise<Outcome> {
  const settings = await settingsOf(options, terminal)
  if ('ok' in settings) return settings
  const [
    { claimDatabase },
    { openDatabase },
    { HEAD_KEY, SAFETY_MIRROR_KEY },
    { lockDataDir },
    { slotFilesIn },
    { adoptRestored },
    { CHAIN_DIR, completeQuarantine },
  ] = await Promise.all([
    import('../storage/chain-check.ts'),
    import('../storage/database.ts'),
    import('../storage/keys.ts'),
    import('../storage/lock.ts'),
    import('../storage/slot-files.ts'),
    import('../storage/restore-store.ts'),
    import('../storage/quarantine.ts'),
  ])
  const { dir, rules } = settings
  const { genesisHash } = rules.genesis
  if (needs === 'there' && (await stat(join(dir, CHAIN_DIR)).catch(() => undefined)) === undefined) {
    return failed('storage-unavailable', `there is no database in ${dir}; name the data directory with --data-dir`)
  }
  // As a start does, so that what is read and written here is what the next start finds.
  await adoptRestored(dir)
  await completeQuarantine(dir)
  const lock = await lockDataDir(dir, () => openDatabase(join(dir, CHAIN_DIR)))
  const files = slotFilesIn(dir)
  try {
    const database = lock.holder
    await claimDatabase(database, genesisHash)
    const mirror = {
      read: () => database.get(SAFETY_MIRROR_KEY),
      write: (bytes: Uint8Array, sync: boolean) =>
        database.write([{ type: 'put', key: SAFETY_MIRROR_KEY, value: bytes }], sync),
      isChainEmpty: () => database.get(HEAD_KEY) === undefined,
    }
    return await use({ files, mirror, genesisHash, limits: rules.limits }, settings)
  } finally {
    await files.close()
    await lock.holder.close()
    await lock.release()
  }
}

function onPlace(
  options: SafetyOptions,
  terminal: Terminal,
  needs: Needs,
  use: (place: SafetyPlace) => Promise<Outcome>,
): Promise<Outcome> {
  return onSite(options, terminal, needs, async (site, { keyFile, rules }) => {
    if (keyFile === undefined)
      return failed('key-file-missing', 'whose record it is says the key: name it with --key-file')
    const { loadKeyFile } = await import('../../genesis/keys.ts')
    const loaded = await loadKeyFile(keyFile)
    if (!loaded.ok) return failed(loaded.problem.kind, loaded.problem.message)
    const { id, nodeKey }: ValidatorKeys = loaded.keys
    const index = rules.validators.indexOfNodeKey(nodeKey)
    if (index === undefined)
      return failed('key-not-in-genesis', `the key of ${id} is none of the genesis file's validators`)
    return use({ ...site, validator: { index, id, nodeKey } })
  })
}

async function show({ files, genesisHash, limits, mirror }: Site): Promise<Outcome> {
  const { adviceOnRefusal, examineSafety } = await import('../storage/safety-store.ts')
  const examined = await examineSafety(files, genesisHash, mirror, limits)
  if (examined.kind === 'new') return done('nothing was signed with this directory', { state: 'new' })
  if (examined.kind === 'refuse') {
    const { code, reason } = examined
    const next = adviceOnRefusal(code)
    const text = columns([
      ['signs', `nothing (${code})`],
      ['because', reason],
      ['what to do', next],
    ])
    return { ...done(text, { state: 'refused', code, reason, next }), exitCode: EXIT.failed }
  }
  const { slot, safety } = examined
  const numbers: Record<string, string> = safety === undefined ? {} : numbersOf(safety)
  const text = columns([['generation', `${slot.generation}`], ...Object.entries(numbers)])
  return done(text, { state: 'good', generation: `${slot.generation}`, ...numbers })
}

function numbersOf({ epoch, highestTimeoutView, highQC, lastVotedView, lockedView }: SafetyState) {
  return {
    epoch: `${epoch}`,
    lastVotedView: `${lastVotedView}`,
    highestTimeoutView: `${highestTimeoutView}`,
    lockedView: `${lockedView}`,
    highQcView: `${highQC.view}`,
  }
}

async function handOver(place: SafetyPlace, file: string): Promise<Outcome> {
  const { exportSafety } = await import('../storage/safety-transfer.ts')
  // First, so that nothing is marked when the document could not be kept; the file appears with the answer in it or not at all.
  const handle = await open(file, 'wx', 0o600)
  let isWritten = false
  try {
    const exported = await exportSafety(place)
    if ('kind' in exported) return failed(exported.code, exported.message)
    await handle.writeFile(exported.text)
    await handle.sync()
    isWritten = true
  } finally {
    await handle.close()
    if (!isWritten) await rm(file, { force: true })
  }
  const directory = await open(dirname(file), 'r')
  await directory.sync().finally(() => directory.close())
  return done(`wrote ${file}; this directory signs nothing any more: import the file where the validator goes on`, {
    file,
    validator: place.validator.index,
  })
}

async function take(place: SafetyPlace, file: string): Promise<Outcome> {
  const { EXPORT_BYTES_MAX, importSafety } = await import('../storage/safety-transfer.ts')
  if ((await stat(file)).size > EXPORT_BYTES_MAX)
    return failed('safety-export-invalid', `${file} is larger than any export (${EXPORT_BYTES_MAX} bytes)`)
  const imported = await importSafety(place, await readFile(file, 'utf8'))
  if ('kind' in imported) return failed(imported.code, imported.message)
  const numbers = numbersOf(imported)
  const text = columns(Object.entries(numbers))
  return done(`${text}\nthe record is in place; never import ${file} anywhere else`, numbers)
}
