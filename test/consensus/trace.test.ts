// What a record says of a step; that whole runs of records are the model's is for test/model/conformance.test.ts.

import { describe, expect, test } from 'vitest'
import { step } from '../../consensus/core.ts'
import type { Effect } from '../../consensus/protocol.ts'
import { freshSafety } from '../../consensus/safety.ts'
import { type CoreState, createCore } from '../../consensus/state.ts'
import { createTracer, traceOf, variablesOf } from '../../consensus/trace.ts'
import type { ValidatorIndex, View } from '../../consensus/types.ts'
import { genesisOf, START_MS, validatorsOf } from '../simulation/workload.ts'

const genesis = genesisOf(4)
const SELF = 0 as ValidatorIndex

function freshCore(): CoreState {
  const pacemaker = { baseTimeoutMs: 300, baseTimeoutMsMax: 10_000, idleIntervalMs: 100 }
  const config = { validators: validatorsOf([1, 1, 1, 1]), self: SELF, pacemaker, clockAheadMsMax: 500 }
  return createCore(config, genesis.block, freshSafety(genesis.qc))
}

const FOUND = {
  view: 1,
  lastVotedView: 0,
  highestTimeoutView: 0,
  lockedView: 0,
  highQcView: 0,
  highQcBlockId: genesis.block.id,
  lastTcView: 0,
  lastProposalView: 0,
  rootId: genesis.block.id,
  rootView: 0,
  rootHeight: genesis.block.proposal.header.height,
}

describe('a tracer', () => {
  test('says what the core began with on its first record, and only there', () => {
    const core = freshCore()
    const trace = createTracer(core)
    const start = { kind: 'start' } as const
    const first = trace(start, step(core, start, START_MS))
    expect(first).toMatchObject({ action: 'start', found: FOUND, changed: {} })
    expect(first.effects).toEqual([{ kind: 'entered-view', view: 1, leader: core.config.validators.leader(1 as View) }])
    const work = { kind: 'work', available: true } as const
    expect(trace(work, step(core, work, START_MS)).found).toBeUndefined()
  })

  test('says which variables changed, and the save ahead of the signature', () => {
    const core = freshCore()
    const trace = createTracer(core)
    const start = { kind: 'start' } as const
    trace(start, step(core, start, START_MS))
    const timer = { kind: 'timer', timer: 'view', view: 1 as View } as const
    const record = trace(timer, step(core, timer, START_MS + 1_000))
    expect(record).toMatchObject({ action: 'timer', timer: 'view', changed: { highestTimeoutView: 1 } })
    expect(Object.keys(record.changed)).toEqual(['highestTimeoutView'])
    expect(record.effects.map(({ kind }) => kind)).toEqual(['save', 'timeout'])
    expect(record.effects[0]).toMatchObject({ saved: { highestTimeoutView: 1, lastVotedView: 0 } })
    expect(record.effects[1]).toMatchObject({ timeout: { view: 1, signer: SELF, highQC: { view: 0, signers: [] } } })
  })
})

test('signers are the bits of the certificate, ascending; nothing else of it is kept', () => {
  const core = freshCore()
  const qc = { ...genesis.qc, view: 3 as View, signers: Uint8Array.of(0b1101) }
  const before = variablesOf(core)
  const effects: Effect[] = [{ kind: 'commit', blocks: [], certificate: qc }]
  const { effects: traced, changed } = traceOf(before, { kind: 'work', available: false }, effects, before)
  const { blockId, parentView, parentId } = qc
  expect(traced).toEqual([
    { kind: 'commit', blocks: [], certificate: { view: 3, blockId, parentView, parentId, signers: [0, 2, 3] } },
  ])
  expect(changed).toEqual({})
})
