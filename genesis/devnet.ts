// Makes a network: keys for n validators and the genesis file that names them.
// With a seed everything is deterministic and everybody can have the keys, so the file says `devnet: true` and warns;
// without one the keys come from the system's randomness. Writes nothing: keys.ts and scripts do.

import type { Bls } from '../crypto/bls.ts'
import { toHex } from '../crypto/bytes.ts'
import { Writer } from '../crypto/codec.ts'
import { digest } from '../crypto/hash.ts'
import { encodeAddress } from '../ledger/address.ts'
import { APP_NAME, APP_VERSION, CHAIN_PROTOCOL_VERSION, GENESIS_FORMAT, type GenesisFileText } from './genesis-file.ts'
import { generateValidatorKeys, provePossession, type ValidatorKeys } from './keys.ts'
import { accountsFromMnemonic, DEVNET_MNEMONIC, type MnemonicAccount } from './mnemonic.ts'
import { PARAM_DEFAULTS, type Params } from './params.ts'

export const GENERATED_VALIDATORS_MAX = 100
/** One coin is a million base units; every amount in a file or a transaction is in base units. */
export const BASE_UNITS_PER_COIN = 1_000_000n
export const DEVNET_ACCOUNTS = 10
export const DEVNET_BALANCE = 1_000_000n * BASE_UNITS_PER_COIN
export const DEVNET_SEED = 'devnet'
export const DEVNET_ADDRESS_PREFIX = 'scvdev'
/** A devnet's genesis time is fixed too, or its hash would differ at each start: 2026-01-01T00:00:00Z. */
export const DEVNET_TIME_MS = Date.UTC(2026, 0, 1)
const DEVNET_WARNING =
  'DEVELOPMENT ONLY. All keys of this network are derived from public values and known to everybody. Never use them elsewhere.'

export interface NetworkRequest {
  /** How many: 1 to 100, of equal power. */
  readonly validators: number
  readonly chainId: string
  /** 40 hex digits and base units each. */
  readonly accounts: readonly { readonly address: string; readonly balance: bigint }[]
  /** Present: deterministic keys, known to whoever knows the seed. */
  readonly seed?: string
  /** Multiaddrs of validator i. */
  readonly addresses: (index: number) => readonly string[]
  /** Default: that of a devnet. */
  readonly addressPrefix?: string
  /** Milliseconds since 1970. Without it: DEVNET_TIME_MS with a seed, required otherwise. */
  readonly timeMs?: number
  readonly params?: Partial<Params>
}

export interface Network {
  /** Ascending by id: key i is validator i of the genesis file and of epoch 0. */
  readonly keys: readonly ValidatorKeys[]
  /** The genesis file, ready to be written. */
  readonly genesisText: string
}

/** @throws RangeError for a number of validators out of range, or neither seed nor time. */
export async function generateNetwork(bls: Bls, request: NetworkRequest): Promise<Network> {
  const { validators: count, seed } = request
  if (!Number.isInteger(count) || count < 1 || count > GENERATED_VALIDATORS_MAX) {
    throw new RangeError(`a network has 1 to ${GENERATED_VALIDATORS_MAX} validators, not ${count}`)
  }
  const timeMs = request.timeMs ?? (seed === undefined ? undefined : DEVNET_TIME_MS)
  if (timeMs === undefined) throw new RangeError('a network without a seed needs a genesis time')

  const prefix = request.addressPrefix ?? DEVNET_ADDRESS_PREFIX
  const keys: ValidatorKeys[] = []
  for (let index = 0; index < count; index++) {
    keys.push(await generateValidatorKeys(bls, seed === undefined ? undefined : validatorSeed(seed, index)))
  }
  // The epoch's order, so that the place in the file, in `keys` and in the validator set is one number.
  keys.sort((a, b) => (a.id < b.id ? -1 : 1))
  const validators: GenesisFileText['validators'] = []
  for (const [index, own] of keys.entries()) {
    validators.push({
      name: `validator-${index}`,
      power: 1,
      blsKey: `0x${toHex(own.blsKey)}`,
      nodeKey: `0x${toHex(own.nodeKey)}`,
      proofOfPossession: `0x${toHex(await provePossession(bls, own, request.chainId))}`,
      addresses: [...request.addresses(index)],
    })
  }
  const file: GenesisFileText = {
    format: GENESIS_FORMAT,
    ...(seed === undefined ? {} : { warning: DEVNET_WARNING, devnet: true }),
    chainId: request.chainId,
    initialHeight: 0,
    protocolVersion: CHAIN_PROTOCOL_VERSION,
    addressPrefix: prefix,
    time: new Date(timeMs).toISOString(),
    app: { name: APP_NAME, version: APP_VERSION },
    params: { ...PARAM_DEFAULTS, ...request.params },
    validators,
    accounts: request.accounts.map(({ address, balance }) => {
      return { address: encodeAddress(prefix, address), balance: balance.toString() }
    }),
  }
  return { keys, genesisText: `${JSON.stringify(file, null, 2)}\n` }
}

/** The ten accounts of every devnet, each with DEVNET_BALANCE; their keys are public (mnemonic.ts says how they arise). */
export function devnetAccounts(count = DEVNET_ACCOUNTS): (MnemonicAccount & { readonly balance: bigint })[] {
  return accountsFromMnemonic(DEVNET_MNEMONIC, count).map((account) => ({ ...account, balance: DEVNET_BALANCE }))
}

/** H("scoville/devnet-seed/1" ‖ seed text ‖ index u32). */
function validatorSeed(seed: string, index: number): Uint8Array {
  return digest('scoville/devnet-seed/1', new Writer(8 + Buffer.byteLength(seed)).text(seed).u32(index).finish())
}
