// genesis/params.ts: frozen ids, ranges, and the two forms of one thing.

import { describe, expect, it } from 'vitest'
import { BLOCK_RESPONSE_BYTES_MAX, FRAME_KIND, frameBodyBytesMax } from '../../consensus/frame.ts'
import { isAscending } from '../../consensus/wire.ts'
import { namedParams, PARAM_DEFAULTS, PARAM_SPECS, paramList } from '../../genesis/params.ts'

const LIST = paramList(PARAM_DEFAULTS)

describe('ids and defaults', () => {
  it('are frozen: changing one is another chain', () => {
    expect(PARAM_SPECS.map(({ id, name, defaultValue }) => [id, name, defaultValue])).toEqual([
      [1, 'payloadBytesMax', 1_048_576],
      [2, 'transactionsMax', 5_000],
      [3, 'feeMin', 1],
      [4, 'validUntilAheadMax', 100_000],
      [5, 'clockAheadMsMax', 500],
    ])
  })

  it('make a list that an epoch config accepts (FORMATS 3)', () => {
    expect(isAscending(LIST)).toBe(true)
  })

  it('keep the largest allowed proposal within a block response, or sync could not carry it', () => {
    const largest = PARAM_SPECS.find((spec) => spec.name === 'payloadBytesMax')?.max ?? Number.POSITIVE_INFINITY
    expect(frameBodyBytesMax(FRAME_KIND.proposal, largest)).toBeLessThanOrEqual(BLOCK_RESPONSE_BYTES_MAX)
  })
})

describe('namedParams', () => {
  it('is the inverse of paramList', () => {
    const params = { ...PARAM_DEFAULTS, feeMin: 0, transactionsMax: 7 }
    expect(namedParams(paramList(params))).toEqual({ ok: true, params })
  })

  it.each([
    ['an unknown id', [...LIST, { id: 6, value: 1 }], 6],
    ['a repeated id', [...LIST, { id: 5, value: 500 }], 5],
    ['a missing id', LIST.slice(1), 1],
    ['a value below its range', LIST.map((p) => (p.id === 2 ? { id: 2, value: 0 } : p)), 2],
    ['a value above its range', LIST.map((p) => (p.id === 1 ? { id: 1, value: 4 * 1024 * 1024 } : p)), 1],
    ['a fraction', LIST.map((p) => (p.id === 3 ? { id: 3, value: 1.5 } : p)), 3],
  ])('refuses %s', (_, list, id) => {
    const named = namedParams(list)
    expect(named.ok ? [] : named.problems.map((problem) => problem.id)).toEqual([id])
  })
})
