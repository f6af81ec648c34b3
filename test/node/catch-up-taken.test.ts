// node/catch-up.ts as the one who asks: an answer counts if it leads to the block asked for, or ends in a certificate that verifies
// (PITFALLS 29). Real signatures, real ingress, a real core.

import { beforeAll, expect, it } from 'vitest'
import { step } from '../../consensus/core.ts'
import type { Input } from '../../consensus/protocol.ts'
import type { Message, Proposal, QC, Verified } from '../../consensus/types.ts'
import { decodeMessage } from '../../consensus/wire-messages.ts'
import { loadBls } from '../../crypto/bls-backend.ts'
import { CatchUp } from '../../node/catch-up.ts'
import { Ingress } from '../../node/ingress.ts'
import type { Offence, Peer } from '../../node/ports.ts'
import { freshVerifier } from '../consensus/certificate-ground.ts'
import { type Committee, createCommittee, index, qcOf } from '../consensus/committee.ts'
import { honestTraffic, LIMITS, observerOf, type Traffic } from '../fuzz/honest-traffic.ts'

const PEER: Peer = { id: 'peer', validator: index(1) }
const WANTED_VIEW = 5

type Response = Extract<Message, { kind: 'block-response' }>

let committee: Committee
let traffic: Traffic
beforeAll(async () => {
  committee = await createCommittee(await loadBls('blst'), [1, 1, 1, 1])
  traffic = await honestTraffic(committee)
})

const proposalsUpTo = (view: number) => traffic.proposals.filter(({ header }) => header.view <= view)

function qcOfView(view: number): QC {
  const qc = traffic.qcs.find((candidate) => candidate.view === view)
  if (qc === undefined) throw new RangeError(`no certificate of view ${view}`)
  return qc
}

/** A node that knows the certificate of view 5 and none of the blocks, and has asked its one peer for the block. */
async function answered(response: Omit<Response, 'kind' | 'requestId'>) {
  const core = observerOf(committee)
  const delivered: Input[] = []
  const penalties: Offence[] = []
  const requests: Extract<Message, { kind: 'block-request' }>[] = []
  const fatal: unknown[] = []
  const network = {
    penalise: (_: string, offence: Offence) => penalties.push(offence),
    sendToFollowers: () => undefined,
    peers: () => [PEER],
    sendToPeer: (_: string, frame: Uint8Array) => {
      const decoded = decodeMessage(frame, LIMITS)
      if (decoded.ok && decoded.value.kind === 'block-request') requests.push(decoded.value)
    },
  }
  const certificates = freshVerifier(committee, committee.bls)
  const ingress = new Ingress({
    genesisHash: committee.genesisHash,
    validators: committee.validators,
    certificates,
    limits: LIMITS,
    network,
    core: () => core,
    deliver: () => undefined,
    onBlockRequest: () => undefined,
    onBlockResponse: () => undefined,
    onSnapshotRequest: () => undefined,
    onSnapshotResponse: () => undefined,
    onFatal: (error) => fatal.push(error),
  })
  const { promise: asksAgain, resolve } = Promise.withResolvers<void>()
  let isAnswered = false
  const catchUp = new CatchUp({
    epoch: 0,
    // After an answer that did not help it waits before it asks again.
    clock: {
      nowMs: () => 1_000,
      after: () => {
        if (isAnswered) resolve()
        return () => undefined
      },
    },
    network,
    store: { head: () => undefined, blockAt: () => undefined, blockById: () => undefined },
    certificates,
    ingress: () => ingress,
    core: () => core,
    deliver: async (input) => {
      delivered.push(input)
      step(core, input, 1_900_000_000_000)
      if (core.wanted.size === 0) resolve()
    },
    onFatal: (error) => fatal.push(error),
  })
  const effects = step(core, { kind: 'certificate', qc: qcOfView(WANTED_VIEW) as Verified<QC> }, 0)
  for (const effect of effects) if (effect.kind === 'fetch') catchUp.fetch(effect.blockId, effect.from)
  const [request] = requests
  if (request === undefined) throw new RangeError('nothing was asked for')
  isAnswered = true
  catchUp.onResponse(PEER, { kind: 'block-response', requestId: request.requestId, ...response })
  await asksAgain
  expect(fatal).toEqual([])
  return { delivered, penalties, request, requests, catchUp }
}

it('asks for the block that the certificate names, by id', async () => {
  const { request } = await answered({ proposals: [] })
  expect(request).toMatchObject({ blockId: qcOfView(WANTED_VIEW).blockId, committedHeight: 0 })
})

it('the way to the block is taken, and so is its beginning with a certificate of its own', async () => {
  const whole = await answered({ proposals: proposalsUpTo(WANTED_VIEW) })
  expect(whole.delivered).toMatchObject([{ kind: 'fetched', blocks: { length: WANTED_VIEW } }])
  const part = await answered({ proposals: proposalsUpTo(2), certificate: qcOfView(2) })
  expect(part.delivered).toMatchObject([{ kind: 'fetched', blocks: { length: 2 }, certificate: { view: 2 } }])
  expect([whole.penalties, part.penalties]).toEqual([[], []])
})

it('a search ends when the core has its block: nobody is asked again (PITFALLS 29)', async () => {
  const { catchUp, requests } = await answered({ proposals: proposalsUpTo(WANTED_VIEW) })
  await expect.poll(() => catchUp.searching).toBe(0)
  expect(requests).toHaveLength(1)
})

it.each<readonly [string, () => Promise<{ readonly proposals: Proposal[]; readonly certificate?: QC }>]>([
  ['that nothing certifies', async () => ({ proposals: proposalsUpTo(2) })],
  ['with the certificate of another block', async () => ({ proposals: proposalsUpTo(2), certificate: qcOfView(3) })],
  [
    'with a certificate of two signers',
    async () => {
      const { blockId, parentView, parentId } = qcOfView(2)
      return {
        proposals: proposalsUpTo(2),
        certificate: await qcOf(committee, [0, 1], { view: 2, blockId, parentView, parentId }),
      }
    },
  ],
  [
    'with a certificate whose signature is of another',
    async () => ({ proposals: proposalsUpTo(2), certificate: { ...qcOfView(2), signature: qcOfView(3).signature } }),
  ],
  [
    'of which one is left out',
    async () => ({ proposals: proposalsUpTo(WANTED_VIEW).filter(({ header }) => header.view !== 3) }),
  ],
  [
    'of which one is not signed by its leader',
    async () => ({
      proposals: proposalsUpTo(WANTED_VIEW).map((proposal) => ({ ...proposal, signature: new Uint8Array(64) })),
    }),
  ],
])('blocks %s are refused, and whoever sent them is penalised', async (_, response) => {
  expect(await answered(await response())).toMatchObject({ delivered: [], penalties: ['invalid-content'] })
})
