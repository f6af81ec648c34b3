// Opening the chain: checked before anything stands on it, and mended where that can be done without losing what was committed.
// A damaged database is moved aside whole; its good blocks are executed again into a new one, and peers send the rest. The
// safety file is not touched: whatever happens here, a node remembers what it signed.

import { writeFileSync } from 'node:fs'
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { CertificateVerifier } from '../consensus/certificates.ts'
import type { ValidatorSet } from '../consensus/validators.ts'
import type { WireLimits } from '../consensus/wire.ts'
import { hashToBytes } from '../crypto/bytes.ts'
import { appendPeak } from '../crypto/merkle.ts'
import type { Genesis } from '../genesis/genesis.ts'
import type { Application } from '../ledger/application.ts'
import { auditState } from '../ledger/state-audit.ts'
import { auditChain } from './chain-audit.ts'
import { Executor } from './executor.ts'
import { NodeError } from './fault.ts'
import type { Log } from './log.ts'
import { faultOf, type ReplayDeps, replay } from './replay.ts'
import { openBlockSource } from './storage/block-source.ts'
import { damaged } from './storage/chain-check.ts'
import { type OpenedChainStore, openChainStore } from './storage/chain-store.ts'
import { openDatabase } from './storage/database.ts'
import { CHAIN_DIR, quarantineDatabase, sourcePath } from './storage/quarantine.ts'
import { areVouched } from './storage/table-sums.ts'
import { createVerifier, VERIFIER_DEFAULTS } from './verifier.ts'

/** State values checked at every start: a whole small state, another part of a large one each time. About 8 us each. */
export const STATE_VALUES_CHECKED = 50_000
/** Pages between two looks at whatever else the process has to do. */
const PAGES_PER_SLICE = 256
/** Left by a node that met damage while it ran: the next start checks the whole state. */
const DAMAGE_NOTE = 'damage-met'
const PROGRESS_MS = 2_000

export interface ChainOpening {
  readonly dir: string
  readonly genesis: Genesis
  readonly validators: ValidatorSet
  readonly limits: WireLimits
  readonly certificates: CertificateVerifier
  readonly app: Application
  readonly log: Pick<Log, 'info' | 'warn'>
  readonly nowMs: () => number
  /** False: damage is refused, whatever it is. */
  readonly mayRepair: boolean
  /** Whether there is anybody who could send what is lost here. */
  readonly hasPeers: boolean
  /** A whole state is checked up to this many values; default STATE_VALUES_CHECKED. */
  readonly stateValuesChecked?: number
}

/** @throws NodeError data-dir-locked, storage-unavailable, storage-other-chain, storage-format, or storage-damaged when not mended */
export async function openChain(opening: ChainOpening): Promise<OpenedChainStore> {
  try {
    return await openChecked(opening)
  } catch (error) {
    if (!(error instanceof NodeError) || error.code !== 'storage-damaged') throw error
    await refuseUnlessMendable(opening, error)
    const { dir, genesis, log, nowMs } = opening
    const folder = await quarantineDatabase(dir, genesis.genesisHash, error.message, nowMs())
    await rm(join(dir, DAMAGE_NOTE), { force: true })
    log.warn(
      { folder: sourcePath(dir, folder) },
      `${error.message}; it was moved aside and the chain is put together again from its good blocks and from peers`,
    )
    return await openChecked(opening)
  }
}

async function openChecked(opening: ChainOpening): Promise<OpenedChainStore> {
  const { dir, genesis, limits } = opening
  await auditAfterDamage(opening)
  const store = await openChainStore(dir, genesis.genesisHash, limits)
  try {
    if (store.head() === undefined) {
      await store.initialise(genesis.block, genesis.state, appendPeak([], 0, hashToBytes(genesis.block.id)))
    }
    await checkTip(store, opening)
    await checkState(store, opening)
    // Read here for its checksum: a mirror that is lost is lost with the database, in which it is the only thing of its kind.
    store.mirror.read()
    if (store.repair !== undefined && store.repair.sources.length > 0) await replaySources(store, opening)
    await rm(join(dir, DAMAGE_NOTE), { force: true })
    return store
  } catch (error) {
    await store.close()
    throw error
  }
}

/** What damage a running node met was beyond what a start looks at: this one looks at everything. */
async function auditAfterDamage(opening: ChainOpening): Promise<void> {
  const { dir, log } = opening
  const note = await readFile(join(dir, DAMAGE_NOTE), 'utf8').catch(() => undefined)
  const path = join(dir, CHAIN_DIR)
  if (note === undefined && (await areVouched(path))) return
  const why =
    note === undefined ? 'no checksums vouch for its tables' : `the node met damage when it ran: ${note.trim()}`
  log.warn({}, `the whole database is read, for ${why}`)
  const database = await openDatabase(path, 'unchecked')
  try {
    const { findings, findingCount } = await auditChain(database, { ...opening, onProgress: () => {} })
    if (findingCount > 0) throw damaged(listed(findings, findingCount))
  } finally {
    await database.close()
  }
}

/** Call when a read or write of a running node met damage, before the process ends. A disk that takes no note stops nothing. */
export function noteDamage(dir: string, what: string): void {
  try {
    writeFileSync(join(dir, DAMAGE_NOTE), `${what}\n`)
  } catch {
    // The next start looks at what it always looks at.
  }
}

/** Only genesis is final by itself; any other tip is so by a quorum's signatures. */
async function checkTip(store: OpenedChainStore, { certificates, genesis }: ChainOpening): Promise<void> {
  const head = store.head()
  if (head === undefined) throw damaged('it has no head')
  const { height, blockId, certificate } = head
  if (certificate === undefined) {
    if (blockId !== genesis.block.id) throw damaged(`nothing certifies the head, height ${height}`)
    return
  }
  if (certificate.view !== certificate.parentView + 1) throw damaged('the head certificate commits nothing')
  const verified = await certificates.verifyQC(certificate)
  if (!verified.ok) throw damaged(`the head certificate, height ${height}, is ${verified.rejection.kind}`)
}

async function checkState(store: OpenedChainStore, opening: ChainOpening): Promise<void> {
  const head = store.head()
  const tip = head && store.blockAt(head.height)
  if (tip === undefined) throw damaged('the head block is missing')
  const bounds = {
    valuesMax: opening.stateValuesChecked ?? STATE_VALUES_CHECKED,
    isRightFirst: () => Math.random() < 0.5,
  }
  // Past the cache: what is checked is what the disk has.
  const walk = auditState(store.storedState(), tip.stateRoot, bounds)
  for (let pages = 1; ; pages++) {
    const next = walk.next()
    if (next.done === true) {
      const { faults, faultCount } = next.value
      if (faultCount > 0) throw damaged(listed(faults, faultCount))
      return
    }
    if (pages % PAGES_PER_SLICE === 0) await new Promise(setImmediate)
  }
}

/** In a message: the first few, and how many there are. */
const LISTED_MAX = 4

function listed(findings: readonly string[], count: number): string {
  const more = count > LISTED_MAX ? `; ${count} findings in all` : ''
  return findings.slice(0, LISTED_MAX).join('; ') + more
}

async function replaySources(store: OpenedChainStore, opening: ChainOpening): Promise<void> {
  const { dir, limits, log, nowMs } = opening
  let shownMs = nowMs()
  const deps = replayDeps(store, opening, (height) => {
    if (nowMs() - shownMs < PROGRESS_MS) return
    shownMs = nowMs()
    log.info({ height }, 'executing the good blocks of the damaged database again')
  })
  for (const folder of store.repair?.sources ?? []) {
    const source = await openBlockSource(sourcePath(dir, folder), limits)
    if (source === undefined) {
      log.warn({ folder }, 'the damaged database cannot be opened: all of the chain comes from peers')
      continue
    }
    try {
      const { height, ended } = await replay(source, deps)
      log.info({ height, folder }, `the good blocks of the damaged database are executed again; ${ended}`)
    } finally {
      await source.close()
    }
  }
  await store.endRepair()
}

function replayDeps(store: OpenedChainStore, opening: ChainOpening, onProgress: (height: number) => void): ReplayDeps {
  const { app, certificates, genesis, validators } = opening
  const verifier = createVerifier(app, VERIFIER_DEFAULTS)
  const { genesisHash, initialHeight, params } = genesis
  const executor = new Executor({ app, store, verifier, validators, limits: params, initialHeight })
  return { store, executor, verifier, app, certificates, genesisHash, validators, onProgress }
}

/** Without peers only what loses no block is mended: blocks that are whole up to the head, beside a state or index that is not. */
async function refuseUnlessMendable(opening: ChainOpening, error: NodeError): Promise<void> {
  const { dir, hasPeers, limits, mayRepair } = opening
  if (!mayRepair) {
    throw new NodeError(
      'storage-damaged',
      `${error.message}; it is left as it is: \`scoville db verify\` shows all of the damage, a start with --repair true mends it`,
      error,
    )
  }
  if (hasPeers) return
  const source = await openBlockSource(join(dir, CHAIN_DIR), limits)
  try {
    const head = source?.head()
    if (source !== undefined && head !== undefined && reaches(source.blockAt, head.height, opening)) return
  } finally {
    await source?.close()
  }
  throw new NodeError(
    'storage-damaged',
    `${error.message}; its blocks do not reach the head any more and there is no peer to ask for them: restore the data directory, or name a node that has the chain with --peers`,
    error,
  )
}

function reaches(
  blockAt: (height: number) => ReturnType<NonNullable<Awaited<ReturnType<typeof openBlockSource>>>['blockAt']>,
  height: number,
  { genesis, validators }: ChainOpening,
): boolean {
  let parent = genesis.block
  for (let at = genesis.initialHeight + 1; at <= height; at++) {
    const block = blockAt(at)
    if (block === undefined) return false
    if (faultOf(block, parent, { genesisHash: genesis.genesisHash, validators }) !== undefined) return false
    parent = block
  }
  return true
}
