// The chain a world runs: genesis, keys, ledger and accounts for n validators and a scheme. Made once per process, for it is
// the same in every seed; nothing in it ever changes.

import { createValidatorSet, type ValidatorSet } from '../../../consensus/validators.ts'
import type { WireLimits } from '../../../consensus/wire.ts'
import type { Hash } from '../../../crypto/bytes.ts'
import { type Ed25519KeyPair, keyPairFromSeed } from '../../../crypto/ed25519.ts'
import { sha256 } from '../../../crypto/hash.ts'
import { generateNetwork } from '../../../genesis/devnet.ts'
import { type Genesis, parseGenesis } from '../../../genesis/genesis.ts'
import type { ValidatorKeys } from '../../../genesis/keys.ts'
import { addressOf } from '../../../ledger/address.ts'
import type { Application, DecodedTransaction } from '../../../ledger/application.ts'
import { createLedger } from '../../../ledger/ledger.ts'
import { createFastScheme, createRealScheme, type Scheme } from './signatures.ts'

export const ACCOUNTS = 8
export const BALANCE = 1_000_000n
export const FEE_MIN = 1n

export interface Person {
  readonly address: string
  readonly keyPair: Ed25519KeyPair
}

export interface Committee {
  readonly scheme: Scheme
  readonly genesis: Genesis
  readonly validators: ValidatorSet
  readonly limits: WireLimits
  readonly keys: readonly ValidatorKeys[]
  /** Funded with BALANCE each. */
  readonly people: readonly Person[]
  /** As rich as the others, and in the hands of villains. */
  readonly rogue: Person
  readonly app: Application
  /** A transaction made here need not be verified by each replica: that its signature is right is known. */
  readonly vouch: (bytes: Uint8Array) => void
}

const made = new Map<string, Promise<Committee>>()

/** @param idle accounts beyond those that are used: they make the state large */
export function committeeOf(size: number, schemeName: Scheme['name'], idle = 0): Promise<Committee> {
  const key = `${size}/${schemeName}/${idle}`
  const known = made.get(key) ?? createCommittee(size, schemeName, idle)
  made.set(key, known)
  return known
}

async function createCommittee(size: number, schemeName: Scheme['name'], idle: number): Promise<Committee> {
  const scheme = schemeName === 'fast' ? createFastScheme() : await createRealScheme()
  const people = Array.from({ length: ACCOUNTS }, (_, at) => personOf(`person ${at}`))
  const rogue = personOf('rogue')
  const network = await generateNetwork(scheme.bls, {
    validators: size,
    chainId: 'simulation',
    accounts: [
      ...[...people, rogue].map(({ address }) => ({ address, balance: BALANCE })),
      ...Array.from({ length: idle }, (_, at) => ({ address: at.toString(16).padStart(40, '0'), balance: 1n })),
    ],
    seed: 'simulation',
    addresses: () => [],
    params: { payloadBytesMax: 16 * 1024, transactionsMax: 64, feeMin: Number(FEE_MIN), validUntilAheadMax: 10_000 },
  })
  const parsed = await parseGenesis(network.genesisText, scheme.bls)
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.errors))
  const { genesis } = parsed
  for (const keys of network.keys) scheme.register(keys)
  const validators = createValidatorSet(genesis.validators)
  const { payloadBytesMax, transactionsMax } = genesis.params
  const cached = cachedLedger(genesis.genesisHash, scheme.name === 'fast')
  return {
    scheme,
    genesis,
    validators,
    limits: { validators: size, payloadBytesMax, itemsMax: transactionsMax },
    keys: network.keys,
    people,
    rogue,
    ...cached,
  }
}

function personOf(name: string): Person {
  const keyPair = keyPairFromSeed(sha256(Buffer.from(name)))
  return { address: addressOf(keyPair.publicKey), keyPair }
}

/** The real ledger. Verdicts on signatures are kept per bytes: n replicas of one process would each compute the same. */
function cachedLedger(genesisHash: Hash, caches: boolean): Pick<Committee, 'app' | 'vouch'> {
  const ledger = createLedger({ genesisHash, feeMin: FEE_MIN, validUntilAheadMax: 10_000 })
  const verdicts = new Map<string, boolean>()
  const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')
  const isSigned = (transaction: DecodedTransaction): boolean => {
    const key = textOf(transaction.bytes)
    const known = verdicts.get(key)
    if (known !== undefined) return known
    const verdict = ledger.verify([transaction])[0] ?? false
    if (verdicts.size < VERDICTS_MAX) verdicts.set(key, verdict)
    return verdict
  }
  if (!caches) return { app: ledger, vouch: () => {} }
  return {
    app: { ...ledger, verify: (transactions) => transactions.map(isSigned) },
    vouch(bytes) {
      if (verdicts.size < VERDICTS_MAX) verdicts.set(textOf(bytes), true)
    },
  }
}

const VERDICTS_MAX = 200_000
