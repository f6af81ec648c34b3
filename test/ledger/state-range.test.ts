import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Hash, ZERO_HASH } from '../../crypto/bytes.ts'
import { EMPTY_STATE } from '../../ledger/overlay.ts'
import { valueHashOf } from '../../ledger/state-proof.ts'
import {
  decodeStateRange,
  ENCODED_RANGE_BYTES_MAX,
  encodeStateRange,
  FIRST_KEY,
  isFull,
  keyAfter,
  LAST_KEY,
  proveRange,
  RANGE_BYTES_MAX,
  RANGE_ENTRIES_MAX,
  type RangeStep,
  rangeLength,
  type StateEntry,
  type StateRange,
  verifyRange,
} from '../../ledger/state-range.ts'
import { updateTree } from '../../ledger/state-tree.ts'
import { createStore, hashOfNumber } from './fixture.ts'

/** Keys that share long prefixes, so that edges run deep and through collapsed subtrees. */
const key = fc
  .tuple(fc.constantFrom(0, 1, 3, 4, 5, 7, 8, 9, 40), fc.nat(15), fc.nat(1))
  .map(([zeros, digit, last]) => `${'0'.repeat(zeros)}${digit.toString(16)}`.padEnd(63, 'a').concat(`${last}`) as Hash)
const anyKey = fc.oneof(key, fc.nat(50).map(hashOfNumber), fc.constantFrom(FIRST_KEY, LAST_KEY))
const contents = fc.uniqueArray(fc.oneof(key, fc.nat(50).map(hashOfNumber)), { maxLength: 40 })

function stateOf(keys: readonly Hash[]) {
  const store = createStore()
  const values = new Map(keys.map((at) => [at, new TextEncoder().encode(`value of ${at}`)]))
  const changes = keys.map((at) => ({ key: at, valueHash: valueHashOf(Buffer.from(`value of ${at}`)) }))
  const { root, nodes } = updateTree(EMPTY_STATE, changes)
  store.apply({ values, nodes })
  return { store, root }
}

function rangeOf(store: ReturnType<typeof createStore>, from: Hash, to: Hash): StateRange {
  const entries = [...store.values]
    .map(([at, value]): StateEntry => ({ key: at as Hash, value }))
    .filter((entry) => entry.key >= from && entry.key <= to)
    .sort((a, b) => (a.key < b.key ? -1 : 1))
  return { from, to, entries, steps: proveRange(store.state, from, to) }
}

const ordered = (a: Hash, b: Hash): readonly [Hash, Hash] => (a < b ? [a, b] : [b, a])

describe('a range of the state with its proof (ADR 0007)', () => {
  test('any range of any state proves itself, and its encoding is canonical', () => {
    fc.assert(
      fc.property(contents, anyKey, anyKey, (keys, a, b) => {
        const { store, root } = stateOf(keys)
        const range = rangeOf(store, ...ordered(a, b))
        expect(verifyRange(root, range)).toBe(true)
        const encoded = encodeStateRange(range)
        expect(decodeStateRange(encoded)).toEqual({ ok: true, value: range })
      }),
      { numRuns: 400 },
    )
  })

  test('what was left out, added or changed does not verify, whatever else is true', () => {
    fc.assert(
      fc.property(contents, anyKey, anyKey, fc.nat(), (keys, a, b, pick) => {
        const { store, root } = stateOf(keys)
        const range = rangeOf(store, ...ordered(a, b))
        const { entries } = range
        const at = entries.length === 0 ? 0 : pick % entries.length
        const added = { key: hashOfNumber(1_000 + (pick % 50)), value: Buffer.from('money') }
        const lies: StateRange[] = [
          { ...range, entries: [...entries, added].sort((x, y) => (x.key < y.key ? -1 : 1)) },
          { ...range, steps: [...range.steps, { tag: 'entries' }] },
        ]
        if (entries.length > 0) {
          lies.push({ ...range, entries: entries.toSpliced(at, 1) })
          lies.push({ ...range, entries: entries.with(at, { key: entries[at]?.key ?? FIRST_KEY, value: added.value }) })
          lies.push({ ...range, entries: [...entries, ...entries.slice(-1)] })
        }
        if (entries.length > 1) lies.push({ ...range, entries: entries.toReversed() })
        for (const lie of lies) expect(verifyRange(root, lie)).toBe(false)
      }),
      { numRuns: 300 },
    )
  })

  test('a range cannot pass for a wider one: what its steps call outside is not inside', () => {
    const { store, root } = stateOf(Array.from({ length: 64 }, (_, i) => hashOfNumber(i)))
    const keys = [...store.values.keys()].sort() as Hash[]
    const [low, high] = [keys[10] ?? FIRST_KEY, keys[40] ?? LAST_KEY]
    const range = rangeOf(store, low, high)
    expect(verifyRange(root, range)).toBe(true)
    for (const claim of [
      { from: keys[9] ?? FIRST_KEY },
      { to: keys[41] ?? LAST_KEY },
      { from: FIRST_KEY },
      { to: LAST_KEY },
      { from: FIRST_KEY, to: LAST_KEY },
    ]) {
      expect(verifyRange(root, { ...range, ...claim })).toBe(false)
    }
  })

  test('steps of a stranger of any shape are refused, never a fault', () => {
    const { root } = stateOf([hashOfNumber(1), hashOfNumber(2)])
    const deep: RangeStep[] = Array.from({ length: 600 }, () => ({ tag: 'inner' }))
    const shapes: RangeStep[][] = [
      [],
      deep,
      [{ tag: 'outside', hash: root }],
      [{ tag: 'other', key: hashOfNumber(1), valueHash: ZERO_HASH }],
      [{ tag: 'inner' }, { tag: 'outside', hash: root }, { tag: 'outside', hash: root }],
      Array.from({ length: 5_000 }, () => ({ tag: 'entries' })),
    ]
    for (const steps of shapes) {
      expect(verifyRange(root, { from: FIRST_KEY, to: LAST_KEY, entries: [], steps })).toBe(false)
      expect(verifyRange(root, { from: LAST_KEY, to: FIRST_KEY, entries: [], steps })).toBe(false)
    }
  })

  test('ranges that follow one another make up the whole state, each within its bounds', () => {
    const count = 3 * RANGE_ENTRIES_MAX + 17
    const { store, root } = stateOf(Array.from({ length: count }, (_, i) => hashOfNumber(i)))
    const all = rangeOf(store, FIRST_KEY, LAST_KEY).entries
    let taken = 0
    for (let from: Hash | undefined = FIRST_KEY; from !== undefined; ) {
      const rest = all.slice(taken)
      const length = rangeLength(rest)
      const entries = rest.slice(0, length)
      const to: Hash = length === rest.length ? LAST_KEY : (entries.at(-1)?.key ?? LAST_KEY)
      const range = { from, to, entries, steps: proveRange(store.state, from, to) }
      expect(verifyRange(root, range)).toBe(true)
      expect(encodeStateRange(range).length).toBeLessThanOrEqual(ENCODED_RANGE_BYTES_MAX)
      if (to !== LAST_KEY) expect(isFull(entries)).toBe(true)
      taken += length
      from = keyAfter(to)
    }
    expect(taken).toBe(count)
  })

  test('a range is cut by bytes before it is cut by entries, and takes one entry however long', () => {
    const long = (i: number): StateEntry => ({ key: hashOfNumber(i), value: new Uint8Array(60 * 1024) })
    const entries = Array.from({ length: 10 }, (_, i) => long(i))
    const length = rangeLength(entries)
    expect(length).toBe(Math.floor(RANGE_BYTES_MAX / (60 * 1024 + 32)))
    expect(isFull(entries.slice(0, length))).toBe(true)
    expect(isFull(entries.slice(0, 2))).toBe(false)
    expect(rangeLength([{ key: FIRST_KEY, value: new Uint8Array(RANGE_BYTES_MAX) }])).toBe(1)
  })

  test('the key after the last is none', () => {
    expect(keyAfter(LAST_KEY)).toBeUndefined()
    expect(keyAfter(`${'0'.repeat(62)}ff` as Hash)).toBe(`${'0'.repeat(61)}100`)
  })
})
