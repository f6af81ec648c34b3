// A deterministic network of four and its genesis file, for tests that change one thing in it.

import { loadBls } from '../../crypto/bls-backend.ts'
import { DEVNET_SEED, devnetAccounts, generateNetwork } from '../../genesis/devnet.ts'
import { parseGenesis } from '../../genesis/genesis.ts'
import type { GenesisFileText } from '../../genesis/genesis-file.ts'

export const bls = await loadBls()

export const NETWORK = await generateNetwork(bls, {
  validators: 4,
  chainId: 'scoville-devnet',
  accounts: devnetAccounts(),
  seed: DEVNET_SEED,
  addresses: (index) => [`/ip4/127.0.0.1/tcp/${4_100 + index}`],
})

/** Loosely typed on purpose: a test may write what the schema forbids. */
export type Editable = { -readonly [K in keyof GenesisFileText]: GenesisFileText[K] } & Record<string, unknown>

/** The network's genesis file after an edit. */
export function edited(edit: (file: Editable) => void): string {
  const file: Editable = JSON.parse(NETWORK.genesisText)
  edit(file)
  return JSON.stringify(file)
}

/** `path: message` of every fault, in order. */
export async function faultsOf(text: string): Promise<string[]> {
  const parsed = await parseGenesis(text, bls)
  return parsed.ok ? [] : parsed.errors.map(({ path, message }) => `${path}: ${message}`)
}

export async function genesisOf(text: string) {
  const parsed = await parseGenesis(text, bls)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  return parsed.genesis
}
