// `scoville safety show|export|import|init`: what a stopped validator signed, looked at, taken out, put in, begun. Each takes the
// lock of the data directory. Export ends the directory's right to sign; import only raises; init is for keys that never signed. What they mean is in node/storage/safety-transfer.ts.

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

interface InitOptions extends SafetyOptions {
  readonly neverSigned?: boolean
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
  ]).action((options: SafetyOptions) => finish(options, () => onSite(options, terminal, 'there', show)))
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
  add('init', 'begin the record of a key that never signed anything anywhere; refused beside a chain or a record', [
    'safety init --never-signed --config node.toml',
  ])
    .option('--never-signed', 'you know that this key never signed: with it elsewhere too, it would sign twice')
    .action((options: InitOptions) => finish(options, () => begin(options, terminal)))
}

type Settings = { readonly dir: string; readonly keyFile: string | undefined; readonly rules: ChainRules }

async function settingsOf(options: SafetyOptions, terminal: Terminal): Promise<Settings | Outcome> {
  const [{ formatConfigErrors, loadConfig }, { loadBls }, { readChainRules }] = await Promise.all([
    import('../config.ts'),
    import('../../crypto/bls-backend.ts'),
    import('../chain-rules.ts'),
  ])
  const { config, dataDir: data, genesis: genesisPath, keyFile: keyPath } = options
  const flags = { config, dataDir: data, genesis: genesisPath, keyFile: keyPath }
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
    { HEAD_KEY, REPAIR_KEY, SAFETY_MIRROR_KEY, UNCOMMITTED_RANGE },
    { lockDataDir },
    { slotFilesIn },
    { adoptRestored },
    { CHAIN_DIR, completeQuarantine },
    { decodeHead },
  ] = await Promise.all([
    import('../storage/chain-check.ts'),
    import('../storage/database.ts'),
    import('../storage/keys.ts'),
    import('../storage/lock.ts'),
    import('../storage/slot-files.ts'),
    import('../storage/restore-store.ts'),
    import('../storage/quarantine.ts'),
    import('../storage/block-record.ts'),
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
    const headBytes = database.get(HEAD_KEY)
    const head = headBytes && decodeHead(headBytes, rules.limits)
    const tail = await database.entries(UNCOMMITTED_RANGE, 1)
    // As the chain store has it: genesis alone is an empty chain, and a database that replaced another is not.
    const hasBegun = head !== undefined && (!head.ok || head.value.certificate !== undefined)
    const isEmpty = !hasBegun && tail.length === 0 && database.get(REPAIR_KEY) === undefined
    const mirror = {
      read: () => database.get(SAFETY_MIRROR_KEY),
      write: (bytes: Uint8Array, sync: boolean) =>
        database.write([{ type: 'put', key: SAFETY_MIRROR_KEY, value: bytes }], sync),
      isChainEmpty: () => isEmpty,
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
  use: (place: SafetyPlace, dir: string) => Promise<Outcome>,
): Promise<Outcome> {
  return onSite(options, terminal, needs, async (site, { dir, keyFile, rules }) => {
    if (keyFile === undefined)
      return failed('key-file-missing', 'whose record it is says the key: name it with --key-file')
    const { loadKeyFile } = await import('../../genesis/keys.ts')
    const loaded = await loadKeyFile(keyFile)
    if (!loaded.ok) return failed(loaded.problem.kind, loaded.problem.message)
    const { id, nodeKey }: ValidatorKeys = loaded.keys
    const index = rules.validators.indexOfNodeKey(nodeKey)
    if (index === undefined)
      return failed('key-not-in-genesis', `the key of ${id} is none of the genesis file's validators`)
    return use({ ...site, validator: { index, id, nodeKey } }, dir)
  })
}

async function show({ files, genesisHash, limits, mirror }: Site, { dir, keyFile }: Settings): Promise<Outcome> {
  const { adviceOnRefusal, examineSafety, UNINITIALIZED } = await import('../storage/safety-store.ts')
  const proved = await examineSafety(files, genesisHash, mirror, limits)
  const isFirst = proved.kind === 'new' && (await isDeclared(dir, keyFile))
  if (isFirst) return done('nothing was signed with this directory', { state: 'new' })
  const examined = proved.kind === 'new' ? UNINITIALIZED : proved
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

/** Writes what the next start makes the record from, for a key of which nothing is known and a chain that has not begun. */
async function begin(options: InitOptions, terminal: Terminal): Promise<Outcome> {
  if (options.neverSigned !== true)
    return failed(
      'never-signed-missing',
      'only a key that never signed anything anywhere may begin: say so with --never-signed',
    )
  return onPlace(options, terminal, 'any', async (place, dir) => {
    const [{ adviceOnRefusal, examineSafety }, { declareNeverSigned }] = await Promise.all([
      import('../storage/safety-store.ts'),
      import('../storage/never-signed.ts'),
    ])
    const { files, genesisHash, limits, mirror, validator } = place
    const examined = await examineSafety(files, genesisHash, mirror, limits)
    if (examined.kind === 'good')
      return failed('safety-there', 'this directory has a record already: nothing is to be begun')
    if (examined.kind === 'refuse')
      return failed(examined.code, `${examined.reason}; ${adviceOnRefusal(examined.code)}`)
    await declareNeverSigned(dir, validator.nodeKey)
    return done('the next start begins the record of this key: never do this for it anywhere else', {
      validator: validator.index,
    })
  })
}

async function isDeclared(dir: string, keyFile: string | undefined): Promise<boolean> {
  if (keyFile === undefined) return false
  const [{ loadKeyFile }, { isDeclaredNeverSigned }] = await Promise.all([
    import('../../genesis/keys.ts'),
    import('../storage/never-signed.ts'),
  ])
  const loaded = await loadKeyFile(keyFile)
  return loaded.ok && isDeclaredNeverSigned(dir, loaded.keys.nodeKey)
}
