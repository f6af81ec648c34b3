// Committed blocks and their certificates as clients see them, and the operations on them.
// The shapes only grow: no member is ever removed or changes its type under /v1.

import { z } from 'zod'
import { answers, NONE, type Operation } from './operation.ts'
import { blockText, heightText, pageParameters } from './parameters.ts'
import { addressMembers, bytes, count, decimal, enveloped, hash, paged, type Seen, timeMembers } from './spelling.ts'
import { transaction } from './transactions.ts'

export const certificate = z
  .object({
    epoch: decimal,
    view: decimal,
    blockHash: hash,
    parentView: decimal,
    parentHash: hash,
    signers: z.array(count).meta({ description: 'Positions in the validator set.' }),
    bitmap: bytes,
    signature: bytes,
  })
  .meta({ id: 'Certificate', description: 'A quorum certificate.' })
export type CertificateView = Seen<z.infer<typeof certificate>>

export const block = z
  .object({
    hash,
    version: z.int(),
    supports: z.int(),
    phase: z.int(),
    genesisHash: hash,
    epoch: decimal,
    view: decimal,
    height: decimal,
    parentHash: hash,
    justifyHash: hash,
    tcHash: hash,
    proposer: z
      .object({ index: count, ...addressMembers })
      .nullable()
      .meta({ description: 'Null where nobody proposed: the genesis block.' }),
    ...timeMembers,
    payloadRoot: hash,
    stateRoot: hash.meta({ description: 'After executing the parent.' }),
    receiptsRoot: hash.meta({ description: 'Of executing the parent.' }),
    chainRoot: hash,
    leadersHash: hash,
    epochHash: hash,
    nextEpochHash: hash,
    evidenceRoot: hash,
    transactionCount: count,
    transactions: z.array(transaction).optional().meta({ description: 'With include=transactions: the first 100.' }),
    certificate: certificate
      .nullable()
      .optional()
      .meta({ description: 'With include=certificate: null while none is known.' }),
  })
  .meta({ id: 'Block' })
export type BlockView = Seen<z.infer<typeof block>>

const INCLUDES = ['transactions', 'certificate'] as const
export type BlockInclude = (typeof INCLUDES)[number]

const includeText = z
  .string()
  .transform((text) => text.split(','))
  .pipe(
    z.array(z.enum(INCLUDES, 'expected transactions, certificate or both with a comma between')).max(INCLUDES.length),
  )
  .transform((names): ReadonlySet<BlockInclude> => new Set(names))
  .default(new Set<BlockInclude>())
  .meta({
    type: 'string',
    default: undefined,
    pattern: '^(?:transactions|certificate|transactions,certificate)$',
    description: 'Parts to add: `transactions`, `certificate` or both with a comma between.',
  })

const blocksQuery = z.strictObject({
  from: heightText.optional().meta({ description: 'Lowest height, inclusive.' }),
  to: heightText.optional().meta({ description: 'Highest height, inclusive.' }),
  ...pageParameters('desc'),
})
const blockQuery = z.strictObject({ include: includeText })
const blockParameter = z.object({ block: blockText })
const blockTransactionsQuery = z.strictObject(pageParameters('asc'))

export const listBlocks = {
  id: 'listBlocks',
  method: 'GET',
  path: '/v1/blocks',
  tag: 'Blocks',
  summary: 'Committed blocks in pages',
  description: 'Pages neither repeat nor skip a block while the chain grows.',
  parameters: NONE,
  query: blocksQuery,
  answers: { 200: answers('A page of blocks.', paged(block)) },
  problems: ['invalid-cursor'],
  example: { query: { limit: '1' } },
} satisfies Operation<typeof NONE, typeof blocksQuery>

export const getBlock = {
  id: 'getBlock',
  method: 'GET',
  path: '/v1/blocks/{block}',
  tag: 'Blocks',
  summary: 'One committed block',
  description: 'A block named by height or hash never changes, so its answer may be cached for ever.',
  parameters: blockParameter,
  query: blockQuery,
  answers: { 200: answers('The block.', enveloped(block)) },
  problems: ['block-unknown', 'block-pruned'],
  example: { path: { block: '1' }, query: { include: 'transactions,certificate' } },
} satisfies Operation<typeof blockParameter, typeof blockQuery>

export const listBlockTransactions = {
  id: 'listBlockTransactions',
  method: 'GET',
  path: '/v1/blocks/{block}/transactions',
  tag: 'Blocks',
  summary: 'The transactions of a block in pages',
  description: 'In the order of the block.',
  parameters: blockParameter,
  query: blockTransactionsQuery,
  answers: { 200: answers('A page of transactions.', paged(transaction)) },
  problems: ['block-unknown', 'block-pruned', 'invalid-cursor'],
  example: { path: { block: '1' }, query: { limit: '1' } },
} satisfies Operation<typeof blockParameter, typeof blockTransactionsQuery>
