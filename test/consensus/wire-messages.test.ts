import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND, frameBodyBytesMax } from '../../consensus/frame.ts'
import type { Message } from '../../consensus/types.ts'
import { encodeVote } from '../../consensus/wire.ts'
import { BLOCKS_PER_RESPONSE_MAX, decodeMessage, encodeMessage } from '../../consensus/wire-messages.ts'
import * as any from './arbitraries.ts'
import { LIMITS } from './arbitraries.ts'

/** The epoch a frame of this message has to be of; any, for what spans epochs. */
function epochOf(message: Message): number {
  switch (message.kind) {
    case 'proposal':
      return message.proposal.header.epoch
    case 'vote':
      return message.vote.epoch
    case 'timeout':
      return message.timeout.epoch
    case 'certificate':
      return message.qc.epoch
    default:
      return 3
  }
}

const one = <T>(values: fc.Arbitrary<T>): T => {
  const [value] = fc.sample(values, { numRuns: 1, seed: 7 })
  if (value === undefined) throw new RangeError('no sample')
  return value
}

describe('frames (FORMATS.md, 11)', () => {
  test('decodeMessage(encodeMessage(x)) = x for every kind', () => {
    const seen = new Set<string>()
    fc.assert(
      fc.property(any.message, (message) => {
        seen.add(message.kind)
        expect(decodeMessage(encodeMessage(message, epochOf(message)), LIMITS)).toEqual({ ok: true, value: message })
      }),
      { numRuns: 300 },
    )
    expect(seen.size).toBe(8)
  })

  test('a changed byte is refused, or the frame of another message', () => {
    fc.assert(
      fc.property(any.message, fc.nat(), fc.integer({ min: 1, max: 0xff }), (message, at, flip) => {
        const frame = encodeMessage(message, epochOf(message)).slice()
        const where = at % frame.length
        frame[where] = (frame[where] ?? 0) ^ flip
        const decoded = decodeMessage(frame, LIMITS)
        if (!decoded.ok) return
        const epoch = Number(Buffer.from(frame).readBigUInt64BE(3))
        expect(Buffer.from(encodeMessage(decoded.value, epoch)).equals(frame)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  test('noise behind a plausible header gives a typed answer', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 9 }), fc.uint8Array({ maxLength: 600 }), (kind, body) => {
        const frame = encodeFrame(FRAME_KIND.vote, 0, body).slice()
        frame[2] = kind
        const decoded = decodeMessage(frame, LIMITS)
        if (decoded.ok) expect(Buffer.from(encodeMessage(decoded.value, 0)).equals(frame)).toBe(true)
      }),
      { numRuns: 500 },
    )
  })

  const vote = one(any.vote)
  const good = encodeMessage({ kind: 'vote', vote }, vote.epoch)
  const changed = (at: number, value: number) => Uint8Array.from(good, (byte, i) => (i === at ? value : byte))
  test.each([
    { why: 'nothing', frame: new Uint8Array(0) },
    { why: 'less than a header', frame: good.subarray(0, FRAME_HEADER_BYTES - 1) },
    { why: 'a byte missing', frame: good.subarray(0, good.length - 1) },
    { why: 'a byte too many', frame: Buffer.concat([good, Buffer.alloc(1)]) },
    { why: 'another protocol', frame: changed(1, 2) },
    { why: 'a hello, which is not a message', frame: encodeFrame(FRAME_KIND.hello, 0, new Uint8Array(4)) },
    { why: 'a reserved kind', frame: changed(2, FRAME_KIND.epochProof) },
    { why: 'another kind with the same body', frame: changed(2, FRAME_KIND.blockRequest) },
    {
      why: 'an epoch that is not the message its (PITFALLS.md, row 27)',
      frame: encodeFrame(FRAME_KIND.vote, vote.epoch + 1, encodeVote(vote)),
    },
    { why: 'a body above its bound', frame: encodeFrame(FRAME_KIND.vote, 0, new Uint8Array(1_025)) },
  ])('refused: $why', ({ frame }) => {
    expect(decodeMessage(frame, LIMITS).ok).toBe(false)
  })

  test.each([
    { count: BLOCKS_PER_RESPONSE_MAX, ok: true },
    { count: BLOCKS_PER_RESPONSE_MAX + 1, ok: false },
  ])('a block-response of $count proposals', ({ count, ok }) => {
    const proposals = new Array(count).fill(one(any.proposal))
    const frame = encodeMessage({ kind: 'block-response', requestId: 1, proposals }, 0)
    expect(frame.length).toBeLessThan(frameBodyBytesMax(FRAME_KIND.blockResponse, LIMITS.payloadBytesMax) ?? 0)
    expect(decodeMessage(frame, LIMITS).ok).toBe(ok)
  })
})
