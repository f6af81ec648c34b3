// The checker against histories made by hand: an honest one passes, and each anomaly that was put into it is named.

import { describe, expect, test } from 'vitest'
import { ANOMALIES_MAX, type AnomalyName, Checker } from './checker.ts'
import type { AccountFact, Complete, HistoryEvent, Invoke, SignedTransfer, TransactionFact } from './journal.ts'
import { type ChainBlock, Model } from './model.ts'

const ANNA = 'aa'
const BELA = 'bb'
const CARL = 'cc'
const FUNDED = new Map([[ANNA, 1_000n]])

function transfer(id: string, sender: string, nonce: number, outputs: SignedTransfer['outputs']): SignedTransfer {
  return { id, sender, nonce, fee: '1', validUntil: 9, outputs }
}

const TWO_OUTPUTS = transfer('t1', ANNA, 0, [
  [BELA, '10'],
  [CARL, '10'],
])
const SECOND = transfer('t2', ANNA, 1, [[BELA, '5']])
const TOO_MUCH = transfer('t3', ANNA, 2, [[BELA, '5000']])
const ONWARD = transfer('t4', BELA, 0, [[CARL, '1']])
const NEVER = transfer('t5', CARL, 0, [[ANNA, '3']])
const SIGNED = [TWO_OUTPUTS, SECOND, TOO_MUCH, ONWARD, NEVER]

function block(height: number, ...transactions: ChainBlock['transactions']): ChainBlock {
  return {
    height,
    hash: `h${height}`,
    parent: `h${height - 1}`,
    proposer: height === 0 ? undefined : 'ff',
    transactions,
  }
}

const ok = ({ id }: SignedTransfer) => ({ id, failed: false })
const CHAIN = [
  block(0),
  block(1, ok(TWO_OUTPUTS), ok(SECOND)),
  block(2, { id: TOO_MUCH.id, failed: true }),
  block(3, ok(ONWARD)),
]

function modelOf(chain: readonly ChainBlock[], signed: readonly SignedTransfer[] = SIGNED): Model {
  return new Model(chain, FUNDED, new Map(signed.map((one) => [one.id, one])))
}

type Asked = Partial<Omit<Invoke, 'event' | 'op'>>
type Told = Partial<Omit<Complete, 'op'>>

/** One operation after the other; an answer is 200 at height 3 unless told. */
function history(...operations: readonly (readonly [Asked, Told])[]): HistoryEvent[] {
  return operations.flatMap(([asked, told], op): HistoryEvent[] => {
    const { height = 3 } = told
    return [
      { event: 'invoke', op, client: 0, node: 0, atMs: op, kind: 'account', ...asked },
      { event: 'ok', op, atMs: op, status: 200, height, headHash: `h${height}`, ...told },
    ]
  })
}

function namesIn(events: readonly HistoryEvent[], chain: readonly ChainBlock[] = CHAIN): AnomalyName[] {
  const checker = new Checker(modelOf(chain))
  for (const event of events) checker.take(event)
  return checker.verdict.anomalies.map(({ name }) => name)
}

const account = (address: string, height: number, balance: string, nonce: number): AccountFact => {
  return { address, height, balance, nonce }
}
const committed = (id: string, height: number, index: number): TransactionFact => {
  return { id, status: 'committed', place: { height, blockHash: `h${height}`, index } }
}
const SIGNING: readonly [Asked, Told] = [
  { kind: 'submit', signed: SIGNED },
  { status: 202, height: 0 },
]
const SEEN_THREE: readonly [Asked, Told] = [{ kind: 'latest' }, {}]

test('an honest history has no anomaly, whatever its nodes and tokens', () => {
  const events = history(
    SIGNING,
    [{}, { height: 1, account: account(ANNA, 1, '973', 2) }],
    [{ token: 1 }, { height: 1, account: account(BELA, 1, '15', 0) }],
    [{ kind: 'submit-and-wait' }, { transactions: [committed('t4', 3, 0)] }],
    // Another node may be behind, without a token.
    [{ node: 1 }, { height: 0, account: account(ANNA, 0, '1000', 0) }],
    [
      { node: 1, token: 3 },
      { event: 'fail', status: 412, height: 2 },
    ],
    [
      { node: 1, kind: 'status' },
      { event: 'fail', status: 404, height: 2, transactions: [{ id: 't4', status: 'unknown' }] },
    ],
    [{ node: 1, token: 3 }, { account: account(ANNA, 3, '972', 3) }],
    [
      { kind: 'status' },
      {
        transactions: [
          { id: 't3', status: 'failed', place: committed('t3', 2, 0).place ?? { height: 0, blockHash: '', index: 0 } },
        ],
      },
    ],
    [{ kind: 'block', at: 1 }, { blocks: [{ height: 1, hash: 'h1', parent: 'h0', count: 2, ids: ['t1', 't2'] }] }],
    [{ kind: 'status' }, { transactions: [{ id: 't5', status: 'expired' }] }],
    [{ kind: 'account' }, { account: account('ff', 3, '4', 0) }],
    [{ kind: 'account' }, { account: account('never used', 3, '0', 0) }],
    [{}, { event: 'info', height: 0 }],
  )
  expect(namesIn(events)).toEqual([])
})

describe('each anomaly has its name', () => {
  const rows: readonly (readonly [string, readonly (readonly [Asked, Told])[], readonly AnomalyName[]])[] = [
    ['S13: a head below the token', [[{ token: 2 }, { height: 1 }]], ['stale-after-token']],
    [
      'S13: an account below the token, under a head that is not',
      [[{ token: 2 }, { account: account(ANNA, 1, '973', 2) }]],
      ['stale-after-token'],
    ],
    [
      'S13: a committed transaction unknown below the token, at a node that was never asked before',
      [
        [
          { kind: 'status', token: 3 },
          { event: 'fail', status: 404, transactions: [{ id: 't4', status: 'unknown' }] },
        ],
      ],
      ['stale-after-token'],
    ],
    [
      'S13: a node shows an older head than before',
      [SEEN_THREE, [{ client: 1 }, { height: 2 }]],
      ['non-monotonic-height'],
    ],
    [
      'S13: a node refuses a height it had shown',
      [SEEN_THREE, [{ token: 3 }, { event: 'fail', status: 412 }]],
      ['non-monotonic-height'],
    ],
    [
      'S11: a block that was there is unknown',
      [
        SEEN_THREE,
        [
          { kind: 'block', at: 2 },
          { event: 'fail', status: 404 },
        ],
      ],
      ['non-monotonic-height'],
    ],
    [
      'S13: the latest block is older than the head that was shown',
      [SEEN_THREE, [{ kind: 'latest' }, { blocks: [{ height: 2, hash: 'h2', parent: 'h1', count: 1 }] }]],
      ['non-monotonic-height'],
    ],
    [
      "S13: the reader's own committed transaction is not in the account",
      [
        SIGNING,
        [
          { kind: 'submit-and-wait', node: 1 },
          { height: 1, transactions: [committed('t2', 1, 1)] },
        ],
        [
          { node: 2, token: 1 },
          { height: 2, account: account(ANNA, 1, '979', 1) },
        ],
      ],
      ['read-your-writes', 'intermediate-read'],
    ],
    ['S12: a balance of no block', [[{}, { account: account(ANNA, 3, '900', 3) }]], ['aborted-read']],
    [
      'S12: a balance between two transactions of a block',
      [[{}, { height: 1, account: account(ANNA, 1, '979', 1) }]],
      ['intermediate-read'],
    ],
    [
      'S12: the second output of a transfer without its first: one recipient has it, the other not',
      [
        [{}, { height: 1, account: account(CARL, 1, '10', 0) }],
        [{}, { height: 1, account: account(BELA, 1, '5', 0) }],
      ],
      ['aborted-read'],
    ],
    ['S12: the balance of another height', [[{}, { account: account(ANNA, 2, '973', 2) }]], ['wrong-value']],
    [
      'S12: a state above the head of the same answer',
      [[{}, { height: 2, account: account(BELA, 3, '13', 1) }]],
      ['early-read'],
    ],
    [
      'S12: a transaction committed above the head of the same answer',
      [[{ kind: 'status' }, { height: 2, transactions: [committed('t4', 3, 0)] }]],
      ['early-read'],
    ],
    [
      'S12: a stranger sees a transaction that never committed',
      [SIGNING, [{ kind: 'status', client: 1 }, { transactions: [committed('t5', 3, 0)] }]],
      ['aborted-read'],
    ],
    [
      'S11: a write was acknowledged and is not in the chain',
      [SIGNING, [{ kind: 'submit-and-wait' }, { transactions: [committed('t5', 3, 0)] }]],
      ['lost-write'],
    ],
    [
      'S12: committed, and then pending at the same node',
      [SEEN_THREE, [{ kind: 'status' }, { transactions: [{ id: 't4', status: 'pending' }] }]],
      ['regressing-status'],
    ],
    [
      'PITFALLS 44: committed, and then refused as if it were new',
      [
        SEEN_THREE,
        [
          { kind: 'submit' },
          { event: 'fail', status: 422, transactions: [{ id: 't4', status: 'refused', code: 'nonce-too-low' }] },
        ],
      ],
      ['regressing-status'],
    ],
    [
      'S12: expired for ever, and committed after all',
      [[{ kind: 'status' }, { height: 1, transactions: [{ id: 't4', status: 'expired' }] }]],
      ['terminal-status-undone'],
    ],
    [
      'S12: failed, said to be a success',
      [[{ kind: 'status' }, { transactions: [committed('t3', 2, 0)] }]],
      ['wrong-outcome'],
    ],
    ['S1: another head than in the chain', [[{}, { headHash: 'x' }]], ['two-blocks-at-one-height']],
    [
      'S1: another block than in the chain',
      [[{ kind: 'block', at: 2 }, { blocks: [{ height: 2, hash: 'x', parent: 'h1', count: 1 }] }]],
      ['two-blocks-at-one-height'],
    ],
    [
      'S1: a transaction in another place than in the chain',
      [[{ kind: 'status' }, { transactions: [committed('t2', 2, 0)] }]],
      ['two-blocks-at-one-height'],
    ],
    [
      'S12: half a block',
      [[{ kind: 'block', at: 1 }, { blocks: [{ height: 1, hash: 'h1', parent: 'h0', count: 1, ids: ['t1'] }] }]],
      ['intermediate-read'],
    ],
    [
      'S12: a block with a transaction that never committed',
      [[{ kind: 'block', at: 3 }, { blocks: [{ height: 3, hash: 'h3', parent: 'h2', count: 1, ids: ['t5'] }] }]],
      ['aborted-read', 'intermediate-read'],
    ],
  ]
  test.each(rows)('%s', (_sentence, operations, names) => {
    expect(namesIn(history(...operations))).toEqual(names)
  })
})

describe('the chain itself', () => {
  const rows: readonly (readonly [string, readonly ChainBlock[], readonly AnomalyName[]])[] = [
    ['S9: one transaction twice', [...CHAIN, block(4, ok(ONWARD))], ['duplicate-execution', 'duplicate-execution']],
    ['S9: a nonce is left out', [block(0), block(1, ok(SECOND))], ['nonce-gap']],
    [
      'S12: a transaction that nobody signed',
      [block(0), block(1, { id: 'x', failed: false })],
      ['phantom-transaction'],
    ],
    ['S10: a success without the money', [...CHAIN.slice(0, 2), block(2, ok(TOO_MUCH))], ['wrong-outcome']],
    ['S6: a block on another parent', [block(0), { ...block(1), parent: 'x' }], ['broken-chain']],
    [
      'DESIGN 4: committed past validUntil',
      [...CHAIN, ...[4, 5, 6, 7, 8, 9].map((height) => block(height)), block(10, ok(NEVER))],
      ['wrong-outcome'],
    ],
  ]
  test.each(rows)('%s', (_sentence, chain, names) => {
    expect(namesIn([], chain)).toEqual(names)
  })
})

test('a node that was killed still owes what it had shown', () => {
  const killed: HistoryEvent = { event: 'nemesis', atMs: 0, what: 'kill one' }
  const [before = killed, shown = killed, ...after] = history(SEEN_THREE, [{ client: 1 }, { height: 2 }])
  expect(namesIn([before, shown, killed, ...after])).toEqual(['non-monotonic-height'])
})

test('what was asked before the node had shown a height may be older', () => {
  const [first, seen, late, lateAnswer] = history(SEEN_THREE, [{ client: 1 }, { height: 2 }])
  if (first === undefined || seen === undefined || late === undefined || lateAnswer === undefined) throw new Error()
  expect(namesIn([first, late, seen, lateAnswer])).toEqual([])
})

test('anomalies beyond ANOMALIES_MAX are counted, not kept', () => {
  const checker = new Checker(modelOf(CHAIN))
  const many = Array.from({ length: ANOMALIES_MAX + 5 }, (): readonly [Asked, Told] => [{ token: 2 }, { height: 1 }])
  for (const event of history(...many)) checker.take(event)
  expect(checker.verdict.anomalies.length).toBe(ANOMALIES_MAX)
  expect(checker.verdict.counts.get('stale-after-token')).toBe(ANOMALIES_MAX + 5)
  expect(checker.verdict.operations.get('account')).toEqual({ ok: ANOMALIES_MAX + 5, fail: 0, info: 0 })
})
