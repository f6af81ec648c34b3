// `scoville keys`: make and show validator keys. Prints public halves only.

import type { Command } from 'commander'
import type { Bls } from '../../crypto/bls.ts'
import type { ValidatorKeys } from '../../genesis/keys.ts'
import { addLeaf, columns, done, type Finish, failed, type JsonOption, type Outcome } from './outcome.ts'

export const KEY_FILE = 'validator-key.json'

interface NewOptions extends JsonOption {
  readonly out: string
  readonly chainId?: string
}

export function addKeys(program: Command, finish: Finish): void {
  const keys = program.command('keys').description('make and show validator keys')
  addLeaf(keys, 'new', 'make a key file that only its owner can read; an existing one is never overwritten', [
    'keys new',
    'keys new --out keys/mine.json --chain-id my-chain',
  ])
    .option('--out <file>', 'where to write it', KEY_FILE)
    .option('--chain-id <id>', 'also print the entry for the genesis file, with its proof of possession')
    .action((options: NewOptions) => finish(options, () => makeKeys(options.out, options.chainId)))
  addLeaf(keys, 'show <file>', 'check a key file and show its public keys', [
    `keys show ${KEY_FILE}`,
    `keys show ${KEY_FILE} --chain-id my-chain`,
  ])
    .option('--chain-id <id>', 'also print the entry for the genesis file, with its proof of possession')
    .action((file: string, options: Omit<NewOptions, 'out'>) => finish(options, () => showKeys(file, options.chainId)))
}

/** Also what `scoville init` does. */
export async function makeKeys(path: string, chainId: string | undefined): Promise<Outcome> {
  const { generateValidatorKeys, saveKeyFile } = await import('../../genesis/keys.ts')
  const bls = await backend()
  const keys = await generateValidatorKeys(bls)
  const saved = await saveKeyFile(path, keys)
  if (!saved.ok) return failed(saved.problem.kind, saved.problem.message)
  return shown(bls, keys, path, chainId)
}

async function showKeys(path: string, chainId: string | undefined): Promise<Outcome> {
  const { loadKeyFile } = await import('../../genesis/keys.ts')
  const bls = await backend()
  const loaded = await loadKeyFile(path, bls)
  if (!loaded.ok) return failed(loaded.problem.kind, loaded.problem.message)
  return shown(bls, loaded.keys, path, chainId)
}

async function shown(bls: Bls, keys: ValidatorKeys, path: string, chainId: string | undefined): Promise<Outcome> {
  const { provePossession } = await import('../../genesis/keys.ts')
  const nodeKey = hex(keys.nodeKey)
  const blsKey = hex(keys.blsKey)
  const facts = { file: path, id: `0x${keys.id}`, nodeKey, blsKey }
  const text = columns(Object.entries(facts))
  if (chainId === undefined) return done(text, facts)
  const proofOfPossession = hex(await provePossession(bls, keys, chainId))
  const genesisEntry = { power: 1, blsKey, nodeKey, proofOfPossession, addresses: ['/ip4/192.0.2.1/tcp/4100'] }
  const advice = `\n\nFor \`validators\` of the genesis file of ${chainId}, with your own address:\n`
  return done(`${text}${advice}${JSON.stringify(genesisEntry, null, 2)}`, { ...facts, genesisEntry })
}

async function backend(): Promise<Bls> {
  const { loadBls } = await import('../../crypto/bls-backend.ts')
  return loadBls()
}

function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString('hex')}`
}
