// `scoville start`: a node in the foreground, from its configuration to its exit code.
// Owns the process's signals while it runs. First signal: drain and stop; second Ctrl-C: stop at once.

import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { ValidatorKeys } from '../../genesis/keys.ts'
import type { Config } from '../config.ts'
import { adviceOn, codeOf, NodeError } from '../fault.ts'
import type { Log } from '../log.ts'
import type { RunningNode } from '../node.ts'
import { addLeaf, done, EXIT, type Finish, failed, type Outcome, type Terminal, textOf } from './outcome.ts'

/** Everything that is written is written when it happens, so what hangs after this is not worth waiting for. */
const STOP_TIMEOUT_MS = 2_500
/** One Ctrl-C can arrive twice: from the terminal, and from a parent such as npm that passes it on. */
export const SAME_INTERRUPT_MS = 300
/** As a shell reports a program that SIGINT ended. */
const EXIT_INTERRUPTED = 130

const EXAMPLES = [
  'start --config node.toml',
  'start --genesis genesis.json --key-file validator-key.json --data-dir data',
  'start --genesis genesis.json --peers /ip4/192.0.2.7/tcp/4100     # no key: a full node',
]

/** `wanted`: the settings are looked up only for the one command that shows them, since that takes as long as all the rest. */
export async function addStart(program: Command, finish: Finish, terminal: Terminal, wanted: boolean): Promise<void> {
  const command = addLeaf(program, 'start', 'run a node: a validator with a key file, a full node without', EXAMPLES)
  if (wanted) {
    const { settings } = await import('../config.ts')
    command.option('--config <file>', 'configuration file (TOML); flags and environment go before it')
    for (const { flag, description, defaultValue, unit } of settings()) {
      const fallback = defaultValue === undefined || defaultValue === '' ? '' : ` [${defaultValue}]`
      command.option(`${flag} <${unit}>`, `${description}${fallback}`)
    }
    command.option('--no-repair', 'the same as --repair false: leave a damaged database as it is and refuse')
    command.addHelpText(
      'after',
      '\nEach flag is also a variable (--api-port: SCOVILLE_API_PORT) and a key of the file.',
    )
  }
  command.action((options: Record<string, unknown>) => {
    const { json, ...flags } = options
    const isJson = json === true
    return finish({ json: isJson }, () => start({ ...flags, ...(isJson ? { logFormat: 'json' } : {}) }, terminal))
  })
}

async function start(flags: Record<string, unknown>, terminal: Terminal): Promise<Outcome> {
  const { formatConfigErrors, loadConfig } = await import('../config.ts')
  const loaded = await loadConfig({ flags, env: terminal.env })
  if (!loaded.ok)
    return failed('config-invalid', `the configuration is not valid:\n${formatConfigErrors(loaded.errors)}`)
  const { config } = loaded
  const genesis = await readGenesisText(config.genesis)
  if (!genesis.ok) return genesis.outcome
  const keys = await readKeys(config)
  if (!keys.ok) return keys.outcome
  const { createLog } = await import('../log.ts')
  const [{ startAndRestart }, { noteDamage }] = await Promise.all([
    import('../restart.ts'),
    import('../chain-opening.ts'),
  ])
  const onDamage = (what: string) => noteDamage(config.dataDir, what)
  return supervise(createLog(config.logLevel, config.logFormat), onDamage, (log, onFatal) =>
    startAndRestart({ config, genesisText: genesis.text, keys: keys.keys, log, onFatal }).catch((error: unknown) => {
      throw portTaken(error, config) ?? error
    }),
  )
}

type GenesisText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly outcome: Extract<Outcome, { ok: false }> }

async function readGenesisText(path: string): Promise<GenesisText> {
  try {
    return { ok: true, text: await readFile(path, 'utf8') }
  } catch (error) {
    const why = codeOf(error) === 'ENOENT' ? 'does not exist' : `cannot be read: ${textOf(error)}`
    const advice = 'name the file of your chain with --genesis, or make a new chain with `scoville genesis new`'
    return { ok: false, outcome: failed('genesis-missing', `the genesis file ${path} ${why}; ${advice}`) }
  }
}

type Keys =
  | { readonly ok: true; readonly keys: ValidatorKeys | undefined }
  | { readonly ok: false; readonly outcome: Extract<Outcome, { ok: false }> }

async function readKeys(config: Config): Promise<Keys> {
  if (config.keyFile === undefined) return { ok: true, keys: undefined }
  const [{ loadKeyFile }, { loadBls }] = await Promise.all([
    import('../../genesis/keys.ts'),
    import('../../crypto/bls-backend.ts'),
  ])
  const loaded = await loadKeyFile(config.keyFile, await loadBls(config.blsBackend))
  if (loaded.ok) return loaded
  const { kind, message } = loaded.problem
  const advice = kind === 'key-file-missing' ? `; make one with \`scoville keys new --out ${config.keyFile}\`` : ''
  return { ok: false, outcome: failed(kind, message + advice) }
}

/** A sentence for the commonest mistake, in place of the system's. */
function portTaken(error: unknown, config: Config): Error | undefined {
  const text = textOf(error)
  if (codeOf(error) !== 'EADDRINUSE' && !text.includes('EADDRINUSE')) return undefined
  const isApi = codeOf(error) === 'EADDRINUSE' && text.includes(`:${config.apiPort}`)
  const message = isApi
    ? `port ${config.apiPort} on ${config.apiHost} is in use: choose another with --api-port`
    : `the address ${config.listen} is in use: choose another with --listen`
  return Object.assign(new Error(message), { code: 'port-in-use' })
}

/** Runs a node until a signal, the loss of a supervising parent, or a fault. */
async function supervise(
  log: Log,
  onDamage: (what: string) => void,
  startNode: (log: Log, onFatal: (error: unknown) => void) => Promise<RunningNode>,
): Promise<Outcome> {
  const fatal = (what: string) => (error: unknown) => {
    if (error instanceof NodeError) {
      if (error.code === 'storage-damaged') onDamage(error.message)
      log.fatal({ code: error.code }, `${error.message}: the node stops; ${adviceOn(error.code)}`)
    } else log.fatal({ err: error }, `${what}: the node stops`)
    process.exit(EXIT.fatal)
  }
  process.on('uncaughtException', fatal('an exception nobody caught'))
  process.on('unhandledRejection', fatal('a rejection nobody handled'))

  let interruptedMs: number | undefined
  const told = new Promise<string>((resolve) => {
    process.on('SIGINT', () => {
      interruptedMs ??= performance.now()
      if (performance.now() - interruptedMs > SAME_INTERRUPT_MS) process.exit(EXIT_INTERRUPTED)
      resolve('SIGINT')
    })
    process.on('SIGTERM', () => resolve('SIGTERM'))
    // A supervisor that was killed cannot send a signal, but its channel closes.
    if (process.connected) process.once('disconnect', () => resolve('the supervisor is gone'))
  })
  const starting = startNode(log, fatal('a broken invariant or a failed write'))
  const first = await Promise.race([starting, told])
  if (typeof first !== 'string') log.info({ signal: await told }, 'stopping')
  setTimeout(() => {
    log.warn({ afterMs: STOP_TIMEOUT_MS }, 'not everything stopped in time')
    process.exit(EXIT.done)
  }, STOP_TIMEOUT_MS).unref()
  // Told to stop while starting: what is half open is opened first, so that it can be closed in order.
  await (await starting).stop()
  log.info({}, 'stopped')
  process.disconnect?.()
  return done('', { stopped: true })
}
