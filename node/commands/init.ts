// `scoville init`: a directory that `scoville start` can run from. Overwrites nothing.

import { constants, copyFile, mkdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { codeOf } from '../fault.ts'
import { KEY_FILE, makeKeys } from './keys.ts'
import { addLeaf, done, type Finish, failed, type JsonOption, type Outcome } from './outcome.ts'

interface InitOptions extends JsonOption {
  readonly genesis?: string
  readonly full?: boolean
  readonly chainId?: string
}

const CONFIG_FILE = 'scoville.toml'
const GENESIS_FILE = 'genesis.json'
const DATA_DIR = 'data'

export function addInit(program: Command, finish: Finish): void {
  addLeaf(program, 'init <directory>', 'make a directory for a node: configuration, key file, genesis file', [
    'init my-node --genesis genesis.json',
    'init my-node --chain-id my-chain      # prints the entry for a genesis file that is being made',
    'init my-node --full --genesis genesis.json',
  ])
    .option('--genesis <file>', 'genesis file to copy; without it, put one there later')
    .option('--full', 'a full node, which has no key')
    .option('--chain-id <id>', 'also print the entry for the genesis file, with its proof of possession')
    .action((directory: string, options: InitOptions) => finish(options, () => init(resolve(directory), options)))
}

async function init(directory: string, options: InitOptions): Promise<Outcome> {
  const isFull = options.full === true
  const configPath = join(directory, CONFIG_FILE)
  const genesisPath = join(directory, GENESIS_FILE)
  await mkdir(directory, { recursive: true })
  try {
    await writeFile(configPath, configText(directory, isFull), { flag: 'wx' })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    return failed('directory-taken', `${configPath} exists already: name another directory`)
  }
  if (options.genesis !== undefined) {
    try {
      await copyFile(options.genesis, genesisPath, constants.COPYFILE_EXCL)
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return failed('genesis-exists', `${genesisPath} exists already and is kept`)
      return failed('genesis-missing', `the genesis file ${options.genesis} cannot be copied (${codeOf(error)})`)
    }
  }
  const made = isFull ? undefined : await makeKeys(join(directory, KEY_FILE), options.chainId)
  if (made?.ok === false) return made
  if (made !== undefined) await declareOf(join(directory, KEY_FILE), join(directory, DATA_DIR))
  const next = `Next: scoville start --config ${configPath}`
  const missing = options.genesis === undefined ? `Put the genesis file at ${genesisPath}.\n` : ''
  const text = `${made === undefined ? '' : `${made.text}\n\n`}${missing}${next}`
  return done(text, {
    directory,
    config: configPath,
    genesis: genesisPath,
    ...(made === undefined ? {} : { keys: made.json }),
  })
}

/** The key is a moment old: it signed nothing, and the first start may begin its record (docs/adr/0009). */
async function declareOf(keyFile: string, dataDir: string): Promise<void> {
  const [{ loadKeyFile }, { declareNeverSigned }] = await Promise.all([
    import('../../genesis/keys.ts'),
    import('../storage/never-signed.ts'),
  ])
  const loaded = await loadKeyFile(keyFile)
  if (!loaded.ok) throw new Error(loaded.problem.message)
  await declareNeverSigned(dataDir, loaded.keys.nodeKey)
}

/** Absolute paths, so that the node runs from anywhere. */
function configText(directory: string, isFull: boolean): string {
  const path = (name: string): string => JSON.stringify(join(directory, name))
  return [
    '# Configuration of a Scoville node; `scoville config` lists every setting.',
    `dataDir = ${path(DATA_DIR)}`,
    `genesis = ${path(GENESIS_FILE)}`,
    isFull ? '# No keyFile: a full node.' : `keyFile = ${path(KEY_FILE)}`,
    'listen = "/ip4/0.0.0.0/tcp/4100"',
    'apiHost = "127.0.0.1"',
    'apiPort = 4000',
    '',
  ].join('\n')
}
