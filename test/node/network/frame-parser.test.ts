import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND, frameBodyBytesMax } from '../../../consensus/frame.ts'
import { concatBytes } from '../../../crypto/bytes.ts'
import { FRAME_BUFFER_BYTES_FIRST, FrameParser } from '../../../node/network/frame-parser.ts'

const PAYLOAD_BYTES_MAX = 1024 * 1024

function parserInto(frames: Uint8Array[], refuse: () => string | undefined = () => undefined): FrameParser {
  return new FrameParser(PAYLOAD_BYTES_MAX, refuse, (frame) => frames.push(frame))
}

function header(kind: number, length: number, protocol = 1): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEADER_BYTES)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, protocol)
  view.setUint8(2, kind)
  view.setUint32(11, length)
  return bytes
}

const body = fc.uint8Array({ maxLength: 900 })
const kind = fc.constantFrom(FRAME_KIND.vote, FRAME_KIND.proposal, FRAME_KIND.hello, FRAME_KIND.certificate)

describe('frame parser', () => {
  it('gives the same frames however the stream is chunked', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(kind, body), { maxLength: 12 }),
        fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 60 }),
        (messages, cuts) => {
          const expected = messages.map(([of, bytes]) => encodeFrame(of, 3, bytes))
          const stream = concatBytes(...expected)
          const frames: Uint8Array[] = []
          const parser = parserInto(frames)
          for (let at = 0, i = 0; at < stream.length; i++) {
            const size = cuts[i % cuts.length] ?? 1
            expect(parser.push(stream.subarray(at, at + size))).toBeUndefined()
            at += size
          }
          expect(frames.map((frame) => Buffer.from(frame))).toEqual(expected.map((frame) => Buffer.from(frame)))
          expect(parser.bufferedBytes).toBe(0)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('joins a frame far above its first buffer', () => {
    const frame = encodeFrame(FRAME_KIND.blockResponse, 0, Buffer.alloc(5 * FRAME_BUFFER_BYTES_FIRST + 3, 9))
    const frames: Uint8Array[] = []
    const parser = parserInto(frames)
    for (let at = 0; at < frame.length; at += 10_000) parser.push(frame.subarray(at, at + 10_000))
    expect(frames).toHaveLength(1)
    expect(Buffer.compare(frames[0] ?? Buffer.alloc(0), frame)).toBe(0)
  })

  it('hands out frames that later input does not overwrite', () => {
    const frames: Uint8Array[] = []
    const parser = parserInto(frames)
    const chunk = Buffer.from(encodeFrame(FRAME_KIND.vote, 0, Uint8Array.of(1, 2, 3)))
    parser.push(chunk)
    chunk.fill(0)
    parser.push(encodeFrame(FRAME_KIND.vote, 0, Uint8Array.of(4, 5, 6)))
    expect(frames.map((frame) => [...frame.subarray(FRAME_HEADER_BYTES)])).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ])
  })

  it('accepts a body of exactly the bound of its kind', () => {
    const bound = frameBodyBytesMax(FRAME_KIND.vote, PAYLOAD_BYTES_MAX) ?? 0
    const frames: Uint8Array[] = []
    expect(parserInto(frames).push(encodeFrame(FRAME_KIND.vote, 0, new Uint8Array(bound)))).toBeUndefined()
    expect(frames).toHaveLength(1)
  })

  const refused: readonly (readonly [string, Uint8Array])[] = [
    ['a length above the bound of its kind (FORMATS 11)', header(FRAME_KIND.vote, 1025)],
    ['a length near 4 GiB', header(FRAME_KIND.blockResponse, 0xffff_ffff)],
    ['a reserved kind', header(FRAME_KIND.epochProof, 0)],
    ['an unknown kind', header(200, 0)],
    ['another protocol version', header(FRAME_KIND.vote, 0, 2)],
    ['text', Buffer.from('GET / HTTP/1.1\r\nhost: here\r\n')],
  ]
  it.each(refused)('refuses %s by its header alone', (_, bytes) => {
    const frames: Uint8Array[] = []
    const parser = parserInto(frames)
    expect(parser.push(bytes.subarray(0, FRAME_HEADER_BYTES))).toBeTypeOf('string')
    expect(parser.bufferedBytes).toBe(0)
    expect(parser.push(encodeFrame(FRAME_KIND.vote, 0, new Uint8Array(1)))).toBeUndefined()
    expect(frames).toEqual([])
  })

  it('PITFALLS 38: a length that is only claimed reserves no memory', () => {
    const PARSERS = 64
    const claim = frameBodyBytesMax(FRAME_KIND.blockResponse, PAYLOAD_BYTES_MAX) ?? 0
    expect(claim).toBeGreaterThan(4 * FRAME_BUFFER_BYTES_FIRST)
    const before = process.memoryUsage().arrayBuffers
    const parsers = Array.from({ length: PARSERS }, () => parserInto([]))
    for (const parser of parsers) expect(parser.push(header(FRAME_KIND.blockResponse, claim))).toBeUndefined()
    const grown = process.memoryUsage().arrayBuffers - before
    expect(parsers.map(({ bufferedBytes }) => bufferedBytes)).toEqual(Array(PARSERS).fill(FRAME_HEADER_BYTES))
    expect(grown).toBeLessThan(PARSERS * 2 * FRAME_BUFFER_BYTES_FIRST)
  })

  it('asks the rule before it buffers a body, and stops in the middle of a chunk when told', () => {
    const frames: Uint8Array[] = []
    const strict = parserInto(frames, () => 'not now')
    expect(strict.push(encodeFrame(FRAME_KIND.vote, 0, new Uint8Array(1)))).toBe('not now')
    const parser: FrameParser = new FrameParser(
      PAYLOAD_BYTES_MAX,
      () => undefined,
      (frame) => {
        frames.push(frame)
        parser.stop()
      },
    )
    const one = encodeFrame(FRAME_KIND.vote, 0, new Uint8Array(1))
    expect(parser.push(concatBytes(one, one, one))).toBeUndefined()
    expect(frames).toHaveLength(1)
  })
})
