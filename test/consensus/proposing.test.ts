// The leader's part (DESIGN.md, section 3: "Pacemaker", last sentence; "Idle" is in progress.test.ts).

import { describe, expect, test } from 'vitest'
import type { Effect } from '../../consensus/protocol.ts'
import type { UnsignedBlock } from '../../consensus/types.ts'
import { view } from './committee.ts'
import { all, only, Solo } from './solo.ts'

function built(solo: Solo, block: UnsignedBlock): Effect[] {
  return solo.give({ kind: 'built', view: block.proposal.header.view, block })
}

describe('what a leader proposes on', () => {
  test('view 1 on the root', () => {
    const solo = new Solo({ self: 1 })
    const proposes = only(solo.give({ kind: 'start' }), 'propose')
    expect(proposes).toEqual({ kind: 'propose', view: 1, parent: solo.genesis, justify: solo.rootQC })
  })

  test('entered by a TC: on highQC, with the TC', () => {
    const solo = Solo.busy({ self: 2 })
    const proposes = only(solo.give({ kind: 'tc-formed', tc: solo.tc(1) }), 'propose')
    expect(proposes).toMatchObject({ view: 2, justify: { view: 0 }, tc: { view: 1 } })
  })

  test('VIEWCHANGE 4.3: with highQC.view = v-1 no TC, though it entered by one', () => {
    const solo = Solo.busy({ self: 0 })
    const [b1, b2, b3] = solo.chain([1, 2, 3])
    if (!b1 || !b2 || !b3) throw new RangeError('three blocks')
    // It lacks the block of the TC's highQC, so it waits; meanwhile it learns of a QC of the very view the TC is of.
    const waits = solo.give({ kind: 'tc-formed', tc: solo.tc(3, solo.qc(b2)) })
    expect(all(waits, 'propose')).toEqual([])
    expect(all(solo.give({ kind: 'certificate', qc: solo.qc(b3) }), 'propose')).toEqual([])
    expect(solo.core.enteredBy).toBe('tc')
    const proposes = only(solo.give({ kind: 'fetched', blocks: [b1, b2, b3] }), 'propose')
    expect(proposes).toEqual({ kind: 'propose', view: 4, parent: b3, justify: solo.qc(b3) })
  })

  test('nothing in a view of somebody else, nothing without the parent executed', () => {
    const solo = Solo.busy({ self: 2 })
    solo.verdict = undefined
    const b1 = solo.block(1, solo.genesis)
    expect(all(solo.giveProposal(b1), 'propose')).toEqual([])
    expect(all(solo.give({ kind: 'qc-formed', qc: solo.qc(b1) }), 'propose')).toEqual([])
    expect(all(solo.give({ kind: 'executed', blockId: b1.id, valid: true }), 'propose')).toHaveLength(1)
  })
})

describe('one proposal a view', () => {
  const leader = () => {
    const solo = new Solo({ self: 1 })
    solo.give({ kind: 'start' })
    return solo
  }

  test('asked for once, saved before it is signed', () => {
    const solo = leader()
    expect(all(solo.give({ kind: 'work', available: true }), 'propose')).toEqual([])
    const block = solo.block(1, solo.genesis)
    const effects = built(solo, block)
    expect(effects.map((effect) => effect.kind)).toEqual(['save', 'send-proposal'])
    expect(only(effects, 'save').safety.lastProposal).toEqual({ view: 1, blockId: block.id })
    expect(built(solo, solo.block(1, solo.genesis, { name: 'second' }))).toEqual([])
  })

  test('PITFALLS 6: none after a restart in the view it proposed in: the stored one again', () => {
    const before = leader()
    const block = before.block(1, before.genesis)
    built(before, block)
    const solo = new Solo({ self: 1, safety: before.core.safety, uncommitted: [block] })
    const effects = solo.give({ kind: 'start' })
    expect(all(effects, 'propose')).toEqual([])
    expect(only(effects, 'relay-proposal')).toEqual({ kind: 'relay-proposal', blockId: block.id, to: [0, 1, 2, 3] })
  })

  test('a block that is ready after its view was given up, or is over, does not leave', () => {
    const late = leader()
    late.give({ kind: 'timer', timer: 'view', view: view(1) })
    expect(built(late, late.block(1, late.genesis))).toEqual([])
    const over = leader()
    over.give({ kind: 'tc-formed', tc: over.tc(1) })
    expect(built(over, over.block(1, over.genesis))).toEqual([])
  })

  test('a driver that could not build one leaves the view to time out', () => {
    const solo = leader()
    expect(solo.give({ kind: 'built', view: view(1) })).toEqual([])
    expect(all(solo.give({ kind: 'timer', timer: 'view', view: view(1) }), 'send-timeout')).toHaveLength(1)
  })
})
