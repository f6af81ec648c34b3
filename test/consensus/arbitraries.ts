// Random values of every encoded type, well formed and otherwise meaningless: signatures are noise.

import fc from 'fast-check'
import { bitmapOf } from '../../consensus/bitmap.ts'
import type {
  BlockId,
  Epoch,
  EpochConfig,
  Evidence,
  GenesisHash,
  Header,
  Height,
  Message,
  Payload,
  Proposal,
  QC,
  TC,
  Timeout,
  Vote,
} from '../../consensus/types.ts'
import type { WireLimits } from '../../consensus/wire.ts'
import { type Hash, hashFromBytes } from '../../crypto/bytes.ts'
import { index, view } from './committee.ts'

/** Ten validators: a bitmap with padding. */
export const LIMITS: WireLimits = { validators: 10, payloadBytesMax: 400, itemsMax: 8 }

const exactly = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const upTo = (length: number) => fc.uint8Array({ maxLength: length })
const u8 = fc.integer({ min: 0, max: 0xff })
const u16 = fc.integer({ min: 0, max: 0xffff })
const u64 = fc.maxSafeNat()
const hash = exactly(32).map((bytes): Hash => hashFromBytes(bytes))
const blockId = hash.map((id) => id as BlockId)
const anyView = u64.map(view)
const epoch = u64.map((value) => value as Epoch)
const height = u64.map((value) => value as Height)
const signer = u16.map(index)
const bitmap = fc
  .uniqueArray(fc.integer({ min: 0, max: LIMITS.validators - 1 }))
  .map((indices) => bitmapOf(indices.map(index), LIMITS.validators))

export const header: fc.Arbitrary<Header> = fc.record({
  version: u16,
  supports: u16,
  phase: u8,
  genesisHash: hash.map((value) => value as GenesisHash),
  epoch,
  view: anyView,
  height,
  parentId: blockId,
  justifyHash: hash,
  tcHash: hash,
  proposer: signer,
  timestampMs: u64,
  payloadRoot: hash,
  stateRoot: hash,
  receiptsRoot: hash,
  chainRoot: hash,
  leadersHash: hash,
  epochHash: hash,
  nextEpochHash: hash,
  evidenceRoot: hash,
})

export const payload: fc.Arbitrary<Payload> = fc.record({ kind: u8, items: fc.array(upTo(50), { maxLength: 8 }) })
export const evidence: fc.Arbitrary<Evidence> = fc.record({ type: u8, epoch, view: anyView, body: upTo(40) })

const ballot = { epoch, view: anyView, blockId, parentView: anyView, parentId: blockId, signature: exactly(96) }
export const vote: fc.Arbitrary<Vote> = fc.record({ ...ballot, signer })
export const qc: fc.Arbitrary<QC> = fc.record({ ...ballot, signers: bitmap })
export const tc: fc.Arbitrary<TC> = fc.record({
  epoch,
  view: anyView,
  signers: bitmap,
  highQcViews: fc.array(anyView, { maxLength: LIMITS.validators }),
  highQC: qc,
  signature: exactly(96),
})

/** Optional fields are absent, never undefined. */
export const timeout: fc.Arbitrary<Timeout> = fc.record(
  { epoch, view: anyView, highQC: qc, lastTC: tc, vote, signer, signature: exactly(96) },
  { requiredKeys: ['epoch', 'view', 'highQC', 'signer', 'signature'] },
)

export const proposal: fc.Arbitrary<Proposal> = fc.record(
  { header, payload, evidence: fc.array(evidence, { maxLength: 3 }), justify: qc, tc, signature: exactly(64) },
  { requiredKeys: ['header', 'payload', 'evidence', 'justify', 'signature'] },
)

const byId = <T extends { readonly id: number | string }>(items: readonly T[]): T[] =>
  items.toSorted((a, b) => (a.id < b.id ? -1 : 1))

export const epochConfig: fc.Arbitrary<EpochConfig> = fc.record({
  format: u16,
  epoch,
  protocolVersion: u16,
  params: fc.uniqueArray(fc.record({ id: u16, value: u64 }), { selector: ({ id }) => id, maxLength: 5 }).map(byId),
  validators: fc
    .uniqueArray(
      fc.record({
        id: exactly(20).map((bytes) => Buffer.from(bytes).toString('hex')),
        power: u64,
        blsKey: exactly(48),
        nodeKey: exactly(32),
      }),
      { selector: ({ id }) => id, maxLength: 5 },
    )
    .map(byId),
})

const requestId = fc.integer({ min: 0, max: 0xffff_ffff })
export const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ kind: fc.constant('proposal' as const), proposal }),
  fc.record({ kind: fc.constant('vote' as const), vote }),
  fc.record({ kind: fc.constant('timeout' as const), timeout }),
  fc.record({ kind: fc.constant('certificate' as const), qc, tc }, { requiredKeys: ['kind', 'qc'] }),
  fc.record({ kind: fc.constant('block-request' as const), requestId, blockId, committedHeight: height }),
  fc.record(
    {
      kind: fc.constant('block-response' as const),
      requestId,
      proposals: fc.array(proposal, { maxLength: 3 }),
      certificate: qc,
    },
    { requiredKeys: ['kind', 'requestId', 'proposals'] },
  ),
  fc.record({
    kind: fc.constant('snapshot-request' as const),
    requestId,
    part: fc.oneof(
      fc.record({ kind: fc.constant('anchors' as const) }),
      fc.record({ kind: fc.constant('tip' as const), blockId }),
      fc.record({ kind: fc.constant('range' as const), blockId, from: hash, to: hash }),
    ),
  }),
  fc.record(
    { kind: fc.constant('snapshot-response' as const), requestId, body: upTo(40) },
    { requiredKeys: ['kind', 'requestId'] },
  ),
)
