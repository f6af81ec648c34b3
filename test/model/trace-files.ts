// Judges the trace files of the nodes of one network (node/trace-file.ts): each by the model, line by line, all by agreement.ts.
// A line that was cut short is forgiven at the end of a life only, for that is where `kill -9` leaves one.

import { createReadStream } from 'node:fs'
import { createInterface } from 'node:readline'
import type { StepRecord, TracedEffect } from '../../consensus/trace.ts'
import { decodeHead, decodeStep, type TraceHead } from '../../consensus/trace-line.ts'
import { leaderSchedule, quorumOf } from '../../consensus/validators.ts'
import { Agreement } from './agreement.ts'
import { type Conformance, createConformance } from './conformance.ts'

export interface TraceRejection {
  /** From 1. */
  readonly line: number
  readonly reason: string
  /** What stands there. */
  readonly text: string
}

export interface TraceVerdict {
  readonly file: string
  /** Undefined: no head was read, or the node had no key. */
  validator: number | undefined
  lives: number
  records: number
  bytes: number
  votes: number
  timeouts: number
  proposals: number
  /** Blocks. */
  commits: number
  /** Lives that end in half a line. */
  torn: number
  rejection: TraceRejection | undefined
}

export interface TraceOptions {
  /** Called every so many records. */
  readonly onProgress?: (file: string, records: number) => void
}

const PROGRESS_RECORDS = 100_000
/** Of heads and of no record. */
const HEAD_START = '{"format":'

class Rejected extends Error {}

function reject(reason: string): never {
  throw new Rejected(reason)
}

/** The files of one network, each node's own. The first rejection of a file ends its reading; the others are still judged. */
export async function judgeTraces(files: readonly string[], options: TraceOptions = {}): Promise<TraceVerdict[]> {
  const agreement = new Agreement()
  const heads = new Map<string, TraceHead>()
  const verdicts: TraceVerdict[] = []
  for (const file of files) verdicts.push(await new FileJudge(file, agreement, heads, options).judge())
  for (const verdict of verdicts) {
    const reason = verdict.validator === undefined ? undefined : agreement.doubleVoteOf(verdict.validator)
    if (reason !== undefined) verdict.rejection ??= { line: 0, reason, text: '' }
  }
  return verdicts
}

class FileJudge {
  readonly #agreement: Agreement
  readonly #heads: Map<string, TraceHead>
  readonly #options: TraceOptions
  readonly #verdict: TraceVerdict
  /** Over all lives in which the node had its key. */
  #conformance: Conformance | undefined
  /** Of the life under way. */
  #model: Conformance | undefined
  #self: number | undefined
  #isFirst = false
  #torn: TraceRejection | undefined

  constructor(file: string, agreement: Agreement, heads: Map<string, TraceHead>, options: TraceOptions) {
    this.#agreement = agreement
    this.#heads = heads
    this.#options = options
    const counts = { lives: 0, records: 0, bytes: 0, votes: 0, timeouts: 0, proposals: 0, commits: 0, torn: 0 }
    this.#verdict = { file, validator: undefined, ...counts, rejection: undefined }
  }

  async judge(): Promise<TraceVerdict> {
    const verdict = this.#verdict
    const lines = createInterface({ input: createReadStream(verdict.file), crlfDelay: Number.POSITIVE_INFINITY })
    let line = 0
    for await (const text of lines) {
      line += 1
      verdict.bytes += text.length + 1
      try {
        this.#take(text, line)
      } catch (error) {
        if (!(error instanceof Rejected)) throw error
        verdict.rejection = { line: this.#torn?.line ?? line, reason: error.message, text: this.#torn?.text ?? text }
        break
      }
    }
    lines.close()
    if (line === 0) verdict.rejection = { line: 0, reason: 'the file is empty', text: '' }
    if (this.#torn !== undefined) verdict.torn += 1
    return verdict
  }

  #take(text: string, line: number): void {
    if (text.startsWith(HEAD_START)) {
      const head = decodeHead(text)
      if (head.ok) return this.#begin(head.value)
    }
    if (this.#torn !== undefined) reject(`half a line in the middle of a life: ${this.#torn.reason}`)
    const step = decodeStep(text)
    if (step.ok) return this.#step(step.value)
    // What was cut short is not JSON; what is JSON and no record was written by somebody else.
    if (step.detail !== 'not JSON') reject(`no record: ${step.detail}`)
    this.#torn = { line, reason: step.detail, text }
  }

  #begin(head: TraceHead): void {
    const verdict = this.#verdict
    if (this.#torn !== undefined) verdict.torn += 1
    this.#torn = undefined
    const { genesisHash, powers, self } = head
    const [known] = this.#heads.values()
    if (known !== undefined && known.genesisHash !== genesisHash) reject('the trace of another chain')
    if (known !== undefined && known.powers.join() !== powers.join()) reject('the same chain with other validators')
    if (powers.length === 0 || powers.some((power) => power !== powers[0])) reject('the model knows equal powers only')
    if (self !== undefined) this.#beginAs(self, head)
    else this.#model = conformanceOf(powers.length)
    if (self !== undefined || !this.#heads.has(verdict.file)) this.#heads.set(verdict.file, head)
    this.#self = self
    verdict.lives += 1
    this.#isFirst = true
  }

  #beginAs(self: number, head: TraceHead): void {
    const verdict = this.#verdict
    if (self >= head.powers.length) reject(`there is no validator ${self}`)
    if (verdict.validator !== undefined && verdict.validator !== self) reject('the trace of two validators')
    for (const [file, other] of this.#heads) {
      if (file !== verdict.file && other.self === self) reject(`validator ${self} is also that of ${file}`)
    }
    verdict.validator = self
    this.#conformance ??= conformanceOf(head.powers.length)
    this.#model = this.#conformance
  }

  #step(record: StepRecord): void {
    const verdict = this.#verdict
    if (this.#model === undefined) reject('no head above the first record')
    if ((record.found !== undefined) !== this.#isFirst) {
      reject(this.#isFirst ? 'a life begins with what the node found' : 'a life begins without a head')
    }
    this.#isFirst = false
    const judged = this.#model.accept(record)
    if (judged.kind === 'rejected') reject(judged.reason)
    const problem = this.#agreement.take(record)
    if (problem !== undefined) reject(problem)
    verdict.records += 1
    for (const effect of record.effects) {
      if (effect.kind === 'vote') verdict.votes += 1
      else if (effect.kind === 'timeout') verdict.timeouts += 1
      else if (effect.kind === 'proposal') verdict.proposals += 1
      else if (effect.kind === 'commit') verdict.commits += effect.blocks.length
    }
    this.#mustBeSelf(record)
    if (verdict.records % PROGRESS_RECORDS === 0) this.#options.onProgress?.(verdict.file, verdict.records)
  }

  /** The model lets a node sign for one validator; the head says for which. */
  #mustBeSelf({ effects }: StepRecord): void {
    for (const effect of effects) {
      const signer = signerOf(effect)
      if (signer !== undefined && signer !== this.#self) reject(`a node of validator ${this.#self} signs for ${signer}`)
    }
  }
}

function signerOf(effect: TracedEffect): number | undefined {
  switch (effect.kind) {
    case 'vote':
      return effect.vote.signer
    case 'timeout':
      return effect.timeout.signer
    case 'proposal':
      return effect.block.proposer
    default:
      return undefined
  }
}

function conformanceOf(validators: number): Conformance {
  const schedule = leaderSchedule(Array.from({ length: validators }, () => 1))
  return createConformance(validators, quorumOf(validators), (view) => schedule[view % schedule.length] ?? 0)
}
