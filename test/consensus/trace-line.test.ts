// Records as lines: nothing is lost on the way, one record has one line, and a line is small enough to write ten million of.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { StepRecord } from '../../consensus/trace.ts'
import {
  decodeHead,
  decodeStep,
  encodeHead,
  encodeStep,
  TRACE_FORMAT,
  type TraceHead,
} from '../../consensus/trace-line.ts'
import { recordSeed } from '../model/recording.ts'

const records = Array.from({ length: 12 }, (_, at) => recordSeed(at + 1, 4)).flat(2)
const head: TraceHead = { genesisHash: 'ab'.repeat(32), powers: [1, 2, 3], self: 2 }

const ID = 'c'.repeat(64)
const qc = { view: 5, blockId: ID, parentView: 4, parentId: 'd'.repeat(64), signers: [0, 1, 2] }
const tc = { view: 6, signers: [0, 1, 2], highQcViews: [5, 4, 5], highQC: qc }
const vote = { view: 7, blockId: ID, parentView: 5, parentId: 'd'.repeat(64), signer: 3 }
/** Kinds that the runs may not have shown. */
const RARE: readonly StepRecord[] = [
  { action: 'votes-refuted', changed: {}, effects: [] },
  {
    action: 'timer',
    timer: 'idle',
    changed: {},
    effects: [{ kind: 'halt', reason: 'two "certificates" in view 7\n' }],
  },
  { action: 'timeout', timeout: { view: 7, highQC: qc, lastTC: tc, vote, signer: 3 }, changed: {}, effects: [] },
  { action: 'timeout', timeout: { view: 7, highQC: qc, vote, signer: 3 }, changed: {}, effects: [] },
  { action: 'timeout', timeout: { view: 7, highQC: qc, lastTC: tc, signer: 3 }, changed: {}, effects: [] },
  { action: 'certificate', qcs: [qc], tcs: [tc], changed: {}, effects: [] },
  { action: 'executed', executed: { blockId: ID, valid: false }, changed: {}, effects: [] },
]

describe('a record', () => {
  test('is read back as it was, whatever the step', () => {
    const seen = new Set<string>()
    for (const record of [...records, ...RARE]) {
      const line = encodeStep(record)
      expect(line).not.toContain('\n')
      expect(decodeStep(line)).toEqual({ ok: true, value: record })
      seen.add(record.action)
      for (const { kind } of record.effects) seen.add(kind)
      if (record.found !== undefined) seen.add('found')
    }
    expect([...seen]).toEqual(
      expect.arrayContaining([
        ...['start', 'proposal', 'fetched', 'vote', 'timeout', 'certificate', 'qc-formed', 'tc-formed', 'executed'],
        ...['built', 'timer', 'work', 'save', 'proposal', 'commit', 'entered-view', 'halt', 'found'],
      ]),
    )
  })

  test('takes some 200 bytes even where every other view times out', () => {
    const bytes = records.reduce((sum, record) => sum + encodeStep(record).length + 1, 0)
    expect(records.length).toBeGreaterThan(5_000)
    expect(bytes / records.length).toBeLessThan(240)
  })

  test('has one line: a changed one is another record or none', () => {
    const lines = records.slice(0, 2_000).map(encodeStep)
    const cases = fc.tuple(fc.constantFrom(...lines), fc.nat(), fc.constantFrom(...'0123456789 {}[]",:-.eaAzn'))
    fc.assert(
      fc.property(cases, ([line, at, character]) => {
        const place = at % line.length
        const changed = line.slice(0, place) + character + line.slice(place + 1)
        const read = decodeStep(changed)
        if (read.ok) expect(encodeStep(read.value)).toBe(changed)
      }),
      { numRuns: 3_000 },
    )
  })

  const [line = ''] = records.slice(5).map(encodeStep)
  test.each([
    ['cut short', line.slice(0, -1), 'not JSON'],
    ['with a space', line.replace(':', ': '), 'not as it would have been written'],
    ['with a member nobody knows', line.replace('{', '{"z":1,'), 'not as it would have been written'],
    ['of an unknown action', '{"i":[],"a":"vanish"}', 'no such word: vanish'],
    ['whose action is inherited from an object', '{"i":[],"a":"toString"}', 'no such word: toString'],
    ['of a fraction', '{"i":[],"a":"timer","c":{"v":1.5}}', 'an unsigned safe integer is expected'],
    ['of an id that the line lacks', '{"i":[],"a":"executed","x":[0,1]}', 'no id at 0'],
    ['of no effect', '{"i":[],"a":"timer","e":[["sing",1]]}', 'no such effect: sing'],
    ['that is a list', '[]', 'an object is expected'],
    ['without ids', '{"a":"timer"}', 'a list is expected'],
  ])('%s is refused', (_, text, detail) => {
    expect(decodeStep(text)).toEqual({ ok: false, detail })
  })
})

describe('a head', () => {
  test.each([head, { ...head, self: undefined }])('is read back as it was', (one) => {
    expect(decodeHead(encodeHead(one))).toEqual({ ok: true, value: one })
  })

  test('is no record, nor a record a head', () => {
    expect(decodeStep(encodeHead(head)).ok).toBe(false)
    expect(decodeHead(encodeStep({ action: 'timer', changed: {}, effects: [] }))).toEqual({
      ok: false,
      detail: `not of the format ${TRACE_FORMAT}`,
    })
  })
})
