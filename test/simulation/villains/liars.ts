// Those who lie to nodes that catch up, and those who misuse the mempool.

import type { BlockId, Height, Message, Proposal } from '../../../consensus/types.ts'
import { type Hash, toHex } from '../../../crypto/bytes.ts'
import { signTransfer } from '../../../ledger/transaction.ts'
import { BATCH_BYTES_MAX, encodeBatch } from '../../../mempool/batch.ts'
import type { Grip, Villain } from './grip.ts'

type Response = Extract<Message, { kind: 'block-response' }>

/** Its answers to block requests, changed. */
function liar(about: string, lie: (grip: Grip, response: Response) => readonly Message[]): Villain {
  return {
    about,
    take: (grip) => ({
      out(frame) {
        const message = grip.decode(frame)
        if (message?.kind !== 'block-response') return [frame]
        return lie(grip, message).map((one) => grip.encode(one))
      },
    }),
  }
}

function spammer(about: string, everyMs: number, make: (grip: Grip, count: number) => readonly Uint8Array[]): Villain {
  return {
    about,
    take(grip) {
      let count = 0
      return {
        started() {
          grip.every(everyMs, () => {
            count += 1
            for (const body of make(grip, count)) for (const other of grip.others) grip.gossip(other, body)
          })
        },
      }
    },
  }
}

function transfer({ committee, random }: Grip, nonce: bigint, fee = 1n, amount = 1n): Uint8Array {
  const [person] = committee.people
  return signTransfer({
    genesisHash: committee.genesis.genesisHash,
    nonce,
    fee,
    validUntil: random.between(50, 9_000),
    outputs: [{ recipient: person?.address ?? '', amount }],
    keyPair: committee.rogue.keyPair,
  }).bytes
}

function randomId({ random }: Grip): BlockId {
  return toHex(Uint8Array.from({ length: 32 }, () => random.between(0, 255))) as Hash as BlockId
}

function nonceOf({ node, committee }: Grip): bigint {
  const { store } = node
  return store === undefined ? 0n : committee.app.sequence(committee.rogue.address, store.state())
}

export const LIARS: Readonly<Record<string, Villain>> = {
  'empty-answerer': liar('has no block for anybody', (_, response) => [{ ...response, proposals: [] }]),
  'gap-answerer': liar('leaves out a block in the middle', (_, response) => [
    { ...response, proposals: response.proposals.filter((_block, at) => at !== response.proposals.length >> 1) },
  ]),
  'backward-answerer': liar('sends blocks in the wrong order', (_, response) => [
    { ...response, proposals: response.proposals.toReversed() },
  ]),
  'short-answerer': liar('sends the beginning of what was asked for', (_, response) => [
    { ...response, proposals: response.proposals.slice(0, 1) },
  ]),
  'other-chain-answerer': liar('sends blocks of its own making', (grip, response) => {
    const proposals = response.proposals.map(
      (proposal): Proposal => grip.resign(proposal, { proposer: grip.self }).proposal,
    )
    return [{ ...response, proposals }]
  }),
  'resigning-answerer': liar('sends true blocks with wrong signatures', (_, response) => [
    { ...response, proposals: response.proposals.map((proposal) => ({ ...proposal, signature: new Uint8Array(64) })) },
  ]),
  'wrong-certificate-answerer': liar('sends a part, certified by another certificate', (grip, response) => {
    const certificate = grip.core()?.safety.highQC
    const { proposals } = response
    if (certificate === undefined) return [response]
    return [{ ...response, proposals: proposals.slice(0, Math.max(1, proposals.length - 1)), certificate }]
  }),
  'false-root-answerer': liar('changes what the blocks say of the state', (_, response) => [
    {
      ...response,
      proposals: response.proposals.map((proposal) => ({
        ...proposal,
        header: { ...proposal.header, stateRoot: 'ef'.repeat(32) as Hash },
      })),
    },
  ]),
  'endless-answerer': liar('answers thirty times, and what nobody asked', (_, response) =>
    Array.from({ length: 30 }, (_one, at) => ({ ...response, requestId: response.requestId + at })),
  ),
  'slow-answerer': {
    about: 'answers after the asker gave up',
    take: (grip) => ({
      out(frame, to) {
        if (grip.decode(frame)?.kind !== 'block-response') return [frame]
        grip.node.after(grip.random.between(1_900, 2_500), () => grip.send(to, frame))
        return []
      },
    }),
  },
  'silent-answerer': liar('does not answer', () => []),
  'made-up-asker': {
    about: 'asks for blocks that do not exist, and for the whole chain',
    take: (grip) => ({
      started() {
        grip.every(200, () => {
          const blockId = randomId(grip)
          const committedHeight = (grip.random.chance(500) ? 0 : 1_000_000_000) as Height
          grip.sendAll({ kind: 'block-request', requestId: grip.random.next(), blockId, committedHeight })
        })
      },
    }),
  },
  'asking-flooder': {
    about: 'asks a hundred times at once',
    take: (grip) => ({
      started() {
        grip.every(500, () => {
          const core = grip.core()
          if (core === undefined) return
          const { blockId } = core.safety.highQC
          for (let at = 0; at < 100; at++) {
            grip.sendAll({ kind: 'block-request', requestId: at, blockId, committedHeight: 0 as Height })
          }
        })
      },
    }),
  },
  'garbage-gossiper': spammer('gossips noise', 100, ({ random }) => [
    Uint8Array.from({ length: random.between(0, 200) }, () => random.between(0, 255)),
  ]),
  'oversized-gossiper': spammer('gossips more than a batch may hold', 500, () => [new Uint8Array(BATCH_BYTES_MAX + 1)]),
  'badly-signed-gossiper': spammer('gossips transactions with bad signatures', 60, (grip, count) => {
    const bytes = new Uint8Array(transfer(grip, BigInt(count)))
    bytes.fill(1, bytes.length - 20)
    return [encodeBatch([bytes])]
  }),
  'nonce-player': spammer('gossips different transactions of one nonce to different nodes', 40, (grip) => {
    const nonce = nonceOf(grip)
    return Array.from({ length: 3 }, (_, at) => encodeBatch([transfer(grip, nonce, BigInt(1 + at), BigInt(1 + at))]))
  }),
  'gap-player': spammer('gossips transactions far beyond the next nonce', 40, (grip, count) => {
    const nonce = nonceOf(grip)
    return [encodeBatch(Array.from({ length: 20 }, (_, at) => transfer(grip, nonce + BigInt(count + 7 * at))))]
  }),
  'replacement-player': spammer('replaces its transactions again and again', 20, (grip, count) => [
    encodeBatch([transfer(grip, nonceOf(grip) + 1n, BigInt(1 + (count % 1_000)))]),
  ]),
  'duplicate-gossiper': spammer('gossips one transaction a hundred times', 100, (grip) => {
    const bytes = transfer(grip, nonceOf(grip))
    return [encodeBatch(Array.from({ length: 100 }, () => bytes))]
  }),
  'poor-gossiper': spammer('gossips transactions it cannot pay for', 60, (grip, count) => [
    encodeBatch([transfer(grip, nonceOf(grip) + BigInt(count % 5), 900_000n)]),
  ]),
  'silent-gossiper': { about: 'passes on no transaction', take: () => ({ gossipOut: () => [] }) },
}
