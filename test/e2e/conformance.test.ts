// TESTING.md, row 16: four real processes under load, one of them killed, then all; every step of theirs is one of the model's.
// The same traces with one thing changed are refused.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { SafetyVariables } from '../../consensus/trace.ts'
import { decodeStep, encodeStep } from '../../consensus/trace-line.ts'
import { DOCTORED_PROGRESS } from '../model/doctored-progress.ts'
import { DOCTORED_SIGNATURES } from '../model/doctored-signatures.ts'
import type { Doctored } from '../model/doctoring.ts'
import { judgeTraces } from '../model/trace-files.ts'
import { Cluster } from './cluster.ts'
import { Load } from './load.ts'
import { Wallet } from './wallet.ts'

const ALL = [0, 1, 2, 3]
const MAIN = resolve(import.meta.dirname, '../model/conformance-main.ts')
/** Lines of a trace that the doctored copies are made of: what precedes a place is looked through for every row. */
const DOCTORED_LINES_MAX = 1_500
/** Of a step: ten million fit into a few gigabytes. */
const BYTES_MEAN_MAX = 250
/** Rows that a calm run of this length has a place for, at least. */
const DOCTORED_MIN = 20

/** What no file can say is refused before the model sees it. */
const REFUSED_AS_A_FILE = ['no record: an unsigned safe integer is expected', 'a life begins with what the node found']

let cluster: Cluster
beforeAll(async () => {
  cluster = await Cluster.start({ traced: true })
})
afterEach(({ task }) => {
  if (task.result?.state === 'fail') cluster.printLogs()
})
afterAll(async () => {
  await cluster?.stop()
})

const files = () => ALL.map((index) => cluster.traceFile(index))

function run(...paths: readonly string[]) {
  return spawnSync(process.execPath, [MAIN, '--json', ...paths], { encoding: 'utf8' })
}

test('every step under load is accepted, across kill -9 of one and of all, and an orderly stop', async () => {
  const load = new Load(cluster)
  load.start(Wallet.funded(cluster.genesisHash))
  await load.until(300, 60_000)
  await cluster.kill(1)
  await load.until(100, 60_000)
  await cluster.restart(1)
  await load.until(100, 60_000)
  await cluster.kill(...ALL)
  await cluster.restart(...ALL)
  await load.until(100, 60_000)
  await load.stop()
  for (const index of ALL) await cluster.terminate(index)
  cluster.expectNoCrash()

  const { status, stdout } = run(...files())
  const told: { steps: number; rejected: number; verdicts: Awaited<ReturnType<typeof judgeTraces>> } =
    JSON.parse(stdout)
  expect(told.verdicts.map(({ rejection }) => rejection)).toEqual(ALL.map(() => undefined))
  expect([status, told.rejected]).toEqual([0, 0])
  expect(told.verdicts.map(({ lives }) => lives)).toEqual([2, 3, 2, 2])
  for (const { validator, votes, commits, records, bytes } of told.verdicts) {
    expect(ALL).toContain(validator)
    for (const count of [votes, commits]) expect(count).toBeGreaterThan(20)
    expect(bytes / records).toBeLessThan(BYTES_MEAN_MAX)
  }
})

test('an orderly stop leaves nothing out: the last line is whole', () => {
  for (const file of files()) expect(readFileSync(file, 'utf8')).toMatch(/\}\n$/)
})

/** The lines up to the first place that the row is about, and what it puts there. */
function doctored(lines: readonly string[], { place, change }: Doctored): readonly string[] | undefined {
  const earlier = []
  let state: SafetyVariables | undefined
  for (const [at, line] of lines.entries()) {
    const step = decodeStep(line)
    if (!step.ok) continue
    const record = step.value
    state ??= record.found
    if (state === undefined) throw new Error('a trace begins with what the node found')
    const spot = { record, earlier, state }
    if (place(spot)) return [...lines.slice(0, at), ...change(spot).map(encodeStep), ...lines.slice(at + 1)]
    state = { ...(record.found ?? state), ...record.changed }
    earlier.push(record)
  }
  return undefined
}

test(`at least ${DOCTORED_MIN} doctored copies are rejected, each for its reason`, async () => {
  const [original = ''] = files()
  const lines = readFileSync(original, 'utf8').trimEnd().split('\n').slice(0, DOCTORED_LINES_MAX)
  const copy = join(cluster.dir, 'doctored.trace')
  let rejected = 0
  for (const row of [...DOCTORED_SIGNATURES, ...DOCTORED_PROGRESS]) {
    const changed = doctored(lines, row)
    if (changed === undefined) continue
    writeFileSync(copy, `${changed.join('\n')}\n`)
    const [verdict] = await judgeTraces([copy])
    const reason = verdict?.rejection?.reason ?? 'accepted'
    if (!REFUSED_AS_A_FILE.includes(reason)) expect(reason, row.title).toContain(row.reason)
    rejected += 1
  }
  expect(rejected).toBeGreaterThanOrEqual(DOCTORED_MIN)
  expect(run(copy).status).toBe(1)
})
