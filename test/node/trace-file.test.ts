// The trace of a node on a real file: what is in it, when it gets there, and what becomes of it when the node or the disk dies.

import { appendFileSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { step } from '../../consensus/core.ts'
import type { Input } from '../../consensus/protocol.ts'
import { decodeHead, decodeStep } from '../../consensus/trace-line.ts'
import { openTraceFile, TRACE_BUFFER_BYTES } from '../../node/trace-file.ts'
import { Solo } from '../consensus/solo.ts'
import { temporaryDir } from './storage/temporary-dir.ts'

const GENESIS_HASH = 'e'.repeat(64)
const START: Input = { kind: 'start' }

/** A core that takes steps and is traced; its timers ring when told to. */
function rigOf(path: string) {
  const { core, nowMs } = new Solo({ self: 2 })
  const due = new Set<() => void>()
  const after = (_delayMs: number, callback: () => void) => {
    due.add(callback)
    return () => due.delete(callback)
  }
  const errors: unknown[] = []
  const silent = () => undefined
  const log = {
    trace: silent,
    debug: silent,
    info: silent,
    warn: silent,
    fatal: silent,
    error: (fields: unknown) => errors.push(fields),
  }
  const trace = openTraceFile({ path, genesisHash: GENESIS_HASH, core, clock: { after }, log })
  const take = (input: Input) => trace.step(step(core, input, nowMs), input)
  const ring = () => {
    for (const callback of [...due]) callback()
  }
  return { trace, take, ring, due, errors }
}

const linesOf = (path: string) => readFileSync(path, 'utf8').split('\n')

test('a life is a head and its records, in order; the first says what the node began with', async () => {
  const path = join(await temporaryDir(), 'trace')
  const { trace, take } = rigOf(path)
  take(START)
  take({ kind: 'work', available: true })
  trace.close()
  const [head = '', first = '', second = '', end] = linesOf(path)
  expect(decodeHead(head)).toEqual({ ok: true, value: { genesisHash: GENESIS_HASH, powers: [1, 1, 1, 1], self: 2 } })
  expect(decodeStep(first)).toMatchObject({ value: { action: 'start', found: { view: 1 } } })
  expect(decodeStep(second)).toMatchObject({ value: { action: 'work' } })
  expect(end).toBe('')
})

test('records are written soon, though nothing follows them, and after the close no more are', async () => {
  const path = join(await temporaryDir(), 'trace')
  const { trace, take, ring, due } = rigOf(path)
  take(START)
  take({ kind: 'work', available: true })
  expect(linesOf(path)).toHaveLength(2)
  expect(due.size).toBe(1)
  ring()
  expect(linesOf(path)).toHaveLength(4)
  trace.close()
  trace.close()
  take({ kind: 'work', available: false })
  ring()
  expect(linesOf(path)).toHaveLength(4)
})

test('TRACE_BUFFER_BYTES: so much waits at most, and then does not wait for the time', async () => {
  const path = join(await temporaryDir(), 'trace')
  const { trace, take, due } = rigOf(path)
  take(START)
  let steps = 0
  for (; linesOf(path).length === 2 && steps < TRACE_BUFFER_BYTES; steps++) take({ kind: 'work', available: false })
  const { length } = readFileSync(path)
  expect(length).toBeGreaterThan(TRACE_BUFFER_BYTES)
  expect(length).toBeLessThan(TRACE_BUFFER_BYTES + 1_024)
  expect(due.size).toBe(0)
  trace.close()
})

test('a restart appends, behind half a line too', async () => {
  const path = join(await temporaryDir(), 'trace')
  const first = rigOf(path)
  first.take(START)
  first.trace.close()
  appendFileSync(path, '{"i":["AAA')
  const second = rigOf(path)
  second.take(START)
  second.trace.close()
  const lines = linesOf(path)
  expect(lines.map((line) => [decodeHead(line).ok, decodeStep(line).ok])).toEqual([
    [true, false],
    [false, true],
    [false, false],
    [true, false],
    [false, true],
    [false, false],
  ])
})

test('a file that cannot be written refuses the start', async () => {
  const path = join(await temporaryDir(), 'trace')
  mkdirSync(path)
  expect(() => rigOf(path)).toThrow(expect.objectContaining({ code: 'trace-unavailable' }))
})

test('a write that fails later ends the trace, with one line in the log, and not the node', async () => {
  const dir = await temporaryDir()
  const path = join(dir, 'trace')
  // The lowest free descriptor is the next to be given out.
  writeFileSync(join(dir, 'other'), '')
  const next = openSync(join(dir, 'other'), 'r')
  closeSync(next)
  const { trace, take, ring, errors } = rigOf(path)
  closeSync(next)
  take(START)
  ring()
  take({ kind: 'work', available: true })
  ring()
  trace.close()
  expect(errors).toEqual([expect.objectContaining({ path })])
  expect(linesOf(path)).toHaveLength(2)
})
