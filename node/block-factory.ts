// Builds the block a leader proposes: takes from the mempool what executes on the parent, after pacing.
// Pacing: under sustained load blocks come at least `blockIntervalMs` apart, since a view costs much the same however many
// transactions it carries; a lone transaction, and the empty blocks that commit it, are never held back.

import type { Effect, Input } from '../consensus/protocol.ts'
import type { ValidatorIndex } from '../consensus/types.ts'
import type { Hash } from '../crypto/bytes.ts'
import type { Application, StateReader } from '../ledger/application.ts'
import type { Mempool } from '../mempool/mempool.ts'
import type { Executor } from './executor.ts'
import type { Clock } from './ports.ts'

export interface BlockFactoryDeps {
  readonly app: Pick<Application, 'sequence'>
  readonly mempool: Pick<Mempool, 'hasExecutable' | 'candidates' | 'info'>
  readonly executor: Executor
  readonly clock: Clock
  readonly self: ValidatorIndex | undefined
  readonly blockIntervalMs: number
  /** A block cannot take more: waiting longer gains nothing. */
  readonly transactionsMax: number
  readonly onDropped: (ids: readonly Hash[]) => void
}

export class BlockFactory {
  readonly #deps: BlockFactoryDeps

  constructor(deps: BlockFactoryDeps) {
    this.#deps = deps
  }

  async build(request: Extract<Effect, { kind: 'propose' }>): Promise<Input> {
    const { app, clock, executor, mempool, onDropped, self } = this.#deps
    if (self === undefined) return { kind: 'built', view: request.view }
    await this.#pace(request)
    const built = executor.build({
      ...request,
      proposer: self,
      timestampMs: clock.nowMs(),
      candidates: (parent: StateReader) =>
        mempool.candidates(
          () => false,
          (lane) => app.sequence(lane, parent),
        ),
    })
    if (built.dropped.length > 0) onDropped(built.dropped)
    return { kind: 'built', view: request.view, block: built.block }
  }

  async #pace({ parent }: Extract<Effect, { kind: 'propose' }>): Promise<void> {
    const { blockIntervalMs, clock, mempool, transactionsMax } = this.#deps
    const { header, payload } = parent.proposal
    const sustained = payload.items.length > 0 && mempool.hasExecutable()
    const waitMs = Math.min(header.timestampMs + blockIntervalMs - clock.nowMs(), blockIntervalMs)
    if (!sustained || waitMs <= 0 || mempool.info().executable >= transactionsMax) return
    await new Promise<void>((resolve) => {
      clock.after(waitMs, resolve)
    })
  }
}
