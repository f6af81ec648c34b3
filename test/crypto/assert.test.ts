// Invariants stop the process with one kind of error.

import { expect, test } from 'vitest'
import { assert, InvariantError, unreachable } from '../../crypto/assert.ts'

test('a condition that holds passes', () => {
  expect(() => assert(1, 'one is true')).not.toThrow()
})

test('a condition that does not hold throws an InvariantError with the message', () => {
  expect(() => assert(0, 'zero is false')).toThrow(new InvariantError('zero is false'))
})

test('an unhandled variant is named', () => {
  const variant = JSON.parse('{ "kind": "new" }')
  expect(() => unreachable(variant as never)).toThrow('unreachable variant: {"kind":"new"}')
})
