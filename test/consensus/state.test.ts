// How the core begins from what was on disk.

import { describe, expect, test } from 'vitest'
import { freshSafety } from '../../consensus/safety.ts'
import { leaderOf, leads } from '../../consensus/state.ts'
import { view } from './committee.ts'
import { Solo } from './solo.ts'

describe('createCore', () => {
  test('saved blocks connect in whatever order they were read', () => {
    const { genesis, rootQC, ...ground } = new Solo()
    expect(ground.core.tree.size).toBe(0)
    const chain = new Solo().chain([1, 2, 3, 4])
    const solo = new Solo({ safety: freshSafety(rootQC), uncommitted: chain.toReversed() })
    expect(chain.map((block) => solo.core.tree.isConnected(block.id))).toEqual([true, true, true, true])
    expect(solo.core.tree.root.id).toBe(genesis.id)
  })

  test('what the commit already covers is left out', () => {
    const chain = new Solo().chain([1, 2, 3])
    const [, b2, b3] = chain
    if (!b2 || !b3) throw new RangeError('three blocks')
    const safety = { ...freshSafety(new Solo().rootQC), highQC: new Solo().qc(b3) }
    const solo = new Solo({ root: b2, safety, uncommitted: chain })
    expect(solo.core.tree.size).toBe(1)
    expect(solo.view).toBe(4)
  })
})

test('an observer leads nothing', () => {
  const observer = new Solo({ self: undefined })
  expect([0, 1, 2, 3].map((at) => leads(observer.core, at))).toEqual([false, false, false, false])
  expect(leaderOf(observer.core, view(6))).toBe(2)
})
