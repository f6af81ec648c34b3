// From the text of a genesis file to everything a node starts from: the chain's name and hash, the first epoch, block 0 and
// its state. Pure: the same text gives the same chain on every node. No key enters an epoch unless its possession is proved.
// Faults come in two rounds, each complete: first the shape of every field, then what the fields mean together.

import { rootQC } from '../consensus/certificates.ts'
import { popPreimage } from '../consensus/preimages.ts'
import type { Block, Epoch, EpochConfig, GenesisHash, Height, Param, QC } from '../consensus/types.ts'
import type { Bls } from '../crypto/bls.ts'
import { concatBytes, toHex } from '../crypto/bytes.ts'
import { isStrictlyEncoded } from '../crypto/ed25519.ts'
import { addressOf, parseAddress } from '../ledger/address.ts'
import { genesisState } from '../ledger/genesis-state.ts'
import { blockZero } from './block-zero.ts'
import { type GenesisError, type GenesisFile, parseGenesisFile } from './genesis-file.ts'
import { type GenesisAccount, type GenesisContent, type GenesisValidator, genesisHashOf } from './genesis-hash.ts'
import { PARAM_DEFAULTS, type Params, paramList } from './params.ts'

const EPOCH_FORMAT = 1
const U64_MAX = (1n << 64n) - 1n

export interface Genesis {
  readonly chainId: string
  readonly genesisHash: GenesisHash
  /** Height of block 0. */
  readonly initialHeight: Height
  readonly addressPrefix: string
  readonly timeMs: number
  /** Whether the keys are public. */
  readonly devnet: boolean
  readonly app: { readonly name: string; readonly version: number }
  readonly params: Params
  /** Epoch 0. */
  readonly validators: EpochConfig
  /** Multiaddrs of a validator by its index in `validators` (not its place in the file); empty when none are given. */
  addressesOf(index: number): readonly string[]
  /** Display name of a validator by the same index. */
  nameOf(index: number): string | undefined
  /** Block 0. */
  readonly block: Block
  /** The state block 0 stands for; `receiptsRoot` is that of no receipts. */
  readonly state: ReturnType<typeof genesisState>
  /** The QC of block 0 that nobody signed: highQC of a new chain. */
  readonly rootQC: QC
}

export type ParsedGenesis =
  | { readonly ok: true; readonly genesis: Genesis }
  | { readonly ok: false; readonly errors: readonly GenesisError[] }

type Report = (path: string, message: string) => void

/** A validator as the file has it, with its id and its place there. */
interface Listed extends GenesisValidator {
  readonly at: number
  readonly addresses: readonly string[]
  readonly name: string | undefined
}

/** @param bls verifies one proof of possession per validator: about 2 ms each with the native backend. */
export async function parseGenesis(text: string, bls: Bls): Promise<ParsedGenesis> {
  const parsed = parseGenesisFile(text)
  if (!parsed.ok) return parsed
  const { file } = parsed
  const errors: GenesisError[] = []
  const report: Report = (path, message) => errors.push({ path, message })

  const listed = listValidators(file)
  checkValidators(listed, report)
  await checkPossession(file.chainId, listed, bls, report)
  const accounts = readAccounts(file, report)
  checkStage(file, report)
  if (errors.length > 0) return { ok: false, errors }
  return { ok: true, genesis: derive(file, listed, accounts) }
}

/** One error a line, as an operator reads them. */
export function formatGenesisErrors(errors: readonly GenesisError[]): string {
  return errors.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`)).join('\n')
}

/** Ascending by id, which is what indexes and the hash go by. */
function listValidators(file: GenesisFile): Listed[] {
  return file.validators
    .map(({ name, ...validator }, at) => ({ ...validator, name, at, id: addressOf(validator.nodeKey) }))
    .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : a.at - b.at))
}

function checkValidators(listed: readonly Listed[], report: Report): void {
  const inFileOrder = listed.toSorted((a, b) => a.at - b.at)
  const owners = new Map<string, string>()
  // One registry for ids and BLS keys: their lengths differ, so they cannot be taken for one another.
  const claim = (value: string, path: string): void => {
    const owner = owners.get(value)
    if (owner === undefined) owners.set(value, path)
    else report(path, `is the same as ${owner}`)
  }
  let totalPower = 0n
  for (const { at, id, nodeKey, blsKey, power } of inFileOrder) {
    if (!isUsableNodeKey(nodeKey)) report(`validators[${at}].nodeKey`, 'is not a canonical ed25519 key of full order')
    // Ids stand for node keys: equal keys have equal ids, and two keys must not share one.
    claim(id, `validators[${at}].nodeKey`)
    claim(toHex(blsKey), `validators[${at}].blsKey`)
    totalPower += BigInt(power)
  }
  // Weights are kept as safe integers (FORMATS.md, 3).
  if (totalPower > BigInt(Number.MAX_SAFE_INTEGER)) report('validators', `total power ${totalPower} is not below 2^53`)
}

/** The strict rule takes a key's encoding and order from the key alone; the same bytes serve as the R it also looks at. */
function isUsableNodeKey(nodeKey: Uint8Array): boolean {
  return isStrictlyEncoded(nodeKey, concatBytes(nodeKey, new Uint8Array(32)))
}

/** Without these proofs one rogue key forges an aggregate (PITFALLS.md, row 20). */
async function checkPossession(chainId: string, listed: readonly Listed[], bls: Bls, report: Report): Promise<void> {
  for (const { at, id, blsKey, nodeKey, proofOfPossession } of listed.toSorted((a, b) => a.at - b.at)) {
    const proved = await bls.verify(blsKey, popPreimage(chainId, id, blsKey, nodeKey), proofOfPossession)
    if (!proved) {
      const path = `validators[${at}].proofOfPossession`
      report(path, 'is not a signature by blsKey over this chainId, validator id, blsKey and nodeKey')
    }
  }
}

/** Ascending by address, in memory's spelling. */
function readAccounts(file: GenesisFile, report: Report): GenesisAccount[] {
  const accounts: GenesisAccount[] = []
  const places = new Map<string, number>()
  let supply = 0n
  for (const [at, { address: text, balance }] of (file.accounts ?? []).entries()) {
    supply += balance
    const parsed = parseAddress(file.addressPrefix, text)
    if (!parsed.ok) {
      report(`accounts[${at}].address`, parsed.detail)
      continue
    }
    const earlier = places.get(parsed.address)
    if (earlier !== undefined) report(`accounts[${at}].address`, `is the same as accounts[${earlier}].address`)
    places.set(parsed.address, at)
    accounts.push({ address: parsed.address, balance })
  }
  // No sum of balances can then overflow a u64, whatever transactions do.
  if (supply > U64_MAX) report('accounts', `the total supply ${supply} is not below 2^64`)
  return accounts.sort((a, b) => (a.address < b.address ? -1 : 1))
}

/** What the format has room for and this version does not do: refused by name, never ignored. */
function checkStage(file: GenesisFile, report: Report): void {
  if (file.snapshot !== undefined)
    report('snapshot', 'starting from a snapshot is not supported by this version: list accounts')
  else if (file.accounts === undefined) report('accounts', 'is missing (it may be an empty list)')
  if (file.snapshot !== undefined && file.accounts !== undefined) report('snapshot', 'cannot stand beside accounts')
  if (file.predecessor !== undefined) {
    report('predecessor', 'continuing another chain is not supported by this version')
  }
}

function derive(file: GenesisFile, listed: readonly Listed[], accounts: readonly GenesisAccount[]): Genesis {
  const params: Params = { ...PARAM_DEFAULTS, ...withoutUndefined(file.params) }
  const list = paramList(params)
  const genesisHash = genesisHashOf(contentOf(file, list, listed, accounts))
  const validators: EpochConfig = {
    format: EPOCH_FORMAT,
    epoch: 0 as Epoch,
    protocolVersion: file.protocolVersion,
    params: list,
    validators: listed.map(({ id, power, blsKey, nodeKey }) => ({ id, power, blsKey, nodeKey })),
  }
  const state = genesisState(accounts)
  const initialHeight = file.initialHeight as Height
  const { stateRoot, receiptsRoot } = state
  const block = blockZero({
    genesisHash,
    initialHeight,
    timeMs: file.time,
    config: validators,
    stateRoot,
    receiptsRoot,
  })
  return {
    chainId: file.chainId,
    genesisHash,
    initialHeight,
    addressPrefix: file.addressPrefix,
    timeMs: file.time,
    devnet: file.devnet,
    app: file.app,
    params,
    validators,
    addressesOf: (index) => listed[index]?.addresses ?? [],
    nameOf: (index) => listed[index]?.name,
    block,
    state,
    rootQC: rootQC(validators.epoch, block.id, validators.validators.length),
  }
}

function contentOf(
  file: GenesisFile,
  params: readonly Param[],
  validators: readonly GenesisValidator[],
  accounts: readonly GenesisAccount[],
): GenesisContent {
  const { format, devnet, chainId, initialHeight, protocolVersion, addressPrefix, time: timeMs, app } = file
  const state = { kind: 'accounts', accounts } as const
  return {
    format,
    devnet,
    chainId,
    initialHeight,
    protocolVersion,
    addressPrefix,
    timeMs,
    app,
    params,
    validators,
    state,
  }
}

function withoutUndefined(given: Readonly<Record<string, number | undefined>>): Record<string, number> {
  const present: Record<string, number> = {}
  for (const [name, value] of Object.entries(given)) if (value !== undefined) present[name] = value
  return present
}
