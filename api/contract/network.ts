// Validators, consensus and mempool as clients see them, and the operations on them.

import { z } from 'zod'
import { answers, NONE, type Operation } from './operation.ts'
import { addressMembers, bytes, count, decimal, enveloped, hash, type Seen } from './spelling.ts'

const validator = z
  .object({
    index: count,
    ...addressMembers,
    power: decimal,
    blsKey: bytes,
    nodeKey: bytes,
    self: z.boolean().meta({ description: 'Whether it is the node that answers.' }),
    connected: z.boolean().meta({ description: 'Whether the node that answers is connected to it.' }),
  })
  .meta({ id: 'Validator' })
export type ValidatorView = Seen<z.infer<typeof validator>>

const consensus = z
  .object({
    epoch: decimal,
    view: decimal,
    leader: count.meta({ description: 'Position of the leader of the view in the validator set.' }),
    highQC: z.object({ view: decimal, blockHash: hash }),
    lockedView: decimal,
    lastVotedView: decimal,
    highestTimeoutView: decimal,
    timeoutMs: z.number().min(0),
    backoff: count.meta({ description: 'Views that ended in a TC, less commits.' }),
    quorum: decimal,
    totalPower: decimal,
  })
  .meta({ id: 'Consensus' })
export type ConsensusView = Seen<z.infer<typeof consensus>>

const mempool = z
  .object({ count, bytes: count, ready: count, queued: count, countMax: count, bytesMax: count })
  .meta({ id: 'Mempool' })
export type MempoolView = Seen<z.infer<typeof mempool>>

export const listValidators = {
  id: 'listValidators',
  method: 'GET',
  path: '/v1/validators',
  tag: 'Network',
  summary: 'The validators',
  description: 'In the order of the validator set, to which the signers of certificates refer.',
  parameters: NONE,
  query: NONE,
  answers: { 200: answers('All validators of the epoch.', enveloped(z.array(validator))) },
  problems: [],
  example: {},
} satisfies Operation<typeof NONE, typeof NONE>

export const getConsensus = {
  id: 'getConsensus',
  method: 'GET',
  path: '/v1/consensus',
  tag: 'Network',
  summary: 'Where this node’s consensus stands',
  description: 'The view of this node, not something the chain agreed on.',
  parameters: NONE,
  query: NONE,
  answers: { 200: answers('Views, lock and timer.', enveloped(consensus)) },
  problems: [],
  example: {},
} satisfies Operation<typeof NONE, typeof NONE>

export const getMempool = {
  id: 'getMempool',
  method: 'GET',
  path: '/v1/mempool',
  tag: 'Network',
  summary: 'How full this node’s mempool is',
  description: 'Counts only.',
  parameters: NONE,
  query: NONE,
  answers: { 200: answers('Counts and their limits.', enveloped(mempool)) },
  problems: [],
  example: {},
} satisfies Operation<typeof NONE, typeof NONE>
