// How long a view may take (DESIGN.md, section 3, "Pacemaker" and "Idle").

import { describe, expect, test } from 'vitest'
import { Pacemaker, RESEND_MS_MAX, VIEW_TIMEOUT_MS_MAX } from '../../consensus/pacemaker.ts'

const TC = { tc: true, halved: false, suspect: false, measured: false }
const QC = { tc: false, halved: false, suspect: false, measured: true }
const CERTIFICATE = { tc: false, halved: true, suspect: false, measured: false }

function pacemaker(faults = 1): Pacemaker {
  return new Pacemaker({ baseTimeoutMs: 1_000, baseTimeoutMsMax: 4_000, idleIntervalMs: 500 }, faults)
}

function failed(failures: number, faults = 1): Pacemaker {
  const paced = pacemaker(faults)
  for (let i = 0; i < failures; i++) paced.enter(0, TC)
  return paced
}

describe('timeout(k) = min(base * 1.5^max(0, k-f-1), 20 s)', () => {
  test.each([
    [0, 1, 1_000],
    [1, 1, 1_000],
    [2, 1, 1_000],
    [3, 1, 1_500],
    [4, 1, 2_250],
    [5, 1, 3_375],
    [3, 2, 1_000],
    [4, 2, 1_500],
    [3, 0, 2_250],
  ])('k = %i, f = %i: %i ms', (failures, faults, expected) => {
    expect(failed(failures, faults).timeoutMs()).toBe(expected)
  })

  test('PITFALLS 18: never above 20 s, and k rises no further than that needs', () => {
    const paced = failed(500)
    expect(paced.timeoutMs()).toBe(VIEW_TIMEOUT_MS_MAX)
    expect(paced.failures).toBeLessThan(12)
    for (let commits = 0; commits < 10; commits++) paced.commit()
    expect(paced.timeoutMs()).toBe(1_000)
  })
})

describe('k', () => {
  test('VIEWCHANGE 4.6: no QC resets it, a commit lowers it by one', () => {
    const paced = failed(4)
    paced.enter(0, QC)
    paced.enter(0, CERTIFICATE)
    expect(paced.failures).toBe(4)
    paced.commit()
    expect(paced.failures).toBe(3)
  })

  test('does not fall below zero', () => {
    const paced = pacemaker()
    paced.commit()
    paced.enter(0, TC)
    expect(paced.failures).toBe(1)
  })
})

describe('base', () => {
  function measured(viewMs: number, hasWork = true, views = 40): Pacemaker {
    const paced = pacemaker()
    for (let i = 0; i < views; i++) {
      paced.enter(i * viewMs, QC)
      paced.startTimer(i * viewMs, hasWork)
    }
    return paced
  }

  test('is at least four measured view times', () => {
    expect(measured(500).baseMs()).toBeGreaterThan(1_900)
    expect(measured(500).baseMs()).toBeLessThanOrEqual(2_000)
  })

  test('stays within its configured bounds', () => {
    expect(measured(10).baseMs()).toBe(1_000)
    expect(measured(50_000).baseMs()).toBe(4_000)
  })

  test('VIEWCHANGE 4.6: idle waits do not feed it', () => {
    expect(measured(900, false).baseMs()).toBe(1_000)
    const paced = pacemaker()
    for (let i = 0; i < 40; i++) {
      paced.enter(i * 900, QC)
      paced.waitIdle()
      paced.startTimer(i * 900 + 500, true)
    }
    expect(paced.baseMs()).toBe(1_000)
  })

  test.each([
    ['TC', TC],
    ['Certificate', CERTIFICATE],
  ])('views entered or left by a %s do not feed it', (_, by) => {
    const paced = pacemaker()
    for (let i = 0; i < 40; i++) {
      paced.enter(i * 900, i % 2 === 0 ? by : QC)
      paced.startTimer(i * 900, true)
    }
    expect(paced.baseMs()).toBe(1_000)
  })

  test.each([
    ['back', -3_600_000],
    ['ahead', 3_600_000_000],
  ])('a clock set %s is no view time for long', (_, jumpMs) => {
    const paced = measured(10)
    paced.enter(jumpMs, QC)
    for (let i = 1; i < 120; i++) {
      paced.startTimer(jumpMs + i * 10, true)
      paced.enter(jumpMs + i * 10, QC)
    }
    expect(paced.baseMs()).toBe(1_000)
  })
})

describe('timers of a view', () => {
  test('with work: timeout(k); without: the idle interval more', () => {
    expect(pacemaker().startTimer(0, true)).toBe(1_000)
    expect(pacemaker().startTimer(0, false)).toBe(1_500)
  })

  test('work moves the deadline once, to min(deadline, now + timeout(k))', () => {
    const paced = pacemaker()
    paced.startTimer(0, false)
    expect(paced.workAppeared(100)).toBe(1_000)
    expect(paced.workAppeared(200)).toBeUndefined()
    const late = pacemaker()
    late.startTimer(0, false)
    expect(late.workAppeared(1_400)).toBe(100)
  })

  test('work known from the start, or before the timer runs, moves nothing', () => {
    const paced = pacemaker()
    expect(paced.workAppeared(0)).toBeUndefined()
    paced.startTimer(0, true)
    expect(paced.workAppeared(10)).toBeUndefined()
  })

  test('entered by a Certificate: half, in that view only', () => {
    const paced = pacemaker()
    paced.enter(0, CERTIFICATE)
    expect(paced.startTimer(0, true)).toBe(500)
    paced.enter(0, QC)
    expect(paced.startTimer(0, true)).toBe(1_000)
  })

  test('under a suspect: a quarter, in that view only, also when it is entered by a Certificate; k counts as ever', () => {
    const paced = pacemaker()
    for (const by of [QC, CERTIFICATE, TC]) {
      paced.enter(0, { ...by, suspect: true })
      expect(paced.startTimer(0, true)).toBe(250)
      expect(paced.resendMs()).toBe(1_000)
    }
    expect(paced.failures).toBe(1)
    paced.enter(0, QC)
    expect(paced.startTimer(0, true)).toBe(1_000)
  })

  test('the second vote goes after a quarter, plus the idle interval while the timer includes it', () => {
    const paced = pacemaker()
    paced.startTimer(0, true)
    expect(paced.voteResendMs()).toBe(250)
    paced.startTimer(0, false)
    expect(paced.voteResendMs()).toBe(750)
    paced.workAppeared(10)
    expect(paced.voteResendMs()).toBe(250)
  })

  test('later ticks come every min(timeout, 2 s)', () => {
    expect(pacemaker().resendMs()).toBe(1_000)
    expect(failed(20).resendMs()).toBe(RESEND_MS_MAX)
  })
})
