// One validator of four lies, under its real key: the other three go on, and where the lie is provable they hold the proof.
// DESIGN.md section 3, "Equivocation" and "Votes"; PITFALLS 23 and 34.

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { loadBls } from '../../crypto/bls-backend.ts'
import { agreedChain, answerOf, reach } from './chain.ts'
import { Cluster } from './cluster.ts'
import { Liar, type Lie } from './liar.ts'
import { Wallet } from './wallet.ts'

const HONEST = [0, 1, 2]
const LIAR = 3

let cluster: Cluster
let liar: Liar
let wallet: Wallet
beforeAll(async () => {
  cluster = await Cluster.create({ flags: { 'base-timeout-ms': '300', 'idle-interval-ms': '100' } })
  ;[wallet] = Wallet.funded(cluster.genesisHash)
  liar = new Liar(cluster, LIAR, await loadBls())
  await liar.start()
  await cluster.restart(...HONEST)
  await cluster.until('the liar is connected to everybody', () => liar.peers === HONEST.length)
})
afterEach(({ task }) => {
  liar.lie = 'none'
  if (task.result?.state === 'fail') cluster.printLogs()
})
afterAll(async () => {
  await liar?.stop()
  await cluster?.stop()
})

/** Log lines of all honest nodes with this message. */
function logged(message: string): readonly Readonly<Record<string, unknown>>[] {
  return HONEST.flatMap((index) => cluster.log(index).split('\n'))
    .filter((line) => line.includes(`"msg":"${message}"`))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

async function tell(lie: Lie, times: number): Promise<void> {
  const told = liar.told
  liar.lie = lie
  await cluster.until(`${times} times: ${lie}`, () => liar.told >= told + times)
  expect(liar.faults).toEqual([])
}

/** A transaction commits while the lie goes on. */
async function goesOn(): Promise<void> {
  const { bytes } = wallet.pay(wallet.address, 1n)
  expect(answerOf(await cluster.client(0).submit(bytes, { waitMs: 30_000 })).status).toBe('committed')
  await reach(cluster, HONEST, (await cluster.height(0)) + 2)
}

const EQUIVOCATION = 'equivocation: two conflicting signed messages'

test('silent, it costs time and nothing else', async () => {
  await goesOn()
  for (const index of HONEST) expect(await cluster.metric(index, 'scoville_evidence')).toBe(0)
})

test('votes with bad signatures are found out, and the others make the quorum', async () => {
  await tell('votes-badly', 10)
  await goesOn()
  const refuted = logged('votes with bad signatures')
  expect(refuted.length).toBeGreaterThan(0)
  expect(new Set(refuted.flatMap(({ culprits }) => culprits))).toEqual(new Set([LIAR]))
  expect(logged(EQUIVOCATION)).toEqual([])
})

test('two votes in one view are proved, and the first one counts', async () => {
  await tell('votes-twice', 6)
  await goesOn()
  await cluster.until('a proof', () => logged(EQUIVOCATION).length > 0)
  expect(new Set(logged(EQUIVOCATION).map(({ kind, validator }) => `${kind} ${validator}`))).toEqual(
    new Set([`double-vote ${LIAR}`]),
  )
})

test('two proposals in one view are proved by everybody, and neither commits', async () => {
  await tell('proposes-twice', 3)
  await goesOn()
  const proofs = () => logged(EQUIVOCATION).filter(({ kind }) => kind === 'double-proposal')
  await cluster.until('a proof at each', () => proofs().length === HONEST.length)
  expect(new Set(proofs().map(({ validator }) => validator))).toEqual(new Set([LIAR]))
  const chain = await agreedChain(cluster, HONEST)
  expect(chain.filter(({ proposer }) => proposer?.index === LIAR)).toEqual([])
  cluster.expectNoCrash()
})
