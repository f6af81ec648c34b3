// Votes and timeouts on their way to certificates (DESIGN.md, section 3, "Votes" and "Equivocation").

import { describe, expect, test } from 'vitest'
import { TimeoutCollector, VoteCollector } from '../../consensus/collector.ts'
import type { ValidatorIndex, View } from '../../consensus/types.ts'
import { index, view } from './committee.ts'
import { Solo } from './solo.ts'

const solo = new Solo()
const a = solo.block(5, solo.genesis)
const b = solo.block(5, solo.genesis, { name: 'b' })
const signersOf = (messages: readonly { readonly signer: ValidatorIndex }[] | undefined) =>
  messages?.map((message) => message.signer)

function votes(powers: readonly number[] = [1, 1, 1, 1], quorum = 3): VoteCollector {
  return new VoteCollector(quorum, (signer) => powers[signer] ?? 0)
}

describe('votes', () => {
  test('a quorum by power, taken once', () => {
    const collector = votes([2, 1, 1, 1], 4)
    collector.add(solo.vote(a, 1))
    collector.add(solo.vote(a, 2))
    collector.add(solo.vote(a, 3))
    expect(collector.takeQuorum(view(5))).toBeUndefined()
    collector.add(solo.vote(a, 0))
    expect(signersOf(collector.takeQuorum(view(5))?.votes)).toEqual([1, 2, 3, 0])
    expect(collector.takeQuorum(view(5))).toBeUndefined()
    expect(collector.hasQuorum(view(5))).toBe(true)
  })

  test('the strong need fewer others than there are heads in a quorum', () => {
    const collector = votes([2, 1, 1, 1], 4)
    collector.add(solo.vote(a, 0))
    collector.add(solo.vote(a, 1))
    expect(collector.takeQuorum(view(5))).toBeUndefined()
    collector.add(solo.vote(a, 2))
    expect(signersOf(collector.takeQuorum(view(5))?.votes)).toEqual([0, 1, 2])
  })

  test('the same vote twice counts once', () => {
    const collector = votes()
    expect(collector.add(solo.vote(a, 1))).toEqual({ kind: 'stored' })
    expect(collector.add(solo.vote(a, 1))).toEqual({ kind: 'ignored' })
    collector.add(solo.vote(a, 2))
    expect(collector.takeQuorum(view(5))).toBeUndefined()
  })

  test('PITFALLS 23, 34: the first vote of a signer stands; another is a conflict and counts nowhere', () => {
    const collector = votes()
    const first = solo.vote(a, 1)
    collector.add(first)
    expect(collector.add(solo.vote(b, 1))).toEqual({ kind: 'conflict', first })
    collector.add(solo.vote(b, 2))
    collector.add(solo.vote(b, 3))
    expect(collector.takeQuorum(view(5))).toBeUndefined()
    collector.add(solo.vote(b, 0))
    expect(signersOf(collector.takeQuorum(view(5))?.votes)).toEqual([2, 3, 0])
  })

  test('a conflict of a signer is reported once a view: each costs whoever verifies it two pairings', () => {
    const collector = votes()
    for (const vote of [solo.vote(a, 1), solo.vote(a, 2), { ...solo.vote(a, 1), view: view(6) }]) collector.add(vote)
    const kinds = [solo.vote(b, 1), solo.vote(b, 1), { ...solo.vote(b, 1), parentView: view(1) }, solo.vote(b, 2)]
    expect(kinds.map((vote) => collector.add(vote).kind)).toEqual(['conflict', 'ignored', 'ignored', 'conflict'])
    expect(collector.add({ ...solo.vote(b, 1), view: view(6) }).kind).toBe('conflict')
  })

  test('votes for one block that differ in its parent never aggregate, and are a conflict', () => {
    const collector = votes()
    const odd = { ...solo.vote(a, 1), parentView: 3 as View }
    collector.add(odd)
    expect(collector.add(solo.vote(a, 1)).kind).toBe('conflict')
    collector.add(solo.vote(a, 2))
    collector.add(solo.vote(a, 3))
    expect(collector.takeQuorum(view(5))).toBeUndefined()
  })

  test('PITFALLS 13: votes of different views do not add up', () => {
    const collector = votes()
    for (const [signer, at] of [5, 6, 7].entries()) collector.add({ ...solo.vote(a, signer), view: view(at) })
    expect([5, 6, 7].map((at) => collector.hasQuorum(view(at)))).toEqual([false, false, false])
  })

  test('PITFALLS 23: a culprit is muted for the view, the valid votes stay and complete with another', () => {
    const collector = votes()
    for (const signer of [0, 1, 2]) collector.add(solo.vote(a, signer))
    collector.takeQuorum(view(5))
    collector.refute(view(5), a.id, [index(1)])
    expect(collector.hasQuorum(view(5))).toBe(false)
    expect(collector.add(solo.vote(a, 1))).toEqual({ kind: 'ignored' })
    collector.add(solo.vote(a, 3))
    expect(signersOf(collector.takeQuorum(view(5))?.votes)).toEqual([0, 2, 3])
    expect(collector.add({ ...solo.vote(a, 1), view: view(6) })).toEqual({ kind: 'stored' })
  })

  test('votes that came while the aggregate was checked are in the next one', () => {
    const collector = votes()
    for (const signer of [0, 1, 2]) collector.add(solo.vote(a, signer))
    collector.takeQuorum(view(5))
    collector.add(solo.vote(a, 3))
    collector.refute(view(5), a.id, [index(1)])
    expect(signersOf(collector.takeQuorum(view(5))?.votes)).toEqual([0, 2, 3])
  })

  test('old views are dropped', () => {
    const collector = votes()
    for (const at of [5, 6, 7]) collector.add({ ...solo.vote(a, 0), view: view(at) })
    collector.dropBelow(view(7))
    expect(collector.views).toBe(1)
  })
})

describe('timeouts', () => {
  const timeouts = () => new TimeoutCollector(3, () => 1)

  test('PITFALLS 13: keyed by view, one per signer', () => {
    const collector = timeouts()
    collector.add(solo.timeout(5, 0))
    collector.add(solo.timeout(6, 1))
    collector.add(solo.timeout(6, 2))
    expect(collector.add(solo.timeout(6, 2))).toEqual({ kind: 'ignored' })
    expect([5, 6].map((at) => collector.powerAt(view(at)))).toEqual([1, 2])
    expect(collector.takeQuorum(view(6))).toBeUndefined()
    collector.add(solo.timeout(6, 3))
    expect(signersOf(collector.takeQuorum(view(6)))).toEqual([1, 2, 3])
    expect(collector.takeQuorum(view(6))).toBeUndefined()
  })

  test('PITFALLS 23: a culprit is muted for the view and the others complete', () => {
    const collector = timeouts()
    for (const signer of [0, 1, 2]) collector.add(solo.timeout(5, signer))
    collector.takeQuorum(view(5))
    collector.refute(view(5), [index(2)])
    expect(collector.powerAt(view(5))).toBe(2)
    expect(collector.add(solo.timeout(5, 2))).toEqual({ kind: 'ignored' })
    collector.add(solo.timeout(5, 3))
    expect(signersOf(collector.takeQuorum(view(5)))).toEqual([0, 1, 3])
  })

  test('old views are dropped', () => {
    const collector = timeouts()
    for (const at of [5, 6, 7]) collector.add(solo.timeout(at, 0))
    collector.dropBelow(view(6))
    expect(collector.views).toBe(2)
  })
})
