// `scoville tx`: sign, send and look up transactions. Signing happens here; a node never sees a key.
// What is not given is asked of the node; with everything given, signing needs no network.

import { readFile } from 'node:fs/promises'
import type { Command } from 'commander'
import type { TransactionView } from '../../api/view.ts'
import type { Hash } from '../../crypto/bytes.ts'
import { addLeaf, columns, done, type Finish, failed, grouped, type Outcome } from './outcome.ts'
import { addRemote, askNode, type RemoteOptions, refused } from './remote.ts'
import { type SenderOptions, senderOf } from './wallet.ts'

const U64_MAX = (1n << 64n) - 1n
/** Heights a transaction stays valid, unless said otherwise: minutes, not days. */
const VALID_FOR = 1_000
const WAIT_MS = 10_000
const HASH = /^(?:0x)?[0-9a-fA-F]{64}$/

interface TransferOptions extends RemoteOptions, SenderOptions {
  readonly to: string
  readonly amount: string
  readonly fee: string
  readonly nonce?: string
  readonly memo?: string
  readonly genesis?: string
  readonly validUntil?: string
  readonly wait: boolean
}

interface Signed {
  readonly id: Hash
  readonly bytes: Uint8Array
  readonly nonce: bigint
  readonly validUntil: number
}

type Step<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly outcome: Outcome }

export function addTx(program: Command, finish: Finish): void {
  const tx = program.command('tx').description('sign, send and look up transactions')
  const send = addLeaf(tx, 'send', 'sign a transfer, submit it and wait until it is final', [
    'tx send --from 0 --to 1 --amount 5',
    'tx send --key-file validator-key.json --to scvdev1… --amount 1000000 --fee 10 --no-wait',
  ])
  addTransfer(send)
    .option(
      '--no-wait',
      `return when the node has accepted it, without waiting up to ${WAIT_MS / 1_000} s for its block`,
    )
    .action((options: TransferOptions) => finish(options, () => sendTransfer(options)))

  const sign = addLeaf(tx, 'sign', 'sign a transfer and print its bytes as 0x-hex, without sending', [
    'tx sign --from 0 --to 1 --amount 5',
    'tx sign --from 0 --to 1 --amount 5 --genesis .devnet/genesis.json --nonce 0 --valid-until 500   # offline',
  ]).addHelpText(
    'after',
    '\nPost the bytes as {"tx":"0x…"} to /v1/transactions. --genesis, --nonce and --valid-until spare the node.',
  )
  addTransfer(sign).action((options: TransferOptions) => finish(options, () => signOnly(options)))

  const status = addLeaf(tx, 'status <hash>', 'show what became of a transaction', [
    'tx status 0x…',
    'tx status 0x… --wait',
  ])
  addRemote(status)
    .option('--wait', 'wait until it is final')
    .action((hash: string, options: RemoteOptions & { wait?: boolean }) =>
      finish(options, () => showStatus(hash, options)),
    )
}

function addTransfer(command: Command): Command {
  return addRemote(command)
    .option('--from <number>', 'account of the mnemonic that pays: the development mnemonic, whose keys are public')
    .option('--mnemonic-file <file>', 'file with another mnemonic')
    .option('--key-file <file>', 'validator key file whose fee account pays, in place of --from')
    .requiredOption('--to <address>', 'recipient: bech32m, 0x-hex, or the number of a test account')
    .requiredOption('--amount <base units>', 'what is paid')
    .option('--fee <base units>', 'what the proposer earns; more goes first', '1')
    .option('--nonce <number>', 'default: the next free one, asked of the node')
    .option('--valid-until <height>', `last height at which it may commit; default: ${VALID_FOR} ahead`)
    .option('--memo <text>', 'up to 256 bytes, public')
    .option('--genesis <file>', 'genesis file of the chain; default: asked of the node')
}

async function sendTransfer(options: TransferOptions): Promise<Outcome> {
  return askNode(options, async (client) => {
    const signed = await signTransferOf(options)
    if (!signed.ok) return signed.outcome
    const sent = await client.submit(signed.value.bytes, options.wait ? { waitMs: WAIT_MS } : {})
    return sent.ok ? outcomeOf(sent.value) : refused(sent)
  })
}

async function signOnly(options: TransferOptions): Promise<Outcome> {
  const signed = await signTransferOf(options)
  if (!signed.ok) return signed.outcome
  const { id, bytes, nonce, validUntil } = signed.value
  const tx = `0x${Buffer.from(bytes).toString('hex')}`
  return done(tx, { tx, hash: `0x${id}`, nonce: String(nonce), validUntil: String(validUntil) })
}

function showStatus(hash: string, options: RemoteOptions & { readonly wait?: boolean }): Promise<Outcome> {
  if (!HASH.test(hash)) return Promise.resolve(failed('hash-invalid', `${hash} is not a hash of 64 hex digits`))
  return askNode(options, async (client) => {
    const found = await client.transaction(hash, options.wait === true ? { waitMs: WAIT_MS } : {})
    return found.ok ? outcomeOf(found.value) : refused(found)
  })
}

/** What can never commit as it is counts as failed; what may still commit does not. */
function outcomeOf(view: TransactionView): Outcome {
  const { hash, status, block, reason, queue } = view
  if (status !== 'pending' && status !== 'committed') {
    return failed(reason?.code ?? status, `transaction ${hash} ${status}: ${reason?.detail ?? 'no reason is known'}`)
  }
  const rows: [string, string][] = [
    ['transaction', hash],
    ['status', status === 'committed' ? 'committed, final' : `pending (${queue ?? 'known'}), not final`],
  ]
  if (block !== undefined) rows.push(['block', `${grouped(block.height)} (${block.hash})`])
  return done(columns(rows), view)
}

async function signTransferOf(options: TransferOptions): Promise<Step<Signed>> {
  const sender = await senderOf(options)
  if (!sender.ok) return sender
  const numbers = numbersOf(options)
  if (!numbers.ok) return numbers
  const { amount, fee } = numbers.value
  const chain = await chainOf(options, sender.value.address, numbers.value)
  if (!chain.ok) return chain
  const { prefix, genesisHash, nonce, validUntil } = chain.value
  const { recipientOf } = await import('./wallet.ts')
  const recipient = await recipientOf(prefix, options.to)
  if (!recipient.ok) return recipient
  const { MEMO_BYTES_MAX, signTransfer } = await import('../../ledger/transaction.ts')
  const memo = Buffer.from(options.memo ?? '')
  if (memo.length > MEMO_BYTES_MAX) return refuse('memo-too-long', `--memo has more than ${MEMO_BYTES_MAX} bytes`)
  const outputs = [{ recipient: recipient.value, amount }]
  const { keyPair } = sender.value
  const { id, bytes } = signTransfer({ genesisHash, nonce, fee, validUntil, outputs, memo, keyPair })
  return { ok: true, value: { id, bytes, nonce, validUntil } }
}

interface Numbers {
  readonly amount: bigint
  readonly fee: bigint
  readonly nonce: bigint | undefined
  readonly validUntil: number | undefined
}

function numbersOf({ amount, fee, nonce, validUntil }: TransferOptions): Step<Numbers> {
  const faults: string[] = []
  const read = (flag: string, text: string | undefined, min: bigint, max: bigint): bigint | undefined => {
    if (text === undefined) return undefined
    const value = /^\d{1,20}$/.test(text) ? BigInt(text) : -1n
    if (value >= min && value <= max) return value
    faults.push(`${flag} ${text} is not a whole number from ${min} to ${max}`)
    return undefined
  }
  const height = read('--valid-until', validUntil, 0n, BigInt(Number.MAX_SAFE_INTEGER))
  const value = {
    amount: read('--amount', amount, 1n, U64_MAX) ?? 0n,
    fee: read('--fee', fee, 0n, U64_MAX) ?? 0n,
    nonce: read('--nonce', nonce, 0n, U64_MAX - 1n),
    validUntil: height === undefined ? undefined : Number(height),
  }
  return faults.length === 0 ? { ok: true, value } : refuse('number-invalid', faults.join('\n'))
}

interface Chain {
  readonly genesisHash: Hash
  readonly prefix: string
  readonly nonce: bigint
  readonly validUntil: number
}

/** From the genesis file and the flags where they say it all, else from the node. */
async function chainOf(options: TransferOptions, address: string, numbers: Numbers): Promise<Step<Chain>> {
  const known = options.genesis === undefined ? undefined : await readGenesis(options.genesis)
  if (known?.ok === false) return known
  const { nonce, validUntil } = numbers
  if (known !== undefined && nonce !== undefined && validUntil !== undefined) {
    return { ok: true, value: { ...known.value, nonce, validUntil } }
  }
  let chain: Chain | undefined
  const outcome = await askNode(options, async (client) => {
    const [info, next] = await Promise.all([client.info(), client.nonce(`0x${address}`)])
    if (!info.ok) return refused(info)
    if (!next.ok) return refused(next)
    chain = {
      genesisHash: known?.value.genesisHash ?? (info.value.genesisHash.slice(2) as Hash),
      prefix: known?.value.prefix ?? info.value.addressPrefix,
      nonce: nonce ?? BigInt(next.value.next),
      validUntil: validUntil ?? Number(info.value.height) + VALID_FOR,
    }
    return done('', {})
  })
  return chain === undefined ? { ok: false, outcome } : { ok: true, value: chain }
}

async function readGenesis(path: string): Promise<Step<Pick<Chain, 'genesisHash' | 'prefix'>>> {
  const { loadBls } = await import('../../crypto/bls-backend.ts')
  const { formatGenesisErrors, parseGenesis } = await import('../../genesis/genesis.ts')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch {
    return refuse('genesis-missing', `the genesis file ${path} cannot be read: name it with --genesis`)
  }
  const parsed = await parseGenesis(text, await loadBls())
  if (!parsed.ok) return refuse('genesis-invalid', `${path} is not valid:\n${formatGenesisErrors(parsed.errors)}`)
  return { ok: true, value: { genesisHash: parsed.genesis.genesisHash, prefix: parsed.genesis.addressPrefix } }
}

function refuse(code: string, message: string): { readonly ok: false; readonly outcome: Outcome } {
  return { ok: false, outcome: failed(code, message) }
}
