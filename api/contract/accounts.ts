// Accounts at the committed head as clients see them, and the operations on them.

import { z } from 'zod'
import { answers, NONE, type Operation } from './operation.ts'
import { addressText } from './parameters.ts'
import { accountProof } from './proofs.ts'
import { addressMembers, decimal, enveloped, hash, type Seen } from './spelling.ts'

const account = z
  .object({
    ...addressMembers,
    balance: decimal,
    nonce: decimal,
    pendingNonce: decimal.meta({ description: 'The next free nonce, counting what is pending.' }),
    historyCount: decimal,
    historyHead: hash.meta({ description: 'Commits to everything that ever touched the account.' }),
    height: decimal,
    proof: accountProof.optional().meta({ description: 'With proof=true.' }),
  })
  .meta({ id: 'Account' })
export type AccountView = Seen<z.infer<typeof account>>

const nonce = z.object({ ...addressMembers, committed: decimal, next: decimal }).meta({ id: 'Nonce' })
export type NonceView = Seen<z.infer<typeof nonce>>

export const accountParameter = z.object({ address: addressText })

const accountQuery = z.strictObject({
  proof: z.enum(['true', 'false']).optional().meta({
    description: 'Whether to add a proof that this is the account, or that there is none, after the block at `height`.',
  }),
})

export const getAccount = {
  id: 'getAccount',
  method: 'GET',
  path: '/v1/accounts/{address}',
  tag: 'Accounts',
  summary: 'Balance and nonce',
  description: 'An address that was never used is an account with nothing in it.',
  parameters: accountParameter,
  query: accountQuery,
  answers: { 200: answers('The account at the committed head.', enveloped(account)) },
  problems: ['proof-unavailable'],
  example: { path: { address: '0x4c267c91be6e739513e9647ba689ba20281cd045' }, query: { proof: 'true' } },
} satisfies Operation<typeof accountParameter, typeof accountQuery>

export const getNonce = {
  id: 'getNonce',
  method: 'GET',
  path: '/v1/accounts/{address}/nonce',
  tag: 'Accounts',
  summary: 'The nonce to sign with',
  description: 'Sign the next transaction with `next`: it counts what is already pending here.',
  parameters: accountParameter,
  query: NONE,
  answers: { 200: answers('The committed and the next nonce.', enveloped(nonce)) },
  problems: [],
  example: { path: { address: '0x4c267c91be6e739513e9647ba689ba20281cd045' } },
} satisfies Operation<typeof accountParameter, typeof NONE>
