// Mutated frames of real messages through the real ingress, over blst: what reaches the core was signed by who it says, whatever
// was sent; everything that is refused is refused by a penalty or in silence, and nothing stops the process.

import { beforeAll, describe, expect, it } from 'vitest'
import { step } from '../../consensus/core.ts'
import { proposalPreimage } from '../../consensus/preimages.ts'
import { checkProposal, checkTimeoutShape } from '../../consensus/proposal-check.ts'
import type { Input } from '../../consensus/protocol.ts'
import { type CoreState, VIEWS_AHEAD_MAX, VIEWS_BEHIND_MAX } from '../../consensus/state.ts'
import type { Message, QC, TC, View } from '../../consensus/types.ts'
import { blockIdOf, encodeQC, encodeTC } from '../../consensus/wire.ts'
import { decodeMessage, encodeMessage } from '../../consensus/wire-messages.ts'
import { loadBls } from '../../crypto/bls-backend.ts'
import { toHex } from '../../crypto/bytes.ts'
import { verifyEd25519 } from '../../crypto/ed25519.ts'
import { IN_FLIGHT_MAX, Ingress, PEER_IN_FLIGHT_MAX } from '../../node/ingress.ts'
import type { Offence, Peer } from '../../node/ports.ts'
import { freshVerifier } from '../consensus/certificate-ground.ts'
import { type Committee, createCommittee, index, proposalOf, qcOf, tcOf } from '../consensus/committee.ts'
import { Random } from '../simulation/random.ts'
import { honestTraffic, LIMITS, observerOf, type Said, type Traffic } from './honest-traffic.ts'
import { mutateBytes, mutateValue } from './mutate.ts'

const FRAMES = 30_000
const SEED = 20_260_101

let committee: Committee
let traffic: Traffic
beforeAll(async () => {
  committee = await createCommittee(await loadBls('blst'), [1, 1, 1, 1])
  traffic = await honestTraffic(committee)
})

interface Outcome {
  readonly delivered: readonly Input[]
  readonly penalties: readonly Offence[]
}

/** An ingress over a real core, one frame at a time. */
class Door {
  readonly core: CoreState
  readonly ingress: Ingress
  readonly fatal: unknown[] = []
  #delivered: Input[] = []
  #penalties: Offence[] = []
  #requests = 0
  follows = true

  constructor(of: Committee) {
    this.core = observerOf(of)
    this.ingress = new Ingress({
      genesisHash: of.genesisHash,
      validators: of.validators,
      certificates: freshVerifier(of, of.bls),
      limits: LIMITS,
      network: { penalise: (_, offence) => this.#penalties.push(offence), sendToFollowers: () => undefined },
      core: () => this.core,
      deliver: (input) => this.#take(input),
      onBlockRequest: () => {
        this.#requests += 1
      },
      onBlockResponse: () => {
        this.#requests += 1
      },
      onSnapshotRequest: () => {
        this.#requests += 1
      },
      onSnapshotResponse: () => {
        this.#requests += 1
      },
      onFatal: (error) => this.fatal.push(error),
    })
  }

  #take(input: Input): void {
    this.#delivered.push(input)
    // Executed blocks let the observer commit, so the window of views moves as in a node.
    if (!this.follows) return
    for (const effect of step(this.core, input, 1_900_000_000_000)) {
      if (effect.kind === 'execute') step(this.core, { kind: 'executed', blockId: effect.block.id, valid: true }, 0)
    }
  }

  send(peer: Peer, frame: Uint8Array): void {
    this.ingress.onMessage(peer, frame)
  }

  /** Until every check that was begun is over: blst answers within a few turns of the loop. */
  async settled(): Promise<Outcome> {
    while (this.ingress.inFlight > 0) await new Promise((resolve) => setImmediate(resolve))
    const outcome = { delivered: this.#delivered, penalties: this.#penalties }
    this.#delivered = []
    this.#penalties = []
    return outcome
  }
}

/** Verifies afresh, once per certificate: the oracle shares nothing with the verifier under test but the code. */
class Oracle {
  readonly #known = new Map<string, boolean>()

  async holds(certificate: QC | TC): Promise<boolean> {
    const isTC = 'highQC' in certificate
    const key = toHex(isTC ? encodeTC(certificate) : encodeQC(certificate))
    const before = this.#known.get(key)
    if (before !== undefined) return before
    const verifier = freshVerifier(committee, committee.bls)
    const { ok } = isTC ? await verifier.verifyTC(certificate) : await verifier.verifyQC(certificate)
    this.#known.set(key, ok)
    return ok
  }

  async check(input: Input, from: Peer): Promise<void> {
    const { validators, genesisHash } = committee
    switch (input.kind) {
      case 'vote':
        expect(input.vote.signer).toBe(from.validator)
        return expect(input.vote.epoch).toBe(validators.epoch)
      case 'timeout': {
        const { highQC, lastTC, signer } = input.timeout
        expect(signer).toBe(from.validator)
        expect(checkTimeoutShape(input.timeout)).toBeUndefined()
        return expect(await this.#all(highQC, lastTC)).toBe(true)
      }
      case 'certificate':
        return expect(await this.#all(input.qc, input.tc)).toBe(true)
      case 'proposal': {
        const { id, proposal } = input.block
        const { header, justify, tc, signature } = proposal
        expect(id).toBe(blockIdOf(header))
        expect(checkProposal(proposal, committee)).toBeUndefined()
        const preimage = proposalPreimage(genesisHash, header.epoch, header.view, id)
        expect(verifyEd25519(validators.get(header.proposer).nodeKey, preimage, signature)).toBe(true)
        return expect(await this.#all(justify, tc)).toBe(true)
      }
      default:
        throw new RangeError(`ingress delivered ${input.kind}`)
    }
  }

  async #all(qc: QC, tc: TC | undefined): Promise<boolean> {
    return (await this.holds(qc)) && (tc === undefined || (await this.holds(tc)))
  }
}

function frameOf(message: Message): Uint8Array | undefined {
  try {
    return encodeMessage(message, committee.validators.epoch)
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return undefined
    throw error
  }
}

/** A message with a field changed, or another's; a frame with bytes changed; or what was really said. */
function drawFrame(random: Random, said: Said, frames: readonly Uint8Array[]): Uint8Array {
  const kind = random.between(0, 9)
  if (kind === 0) return said.frame
  if (kind < 3) return mutateBytes(random, frames)
  if (kind === 3) return mutateBytes(random, [said.frame])
  const alike = traffic.said.filter(({ message }) => message.kind === said.message.kind)
  return frameOf(mutateValue(random, said.message, random.pick(alike).message)) ?? said.frame
}

describe('ingress', () => {
  it('delivers nothing that is not signed, and survives everything', { timeout: 120_000 }, async () => {
    const random = new Random(SEED, 'ingress')
    const oracle = new Oracle()
    const frames = traffic.said.map(({ frame }) => frame)
    const counts = { delivered: 0, penalised: 0, silent: 0, honestDelivered: 0 }
    let door = new Door(committee)
    for (let sent = 0; sent < FRAMES; sent++) {
      // Each life runs through the traffic, so that mutants meet a core at every view.
      const at = sent % (3 * frames.length)
      if (at === 0) door = new Door(committee)
      const said = traffic.said[Math.floor(at / 3)]
      if (said === undefined) throw new RangeError('no such message')
      const isHonest = at % 3 === 2
      const frame = isHonest ? said.frame : drawFrame(random, said, frames)
      const by = isHonest || random.chance(800) ? said.by : random.between(0, 4)
      const peer: Peer = { id: `peer ${by}`, validator: by === 4 ? undefined : index(by) }
      const before = door.core.view
      door.send(peer, frame)
      const { delivered, penalties } = await door.settled()
      for (const input of delivered) await oracle.check(input, peer)
      expect(door.fatal).toEqual([])
      expect(delivered.length).toBeLessThanOrEqual(1)
      const decoded = decodeMessage(frame, LIMITS)
      if (!decoded.ok) expect({ delivered, penalties }).toEqual({ delivered: [], penalties: ['malformed'] })
      if (isHonest) expect(penalties).toEqual([])
      if (isHonest && delivered.length > 0) counts.honestDelivered += 1
      for (const input of delivered) {
        if (input.kind !== 'vote') continue
        expect(input.vote.view).toBeGreaterThanOrEqual(before - VIEWS_BEHIND_MAX)
        expect(input.vote.view).toBeLessThanOrEqual(before + VIEWS_AHEAD_MAX)
      }
      if (delivered.length > 0) counts.delivered += 1
      else if (penalties.length > 0) counts.penalised += 1
      else counts.silent += 1
    }
    console.log(`ingress: ${FRAMES} frames, ${JSON.stringify(counts)}`)
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(FRAMES / 50)
  })

  it('honest traffic alone takes the core through every view', async () => {
    const door = new Door(committee)
    for (const { by, frame } of traffic.said) {
      door.send({ id: `peer ${by}`, validator: index(by) }, frame)
      await door.settled()
    }
    expect(door.core.view).toBe(9)
  })

  it('a certificate of two signers, or with one signature exchanged, is refused and penalised', async () => {
    const on = { view: 5, blockId: traffic.qcs[5]?.blockId, parentView: 4, parentId: traffic.qcs[4]?.blockId }
    const { blockId, parentId } = on
    if (blockId === undefined || parentId === undefined) throw new RangeError('no such view')
    const full = await qcOf(committee, [0, 1, 2], { ...on, blockId, parentId })
    const two = await qcOf(committee, [0, 1], { ...on, blockId, parentId })
    const timeouts = traffic.said.flatMap(({ message }) => (message.kind === 'timeout' ? [message.timeout] : []))
    const tc = await tcOf(committee, timeouts.slice(0, 3))
    const forged: readonly Message[] = [
      { kind: 'certificate', qc: two },
      { kind: 'certificate', qc: { ...two, signers: full.signers } },
      { kind: 'certificate', qc: { ...full, signature: tc.signature } },
      { kind: 'certificate', qc: full, tc: { ...tc, signature: full.signature } },
      { kind: 'certificate', qc: full, tc: { ...tc, highQcViews: tc.highQcViews.map(() => full.view) } },
    ]
    for (const message of forged) {
      const door = new Door(committee)
      door.send({ id: 'peer 1', validator: index(1) }, encodeMessage(message, 0))
      expect(await door.settled()).toEqual({ delivered: [], penalties: ['invalid-signature'] })
    }
  })

  it('PITFALLS 29: fetched blocks are taken as a chain, each of which its leader signed, or not at all', () => {
    const { ingress } = new Door(committee)
    // The one of the view that ended in a TC is nobody's parent.
    const proposals = traffic.proposals.filter(({ header }) => traffic.qcs.some(({ view }) => view === header.view))
    const [first, second, third] = proposals
    if (first === undefined || second === undefined || third === undefined) throw new RangeError('no traffic')
    expect(ingress.certifiedChain([first, second, third])).toHaveLength(3)
    expect(ingress.certifiedChain([first, third])).toEqual({ detail: 'blocks that do not follow one another' })
    expect(ingress.certifiedChain([second, first])).toEqual({ detail: 'blocks that do not follow one another' })
    const unsigned = { ...second, signature: first.signature }
    expect(ingress.certifiedChain([first, unsigned])).toEqual({ detail: 'a block its proposer did not sign' })
    const otherJustify = { ...second, justify: third.justify }
    expect(ingress.certifiedChain([first, otherJustify])).toEqual({ detail: 'a block with a wrong parent-id' })
  })

  it('PITFALLS 39: so many checks for one peer, so many for all; what comes beyond is dropped', async () => {
    const door = new Door(committee)
    door.follows = false
    const qc = traffic.qcs[5]
    if (qc === undefined) throw new RangeError('no traffic')
    const frame = encodeMessage({ kind: 'certificate', qc }, 0)
    for (let at = 0; at < PEER_IN_FLIGHT_MAX + 3; at++) door.send({ id: 'peer 1', validator: index(1) }, frame)
    expect([door.ingress.inFlight, door.ingress.dropped]).toEqual([PEER_IN_FLIGHT_MAX, 3])
    for (let at = 0; at < IN_FLIGHT_MAX; at++) door.send({ id: `stranger ${at}`, validator: undefined }, frame)
    expect([door.ingress.inFlight, door.ingress.dropped]).toEqual([IN_FLIGHT_MAX, PEER_IN_FLIGHT_MAX + 3])
    expect((await door.settled()).delivered).toHaveLength(IN_FLIGHT_MAX)
  })

  it('PITFALLS 39: a proposal that is being checked is not checked again, whoever brings it', async () => {
    const door = new Door(committee)
    door.follows = false
    const honest = traffic.said[0]
    if (honest === undefined) throw new RangeError('no traffic')
    for (const at of [1, 2, 3]) door.send({ id: `peer ${at}`, validator: index(at) }, honest.frame)
    expect(door.ingress.inFlight).toBe(1)
    expect((await door.settled()).delivered).toMatchObject([{ kind: 'proposal' }])
  })

  it('a proposal dropped for want of room leaves no trace and is taken when it comes again', async () => {
    const door = new Door(committee)
    door.follows = false
    const honest = traffic.said[0]
    const justify = traffic.qcs[1]
    if (honest === undefined || justify === undefined) throw new RangeError('no traffic')
    const peer: Peer = { id: 'peer 1', validator: index(1) }
    // A leader's own signature over views far ahead, each with a justify made up: all it costs is bandwidth.
    for (let view = 1_001; view <= 1_001 + 4 * PEER_IN_FLIGHT_MAX; view += 4) {
      const proposal = proposalOf(committee, view, { ...justify, view: (view - 1) as View })
      door.send(peer, encodeMessage({ kind: 'proposal', proposal }, 0))
    }
    door.send(peer, honest.frame)
    expect(door.ingress.proposalViews).toBe(PEER_IN_FLIGHT_MAX)
    expect(door.ingress.dropped).toBe(2)
    const flood = await door.settled()
    expect(flood).toEqual({ delivered: [], penalties: Array(PEER_IN_FLIGHT_MAX).fill('invalid-signature') })
    expect(door.ingress.proposalViews).toBe(0)
    door.send(peer, honest.frame)
    expect((await door.settled()).delivered).toMatchObject([{ kind: 'proposal' }])
  })
})
