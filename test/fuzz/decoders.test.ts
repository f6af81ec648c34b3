// TESTING.md, row 13, the share of every run: about a million inputs over all decoders. Only typed rejections, accepted bytes
// encode to themselves, no input takes a millisecond. Longer: `npm run fuzz -- --seconds N`.

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { fromHex } from '../../crypto/bytes.ts'
import { DecodeError, decode, Writer } from '../../crypto/codec.ts'
import { fuzz, problemOf } from './fuzzer.ts'
import { formatTarget, type Target } from './target.ts'
import { TARGETS } from './targets.ts'

const EXECUTIONS = Math.ceil(1_000_000 / TARGETS.length)
const SEED = 20_260_101
/** Against a machine under load; at full speed all of them together take about fifteen seconds. */
const TARGET_MS_MAX = 20_000

const CORPUS = join(import.meta.dirname, 'corpus')

interface Kept {
  readonly target: string
  readonly input: string
  readonly problem: string
}

const corpus = readdirSync(CORPUS)
  .filter((name) => name.endsWith('.json'))
  .map((name): readonly [string, Kept] => [name, JSON.parse(readFileSync(join(CORPUS, name), 'utf8'))])

describe('the corpus of what was found', () => {
  it.each(corpus)('%s stays fixed', (_, { target: name, input }) => {
    const target = TARGETS.find((candidate) => candidate.name === name)
    const bytes = fromHex(input)
    if (target === undefined || bytes === undefined) throw new RangeError(`no target ${name}`)
    expect(problemOf(target, bytes)).toBeUndefined()
  })
})

describe('every decoder', () => {
  let executions = 0
  let elapsedMs = 0
  afterAll(() => {
    console.log(
      `${executions} inputs over ${TARGETS.length} decoders, ${Math.round(executions / (elapsedMs / 1_000))}/s`,
    )
  })

  it('is there once', () => {
    expect(TARGETS.length).toBeGreaterThanOrEqual(40)
    expect(new Set(TARGETS.map(({ name }) => name)).size).toBe(TARGETS.length)
  })

  it.each(TARGETS.map((target) => [target.name, target] as const))('%s', { timeout: 60_000 }, (name, target) => {
    const tally = fuzz(target, SEED, { executions: EXECUTIONS, ms: TARGET_MS_MAX })
    executions += tally.executions
    elapsedMs += tally.elapsedMs
    expect(tally.findings).toEqual([])
    // Inputs that are all refused, or all accepted, would test one path only. A signature is not to be had by chance.
    expect(tally.executions).toBeGreaterThan(EXECUTIONS / 20)
    if (name !== 'ed25519') expect(tally.accepted).toBeGreaterThan(tally.executions / 50)
    expect(tally.accepted).toBeLessThan(tally.executions)
  })
})

describe('a decoder with a fault is found out', () => {
  const samples = [1, 2, 300].map((count) => Array.from({ length: count }, (_, at) => at % 251))
  const encode = (list: readonly number[]) =>
    new Writer(4 + list.length).list(list, (writer, item) => writer.u8(item)).finish()
  const sound = (input: Uint8Array) => decode(input, (reader) => reader.list(400, (list) => list.u8()))
  const planted = (name: string, read: typeof sound): Target => formatTarget({ name, samples, encode, decode: read })

  const faults: readonly (readonly [string, typeof sound, RegExp])[] = [
    [
      'ignores what follows',
      (input) => decode(input, (r) => [r.list(400, (l) => l.u8()), r.fixed(r.remaining)][0] as number[]),
      /encodes as/,
    ],
    [
      'clamps a count',
      (input) => decode(input, (r) => Array.from({ length: Math.min(r.u32(), r.remaining) }, () => r.u8())),
      /encodes as/,
    ],
    [
      'takes the input for granted',
      (input) => (Buffer.from(input).readUInt32BE(0) > 400 ? { ok: false, detail: 'too many' } : sound(input)),
      /threw RangeError/,
    ],
    [
      'takes quadratic time',
      (input) => {
        const decoded = sound(input)
        if (decoded.ok) for (let i = 0; i < decoded.value.length ** 2 * 40; i++) Math.sqrt(i)
        return decoded
      },
      /ms every time/,
    ],
    [
      'throws a rejection',
      (input) => {
        if (input.length === 7) throw new DecodeError('seven')
        return sound(input)
      },
      /threw DecodeError/,
    ],
  ]
  it.each(faults)('%s', (name, read, problem) => {
    const tally = fuzz(planted(name, read), 1, { executions: 20_000, ms: 20_000 })
    expect(tally.findings[0]?.problem).toMatch(problem)
  })

  it('and the same without a fault is not', () => {
    expect(fuzz(planted('sound', sound), 1, { executions: 20_000, ms: 20_000 }).findings).toEqual([])
  })
})
