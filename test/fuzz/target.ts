// What can be fuzzed: a decoder of the project, valid inputs to start from, and how to encode again what it accepted.

import fc from 'fast-check'
import { InvariantError } from '../../crypto/assert.ts'
import { type Decoded, decode, type Reader } from '../../crypto/codec.ts'
import type { Random } from '../simulation/random.ts'
import { mutateBytes, mutateValue } from './mutate.ts'

/** What a decoder made of an input. */
export interface Verdict {
  readonly kind: 'accepted' | 'refused'
  /** What was accepted, encoded once more, where the format is canonical. */
  readonly again?: Uint8Array
  /** The part of the input that `again` has to equal, when that is not all of it. */
  readonly of?: Uint8Array
}

export const REFUSED: Verdict = { kind: 'refused' }
export const ACCEPTED: Verdict = { kind: 'accepted' }

export interface Target {
  readonly name: string
  readonly valid: readonly Uint8Array[]
  /** Anything thrown is a finding. */
  run(input: Uint8Array): Verdict
  draw(random: Random): Uint8Array
}

/** Values of a fast-check arbitrary: always the same ones. */
export function samplesOf<T>(arbitrary: fc.Arbitrary<T>, count = 48): readonly T[] {
  return fc.sample(arbitrary, { numRuns: count, seed: 7 })
}

interface Format<T> {
  readonly name: string
  readonly samples: readonly T[]
  readonly encode: (value: T) => Uint8Array
  readonly decode: (input: Uint8Array) => Decoded<T>
  /** Further valid encodings. */
  readonly more?: readonly Uint8Array[]
}

/** A type with a canonical encoding. Half of its inputs are mutated bytes, half encodings of mutated values. */
export function formatTarget<T>({ name, samples, encode, decode: read, more = [] }: Format<T>): Target {
  const valid = [...samples.map((sample) => new Uint8Array(encode(sample))), ...more]
  const drawValue = (random: Random): Uint8Array | undefined => {
    let value = mutateValue(random, random.pick(samples), random.pick(samples))
    if (random.chance(300)) value = mutateValue(random, value, random.pick(samples))
    try {
      return encode(value)
    } catch (error) {
      // The value does not fit its fields: an encoder may say so.
      if (error instanceof RangeError || error instanceof InvariantError) return undefined
      if (error instanceof TypeError) return undefined
      throw error
    }
  }
  return {
    name,
    valid,
    run(input) {
      const decoded = read(input)
      return decoded.ok ? { kind: 'accepted', again: encode(decoded.value) } : REFUSED
    },
    draw: (random) => (random.chance(500) ? drawValue(random) : undefined) ?? mutateBytes(random, valid),
  }
}

/** For what is written and read within something larger. */
export function readerTarget<T>(
  name: string,
  samples: readonly T[],
  encode: (value: T) => Uint8Array,
  read: (reader: Reader) => T,
): Target {
  return formatTarget({ name, samples, encode, decode: (input) => decode(input, read) })
}

/** A parser without an inverse: only that it answers. */
export function parserTarget(name: string, valid: readonly Uint8Array[], run: (input: Uint8Array) => Verdict): Target {
  return { name, valid, run, draw: (random) => mutateBytes(random, valid) }
}

export function textTarget(name: string, valid: readonly string[], run: (text: string) => Verdict): Target {
  return parserTarget(
    name,
    valid.map((text) => Buffer.from(text, 'utf8')),
    (input) => run(Buffer.from(input.buffer, input.byteOffset, input.byteLength).toString('utf8')),
  )
}
