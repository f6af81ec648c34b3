// One case: a copy of a data directory is harmed, opened as a node opens it, and judged. The right prefix of the chain and then
// all of it, or a clear refusal; never a silent gap, and never a validator that forgot what it signed.

import { cp, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Height } from '../../consensus/types.ts'
import { equalBytes } from '../../crypto/bytes.ts'
import { auditChain } from '../../node/chain-audit.ts'
import { type ChainOpening, noteDamage, openChain } from '../../node/chain-opening.ts'
import { NodeError } from '../../node/fault.ts'
import { encodeStoredBlock } from '../../node/storage/block-record.ts'
import type { OpenedChainStore } from '../../node/storage/chain-store.ts'
import { openDatabase } from '../../node/storage/database.ts'
import { openFirstSafetyStore } from '../../node/storage/safety-store.ts'
import { Random } from '../simulation/random.ts'
import { type Harm, harm } from './harm.ts'
import { certificatesOf, executorOf, HEIGHT, type Templates } from './reference.ts'

/** `whole`: nothing lost. `shorter`: a prefix, the rest from peers. `mended`: put together again. */
export type ChainOutcome = 'whole' | 'shorter' | 'mended' | `refused ${string}`
export type SafetyOutcome = 'newest' | `observer ${string}` | '-'

export interface CaseResult {
  readonly number: number
  readonly template: string
  readonly harm: Harm
  readonly what: string
  readonly chain: ChainOutcome
  readonly safety: SafetyOutcome
  /** Height after opening, before peers send the rest; -1 when it was refused. */
  readonly height: number
  /** It was found only when a block was read, and mended by the start after that. */
  readonly isLate: boolean
  /** What is wrong; absent when the case is as it should be. */
  readonly violation?: string
}

class Wrong extends Error {}

function hold(isTrue: boolean, what: string): asserts isTrue {
  if (!isTrue) throw new Wrong(what)
}

/** A refusal is clear when it has one of these codes. */
const REFUSALS = ['storage-format', 'storage-other-chain', 'storage-unavailable']

export async function runCase(
  { dirs, reference, stale }: Templates,
  seed: number,
  number: number,
  scratch: string,
): Promise<CaseResult> {
  const random = new Random(seed, `case ${number}`)
  const template = random.pick(dirs)
  const dir = await mkdtemp(join(scratch, 'case-'))
  await cp(template.dir, dir, { recursive: true })
  const done = await harm(dir, stale, random)
  const begun = { number, template: template.name, ...done }
  const judge = new Judge(dir, reference)
  try {
    return { ...begun, ...(await judge.judge()) }
  } catch (error) {
    const violation = error instanceof Wrong ? error.message : String(error instanceof Error ? error.stack : error)
    return { ...begun, chain: 'whole', safety: '-', height: -1, isLate: false, violation }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

type Verdict = Pick<CaseResult, 'chain' | 'safety' | 'height' | 'isLate'>

class Judge {
  readonly #dir: string
  readonly #reference: Templates['reference']
  readonly #opening: ChainOpening

  constructor(dir: string, reference: Templates['reference']) {
    this.#dir = dir
    this.#reference = reference
    const { app, genesis, limits, validators } = reference.committee
    this.#opening = {
      dir,
      genesis,
      validators,
      limits,
      certificates: certificatesOf(reference.committee),
      app,
      log: { info: () => {}, warn: () => {} },
      nowMs: () => Date.now(),
      mayRepair: true,
      hasPeers: true,
    }
  }

  async judge(): Promise<Verdict> {
    let isLate = false
    let opened = await this.#open()
    if (typeof opened !== 'string') {
      const met = this.#compare(opened)
      if (met !== undefined) {
        // As a node does: it stops, and its next start looks at everything.
        await opened.close()
        noteDamage(this.#dir, met)
        isLate = true
        opened = await this.#open()
        if (typeof opened !== 'string') hold(this.#compare(opened) === undefined, 'damage is met again after a repair')
      }
    }
    if (typeof opened === 'string') return { chain: `refused ${opened}`, safety: '-', height: -1, isLate }
    const height = opened.head()?.height ?? -1
    const chain = opened.repair !== undefined ? 'mended' : height === HEIGHT ? 'whole' : 'shorter'
    const safety = await this.#safety(opened).finally(() => opened.close())
    await this.#resync()
    const left = await this.#audit()
    if (left === undefined) return { chain, safety, height, isLate }
    // Records that nothing reads: `scoville db verify` names them, and the start after it mends them.
    noteDamage(this.#dir, left)
    await this.#resync()
    const still = await this.#audit()
    hold(still === undefined, `damage is left: ${still}`)
    return { chain, safety, height, isLate: true }
  }

  async #open(): Promise<OpenedChainStore | string> {
    try {
      return await openChain(this.#opening)
    } catch (error) {
      hold(error instanceof NodeError, `opening threw ${error instanceof Error ? error.stack : error}`)
      hold(REFUSALS.includes(error.code), `opening refused with ${error.code}: ${error.message}`)
      return error.code
    }
  }

  /** Every block and index entry up to the head. @returns the damage that a read met, which is no violation but is named */
  #compare(store: OpenedChainStore): string | undefined {
    const { blocks, committee, records } = this.#reference
    const head = store.head()
    hold(head !== undefined && head.height <= HEIGHT, `the head is ${head?.height}`)
    hold(head.blockId === blocks[head.height]?.id, 'the head is another block')
    hold(store.oldestHeight() === 0, 'the oldest height is not 0')
    try {
      for (let height = 0; height <= head.height; height++) {
        const stored = store.blockAt(height as Height)
        hold(stored?.block.id === blocks[height]?.id, `the block at height ${height} is another or none`)
        const record = records[height - 1]
        if (record === undefined || stored === undefined) continue
        hold(equalBytes(encodeStoredBlock(stored), encodeStoredBlock(record)), `block ${height} has other contents`)
        hold(store.blockById(record.block.id)?.block.id === record.block.id, `block ${height} is not found by its id`)
        for (const [index, id] of record.transactionIds.entries()) {
          const place = store.transactionAt(id)
          hold(
            place?.height === height && place.index === index,
            `transaction ${id} is not found at ${height}/${index}`,
          )
        }
      }
      for (const { address } of committee.people) committee.app.sequence(address, store.state())
    } catch (error) {
      if (error instanceof NodeError && error.code === 'storage-damaged') return error.message
      throw error
    }
    return undefined
  }

  async #safety(store: OpenedChainStore): Promise<SafetyOutcome> {
    const { genesis, limits } = this.#reference.committee
    const opening = await openFirstSafetyStore(this.#dir, genesis.genesisHash, store.mirror, limits)
    if (opening.kind === 'refuse') return `observer ${opening.code}`
    await opening.store.close()
    const { lastVotedView } = this.#reference
    const voted = opening.safety?.lastVotedView
    hold(
      voted === lastVotedView,
      `it voted up to view ${lastVotedView} and would vote from ${voted ?? 'the beginning'}`,
    )
    return 'newest'
  }

  /** Peers send what is missing: it fits, and the state that comes of it is the right one. */
  async #resync(): Promise<void> {
    const { blocks, committee, records } = this.#reference
    const store = await openChain(this.#opening)
    try {
      const missing = blocks.slice((store.head()?.height ?? 0) + 1, HEIGHT + 1)
      const executor = executorOf(committee, store)
      for (const block of missing) {
        const verdict = await executor.execute(block)
        const why = verdict.valid ? '' : verdict.reason
        hold(verdict.valid, `block ${block.proposal.header.height} from a peer does not execute: ${why}`)
      }
      const certificate = blocks[HEIGHT + 2]?.proposal.justify
      if (missing.length > 0 && certificate !== undefined) await executor.commit(missing, certificate)
      hold(store.blockAt(HEIGHT as Height)?.stateRoot === records.at(-1)?.stateRoot, 'the state is another in the end')
    } finally {
      await store.close()
    }
  }

  /** @returns the damage that is left */
  async #audit(): Promise<string | undefined> {
    const database = await openDatabase(join(this.#dir, 'chain'))
    try {
      const audit = await auditChain(database, { ...this.#opening, onProgress: () => {} })
      if (audit.findingCount > 0) return audit.findings.slice(0, 3).join('; ')
      hold(audit.head?.height === HEIGHT, `the head is ${audit.head?.height} in the end`)
      return undefined
    } finally {
      await database.close()
    }
  }
}
