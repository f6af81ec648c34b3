// What every ChainStore must do, run against each implementation (STYLE.md, "Port suites").

import { describe, expect, it } from 'vitest'
import type { Block, BlockId, Height } from '../../../consensus/types.ts'
import { InvariantError } from '../../../crypto/assert.ts'
import { toHex } from '../../../crypto/bytes.ts'
import type { StoredBlock } from '../../../node/ports.ts'
import { encodeStoredBlock, encodeUncommitted } from '../../../node/storage/block-record.ts'
import { UNCOMMITTED_MAX } from '../../../node/storage/chain-check.ts'
import type { OpenedChainStore } from '../../../node/storage/chain-store.ts'
import { RECENT_BLOCKS_MAX, RECENT_BYTES_MAX } from '../../../node/storage/recent-blocks.ts'
import {
  blockAt,
  certificateOf,
  chainOf,
  GENESIS_BLOCK,
  GENESIS_PEAKS,
  GENESIS_STATE,
  GENESIS_STORED,
  hashOfText,
  heightOf,
  recordOn,
} from './fixture.ts'

/** Compared as encoded: whether bytes arrive as a Buffer or a plain view is nobody's business. */
const storedHex = (stored: StoredBlock | undefined): string | undefined => stored && toHex(encodeStoredBlock(stored))
const blockHex = (block: Block): string => toHex(encodeUncommitted(block))

export interface StoreUnderTest {
  readonly store: OpenedChainStore
  /** Closes it and opens what is on its disk. */
  reopen(): Promise<StoreUnderTest>
}

async function withGenesis(open: () => Promise<StoreUnderTest>): Promise<StoreUnderTest> {
  const opened = await open()
  await opened.store.initialise(GENESIS_BLOCK, GENESIS_STATE, GENESIS_PEAKS)
  return opened
}

export function chainStoreSuite(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`${name}: the committed chain`, () => {
    it('is empty before genesis and holds block 0 after it, over a reopening', async () => {
      const opened = await open()
      expect(opened.store.head()).toBeUndefined()
      expect(opened.store.blockAt(0 as Height)).toBeUndefined()
      expect(opened.store.mirror.isChainEmpty()).toBe(true)
      await opened.store.initialise(GENESIS_BLOCK, GENESIS_STATE, GENESIS_PEAKS)
      const { store } = await opened.reopen()
      expect(store.head()).toMatchObject({ height: 0, blockId: GENESIS_BLOCK.id })
      expect(store.head()?.certificate).toBeUndefined()
      expect(storedHex(store.blockAt(0 as Height))).toBe(storedHex(GENESIS_STORED))
      expect(store.mirror.isChainEmpty()).toBe(true)
      expect(heightOf(store.state().get(hashOfText('alice')))).toBe(0)
      await expect(store.initialise(GENESIS_BLOCK, GENESIS_STATE, GENESIS_PEAKS)).rejects.toThrow(InvariantError)
    })

    it('answers by height, block id and transaction id, before and after a reopening', async () => {
      const opened = await withGenesis(open)
      const records = chainOf(3)
      const [first, second, third] = records
      if (first === undefined || second === undefined || third === undefined) throw new Error('three records')
      await opened.store.commit([first], certificateOf(first))
      await opened.store.commit([second, third], certificateOf(third))
      const check = ({ store }: StoreUnderTest): void => {
        expect(store.head()).toMatchObject({ height: 3, blockId: third.block.id, certificate: certificateOf(third) })
        for (const record of records) {
          expect(storedHex(store.blockAt(record.block.proposal.header.height))).toBe(storedHex(record))
          expect(storedHex(store.blockById(record.block.id))).toBe(storedHex(record))
          record.transactionIds.forEach((id, index) => {
            expect(store.transactionAt(id)).toEqual({ height: record.block.proposal.header.height, index })
          })
        }
        expect(store.blockAt(4 as Height)).toBeUndefined()
        expect(store.blockById(hashOfText('no block') as BlockId)).toBeUndefined()
        expect(store.transactionAt(hashOfText('no transaction'))).toBeUndefined()
        expect(store.mirror.isChainEmpty()).toBe(false)
      }
      check(opened)
      check(await opened.reopen())
    })

    it('keeps the last state: changed, born and deleted values and nodes', async () => {
      const opened = await withGenesis(open)
      for (const record of chainOf(3)) await opened.store.commit([record], certificateOf(record))
      const { store: again } = await opened.reopen()
      for (const store of [opened.store, again]) {
        const state = store.state()
        // The first of the two stores is closed: what it still answers comes from its cache.
        expect(heightOf(state.get(hashOfText('alice')))).toBe(3)
        expect(heightOf(state.get(hashOfText('born at 3')))).toBe(3)
        expect(state.get(hashOfText('born at 2'))).toBeUndefined()
        expect(heightOf(state.node(''))).toBe(3)
        expect(heightOf(state.node('3'))).toBe(3)
        expect(state.node('2')).toBeUndefined()
      }
    })

    it('takes a full block: a megabyte of payload, thousands of receipts and ids', async () => {
      const opened = await withGenesis(open)
      const items = Array.from({ length: 5_000 }, (_, i) => new Uint8Array(200).fill(i))
      const block = blockAt({ height: 1, view: 1, parent: GENESIS_STORED, items })
      const receipts = items.map((item) => item.subarray(0, 120))
      const transactionIds = items.map((_, i) => hashOfText(`transaction ${i}`))
      const record = { ...recordOn(GENESIS_STORED), block, receipts, transactionIds }
      await opened.store.saveBlock(block)
      await opened.store.commit([record], certificateOf(record))
      const { store } = await opened.reopen()
      expect(storedHex(store.blockAt(1 as Height))).toBe(storedHex(record))
      expect(store.transactionAt(hashOfText('transaction 4999'))).toEqual({ height: 1, index: 4_999 })
    })

    it('serves blocks older than those kept in memory', async () => {
      const { store } = await withGenesis(open)
      const records = chainOf(RECENT_BLOCKS_MAX + 3)
      const last = records.at(-1)
      if (last === undefined) throw new Error('records')
      await store.commit(records, certificateOf(last))
      expect(store.blockAt(1 as Height)?.block.id).toBe(records[0]?.block.id)
      expect(store.blockAt(0 as Height)?.block.id).toBe(GENESIS_BLOCK.id)
    })

    it('keeps blocks decoded within both bounds, and serves those it let go', async () => {
      const { store } = await withGenesis(open)
      const small = chainOf(RECENT_BLOCKS_MAX + 3)
      for (const record of small) await store.commit([record], certificateOf(record))
      expect(store.recentBlocks).toBe(RECENT_BLOCKS_MAX)
      const receipts = [new Uint8Array(RECENT_BYTES_MAX / 2)]
      const heavy = chainOf(RECENT_BLOCKS_MAX + 6).slice(-3)
      for (const record of heavy) await store.commit([{ ...record, receipts }], certificateOf(record))
      expect(store.recentBlocks).toBe(2)
      expect(store.blockAt(1 as Height)?.block.id).toBe(small[0]?.block.id)
    })

    it('shows one height to every read while a commit is being written (PITFALLS 43)', async () => {
      const { store } = await withGenesis(open)
      const [first, second] = chainOf(2)
      if (first === undefined || second === undefined) throw new Error('two records')
      await store.commit([first], certificateOf(first))
      let isDone = false
      const commit = store.commit([second], certificateOf(second)).then(() => {
        isDone = true
      })
      let looks = 0
      while (!isDone) {
        const height = store.head()?.height ?? -1
        expect(heightOf(store.state().get(hashOfText('alice')))).toBe(height)
        expect(heightOf(store.state().node(''))).toBe(height)
        expect(store.state().get(hashOfText('born at 2')) !== undefined).toBe(height === 2)
        expect(store.blockAt(2 as Height) !== undefined).toBe(height === 2)
        expect(store.blockById(second.block.id) !== undefined).toBe(height === 2)
        expect(store.transactionAt(second.transactionIds[0] ?? hashOfText('')) !== undefined).toBe(height === 2)
        looks += 1
        await new Promise(setImmediate)
      }
      await commit
      expect(looks).toBeGreaterThan(0)
      expect(store.head()?.height).toBe(2)
    })

    const [good, next] = chainOf(2)
    if (good === undefined || next === undefined) throw new Error('two records')
    const fork = recordOn(GENESIS_STORED, 'fork')
    it.each([
      { rule: 'a gap in the heights', records: [next], certificate: certificateOf(next) },
      {
        rule: 'a parent that is not the head',
        records: [good, recordOn(fork)],
        certificate: certificateOf(recordOn(fork)),
      },
      { rule: 'a certificate of another block', records: [good], certificate: certificateOf(next) },
      { rule: 'no block', records: [], certificate: certificateOf(good) },
      {
        rule: 'an id that is not the hash of the header',
        records: [{ ...good, block: { ...good.block, id: next.block.id } }],
        certificate: certificateOf(next),
      },
      {
        rule: 'a child that states another state root',
        records: [{ ...good, stateRoot: hashOfText('other') }, next],
        certificate: certificateOf(next),
      },
      {
        rule: 'a child that states another receipts root',
        records: [{ ...good, receiptsRoot: hashOfText('other') }, next],
        certificate: certificateOf(next),
      },
    ])('refuses to commit $rule (contiguous and linked, DESIGN 5)', async ({ records, certificate }) => {
      const { store } = await withGenesis(open)
      await expect(store.commit(records, certificate)).rejects.toThrow(InvariantError)
      expect(store.head()?.height).toBe(0)
      await store.commit([good], certificateOf(good))
      expect(store.head()?.height).toBe(1)
    })

    it('refuses a second commit while one is under way', async () => {
      const { store } = await withGenesis(open)
      const under = store.commit([good], certificateOf(good))
      await expect(store.commit([good], certificateOf(good))).rejects.toThrow(InvariantError)
      await under
    })
  })

  describe(`${name}: the uncommitted tail`, () => {
    it('survives a reopening, in chain order, and goes when committed, overtaken or deleted', async () => {
      const opened = await withGenesis(open)
      const [first, second, third] = chainOf(3)
      if (first === undefined || second === undefined || third === undefined) throw new Error('three records')
      const sibling = recordOn(GENESIS_STORED, 'sibling').block
      for (const block of [second.block, third.block, first.block, sibling]) await opened.store.saveBlock(block)
      const reopened = await opened.reopen()
      const { store } = reopened
      expect(store.mirror.isChainEmpty()).toBe(false)
      expect(store.uncommitted().map((block) => block.proposal.header.height)).toEqual([1, 1, 2, 3])
      expect(store.uncommitted().map(blockHex)).toContain(blockHex(first.block))
      expect(store.blockById(first.block.id)).toBeUndefined()

      await store.commit([first], certificateOf(first))
      expect(store.uncommitted().map((block) => block.id)).toEqual([second.block.id, third.block.id])
      await store.deleteBlocks([third.block.id, hashOfText('unknown') as BlockId])
      expect(store.uncommitted().map((block) => block.id)).toEqual([second.block.id])
      await store.saveBlock(sibling)
      expect(store.uncommitted()).toHaveLength(1)
      const { store: again } = await reopened.reopen()
      expect(again.uncommitted().map(blockHex)).toEqual([blockHex(second.block)])
    })

    it('keeps the signed form when a block is saved again', async () => {
      const opened = await withGenesis(open)
      const block = recordOn(GENESIS_STORED).block
      await opened.store.saveBlock(block)
      const signed = { id: block.id, proposal: { ...block.proposal, signature: new Uint8Array(64).fill(9) } }
      await opened.store.saveBlock(signed)
      const { store } = await opened.reopen()
      expect(store.uncommitted().map(blockHex)).toEqual([blockHex(signed)])
    })

    it('has at most UNCOMMITTED_MAX blocks, and takes one again after a deletion', async () => {
      const { store } = await withGenesis(open)
      const blocks = Array.from({ length: UNCOMMITTED_MAX + 1 }, (_, i) => {
        return blockAt({ height: 1, view: i + 1, parent: GENESIS_STORED })
      })
      const extra = blocks.pop()
      const [first] = blocks
      if (extra === undefined || first === undefined) throw new Error('blocks')
      for (let i = 0; i < blocks.length; i += 128) {
        await Promise.all(blocks.slice(i, i + 128).map((block) => store.saveBlock(block)))
      }
      await expect(store.saveBlock(extra)).rejects.toMatchObject({ code: 'storage-full' })
      await store.saveBlock(first)
      await store.deleteBlocks([first.id])
      await store.saveBlock(extra)
      expect(store.uncommitted()).toHaveLength(UNCOMMITTED_MAX)
    })
  })

  describe(`${name}: the mirror of the safety state`, () => {
    it('gives back what was written last', async () => {
      const opened = await open()
      expect(opened.store.mirror.read()).toBeUndefined()
      await opened.store.mirror.write(Uint8Array.of(1), true)
      await opened.store.mirror.write(Uint8Array.of(2, 3), false)
      const { store } = await opened.reopen()
      expect([...(store.mirror.read() ?? [])]).toEqual([2, 3])
    })
  })
}
