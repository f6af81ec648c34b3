// `npm run campaign`: what its processes report is what one process sees, an early end loses nothing that was done, and the ledger
// adds up and tells where to go on.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { emptyReport, KINDS } from './campaign/kinds.ts'
import { appendLine, type Line, nextItem, readLedger, sumOf } from './campaign/ledger.ts'
import { differences, merged, runCampaign } from './campaign/pool.ts'

const MAIN = join(import.meta.dirname, 'campaign', 'main.ts')
const directory = mkdtempSync(join(tmpdir(), 'campaign-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

const LINE: Line = {
  at: '2026-01-01T00:00:00.000Z',
  commit: 'c',
  nodes: ['v24'],
  kind: 'swarm',
  ranges: [
    [1, 20],
    [31, 40],
  ],
  perSeed: 1,
  runs: 30,
  views: 3_000,
  blocks: 2_500,
  steps: 60_000,
  modelled: 50_000,
  withVillains: 20,
  withAllVillains: 18,
  viewsToCommitMax: 5,
  violations: 1,
  cpuSeconds: 10,
  viewsPerCoreSecond: 300,
}

function planOf(to: number, changes: Partial<Parameters<typeof runCampaign>[0]> = {}) {
  return { kind: 'core', from: 1, to, lanes: 2, otherNodes: [], times: 2, ...changes } as const
}

describe('the pool', () => {
  test('two processes see what one sees', { timeout: 60_000 }, async () => {
    const alone = emptyReport()
    for (let seed = 1; seed <= 22; seed++) await KINDS.core.run(seed, alone, 1)
    const { report, ranges, nodes } = await runCampaign(planOf(22, { batch: 5 })).finished
    const { cpuMs: _, ...seen } = report.tally
    const { cpuMs: __, ...expected } = alone.tally
    expect(seen).toEqual(expected)
    expect(ranges).toEqual([[1, 22]])
    expect(nodes).toEqual([process.version])
  })

  test('told to stop, it ends early and says exactly what was done', { timeout: 60_000 }, async () => {
    const stop = () => campaign.stop()
    const campaign = runCampaign(planOf(Number.MAX_SAFE_INTEGER, { batch: 2, onDone: stop }))
    const { report, ranges } = await campaign.finished
    expect(report.tally.seeds).toBeGreaterThanOrEqual(2)
    expect(report.tally.seeds).toBeLessThanOrEqual(4)
    expect(report.tally.seeds).toBe(ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0))
    expect(ranges[0]?.[0]).toBe(1)
  })

  test('S17: a second binary runs the same items and agrees', { timeout: 60_000 }, async () => {
    const plan = planOf(3, { kind: 'core-determinism', lanes: 1, otherNodes: [process.execPath] })
    const { report, ranges } = await runCampaign(plan).finished
    expect(report.traces).toEqual([])
    expect(report.findings).toEqual([])
    expect([report.tally.seeds, ranges]).toEqual([3, [[1, 3]]])
  })

  test('S17: one that does not agree is a finding with its item', () => {
    const done = (...traces: string[]) => ({ to: 12, node: 'v1', report: { ...emptyReport(), traces } })
    expect(differences(10, done('a', 'b', 'c'), done('a', 'b', 'c'))).toEqual([])
    expect(differences(10, done('a', 'b', 'c'), done('a', 'x'))).toEqual([
      { item: 11, detail: 'S17 determinism: v1 b, v1 x' },
    ])
  })

  test('ranges are merged where nothing lies between', () => {
    const ranges = [
      [31, 40],
      [1, 10],
      [11, 20],
      [35, 50],
    ] as const
    expect(merged(ranges)).toEqual([
      [1, 20],
      [31, 50],
    ])
  })
})

describe('the ledger', () => {
  test('goes on behind the last item of the kind, at a whole seed where seeds have other numbers of items', () => {
    expect(nextItem([], 'swarm', 1)).toBe(1)
    expect(nextItem([LINE], 'swarm', 1)).toBe(41)
    expect(nextItem([LINE], 'core', 1)).toBe(1)
    const catalogue: Line = { ...LINE, kind: 'catalogue', ranges: [[1, 25]], perSeed: 10 }
    expect(nextItem([catalogue], 'catalogue', 10)).toBe(26)
    expect(nextItem([catalogue], 'catalogue', 12)).toBe(3 * 12 + 1)
  })

  test('keeps what was appended and adds it up by kind', () => {
    const path = join(directory, 'sum.jsonl')
    expect(readLedger(path)).toEqual([])
    appendLine(path, LINE)
    appendLine(path, { ...LINE, commit: 'd', views: 1_000 })
    appendLine(path, { ...LINE, kind: 'core' })
    expect(readLedger(path)).toHaveLength(3)
    const [head = '', swarm = '', core = ''] = sumOf(readLedger(path)).split('\n')
    expect(head.split(/ {2,}/).slice(0, 4)).toEqual(['kind', 'campaigns', 'commits', 'runs'])
    expect(swarm.split(/ {2,}/).slice(0, 7)).toEqual(['swarm', '2', '2', '60', '40', '36', '4000'])
    expect(core.split(/ {2,}/).at(-1)).toBe('1')
  })

  test('the one in the repository can be read', () => {
    for (const line of readLedger(join(import.meta.dirname, 'campaign.jsonl'))) {
      expect(line.runs).toBeGreaterThan(0)
      expect(Object.hasOwn(KINDS, line.kind)).toBe(true)
    }
  })
})

describe('the command', () => {
  async function run(args: readonly string[], during: (child: ReturnType<typeof spawn>) => void = () => {}) {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += String(chunk)
    })
    child.stderr.resume()
    during(child)
    const [code] = await once(child, 'close')
    return { code, output }
  }

  test('goes on where the ledger ends, and a signal ends it with a line of what was done', {
    timeout: 60_000,
  }, async () => {
    const path = join(directory, 'run.jsonl')
    writeFileSync(path, `${JSON.stringify({ ...LINE, kind: 'core', ranges: [[1, 40]] })}\n`)
    const options = ['--kind', 'core', '--workers', '1', '--ledger', path]
    expect(await run([...options, '--seeds', '5', '--json'])).toMatchObject({ code: 0 })
    expect(readLedger(path).at(-1)).toMatchObject({ kind: 'core', ranges: [[41, 45]], runs: 5, violations: 0 })
    const { code } = await run(options, (child) => {
      child.stderr?.on('data', (chunk) => {
        if (/: [1-9][0-9]* runs/.test(String(chunk))) child.kill('SIGINT')
      })
    })
    expect(code).toBe(0)
    const lines = readLedger(path)
    const last = lines.at(-1)
    expect(lines.length).toBe(3)
    expect(last?.ranges[0]?.[0]).toBe(46)
    expect(readFileSync(path, 'utf8').endsWith('\n')).toBe(true)
  })

  test.each([[['--kind', 'nothing']], [['--seeds', 'x']], [['--no-such-option']], [['--seeds', '5..x']]])(
    '%j: exit status 2',
    async (args) => {
      expect((await run([...args, '--ledger', join(directory, 'unused.jsonl')])).code).toBe(2)
    },
  )
})
