import { expect, test } from 'vitest'
import { hashOf } from '../../crypto/hash.ts'
import { Preimage } from '../../crypto/preimage.ts'

test('a preimage hashes to what hashOf says, also when its buffer is used again', () => {
  const preimage = new Preimage('scoville/state-node/1', 64)
  for (const byte of [0, 7, 255]) {
    preimage.bytes.fill(byte, preimage.start)
    expect(preimage.digest()).toBe(hashOf('scoville/state-node/1', Buffer.alloc(64, byte)))
  }
})

test('another tag gives another hash (FORMATS: every preimage carries its domain tag)', () => {
  expect(new Preimage('scoville/state-node/1', 64).digest()).not.toBe(
    new Preimage('scoville/state-leaf/1', 64).digest(),
  )
})
