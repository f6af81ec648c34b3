// Decoders of everything consensus says and stores.

import { decodeFrameHeader, FRAME_HEADER_BYTES } from '../../consensus/frame.ts'
import { decodeSafety, encodeSafety } from '../../consensus/safety-record.ts'
import type { Message } from '../../consensus/types.ts'
import {
  encodeEpochConfig,
  encodeEvidence,
  encodeHeader,
  encodePayload,
  encodeProposal,
  encodeQC,
  encodeTC,
  encodeTimeout,
  encodeVote,
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
import { decodeMessage, encodeMessage } from '../../consensus/wire-messages.ts'
import { Writer } from '../../crypto/codec.ts'
import {
  epochConfig,
  evidence,
  header,
  LIMITS,
  message,
  payload,
  proposal,
  qc,
  tc,
  timeout,
  vote,
} from '../consensus/arbitraries.ts'
import { LIMITS as SAFETY_LIMITS, safetyAt } from '../node/storage/fixture.ts'
import { formatTarget, parserTarget, REFUSED, readerTarget, samplesOf, type Target } from './target.ts'

function epochOf(frame: Uint8Array): number {
  const decoded = decodeFrameHeader(frame, LIMITS.payloadBytesMax)
  return decoded.ok ? decoded.value.epoch : 0
}

/** The epoch a frame of this message states; requests and answers of blocks may state any. */
function ownEpoch(of: Message): number {
  switch (of.kind) {
    case 'proposal':
      return of.proposal.header.epoch
    case 'vote':
      return of.vote.epoch
    case 'timeout':
      return of.timeout.epoch
    case 'certificate':
      return of.qc.epoch
    default:
      return 5
  }
}

const messages = samplesOf(message, 400)

function frameTarget(kind: Message['kind']): Target {
  interface Framed {
    readonly epoch: number
    readonly message: Message
  }
  const samples = messages
    .filter((sample) => sample.kind === kind)
    .map((sample): Framed => ({ epoch: ownEpoch(sample), message: sample }))
  return formatTarget<Framed>({
    name: `frame-${kind}`,
    samples,
    encode: ({ epoch, message: inside }) => encodeMessage(inside, epoch),
    decode: (frame) => {
      const decoded = decodeMessage(frame, LIMITS)
      return decoded.ok ? { ok: true, value: { epoch: epochOf(frame), message: decoded.value } } : decoded
    },
  })
}

const frameHeaders = messages.map((sample) => encodeMessage(sample, ownEpoch(sample)).slice(0, FRAME_HEADER_BYTES))

const frameHeader = parserTarget('frame-header', frameHeaders, (input) => {
  const decoded = decodeFrameHeader(input, LIMITS.payloadBytesMax)
  if (!decoded.ok) return REFUSED
  const { kind, epoch, length } = decoded.value
  const again = new Writer(FRAME_HEADER_BYTES).u16(1).u8(kind).u64(epoch).u32(length).finish()
  return { kind: 'accepted', again, of: input.subarray(0, FRAME_HEADER_BYTES) }
})

export const consensusTargets: readonly Target[] = [
  readerTarget('header', samplesOf(header), encodeHeader, readHeader),
  readerTarget('payload', samplesOf(payload), encodePayload, (reader) => readPayload(reader, LIMITS)),
  readerTarget('vote', samplesOf(vote), encodeVote, readVote),
  readerTarget('qc', samplesOf(qc), encodeQC, (reader) => readQC(reader, LIMITS)),
  readerTarget('tc', samplesOf(tc), encodeTC, (reader) => readTC(reader, LIMITS)),
  readerTarget('timeout', samplesOf(timeout), encodeTimeout, (reader) => readTimeout(reader, LIMITS)),
  readerTarget('proposal', samplesOf(proposal), encodeProposal, (reader) => readProposal(reader, LIMITS)),
  readerTarget('evidence', samplesOf(evidence), encodeEvidence, readEvidence),
  readerTarget('epoch-config', samplesOf(epochConfig), encodeEpochConfig, readEpochConfig),
  frameHeader,
  frameTarget('proposal'),
  frameTarget('vote'),
  frameTarget('timeout'),
  frameTarget('certificate'),
  frameTarget('block-request'),
  frameTarget('block-response'),
  frameTarget('snapshot-request'),
  frameTarget('snapshot-response'),
  formatTarget({
    name: 'safety',
    samples: [3, 4, 7, 100].flatMap((view) => [safetyAt(view), safetyAt(view, true)]),
    encode: encodeSafety,
    decode: (input) => decodeSafety(input, SAFETY_LIMITS),
  }),
]
