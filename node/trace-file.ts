// The trace of one node: a line for every step of its core (consensus/trace-line.ts), appended to a file across restarts.
// A record is taken only after its step's effects were performed, so that a crash leaves no record of what did not happen.
// Never holds up or stops the node: what cannot be written ends the trace with a line in the log, and never leaves a gap.

import { closeSync, fstatSync, openSync, readSync, writeSync } from 'node:fs'
import type { Effect, Input } from '../consensus/protocol.ts'
import type { CoreState } from '../consensus/state.ts'
import { createTracer } from '../consensus/trace.ts'
import { encodeHead, encodeStep } from '../consensus/trace-line.ts'
import { NodeError } from './fault.ts'
import type { Log } from './log.ts'
import type { Clock } from './ports.ts'

/** Written when so many bytes wait, or after so many milliseconds: what `kill -9` may cost. */
export const TRACE_BUFFER_BYTES = 64 * 1024
const FLUSH_MS = 200

export interface TraceOptions {
  readonly path: string
  /** 64 hex digits. */
  readonly genesisHash: string
  /** Before its first step. */
  readonly core: CoreState
  readonly clock: Pick<Clock, 'after'>
  readonly log: Log
}

export interface TraceFile {
  /** After the step's effects were performed. */
  step(effects: readonly Effect[], input: Input): void
  /** What waits is written, at once; later steps are not recorded. */
  close(): void
}

/** Appends a head, which says that a life begins. @throws NodeError trace-unavailable */
export function openTraceFile({ path, genesisHash, core, clock, log }: TraceOptions): TraceFile {
  const { validators, self } = core.config
  const powers = validators.indices().map((index) => validators.get(index).power)
  const trace = createTracer(core)
  const fd = openWhole(path, encodeHead({ genesisHash, powers, self }))
  let waiting = ''
  let isOpen = true
  let cancelFlush: (() => void) | undefined

  const flush = () => {
    cancelFlush?.()
    cancelFlush = undefined
    if (!isOpen || waiting === '') return
    try {
      writeWhole(fd, waiting)
    } catch (error) {
      // The file stays as it is, perhaps with half a line at its end, and open: closing it can fail in the same way.
      isOpen = false
      log.error({ err: error, path }, 'the trace ends here: it cannot be written')
    }
    waiting = ''
  }
  return {
    step(effects, input) {
      if (!isOpen) return
      waiting += `${encodeStep(trace(input, effects))}\n`
      if (waiting.length >= TRACE_BUFFER_BYTES) flush()
      else cancelFlush ??= clock.after(FLUSH_MS, flush)
    },
    close() {
      flush()
      if (!isOpen) return
      isOpen = false
      closeSync(fd)
    },
  }
}

/** The life before may have ended in the middle of a line. */
function openWhole(path: string, head: string): number {
  try {
    const fd = openSync(path, 'a+', 0o600)
    const { size } = fstatSync(fd)
    const last = Buffer.alloc(1)
    const isTorn = size > 0 && readSync(fd, last, 0, 1, size - 1) === 1 && last.toString() !== '\n'
    writeWhole(fd, `${isTorn ? '\n' : ''}${head}\n`)
    return fd
  } catch (error) {
    throw new NodeError('trace-unavailable', `the trace file ${path} cannot be written`, error)
  }
}

function writeWhole(fd: number, text: string): void {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
}
