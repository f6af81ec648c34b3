// Runs a target over inputs drawn from a seed and says what went wrong: an exception, an encoding that is not canonical, or time.

import { createHash } from 'node:crypto'
import { equalBytes, toHex } from '../../crypto/bytes.ts'
import { Random } from '../simulation/random.ts'
import type { Target } from './target.ts'

/** TESTING.md, row 13. The smallest of several runs counts: a machine pauses, a slow decoder is slow every time. */
export const INPUT_MS_MAX = 1
const RETIMED = 8
const FINDINGS_MAX = 8

export interface Finding {
  readonly target: string
  readonly input: string
  readonly problem: string
}

export interface Tally {
  readonly target: string
  readonly seed: number
  executions: number
  accepted: number
  slowestMs: number
  elapsedMs: number
  readonly findings: Finding[]
}

export interface Until {
  readonly executions: number
  readonly ms: number
}

/** What is wrong with how the target takes this input; undefined when nothing is. */
export function problemOf(target: Target, input: Uint8Array): string | undefined {
  try {
    const verdict = target.run(input)
    if (verdict.again === undefined || equalBytes(verdict.again, verdict.of ?? input)) return undefined
    return `accepted, but encodes as ${toHex(verdict.again)}`
  } catch (error) {
    return `threw ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`
  }
}

function smallestMs(target: Target, input: Uint8Array): number {
  let smallest = Number.POSITIVE_INFINITY
  for (let i = 0; i < RETIMED; i++) {
    const startedMs = performance.now()
    problemOf(target, input)
    smallest = Math.min(smallest, performance.now() - startedMs)
  }
  return smallest
}

/** Up to `until.executions` inputs or about `until.ms` milliseconds, whichever ends first. */
export function fuzz(target: Target, seed: number, until: Until): Tally {
  const random = new Random(seed, target.name)
  const tally: Tally = {
    target: target.name,
    seed,
    executions: 0,
    accepted: 0,
    slowestMs: 0,
    elapsedMs: 0,
    findings: [],
  }
  const startedMs = performance.now()
  let nowMs = startedMs
  while (tally.executions < until.executions && tally.findings.length < FINDINGS_MAX) {
    const input = target.draw(random)
    const beganMs = performance.now()
    const problem = check(target, input, tally)
    nowMs = performance.now()
    tally.executions += 1
    if (problem !== undefined) report(tally, input, problem)
    else if (nowMs - beganMs > Math.max(INPUT_MS_MAX, tally.slowestMs)) {
      const smallest = smallestMs(target, input)
      tally.slowestMs = Math.max(tally.slowestMs, smallest)
      if (smallest > INPUT_MS_MAX) report(tally, input, `took ${smallest.toFixed(2)} ms every time`)
    }
    if (nowMs - startedMs > until.ms) break
  }
  tally.elapsedMs = nowMs - startedMs
  return tally
}

/** As `problemOf`, without the cost of a stack trace for each refusal. */
function check(target: Target, input: Uint8Array, tally: Tally): string | undefined {
  try {
    const verdict = target.run(input)
    if (verdict.kind === 'accepted') tally.accepted += 1
    if (verdict.again === undefined || equalBytes(verdict.again, verdict.of ?? input)) return undefined
  } catch {
    // Said in full below.
  }
  return problemOf(target, input) ?? 'went wrong once and not a second time'
}

function report(tally: Tally, input: Uint8Array, problem: string): void {
  tally.findings.push({ target: tally.target, input: toHex(input), problem })
}

/** Names a finding by its content, so that finding it twice keeps it once. */
export function nameOf({ target, input }: Finding): string {
  return `${target}-${createHash('sha256').update(input).digest('hex').slice(0, 8)}.json`
}
