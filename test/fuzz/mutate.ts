// Inputs that are almost right: bytes of valid encodings cut, flipped and spliced, and valid values with one field wrong.
// Everything follows from the random stream it is given; never looks at what a decoder makes of it.

import { concatBytes } from '../../crypto/bytes.ts'
import type { Random } from '../simulation/random.ts'

/** No input grows beyond this, whatever is repeated in it. */
const INPUT_BYTES_MAX = 16 * 1024
const STACKED_MAX = 4

/** Where counters, lengths and their bounds go wrong. */
const EDGES: readonly bigint[] = [
  0n,
  1n,
  2n,
  0x7fn,
  0xffn,
  0x7fff_ffffn,
  0xffff_ffffn,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
]
const WIDTHS = [1, 2, 4, 8] as const

export function garbage(random: Random, lengthMax: number): Uint8Array {
  const bytes = new Uint8Array(random.between(0, lengthMax))
  for (let at = 0; at < bytes.length; at++) bytes[at] = random.next()
  return bytes
}

type Mutation = (random: Random, bytes: Uint8Array, other: Uint8Array) => Uint8Array

/** A place in the bytes, the first ones more often: that is where counts and lengths are. */
function place(random: Random, length: number): number {
  if (length === 0) return 0
  const within = random.chance(400) ? Math.min(length, 48) : length
  return random.between(0, within - 1)
}

function changed(bytes: Uint8Array, change: (copy: Buffer) => void): Uint8Array {
  const copy = Buffer.from(bytes)
  if (copy.length > 0) change(copy)
  return copy
}

function integerAt(
  random: Random,
  copy: Buffer,
): { readonly at: number; readonly width: number; readonly value: bigint } {
  const width = Math.min(random.pick(WIDTHS), copy.length)
  const at = Math.min(place(random, copy.length), copy.length - width)
  return { at, width, value: BigInt(`0x${copy.toString('hex', at, at + width)}`) }
}

function writeInteger(copy: Buffer, at: number, width: number, value: bigint): void {
  const hex = BigInt.asUintN(8 * width, value).toString(16)
  copy.write(hex.padStart(2 * width, '0'), at, width, 'hex')
}

/** A stretch of the bytes, short ones more often. */
function section(random: Random, bytes: Uint8Array): Uint8Array {
  const from = place(random, bytes.length)
  return bytes.subarray(from, from + random.between(1, random.chance(700) ? 40 : 400))
}

const MUTATIONS: readonly Mutation[] = [
  function flipBit(random, bytes) {
    return changed(bytes, (copy) => {
      const at = place(random, copy.length)
      copy[at] = (copy[at] ?? 0) ^ (1 << random.between(0, 7))
    })
  },
  function setByte(random, bytes) {
    return changed(bytes, (copy) => {
      copy[place(random, copy.length)] = random.next() & 0xff
    })
  },
  // ByzzFuzz: a field off by one is what a protocol is most likely to take for granted.
  function offByOne(random, bytes) {
    return changed(bytes, (copy) => {
      const { at, width, value } = integerAt(random, copy)
      writeInteger(copy, at, width, random.chance(500) ? value + 1n : value - 1n)
    })
  },
  function edge(random, bytes) {
    return changed(bytes, (copy) => {
      const { at, width } = integerAt(random, copy)
      writeInteger(copy, at, width, random.pick(EDGES))
    })
  },
  /** What a length field that covers the rest would have to say, or nearly. */
  function restLength(random, bytes) {
    return changed(bytes, (copy) => {
      const { at, width } = integerAt(random, copy)
      writeInteger(copy, at, width, BigInt(Math.max(0, copy.length - at - width + random.between(-1, 1))))
    })
  },
  function truncate(random, bytes) {
    return bytes.subarray(0, random.between(0, bytes.length))
  },
  function extend(random, bytes) {
    return concatBytes(bytes, random.chance(500) ? new Uint8Array(random.between(1, 8)) : garbage(random, 64))
  },
  function insert(random, bytes, other) {
    const at = place(random, bytes.length + 1)
    return concatBytes(bytes.subarray(0, at), section(random, other), bytes.subarray(at))
  },
  function remove(random, bytes) {
    const at = place(random, bytes.length)
    return concatBytes(bytes.subarray(0, at), bytes.subarray(at + section(random, bytes).length))
  },
  function repeat(random, bytes) {
    const at = place(random, bytes.length)
    const again = section(random, bytes.subarray(at))
    const copies = Array.from({ length: random.between(1, 8) }, () => again)
    return concatBytes(bytes.subarray(0, at), ...copies, bytes.subarray(at))
  },
  function splice(random, bytes, other) {
    const at = random.between(0, Math.min(bytes.length, other.length))
    return concatBytes(bytes.subarray(0, at), other.subarray(at))
  },
  function spliceAnywhere(random, bytes, other) {
    return concatBytes(bytes.subarray(0, place(random, bytes.length)), other.subarray(place(random, other.length)))
  },
  function overwrite(random, bytes, other) {
    return changed(bytes, (copy) => copy.set(section(random, other).subarray(0, copy.length)))
  },
  function zero(random, bytes) {
    return changed(bytes, (copy) => {
      const at = place(random, copy.length)
      copy.subarray(at, at + random.between(1, 40)).fill(random.chance(500) ? 0 : 0xff)
    })
  },
]

/** One to four mutations of a valid input, on top of one another; once in a while pure garbage or the input itself. */
export function mutateBytes(random: Random, valid: readonly Uint8Array[]): Uint8Array {
  const kind = random.between(0, 99)
  if (kind < 3) return garbage(random, 300)
  let bytes = random.pick(valid)
  if (kind < 5) return bytes
  const count = random.between(1, STACKED_MAX)
  for (let i = 0; i < count; i++) bytes = random.pick(MUTATIONS)(random, bytes, random.pick(valid))
  return bytes.length > INPUT_BYTES_MAX ? bytes.subarray(0, INPUT_BYTES_MAX) : bytes
}

/** A copy of the value in which one field, element or number somewhere inside is another one. */
export function mutateValue<T>(random: Random, value: T, other: T): T {
  return mutated(random, value, other) as T
}

function mutated(random: Random, value: unknown, other: unknown): unknown {
  if (typeof value === 'number') return mutatedNumber(random, value)
  if (typeof value === 'bigint') return random.chance(600) ? value + 1n : value - 1n
  if (typeof value === 'string') return mutatedText(random, value)
  if (value instanceof Uint8Array) return mutatedBytes(random, value)
  if (Array.isArray(value)) return mutatedList(random, value, Array.isArray(other) ? other : [])
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
  if (entries.length === 0) return value
  const picked = random.pick(entries)
  const there = typeof other === 'object' && other !== null ? new Map(Object.entries(other)) : new Map()
  const [key, inside] = picked
  const rest = entries.filter(([name]) => name !== key)
  // A field of another valid value, or its absence there: an optional part comes and goes this way.
  if (random.chance(250)) return Object.fromEntries(there.has(key) ? [...rest, [key, there.get(key)]] : rest)
  return { ...value, [key]: mutated(random, inside, there.get(key)) }
}

function mutatedNumber(random: Random, value: number): number {
  if (random.chance(700)) return random.chance(500) ? value + 1 : value - 1
  return Number(random.pick(EDGES))
}

/** Hashes and ids; names of variants stay, since no decoder yields others. */
function mutatedText(random: Random, text: string): string {
  if (!/^[0-9a-f]*$/.test(text)) return text
  const at = random.between(0, Math.max(0, text.length - 1))
  return text.slice(0, at) + '0123456789abcdef'.charAt(random.between(0, 15)) + text.slice(at + 1)
}

function mutatedBytes(random: Random, bytes: Uint8Array): Uint8Array {
  if (random.chance(300)) return new Uint8Array(random.chance(700) ? bytes.length : random.between(0, 64))
  return changed(bytes, (copy) => {
    const at = random.between(0, copy.length - 1)
    copy[at] = (copy[at] ?? 0) ^ (1 << random.between(0, 7))
  })
}

function mutatedList(random: Random, list: readonly unknown[], other: readonly unknown[]): unknown[] {
  const at = random.between(0, Math.max(0, list.length - 1))
  switch (random.between(0, 3)) {
    case 0:
      return list.toSpliced(at, 1)
    case 1:
      return [...list.slice(0, at), ...list.slice(at, at + 1), ...list.slice(at)]
    case 2:
      return other.length === 0 ? [...list] : list.toSpliced(at, 0, random.pick(other))
    default:
      return list.length === 0 ? [] : list.with(at, mutated(random, list[at], other[0]))
  }
}
