// Who pays and who is paid: turns what a person types into key pairs and addresses.
// Small numbers are the accounts of the development mnemonic, whose keys are public. Keeps no key and prints none.

import { readFile } from 'node:fs/promises'
import { parseAddress } from '../../ledger/address.ts'
import type { KeyPair } from '../../ledger/transaction.ts'
import { failed, type Outcome, textOf } from './outcome.ts'

/** Of a mnemonic; more is a typing error. */
export const ACCOUNT_INDEX_MAX = 999
const INDEX = /^\d{1,3}$/

export interface SenderOptions {
  readonly from?: string
  readonly mnemonicFile?: string
  readonly keyFile?: string
}

export interface Sender {
  readonly keyPair: KeyPair
  /** 40 hex digits. */
  readonly address: string
}

export type Found<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly outcome: Outcome }

/** An address for the API: a test account's number becomes 0x-hex, anything else is left to the node to read. */
export async function addressText(text: string): Promise<string> {
  if (!INDEX.test(text)) return text
  const { accountsFromMnemonic, DEVNET_MNEMONIC } = await import('../../genesis/mnemonic.ts')
  return `0x${accountsFromMnemonic(DEVNET_MNEMONIC, Number(text) + 1).at(-1)?.address ?? ''}`
}

/** 40 hex digits for a typed recipient. */
export async function recipientOf(prefix: string, text: string): Promise<Found<string>> {
  const parsed = parseAddress(prefix, await addressText(text))
  if (parsed.ok) return { ok: true, value: parsed.address }
  return { ok: false, outcome: failed('address-invalid', `--to ${text} is not an address: ${parsed.detail}`) }
}

export async function senderOf(options: SenderOptions): Promise<Found<Sender>> {
  if (options.keyFile !== undefined) return validatorAccount(options.keyFile)
  const { from, mnemonicFile } = options
  if (from === undefined) return refuse('sender-missing', 'say who pays with --from <number> or --key-file <file>')
  if (!INDEX.test(from)) {
    return refuse('sender-invalid', `--from ${from} is not an account number from 0 to ${ACCOUNT_INDEX_MAX}`)
  }
  const { accountsFromMnemonic, DEVNET_MNEMONIC } = await import('../../genesis/mnemonic.ts')
  const { keyPairFromSeed } = await import('../../crypto/ed25519.ts')
  try {
    const words = mnemonicFile === undefined ? DEVNET_MNEMONIC : (await readFile(mnemonicFile, 'utf8')).trim()
    const account = accountsFromMnemonic(words, Number(from) + 1).at(-1)
    if (account === undefined) return refuse('sender-invalid', `--from ${from} is no account`)
    return { ok: true, value: { keyPair: keyPairFromSeed(account.seed), address: account.address } }
  } catch (error) {
    return refuse('mnemonic-unreadable', `the mnemonic of ${mnemonicFile} cannot be used: ${textOf(error)}`)
  }
}

/** A validator earns its fees on the account of its node key. */
async function validatorAccount(path: string): Promise<Found<Sender>> {
  const { loadKeyFile } = await import('../../genesis/keys.ts')
  const { keyPairFromSeed } = await import('../../crypto/ed25519.ts')
  const loaded = await loadKeyFile(path)
  if (!loaded.ok) return refuse(loaded.problem.kind, loaded.problem.message)
  return { ok: true, value: { keyPair: keyPairFromSeed(loaded.keys.nodeSeed), address: loaded.keys.id } }
}

function refuse(code: string, message: string): { readonly ok: false; readonly outcome: Outcome } {
  return { ok: false, outcome: failed(code, message) }
}
