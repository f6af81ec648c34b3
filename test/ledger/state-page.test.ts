import { expect, test } from 'vitest'
import { decodePage, EMPTY, encodePage, type Node, pagePath } from '../../ledger/state-page.ts'
import { hashOfNumber } from './fixture.ts'

function full(level: number): Node {
  if (level === 4) return { tag: 'leaf', key: hashOfNumber(1), hash: hashOfNumber(2) }
  return { tag: 'inner', hash: hashOfNumber(level), left: full(level + 1), right: full(level + 1) }
}

function stubs(level: number): Node {
  if (level === 4) return { tag: 'inner', hash: hashOfNumber(9) }
  return { tag: 'inner', hash: hashOfNumber(level), left: stubs(level + 1), right: EMPTY }
}

test.each<[string, Node, number]>([
  ['nothing', EMPTY, 1],
  ['a lone leaf at the root', { tag: 'leaf', key: hashOfNumber(1), hash: hashOfNumber(2) }, 65],
  ['sixteen leaves, the largest page', full(0), 15 * 33 + 16 * 65],
  ['an inner node at the next boundary, as its hash alone', stubs(0), 5 * 33 + 4],
])('decode inverts encode: %s', (_, node, length) => {
  const page = encodePage(node)
  expect(page).toHaveLength(length)
  expect(decodePage(page, 8)).toEqual(node)
})

test('a page that is cut, continued or of another kind stops the process', () => {
  const page = encodePage(full(0))
  expect(() => decodePage(page.subarray(0, 100), 0)).toThrow()
  expect(() => decodePage(Buffer.concat([page, new Uint8Array(1)]), 0)).toThrow(/nothing behind/)
  expect(() => decodePage(Uint8Array.of(3), 0)).toThrow(/three kinds/)
})

test('a page written later does not change one written before, though they share a buffer', () => {
  const page = encodePage(full(0))
  const copy = new Uint8Array(page)
  encodePage(stubs(0))
  expect(page).toEqual(copy)
})

test('paths are the hex digits that lead to a page', () => {
  expect(pagePath('abcdef', 0)).toBe('')
  expect(pagePath('abcdef', 12)).toBe('abc')
})
