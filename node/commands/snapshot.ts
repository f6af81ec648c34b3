// `scoville snapshot create|restore|inspect`: the state of a chain as a file that proves itself to whoever has the genesis file.
// From running nodes it is fetched as any peer fetches it; from a stopped node's directory it is read, whose lock is taken.

import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Command } from 'commander'
import type { ChainRules } from '../chain-rules.ts'
import { NodeError } from '../fault.ts'
import type { Basis } from '../snapshot/restoration.ts'
import type { SnapshotSummary } from '../snapshot/snapshot-file.ts'
import {
  addLeaf,
  columns,
  done,
  type Finish,
  failed,
  grouped,
  type JsonOption,
  type Outcome,
  textOf,
} from './outcome.ts'

interface CreateOptions extends JsonOption {
  readonly out: string
  readonly genesis: string
  readonly dataDir?: string
  readonly peers?: string
}

interface RestoreOptions extends JsonOption {
  readonly genesis: string
  readonly dataDir: string
}

const GENESIS = 'genesis.json'

export function addSnapshot(program: Command, finish: Finish): void {
  const group = program.command('snapshot').description('the state of a chain as a file: back up, restore, look')
  addLeaf(group, 'create', 'write a snapshot, fetched from running nodes or read from a stopped one', [
    'snapshot create --genesis genesis.json --out chain.snapshot              # from the running validators',
    'snapshot create --peers /ip4/127.0.0.1/tcp/4100 --out chain.snapshot     # from this running node',
    'snapshot create --data-dir data --out chain.snapshot                     # from a stopped validator',
  ])
    .requiredOption('--out <file>', 'where to write it; an existing file is not overwritten')
    .option('--genesis <file>', 'the genesis file of the chain', GENESIS)
    .option('--data-dir <path>', 'the data directory of a stopped validator')
    .option('--peers <multiaddrs>', 'running nodes to ask, separated by commas; default: those of the genesis file')
    .action((options: CreateOptions) => finish(options, () => create(options)))
  addLeaf(group, 'restore <file>', 'put a snapshot into a data directory that has no chain; all of it is checked', [
    'snapshot restore chain.snapshot --genesis genesis.json --data-dir data',
  ])
    .option('--genesis <file>', 'the genesis file of the chain', GENESIS)
    .requiredOption('--data-dir <path>', 'the data directory; a safety file in it stays')
    .action((file: string, options: RestoreOptions) => finish(options, () => restore(file, options)))
  addLeaf(group, 'inspect <file>', 'check a snapshot and show what it holds', [
    'snapshot inspect chain.snapshot --genesis genesis.json',
  ])
    .option('--genesis <file>', 'the genesis file of the chain', GENESIS)
    .action((file: string, options: { readonly genesis: string } & JsonOption) =>
      finish(options, () => inspect(file, options.genesis)),
    )
}

async function create(options: CreateOptions): Promise<Outcome> {
  const { dataDir, out, peers } = options
  if (dataDir !== undefined && peers !== undefined)
    return failed('usage', '--data-dir and --peers name two different sources: give one of them')
  if (await isThere(out)) return failed('file-exists', `${out} is there already: name another file with --out`)
  const rules = await rulesOf(options.genesis)
  if ('ok' in rules) return rules
  return dataDir === undefined ? await createFromPeers(rules, out, peers) : await createFromDir(rules, out, dataDir)
}

async function createFromPeers(rules: ChainRules, out: string, peers: string | undefined): Promise<Outcome> {
  const [{ fetchSnapshot }, { writeSnapshotFile }, { restoreStoreIn }] = await Promise.all([
    import('../snapshot/network-source.ts'),
    import('../snapshot/snapshot-file.ts'),
    import('../storage/restore-store.ts'),
  ])
  const { genesisHash } = rules.genesis
  // Beside the file: there is room for it, or there would be none for the file.
  const scratch = await mkdtemp(join(dirname(resolve(out)), '.snapshot-'))
  const store = restoreStoreIn(scratch, genesisHash, () => undefined)
  try {
    const basis = await fetchSnapshot({ rules, peers: peers?.split(',') ?? [], store })
    const state = store.holdState()
    const summary = await writeSnapshotFile(out, genesisHash, basis, state)
    await state.close()
    return await shown(out, basis, summary)
  } finally {
    await store.close()
    await rm(scratch, { recursive: true, force: true })
  }
}

async function createFromDir({ genesis, limits }: ChainRules, out: string, dir: string): Promise<Outcome> {
  const [{ openChainStore }, { writeSnapshotFile }] = await Promise.all([
    import('../storage/chain-store.ts'),
    import('../snapshot/snapshot-file.ts'),
  ])
  if (!(await isThere(join(dir, 'chain'))))
    return failed('storage-missing', `there is no database in ${dir}; name the data directory with --data-dir`)
  const store = await openChainStore(dir, genesis.genesisHash, limits)
  try {
    const certificate = store.head()?.certificate
    const tip = certificate && store.blockById(certificate.parentId)
    // What makes the head final is a certificate of its child, and the child states the roots after it.
    const child = store.uncommitted().find(({ id }) => id === certificate?.blockId)
    if (certificate === undefined || tip === undefined || child === undefined) {
      throw new NodeError(
        'snapshot-unavailable',
        `the head of ${dir} cannot be proved from what is there: fetch the snapshot from running nodes (without --data-dir)`,
      )
    }
    const { header } = tip.block.proposal
    const basis: Basis = {
      anchor: { header, child: child.proposal.header, certificate, chainPeaks: tip.chainPeaks },
      tip: { proposal: tip.block.proposal, receipts: tip.receipts },
    }
    const state = store.holdState()
    const summary = await writeSnapshotFile(out, genesis.genesisHash, basis, state)
    await state.close()
    return await shown(out, basis, summary)
  } finally {
    await store.close()
  }
}

async function restore(file: string, { genesis, dataDir }: RestoreOptions): Promise<Outcome> {
  if (await isThere(join(dataDir, 'chain'))) {
    return failed(
      'data-dir-not-empty',
      `${dataDir} holds a chain already: name another directory, or move that one away`,
    )
  }
  const rules = await rulesOf(genesis)
  if ('ok' in rules) return rules
  const [{ readSnapshotFile }, { Restoration }, { adoptRestored, restoreStoreIn }] = await Promise.all([
    import('../snapshot/snapshot-file.ts'),
    import('../snapshot/restoration.ts'),
    import('../storage/restore-store.ts'),
  ])
  const { genesisHash } = rules.genesis
  const store = restoreStoreIn(dataDir, genesisHash, () => undefined)
  let restoration: Awaited<ReturnType<typeof Restoration.begin>> | undefined
  try {
    const summary = await readSnapshotFile(file, genesisHash, rules.limits, {
      async onBasis(basis) {
        await checkBasis(file, basis, rules)
        restoration = await Restoration.begin(store, basis)
      },
      onRange: async (range, part) => restoration?.write(range, part),
    })
    if (restoration === undefined) return failed('snapshot-invalid', `${file} has no basis`)
    const { basis } = restoration
    await restoration.finish({ id: restoration.place.blockId, proposal: basis.tip.proposal }, rules.app)
    await store.close()
    await adoptRestored(dataDir)
    return await shown(dataDir, basis, summary)
  } finally {
    await store.close()
  }
}

async function inspect(file: string, genesis: string): Promise<Outcome> {
  const rules = await rulesOf(genesis)
  if ('ok' in rules) return rules
  const { readSnapshotFile } = await import('../snapshot/snapshot-file.ts')
  let found: Basis | undefined
  const summary = await readSnapshotFile(file, rules.genesis.genesisHash, rules.limits, {
    async onBasis(basis) {
      await checkBasis(file, basis, rules)
      found = basis
    },
    onRange: async () => {},
  })
  return found === undefined ? failed('snapshot-invalid', `${file} has no basis`) : await shown(file, found, summary)
}

/** @throws NodeError snapshot-invalid: what the genesis validators did not certify is not a snapshot of the chain */
async function checkBasis(file: string, { anchor, tip }: Basis, rules: ChainRules): Promise<void> {
  const { checkAnchor, checkTip } = await import('../snapshot/anchor.ts')
  const { certificates, genesis, validators } = rules
  const context = { genesisHash: genesis.genesisHash, validators, initialHeight: genesis.initialHeight }
  const refuse = (what: string) => new NodeError('snapshot-invalid', `${file} is not a snapshot of this chain: ${what}`)
  const problem = checkAnchor(anchor, context)
  if (problem !== undefined) throw refuse(problem)
  const verified = await certificates.verifyQC(anchor.certificate)
  if (!verified.ok) throw refuse(`its certificate is ${verified.rejection.kind}`)
  const checked = checkTip(tip, anchor, context)
  if ('problem' in checked) throw refuse(checked.problem)
}

async function shown(where: string, { anchor }: Basis, summary: SnapshotSummary): Promise<Outcome> {
  const { placeOf } = await import('../snapshot/anchor.ts')
  const { height, blockId, stateRoot } = placeOf(anchor)
  const { entries, ranges, bytes, hash } = summary
  const text = columns([
    ['snapshot', where],
    ['height', grouped(height)],
    ['block', blockId],
    ['state root', stateRoot],
    ['state', `${grouped(entries)} entries in ${grouped(ranges)} ranges, ${grouped(bytes)} bytes`],
    ['hash', hash],
  ])
  return done(text, { snapshot: where, height, blockId, stateRoot, entries, ranges, bytes, hash })
}

async function rulesOf(genesis: string): Promise<ChainRules | Extract<Outcome, { ok: false }>> {
  const [{ readChainRules }, { loadBls }] = await Promise.all([
    import('../chain-rules.ts'),
    import('../../crypto/bls-backend.ts'),
  ])
  let text: string
  try {
    text = await readFile(genesis, 'utf8')
  } catch (error) {
    return failed(
      'genesis-missing',
      `the genesis file ${genesis} cannot be read (${textOf(error)}); name it with --genesis`,
    )
  }
  return await readChainRules(text, await loadBls())
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined
}
