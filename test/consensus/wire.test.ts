import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Header, Payload } from '../../consensus/types.ts'
import {
  EVIDENCE_BODY_BYTES_MAX,
  EVIDENCE_ITEMS_MAX,
  encodeEpochConfig,
  encodeEvidence,
  encodeHeader,
  encodePayload,
  encodeProposal,
  encodeQC,
  encodeTC,
  encodeTimeout,
  encodeVote,
  HEADER_BYTES,
  PARAMS_MAX,
  readEpochConfig,
  readEvidence,
  readHeader,
  readPayload,
  readProposal,
  readQC,
  readTC,
  readTimeout,
  readVote,
} from '../../consensus/wire.ts'
import { decode, type Reader } from '../../crypto/codec.ts'
import * as any from './arbitraries.ts'
import { LIMITS } from './arbitraries.ts'

interface Format {
  readonly name: string
  readonly values: fc.Arbitrary<unknown>
  readonly encode: (value: unknown) => Uint8Array
  readonly read: (reader: Reader) => unknown
}

function format<T>(
  name: string,
  values: fc.Arbitrary<T>,
  encode: (value: T) => Uint8Array,
  read: (reader: Reader, limits: typeof LIMITS) => T,
): Format {
  return { name, values, encode: (value) => encode(value as T), read: (reader) => read(reader, LIMITS) }
}

const FORMATS: readonly Format[] = [
  format('Header', any.header, encodeHeader, readHeader),
  format('Payload', any.payload, encodePayload, readPayload),
  format('Evidence', any.evidence, encodeEvidence, readEvidence),
  format('Vote', any.vote, encodeVote, readVote),
  format('QC', any.qc, encodeQC, readQC),
  format('TC', any.tc, encodeTC, readTC),
  format('Timeout', any.timeout, encodeTimeout, readTimeout),
  format('Proposal', any.proposal, encodeProposal, readProposal),
  format('EpochConfig', any.epochConfig, encodeEpochConfig, readEpochConfig),
]

describe.each(FORMATS)('$name is canonical (FORMATS.md)', ({ values, encode, read }) => {
  test('decode(encode(x)) = x', () => {
    fc.assert(
      fc.property(values, (value) => {
        expect(decode(encode(value), read)).toEqual({ ok: true, value })
      }),
    )
  })

  test('a changed byte is refused, or means something else that encodes to exactly these bytes', () => {
    fc.assert(
      fc.property(values, fc.nat(), fc.integer({ min: 1, max: 0xff }), (value, at, flip) => {
        const bytes = encode(value).slice()
        const where = at % bytes.length
        bytes[where] = (bytes[where] ?? 0) ^ flip
        const decoded = decode(bytes, read)
        if (!decoded.ok) return
        expect(decoded.value).not.toEqual(value)
        expect(Buffer.from(encode(decoded.value)).equals(bytes)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })

  test('no prefix and no continuation decodes', () => {
    fc.assert(
      fc.property(values, fc.nat(), (value, cut) => {
        const bytes = encode(value)
        expect(decode(bytes.subarray(0, cut % bytes.length), read).ok).toBe(false)
        expect(decode(Buffer.concat([bytes, Buffer.alloc(1)]), read).ok).toBe(false)
      }),
    )
  })

  test('noise gives a typed answer', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 800 }), (bytes) => {
        const decoded = decode(bytes, read)
        if (decoded.ok) expect(Buffer.from(encode(decoded.value)).equals(bytes)).toBe(true)
      }),
      { numRuns: 300 },
    )
  })
})

describe('sizes', () => {
  test('a header is 423 bytes (FORMATS.md, 1)', () => {
    fc.assert(fc.property(any.header, (header: Header) => encodeHeader(header).length === HEADER_BYTES))
    expect(HEADER_BYTES).toBe(423)
  })

  test('fields follow one another in the order of FORMATS.md, 1', () => {
    const [header] = fc.sample(any.header, { numRuns: 1, seed: 1 })
    if (header === undefined) throw new RangeError('no sample')
    const bytes = Buffer.from(encodeHeader(header))
    expect(bytes.readUInt16BE(0)).toBe(header.version)
    expect(bytes.readUInt8(4)).toBe(header.phase)
    expect(bytes.toString('hex', 5, 37)).toBe(header.genesisHash)
    expect(bytes.readBigUInt64BE(45)).toBe(BigInt(header.view))
    expect(bytes.toString('hex', 61, 93)).toBe(header.parentId)
    expect(bytes.readUInt16BE(157)).toBe(header.proposer)
    expect(bytes.toString('hex', 167, 199)).toBe(header.payloadRoot)
    expect(bytes.toString('hex', 391, 423)).toBe(header.evidenceRoot)
  })
})

const one = <T>(values: fc.Arbitrary<T>): T => {
  const [value] = fc.sample(values, { numRuns: 1, seed: 7 })
  if (value === undefined) throw new RangeError('no sample')
  return value
}

describe('bounds, each reached and passed', () => {
  const readsPayload = (payload: Payload) => decode(encodePayload(payload), (reader) => readPayload(reader, LIMITS)).ok
  const items = (count: number, length: number) => Array.from({ length: count }, () => new Uint8Array(length))

  test.each([
    { why: 'as many items as allowed', items: items(LIMITS.itemsMax, 1), ok: true },
    { why: 'one item more', items: items(LIMITS.itemsMax + 1, 1), ok: false },
    { why: 'as many bytes as allowed, in all items together', items: items(4, 100), ok: true },
    { why: 'one byte more, in the last item', items: [...items(4, 100), new Uint8Array(1)], ok: false },
    { why: 'one item too long', items: items(1, LIMITS.payloadBytesMax + 1), ok: false },
  ])('payload: $why', ({ items: given, ok }) => {
    expect(readsPayload({ kind: 0, items: given })).toBe(ok)
  })

  test.each([
    { why: 'evidence items', count: EVIDENCE_ITEMS_MAX, body: 0, ok: true },
    { why: 'one piece of evidence more', count: EVIDENCE_ITEMS_MAX + 1, body: 0, ok: false },
    { why: 'an evidence body', count: 1, body: EVIDENCE_BODY_BYTES_MAX, ok: true },
    { why: 'a longer evidence body', count: 1, body: EVIDENCE_BODY_BYTES_MAX + 1, ok: false },
  ])('proposal: $why', ({ count, body, ok }) => {
    const piece = { ...one(any.evidence), body: new Uint8Array(body) }
    const proposal = { ...one(any.proposal), evidence: new Array(count).fill(piece) }
    expect(decode(encodeProposal(proposal), (reader) => readProposal(reader, LIMITS)).ok).toBe(ok)
  })

  test.each([
    { count: LIMITS.validators, ok: true },
    { count: LIMITS.validators + 1, ok: false },
  ])('TC: $count highQcViews of 10 validators', ({ count, ok }) => {
    const tc = { ...one(any.tc), highQcViews: new Array(count).fill(0) }
    expect(decode(encodeTC(tc), (reader) => readTC(reader, LIMITS)).ok).toBe(ok)
  })

  test.each([
    { count: PARAMS_MAX, ok: true },
    { count: PARAMS_MAX + 1, ok: false },
  ])('epoch config: $count params', ({ count, ok }) => {
    const params = Array.from({ length: count }, (_, id) => ({ id, value: 0 }))
    const bytes = encodeEpochConfig({ ...one(any.epochConfig), params })
    expect(decode(bytes, readEpochConfig).ok).toBe(ok)
  })
})

describe('refused although every field reads', () => {
  test.each([
    { why: 'a bitmap a byte short (PITFALLS.md, row 24)', signers: [0xff] },
    { why: 'a bitmap a byte long', signers: [1, 0, 0] },
    { why: 'a padding bit set', signers: [0, 0b100] },
    { why: 'no bitmap', signers: [] },
  ])('QC: $why', ({ signers }) => {
    const bytes = encodeQC({ ...one(any.qc), signers: Uint8Array.from(signers) })
    expect(decode(bytes, (reader) => readQC(reader, LIMITS))).toMatchObject({ ok: false, detail: /canonical/ })
  })

  test('Timeout: a highQcView that is not the highQC its', () => {
    const bytes = encodeTimeout(one(any.timeout)).slice()
    bytes[23] = (bytes[23] ?? 0) ^ 1
    const decoded = decode(bytes, (reader) => readTimeout(reader, LIMITS))
    expect(decoded).toMatchObject({ ok: false, detail: /highQcView/ })
  })

  test.each(['params', 'validators'] as const)('EpochConfig: %s out of order', (list) => {
    const [config] = fc.sample(
      any.epochConfig.filter(({ params, validators }) => params.length > 1 && validators.length > 1),
      { numRuns: 1, seed: 3 },
    )
    if (config === undefined) throw new RangeError('no sample')
    const reversed = { ...config, [list]: config[list].toReversed() }
    expect(decode(encodeEpochConfig(reversed), readEpochConfig)).toMatchObject({ ok: false, detail: /ascending/ })
  })
})

test('what is kept of a frame does not keep the frame alive: signatures and bitmaps are copies', () => {
  const frame = Buffer.from(encodeQC(one(any.qc)))
  const decoded = decode(frame, (reader) => readQC(reader, LIMITS))
  if (!decoded.ok) throw new Error(decoded.detail)
  expect(decoded.value.signature.buffer).not.toBe(frame.buffer)
  expect(decoded.value.signature.buffer.byteLength).toBe(96)
  expect(decoded.value.signers.buffer.byteLength).toBe(2)
})
