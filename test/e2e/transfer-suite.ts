// What every user does first, end to end on four processes: run with each BLS backend (PITFALLS 42).

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { trustGenesis, verifyAccount, verifyTransaction } from '../../api/verify.ts'
import type { AccountView } from '../../api/view.ts'
import { readAccountProof, readTransactionProof } from '../../api/view-proof.ts'
import { loadBls } from '../../crypto/bls-backend.ts'
import { DEVNET_BALANCE } from '../../genesis/devnet.ts'
import { agreedChain, answerOf, reach } from './chain.ts'
import { Cluster, type ClusterOptions } from './cluster.ts'
import { Wallet } from './wallet.ts'

const ALL = [0, 1, 2, 3]
const SUPPLY = 10n * DEVNET_BALANCE
const WAIT = { waitMs: 30_000 }

export function describeTransfers(title: string, options: ClusterOptions): void {
  describe(title, () => {
    let cluster: Cluster
    let alice: Wallet
    let bob: Wallet
    let carol: Wallet
    beforeAll(async () => {
      cluster = await Cluster.start(options)
      const [first, second, third] = Wallet.funded(cluster.genesisHash)
      if (second === undefined || third === undefined) throw new Error('too few wallets')
      ;[alice, bob, carol] = [first, second, third]
    })
    afterEach(({ task }) => {
      if (task.result?.state === 'fail') cluster.printLogs()
    })
    afterAll(() => cluster?.stop())

    /** One question to all four, who must give one answer. */
    async function everyone<T>(ask: (index: number) => Promise<T>): Promise<T> {
      const [first, ...others] = await Promise.all(ALL.map(ask))
      for (const other of others) expect(other).toEqual(first)
      return first as T
    }

    async function balances(addresses: readonly string[]): Promise<bigint[]> {
      const balance = async (address: string) =>
        BigInt(await everyone(async (index) => answerOf(await cluster.client(index).account(`0x${address}`)).balance))
      return Promise.all(addresses.map(balance))
    }

    test('a transfer submitted at one node is read back equal from all four', async () => {
      const { id, bytes } = alice.pay(bob.address, 1_234n)
      const submitted = answerOf(await cluster.client(1).submit(bytes, WAIT))
      expect(submitted).toMatchObject({ hash: `0x${id}`, status: 'committed', final: true, duplicate: false })
      const height = Number(submitted.block?.height)
      await reach(cluster, ALL, height + 1)

      const transaction = await everyone(async (index) => answerOf(await cluster.client(index).transaction(id)))
      expect(transaction).toMatchObject({
        status: 'committed',
        block: submitted.block,
        transaction: { senderHex: `0x${alice.address}`, nonce: '0', fee: '10', total: '1234' },
        receipt: { status: 1, fee: '10' },
      })
      const block = await everyone(async (index) =>
        answerOf(await cluster.client(index).block(height, ['transactions', 'certificate'])),
      )
      expect(block.hash).toBe(submitted.block?.hash)
      expect(block.transactions?.map(({ hash }) => hash)).toContain(`0x${id}`)
      expect(block.certificate?.blockHash).toBe(block.hash)
      expect(block.certificate?.signers.length).toBeGreaterThanOrEqual(3)
      const byHash = await everyone(async (index) =>
        answerOf(await cluster.client(index).block(block.hash, ['transactions', 'certificate'])),
      )
      expect(byHash).toEqual(block)
      const [paid, received] = await balances([alice.address, bob.address])
      expect(paid).toBe(DEVNET_BALANCE - 1_234n - 10n)
      expect(received).toBe(DEVNET_BALANCE + 1_234n)
    })

    test('what every node proves of a transfer and an account holds for whoever has the genesis file', async () => {
      const { id, bytes } = alice.pay(carol.address, 7n)
      const { block } = answerOf(await cluster.client(2).submit(bytes, WAIT))
      await reach(cluster, ALL, Number(block?.height))
      const trust = trustGenesis(cluster.genesis, await loadBls())
      for (const index of ALL) {
        const ask = async (path: string) => {
          const { data } = (await (await fetch(cluster.url(index) + path)).json()) as { readonly data: AccountView }
          return data
        }
        const transaction = readTransactionProof(await ask(`/v1/transactions/0x${id}/proof`), ALL.length)
        if (transaction === undefined) throw new Error(`node ${index} proves nothing`)
        expect(await verifyTransaction(trust, id, transaction)).toMatchObject({
          ok: true,
          value: { block: { header: { height: Number(block?.height) } }, receipt: { status: 1 } },
        })
        const said = await ask(`/v1/accounts/0x${carol.address}?proof=true`)
        const account = readAccountProof(said.proof, ALL.length)
        if (account === undefined) throw new Error(`node ${index} proves no account`)
        expect(await verifyAccount(trust, carol.address, account)).toMatchObject({
          ok: true,
          value: { account: { balance: BigInt(said.balance) }, block: { header: { height: Number(said.height) } } },
        })
      }
    })

    test('submitting it again is answered with the committed one by every node, and nothing moves', async () => {
      const { id, bytes } = bob.pay(carol.address, 5n)
      const { block } = answerOf(await cluster.client(0).submit(bytes, WAIT))
      await reach(cluster, ALL, Number(block?.height))
      const before = await balances([bob.address, carol.address])
      for (const index of ALL) {
        const again = await cluster.client(index).submit(bytes)
        expect(again.status).toBe(200)
        expect(answerOf(again)).toMatchObject({ hash: `0x${id}`, status: 'committed', duplicate: true, block })
      }
      await reach(cluster, ALL, (await cluster.height(0)) + 2)
      expect(await balances([bob.address, carol.address])).toEqual(before)
    })

    test('a transfer beyond the balance commits as failed, with its reason, and costs its fee', async () => {
      const [before, other] = await balances([carol.address, alice.address])
      const { id, bytes } = carol.pay(alice.address, DEVNET_BALANCE * 2n)
      const submitted = await cluster.client(2).submit(bytes, WAIT)
      expect(submitted.status).toBe(200)
      expect(answerOf(submitted)).toMatchObject({
        status: 'failed',
        final: true,
        reason: { code: 'insufficient-funds' },
      })
      await reach(cluster, ALL, Number(answerOf(submitted).block?.height))
      const read = await everyone(async (index) => answerOf(await cluster.client(index).transaction(id)))
      expect(read).toMatchObject({ status: 'failed', receipt: { status: 0, fee: '10' } })
      const [after, untouched] = await balances([carol.address, alice.address])
      expect(after).toBe((before ?? 0n) - 10n)
      expect(untouched).toBe(other)
    })

    test('one transaction pays many, and the same one submitted to all nodes at once executes once', async () => {
      const fresh = (at: number) => at.toString(16).padStart(40, 'f')
      const outputs = Array.from({ length: 50 }, (_, at) => ({ recipient: fresh(at), amount: BigInt(at + 1) }))
      const { bytes } = alice.sign(outputs)
      alice.nonce += 1n
      const answers = await Promise.all(ALL.map((index) => cluster.client(index).submit(bytes, WAIT)))
      const views = answers.map(answerOf)
      expect(views.map(({ status }) => status)).toEqual(ALL.map(() => 'committed'))
      expect(new Set(views.map(({ block }) => block?.hash)).size).toBe(1)
      await reach(cluster, ALL, Number(views[0]?.block?.height))
      expect(await balances(outputs.map(({ recipient }) => recipient))).toEqual(outputs.map(({ amount }) => amount))
    })

    test('the four chains are one, linked, and no coin was made or lost', async () => {
      await agreedChain(cluster, ALL)
      const fresh = Array.from({ length: 50 }, (_, at) => at.toString(16).padStart(40, 'f'))
      const users = Wallet.funded(cluster.genesisHash).map(({ address }) => address)
      const proposers = cluster.keys.map(({ id }) => id)
      const all = await balances([...users, ...proposers, ...fresh])
      expect(all.reduce((sum, balance) => sum + balance, 0n)).toBe(SUPPLY)
      cluster.expectNoCrash()
    })
  })
}
