// Golden vectors: the bytes and hashes of one value of every encoded type of consensus, from keys of fixed seeds.
// Changing one is changing a format: it needs an ADR. `GOLDEN=write vitest run test/consensus/golden.test.ts` rewrites them.

import { readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { FRAME_KIND } from '../../consensus/frame.ts'
import {
  certificateHash,
  epochHashOf,
  evidenceRootOf,
  leadersHashEmpty,
  payloadRootOf,
  popPreimage,
  proposalPreimage,
  timeoutPreimage,
  votePreimage,
} from '../../consensus/preimages.ts'
import type { Epoch, Evidence, Height, Message } from '../../consensus/types.ts'
import {
  blockIdOf,
  encodeEpochConfig,
  encodeEvidence,
  encodeHeader,
  encodePayload,
  encodeProposal,
  encodeQC,
  encodeTC,
  encodeTimeout,
  encodeVote,
} from '../../consensus/wire.ts'
import { encodeMessage } from '../../consensus/wire-messages.ts'
import { loadBls } from '../../crypto/bls-backend.ts'
import { fromHex, toHex } from '../../crypto/bytes.ts'
import {
  blockNamed,
  type Committee,
  createCommittee,
  proposalOf,
  qcOf,
  tcOf,
  timeoutOf,
  view,
  voteOf,
} from './committee.ts'

interface Vector {
  readonly value: unknown
  /** Hex. */
  readonly bytes: string
  /** Hex, by what each is. */
  readonly hashes: Readonly<Record<string, string>>
}

function vector(value: unknown, bytes: Uint8Array, hashes: Vector['hashes'] = {}): Vector {
  return { value: readable(value), bytes: toHex(bytes), hashes }
}

/** Bytes as hex, at any depth. */
function readable(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value)
  if (Array.isArray(value)) return value.map(readable)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, readable(part)]))
}

async function vectorsOf(committee: Committee): Promise<Record<string, Vector>> {
  const { genesisHash, validators, root } = committee
  const first = proposalOf(committee, 1, root)
  const on = { view: 1, blockId: blockIdOf(first.header), parentView: 0, parentId: root.blockId }
  const vote = await voteOf(committee, 2, on)
  const qc = await qcOf(committee, [0, 2, 3], on)
  const late = await Promise.all([
    timeoutOf(committee, 0, { view: 2, highQC: root, vote: await voteOf(committee, 0, { ...on, view: 2 }) }),
    timeoutOf(committee, 1, { view: 2, highQC: qc }),
    timeoutOf(committee, 3, { view: 2, highQC: qc }),
  ])
  const tc = await tcOf(committee, late)
  const proposal = proposalOf(committee, 3, qc, tc)
  const timeout = await timeoutOf(committee, 1, {
    view: 3,
    highQC: qc,
    lastTC: tc,
    vote: await voteOf(committee, 1, {
      view: 3,
      blockId: blockIdOf(proposal.header),
      parentView: 1,
      parentId: on.blockId,
    }),
  })
  const evidence: Evidence = { type: 1, epoch: 0 as Epoch, view: view(7), body: Uint8Array.of(1, 2, 3) }
  const member = validators.config.validators[0]
  if (member === undefined) throw new RangeError('a committee has members')
  const pop = popPreimage('committee', member.id, member.blsKey, member.nodeKey)
  const { header, payload } = proposal
  const signed = proposalPreimage(genesisHash, header.epoch, header.view, blockIdOf(header))
  const gaveUp = timeoutPreimage(genesisHash, { ...timeout, highQcView: timeout.highQC.view })
  const { config } = validators
  return {
    header: vector(header, encodeHeader(header), { blockId: blockIdOf(header), leadersHash: leadersHashEmpty }),
    payload: vector(payload, encodePayload(payload), { payloadRoot: payloadRootOf(payload) }),
    evidence: vector(evidence, encodeEvidence(evidence), {
      evidenceRoot: evidenceRootOf([evidence]),
      evidenceRootOfNone: evidenceRootOf([]),
    }),
    vote: vector(vote, encodeVote(vote), { preimage: toHex(votePreimage(genesisHash, vote)) }),
    qc: vector(qc, encodeQC(qc), { justifyHash: certificateHash(qc) }),
    'root-qc': vector(root, encodeQC(root), { justifyHash: certificateHash(root) }),
    timeout: vector(timeout, encodeTimeout(timeout), { preimage: toHex(gaveUp) }),
    tc: vector(tc, encodeTC(tc), { tcHash: certificateHash(tc) }),
    proposal: vector(proposal, encodeProposal(proposal), { preimage: toHex(signed) }),
    'epoch-config': vector(config, encodeEpochConfig(config), {
      epochHash: epochHashOf(config),
      popPreimageOfFirst: toHex(pop),
    }),
    ...framesOf([
      { kind: 'proposal', proposal },
      { kind: 'vote', vote },
      { kind: 'timeout', timeout },
      { kind: 'certificate', qc, tc },
      { kind: 'block-request', requestId: 7, blockId: blockNamed('wanted'), committedHeight: 41 as Height },
      { kind: 'block-response', requestId: 7, proposals: [first, proposal], certificate: qc },
      {
        kind: 'snapshot-request',
        requestId: 8,
        part: { kind: 'range', blockId: blockNamed('held'), from: blockNamed('from'), to: blockNamed('to') },
      },
      { kind: 'snapshot-response', requestId: 8, body: Uint8Array.of(1, 2, 3) },
    ]),
  }
}

function framesOf(messages: readonly Message[]): Record<string, Vector> {
  return Object.fromEntries(
    messages.map((message) => [`frame-${message.kind}`, vector(message, encodeMessage(message, 0))]),
  )
}

const pathOf = (name: string): URL => new URL(`../golden/${name}.json`, import.meta.url)

describe('golden vectors (FORMATS.md)', () => {
  let vectors: Record<string, Vector> = {}

  beforeAll(async () => {
    vectors = await vectorsOf(await createCommittee(await loadBls('blst'), [1, 1, 1, 1]))
    if (process.env.GOLDEN !== 'write') return
    for (const [name, made] of Object.entries(vectors)) {
      writeFileSync(pathOf(name), `${JSON.stringify(made, null, 2)}\n`)
    }
  })

  test.each([
    'header',
    'payload',
    'evidence',
    'vote',
    'qc',
    'root-qc',
    'timeout',
    'tc',
    'proposal',
    'epoch-config',
    'frame-proposal',
    'frame-vote',
    'frame-timeout',
    'frame-certificate',
    'frame-block-request',
    'frame-block-response',
    'frame-snapshot-request',
    'frame-snapshot-response',
  ])('%s', (name) => {
    expect(vectors[name]).toEqual(JSON.parse(readFileSync(pathOf(name), 'utf8')))
  })

  test('every kind of frame that is a message has one', () => {
    const framed = Object.keys(vectors).filter((name) => name.startsWith('frame-'))
    const kinds = framed.map((name) => fromHex(vectors[name]?.bytes ?? '')?.[2])
    const { hello, epochProof, epochProofRequest, ...messages } = FRAME_KIND
    expect([hello, epochProof, epochProofRequest]).toEqual([0, 7, 8])
    expect(kinds.toSorted()).toEqual(Object.values(messages).toSorted())
  })
})
