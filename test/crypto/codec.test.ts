// The canonical codec: what it writes, that it reads it back, and that it reads nothing else.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromHex, hashFromBytes, toHex, ZERO_HASH } from '../../crypto/bytes.ts'
import { type Decoded, DecodeError, decode, type Reader, Writer } from '../../crypto/codec.ts'

function hex(text: string): Uint8Array {
  const bytes = fromHex(text)
  if (bytes === undefined) throw new Error(`not hex: ${text}`)
  return bytes
}

interface Sample {
  readonly small: number
  readonly word: number
  readonly long: number
  readonly view: number
  readonly amount: bigint
  readonly key: Uint8Array
  readonly blob: Uint8Array
  readonly name: string
  readonly items: readonly number[]
  readonly extra: number | undefined
}

/** Room for every field of a sample, so that these tests say nothing about growth. */
const SAMPLE_BYTES_MAX = 1024

function encodeSample(sample: Sample): Uint8Array {
  const writer = new Writer(SAMPLE_BYTES_MAX)
  writer.u8(sample.small).u16(sample.word).u32(sample.long).u64(sample.view).big64(sample.amount)
  writer.fixed(sample.key, 4).bytes(sample.blob).text(sample.name)
  writer.list(sample.items, (to, item) => to.u16(item))
  return writer.optional(sample.extra, (to, value) => to.u8(value)).finish()
}

function readSample(reader: Reader): Sample {
  return {
    small: reader.u8(),
    word: reader.u16(),
    long: reader.u32(),
    view: reader.u64(),
    amount: reader.big64(),
    key: Uint8Array.from(reader.fixed(4)),
    blob: Uint8Array.from(reader.bytes(40)),
    name: reader.text(400),
    items: reader.list(10, (from) => from.u16()),
    extra: reader.optional((from) => from.u8()),
  }
}

const anySample: fc.Arbitrary<Sample> = fc.record({
  small: fc.nat(0xff),
  word: fc.nat(0xffff),
  long: fc.nat(0xffff_ffff),
  view: fc.maxSafeNat(),
  amount: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
  key: fc.uint8Array({ minLength: 4, maxLength: 4 }),
  blob: fc.uint8Array({ maxLength: 40 }),
  name: fc.string({ unit: 'grapheme', maxLength: 10 }),
  items: fc.array(fc.nat(0xffff), { maxLength: 10 }),
  extra: fc.option(fc.nat(0xff), { nil: undefined }),
})

describe('canonical', () => {
  test('decoding undoes encoding', () => {
    fc.assert(
      fc.property(anySample, (sample) => {
        expect(decode(encodeSample(sample), readSample)).toEqual({ ok: true, value: sample })
      }),
    )
  })

  test('whatever decodes encodes to the same bytes: one encoding each', () => {
    fc.assert(
      fc.property(anySample, fc.nat(), fc.nat(255), (sample, at, to) => {
        const mutant = Uint8Array.from(encodeSample(sample))
        mutant[at % mutant.length] = to
        const decoded = decode(mutant, readSample)
        if (decoded.ok) expect(toHex(encodeSample(decoded.value))).toBe(toHex(mutant))
      }),
      { numRuns: 500 },
    )
  })

  test('no encoding is a prefix of another: cut off or extended, it is refused', () => {
    fc.assert(
      fc.property(anySample, fc.nat(), (sample, at) => {
        const bytes = encodeSample(sample)
        expect(decode(bytes.subarray(0, at % bytes.length), readSample).ok).toBe(false)
        expect(decode(Buffer.concat([bytes, Buffer.of(0)]), readSample).ok).toBe(false)
      }),
    )
  })

  test('any bytes give a value or a reason, never another error', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 90 }), (bytes) => void decode(bytes, readSample)))
  })
})

const written: readonly (readonly [string, string, (writer: Writer) => Writer])[] = [
  ['u8', 'ff', (writer) => writer.u8(255)],
  ['u16, big-endian', '0102', (writer) => writer.u16(0x0102)],
  ['u32, big-endian', '01020304', (writer) => writer.u32(0x01020304)],
  ['u64 above 2^32', '0000000100000002', (writer) => writer.u64(0x1_0000_0002)],
  ['u64, the largest safe integer', '001fffffffffffff', (writer) => writer.u64(Number.MAX_SAFE_INTEGER)],
  ['big64, all bits', 'ffffffffffffffff', (writer) => writer.big64((1n << 64n) - 1n)],
  ['hash', '00'.repeat(32), (writer) => writer.hash(ZERO_HASH)],
  ['bytes behind a u32 length', '00000002aabb', (writer) => writer.bytes(hex('aabb'))],
  ['text as UTF-8, its length in bytes', '00000002c3a9', (writer) => writer.text('é')],
  ['a list behind a u32 count', '000000020102', (writer) => writer.list([1, 2], (to, item) => to.u8(item))],
  ['an absent value', '00', (writer) => writer.optional(undefined, (to, item: number) => to.u8(item))],
  ['a present value', '0107', (writer) => writer.optional(7, (to, item) => to.u8(item))],
]

describe('Writer', () => {
  test.each(written)('%s is %s', (_name, expected, write) => {
    expect(toHex(write(new Writer()).finish())).toBe(expected)
  })

  test('grows past its capacity, one integer at a time', () => {
    const writer = new Writer(1)
    for (let i = 0; i < 300; i++) writer.u16(i)
    expect(writer.finish()).toHaveLength(600)
  })

  test('grows past its default capacity by a long byte string', () => {
    expect(new Writer().bytes(new Uint8Array(1000)).finish()).toHaveLength(1004)
  })

  const refused: readonly (readonly [string, (writer: Writer) => Writer])[] = [
    ['u8 above 255', (writer) => writer.u8(256)],
    ['u16 below zero', (writer) => writer.u16(-1)],
    ['u32 above 2^32 - 1', (writer) => writer.u32(2 ** 32)],
    ['u64 above 2^53 - 1', (writer) => writer.u64(2 ** 53)],
    ['u64 below zero', (writer) => writer.u64(-1)],
    ['u64 with a fraction', (writer) => writer.u64(1.5)],
    ['big64 above 2^64 - 1', (writer) => writer.big64(1n << 64n)],
    ['big64 below zero', (writer) => writer.big64(-1n)],
    ['fixed bytes of another length', (writer) => writer.fixed(hex('aabb'), 3)],
  ]
  test.each(refused)('%s is a RangeError: our own values are in range', (_name, write) => {
    expect(() => write(new Writer())).toThrow(RangeError)
  })
})

describe('Reader refuses', () => {
  const refused: readonly (readonly [string, string, (reader: Reader) => unknown, RegExp])[] = [
    ['bytes that are not there', '0102', (reader) => reader.u32(), /4 bytes wanted at 0, 2 left/],
    ['a u64 above 2^53 - 1, rather than rounding it', '0020000000000000', (reader) => reader.u64(), /above 2\^53/],
    ['a length above its bound', '00000003aabbcc', (reader) => reader.bytes(2), /above the bound 2/],
    ['a length above what is left', '00000003aabb', (reader) => reader.bytes(9), /3 bytes wanted/],
    ['the largest length', 'ffffffff', (reader) => reader.bytes(2 ** 32), /4294967295 bytes wanted/],
    ['a count above its bound', '00000003', (reader) => reader.list(2, (from) => from.u8()), /above the bound 2/],
    ['a count above what is left', '0000000201', (reader) => reader.list(2, (from) => from.u8()), /1 bytes wanted/],
    ['a presence flag of 2', '0200', (reader) => reader.optional((from) => from.u8()), /flag is 2/],
    ['an overlong UTF-8 form', '00000002c080', (reader) => reader.text(9), /UTF-8/],
    ['half of a UTF-8 sequence', '00000001c3', (reader) => reader.text(9), /UTF-8/],
    ['a UTF-8 surrogate', '00000003eda080', (reader) => reader.text(9), /UTF-8/],
    ['a trailing byte', '0100', (reader) => reader.u8(), /1 trailing bytes/],
    ['a hash cut short', '00'.repeat(31), (reader) => reader.hash(), /32 bytes wanted/],
  ]
  test.each(refused)('%s', (_why, bytes, read, detail) => {
    const decoded: Decoded<unknown> = decode(hex(bytes), read)
    expect(decoded).toEqual({ ok: false, detail: expect.stringMatching(detail) })
  })

  test('a zero-width item does not let a count loop for ever: the bound holds', () => {
    const decoded = decode(hex('ffffffff'), (reader) => reader.list(1000, () => 0))
    expect(decoded.ok).toBe(false)
  })
})

describe('decode', () => {
  test('reads a view at its own offset', () => {
    const whole = hex('ff01020304ff')
    const decoded = decode(whole.subarray(1, 5), (reader) => [reader.u16(), reader.remaining, reader.u16()])
    expect(decoded).toEqual({ ok: true, value: [0x0102, 2, 0x0304] })
  })

  test('passes on an error that is not about the bytes', () => {
    const broken = (): never => {
      throw new TypeError('a bug')
    }
    expect(() => decode(hex(''), broken)).toThrow(TypeError)
    const refusing = (): never => {
      throw new DecodeError('a rule of the type')
    }
    expect(decode(hex(''), refusing)).toEqual({ ok: false, detail: 'a rule of the type' })
  })

  test('reads hashes as they are kept in memory', () => {
    const hash = hashFromBytes(new Uint8Array(32).fill(0xab))
    expect(decode(new Writer().hash(hash).finish(), (reader) => reader.hash())).toEqual({ ok: true, value: hash })
  })
})
