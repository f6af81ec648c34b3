// `scoville genesis`: make the genesis file of a new chain with its validators' keys, and check one.

import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { NetworkRequest } from '../../genesis/devnet.ts'
import type { Genesis } from '../../genesis/genesis.ts'
import { codeOf } from '../fault.ts'
import { addLeaf, columns, done, type Finish, failed, grouped, type JsonOption, type Outcome } from './outcome.ts'

interface NewOptions extends JsonOption {
  readonly validators: string
  readonly out: string
  readonly chainId: string
  readonly prefix: string
  readonly address: readonly string[]
  readonly account: readonly string[]
  readonly devnet?: boolean
}

type Account = NetworkRequest['accounts'][number]

const PREFIX = 'scov'
const P2P_PORT = 4_100

export function addGenesis(program: Command, finish: Finish): void {
  const genesis = program.command('genesis').description('make and check genesis files')
  const collect = (value: string, earlier: readonly string[]): string[] => [...earlier, value]
  addLeaf(genesis, 'new', 'make a genesis file and the key files of its validators', [
    'genesis new --chain-id my-chain --account scov1…=1000000',
    'genesis new --validators 2 --chain-id my-chain --address /ip4/192.0.2.1/tcp/4100 --address /ip4/192.0.2.2/tcp/4100',
    'genesis new --devnet --chain-id try-1 --out try',
  ])
    .option('-n, --validators <count>', 'validators of equal power, 1 to 100', '4')
    .requiredOption('--chain-id <id>', 'lower-case letters, digits and inner hyphens')
    .option('--out <directory>', 'gets genesis.json and keys/validator-<i>.json', 'network')
    .option('--prefix <prefix>', `of addresses; with --devnet always that of a devnet`, PREFIX)
    .option(
      '--address <multiaddr>',
      'of validator 0, 1, …, repeated; default: ports 4100, 4101, … of 127.0.0.1',
      collect,
      [],
    )
    .option('--account <address=amount>', 'an account and its base units, repeated', collect, [])
    .option('--devnet', 'keys that everybody can have, the same each time, and ten funded test accounts')
    .addHelpText(
      'after',
      '\nKeys are made where this runs. Operators who want to keep theirs to themselves use `keys new --chain-id`.',
    )
    .action((options: NewOptions) => finish(options, () => make(options)))
  addLeaf(genesis, 'check <file>', 'check a genesis file and show what chain it begins', [
    'genesis check genesis.json',
  ]).action((file: string, options: JsonOption) => finish(options, () => check(file)))
}

async function make(options: NewOptions): Promise<Outcome> {
  const { GENERATED_VALIDATORS_MAX, DEVNET_ADDRESS_PREFIX, DEVNET_SEED, devnetAccounts, generateNetwork } =
    await import('../../genesis/devnet.ts')
  const count = /^\d{1,3}$/.test(options.validators) ? Number(options.validators) : 0
  if (count < 1 || count > GENERATED_VALIDATORS_MAX) {
    return failed('number-invalid', `--validators ${options.validators} is not from 1 to ${GENERATED_VALIDATORS_MAX}`)
  }
  const isDevnet = options.devnet === true
  const prefix = isDevnet ? DEVNET_ADDRESS_PREFIX : options.prefix
  const accounts = await accountsOf(options.account, prefix)
  if (!accounts.ok) return accounts.outcome
  const bls = await backend()
  const { keys, genesisText } = await generateNetwork(bls, {
    validators: count,
    chainId: options.chainId,
    accounts: [...(isDevnet ? devnetAccounts() : []), ...accounts.accounts],
    addressPrefix: prefix,
    addresses: (index) => {
      const given = options.address[index]
      if (given !== undefined) return [given]
      return options.address.length === 0 ? [`/ip4/127.0.0.1/tcp/${P2P_PORT + index}`] : []
    },
    ...(isDevnet ? { seed: DEVNET_SEED } : { timeMs: Date.now() }),
  })
  // The generator takes what it is given; the same check as at every start says whether that is a chain.
  const checked = await parse(genesisText, bls)
  if (!checked.ok) return failed('genesis-invalid', `no chain can begin so:\n${checked.message}`)

  const path = join(options.out, 'genesis.json')
  const keyPaths = keys.map((_, index) => join(options.out, 'keys', `validator-${index}.json`))
  await mkdir(options.out, { recursive: true })
  try {
    await writeFile(path, genesisText, { flag: 'wx' })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
    return failed('genesis-exists', `${path} exists already: name another directory with --out`)
  }
  const { saveKeyFile } = await import('../../genesis/keys.ts')
  for (const [index, own] of keys.entries()) {
    const saved = await saveKeyFile(keyPaths[index] ?? '', own)
    if (!saved.ok) return failed(saved.problem.kind, saved.problem.message)
  }
  const facts = { file: path, ...factsOf(checked.genesis) }
  const text = `${columns([...rowsOf(path, facts), ['keys', join(options.out, 'keys', 'validator-<i>.json')]])}`
  return done(text, { ...facts, keyFiles: keyPaths })
}

type Accounts =
  | { readonly ok: true; readonly accounts: readonly Account[] }
  | { readonly ok: false; readonly outcome: Outcome }

async function accountsOf(texts: readonly string[], prefix: string): Promise<Accounts> {
  const { parseAddress } = await import('../../ledger/address.ts')
  const accounts: Account[] = []
  for (const text of texts) {
    const [address = '', amount = ''] = text.split('=')
    const parsed = parseAddress(prefix, address)
    const fault = parsed.ok ? (/^[1-9]\d{0,19}$/.test(amount) ? undefined : 'the amount is no number') : parsed.detail
    if (fault !== undefined) {
      return { ok: false, outcome: failed('account-invalid', `--account ${text} is not address=amount: ${fault}`) }
    }
    if (parsed.ok) accounts.push({ address: parsed.address, balance: BigInt(amount) })
  }
  return { ok: true, accounts }
}

async function check(path: string): Promise<Outcome> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return failed('genesis-missing', `the genesis file ${path} does not exist`)
    throw error
  }
  const checked = await parse(text, await backend())
  if (!checked.ok) return failed('genesis-invalid', `${path} is not valid:\n${checked.message}`)
  const facts = factsOf(checked.genesis)
  return done(columns(rowsOf(path, facts)), { file: path, ...facts })
}

interface Facts {
  readonly chainId: string
  readonly genesisHash: string
  readonly devnet: boolean
  readonly addressPrefix: string
  readonly validators: readonly {
    readonly index: number
    readonly name?: string
    readonly addresses: readonly string[]
  }[]
  readonly accounts: number
}

function factsOf(genesis: Genesis): Facts {
  return {
    chainId: genesis.chainId,
    genesisHash: `0x${genesis.genesisHash}`,
    devnet: genesis.devnet,
    addressPrefix: genesis.addressPrefix,
    validators: genesis.validators.validators.map((_, index) => {
      const name = genesis.nameOf(index)
      return { index, ...(name === undefined ? {} : { name }), addresses: genesis.addressesOf(index) }
    }),
    accounts: genesis.state.writes.values.size,
  }
}

function rowsOf(path: string, facts: Facts): [string, string][] {
  return [
    ['genesis', `${path} is valid${facts.devnet ? '; a devnet: its keys are public' : ''}`],
    ['chain', facts.chainId],
    ['hash', facts.genesisHash],
    ['validators', facts.validators.map(({ index, addresses }) => `v${index} ${addresses.join(' ')}`).join(', ')],
    ['accounts', grouped(facts.accounts)],
  ]
}

type Checked = { readonly ok: true; readonly genesis: Genesis } | { readonly ok: false; readonly message: string }

async function parse(text: string, bls: Awaited<ReturnType<typeof backend>>): Promise<Checked> {
  const { formatGenesisErrors, parseGenesis } = await import('../../genesis/genesis.ts')
  const parsed = await parseGenesis(text, bls)
  return parsed.ok ? parsed : { ok: false, message: formatGenesisErrors(parsed.errors) }
}

async function backend() {
  const { loadBls } = await import('../../crypto/bls-backend.ts')
  return loadBls()
}
