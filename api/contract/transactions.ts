// Transactions as clients send and see them, and the operations on them.
// The shapes only grow: no member is ever removed or changes its type under /v1.

import { z } from 'zod'
import { BATCH_BODY_BYTES_MAX, BATCH_MAX, BODY_BYTES_MAX } from '../parse.ts'
import { answers, JSON_TYPE, NONE, type Operation } from './operation.ts'
import { hashText, PREFER_HEADER, waitQuery } from './parameters.ts'
import { problem } from './problem.ts'
import { address, addressHex, bytes, count, decimal, enveloped, hash, type Seen, timeMembers } from './spelling.ts'

const output = z.object({ recipient: address, recipientHex: addressHex, amount: decimal }).meta({ id: 'Output' })
export type OutputView = Seen<z.infer<typeof output>>

export const transactionContent = z
  .object({
    kind: z.int(),
    kindName: z.enum(['transfer']),
    sender: address,
    senderHex: addressHex,
    nonce: decimal,
    fee: decimal,
    validUntil: decimal.meta({ description: 'Last height at which it may commit: past it, it never will.' }),
    total: decimal.meta({ description: 'Sum of the outputs.' }),
    outputs: z.array(output),
    memo: bytes,
    auth: z.object({ scheme: z.int(), key: bytes, signature: bytes }),
    bytes,
  })
  .meta({ id: 'TransactionContent' })
export type TransactionContentView = Seen<z.infer<typeof transactionContent>>

const event = z
  .object({
    kind: z.int(),
    emitter: bytes,
    topics: z.array(bytes),
    content: bytes,
    credit: output.optional().meta({ description: 'Where the event is a payment.' }),
  })
  .meta({ id: 'Event' })
export type EventView = Seen<z.infer<typeof event>>

const receipt = z
  .object({
    type: z.int(),
    status: z.int(),
    code: z.int(),
    fee: decimal,
    weight: decimal,
    events: z.array(event),
    bytes,
  })
  .meta({ id: 'Receipt' })
export type ReceiptView = Seen<z.infer<typeof receipt>>

const reason = z.object({ code: z.string(), detail: z.string() })
const inBlock = z.object({ hash, height: decimal, index: count, ...timeMembers })
const queue = z
  .enum(['ready', 'queued'])
  .meta({ description: 'Ready for the next block, or queued behind a missing nonce.' })

/** Every member that a transaction may have; which it has depends on its status. */
const members = z.object({
  hash,
  status: z.enum(['pending', 'committed', 'failed', 'dropped', 'replaced', 'expired']),
  final: z.boolean(),
  duplicate: z
    .boolean()
    .optional()
    .meta({ description: 'Answers to a submission only: whether the node knew the transaction before.' }),
  queue: queue.optional(),
  reason: reason.optional(),
  block: inBlock.optional(),
  transaction: transactionContent.optional(),
  receipt: receipt.optional(),
})
export type TransactionView = Seen<z.infer<typeof members>>

const always = members.pick({ hash: true, duplicate: true })
const executed = { final: z.literal(true), block: inBlock, transaction: transactionContent, receipt }
const unexecuted = { reason, transaction: transactionContent.optional() }

const pending = always
  .extend({ status: z.literal('pending'), final: z.literal(false), queue, transaction: transactionContent.optional() })
  .meta({ id: 'PendingTransaction', description: 'Held by this node, not committed.' })
const committed = always
  .extend({ status: z.literal('committed'), ...executed })
  .meta({ id: 'CommittedTransaction', description: 'Executed, for ever.' })
const failed = always
  .extend({ status: z.literal('failed'), ...executed, reason })
  .meta({ id: 'FailedTransaction', description: 'Committed and paid for, without any other effect.' })
const expired = always
  .extend({ status: z.literal('expired'), final: z.literal(true), ...unexecuted })
  .meta({ id: 'ExpiredTransaction', description: 'The chain has passed `validUntil`: it will never commit.' })
const gone = always
  .extend({ status: z.enum(['dropped', 'replaced']), final: z.literal(false), ...unexecuted })
  .meta({ id: 'GoneTransaction', description: 'Left the mempool of this node; another may still hold it.' })

export const transaction: z.ZodType<z.infer<typeof members>> = z
  .discriminatedUnion('status', [pending, committed, failed, expired, gone])
  .meta({ id: 'Transaction' })

const batchItem = z.union([
  z
    .object({ index: count, hash, status: z.enum(['pending', 'committed', 'failed']), duplicate: z.boolean() })
    .meta({ id: 'BatchAccepted' }),
  z.object({ index: count, hash: hash.optional(), problem }).meta({ id: 'BatchRefused' }),
])
/** What became of one entry of a batch; its content is not repeated. */
export type BatchItemView = Seen<z.infer<typeof batchItem>>

const hexInput = z.string().meta({ pattern: '^0x(?:[0-9a-fA-F]{2})*$', description: 'A signed transaction.' })
export const oneBody = z.strictObject({ tx: hexInput })
export const batchBody = z.strictObject({ txs: z.array(hexInput).min(1).max(BATCH_MAX) })

/** A signed transfer of the chain that the examples are asked of (test/api/contract/example-chain.ts). */
const EXAMPLE_TX = [
  '0x',
  'abababababababababababababababababababababababababababababababab00010000000000000003000000000000000a',
  '00000000000001f400000024000000017b7a8c9d20e03ad293da5eeaec5cdf69bb5e10670000000000000004000000000100',
  '0000208dee8b307558d9035737bcbfcfec3f769ccdc55d0398547cf7e0db2c146d944000000040a23b8e550876ac339878af',
  '9ba517ef501a3f637a3743b8c2d45efa39781a94868ed250f6d97b27e8b7f2aa630fc87cc395ce3746ca3e4cbefd05375499',
  '56ce0a',
].join('')

const PENDING = 'Not final yet, also when a wait ended first. Ask again at `Location` after `Retry-After` seconds.'

export const submitTransaction = {
  id: 'submitTransaction',
  method: 'POST',
  path: '/v1/transactions',
  tag: 'Transactions',
  summary: 'Submit a transaction',
  description: 'Repeating it is harmless: a transaction executes at most once. A wait that ends is not an error.',
  parameters: NONE,
  query: waitQuery,
  headers: PREFER_HEADER,
  body: { bytesMax: BODY_BYTES_MAX, content: { [JSON_TYPE]: oneBody, 'application/octet-stream': 'binary' } },
  answers: {
    200: answers('Committed, known already (`duplicate`), or gone with a `reason`.', enveloped(transaction)),
    202: answers(PENDING, enveloped(transaction)),
  },
  problems: [
    'malformed-transaction',
    'unsupported-kind',
    'wrong-chain',
    'bad-signature',
    'fee-too-low',
    'nonce-too-low',
    'nonce-too-high',
    'insufficient-funds',
    'expired',
    'valid-until-too-far',
    'transaction-too-large',
    'nonce-taken',
    'account-limit',
    'mempool-full',
    'not-ready',
  ],
  example: { body: { tx: EXAMPLE_TX } },
} satisfies Operation<typeof NONE, typeof waitQuery>

export const submitTransactions = {
  id: 'submitTransactions',
  method: 'POST',
  path: '/v1/transactions/batch',
  tag: 'Transactions',
  summary: 'Submit up to 256 transactions',
  description: 'Each is answered in its place; one that is refused does not affect the others.',
  parameters: NONE,
  query: NONE,
  body: { bytesMax: BATCH_BODY_BYTES_MAX, content: { [JSON_TYPE]: batchBody } },
  answers: { 200: answers('One item for each transaction, in their order.', enveloped(z.array(batchItem))) },
  problems: [],
  example: { body: { txs: [EXAMPLE_TX, '0x00'] } },
} satisfies Operation<typeof NONE, typeof NONE>

const hashParameter = z.object({ hash: hashText })

export const getTransaction = {
  id: 'getTransaction',
  method: 'GET',
  path: '/v1/transactions/{hash}',
  tag: 'Transactions',
  summary: 'What became of a transaction',
  description: 'Committed means final. Unknown above its `validUntil`, it will never commit.',
  parameters: hashParameter,
  query: waitQuery,
  headers: PREFER_HEADER,
  answers: {
    200: answers('Committed, or gone with a `reason`.', enveloped(transaction)),
    202: answers(PENDING, enveloped(transaction)),
  },
  problems: ['tx-unknown'],
  example: { path: { hash: '0xc2037acf976b5add20b1a365e4d45bf1af9e7c765edfebe32620a3367e90d0be' } },
} satisfies Operation<typeof hashParameter, typeof waitQuery>
