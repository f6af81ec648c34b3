// A small typed client of the API over fetch: for the command line, scripts and tests. It trusts the node it talks to.
// A problem the server names is a returned value; only a failed connection throws.

import { hex } from './hex.ts'
import type { ProblemView } from './problem.ts'
import type {
  AccountView,
  BatchItemView,
  BlockView,
  ConsensusView,
  InfoView,
  MempoolView,
  NonceView,
  ReadinessView,
  TransactionView,
  ValidatorView,
} from './view.ts'

export interface PageOf<T> {
  readonly items: readonly T[]
  readonly next: string | null
  readonly prev: string | null
}

export type Result<T> =
  | { readonly ok: true; readonly status: number; readonly value: T }
  | { readonly ok: false; readonly status: number; readonly problem: ProblemView }

export interface WaitOptions {
  /** Holds the answer until the transaction commits or goes, at most this long; up to 30,000 ms. */
  readonly waitMs?: number
  readonly signal?: AbortSignal
}

export interface BlocksRequest {
  readonly from?: number
  readonly to?: number
  readonly order?: 'asc' | 'desc'
  readonly limit?: number
  readonly cursor?: string
}

export interface ApiClient {
  /** Bytes of a signed transaction. Repeating it is harmless. */
  submit(transaction: Uint8Array, options?: WaitOptions): Promise<Result<TransactionView>>
  /** Up to 256, answered one by one in the same order. */
  submitBatch(transactions: readonly Uint8Array[]): Promise<Result<readonly BatchItemView[]>>
  /** `hash`: 64 hex digits with or without 0x. */
  transaction(hash: string, options?: WaitOptions): Promise<Result<TransactionView>>
  /** A height, a hash with 0x, `latest` or `genesis`. */
  block(at: number | string, include?: readonly ('transactions' | 'certificate')[]): Promise<Result<BlockView>>
  blocks(request?: BlocksRequest): Promise<Result<PageOf<BlockView>>>
  blockTransactions(at: number | string, cursor?: string): Promise<Result<PageOf<TransactionView>>>
  account(address: string): Promise<Result<AccountView>>
  nonce(address: string): Promise<Result<NonceView>>
  validators(): Promise<Result<readonly ValidatorView[]>>
  consensus(): Promise<Result<ConsensusView>>
  mempool(): Promise<Result<MempoolView>>
  info(): Promise<Result<InfoView>>
  /** Not a problem when it is not ready: the checks say why. */
  readiness(): Promise<ReadinessView>
}

/** `baseUrl`: scheme, host and port, without a path. `minHeight`: answer from this height on, or refuse (412). */
export function createClient(baseUrl: string, options: { readonly minHeight?: number } = {}): ApiClient {
  const base = baseUrl.replace(/\/+$/, '')
  const always = options.minHeight === undefined ? {} : { 'x-min-height': String(options.minHeight) }

  const exchange = async <T>(path: string, init: RequestInit, read: (envelope: Envelope) => T): Promise<Result<T>> => {
    const response = await fetch(`${base}${path}`, { ...init, headers: { ...always, ...init.headers } })
    const answer: unknown = await response.json()
    if (!response.ok) return { ok: false, status: response.status, problem: answer as ProblemView }
    return { ok: true, status: response.status, value: read(answer as Envelope) }
  }
  const get = <T>(path: string): Promise<Result<T>> => exchange(path, {}, content<T>)
  const list = <T>(path: string): Promise<Result<PageOf<T>>> =>
    exchange(path, {}, (envelope) => ({
      items: content<readonly T[]>(envelope),
      next: envelope.page?.next ?? null,
      prev: envelope.page?.prev ?? null,
    }))

  return {
    submit: (transaction, wait = {}) =>
      exchange(
        `/v1/transactions${waitQuery(wait)}`,
        {
          method: 'POST',
          headers: { 'content-type': 'application/octet-stream' },
          body: new Uint8Array(transaction),
          ...signalOf(wait),
        },
        content<TransactionView>,
      ),
    submitBatch: (transactions) =>
      exchange(
        '/v1/transactions/batch',
        {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ txs: transactions.map(hex) }),
        },
        content<readonly BatchItemView[]>,
      ),
    transaction: (hash, wait = {}) =>
      exchange(
        `/v1/transactions/${hash.startsWith('0x') ? hash : `0x${hash}`}${waitQuery(wait)}`,
        signalOf(wait),
        content<TransactionView>,
      ),
    block: (at, include = []) => get(`/v1/blocks/${at}${include.length === 0 ? '' : `?include=${include.join(',')}`}`),
    blocks: (request = {}) => list(`/v1/blocks${queryOf({ ...request })}`),
    blockTransactions: (at, cursor) => list(`/v1/blocks/${at}/transactions${queryOf({ cursor })}`),
    account: (address) => get(`/v1/accounts/${address}`),
    nonce: (address) => get(`/v1/accounts/${address}/nonce`),
    validators: () => get('/v1/validators'),
    consensus: () => get('/v1/consensus'),
    mempool: () => get('/v1/mempool'),
    info: () => get('/v1'),
    readiness: async () => (await (await fetch(`${base}/readyz`)).json()) as ReadinessView,
  }
}

interface Envelope {
  readonly data: unknown
  readonly page?: { readonly next: string | null; readonly prev: string | null }
}

/** What the server sent is taken to have the shape of its documentation. */
function content<T>(envelope: Envelope): T {
  return envelope.data as T
}

function waitQuery(wait: WaitOptions): string {
  return wait.waitMs === undefined ? '' : `?wait=committed&timeout=${wait.waitMs}ms`
}

function signalOf(wait: WaitOptions): { readonly signal?: AbortSignal } {
  return wait.signal === undefined ? {} : { signal: wait.signal }
}

function queryOf(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, String(value))
  return query.size === 0 ? '' : `?${query}`
}
