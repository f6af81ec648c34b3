// `npm run recovery`: what a snapshot of a large state costs: written from a held state, restored with every check, opened
// again as a start would. Real files and signatures, no network. Exits 1 when the restored state is not the one written.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { blockIdOf } from '../../consensus/wire.ts'
import { loadBls } from '../../crypto/bls-backend.ts'
import { type Hash, hashToBytes } from '../../crypto/bytes.ts'
import { sha256 } from '../../crypto/hash.ts'
import { appendPeak, merkleRoot, peaksRoot } from '../../crypto/merkle.ts'
import { encodeAccount } from '../../ledger/account.ts'
import { valueHashOf } from '../../ledger/state-proof.ts'
import { stateRoot, updateTree } from '../../ledger/state-tree.ts'
import type { CommitRecord } from '../../node/ports.ts'
import { checkAnchor, checkTip } from '../../node/snapshot/anchor.ts'
import { type Basis, Restoration } from '../../node/snapshot/restoration.ts'
import { readSnapshotFile, writeSnapshotFile } from '../../node/snapshot/snapshot-file.ts'
import { openChainStore } from '../../node/storage/chain-store.ts'
import { adoptRestored, restoreStoreIn } from '../../node/storage/restore-store.ts'
import { type Committee, createCommittee, proposalOf, qcOf } from '../consensus/committee.ts'
import { tableOf } from './table.ts'

const BATCH = 2_048
const NO_BYTES = new Uint8Array(0)

/** The payload of the committee's blocks is no transactions: their ids do not matter here. */
const APP = { decode: (bytes: Uint8Array) => ({ ok: true, value: { id: idOf(bytes) } }) as never }

const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '1000000' },
    json: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
})
const entries = Number(values.entries)
const dir = await mkdtemp(join(tmpdir(), 'scoville-recovery-'))
try {
  process.exitCode = await measure()
} finally {
  if (!values.keep) await rm(dir, { recursive: true, force: true })
}

async function measure(): Promise<number> {
  const committee = await createCommittee(await loadBls(), [1, 1, 1, 1])
  const { genesisHash, validators, verifier } = committee
  const limits = { validators: 4, payloadBytesMax: 1_048_576, itemsMax: 5_000 }
  const file = join(dir, 'chain.snapshot')
  const figures: [string, string][] = [['entries', entries.toLocaleString('en')]]
  const timed = async <T>(what: string, work: () => Promise<T>): Promise<T> => {
    const startedMs = performance.now()
    const cpu = process.cpuUsage()
    const result = await work()
    const { user, system } = process.cpuUsage(cpu)
    const seconds = (performance.now() - startedMs) / 1_000
    // Beside other work the second figure says more than the first.
    const figure = `${seconds.toFixed(1)} s (${((user + system) / 1e6).toFixed(1)} s of processor time)`
    figures.push([what, figure])
    if (!values.json) process.stderr.write(`${what}: ${figure}\n`)
    return result
  }

  const source = restoreStoreIn(join(dir, 'source'), genesisHash, () => undefined)
  const basis = await timed('state made', () => makeState(committee, source))
  const state = source.holdState()
  const written = await timed('snapshot written', () => writeSnapshotFile(file, genesisHash, basis, state))
  await state.close()
  await source.close()
  figures.push(['file', `${(written.bytes / 1e6).toFixed(0)} MB in ${written.ranges} ranges`])

  const home = join(dir, 'restored')
  const restored = restoreStoreIn(home, genesisHash, () => undefined)
  const read = await timed('snapshot restored, every range checked', async () => {
    let restoration: Restoration | undefined
    const summary = await readSnapshotFile(file, genesisHash, limits, {
      async onBasis(found) {
        const context = { genesisHash, validators, initialHeight: 0 }
        const problem = checkAnchor(found.anchor, context)
        const tip = checkTip(found.tip, found.anchor, context)
        if (problem !== undefined || 'problem' in tip || !(await verifier.verifyQC(found.anchor.certificate)).ok)
          throw new Error(`the basis is refused: ${problem}`)
        restoration = await Restoration.begin(restored, found)
      },
      onRange: async (range, part) => restoration?.write(range, part),
    })
    if (restoration === undefined) throw new Error('no basis')
    const { proposal } = restoration.basis.tip
    await restoration.finish({ id: restoration.place.blockId, proposal }, APP)
    return summary
  })
  await restored.close()
  await timed('put in place', () => adoptRestored(home))
  const store = await timed('opened again', () => openChainStore(home, genesisHash, limits))
  const isSame = stateRoot(store.state()) === basis.anchor.child.stateRoot && read.hash === written.hash
  await store.close()
  figures.push(['the same state', isSame ? 'yes' : 'NO'])
  const result = Object.fromEntries(figures)
  process.stdout.write(
    values.json ? `${JSON.stringify(result)}\n` : tableOf(figures.map(([what, figure]) => ({ what, figure }))),
  )
  return isSame ? 0 : 1
}

function idOf(bytes: Uint8Array): Hash {
  return Buffer.from(sha256(bytes)).toString('hex') as Hash
}

/** Accounts under hashed keys, as a chain with so many would hold, and a block that commits to them. */
async function makeState(committee: Committee, store: ReturnType<typeof restoreStoreIn>): Promise<Basis> {
  await store.begin(NO_BYTES, NO_BYTES)
  const value = (i: number) =>
    encodeAccount({ balance: BigInt(i), nonce: BigInt(i % 7), historyCount: 1, historyHead: idOf(Buffer.from(`${i}`)) })
  const keys = Array.from({ length: entries }, (_, i) => ({ i, key: idOf(Buffer.from(`account ${i}`)) }))
  keys.sort((a, b) => (a.key < b.key ? -1 : 1))
  for (let at = 0; at < keys.length; at += BATCH) {
    const made = keys.slice(at, at + BATCH).map(({ i, key }) => ({ key, value: value(i) }))
    const { nodes } = updateTree(
      store.state(),
      made.map((one) => ({ key: one.key, valueHash: valueHashOf(one.value) })),
    )
    await store.write({ values: new Map(made.map((one) => [one.key, one.value])), nodes }, NO_BYTES)
  }
  const { genesisId, root } = committee
  const proposal = proposalOf(committee, 1, root)
  const blockId = blockIdOf(proposal.header)
  const justify = await qcOf(committee, [0, 1, 2], { view: 1, blockId, parentView: 0, parentId: genesisId })
  const chainPeaks = appendPeak(appendPeak([], 0, hashToBytes(genesisId)), 1, hashToBytes(blockId))
  const receipts: CommitRecord['receipts'] = [Buffer.from('a receipt')]
  const child = {
    ...proposalOf(committee, 2, justify).header,
    chainRoot: peaksRoot(chainPeaks, 2),
    receiptsRoot: merkleRoot(receipts),
    stateRoot: stateRoot(store.state()),
  }
  const on = { view: 2, blockId: blockIdOf(child), parentView: 1, parentId: blockId }
  const certificate = await qcOf(committee, [0, 1, 3], on)
  return { anchor: { header: proposal.header, child, certificate, chainPeaks }, tip: { proposal, receipts } }
}
