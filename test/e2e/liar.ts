// A validator with a real key that breaks the rules it can break alone: votes twice, votes with bad signatures, proposes twice.
// It speaks over the real network; of a node it has nothing else.

import { CertificateVerifier } from '../../consensus/certificates.ts'
import { certificateHash, payloadRootOf, proposalPreimage, votePreimage } from '../../consensus/preimages.ts'
import { PAYLOAD_TRANSACTIONS } from '../../consensus/proposal-check.ts'
import type { BlockId, Header, Height, Proposal, ValidatorIndex, View, Vote } from '../../consensus/types.ts'
import { createValidatorSet, type ValidatorSet } from '../../consensus/validators.ts'
import { blockIdOf } from '../../consensus/wire.ts'
import { decodeMessage, encodeMessage } from '../../consensus/wire-messages.ts'
import type { Bls } from '../../crypto/bls.ts'
import { ZERO_HASH } from '../../crypto/bytes.ts'
import { keyPairFromSeed, signEd25519 } from '../../crypto/ed25519.ts'
import type { ValidatorKeys } from '../../genesis/keys.ts'
import { TestNode } from '../node/network/nodes.ts'
import type { Cluster } from './cluster.ts'

export type Lie = 'none' | 'votes-twice' | 'votes-badly' | 'proposes-twice'

const VIEWS_KEPT = 8
const EMPTY_PAYLOAD = { kind: PAYLOAD_TRANSACTIONS, items: [] }

export class Liar {
  lie: Lie = 'none'
  /** How often it lied. */
  told = 0
  readonly self: ValidatorIndex
  readonly #node: TestNode
  readonly #bls: Bls
  readonly #keys: ValidatorKeys
  readonly #cluster: Cluster
  readonly #validators: ValidatorSet
  readonly #certificates: CertificateVerifier
  readonly #proposals = new Map<BlockId, Proposal>()
  /** Votes sent to it as the next leader, by block. */
  readonly #votes = new Map<BlockId, Map<ValidatorIndex, Vote>>()

  constructor(cluster: Cluster, self: number, bls: Bls) {
    const { genesis } = cluster
    const keys = cluster.keys[self]
    if (keys === undefined) throw new RangeError(`no validator ${self}`)
    this.self = self as ValidatorIndex
    this.#bls = bls
    this.#keys = keys
    this.#cluster = cluster
    this.#validators = createValidatorSet(genesis.validators)
    const { genesisHash, rootQC } = genesis
    this.#certificates = new CertificateVerifier({ bls, genesisHash, validators: this.#validators, rootQC })
    this.#node = new TestNode({
      genesisHash,
      epoch: 0,
      nodeKeySeed: keys.nodeSeed,
      validators: this.#validators.indices().map((index) => ({
        index,
        nodeKey: this.#validators.get(index).nodeKey,
        addresses: genesis.addressesOf(index),
      })),
      listen: [genesis.addressesOf(this.self)[0] ?? ''],
      extraPeers: [],
      payloadBytesMax: genesis.params.payloadBytesMax,
      inboundPerSecondMax: 100,
      software: 'liar',
      height: () => 0,
    })
    this.#node.onMessage = (_peer, frame) => this.#onMessage(frame)
  }

  get peers(): number {
    return this.#node.peers.length
  }

  /** What went wrong in the test itself. */
  get faults(): readonly unknown[] {
    return this.#node.fatal
  }

  start(): Promise<void> {
    return this.#node.running.start()
  }

  stop(): Promise<void> {
    return this.#node.running.stop()
  }

  #onMessage(frame: Uint8Array): void {
    const { params } = this.#cluster.genesis
    const { payloadBytesMax, transactionsMax } = params
    const decoded = decodeMessage(frame, {
      validators: this.#validators.size,
      payloadBytesMax,
      itemsMax: transactionsMax,
    })
    if (!decoded.ok) throw new Error(`an honest node sent what does not decode: ${decoded.detail}`)
    const message = decoded.value
    if (message.kind === 'proposal') this.#onProposal(message.proposal)
    else if (message.kind === 'vote') this.#onVote(message.vote)
  }

  #onProposal(proposal: Proposal): void {
    const id = blockIdOf(proposal.header)
    keep(this.#proposals, id, proposal)
    if (this.lie === 'votes-twice' || this.lie === 'votes-badly') {
      this.#vote(id, proposal, this.lie).catch((error: unknown) => this.#node.fatal.push(error))
    }
  }

  async #vote(id: BlockId, { header, justify }: Proposal, lie: 'votes-twice' | 'votes-badly'): Promise<void> {
    const { epoch, view, parentId } = header
    const collector = this.#validators.leader((view + 1) as View)
    if (collector === this.self) return
    // For a block that never was; under the right name, or with the signature of another message.
    const content = { epoch, view, blockId: id, parentView: justify.view, parentId }
    const other = { ...content, blockId: ZERO_HASH as BlockId }
    const sign = (vote: typeof content) =>
      this.#bls.sign(this.#keys.blsSecretKey, votePreimage(this.#cluster.genesisHash, vote))
    const votes =
      lie === 'votes-twice'
        ? [
            { ...content, signature: await sign(content) },
            { ...other, signature: await sign(other) },
          ]
        : [{ ...content, signature: await sign(other) }]
    for (const vote of votes) {
      this.#node.running.network.sendTo(
        collector,
        encodeMessage({ kind: 'vote', vote: { ...vote, signer: this.self } }, epoch),
      )
    }
    this.told += 1
  }

  #onVote(vote: Vote): void {
    const votes = this.#votes.get(vote.blockId) ?? new Map<ValidatorIndex, Vote>()
    keep(this.#votes, vote.blockId, votes)
    votes.set(vote.signer, vote)
    const parent = this.#proposals.get(vote.blockId)
    const isQuorum =
      votes.size === this.#validators.quorum && this.#validators.leader((vote.view + 1) as View) === this.self
    if (this.lie !== 'proposes-twice' || parent === undefined || !isQuorum) return
    this.#propose(parent, [...votes.values()]).catch((error: unknown) => this.#node.fatal.push(error))
  }

  /** Two blocks on the same parent in one view, to everybody. Their state roots are made up too. */
  async #propose({ header: above }: Proposal, votes: readonly Vote[]): Promise<void> {
    const formed = await this.#certificates.formQC(votes)
    if (formed.kind !== 'formed') throw new Error('honest votes form a certificate')
    const justify = formed.qc
    const { genesisHash } = this.#cluster
    const { secretKey } = keyPairFromSeed(this.#keys.nodeSeed)
    for (const later of [1, 2]) {
      const header: Header = {
        ...above,
        view: (above.view + 1) as View,
        height: (above.height + 1) as Height,
        proposer: this.self,
        parentId: justify.blockId,
        justifyHash: certificateHash(justify),
        tcHash: ZERO_HASH,
        timestampMs: above.timestampMs + later,
        payloadRoot: payloadRootOf(EMPTY_PAYLOAD),
      }
      const { epoch, view } = header
      const signature = signEd25519(secretKey, proposalPreimage(genesisHash, epoch, view, blockIdOf(header)))
      const proposal: Proposal = { header, payload: EMPTY_PAYLOAD, evidence: [], justify, signature }
      this.#node.running.network.broadcast(encodeMessage({ kind: 'proposal', proposal }, epoch))
    }
    this.told += 1
  }
}

function keep<V>(map: Map<BlockId, V>, id: BlockId, value: V): void {
  map.set(id, value)
  const [oldest] = map.keys()
  if (map.size > VIEWS_KEPT && oldest !== undefined) map.delete(oldest)
}
