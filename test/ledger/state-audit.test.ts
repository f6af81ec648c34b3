// The audit of a stored state finds every change of a page or a value, and nothing in a good one (DESIGN.md section 4).

import { describe, expect, test } from 'vitest'
import type { Hash } from '../../crypto/bytes.ts'
import { hashOf } from '../../crypto/hash.ts'
import { auditState, FAULTS_NAMED_MAX, type StateAudit, WHOLE_STATE } from '../../ledger/state-audit.ts'
import { valueHashOf } from '../../ledger/state-proof.ts'
import { updateTree } from '../../ledger/state-tree.ts'

const COUNT = 500

function stored(count = COUNT) {
  const values = new Map<string, Uint8Array>()
  for (let i = 0; i < count; i++) {
    const bytes = Buffer.alloc(8)
    bytes.writeUInt32BE(i)
    values.set(hashOf('scoville/header/1', bytes), bytes)
  }
  const empty = { get: () => undefined, node: () => undefined }
  const changes = [...values].map(([key, value]) => ({ key: key as Hash, valueHash: valueHashOf(value) }))
  const { nodes, root } = updateTree(empty, changes)
  const pages = new Map<string, Uint8Array>()
  for (const [path, page] of nodes) if (page !== undefined) pages.set(path, page)
  const state = { get: (key: string) => values.get(key), node: (path: string) => pages.get(path) }
  return { values, pages, root, state }
}

function audited({ root, state }: Pick<ReturnType<typeof stored>, 'root' | 'state'>, bounds = WHOLE_STATE): StateAudit {
  const walk = auditState(state, root, bounds)
  for (;;) {
    const step = walk.next()
    if (step.done === true) return step.value
  }
}

test('a good state has as many values and pages as are stored, and no fault', () => {
  const state = stored()
  expect(audited(state)).toEqual({
    values: COUNT,
    pages: state.pages.size,
    faults: [],
    faultCount: 0,
    isWhole: true,
  })
})

describe('one fault, wherever it is', () => {
  test('every page in turn: one bit, or all of it', () => {
    const state = stored(60)
    for (const [path, page] of [...state.pages]) {
      for (let at = 0; at < page.length; at += 29) {
        state.pages.set(path, page.with(at, (page[at] ?? 0) ^ 0x10))
        expect(audited(state).faultCount, `${path} ${at}`).toBeGreaterThan(0)
      }
      state.pages.delete(path)
      expect(audited(state).faults.join()).toContain(`page "${path}") is missing`)
      state.pages.set(path, page)
    }
    expect(audited(state).faultCount).toBe(0)
  })

  test('every value in turn', () => {
    const state = stored()
    for (const [key, value] of [...state.values].slice(0, 50)) {
      state.values.set(key, value.with(3, (value[3] ?? 0) ^ 1))
      expect(audited(state).faults).toEqual([expect.stringContaining(`${key} is not the one its leaf commits to`)])
      state.values.delete(key)
      expect(audited(state).faults).toEqual([expect.stringContaining(`${key} is missing`)])
      state.values.set(key, value)
    }
  })

  test('another root', () => {
    const state = stored()
    expect(audited({ ...state, root: hashOf('scoville/header/1') }).faultCount).toBe(1)
  })

  test('a store that throws is a fault, not an end', () => {
    const { root, state } = stored()
    const broken = {
      ...state,
      get() {
        throw new Error('cannot be read')
      },
    }
    const { faultCount, faults } = audited({ root, state: broken })
    expect(faultCount).toBe(COUNT)
    expect(faults).toHaveLength(FAULTS_NAMED_MAX)
    expect(faults[0]).toMatch(/cannot be read/)
  })
})

test('a bounded audit stops, says so, and covers another part when it goes the other way', () => {
  const state = stored()
  const read = (isRightFirst: boolean) => {
    const seen = new Set<string>()
    const get = (key: string) => {
      seen.add(key)
      return state.values.get(key)
    }
    const result = audited(
      { ...state, state: { ...state.state, get } },
      { valuesMax: 100, isRightFirst: () => isRightFirst },
    )
    expect(result.isWhole).toBe(false)
    expect(result.values).toBeLessThan(150)
    return seen
  }
  const [left, right] = [read(false), read(true)]
  expect([...left].filter((key) => right.has(key)).length).toBeLessThan(50)
})
