import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { StateReader } from '../../ledger/application.ts'
import { createOverlay, EMPTY_STATE } from '../../ledger/overlay.ts'

const A = Uint8Array.of(1)
const B = Uint8Array.of(2)
const NONE = new Map<string, Uint8Array | undefined>()

test('a write hides the parent’s value, a deletion too, and the rest shows through', () => {
  const parent = createOverlay(EMPTY_STATE, {
    values: new Map([
      ['x', A],
      ['y', A],
      ['z', A],
    ]),
    nodes: new Map([
      ['', A],
      ['0', A],
    ]),
  })
  const child = createOverlay(parent, {
    values: new Map([
      ['x', B],
      ['y', undefined],
    ]),
    nodes: new Map([['', undefined]]),
  })
  expect(['x', 'y', 'z', 'w'].map((key) => child.get(key))).toEqual([B, undefined, A, undefined])
  expect(['', '0', '1'].map((path) => child.node(path))).toEqual([undefined, A, undefined])
  expect(parent.get('x')).toBe(A)
  expect(parent.node('')).toBe(A)
})

test('values and nodes are two spaces: the same name does not cross', () => {
  const state = createOverlay(EMPTY_STATE, { values: new Map([['0', A]]), nodes: NONE })
  expect(state.node('0')).toBeUndefined()
})

test('siblings do not see each other', () => {
  const left = createOverlay(EMPTY_STATE, { values: new Map([['x', A]]), nodes: NONE })
  const right = createOverlay(EMPTY_STATE, { values: new Map([['x', B]]), nodes: NONE })
  expect([left.get('x'), right.get('x')]).toEqual([A, B])
})

test('a chain of any depth reads as its writes applied in order', () => {
  const write = fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.option(fc.nat(255), { nil: undefined }))
  fc.assert(
    fc.property(fc.array(fc.array(write, { maxLength: 4 }), { maxLength: 60 }), (blocks) => {
      let state: StateReader = EMPTY_STATE
      const model = new Map<string, number | undefined>()
      for (const block of blocks) {
        const values = new Map(block.map(([key, n]) => [key, n === undefined ? undefined : Uint8Array.of(n)]))
        state = createOverlay(state, { values, nodes: NONE })
        for (const [key, n] of block) model.set(key, n)
      }
      for (const key of ['a', 'b', 'c', 'd']) expect(state.get(key)?.[0]).toBe(model.get(key))
    }),
  )
})
