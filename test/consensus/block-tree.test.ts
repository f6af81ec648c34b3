// Ancestry, execution verdicts and pruning of uncommitted blocks.

import { describe, expect, test } from 'vitest'
import { BlockTree, TREE_BLOCKS_MAX } from '../../consensus/block-tree.ts'
import type { Block } from '../../consensus/types.ts'
import { Solo } from './solo.ts'

const solo = new Solo()
const { genesis } = solo
const ids = (blocks: readonly Block[] | undefined) => blocks?.map((block) => block.id)

function executeAll(tree: BlockTree): void {
  for (let ready = tree.takeExecutable(); ready.length > 0; ready = tree.takeExecutable()) {
    for (const { id } of ready) tree.executed(id, true)
  }
}

/** Blocks of consecutive views; throws rather than give undefined. */
function chainOf<const T extends readonly number[]>(views: T, from: Block = genesis) {
  return solo.chain(views, from) as { [K in keyof T]: ReturnType<Solo['block']> }
}

describe('insert', () => {
  test('an orphan is held and connects when its ancestors come, whatever the order', () => {
    const tree = new BlockTree(genesis)
    const [b1, b2, b3] = chainOf([1, 2, 3])
    expect(tree.insert(b3)).toBe('inserted')
    expect(tree.insert(b2)).toBe('inserted')
    expect([b1, b2, b3].map((block) => tree.isConnected(block.id))).toEqual([false, false, false])
    expect(tree.takeExecutable()).toEqual([])
    expect(tree.insert(b1)).toBe('inserted')
    expect([b1, b2, b3].map((block) => tree.isConnected(block.id))).toEqual([true, true, true])
    expect(ids(tree.chainTo(b3.id))).toEqual(ids([b1, b2, b3]))
  })

  test('the same block, and the root, are known; what is not above the root is stale', () => {
    const [b1, b2] = chainOf([1, 2])
    const tree = new BlockTree(b1)
    tree.insert(b2)
    expect(tree.insert(b2)).toBe('known')
    expect(tree.insert(b1)).toBe('known')
    expect(tree.insert(solo.block(1, genesis, { name: 'other' }))).toBe('stale')
    expect(tree.insert(solo.block(9, genesis))).toBe('stale')
  })

  test('PITFALLS 15: the tree is full at its bound', () => {
    const tree = new BlockTree(genesis)
    for (let i = 0; i < TREE_BLOCKS_MAX; i++) tree.insert(solo.block(1, genesis, { name: String(i) }))
    expect(tree.size).toBe(TREE_BLOCKS_MAX)
    expect(tree.insert(solo.block(1, genesis, { name: 'one more' }))).toBe('full')
    expect(tree.size).toBe(TREE_BLOCKS_MAX)
  })

  test.each([
    ['a height that skips', { height: 3 }],
    ['a view not above its parent’s', { view: 1 }],
  ])('vote rule (3): %s makes it invalid, and what stands on it', (_, change) => {
    const tree = new BlockTree(genesis)
    const [b1] = chainOf([1])
    const misfit = solo.block(2, b1, { ...change, name: 'misfit' })
    const child = solo.block(3, misfit)
    for (const block of [child, misfit, b1]) tree.insert(block)
    executeAll(tree)
    expect([b1, misfit, child].map((block) => tree.node(block.id)?.execution)).toEqual(['valid', 'invalid', 'invalid'])
  })
})

describe('execution', () => {
  test('a block is offered once, and only after its parent was found valid', () => {
    const tree = new BlockTree(genesis)
    const [b1, b2] = chainOf([1, 2])
    tree.insert(b1)
    tree.insert(b2)
    expect(ids(tree.takeExecutable())).toEqual([b1.id])
    expect(tree.takeExecutable()).toEqual([])
    tree.executed(b1.id, true)
    expect(ids(tree.takeExecutable())).toEqual([b2.id])
  })

  test('what descends from an invalid block is invalid, now and later', () => {
    const tree = new BlockTree(genesis)
    const [b1, b2, b3] = chainOf([1, 2, 3])
    tree.insert(b1)
    tree.insert(b2)
    tree.takeExecutable()
    tree.executed(b1.id, false)
    tree.insert(b3)
    expect([b1, b2, b3].map((block) => tree.node(block.id)?.execution)).toEqual(['invalid', 'invalid', 'invalid'])
    expect(tree.takeExecutable()).toEqual([])
  })

  test('a verdict on a block that was pruned meanwhile is ignored', () => {
    const tree = new BlockTree(genesis)
    expect(() => tree.executed(chainOf([1])[0].id, true)).not.toThrow()
  })
})

describe('commit', () => {
  test('PITFALLS 10: walks by id, prunes the forks, keeps the descendants', () => {
    const tree = new BlockTree(genesis)
    const [b1, b2, b3] = chainOf([1, 4, 5])
    const [f1, f2] = chainOf([2, 3], b1)
    for (const block of [b1, f1, b2, f2, b3]) tree.insert(block)
    executeAll(tree)
    expect(tree.commit(b2.id).toSorted()).toEqual([f1.id, f2.id].toSorted())
    expect(tree.root.id).toBe(b2.id)
    expect([b1, b2, b3, f1, f2].map((block) => tree.node(block.id) !== undefined)).toEqual([
      false,
      false,
      true,
      false,
      false,
    ])
    expect(ids(tree.chainTo(b3.id))).toEqual([b3.id])
    expect(tree.chainTo(f2.id)).toBeUndefined()
  })

  test('an orphan that may still connect is kept, one that cannot is pruned', () => {
    const tree = new BlockTree(genesis)
    const [b1, b2, b3, b4] = chainOf([1, 2, 3, 4])
    const lost = solo.block(9, solo.block(8, genesis))
    for (const block of [b1, b2, b4, lost]) tree.insert(block)
    executeAll(tree)
    expect(tree.commit(b2.id)).toEqual([lost.id])
    tree.insert(b3)
    expect(tree.isConnected(b4.id)).toBe(true)
  })

  test('only a connected block commits', () => {
    const tree = new BlockTree(genesis)
    const [, b2] = chainOf([1, 2])
    tree.insert(b2)
    expect(() => tree.commit(b2.id)).toThrow('connected')
  })

  test('nothing is left behind: size falls to the descendants', () => {
    const tree = new BlockTree(genesis)
    const chain = solo.chain(Array.from({ length: 50 }, (_, at) => at + 1))
    for (const block of chain) tree.insert(block)
    executeAll(tree)
    tree.commit(chain[47]?.id ?? genesis.id)
    expect(tree.size).toBe(2)
  })
})

test('dropAllBut makes room for the certified chain', () => {
  const tree = new BlockTree(genesis)
  const [b1, b2] = chainOf([1, 2])
  const fork = solo.block(2, b1, { name: 'fork' })
  for (const block of [b1, b2, fork]) tree.insert(block)
  expect(tree.dropAllBut(b2.id)).toEqual([fork.id])
  expect(ids(tree.chainTo(b2.id))).toEqual([b1.id, b2.id])
})
