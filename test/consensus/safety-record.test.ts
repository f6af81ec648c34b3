import { readFileSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  brokenAdvance,
  brokenInvariant,
  decodeSafety,
  encodeSafety,
  joinSafety,
} from '../../consensus/safety-record.ts'
import type { BlockId, Epoch, SafetyState, View } from '../../consensus/types.ts'
import { toHex } from '../../crypto/bytes.ts'
import { hashOfText, LIMITS, safetyAt, tcFor } from '../node/storage/fixture.ts'

const FULL = safetyAt(9, true)
const FRESH: SafetyState = {
  epoch: 0 as Epoch,
  lastVotedView: 0 as View,
  highestTimeoutView: 0 as View,
  lockedView: 0 as View,
  highQC: { ...FULL.highQC, view: 0 as View },
}
const LARGE_TC = {
  ...FULL,
  lastTC: { ...tcFor(8, FULL.highQC), highQcViews: [5, 6, 7, 8].map((view) => view as View) },
}

describe('the encoding', () => {
  it.each([
    { name: 'a validator that signed nothing', safety: FRESH },
    { name: 'a vote only', safety: safetyAt(5) },
    { name: 'every optional part', safety: FULL },
    { name: 'a TC of many views', safety: LARGE_TC },
  ])('gives back $name', ({ safety }) => {
    const decoded = decodeSafety(encodeSafety(safety), LIMITS)
    expect(decoded).toEqual({ ok: true, value: safety })
  })

  it('is canonical: any accepted mutant is its own encoding', () => {
    const bytes = encodeSafety(FULL)
    let accepted = 0
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(255), (at, value) => {
        const mutant = new Uint8Array(bytes)
        mutant[at] = value
        const decoded = decodeSafety(mutant, LIMITS)
        if (!decoded.ok) return
        accepted += 1
        expect(toHex(encodeSafety(decoded.value))).toBe(toHex(mutant))
      }),
      { numRuns: 2_000 },
    )
    expect(accepted).toBeGreaterThan(0)
  })

  it.each([
    { what: 'trailing bytes', bytes: Uint8Array.of(...encodeSafety(FULL), 0), detail: /trailing/ },
    { what: 'another format', bytes: Uint8Array.of(0, 2, ...encodeSafety(FULL).subarray(2)), detail: /format 2/ },
    { what: 'nothing', bytes: new Uint8Array(), detail: /wanted/ },
    { what: 'a lock above highQC', bytes: encodeSafety({ ...FULL, lockedView: 50 as View }), detail: /lockedView/ },
  ])('refuses $what', ({ bytes, detail }) => {
    expect(decodeSafety(bytes, LIMITS)).toMatchObject({ ok: false, detail: expect.stringMatching(detail) })
  })

  it('has a golden vector: changing it needs an ADR', () => {
    const file = new URL('../golden/safety.json', import.meta.url)
    const vectors = [
      { value: 'nothing signed', bytes: toHex(encodeSafety(FRESH)) },
      { value: 'vote, timeout, TC and proposal of view 9', bytes: toHex(encodeSafety(FULL)) },
    ]
    if (process.env.GOLDEN === 'write') writeFileSync(file, `${JSON.stringify(vectors, undefined, 2)}\n`)
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(vectors)
  })
})

describe('two records of one key, joined (ADR 0009)', () => {
  const OLDER = safetyAt(7, true)
  it.each<{ sentence: string; other: SafetyState; joined: SafetyState }>([
    { sentence: 'with itself: the same', other: FULL, joined: FULL },
    { sentence: 'with an older one: the newer', other: OLDER, joined: FULL },
    { sentence: 'with nothing signed: what was signed', other: FRESH, joined: FULL },
    {
      sentence: 'with a later epoch: that',
      other: { ...FRESH, epoch: 1 as Epoch },
      joined: { ...FRESH, epoch: 1 as Epoch },
    },
    {
      sentence: 'part by part',
      other: { ...safetyAt(12), lastVotedView: 0 as View, lockedView: 11 as View },
      joined: { ...FULL, lockedView: 11 as View, highQC: safetyAt(12).highQC },
    },
  ])('$sentence, from either side', ({ other, joined }) => {
    expect(joinSafety(FULL, other)).toEqual(joined)
    expect(joinSafety(other, FULL)).toEqual(joined)
  })

  it.each<{ sentence: string; other: SafetyState; conflict: string }>([
    {
      sentence: 'two votes',
      other: { ...FULL, lastVote: { ...(FULL.lastVote ?? fail()), blockId: hashOfText('another') as BlockId } },
      conflict: 'a second vote in one view',
    },
    {
      sentence: 'two timeouts',
      other: { ...FULL, lastTimeout: { ...(FULL.lastTimeout ?? fail()), highQC: OLDER.highQC } },
      conflict: 'a second timeout in one view',
    },
    {
      sentence: 'two proposals',
      other: { ...FULL, lastProposal: { view: 9 as View, blockId: hashOfText('another') as BlockId } },
      conflict: 'a second proposal in one view',
    },
  ])('$sentence of one view are a conflict', ({ other, conflict }) => {
    expect(joinSafety(FULL, other)).toEqual({ conflict })
    expect(joinSafety(other, FULL)).toEqual({ conflict })
  })
})

describe('invariants of one state (types.ts, SafetyState)', () => {
  const vote = FULL.lastVote ?? fail()
  const timeout = FULL.lastTimeout ?? fail()
  it.each<{ rule: string; safety: SafetyState; broken: RegExp | undefined }>([
    { rule: 'a full state holds', safety: FULL, broken: undefined },
    { rule: 'a fresh one holds', safety: FRESH, broken: undefined },
    { rule: 'lastVote is of lastVotedView', safety: { ...FULL, lastVotedView: 10 as View }, broken: /lastVote/ },
    { rule: 'a view voted in has its vote', safety: { ...FRESH, lastVotedView: 1 as View }, broken: /lastVote/ },
    {
      rule: 'lastTimeout is of highestTimeoutView',
      safety: { ...FULL, highestTimeoutView: 10 as View },
      broken: /lastTimeout/,
    },
    { rule: 'highQC covers the lock', safety: { ...FULL, lockedView: 9 as View }, broken: /highQC/ },
    { rule: 'a vote is of the epoch', safety: { ...FULL, lastVote: { ...vote, epoch: 1 as Epoch } }, broken: /epoch/ },
    {
      rule: 'a timeout is of the epoch',
      safety: { ...FULL, lastTimeout: { ...timeout, epoch: 1 as Epoch } },
      broken: /epoch/,
    },
  ])('$rule', ({ safety, broken }) => {
    if (broken === undefined) expect(brokenInvariant(safety)).toBeUndefined()
    else expect(brokenInvariant(safety)).toMatch(broken)
  })
})

describe('what may follow a state (PITFALLS 1-6: no number falls, nothing signed is unsaid)', () => {
  const other = hashOfText('another block') as BlockId
  const vote = FULL.lastVote ?? fail()
  const timeout = FULL.lastTimeout ?? fail()
  const { lastProposal: _proposal, ...withoutProposal } = FULL
  const { lastTC: _tc, ...withoutTC } = FULL
  const nextEpoch = { ...FRESH, epoch: 1 as Epoch }
  it.each<{ rule: string; next: SafetyState; broken: RegExp | undefined }>([
    { rule: 'the same again', next: FULL, broken: undefined },
    { rule: 'a later view', next: safetyAt(10, true), broken: undefined },
    { rule: 'a new epoch, which starts at view 0', next: nextEpoch, broken: undefined },
    { rule: 'not an older view', next: safetyAt(8, true), broken: /lastVotedView fell/ },
    {
      rule: 'not an older timeout',
      next: { ...FULL, highestTimeoutView: 8 as View },
      broken: /highestTimeoutView fell/,
    },
    { rule: 'not a lower lock', next: { ...FULL, lockedView: 7 as View }, broken: /lockedView fell/ },
    { rule: 'not a lower highQC', next: { ...FULL, highQC: FRESH.highQC }, broken: /highQC fell/ },
    { rule: 'not without its TC', next: withoutTC, broken: /lastTC fell/ },
    { rule: 'not without its proposal', next: withoutProposal, broken: /lastProposal fell/ },
    {
      rule: 'not another vote in the view',
      next: { ...FULL, lastVote: { ...vote, blockId: other } },
      broken: /second vote/,
    },
    {
      rule: 'not a vote with another parent view',
      next: { ...FULL, lastVote: { ...vote, parentView: 2 as View } },
      broken: /second vote/,
    },
    {
      rule: 'not another highQC view reported in the view',
      next: { ...FULL, lastTimeout: { ...timeout, highQC: { ...timeout.highQC, view: 3 as View } } },
      broken: /second timeout/,
    },
    {
      rule: 'not another proposal in the view',
      next: { ...FULL, lastProposal: { view: 9 as View, blockId: other } },
      broken: /second proposal/,
    },
  ])('$rule', ({ next, broken }) => {
    if (broken === undefined) expect(brokenAdvance(FULL, next)).toBeUndefined()
    else expect(brokenAdvance(FULL, next)).toMatch(broken)
  })

  it('not an earlier epoch', () => {
    expect(brokenAdvance(nextEpoch, FULL)).toMatch(/epoch fell/)
  })
})

function fail(): never {
  throw new Error('the fixture has this part')
}
