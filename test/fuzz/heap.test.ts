// TESTING.md, row 13: what a decoded input keeps in memory is at most twice its bytes and a constant (PITFALLS 15, 38: a frame of
// tiny parts must not be a way to fill the heap). Inputs as bad as their bounds allow, each decoded and held.

import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import type { Message, Payload, Proposal } from '../../consensus/types.ts'
import { encodeEpochConfig, readEpochConfig, type WireLimits } from '../../consensus/wire.ts'
import { decodeMessage, encodeMessage, ITEMS_PER_RESPONSE_MAX } from '../../consensus/wire-messages.ts'
import { decode, Writer } from '../../crypto/codec.ts'
import { PARAM_SPECS } from '../../genesis/params.ts'
import { decodeReceipt, EVENTS_MAX, encodeReceipt } from '../../ledger/receipt.ts'
import { decodeStateProof, encodeStateProof } from '../../ledger/state-proof.ts'
import { BATCH_BYTES_MAX, BATCH_ITEMS_MAX, decodeBatch, encodeBatch } from '../../mempool/batch.ts'
import { epochConfig, proposal, tc, timeout } from '../consensus/arbitraries.ts'
import { hashOfNumber } from '../ledger/fixture.ts'
import { samplesOf } from './target.ts'

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

const KIB = 1024
const MIB = 1024 * KIB
const paramMax = (name: string) => PARAM_SPECS.find((spec) => spec.name === name)?.max ?? 0
/** The widest a chain may be set to: a hundred validators are as many as anybody runs, payloads are at the parameters' bounds. */
const WIDE: WireLimits = {
  validators: 100,
  payloadBytesMax: paramMax('payloadBytesMax'),
  itemsMax: paramMax('transactionsMax'),
}
const DEFAULT: WireLimits = { ...WIDE, payloadBytesMax: MIB, itemsMax: 5_000 }

function first<T>(samples: readonly T[]): T {
  const [sample] = samples
  if (sample === undefined) throw new RangeError('no sample')
  return sample
}

/** The bitmaps of WIDE. */
function widened<T>(value: T): T {
  const wide = (inside: unknown, key: string): unknown => {
    if (key === 'signers') return new Uint8Array(13).fill(0x0f)
    if (inside instanceof Uint8Array || typeof inside !== 'object' || inside === null) return inside
    if (Array.isArray(inside)) return inside.map((item) => wide(item, ''))
    return Object.fromEntries(Object.entries(inside).map(([name, field]) => [name, wide(field, name)]))
  }
  return wide(value, '') as T
}

const plain: Proposal = widened(first(samplesOf(proposal)))
const withItems = (count: number, length: number): Proposal => {
  const payload: Payload = { kind: 0, items: Array.from({ length: count }, () => new Uint8Array(length)) }
  return { ...plain, payload, evidence: [] }
}
const frame = (message: Message, epoch = 0) => encodeMessage(message, epoch)
const response = (proposals: readonly Proposal[]) => frame({ kind: 'block-response', requestId: 1, proposals })
const proposed = (of: Proposal) => frame({ kind: 'proposal', proposal: of }, of.header.epoch)

interface Case {
  readonly name: string
  readonly input: Uint8Array
  readonly read: (input: Uint8Array) => { readonly ok: boolean }
  /** What the value may keep beyond twice the input. */
  readonly constantBytes: number
}

const inWide = (input: Uint8Array) => decodeMessage(input, WIDE)
const lastTC = widened(first(samplesOf(tc)))
const lateTimeout = { ...widened(first(samplesOf(timeout))), lastTC: { ...lastTC, highQcViews: Array(100).fill(7) } }
const config = first(samplesOf(epochConfig).filter(({ validators }) => validators.length > 0))
const manyValidators = {
  ...config,
  params: [],
  validators: Array.from({ length: 10_000 }, (_, at) => ({
    ...first(config.validators),
    id: at.toString(16).padStart(40, '0'),
  })),
}
const topics = [1, 2, 3, 4].map(hashOfNumber)

const CASES: readonly Case[] = [
  {
    name: 'a proposal of as many empty items as a chain may allow',
    input: proposed(withItems(WIDE.itemsMax, 0)),
    read: inWide,
    constantBytes: 10 * MIB,
  },
  {
    name: 'a proposal of as many empty items as a chain allows by default',
    input: proposed(withItems(DEFAULT.itemsMax, 0)),
    read: (input) => decodeMessage(input, DEFAULT),
    constantBytes: MIB,
  },
  { name: 'a proposal of honest items', input: proposed(withItems(5_000, 203)), read: inWide, constantBytes: MIB },
  {
    name: 'a block-response of as many empty items as it may have',
    input: response(Array(64).fill(withItems(ITEMS_PER_RESPONSE_MAX / 64, 0))),
    read: inWide,
    constantBytes: 13 * MIB,
  },
  {
    name: 'a block-response of honest items, as long as it may be',
    input: response(Array(7).fill(withItems(5_000, 203))),
    read: inWide,
    constantBytes: 4 * MIB,
  },
  {
    name: 'a timeout with a TC of a hundred',
    input: frame({ kind: 'timeout', timeout: lateTimeout }, lateTimeout.epoch),
    read: inWide,
    constantBytes: 16 * KIB,
  },
  {
    name: 'a gossip batch of as many items as it may have',
    input: encodeBatch(Array(BATCH_ITEMS_MAX).fill(Uint8Array.of(1))),
    read: decodeBatch,
    constantBytes: 512 * KIB,
  },
  {
    name: 'a gossip batch as long as it may be',
    input: encodeBatch(Array(BATCH_BYTES_MAX / 256 - 1).fill(new Uint8Array(252))),
    read: decodeBatch,
    constantBytes: 512 * KIB,
  },
  {
    name: 'a receipt of as many events as it may have',
    input: encodeReceipt({
      type: 1,
      transactionId: hashOfNumber(1),
      status: 1,
      code: 0,
      fee: 1n,
      weight: 1,
      events: Array(EVENTS_MAX).fill({ kind: 1, emitter: new Uint8Array(0), topics, content: new Uint8Array(0) }),
    }),
    read: decodeReceipt,
    constantBytes: 512 * KIB,
  },
  {
    name: 'the deepest state proof',
    input: encodeStateProof({ siblings: Array.from({ length: 256 }, (_, at) => hashOfNumber(at)) }),
    read: decodeStateProof,
    constantBytes: 64 * KIB,
  },
  {
    // Comes from the operator's genesis file only: keys are copied, so that none keeps the text alive.
    name: 'an epoch of ten thousand validators',
    input: encodeEpochConfig(manyValidators),
    read: (input) => decode(input, readEpochConfig),
    constantBytes: 10 * MIB,
  },
]

function usedBytes(): number {
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const MEASUREMENTS = 7

/**
 * What decoding the input keeps, the input itself aside: the median of several measurements, since the heap is shared with all
 * else that runs here, which may allocate or let go in any one of them; what the value keeps is in every one.
 */
function keptBytes({ input, read }: Case): { readonly kept: number; readonly ok: boolean } {
  // What is allocated once, by the first run of a decoder, is not the input's.
  read(input)
  const measured = Array.from({ length: MEASUREMENTS }, () => {
    const before = usedBytes()
    const held = read(input)
    return { kept: usedBytes() - before, ok: held.ok }
  })
  return first(measured.sort((one, other) => one.kept - other.kept).slice(Math.floor(MEASUREMENTS / 2)))
}

describe('what a decoded input keeps', () => {
  it.each(CASES.map((one) => [one.name, one] as const))('%s', (name, one) => {
    const { kept, ok } = keptBytes(one)
    const { input, constantBytes } = one
    const kib = (bytes: number) => `${(bytes / KIB).toFixed(0)} KiB`
    console.log(
      `heap: ${name}: ${kib(input.length)} in, ${kib(kept)} kept, at most ${kib(2 * input.length + constantBytes)}`,
    )
    expect(ok).toBe(true)
    expect(kept).toBeLessThanOrEqual(2 * input.length + constantBytes)
  })

  it('one item more than a block-response may have is refused, and keeps nothing', () => {
    const proposals = [...Array<Proposal>(63).fill(withItems(1_024, 0)), withItems(1_025, 0)]
    const { kept, ok } = keptBytes({ name: '', input: response(proposals), read: inWide, constantBytes: 0 })
    expect(ok).toBe(false)
    expect(kept).toBeLessThan(64 * KIB)
  })

  it('a count without what it counts costs nothing', () => {
    const claims = [0xffff_ffff, 65_535, 1_024].map((count) => new Writer(8).u32(count).finish())
    for (const input of claims) {
      for (const read of [decodeBatch, (bytes: Uint8Array) => decode(bytes, readEpochConfig), decodeStateProof]) {
        const { kept, ok } = keptBytes({ name: '', input, read, constantBytes: 0 })
        expect(ok).toBe(false)
        expect(kept).toBeLessThan(64 * KIB)
      }
    }
  })
})
