// A step's record (trace.ts) as one line of text, and back: a file of such lines is judged by `npm run conformance`.
// JSON with one-letter names, structures as lists, each id once per line (base64url). Every line stands for itself.
// Canonical: nothing is taken that would not have been written so. Pure; never decides whether a step was right.

import { type Decoded, DecodeError } from '../crypto/codec.ts'
import type { TimerName } from './protocol.ts'
import type { StepRecord } from './trace.ts'
import {
  blockOf,
  changedOf,
  effectOf,
  executedOf,
  foundOf,
  Ids,
  integerOf,
  integersOf,
  listOf,
  objectOf,
  optional,
  packBlock,
  packEffect,
  packQC,
  packTC,
  packTimeout,
  packVariables,
  packVote,
  present,
  qcOf,
  tcOf,
  textOf,
  timeoutOf,
  voteOf,
  wordOf,
} from './trace-parts.ts'

export const TRACE_FORMAT = 'scoville/trace/1'

/** The line that opens a life of a node; its records follow. */
export interface TraceHead {
  /** 64 hex digits. */
  readonly genesisHash: string
  /** Voting powers, by validator index. */
  readonly powers: readonly number[]
  /** The node's own index; undefined on a full node or observer. */
  readonly self: number | undefined
}

export function encodeHead({ genesisHash, powers, self }: TraceHead): string {
  return JSON.stringify({ format: TRACE_FORMAT, genesisHash, powers, self })
}

export function decodeHead(line: string): Decoded<TraceHead> {
  return decoded(line, encodeHead, (json) => {
    const { format, genesisHash, powers, self } = objectOf(json)
    if (format !== TRACE_FORMAT) throw new DecodeError(`not of the format ${TRACE_FORMAT}`)
    return { genesisHash: textOf(genesisHash), powers: integersOf(powers), self: optional(self, integerOf) }
  })
}

export function encodeStep(record: StepRecord): string {
  const { action, timer, blocks, qcs, tcs, vote, timeout, executed, found, changed, effects } = record
  const ids = new Ids()
  const body = {
    a: action,
    n: timer,
    b: blocks?.map((block) => packBlock(block, ids)),
    q: qcs?.map((qc) => packQC(qc, ids)),
    t: tcs?.map((tc) => packTC(tc, ids)),
    v: vote && packVote(vote, ids),
    o: timeout && packTimeout(timeout, ids),
    x: executed && [ids.place(executed.blockId), Number(executed.valid)],
    f: found && packVariables(found, ids),
    c: Object.keys(changed).length === 0 ? undefined : packVariables(changed, ids),
    e: effects.length === 0 ? undefined : effects.map((effect) => packEffect(effect, ids)),
  }
  return JSON.stringify({ i: ids.packed(), ...body })
}

export function decodeStep(line: string): Decoded<StepRecord> {
  return decoded(line, encodeStep, (json) => {
    const { i, a, n, b, q, t, v, o, x, f, c, e } = objectOf(json)
    const ids = Ids.unpacked(listOf(i))
    const record = {
      action: wordOf(a, ACTIONS),
      timer: optional(n, (given) => wordOf(given, TIMERS)),
      blocks: optional(b, (given) => listOf(given).map((block) => blockOf(block, ids))),
      qcs: optional(q, (given) => listOf(given).map((qc) => qcOf(qc, ids))),
      tcs: optional(t, (given) => listOf(given).map((tc) => tcOf(tc, ids))),
      vote: optional(v, (given) => voteOf(given, ids)),
      timeout: optional(o, (given) => timeoutOf(given, ids)),
      executed: optional(x, (given) => executedOf(given, ids)),
      found: optional(f, (given) => foundOf(given, ids)),
      changed: optional(c, (given) => changedOf(given, ids)) ?? {},
      effects: optional(e, (given) => listOf(given).map((effect) => effectOf(effect, ids))) ?? [],
    }
    return present(record)
  })
}

function decoded<T>(line: string, encode: (value: T) => string, read: (json: unknown) => T): Decoded<T> {
  let json: unknown
  try {
    json = JSON.parse(line)
  } catch {
    return { ok: false, detail: 'not JSON' }
  }
  try {
    const value = read(json)
    return encode(value) === line ? { ok: true, value } : { ok: false, detail: 'not as it would have been written' }
  } catch (error) {
    if (error instanceof DecodeError) return { ok: false, detail: error.message }
    throw error
  }
}

const ACTIONS: Readonly<Record<StepRecord['action'], true>> = {
  start: true,
  proposal: true,
  fetched: true,
  vote: true,
  timeout: true,
  certificate: true,
  'qc-formed': true,
  'tc-formed': true,
  'votes-refuted': true,
  'timeouts-refuted': true,
  executed: true,
  built: true,
  timer: true,
  work: true,
}

const TIMERS: Readonly<Record<TimerName, true>> = {
  view: true,
  'resend-timeout': true,
  'resend-vote': true,
  idle: true,
}
