// Trace files of whole networks: genuine ones are accepted, and what is wrong with a file, or between files, is told with its line.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { step } from '../../consensus/core.ts'
import { createTracer, type StepRecord } from '../../consensus/trace.ts'
import { encodeHead, encodeStep } from '../../consensus/trace-line.ts'
import { Solo } from '../consensus/solo.ts'
import { recordSeed } from './recording.ts'
import { judgeTraces } from './trace-files.ts'

const POWERS = [1, 1, 1, 1]
const HEAD = { genesisHash: '1'.repeat(64), powers: POWERS, self: 0 }

/** As a node writes them: a head ahead of every life. */
function linesOf(log: readonly StepRecord[], self: number): string[] {
  return log.flatMap((record) => [
    ...(record.found === undefined ? [] : [encodeHead({ ...HEAD, self })]),
    encodeStep(record),
  ])
}

/** The traces of one run with crashes. */
function network(seed = 3): string[][] {
  return recordSeed(seed, POWERS.length).map(linesOf)
}

/** Judges files of these lines; a file's last line is whole unless it is said to be torn. */
async function judge(files: readonly (readonly string[])[]) {
  const dir = mkdtempSync(join(tmpdir(), 'scoville-traces-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  const paths = files.map((lines, at) => {
    const path = join(dir, `${at}`)
    writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
    return path
  })
  return judgeTraces(paths)
}

const rejectionsOf = (verdicts: Awaited<ReturnType<typeof judge>>) =>
  verdicts.map(({ rejection }) => rejection && [rejection.line, rejection.reason])

/** Where in a file a life other than the first begins. */
function secondHead(lines: readonly string[]): number {
  const at = lines.findIndex((line, place) => place > 0 && line.startsWith('{"format"'))
  if (at === -1) throw new Error('a run without a restart')
  return at
}

const [genuine = []] = network()
const restart = secondHead(genuine)

test('genuine traces are accepted, with their lives and steps counted', async () => {
  const files = network()
  const verdicts = await judge(files)
  expect(rejectionsOf(verdicts)).toEqual([undefined, undefined, undefined, undefined])
  expect(verdicts.map(({ validator }) => validator)).toEqual([0, 1, 2, 3])
  for (const [at, { lives, records, bytes, votes, commits }] of verdicts.entries()) {
    expect(records + lives).toBe(files[at]?.length)
    expect(bytes).toBe(files[at]?.reduce((sum, line) => sum + line.length + 1, 0))
    for (const count of [votes, commits]) expect(count).toBeGreaterThan(10)
  }
  expect(verdicts.some(({ lives }) => lives > 1)).toBe(true)
})

test('half a line is forgiven at the end of a life', async () => {
  const half = genuine[restart - 1]?.slice(0, -9) ?? ''
  const torn = [...genuine.slice(0, restart - 1), half, ...genuine.slice(restart), genuine.at(-1)?.slice(0, 40) ?? '']
  const [verdict] = await judge([torn])
  expect(verdict).toMatchObject({ rejection: undefined, torn: 2 })
})

const at = (line: number, change: (text: string) => readonly string[]) => [
  ...genuine.slice(0, line - 1),
  ...change(genuine[line - 1] ?? ''),
  ...genuine.slice(line),
]

test.each([
  [
    'half a line in the middle of a life',
    at(20, (text) => [text.slice(0, -3)]),
    20,
    'half a line in the middle of a life',
  ],
  ['a line that is JSON and no record', at(20, () => ['{"i":[],"a":"sleep"}']), 20, 'no record: no such word: sleep'],
  [
    'a record in another spelling',
    at(20, (text) => [text.replace(':', ' :')]),
    20,
    'no record: not as it would have been',
  ],
  ['records without a head', genuine.slice(1), 1, 'no head above the first record'],
  ['a restart without a head', at(restart + 1, () => []), restart + 1, 'a life begins without a head'],
  ['a head and no restart', at(20, (text) => [genuine[0] ?? '', text]), 21, 'a life begins with what the node found'],
  [
    'two validators in one file',
    at(restart + 1, () => [encodeHead({ ...HEAD, self: 1 })]),
    restart + 1,
    'the trace of two',
  ],
  ['a validator that is none', at(1, () => [encodeHead({ ...HEAD, self: 4 })]), 1, 'there is no validator 4'],
  [
    'a head of another chain',
    at(restart + 1, (text) => [text.replaceAll('1'.repeat(64), '2'.repeat(64))]),
    restart + 1,
    'another chain',
  ],
  ['unequal powers', at(1, (text) => [text.replace('[1,', '[2,')]), 1, 'equal powers only'],
  [
    'a signature for somebody else',
    at(1, (text) => [text.replace('"self":0', '"self":3')]),
    undefined,
    'a node of validator 3 signs for 0',
  ],
  ['nothing', [], 0, 'the file is empty'],
  [
    'a signature without a key',
    at(1, (text) => [text.replace(',"self":0', '')]),
    undefined,
    'a node of validator undefined signs for 0',
  ],
] as const)('%s is rejected', async (_, lines, line, reason) => {
  const [verdict] = await judge([lines])
  expect(verdict?.rejection?.reason).toContain(reason)
  if (line !== undefined) expect(verdict?.rejection?.line).toBe(line)
})

test('a full node has no safety state: each of its lives stands for itself', async () => {
  const life = () => {
    const { core, nowMs } = new Solo({ self: undefined })
    const trace = createTracer(core)
    const record = trace({ kind: 'start' }, step(core, { kind: 'start' }, nowMs))
    return [encodeHead({ ...HEAD, self: undefined }), encodeStep(record)]
  }
  const [verdict] = await judge([[...life(), ...life()]])
  expect(verdict).toMatchObject({ rejection: undefined, validator: undefined, lives: 2, records: 2 })
})

test('S1, S2: nodes of two runs, each of them right, are not of one network', async () => {
  const [one = []] = network(3)
  const other = recordSeed(4, POWERS.length).map(linesOf)[1] ?? []
  const [first, second] = await judge([one, other])
  expect(first?.rejection).toBeUndefined()
  expect(second?.rejection?.reason).toMatch(/^S[12]: two blocks (?:certified|committed)/)
})

test('S3: a node that votes again, and shows it to others alone, is found out by their traces', async () => {
  const logs = recordSeed(3, POWERS.length)
  const other = 'f'.repeat(64)
  const told = logs.map((log, node) => {
    const place = log.findIndex(({ vote }) => vote !== undefined && vote.signer === 2)
    if (node === 2 || place === -1) return log
    return log.map((record, nth) =>
      nth === place && record.vote !== undefined ? { ...record, vote: { ...record.vote, blockId: other } } : record,
    )
  })
  const verdicts = await judge(told.map(linesOf))
  expect(verdicts[2]?.rejection?.reason).toMatch(/^S3: validator 2 voted for two blocks in view \d+$/)
})

test('one validator in two files is rejected', async () => {
  const verdicts = await judge([genuine, genuine])
  expect(verdicts[1]?.rejection).toMatchObject({
    line: 1,
    reason: expect.stringContaining('validator 0 is also that of'),
  })
})
