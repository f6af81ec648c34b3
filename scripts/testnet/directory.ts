// The directory of a test network: keys, genesis, one folder per node and network.json, which says what there is.
// Kept from run to run. Never removes a directory that this program did not make.

import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { DEVNET_ADDRESS_PREFIX, devnetAccounts, generateNetwork } from '../../genesis/devnet.ts'
import { saveKeyFile } from '../../genesis/keys.ts'
import { DEVNET_MNEMONIC } from '../../genesis/mnemonic.ts'
import { encodeAddress } from '../../ledger/address.ts'
import { formatConfigErrors, parseConfig } from '../../node/config.ts'
import { declareNeverSigned } from '../../node/storage/never-signed.ts'
import type { PortBlock } from './ports.ts'

export const CHAIN_ID = 'scvdev-1'
export const MANIFEST_KIND = 'scoville/testnet'
const MANIFEST_FILE = 'network.json'
const GENESIS_FILE = 'genesis.json'
const KEY_FILE = 'key.json'
const DATA_DIR = 'data'

export interface NodeEntry {
  readonly name: string
  readonly api: string
  readonly p2p: string
  readonly directory: string
  readonly config: string
  readonly log: string
  /** Of the node's process, while it runs. */
  pid?: number
}

/** What programs read; members are only added. */
export interface Manifest {
  readonly kind: typeof MANIFEST_KIND
  readonly version: 1
  readonly chainId: string
  readonly directory: string
  readonly genesis: string
  readonly nodes: readonly NodeEntry[]
  readonly mnemonic: string
  /** `key`: the ed25519 seed as 0x-hex. Public knowledge. `balance`: at genesis, in base units. */
  readonly accounts: readonly {
    readonly index: number
    readonly address: string
    readonly addressHex: string
    readonly key: string
    readonly balance: string
  }[]
  /** Of the supervisor; absent when it has stopped. */
  pid?: number
  genesisHash?: string
  /** Milliseconds from the supervisor's start until every node was ready; absent until then. */
  readyMs?: number
  /** Height of the first answer after a resume. */
  resumedAt?: number
}

/** What may change from run to run. */
export interface RunSettings {
  readonly blockIntervalMs?: number
  readonly idleIntervalMs?: number
  readonly bls?: string
  readonly logLevel: string
}

export type Prepared =
  | { readonly ok: true; readonly manifest: Manifest; readonly resumed: boolean }
  | { readonly ok: false; readonly message: string }

/** The manifest, or undefined where there is none that this program wrote. */
export async function readManifest(directory: string): Promise<Manifest | undefined> {
  try {
    const parsed: unknown = JSON.parse(await readFile(join(directory, MANIFEST_FILE), 'utf8'))
    const isOurs = typeof parsed === 'object' && parsed !== null && 'kind' in parsed && parsed.kind === MANIFEST_KIND
    return isOurs ? (parsed as Manifest) : undefined
  } catch {
    return undefined
  }
}

/** Whole or not at all, since other programs wait for it. */
export async function writeManifest(manifest: Manifest): Promise<void> {
  await replaceFile(join(manifest.directory, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`)
}

/** Refuses to remove what is not a test network's. */
export async function removeNetwork(directory: string): Promise<{ readonly ok: boolean; readonly message: string }> {
  if (!existsSync(directory)) return { ok: true, message: '' }
  if ((await readManifest(directory)) === undefined && (await readdir(directory)).length > 0) {
    return { ok: false, message: `${directory} holds no test network, so --reset does not remove it` }
  }
  await rm(directory, { recursive: true, force: true })
  return { ok: true, message: '' }
}

/** Makes the network or takes the one that is there, and gives both the ports of this run. */
export async function prepare(
  directory: string,
  validators: number,
  ports: PortBlock,
  settings: RunSettings,
): Promise<Prepared> {
  const manifest = describe(directory, validators, ports)
  const configs = manifest.nodes.map((node, index) => configText(node, manifest, ports, index, settings))
  for (const [index, text] of configs.entries()) {
    const parsed = parseConfig({ flags: {}, env: {}, file: { path: manifest.nodes[index]?.config ?? '', text } })
    if (!parsed.ok) return { ok: false, message: formatConfigErrors(parsed.errors) }
  }
  const resumed = await holdsNetwork(directory)
  await mkdir(directory, { recursive: true })
  // First of all, so that --reset knows a network whose creation was interrupted.
  await writeManifest(manifest)
  if (resumed) await readdress(manifest.genesis, ports)
  else await create(manifest, ports)
  for (const [index, { config }] of manifest.nodes.entries()) await writeFile(config, configs[index] ?? '')
  return { ok: true, manifest, resumed }
}

/** The genesis file is written last. */
async function holdsNetwork(directory: string): Promise<boolean> {
  return existsSync(join(directory, GENESIS_FILE)) && (await readManifest(directory)) !== undefined
}

async function create(manifest: Manifest, ports: PortBlock): Promise<void> {
  const { loadBls } = await import('../../crypto/bls-backend.ts')
  const { keys, genesisText } = await generateNetwork(await loadBls(), {
    validators: manifest.nodes.length,
    chainId: CHAIN_ID,
    accounts: devnetAccounts(),
    seed: 'devnet',
    addresses: (index) => [p2pAddress(ports, index)],
  })
  for (const [index, own] of keys.entries()) {
    const home = manifest.nodes[index]?.directory ?? ''
    const path = join(home, KEY_FILE)
    // Left over from a creation that was interrupted: the same keys, since they are derived.
    await rm(path, { force: true })
    const saved = await saveKeyFile(path, own)
    if (!saved.ok) throw new Error(saved.problem.message)
    await declareNeverSigned(join(home, DATA_DIR), own.nodeKey)
  }
  await replaceFile(manifest.genesis, genesisText)
}

/** Addresses are no part of the genesis hash: the same chain moves to other ports. */
async function readdress(path: string, ports: PortBlock): Promise<void> {
  const file = JSON.parse(await readFile(path, 'utf8')) as { validators: { addresses: string[] }[] }
  for (const [index, validator] of file.validators.entries()) validator.addresses = [p2pAddress(ports, index)]
  await replaceFile(path, `${JSON.stringify(file, null, 2)}\n`)
}

/** Whole or not at all. */
async function replaceFile(path: string, text: string): Promise<void> {
  await writeFile(`${path}.tmp`, text)
  await rename(`${path}.tmp`, path)
}

function describe(directory: string, validators: number, ports: PortBlock): Manifest {
  const root = resolve(directory)
  return {
    kind: MANIFEST_KIND,
    version: 1,
    chainId: CHAIN_ID,
    directory: root,
    genesis: join(root, GENESIS_FILE),
    nodes: Array.from({ length: validators }, (_, index) => {
      const own = join(root, `v${index}`)
      return {
        name: `v${index}`,
        api: `http://127.0.0.1:${ports.api + index}`,
        p2p: p2pAddress(ports, index),
        directory: own,
        config: join(own, 'scoville.toml'),
        log: join(own, 'node.log'),
      }
    }),
    mnemonic: DEVNET_MNEMONIC,
    accounts: devnetAccounts().map(({ address, seed, balance }, index) => ({
      index,
      address: encodeAddress(DEVNET_ADDRESS_PREFIX, address),
      addressHex: `0x${address}`,
      key: `0x${Buffer.from(seed).toString('hex')}`,
      balance: balance.toString(),
    })),
    pid: process.pid,
  }
}

function p2pAddress(ports: PortBlock, index: number): string {
  return `/ip4/127.0.0.1/tcp/${ports.p2p + index}`
}

function configText(
  node: NodeEntry,
  manifest: Manifest,
  ports: PortBlock,
  index: number,
  settings: RunSettings,
): string {
  const entries: Record<string, string | number | undefined> = {
    dataDir: join(node.directory, DATA_DIR),
    genesis: manifest.genesis,
    keyFile: join(node.directory, KEY_FILE),
    listen: node.p2p,
    apiHost: '127.0.0.1',
    apiPort: ports.api + index,
    apiRequestsPerSecondMax: 0,
    logLevel: settings.logLevel,
    blockIntervalMs: settings.blockIntervalMs,
    idleIntervalMs: settings.idleIntervalMs,
    blsBackend: settings.bls,
  }
  const lines = Object.entries(entries).flatMap(([key, value]) =>
    value === undefined ? [] : [`${key} = ${JSON.stringify(value)}`],
  )
  return `# Written anew at each start of the test network.\n${lines.join('\n')}\n`
}
