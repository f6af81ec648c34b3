// Proofs as clients see them, and the operations that answer with one. Everything in them is checked with the genesis file alone
// (api/verify.ts); what is spelled out beside the canonical bytes is for people.

import { z } from 'zod'
import { certificate } from './blocks.ts'
import { answers, NONE, type Operation } from './operation.ts'
import { blockText, hashText } from './parameters.ts'
import { bytes, count, decimal, enveloped, hash, type Seen } from './spelling.ts'

export const finality = z
  .object({
    headers: z.array(bytes).min(2).meta({
      description:
        'Encoded headers, each the parent of the next: the block, its child, and on to the first certified one view above its parent.',
    }),
    certificate: bytes.meta({ description: 'The encoded QC of the last header.' }),
  })
  .meta({ id: 'FinalityProof', description: 'By the commit rule all headers but the last are final.' })
export type FinalityView = Seen<z.infer<typeof finality>>

const certificateProof = z
  .object({
    block: z.object({ hash, height: decimal }),
    certificate: certificate.extend({
      power: decimal.meta({ description: 'Voting power of the signers.' }),
      quorum: decimal,
      totalPower: decimal,
      bytes: bytes.meta({ description: 'The encoded QC.' }),
    }),
    validatorSetHash: hash.meta({ description: 'The epochHash of the block.' }),
    finality,
  })
  .meta({ id: 'CertificateProof' })
export type CertificateProofView = Seen<z.infer<typeof certificateProof>>

const path = z.array(hash).meta({ description: 'Siblings from the leaf upwards (RFC 6962).' })

const transactionProof = z
  .object({
    hash,
    block: z.object({ hash, height: decimal, index: count }),
    count: count.meta({ description: 'Transactions of the block; it has one receipt more.' }),
    itemsRoot: hash.meta({ description: 'RFC 6962 root over the transactions; the payloadRoot commits to it.' }),
    transaction: bytes.meta({ description: 'As committed: the leaf at `index` under itemsRoot.' }),
    transactionPath: path,
    receipt: bytes.meta({ description: 'Encoded: the leaf at `index` under the receiptsRoot of the second header.' }),
    receiptPath: path,
    finality,
  })
  .meta({ id: 'TransactionProof' })
export type TransactionProofView = Seen<z.infer<typeof transactionProof>>

export const accountProof = z
  .object({
    value: bytes.nullable().meta({ description: 'The encoded account; null: the address was never touched.' }),
    siblings: z.array(hash).meta({ description: 'Hashes beside the path in the state tree, from the root down.' }),
    other: z
      .object({ key: hash, valueHash: hash })
      .nullable()
      .meta({ description: 'Absence only: the leaf that stands where the account would be.' }),
    finality,
  })
  .meta({ id: 'AccountProof', description: 'Against the stateRoot of the second header.' })
export type AccountProofView = Seen<z.infer<typeof accountProof>>

const blockParameter = z.object({ block: blockText })
const hashParameter = z.object({ hash: hashText })

export const getBlockCertificate = {
  id: 'getBlockCertificate',
  method: 'GET',
  path: '/v1/blocks/{block}/certificate',
  tag: 'Blocks',
  summary: 'What certifies a block and makes it final',
  description: 'Enough to check with the genesis file alone that the block is final.',
  parameters: blockParameter,
  query: NONE,
  answers: { 200: answers('The certificate and the proof of finality.', enveloped(certificateProof)) },
  problems: ['block-unknown', 'block-pruned', 'proof-unavailable'],
  example: { path: { block: '1' } },
} satisfies Operation<typeof blockParameter, typeof NONE>

export const getTransactionProof = {
  id: 'getTransactionProof',
  method: 'GET',
  path: '/v1/transactions/{hash}/proof',
  tag: 'Transactions',
  summary: 'Proof that a transaction committed',
  description: 'Inclusion of the transaction in its block and of its receipt in the child, and what makes both final.',
  parameters: hashParameter,
  query: NONE,
  answers: { 200: answers('The proof.', enveloped(transactionProof)) },
  problems: ['tx-unknown', 'proof-unavailable'],
  example: { path: { hash: '0xc2037acf976b5add20b1a365e4d45bf1af9e7c765edfebe32620a3367e90d0be' } },
} satisfies Operation<typeof hashParameter, typeof NONE>
