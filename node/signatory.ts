// Turns the core's unsigned messages into signed ones. Only the driver calls it, after the save ahead of them resolved.
// Signatures are deterministic, so what is signed again after a crash has the same bytes; the last of each kind is remembered,
// because it may be resent.

import { proposalPreimage, timeoutPreimage, votePreimage } from '../consensus/preimages.ts'
import type {
  Block,
  Checked,
  GenesisHash,
  Timeout,
  UnsignedBlock,
  UnsignedTimeout,
  UnsignedVote,
  Verified,
  Vote,
} from '../consensus/types.ts'
import type { Signer } from './ports.ts'

export class Signatory {
  readonly #signer: Signer
  readonly #genesisHash: GenesisHash
  #lastVote: Vote | undefined
  #lastTimeout: Timeout | undefined

  constructor(signer: Signer, genesisHash: GenesisHash) {
    this.#signer = signer
    this.#genesisHash = genesisHash
  }

  async vote(unsigned: UnsignedVote): Promise<Checked<Vote>> {
    const last = this.#lastVote
    if (last?.view !== unsigned.view || last.blockId !== unsigned.blockId) {
      const signature = await this.#signer.signVote(votePreimage(this.#genesisHash, unsigned))
      this.#lastVote = { ...unsigned, signature }
    }
    return this.#lastVote as Checked<Vote>
  }

  async timeout(unsigned: UnsignedTimeout): Promise<Checked<Timeout>> {
    if (this.#lastTimeout?.view !== unsigned.view) {
      const { vote, ...rest } = unsigned
      const { epoch, view, highQC } = unsigned
      const preimage = timeoutPreimage(this.#genesisHash, { epoch, view, highQcView: highQC.view })
      const signature = await this.#signer.signTimeout(preimage)
      this.#lastTimeout = { ...rest, ...(vote === undefined ? {} : { vote: await this.vote(vote) }), signature }
    }
    return this.#lastTimeout as Checked<Timeout>
  }

  async proposal({ id, proposal }: UnsignedBlock): Promise<Verified<Block>> {
    const { epoch, view } = proposal.header
    const signature = await this.#signer.signProposal(proposalPreimage(this.#genesisHash, epoch, view, id))
    return { id, proposal: { ...proposal, signature } } as Verified<Block>
  }
}
