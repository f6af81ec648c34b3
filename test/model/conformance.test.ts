// The core's steps are the model's: genuine logs are accepted to the last record, doctored ones are rejected for the right reason.

import { describe, expect, test } from 'vitest'
import type { SafetyVariables, StepRecord } from '../../consensus/trace.ts'
import type { Verdict } from './conformance.ts'
import { DOCTORED_PROGRESS } from './doctored-progress.ts'
import { DOCTORED_SIGNATURES } from './doctored-signatures.ts'
import type { Doctored } from './doctoring.ts'
import { conformanceOf, recordSeed } from './recording.ts'

const VALIDATORS = 4
/** How many seeds per size: CONFORMANCE_SEEDS=1000 for a campaign. */
const SEEDS = Number(process.env.CONFORMANCE_SEEDS ?? 40)

test.each([4, 7])('genuine runs of %i validators: every step of every seed is one of the model', (validators) => {
  let records = 0
  let lives = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    for (const [node, log] of recordSeed(seed, validators).entries()) {
      const conformance = conformanceOf(validators)
      for (const record of log) {
        const verdict = conformance.accept(record)
        if (verdict.kind === 'rejected') expect.fail(`seed ${seed}, node ${node}: ${verdict.reason}`)
        if (record.found !== undefined) lives += 1
      }
      expect(conformance.accepted()).toBe(log.length)
      records += log.length
    }
  }
  expect(records).toBeGreaterThan(SEEDS * 500)
  // Restarts are among them.
  expect(lives).toBeGreaterThan(SEEDS * validators)
})

describe('doctored', () => {
  /** Replicas under crashes, partitions and loss: every kind of step is somewhere in their logs. */
  const logs = Array.from({ length: 30 }, (_, at) => recordSeed(at + 1, VALIDATORS)).flat()

  test('records survive JSON, so that a log can be judged later', () => {
    const [log] = logs
    expect(log?.length).toBeGreaterThan(100)
    expect(JSON.parse(JSON.stringify(log))).toEqual(log)
  })

  /** Breaks the first log with such a place; what follows is left as it was. */
  function verdictOn({ place, change }: Doctored): Verdict {
    for (const log of logs) {
      let state: SafetyVariables | undefined
      for (const [at, record] of log.entries()) {
        const spot = { record, earlier: log.slice(0, at), state: state ?? foundFirst(log) }
        if (place(spot)) return judge([...spot.earlier, ...change(spot), ...log.slice(at + 1)], at)
        state = { ...(record.found ?? spot.state), ...record.changed }
      }
    }
    throw new Error('no log has such a place')
  }

  function foundFirst([first]: readonly StepRecord[]): SafetyVariables {
    if (first?.found === undefined) throw new Error('a log begins with what the node found')
    return first.found
  }

  function judge(log: readonly StepRecord[], genuine: number): Verdict {
    const conformance = conformanceOf(VALIDATORS)
    for (const [at, record] of log.entries()) {
      const verdict = conformance.accept(record)
      if (verdict.kind === 'rejected') return verdict
      if (at < genuine) expect(verdict.kind).toBe('accepted')
    }
    return { kind: 'accepted' }
  }

  test.each([...DOCTORED_SIGNATURES, ...DOCTORED_PROGRESS].map((row) => [row.title, row] as const))(
    '%s',
    (_title, row) => {
      const verdict = verdictOn(row)
      expect(verdict.kind === 'rejected' ? verdict.reason : 'accepted').toContain(row.reason)
    },
  )
})
