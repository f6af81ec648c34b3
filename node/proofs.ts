// Makes the proofs that the API hands out, from what is stored: headers up to the certificate that made them final, and Merkle
// paths. Reads only, each proof at one committed height. The certified child of the head is not committed yet: it comes from
// the uncommitted blocks. What cannot be proved yet is undefined, never a weaker proof.

import type { AccountProof, CertificateProof, FinalityProof, ProofReader, TransactionProof } from '../api/proofs.ts'
import { FINALITY_HEADERS_MAX } from '../api/proofs.ts'
import type { Block, BlockId, Header, Height, QC } from '../consensus/types.ts'
import { assert } from '../crypto/assert.ts'
import type { Hash } from '../crypto/bytes.ts'
import { merkleProof, merkleRoot } from '../crypto/merkle.ts'
import { accountKey } from '../ledger/account.ts'
import { proveState } from '../ledger/state-proof.ts'
import type { ChainStore, StoredBlock } from './ports.ts'

export interface ProofDeps {
  readonly store: Pick<ChainStore, 'head' | 'transactionAt' | 'state'> & {
    blockAt(height: Height): Pick<StoredBlock, 'block' | 'receipts'> | undefined
    blockById(id: BlockId): Pick<StoredBlock, 'block'> | undefined
  }
  /** A block that is not committed yet, or whose commit is being written. */
  readonly uncommitted: (id: BlockId) => Block | undefined
}

export function createProofReader(deps: ProofDeps): ProofReader {
  const { store } = deps
  return {
    certificate(id): CertificateProof | undefined {
      const header = store.blockById(id)?.block.proposal.header
      const child = header && blockAbove(deps, header.height)
      const finality = header && finalityOf(deps, header)
      // A child's justify is the certificate of its parent.
      return child && finality && { certificate: child.proposal.justify, finality }
    },
    transaction: (id) => transactionProof(deps, id),
    account(address): AccountProof | undefined {
      const head = store.head()
      const header = head && store.blockAt(head.height)?.block.proposal.header
      const finality = header && finalityOf(deps, header)
      if (finality === undefined) return undefined
      const state = store.state()
      const key = accountKey(address)
      const value = state.get(key)
      return { finality, state: proveState(state, key), ...(value === undefined ? {} : { value }) }
    },
  }
}

function transactionProof(deps: ProofDeps, id: Hash): TransactionProof | undefined {
  const place = deps.store.transactionAt(id)
  const stored = place && deps.store.blockAt(place.height)
  if (place === undefined || stored === undefined) return undefined
  const finality = finalityOf(deps, stored.block.proposal.header)
  if (finality === undefined) return undefined
  const { index } = place
  const { items } = stored.block.proposal.payload
  const bytes = items[index]
  const receipt = stored.receipts[index]
  assert(bytes !== undefined && receipt !== undefined, 'an indexed transaction is stored')
  return {
    finality,
    bytes,
    receipt,
    index,
    count: items.length,
    itemsRoot: merkleRoot(items),
    path: merkleProof(items, index),
    receiptPath: merkleProof(stored.receipts, index),
  }
}

/** Up to the first block above that was certified one view above its parent; undefined while that is not known here. */
function finalityOf(deps: ProofDeps, first: Header): FinalityProof | undefined {
  const headers = [first]
  for (let parent = first; headers.length < FINALITY_HEADERS_MAX; ) {
    const block = blockAbove(deps, parent.height)
    if (block === undefined) return undefined
    const { header } = block.proposal
    headers.push(header)
    const certificate = certificateOf(deps, header.height)
    if (certificate === undefined) return undefined
    if (certificate.view === certificate.parentView + 1) return { headers, certificate }
    parent = header
  }
  return undefined
}

/** The block at `height` + 1: committed, or the one whose certificate committed the head. */
function blockAbove({ store, uncommitted }: ProofDeps, height: Height): Block | undefined {
  const head = store.head()
  if (head === undefined || height > head.height) return undefined
  if (height < head.height) return store.blockAt((height + 1) as Height)?.block
  return head.certificate && uncommitted(head.certificate.blockId)
}

function certificateOf(deps: ProofDeps, height: Height): QC | undefined {
  const head = deps.store.head()
  if (head !== undefined && height === head.height + 1) return head.certificate
  return blockAbove(deps, height)?.proposal.justify
}
