// node/driver.ts and node/committer.ts together on a disk that is slower than the network: nothing that was decided is lost.

import { expect, test } from 'vitest'
import { freshSafety } from '../../consensus/safety.ts'
import type { Block, BlockId, QC } from '../../consensus/types.ts'
import { COMMITS_PENDING_MAX, Committer } from '../../node/committer.ts'
import { Driver, type DriverDeps } from '../../node/driver.ts'
import type { Executor } from '../../node/executor.ts'
import { createLog } from '../../node/log.ts'
import type { CommitRecord } from '../../node/ports.ts'
import { Solo } from '../consensus/solo.ts'

/** Keeps what was executed until it commits or is pruned, as the real one; a commit takes until `release` lets it go. */
class SlowExecutor {
  readonly #executed = new Set<BlockId>()
  readonly committed: BlockId[] = []
  #waiting: (() => void)[] = []

  async execute(block: Block): Promise<{ readonly valid: true }> {
    this.#executed.add(block.id)
    return { valid: true }
  }

  async commit(blocks: readonly Block[], _certificate: QC): Promise<readonly CommitRecord[]> {
    for (const { id } of blocks) if (!this.#executed.has(id)) throw new Error('a block is executed before it commits')
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
    for (const { id } of blocks) {
      this.#executed.delete(id)
      this.committed.push(id)
    }
    return []
  }

  prune(ids: readonly BlockId[]): void {
    for (const id of ids) this.#executed.delete(id)
  }

  lanesOf(): ReadonlyMap<string, bigint> {
    return new Map()
  }

  release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

function followerOf(solo: Solo) {
  const executor = new SlowExecutor()
  const fatal: unknown[] = []
  const onFatal = (error: unknown) => fatal.push(error)
  const committer = new Committer({
    executor: executor as unknown as Executor,
    store: { deleteBlocks: async () => undefined },
    onCommitting: () => undefined,
    onCommitted: () => undefined,
    onFatal,
  })
  const deps: Partial<DriverDeps> = {
    config: { ...solo.core.config, self: undefined },
    root: solo.genesis,
    safety: freshSafety(solo.rootQC),
    uncommitted: [],
    clock: { nowMs: () => solo.nowMs, after: () => () => undefined },
    executor: executor as unknown as Executor,
    committer,
    catchUp: () => ({ fetch: () => undefined }) as unknown as ReturnType<DriverDeps['catchUp']>,
    log: createLog('silent', 'json'),
    onStep: () => undefined,
    onFatal,
  }
  return { driver: new Driver(deps as DriverDeps), executor, fatal }
}

const turn = () => new Promise((resolve) => setImmediate(resolve))

// The disk lets go every so many turns; chunks come in between, so that one may arrive right behind the end of an execution.
const PACES = [2, 3, 5].flatMap((chunk) => [1, 2, 5, 11].map((turnsPerWrite) => ({ chunk, turnsPerWrite })))

test.each(PACES)(
  'fetched $chunk at a time, written every $turnsPerWrite turns, all blocks commit once and in order',
  async ({ chunk, turnsPerWrite }) => {
    const solo = new Solo()
    const length = 20 * COMMITS_PENDING_MAX
    const chain = solo.chain(Array.from({ length }, (_, at) => at + 1))
    const { driver, executor, fatal } = followerOf(solo)
    driver.deliver({ kind: 'start' })
    for (let turns = 0; turns < 100 * length && executor.committed.length < length - 1; turns++) {
      const blocks = chain.slice(turns * chunk, (turns + 1) * chunk)
      const last = blocks.at(-1)
      if (last !== undefined) driver.deliver({ kind: 'fetched', blocks, certificate: solo.qc(last) })
      await turn()
      if (turns % turnsPerWrite === 0) executor.release()
    }
    expect(fatal).toEqual([])
    // The last one waits for a block above it.
    expect(executor.committed).toEqual(chain.slice(0, -1).map(({ id }) => id))
  },
)
