// What a block says of its parent and what it carries, checked before anybody votes for it (DESIGN.md section 3, Vote (4)).
// The real ledger, storage in memory; blocks are made by the executor itself and then told a lie.

import { beforeAll, describe, expect, test } from 'vitest'
import type { Block, Header, ValidatorIndex, View } from '../../consensus/types.ts'
import { blockIdOf } from '../../consensus/wire.ts'
import { hashToBytes } from '../../crypto/bytes.ts'
import { hashOf } from '../../crypto/hash.ts'
import { appendPeak, merkleRoot } from '../../crypto/merkle.ts'
import type { DecodedTransaction } from '../../ledger/application.ts'
import { signTransfer } from '../../ledger/transaction.ts'
import { type BuildRequest, Executor } from '../../node/executor.ts'
import { createMemoryChainStore } from '../../node/storage/memory-store.ts'
import { createVerifier, VERIFIER_DEFAULTS } from '../../node/verifier.ts'
import { type Committee, committeeOf } from '../simulation/world/committee.ts'

const WRONG = hashOf('scoville/header/1', Buffer.from('another'))

let committee: Committee
let executor: Executor

beforeAll(async () => {
  committee = await committeeOf(4, 'fast')
})

/** An executor on a new chain, and a first block that it found valid. */
async function begin(): Promise<Block> {
  const { app, genesis, limits, validators } = committee
  const store = await createMemoryChainStore(genesis.genesisHash, limits)
  await store.initialise(genesis.block, genesis.state, appendPeak([], 0, hashToBytes(genesis.block.id)))
  executor = new Executor({
    app,
    store,
    verifier: createVerifier(app, VERIFIER_DEFAULTS, queueMicrotask),
    validators,
    limits: genesis.params,
    initialHeight: genesis.initialHeight,
  })
  const first = build(genesis.block, 1)
  expect(await executor.execute(first)).toEqual({ valid: true })
  return first
}

function requestOn(parent: Block, view: number): BuildRequest {
  return {
    view: view as View,
    parent,
    justify: committee.genesis.rootQC,
    proposer: (view % 4) as ValidatorIndex,
    timestampMs: parent.proposal.header.timestampMs + 1,
    candidates: () => [],
  }
}

function build(parent: Block, view: number, change: Partial<BuildRequest> = {}): Block {
  const { block } = executor.build({ ...requestOn(parent, view), ...change })
  return { id: block.id, proposal: { ...block.proposal, signature: new Uint8Array(64) } }
}

function lying({ proposal }: Block, lie: Partial<Header>, items = proposal.payload.items): Block {
  const header = { ...proposal.header, ...lie }
  return { id: blockIdOf(header), proposal: { ...proposal, header, payload: { ...proposal.payload, items } } }
}

describe('a block is invalid', () => {
  test.each<readonly [string, Partial<Header>, RegExp]>([
    ['of a height that its parent does not have below it', { height: 7 as Header['height'] }, /^height 7 /],
    ['with another state root of its parent', { stateRoot: WRONG }, /^stateRoot /],
    ['with another receipts root of its parent', { receiptsRoot: WRONG }, /^receiptsRoot /],
    ['with another root over its ancestors (FORMATS.md, 2)', { chainRoot: WRONG }, /^chainRoot /],
  ])('%s', async (_, lie, reason) => {
    const second = build(await begin(), 2)
    expect(await executor.execute(lying(second, lie))).toEqual({ valid: false, reason: expect.stringMatching(reason) })
    expect(executor.pending).toBe(1)
    expect(await executor.execute(second)).toEqual({ valid: true })
  })

  test("with its grandparent's receipts root", async () => {
    const first = await begin()
    const { receiptsRoot } = first.proposal.header
    const second = build(first, 2)
    expect(second.proposal.header.receiptsRoot).not.toBe(receiptsRoot)
    expect(await executor.execute(lying(second, { receiptsRoot }))).toMatchObject({ valid: false })
  })

  test('with bytes that are no transaction', async () => {
    const second = build(await begin(), 2)
    const verdict = await executor.execute(lying(second, {}, [Buffer.from('nothing')]))
    expect(verdict).toEqual({ valid: false, reason: expect.stringMatching(/^a transaction is /) })
  })
})

/** A transfer of the first person, of this nonce and until this height. */
function transfer(nonce: bigint, validUntil = 100): Uint8Array {
  const [person] = committee.people
  if (person === undefined) throw new RangeError('nobody has an account')
  return signTransfer({
    genesisHash: committee.genesis.genesisHash,
    nonce,
    fee: 1n,
    validUntil,
    outputs: [{ recipient: committee.rogue.address, amount: 1n }],
    keyPair: person.keyPair,
  }).bytes
}

function decoded(bytes: Uint8Array): DecodedTransaction {
  const outcome = committee.app.decode(bytes)
  if (!outcome.ok) throw new RangeError(outcome.refusal.kind)
  return outcome.value
}

describe('the transactions of a block', () => {
  test('DESIGN 4: one whose signature is not of its sender makes it invalid, and the same one signed does not', async () => {
    const second = build(await begin(), 2)
    const signed = transfer(0n)
    const forged = signed.map((byte, at) => (at === signed.length - 8 ? byte ^ 1 : byte))
    expect(await executor.execute(lying(second, {}, [forged]))).toEqual({ valid: false, reason: 'a bad signature' })
    expect(await executor.execute(lying(second, {}, [signed]))).toEqual({ valid: true })
  })

  test('what an uncommitted ancestor has is neither built in again nor given up; what can never commit is', async () => {
    const candidates = [transfer(0n), transfer(0n, 1)].map(decoded)
    const [waiting, expired] = candidates
    const first = build(await begin(), 2, { candidates: () => (waiting === undefined ? [] : [waiting]) })
    expect(first.proposal.payload.items).toHaveLength(1)
    expect(await executor.execute(first)).toEqual({ valid: true })
    const built = executor.build({ ...requestOn(first, 3), candidates: () => candidates })
    expect(built.block.proposal.payload.items).toEqual([])
    expect(built.dropped).toEqual([expired?.id])
  })
})

test('FORMATS 2: chainRoot is the RFC 6962 root over all ancestors', async () => {
  const ids = [committee.genesis.block.id]
  let parent = await begin()
  for (let view = 2; view <= 9; view++) {
    ids.push(parent.id)
    const block = build(parent, view)
    expect(block.proposal.header.chainRoot).toBe(merkleRoot(ids.map(hashToBytes)))
    expect(await executor.execute(block)).toEqual({ valid: true })
    parent = block
  }
})
