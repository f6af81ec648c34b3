// A chain of real blocks: the real ledger and executor, signed transfers, certificates by a committee; and data directories
// that hold it, in the states a disk may be left in. What every damaged copy is compared with.

import { cp, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { CertificateVerifier } from '../../consensus/certificates.ts'
import { type VoteContent, votePreimage } from '../../consensus/preimages.ts'
import { freshSafety } from '../../consensus/safety.ts'
import type { Block, QC, SafetyState, ValidatorIndex, View, Vote } from '../../consensus/types.ts'
import { hashToBytes } from '../../crypto/bytes.ts'
import { appendPeak } from '../../crypto/merkle.ts'
import type { DecodedTransaction } from '../../ledger/application.ts'
import { signTransfer } from '../../ledger/transaction.ts'
import { Executor } from '../../node/executor.ts'
import type { CommitRecord } from '../../node/ports.ts'
import { type OpenedChainStore, openChainStore } from '../../node/storage/chain-store.ts'
import { openDatabase } from '../../node/storage/database.ts'
import { WHOLE_RANGE } from '../../node/storage/keys.ts'
import { type OpenedSafetyStore, openFirstSafetyStore } from '../../node/storage/safety-store.ts'
import { createVerifier, VERIFIER_DEFAULTS } from '../../node/verifier.ts'
import { type Committee, committeeOf } from '../simulation/world/committee.ts'

export const HEIGHT = 90
/** Blocks above the committed ones: two of them are what the last certificate stands on. */
const UNCOMMITTED = 2
const TRANSACTIONS = 4
const STALE_HEIGHT = 45

export interface Reference {
  readonly committee: Committee
  /** Heights 0 to HEIGHT + UNCOMMITTED. */
  readonly blocks: readonly Block[]
  /** Of committed heights, from 1. */
  readonly records: readonly CommitRecord[]
  /** What the validator had signed when its directory was left. */
  readonly lastVotedView: number
}

export function executorOf({ app, genesis, validators }: Committee, store: OpenedChainStore): Executor {
  return new Executor({
    app,
    store,
    verifier: createVerifier(app, VERIFIER_DEFAULTS, queueMicrotask),
    validators,
    limits: genesis.params,
    initialHeight: genesis.initialHeight,
  })
}

export function certificatesOf({ genesis, scheme, validators }: Committee): CertificateVerifier {
  return new CertificateVerifier({
    bls: scheme.bls,
    genesisHash: genesis.genesisHash,
    validators,
    rootQC: genesis.rootQC,
  })
}

function contentOf(block: Block): VoteContent {
  const { header, justify } = block.proposal
  const { epoch, view, parentId } = header
  return { epoch, view, blockId: block.id, parentView: justify.view, parentId }
}

/** The QC that a quorum makes of a block. */
async function certify({ genesis, keys, scheme, validators }: Committee, block: Block): Promise<QC> {
  const content = contentOf(block)
  const votes = await Promise.all(
    validators.indices().map(async (signer): Promise<Vote> => {
      const key = keys[signer]
      if (key === undefined) throw new RangeError('a key')
      const signature = await scheme.bls.sign(key.blsSecretKey, votePreimage(genesis.genesisHash, content))
      return { ...content, signer, signature }
    }),
  )
  const formed = await certificatesOf({ genesis, keys, scheme, validators } as Committee).formQC(votes)
  if (formed.kind !== 'formed') throw new Error('a quorum forms a QC')
  return formed.qc
}

function transfers({ app, genesis, people, vouch }: Committee, height: number): DecodedTransaction[] {
  return people.slice(0, TRANSACTIONS).map((person, at) => {
    const to = people[(at + height) % people.length]
    if (to === undefined) throw new RangeError('a person')
    const { bytes } = signTransfer({
      genesisHash: genesis.genesisHash,
      nonce: BigInt(height - 1),
      fee: 2n,
      validUntil: 9_000,
      outputs: [
        { recipient: to.address, amount: 3n },
        // An account of its own, so that the state grows and has pages below its root.
        { recipient: Buffer.from(`new ${height}.${at}`.padEnd(20, '.')).toString('hex'), amount: 1n },
      ],
      keyPair: person.keyPair,
    })
    vouch(bytes)
    const decoded = app.decode(bytes)
    if (!decoded.ok) throw new Error(decoded.refusal.kind)
    return decoded.value
  })
}

/**
 * Grows the chain in `dir`, which is closed and compacted at the given heights; `at` is called with each of them, and at last
 * with the height reached and everything still open, as a kill would leave it.
 */
async function growReference(
  dir: string,
  compactedAt: readonly number[],
  at: (height: number) => Promise<void>,
): Promise<Reference> {
  const committee = await committeeOf(4, 'fast')
  const { genesis, limits, validators } = committee
  const { genesisHash } = genesis
  const blocks: Block[] = [genesis.block]
  const records: CommitRecord[] = []
  let saved: SafetyState = freshSafety(genesis.rootQC)
  let store = await openChainStore(dir, genesisHash, limits)
  await store.initialise(genesis.block, genesis.state, appendPeak([], 0, hashToBytes(genesis.block.id)))
  let safety = await safetyOf(dir, committee, store)
  let executor = executorOf(committee, store)
  const pending: Block[] = []
  let justify: QC = genesis.rootQC
  for (let height = 1; height <= HEIGHT + UNCOMMITTED; height++) {
    const parent = blocks.at(-1) ?? genesis.block
    const view = height as View
    const { block: unsigned } = executor.build({
      view,
      parent,
      justify,
      proposer: validators.leader(view) as ValidatorIndex,
      timestampMs: parent.proposal.header.timestampMs + 1,
      candidates: () => transfers(committee, height),
    })
    const block: Block = { id: unsigned.id, proposal: { ...unsigned.proposal, signature: new Uint8Array(64) } }
    const verdict = await executor.execute(block)
    if (!verdict.valid) throw new Error(verdict.reason)
    await store.saveBlock(block)
    const lastVote = { ...contentOf(block), signer: 0 as ValidatorIndex }
    saved = { ...saved, lastVotedView: view, lastVote, highQC: justify, lockedView: justify.view }
    await safety.save(saved)
    blocks.push(block)
    pending.push(block)
    justify = await certify(committee, block)
    // Views follow one another: the QC of a block commits its parent.
    const first = pending.length > UNCOMMITTED ? pending.shift() : undefined
    if (first !== undefined) {
      const certificate = await certify(committee, pending[0] ?? first)
      records.push(...(await executor.commit([first], certificate)))
    }
    if (!compactedAt.includes(height)) continue
    await safety.close()
    await store.close()
    await compact(dir)
    await at(height)
    store = await openChainStore(dir, genesisHash, limits)
    safety = await safetyOf(dir, committee, store)
    executor = executorOf(committee, store)
    for (const above of pending) await executor.execute(above)
  }
  await at(HEIGHT + UNCOMMITTED)
  await safety.close()
  await store.close()
  return { committee, blocks, records, lastVotedView: HEIGHT + UNCOMMITTED }
}

async function safetyOf(
  dir: string,
  { genesis, limits }: Committee,
  store: OpenedChainStore,
): Promise<OpenedSafetyStore> {
  const opening = await openFirstSafetyStore(dir, genesis.genesisHash, store.mirror, limits)
  if (opening.kind === 'refuse') throw new Error(opening.reason)
  return opening.store
}

async function compact(dir: string): Promise<void> {
  const database = await openDatabase(join(dir, 'chain'))
  await database.compact(WHOLE_RANGE)
  await database.close()
}

/** Directories that hold the chain: closed, killed while open, all in the log, most of it in tables; and an old copy. */
export interface Templates {
  readonly reference: Reference
  readonly dirs: readonly { readonly name: string; readonly dir: string }[]
  /** A copy of the directory as it was before the rest of the chain: where stale files come from. */
  readonly stale: string
}

export async function makeTemplates(root: string): Promise<Templates> {
  const copy = async (from: string, name: string): Promise<string> => {
    await mkdir(join(root, name), { recursive: true })
    await cp(from, join(root, name), { recursive: true })
    return join(root, name)
  }
  const growing = join(root, 'growing')
  await growReference(growing, [], () => copy(growing, 'log-killed').then(() => {}))
  await copy(growing, 'log-closed')
  const tables = join(root, 'tables')
  const reference = await growReference(tables, [20, STALE_HEIGHT, 70], async (height) => {
    if (height === STALE_HEIGHT) await copy(tables, 'stale')
    if (height > HEIGHT) await copy(tables, 'tables-killed')
  })
  await copy(tables, 'tables-closed')
  await compact(tables)
  const names = ['log-killed', 'log-closed', 'tables-killed', 'tables-closed', 'tables']
  return {
    reference,
    dirs: names.map((name) => ({ name, dir: join(root, name) })),
    stale: join(root, 'stale'),
  }
}
