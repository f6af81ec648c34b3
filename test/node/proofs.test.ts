// What a node proves holds for whoever has the genesis file: every committed block, transaction and account, on validators and
// followers, with and without views that certified nothing (DESIGN.md section 4, guarantee 5).

import { beforeAll, describe, expect, test } from 'vitest'
import { type Trust, trustGenesis, verifyAccount, verifyCertificate, verifyTransaction } from '../../api/verify.ts'
import type { Height } from '../../consensus/types.ts'
import { assert } from '../../crypto/assert.ts'
import { readAccount } from '../../ledger/account.ts'
import { createProofReader } from '../../node/proofs.ts'
import { createProvedChain, type ProvedChain, readerOf } from './proved-chain.ts'

let chain: ProvedChain
let trust: Trust

beforeAll(async () => {
  chain = await createProvedChain('fast')
  const { genesis, scheme } = chain.committee
  trust = trustGenesis(genesis, scheme.bls)
})

const running = () => chain.world.nodes.filter(({ isRunning }) => isRunning)

describe('a block', () => {
  test('every one from genesis to the head is proved final, with who certified it', async () => {
    const lengths = new Set<number>()
    for (const node of running()) {
      const { store, certificate } = readerOf(node)
      const head = store.head()
      assert(head !== undefined && head.height >= 10, 'the chain has grown')
      for (let height = 0; height <= head.height; height++) {
        const id = store.blockAt(height as Height)?.block.id
        assert(id !== undefined, 'a committed block is held')
        const proof = certificate(id)
        assert(proof !== undefined, `block ${height} is not proved by ${node.id}`)
        lengths.add(proof.finality.headers.length)
        const verdict = await verifyCertificate(trust, id, proof)
        const power = height === 0 ? 0 : trust.validators.quorum
        expect(verdict).toMatchObject({ ok: true, value: { id, header: { height } } })
        expect(verdict.ok && verdict.value.power).toBeGreaterThanOrEqual(power)
        expect((await verifyCertificate(trust, height as Height, proof)).ok).toBe(true)
      }
    }
    // Two headers where views followed each other; more where the stopped validator led between them.
    expect(lengths.has(2)).toBe(true)
    expect([...lengths].some((length) => length > 2)).toBe(true)
  })

  test('nobody has: nothing is proved', () => {
    const [node] = running()
    assert(node !== undefined, 'some run')
    expect(readerOf(node).certificate('ab'.repeat(32) as never)).toBeUndefined()
    expect(readerOf(node).transaction('ab'.repeat(32) as never)).toBeUndefined()
  })
})

describe('a transaction', () => {
  test('is proved with its receipt, the failed one too, at the place where it committed', async () => {
    for (const node of running()) {
      const { store, transaction } = readerOf(node)
      const statuses: unknown[] = []
      for (const id of chain.sent) {
        const place = store.transactionAt(id)
        const proof = transaction(id)
        assert(place !== undefined && proof !== undefined, `${id} is not proved by ${node.id}`)
        const verdict = await verifyTransaction(trust, id, proof)
        const at = { block: { header: { height: place.height } }, index: place.index }
        expect(verdict).toMatchObject({ ok: true, value: { ...at, parsed: { id }, receipt: { transactionId: id } } })
        if (verdict.ok) statuses.push(verdict.value.receipt.status)
      }
      expect(statuses).toEqual([1, 1, 1, 0])
    }
  })
})

describe('an account', () => {
  test('is proved at the head while the chain grows, and so is that there is none', async () => {
    const person = chain.committee.people[1]
    assert(person !== undefined, 'there are people')
    for (let round = 0; round < 4; round++) {
      await chain.grow(chain.world.committedHeight + 1)
      for (const node of running()) {
        const { store, account } = readerOf(node)
        const height = store.head()?.height
        const held = account(person.address)
        const none = account('ee'.repeat(20))
        assert(held !== undefined && none !== undefined, `nothing is proved by ${node.id}`)
        expect(await verifyAccount(trust, person.address, held)).toMatchObject({
          ok: true,
          value: { block: { header: { height } }, account: readAccount(store.state(), person.address), exists: true },
        })
        const absent = { balance: 0n, nonce: 0n, historyCount: 0 }
        expect(await verifyAccount(trust, 'ee'.repeat(20), none)).toMatchObject({
          ok: true,
          value: { block: { header: { height } }, account: absent, exists: false },
        })
      }
    }
  })

  test('what committed the head is not held: nothing is proved, rather than something weaker', () => {
    const [node] = running()
    assert(node !== undefined, 'some run')
    const { store } = readerOf(node)
    const head = store.head()
    assert(head !== undefined, 'there is a head')
    const reader = createProofReader({ store, uncommitted: () => undefined })
    expect(reader.account('ee'.repeat(20))).toBeUndefined()
    expect(reader.certificate(head.blockId)).toBeUndefined()
  })
})
