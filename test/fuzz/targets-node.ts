// Decoders of what a node stores, and of the streams its peers write.

import { decodeFrameHeader, encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND } from '../../consensus/frame.ts'
import type { GenesisHash, Height } from '../../consensus/types.ts'
import { concatBytes, type Hash } from '../../crypto/bytes.ts'
import { verifyEd25519 } from '../../crypto/ed25519.ts'
import { sha256 } from '../../crypto/hash.ts'
import { FrameParser } from '../../node/network/frame-parser.ts'
import { checkHello, encodeHello, type Hello } from '../../node/network/hello.ts'
import {
  decodeHead,
  decodeHeight,
  decodeMeta,
  decodePlace,
  decodeStoredBlock,
  decodeUncommitted,
  encodeHead,
  encodeHeight,
  encodeMeta,
  encodePlace,
  encodeStoredBlock,
  encodeUncommitted,
} from '../../node/storage/block-record.ts'
import { decodeSlot, encodeSlot, type Slot } from '../../node/storage/safety-slot.ts'
import { alice, transfer } from '../ledger/fixture.ts'
import { certificateOf, chainOf, GENESIS_HASH, GENESIS_STORED, hashOfText, LIMITS } from '../node/storage/fixture.ts'
import { mutateBytes } from './mutate.ts'
import { ACCEPTED, formatTarget, parserTarget, REFUSED, type Target } from './target.ts'

const chain = chainOf(4)

const hellos = ['scoville/0.1.0', '', 'ümläut'].map(
  (software, at): Hello => ({ genesisHash: GENESIS_HASH, epoch: at, software, height: 7 * at }),
)

const hello = formatTarget<Hello>({
  name: 'hello',
  samples: hellos,
  encode: encodeHello,
  decode: (frame) => {
    // What the frame parser ensures.
    const header = decodeFrameHeader(frame, LIMITS.payloadBytesMax)
    const isHello = header.ok && header.value.kind === FRAME_KIND.hello
    if (!isHello || frame.length !== FRAME_HEADER_BYTES + header.value.length) return { ok: false, detail: 'no hello' }
    const check = checkHello(frame, GENESIS_HASH)
    return check.kind === 'same-chain' ? { ok: true, value: check.hello } : { ok: false, detail: check.detail }
  },
})

const slots = [new Uint8Array(0), Uint8Array.of(1, 2, 3), new Uint8Array(300).fill(7)].map((body, at) =>
  encodeSlot(GENESIS_HASH, at + 1, body),
)

/** A slot with the checksum made right again: otherwise nothing behind the checksum is ever reached. */
function resealed(bytes: Uint8Array): Uint8Array {
  const checked = bytes.subarray(0, Math.max(0, bytes.length - 32))
  return concatBytes(checked, sha256(checked))
}

function runSlot(input: Uint8Array) {
  const read = decodeSlot(input)
  if (read.kind !== 'slot') return REFUSED
  const { genesisHash, generation, body }: Slot = read.slot
  const again = encodeSlot(genesisHash as Hash as GenesisHash, generation, body)
  return { kind: 'accepted', again, of: input.subarray(0, again.length) } as const
}

const safetySlot: Target = {
  name: 'safety-slot',
  valid: slots,
  run: runSlot,
  draw: (random) => {
    const bytes = mutateBytes(random, slots)
    return random.chance(700) ? resealed(bytes) : bytes
  },
}

const streams = [
  concatBytes(
    encodeHello({ genesisHash: GENESIS_HASH, epoch: 0, software: 'x', height: 1 }),
    encodeFrame(FRAME_KIND.vote, 0, new Uint8Array(186)),
    encodeFrame(FRAME_KIND.blockRequest, 0, new Uint8Array(0)),
    encodeFrame(FRAME_KIND.timeout, 3, new Uint8Array(900)),
  ),
  concatBytes(
    encodeFrame(FRAME_KIND.proposal, 1, new Uint8Array(5_000)),
    encodeFrame(FRAME_KIND.vote, 0, new Uint8Array(3)),
  ),
]

/** However a stream is cut, the same frames come out, the same fault ends it, and what is buffered is less than a frame. */
function framesOf(stream: Uint8Array, sizes: readonly number[]): readonly [readonly Uint8Array[], string | undefined] {
  const frames: Uint8Array[] = []
  const parser = new FrameParser(
    LIMITS.payloadBytesMax,
    ({ length }) => (length === 77 ? 'not now' : undefined),
    (frame) => frames.push(frame),
  )
  let fault: string | undefined
  for (let from = 0, i = 0; from < stream.length && fault === undefined; i++) {
    const size = sizes[i % sizes.length] ?? 1
    fault = parser.push(stream.subarray(from, from + size))
    from += size
  }
  const framed = frames.reduce((sum, frame) => sum + frame.length, 0)
  const left = fault === undefined ? stream.length - framed : 0
  if (parser.bufferedBytes !== left) throw new RangeError(`${parser.bufferedBytes} bytes buffered, ${left} are left`)
  return [frames, fault]
}

const frameParser = parserTarget('frame-parser', streams, (input) => {
  const [whole, fault] = framesOf(input, [Math.max(1, input.length)])
  // The cuts follow from the input, so that a finding can be replayed.
  const cuts = [...sha256(input).subarray(0, 6)].map((byte) => 1 + (byte % (byte % 2 === 0 ? 5 : 200)))
  const [again, sameFault] = framesOf(input, cuts)
  if (fault !== sameFault) throw new RangeError(`fault ${fault} in one piece, ${sameFault} in cuts of ${cuts}`)
  const of = concatBytes(...whole)
  if (!whole.every((frame) => frame.length >= FRAME_HEADER_BYTES)) throw new RangeError('a frame without a header')
  return { kind: fault === undefined ? 'accepted' : 'refused', again: concatBytes(...again), of }
})

const signed = { key: alice.keyPair.publicKey, signature: transfer(alice).slice(-64) }

export const nodeTargets: readonly Target[] = [
  hello,
  frameParser,
  safetySlot,
  formatTarget({
    name: 'stored-block',
    samples: [GENESIS_STORED, ...chain],
    encode: encodeStoredBlock,
    decode: (input) => decodeStoredBlock(input, LIMITS),
  }),
  formatTarget({
    name: 'uncommitted-block',
    samples: chain.map(({ block }) => block),
    encode: encodeUncommitted,
    decode: (input) => decodeUncommitted(input, LIMITS),
  }),
  formatTarget({
    name: 'head',
    samples: chain.map((record, at) => ({
      height: record.block.proposal.header.height,
      blockId: record.block.id,
      stateRoot: record.stateRoot,
      rootNodeSum: hashOfText('root node'),
      ...(at === 0 ? {} : { certificate: certificateOf(record) }),
    })),
    encode: encodeHead,
    decode: (input) => decodeHead(input, LIMITS),
  }),
  formatTarget({
    name: 'height',
    samples: [0, 5, Number.MAX_SAFE_INTEGER].map((height) => height as Height),
    encode: encodeHeight,
    decode: decodeHeight,
  }),
  formatTarget({
    name: 'place',
    samples: [
      { height: 3 as Height, index: 4 },
      { height: (2 ** 40) as Height, index: 0 },
    ],
    encode: encodePlace,
    decode: decodePlace,
  }),
  // A later format may say more behind its number, so this one is not canonical.
  parserTarget('database-meta', [encodeMeta(1, GENESIS_HASH)], (input) =>
    decodeMeta(input) === undefined ? REFUSED : ACCEPTED,
  ),
  parserTarget('ed25519', [concatBytes(signed.key, signed.signature)], (input) => {
    const isValid = verifyEd25519(input.subarray(0, 32), sha256(Buffer.from('message')), input.subarray(32))
    if (isValid) throw new RangeError('a signature of something else is valid')
    return REFUSED
  }),
]
