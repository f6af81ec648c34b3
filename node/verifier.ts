// Transaction signatures, checked once each and a slice at a time, so that no slice keeps the main thread for long.
// Owns the queue and what is known to be valid; never decides what to do with an invalid one.

import type { Hash } from '../crypto/bytes.ts'
import { sha256Hash } from '../crypto/hash.ts'
import type { Application, DecodedTransaction } from '../ledger/application.ts'

/** A signature takes 60 to 100 microseconds: a slice stays below 5 ms. */
export const SLICE_SIGNATURES_MAX = 48

export const VERIFIER_DEFAULTS = { queueMax: 16_384, verifiedMax: 131_072, decodedMax: 8_192 } as const

export interface VerifierLimits {
  /** Signatures waiting, for each of the two kinds of urgency. */
  readonly queueMax: number
  /** Transactions remembered as valid. At least twice what the mempool holds, or proposals are verified again. */
  readonly verifiedMax: number
  /** Of those, kept whole for the blocks they come back in: a few blocks of the busiest second, about 1 KiB each. */
  readonly decodedMax: number
}

/** A block's transactions hold up a vote and go before those that arrive for the mempool. */
export type Urgency = 'block' | 'arrival'

export interface Verifier {
  /**
   * Whether each signature is valid, in order; those known to be valid cost nothing.
   * @returns undefined at once when the queue has no room for all of them: nothing is known then, and nobody is to blame
   */
  verify(transactions: readonly DecodedTransaction[], urgency?: Urgency): Promise<readonly boolean[]> | undefined
  /** By id and bytes, so that a copy with another signature does not pass. */
  isVerified(transaction: DecodedTransaction): boolean
  /** The valid transaction of exactly these bytes, when it came not long ago: it need not be decoded again. */
  find(bytes: Uint8Array): DecodedTransaction | undefined
  /** For those whose validity something else proves: made here, or stored as verified. */
  remember(transaction: DecodedTransaction): void
}

interface Unknown {
  readonly transaction: DecodedTransaction
  readonly key: Hash
  readonly position: number
}

interface Job {
  readonly verdicts: boolean[]
  /** What was not known to be valid when the job came; the first `done` of them are decided. */
  readonly unknown: readonly Unknown[]
  done: number
  readonly resolve: (verdicts: readonly boolean[]) => void
  readonly reject: (error: unknown) => void
}

/** @param defer runs the next slice after whatever else waits for the main thread; a simulation has its own */
export function createVerifier(
  application: Pick<Application, 'verify'>,
  limits: VerifierLimits,
  defer: (run: () => void) => void = setImmediate,
): Verifier {
  const known = createMemory<true>(limits.verifiedMax)
  const whole = createMemory<DecodedTransaction>(limits.decodedMax)
  const queues = { block: createQueue(), arrival: createQueue() }
  let isScheduled = false

  function verify(
    transactions: readonly DecodedTransaction[],
    urgency: Urgency = 'arrival',
  ): Promise<readonly boolean[]> | undefined {
    const verdicts: boolean[] = []
    const unknown: Unknown[] = []
    for (const [position, transaction] of transactions.entries()) {
      const key = keyOf(transaction.bytes)
      const isKnown = known.get(key) === true
      verdicts.push(isKnown)
      if (!isKnown) unknown.push({ transaction, key, position })
    }
    if (unknown.length === 0) return Promise.resolve(verdicts)
    const queue = queues[urgency]
    if (queue.signatures + unknown.length > limits.queueMax) return undefined
    queue.signatures += unknown.length
    const { promise, resolve, reject } = Promise.withResolvers<readonly boolean[]>()
    queue.jobs.push({ verdicts, unknown, done: 0, resolve, reject })
    schedule()
    return promise
  }

  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    defer(runSlice)
  }

  function runSlice(): void {
    isScheduled = false
    let room = SLICE_SIGNATURES_MAX
    for (const queue of [queues.block, queues.arrival]) {
      for (let job = queue.jobs[0]; job !== undefined && room > 0; job = queue.jobs[0]) {
        const before = job.done
        advance(job, room)
        room -= job.done - before
        queue.signatures -= job.done - before
        if (job.done === job.unknown.length) queue.jobs.shift()
      }
    }
    if (queues.block.signatures > 0 || queues.arrival.signatures > 0) schedule()
  }

  function advance(job: Job, countMax: number): void {
    const slice = job.unknown.slice(job.done, job.done + countMax)
    job.done += slice.length
    try {
      decide(job, slice)
      if (job.done === job.unknown.length) job.resolve(job.verdicts)
    } catch (error) {
      // A broken invariant in the application: the caller has to hear of it, or it would wait for ever.
      job.done = job.unknown.length
      job.reject(error)
    }
  }

  function decide(job: Job, slice: readonly Unknown[]): void {
    // Some may have come in another job meanwhile.
    for (const { key, position } of slice) if (known.get(key) === true) job.verdicts[position] = true
    const due = slice.filter(({ position }) => job.verdicts[position] === false)
    if (due.length === 0) return
    const verdicts = application.verify(due.map(({ transaction }) => transaction))
    due.forEach(({ position, key, transaction }, index) => {
      const isValid = verdicts[index] === true
      job.verdicts[position] = isValid
      if (isValid) note(key, transaction)
    })
  }

  function note(key: Hash, transaction: DecodedTransaction): void {
    known.set(key, true)
    whole.set(key, transaction)
  }

  return {
    verify,
    isVerified: (transaction) => known.get(keyOf(transaction.bytes)) === true,
    find: (bytes) => whole.get(keyOf(bytes)),
    remember: (transaction) => note(keyOf(transaction.bytes), transaction),
  }
}

function createQueue(): { readonly jobs: Job[]; signatures: number } {
  return { jobs: [], signatures: 0 }
}

/** The whole transaction, for its bytes decide both the id and the signature. */
function keyOf(bytes: Uint8Array): Hash {
  return sha256Hash(bytes)
}

/** The most recently used half and the half before it: forgetting is O(1), and what is in use is not forgotten. */
function createMemory<T>(max: number): { get(key: Hash): T | undefined; set(key: Hash, value: T): void } {
  const halfMax = Math.max(1, Math.floor(max / 2))
  let recent = new Map<Hash, T>()
  let older = new Map<Hash, T>()
  function set(key: Hash, value: T): void {
    if (recent.has(key)) return
    if (recent.size >= halfMax) {
      older = recent
      recent = new Map()
    }
    recent.set(key, value)
  }
  return {
    set,
    get(key) {
      const value = recent.get(key)
      if (value !== undefined) return value
      const before = older.get(key)
      if (before !== undefined) set(key, before)
      return before
    },
  }
}
