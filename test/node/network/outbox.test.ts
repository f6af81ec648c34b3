import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX, Outbox } from '../../../node/network/outbox.ts'

describe('outbox', () => {
  it(`holds ${OUTBOX_FRAMES_MAX} frames; one more drops the oldest`, () => {
    const outbox = new Outbox()
    for (let i = 0; i < OUTBOX_FRAMES_MAX; i++) expect(outbox.push(Uint8Array.of(i & 255, i >> 8))).toBe(0)
    expect(outbox.push(Uint8Array.of(9, 9, 9))).toBe(1)
    expect(outbox.frames).toBe(OUTBOX_FRAMES_MAX)
    expect(outbox.shift()).toEqual(Uint8Array.of(1, 0))
  })

  it('holds a bound of bytes; a large frame drops as many old ones as it needs', () => {
    const outbox = new Outbox()
    const third = new Uint8Array(OUTBOX_BYTES_MAX / 3)
    for (let i = 0; i < 3; i++) expect(outbox.push(third)).toBe(0)
    expect(outbox.push(new Uint8Array(third.length + 1))).toBe(2)
    expect(outbox.frames).toBe(2)
    expect(outbox.bytes).toBe(2 * third.length + 1)
    expect(() => outbox.push(new Uint8Array(OUTBOX_BYTES_MAX + 1))).toThrow('fits no outbox')
  })

  it('is a queue: what a list does, it does', () => {
    fc.assert(
      fc.property(fc.array(fc.option(fc.uint8Array({ maxLength: 5 }))), (steps) => {
        const outbox = new Outbox()
        const list: Uint8Array[] = []
        for (const step of steps) {
          if (step === null) expect(outbox.shift()).toEqual(list.shift())
          else {
            outbox.push(step)
            list.push(step)
          }
          expect(outbox.frames).toBe(list.length)
          expect(outbox.bytes).toBe(list.reduce((sum, frame) => sum + frame.length, 0))
        }
        outbox.clear()
        expect([outbox.frames, outbox.bytes, outbox.shift()]).toEqual([0, 0, undefined])
      }),
    )
  })
})
