// The state again from blocks alone: takes a chain's blocks from a source that may be damaged, as far as a verified certificate
// commits them, executes them and commits them here. Trusts the source with nothing: links, payloads and roots are checked.

import type { CertificateVerifier } from '../consensus/certificates.ts'
import { checkProposal } from '../consensus/proposal-check.ts'
import type { Block, BlockId, GenesisHash, QC } from '../consensus/types.ts'
import type { ValidatorSet } from '../consensus/validators.ts'
import { assert } from '../crypto/assert.ts'
import type { Application } from '../ledger/application.ts'
import type { Executor } from './executor.ts'
import type { ChainStore } from './ports.ts'
import type { BlockSource } from './storage/block-source.ts'
import { UNCOMMITTED_MAX } from './storage/chain-check.ts'
import type { Verifier } from './verifier.ts'

/** Blocks committed in one batch, and about as many bytes of payload: one certificate is verified for all of them. */
const BATCH_BLOCKS_MAX = 64
const BATCH_BYTES_MAX = 4 * 1024 * 1024

export interface ReplayDeps {
  readonly store: Pick<ChainStore, 'head' | 'blockAt'>
  readonly executor: Executor
  readonly verifier: Pick<Verifier, 'remember'>
  readonly app: Pick<Application, 'decode'>
  readonly certificates: CertificateVerifier
  readonly genesisHash: GenesisHash
  readonly validators: ValidatorSet
  /** Called after each batch. */
  readonly onProgress: (height: number) => void
}

export interface Replayed {
  /** Height of the last block that was committed. */
  readonly height: number
  /** Why it went no further. */
  readonly ended: string
}

type Blocks = Pick<BlockSource, 'blockAt' | 'head'>

/** Commits all of the source that follows this store's head. Can be interrupted anywhere and called again. */
export async function replay(source: Blocks, deps: ReplayDeps): Promise<Replayed> {
  // The last block is certified by the head record alone: one that is damaged must not cost the blocks before it.
  let isHeadTrusted = true
  for (;;) {
    const head = deps.store.head()
    const tip = head && deps.store.blockAt(head.height)?.block
    assert(tip !== undefined, 'a replay begins above block 0')
    const batch = nextBatch(source, tip, deps, isHeadTrusted)
    const { height } = tip.proposal.header
    if (batch.blocks === undefined) return { height, ended: batch.ended }
    const verified = await deps.certificates.verifyQC(batch.certificate)
    if (!verified.ok && isHeadTrusted) {
      isHeadTrusted = false
      continue
    }
    if (!verified.ok) return { height, ended: `the certificate above it is ${verified.rejection.kind}` }
    for (const block of batch.blocks) {
      // The certificate is of a quorum: what it commits had its signatures checked by honest validators.
      remember(block, deps)
      const verdict = await deps.executor.execute(block)
      if (verdict.valid) continue
      deps.executor.prune(batch.blocks.map(({ id }) => id))
      return { height, ended: `the block at height ${block.proposal.header.height} is invalid: ${verdict.reason}` }
    }
    await deps.executor.commit(batch.blocks, verified.value)
    deps.onProgress(deps.store.head()?.height ?? height)
  }
}

function remember({ proposal }: Block, { app, verifier }: ReplayDeps): void {
  for (const item of proposal.payload.items) {
    const decoded = app.decode(item)
    if (decoded.ok) verifier.remember(decoded.value)
  }
}

type Batch =
  | { readonly blocks: readonly Block[]; readonly certificate: QC }
  | { readonly blocks?: undefined; readonly ended: string }

/** The next blocks in order, as far as the last certificate among them that commits one. */
function nextBatch(
  source: Blocks,
  tip: Block,
  deps: Pick<ReplayDeps, 'genesisHash' | 'validators'>,
  isHeadTrusted: boolean,
): Batch {
  const blocks: Block[] = []
  const places = new Map<BlockId, number>()
  let batch: Batch | undefined
  let bytes = 0
  const offer = (certificate: QC | undefined) => {
    const at = certificate && commits(certificate) ? places.get(certificate.parentId) : undefined
    if (certificate !== undefined && at !== undefined) batch = { blocks: blocks.slice(0, at + 1), certificate }
  }
  let ended = ''
  // Two blocks more than are committed carry the certificate; where views were given up it may take many more.
  const isFull = () => blocks.length >= BATCH_BLOCKS_MAX + 2 || bytes >= BATCH_BYTES_MAX
  while (!(isFull() && batch !== undefined) && blocks.length < UNCOMMITTED_MAX) {
    const parent = blocks.at(-1) ?? tip
    const height = parent.proposal.header.height + 1
    const block = source.blockAt(height)
    const fault = block === undefined ? 'is missing or cannot be read' : faultOf(block, parent, deps)
    if (block === undefined || fault !== undefined) {
      ended = `the block at height ${height} ${fault}`
      if (isHeadTrusted) offer(source.head()?.certificate)
      break
    }
    offer(block.proposal.justify)
    places.set(block.id, blocks.length)
    blocks.push(block)
    bytes += block.proposal.payload.items.reduce((sum, item) => sum + item.length, 0)
  }
  return batch ?? { ended: blocks.length > 0 ? `no certificate commits what follows; ${ended}` : ended }
}

/** The two-chain rule: a QC whose block is one view above its parent commits the parent. */
function commits({ view, parentView }: QC): boolean {
  return view === parentView + 1
}

/** Why a stored block is not the next one. */
export function faultOf(
  block: Block,
  parent: Block,
  context: Pick<ReplayDeps, 'genesisHash' | 'validators'>,
): string | undefined {
  const { header } = block.proposal
  if (header.height !== parent.proposal.header.height + 1) return `says it is at height ${header.height}`
  if (header.parentId !== parent.id) return 'does not follow the one before it'
  const rejection = checkProposal(block.proposal, context)
  return rejection && `breaks a rule of proposals (${rejection.kind})`
}
