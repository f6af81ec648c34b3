// What strangers can do to a running node: be refused and be banned; not stop the chain, not part it from its peers.
// TESTING.md, faults (Byzantine) and hardening (P2P); PITFALLS 14, 21, 23, 25, 29, 38, 39.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { encodeFrame, FRAME_KIND } from '../../consensus/frame.ts'
import { proposalPreimage } from '../../consensus/preimages.ts'
import type { BlockId, Message, Proposal, QC, ValidatorIndex, View } from '../../consensus/types.ts'
import { blockIdOf, type WireLimits } from '../../consensus/wire.ts'
import { decodeMessage, encodeMessage } from '../../consensus/wire-messages.ts'
import type { Hash } from '../../crypto/bytes.ts'
import { keyPairFromSeed, signEd25519 } from '../../crypto/ed25519.ts'
import { encodeBatch } from '../../mempool/batch.ts'
import { gossipTopic } from '../../node/network/gossip.ts'
import type { Offence } from '../../node/ports.ts'
import { connectStranger, createNode, helloFrame, type Stranger, type TestNode } from '../node/network/nodes.ts'
import { answerOf, reach } from './chain.ts'
import { Cluster } from './cluster.ts'
import { Wallet } from './wallet.ts'

const ALL = [0, 1, 2, 3]
const VICTIM = 0
const BAN_DEADLINE_MS = 20_000
const OTHER_CHAIN = 'ab'.repeat(32) as Hash

let cluster: Cluster
/** An honest follower of the victim, connected throughout. */
let observer: TestNode
let limits: WireLimits

beforeAll(async () => {
  cluster = await Cluster.start({ flags: { 'idle-interval-ms': '100' } })
  const { params, genesisHash } = cluster.genesis
  limits = { validators: ALL.length, payloadBytesMax: params.payloadBytesMax, itemsMax: params.transactionsMax }
  observer = createNode({ label: 100, genesisHash, extraPeers: [cluster.address(VICTIM)] })
  await observer.running.start()
  await cluster.until('the follower hears a proposal', () => lastProposal() !== undefined)
})
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.printLogs()
})
afterAll(async () => {
  await observer?.running.stop()
  await cluster?.stop()
})

function messageOf(frame: Uint8Array): Message | undefined {
  const decoded = decodeMessage(frame, limits)
  return decoded.ok ? decoded.value : undefined
}

/** The newest one that the victim passed on. */
function lastProposal(): Proposal | undefined {
  for (const { frame } of observer.messages.toReversed()) {
    const message = messageOf(frame)
    if (message?.kind === 'proposal') return message.proposal
  }
  return undefined
}

/** A real proposal with something changed; whoever signs it anew is not its leader. */
function forged(change: (proposal: Proposal) => Proposal, signer?: Uint8Array): Uint8Array {
  const real = lastProposal()
  if (real === undefined) throw new Error('no proposal to forge')
  const changed = change(real)
  const { epoch, view } = changed.header
  const preimage = proposalPreimage(cluster.genesisHash, epoch, view, blockIdOf(changed.header))
  const signature = signer === undefined ? changed.signature : signEd25519(keyPairFromSeed(signer).secretKey, preimage)
  return encodeMessage({ kind: 'proposal', proposal: { ...changed, signature } }, epoch)
}

const ahead = (view: View) => (view + 1_000) as View
const later = (proposal: Proposal): Proposal => {
  const { header } = proposal
  return { ...proposal, header: { ...header, timestampMs: header.timestampMs + 1 } }
}

/** A QC for a view that has not been, so that it would be news. */
function forgedQC(change: (qc: QC) => Partial<QC>): Uint8Array {
  const real = lastProposal()?.justify
  if (real === undefined) throw new Error('no certificate to forge')
  const qc = { ...real, view: ahead(real.view), ...change(real) }
  return encodeMessage({ kind: 'certificate', qc }, qc.epoch)
}

function voteOf(signer: number): Uint8Array {
  const { header, justify } = lastProposal() ?? {}
  if (header === undefined || justify === undefined) throw new Error('no proposal to vote for')
  const { epoch, view, parentId } = header
  const vote = { epoch, view, blockId: blockIdOf(header), parentView: justify.view, parentId }
  const signed = { ...vote, signer: signer as ValidatorIndex, signature: justify.signature }
  return encodeMessage({ kind: 'vote', vote: signed }, epoch)
}

function timeoutOf(signer: number): Uint8Array {
  const { header, justify } = lastProposal() ?? {}
  if (header === undefined || justify === undefined) throw new Error('no view to time out')
  const { epoch, view } = header
  const timeout = { epoch, view, highQC: justify, signer: signer as ValidatorIndex, signature: justify.signature }
  return encodeMessage({ kind: 'timeout', timeout }, epoch)
}

const hello = () => helloFrame(cluster.genesisHash)
let requestId = 0
const request = () => {
  requestId += 1
  const blockId = OTHER_CHAIN as BlockId
  return encodeMessage({ kind: 'block-request', requestId, blockId, committedHeight: 0 as never }, 0)
}

/** Frames of one attempt; it is repeated, over a new connection where the last was closed, until the ban. */
interface Attack {
  readonly what: string
  readonly offence: Offence
  readonly send: (stranger: Stranger) => void
}

const frames = (make: () => readonly Uint8Array[]) => (stranger: Stranger) => {
  for (const frame of make()) stranger.stream.send(frame)
}

const ATTACKS: readonly Attack[] = [
  { what: 'bytes that are no frames', offence: 'malformed', send: frames(() => [new Uint8Array(64).fill(0xff)]) },
  {
    what: 'a frame that claims more than its kind may have',
    offence: 'malformed',
    send: frames(() => [
      hello(),
      Buffer.concat([encodeFrame(FRAME_KIND.vote, 0, new Uint8Array(1_025)).subarray(0, 15)]),
    ]),
  },
  {
    what: 'a real body in a frame of four gigabytes',
    offence: 'malformed',
    send: frames(() => {
      const frame = Buffer.from(encodeFrame(FRAME_KIND.blockResponse, 0, new Uint8Array(0)))
      frame.writeUInt32BE(0xffff_ffff, frame.length - 4)
      return [hello(), frame]
    }),
  },
  { what: 'a message before its hello', offence: 'malformed', send: frames(() => [voteOf(1)]) },
  { what: 'the hello of another chain', offence: 'wrong-chain', send: frames(() => [helloFrame(OTHER_CHAIN)]) },
  {
    what: 'frames whose bodies do not decode',
    offence: 'malformed',
    send: frames(() => [hello(), encodeFrame(FRAME_KIND.proposal, 0, new Uint8Array(100).fill(7))]),
  },
  {
    what: 'a proposal its leader did not sign',
    offence: 'invalid-signature',
    send: frames(() => [hello(), forged(later)]),
  },
  {
    what: 'a proposal signed by itself',
    offence: 'invalid-signature',
    send: frames(() => [hello(), forged(later, new Uint8Array(32).fill(5))]),
  },
  {
    what: 'a proposal of the wrong leader',
    offence: 'invalid-content',
    send: frames(() => [
      hello(),
      forged(({ header, ...rest }) => {
        const proposer = ((header.proposer + 1) % ALL.length) as ValidatorIndex
        return { ...rest, header: { ...header, proposer, timestampMs: header.timestampMs + 1 } }
      }),
    ]),
  },
  { what: 'the vote of a validator', offence: 'invalid-content', send: frames(() => [hello(), voteOf(2)]) },
  { what: 'the timeout of a validator', offence: 'invalid-content', send: frames(() => [hello(), timeoutOf(2)]) },
  {
    what: "a certificate with another's signature",
    offence: 'invalid-signature',
    send: frames(() => [hello(), forgedQC(() => ({}))]),
  },
  {
    what: 'a certificate whose signature is no point of the curve',
    offence: 'invalid-signature',
    send: frames(() => [hello(), forgedQC(() => ({ signature: new Uint8Array(96).fill(3) }))]),
  },
  {
    what: 'a certificate of one signer',
    offence: 'invalid-signature',
    send: frames(() => [hello(), forgedQC(() => ({ signers: Uint8Array.of(1) }))]),
  },
  {
    what: 'a certificate of nobody with the signature of nothing',
    offence: 'invalid-signature',
    send: frames(() => [
      hello(),
      forgedQC(() => ({ signers: Uint8Array.of(0), signature: Uint8Array.of(0xc0, ...new Uint8Array(95)) })),
    ]),
  },
  {
    what: 'blocks nobody asked for',
    offence: 'unsolicited',
    send: frames(() => [
      hello(),
      ...Array.from({ length: 20 }, () => {
        return encodeMessage({ kind: 'block-response', requestId: 4_000_000_000, proposals: [] }, 0)
      }),
    ]),
  },
  {
    what: 'block requests without end',
    offence: 'flood',
    send: frames(() => [hello(), ...Array.from({ length: 30 }, request)]),
  },
  {
    what: 'frames without end',
    offence: 'flood',
    send: frames(() => Array.from({ length: 2_000 }, hello)),
  },
  {
    what: 'gossip that is no batch',
    offence: 'invalid-content',
    send: (stranger) => gossip(stranger, new Uint8Array(50).fill(Math.random() * 256)),
  },
  {
    what: 'gossip of transactions nobody signed',
    offence: 'invalid-content',
    send: (stranger) => {
      const [wallet] = Wallet.funded(cluster.genesisHash)
      const recipient = wallet.address
      const amount = BigInt(1 + Math.floor(Math.random() * 1_000_000))
      const bytes = Uint8Array.from(wallet.sign([{ recipient, amount }]).bytes)
      bytes.fill(1, bytes.length - 64)
      gossip(stranger, encodeBatch([bytes]))
    },
  },
]

function gossip(stranger: Stranger, body: Uint8Array): void {
  const topic = gossipTopic(cluster.genesisHash)
  const pubsub = stranger.host.services.pubsub
  if (pubsub.getSubscribers(topic).length === 0) return
  pubsub.publish(topic, body).catch(() => undefined)
}

function banOf(id: string): { readonly offence: string } | undefined {
  const line = cluster
    .log(VICTIM)
    .split('\n')
    .find((text) => text.includes('"peer banned"') && text.includes(id))
  return line === undefined ? undefined : (JSON.parse(line) as { readonly offence: string })
}

/** The same key again and again, until the log says that it is banned; every connection but the last is closed then. */
async function attackUntilBanned(label: number, { what, send }: Attack): Promise<Stranger> {
  const address = cluster.address(VICTIM)
  let stranger = await connectStranger(label, address)
  const { id } = stranger
  try {
    await cluster.until(
      `ban for ${what}`,
      async () => {
        if (banOf(id) !== undefined) return true
        if (stranger.connection.status !== 'open') {
          await stranger.host.stop()
          // So many connections a second are one more thing that a node refuses.
          const next = await connectStranger(label, address).catch(() => undefined)
          if (next === undefined) return false
          stranger = next
        }
        // The node may hang up between two frames: that is its right.
        if (stranger.stream.status === 'open') send(stranger)
        return false
      },
      BAN_DEADLINE_MS,
    )
    return stranger
  } catch (error) {
    await stranger.host.stop()
    throw error
  }
}

describe('a stranger', () => {
  for (const [at, attack] of ATTACKS.entries()) {
    test(`that sends ${attack.what} is banned, and nobody else notices`, async () => {
      const label = 10 + at
      const heard = observer.messages.length
      const stranger = await attackUntilBanned(label, attack)
      expect(banOf(stranger.id)?.offence).toBe(attack.offence)
      await cluster.until('the connection is closed', () => stranger.connection.status !== 'open')
      await stranger.host.stop()
      // Coming back under the same key is refused.
      const again = await connectStranger(label, cluster.address(VICTIM)).catch(() => undefined)
      if (again !== undefined) await cluster.until('it is refused', () => again.connection.status !== 'open')
      await again?.host.stop()

      await reach(cluster, ALL, (await cluster.height(VICTIM)) + 2)
      expect(answerOf(await cluster.client(VICTIM).validators()).every(({ connected }) => connected)).toBe(true)
      await cluster.until('the follower still hears', () => observer.messages.length > heard)
      expect(observer.disconnected).toEqual([])
    })
  }
})
