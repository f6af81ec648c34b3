// The benchmark runs, finds every transaction it submitted in a block, and reports figures that can be compared.
// No figure is asserted: the machine is not ours alone.

import { spawn } from 'node:child_process'
import { resolve } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { IdleFigures, LoadFigures, Report } from '../../scripts/bench/figures.ts'
import { latencyOf } from '../../scripts/bench/figures.ts'
import { formatReport } from '../../scripts/bench/report.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const TRANSACTIONS = 512

interface Run {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function bench(...args: readonly string[]): Promise<Run> {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, ['scripts/bench.ts', ...args], { cwd: ROOT })
    let out = ''
    let err = ''
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
    })
    child.stderr.on('data', (chunk: Buffer) => {
      err += chunk.toString()
    })
    child.on('error', fail)
    child.on('close', (code) => done({ code, out, err }))
  })
}

function numbersIn(value: unknown): number[] {
  if (typeof value === 'number') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(numbersIn) : []
}

describe('a quick run on a network of its own', () => {
  let run: Run
  let report: Report

  beforeAll(async () => {
    run = await bench('--quick', '--json', '--transactions', String(TRANSACTIONS), '--rate', '500')
    expect(run.code, run.err).toBe(0)
    report = JSON.parse(run.out)
  }, 180_000)

  test('every section is there, and every figure is a number', () => {
    expect(report.sections.map(({ section }) => section)).toEqual(['idle', 'closed', 'batch', 'offered'])
    expect(numbersIn(report).every((value) => Number.isFinite(value) && value >= 0)).toBe(true)
  })

  test('everything submitted was committed, in blocks and at a rate', () => {
    const loads = report.sections.filter((section): section is LoadFigures => section.section !== 'idle')
    for (const load of loads) {
      expect(load.transactions, load.section).toBe(TRANSACTIONS)
      expect(load.committedPerSecond).toBeGreaterThan(0)
      expect(load.blocks).toBeGreaterThan(0)
      expect(load.verifyShare).toBeCloseTo((load.committedPerSecond * 4 * load.verifyMicros) / 1e6 / report.cores, 6)
    }
  })

  test('the cost of the nodes is seen where there is /proc', () => {
    if (process.platform !== 'linux') return
    const [idle, closed] = report.sections as readonly [IdleFigures, LoadFigures]
    expect(idle.cpuPercentPerNode).toBeGreaterThanOrEqual(0)
    expect(closed.nodes?.rssMibMax).toHaveLength(4)
    expect(closed.nodes?.cpuMicrosPerTransaction).toBeGreaterThan(0)
  })

  test('for people it prints the same, ratios included', () => {
    const text = formatReport(report)
    expect(text.match(/tps \* n \* check \/ cores/g)).toHaveLength(3)
    expect(text).toContain('p50 in signature checks')
    expect(text).not.toMatch(/NaN|undefined|Infinity/)
  })
})

test('percentiles are nearest rank', () => {
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)
  expect(latencyOf(hundred)).toEqual({ samples: 100, p50Ms: 50, p95Ms: 95, p99Ms: 99 })
  expect(latencyOf([7])).toEqual({ samples: 1, p50Ms: 7, p95Ms: 7, p99Ms: 7 })
  expect(() => latencyOf([])).toThrow(RangeError)
})

test.each([
  ['an unknown section', ['--only', 'nothing']],
  ['a count of none', ['--transactions', '0']],
])('%s is refused before anything starts', async (_, args) => {
  const { code, err } = await bench(...args)
  expect(code).not.toBe(0)
  expect(err).toMatch(/expected/)
})
