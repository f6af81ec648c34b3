// What clients asked and what they were told, as events in the order in which they happened, one JSON line each in a file: a
// million operations need not fit in memory. One process writes it, so its order is real time. Judges nothing.

import { createReadStream, openSync, writeSync } from 'node:fs'
import { createInterface } from 'node:readline'

export type Kind =
  | 'submit'
  | 'submit-and-wait'
  | 'batch'
  | 'status'
  | 'status-and-wait'
  | 'account'
  | 'block'
  | 'latest'
  | 'blocks'
  | 'block-transactions'

/** As its client signed it. Amounts in base units, as decimal text; addresses 40 hex digits. */
export interface SignedTransfer {
  readonly id: string
  readonly sender: string
  readonly nonce: number
  readonly fee: string
  readonly validUntil: number
  readonly outputs: readonly (readonly [recipient: string, amount: string])[]
}

export interface Place {
  readonly height: number
  readonly blockHash: string
  readonly index: number
}

/** What an answer says of one transaction. `unknown`: 404. `refused`: 4xx at its submission. */
export interface TransactionFact {
  readonly id: string
  readonly status: 'committed' | 'failed' | 'pending' | 'dropped' | 'replaced' | 'expired' | 'unknown' | 'refused'
  /** Present when committed or failed, unless the answer does not tell (batches). */
  readonly place?: Place
  /** The problem's code, where it was refused. */
  readonly code?: string
}

export interface AccountFact {
  readonly address: string
  readonly balance: string
  readonly nonce: number
  /** The height whose state this is. */
  readonly height: number
}

export interface BlockFact {
  readonly height: number
  readonly hash: string
  readonly parent: string
  readonly count: number
  /** Ids of the first hundred transactions, where they were asked for. */
  readonly ids?: readonly string[]
}

export interface Invoke {
  readonly event: 'invoke'
  readonly op: number
  readonly client: number
  readonly node: number
  readonly atMs: number
  readonly kind: Kind
  /** X-Min-Height. */
  readonly token?: number
  /** Height of the block that is asked for. */
  readonly at?: number
  /** What is signed in this operation, seen here for the first time. */
  readonly signed?: readonly SignedTransfer[]
}

/** `ok`: 2xx. `fail`: refused, nothing was done or shown. `info`: no answer, so nobody knows. */
export interface Complete {
  readonly event: 'ok' | 'fail' | 'info'
  readonly op: number
  readonly atMs: number
  readonly status?: number
  /** X-Block-Height and X-Block-Hash. */
  readonly height?: number
  readonly headHash?: string
  readonly transactions?: readonly TransactionFact[]
  readonly account?: AccountFact
  readonly blocks?: readonly BlockFact[]
}

export interface Disturbance {
  readonly event: 'nemesis'
  readonly atMs: number
  readonly what: string
}

export type HistoryEvent = Invoke | Complete | Disturbance

const BUFFERED_LINES_MAX = 1_000

export class Journal {
  readonly path: string
  readonly #file: number
  #lines: string[] = []

  constructor(path: string) {
    this.path = path
    this.#file = openSync(path, 'w')
  }

  write(event: HistoryEvent): void {
    this.#lines.push(JSON.stringify(event))
    if (this.#lines.length >= BUFFERED_LINES_MAX) this.flush()
  }

  flush(): void {
    if (this.#lines.length > 0) writeSync(this.#file, `${this.#lines.join('\n')}\n`)
    this.#lines = []
  }
}

export async function* readJournal(path: string): AsyncGenerator<HistoryEvent> {
  const lines = createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })
  for await (const line of lines) {
    const event: HistoryEvent = JSON.parse(line)
    yield event
  }
}
