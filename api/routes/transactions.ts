// Submitting transactions and asking what became of them.
// A timeout is never an error and a repetition never an effect: the HTTP status speaks of the request, `status` in the
// answer of the transaction (docs/API.md, "What a submission answers").

import type { Request } from 'express'
import { assert } from '../../crypto/assert.ts'
import type { Hash } from '../../crypto/bytes.ts'
import { parseTransaction } from '../../ledger/transaction.ts'
import { type Answer, type ApiContext, content, type Route, refuse } from '../answer.ts'
import { parseBatchBody, parseTransactionBody } from '../body.ts'
import { type Input, type NONE, route } from '../contract/operation.ts'
import { getTransaction, submitTransaction, submitTransactions } from '../contract/transactions.ts'
import { type Wait, waitOf } from '../parse.ts'
import type { CommittedTransaction, Pending, PendingState, Settled, Submitted } from '../ports.ts'
import { problemOfRefusal, viewProblem } from '../problem.ts'
import {
  type BatchItemView,
  statusOfCommitted,
  type TransactionView,
  viewCommitted,
  viewPending,
  viewPendingState,
} from '../view.ts'
import { unlessAborted, type Waiter } from '../waiters.ts'

export const transactionRoutes: readonly Route[] = [
  route(submitTransaction, submit),
  route(submitTransactions, ({ request }, api) => submitBatch(request, api)),
  route(getTransaction, find),
]

type Accepted = Extract<Submitted, { ok: true }>
type Waiting = Extract<Wait, { kind: 'committed' }>

type Submission = Input<typeof NONE, typeof submitTransaction.query>

async function submit({ query, request, response }: Submission, api: ApiContext): Promise<Answer> {
  const wait = waitOf(query, request)
  const body = parseTransactionBody(request)
  if (!body.ok) return refuse(body.problem)
  const waiting = wait.kind === 'committed' ? wait : undefined
  const id = waiting === undefined ? undefined : idOf(body.value)
  const waiter = id === undefined ? undefined : api.waiters.open(clientOf(request), response)
  if (waiting === undefined || id === undefined || waiter === undefined) {
    return answerSubmitted(await submitOne(body.value, api), api, waiting !== undefined)
  }
  try {
    // Subscribed first: a transaction may commit between its admission and the answer about it.
    const settled = settle(id, waiting, waiter, api)
    settled.catch(() => {})
    const submitted = await submitOne(body.value, api)
    if (!submitted.ok || submitted.committed !== undefined) return answerSubmitted(submitted, api, true)
    return withWait({ ...viewSettled(id, await settled, api), duplicate: submitted.duplicate }, waiting)
  } finally {
    waiter.close()
  }
}

async function submitOne(bytes: Uint8Array, api: ApiContext): Promise<Submitted> {
  const [submitted] = await api.ports.submitter.submit([bytes])
  assert(submitted !== undefined, 'one transaction submitted, no outcome')
  return submitted
}

/** Undefined for what is no transaction: submitting it says why. */
function idOf(bytes: Uint8Array): Hash | undefined {
  const parsed = parseTransaction(bytes)
  return parsed.ok ? parsed.value.id : undefined
}

/** `waited`: the client wanted the commit, so a pending duplicate is not yet what it asked for. */
function answerSubmitted(submitted: Submitted, api: ApiContext, waited: boolean): Answer {
  if (!submitted.ok) return refuse(problemOfRefusal(submitted.refusal))
  const view = viewSubmitted(submitted, api)
  if (submitted.committed !== undefined || (submitted.duplicate && !waited)) return content(view)
  return notFinal(view)
}

function viewSubmitted(submitted: Accepted, api: ApiContext): TransactionView {
  const { duplicate, committed } = submitted
  if (committed !== undefined) return { ...viewCommitted(committed, api.info.addressPrefix), duplicate }
  return { hash: `0x${submitted.id}`, status: 'pending', final: false, queue: submitted.queue, duplicate }
}

function notFinal(view: TransactionView): Answer {
  return { kind: 'content', status: 202, content: view, caching: 'never', location: `/v1/transactions/${view.hash}` }
}

/** Ends with the port's answer, or as a timeout when the client goes or the server stops. */
function settle(id: Hash, waiting: Waiting, waiter: Waiter, api: ApiContext): Promise<Settled> {
  const settled = api.ports.submitter.settled(id, waiting.timeoutMs, waiter.signal)
  return unlessAborted(settled, waiter.signal, { kind: 'timeout' })
}

/** The state now that the wait is over. Without news, what is known now may still be more than at its beginning. */
function viewSettled(id: Hash, settled: Settled, api: ApiContext): TransactionView {
  const committed = settled.kind === 'committed' ? settled.transaction : api.ports.chain.transaction(id)
  if (committed !== undefined) return viewCommitted(committed, api.info.addressPrefix)
  if (settled.kind === 'gone') return viewPendingState(`0x${id}`, settled.status)
  const status = api.ports.submitter.pending(id)?.status
  return viewPendingState(`0x${id}`, status ?? { state: 'dropped', reason: 'no longer held by this node' })
}

function withWait(view: TransactionView, waiting: Waiting): Answer {
  const answer = view.status === 'pending' ? notFinal(view) : content(view)
  if (answer.kind !== 'content' || waiting.applied === undefined) return answer
  return { ...answer, appliedWait: waiting.applied }
}

async function submitBatch(request: Request, api: ApiContext): Promise<Answer> {
  const body = parseBatchBody(request)
  if (!body.ok) return refuse(body.problem)
  const outcomes = await api.ports.submitter.submit(body.value)
  assert(outcomes.length === body.value.length, 'a batch submitted, outcomes missing')
  return content(outcomes.map((outcome, index) => viewOutcome(outcome, index, api)))
}

function viewOutcome(outcome: Submitted, index: number, api: ApiContext): BatchItemView {
  if (outcome.ok) {
    const { id, duplicate, committed } = outcome
    const status = committed === undefined ? 'pending' : statusOfCommitted(committed, api.info.addressPrefix)
    return { index, hash: `0x${id}`, status, duplicate }
  }
  const problem = viewProblem(problemOfRefusal(outcome.refusal))
  return outcome.id === undefined ? { index, problem } : { index, hash: `0x${outcome.id}`, problem }
}

type Question = Input<typeof getTransaction.parameters, typeof getTransaction.query>

function find({ path, query, request, response }: Question, api: ApiContext): Answer | Promise<Answer> {
  const wait = waitOf(query, request)
  const committed = api.ports.chain.transaction(path.hash)
  if (committed !== undefined) return committedAnswer(committed, api)
  const pending = api.ports.submitter.pending(path.hash)
  if (pending === undefined) return unknownTransaction(api)
  if (wait.kind === 'accepted' || pending.status.state !== 'pending') return pendingAnswer(pending, api)
  const waiter = api.waiters.open(clientOf(request), response)
  if (waiter === undefined) return pendingAnswer(pending, api)
  return findAfterWait(pending, wait, waiter, api)
}

async function findAfterWait(pending: Pending, waiting: Waiting, waiter: Waiter, api: ApiContext): Promise<Answer> {
  try {
    const settled = await settle(pending.id, waiting, waiter, api)
    const committed = api.ports.chain.transaction(pending.id)
    if (committed !== undefined) return withApplied(committedAnswer(committed, api), waiting)
    const view = viewSettled(pending.id, settled, api)
    return withWait({ ...viewPending(pending, api.info.addressPrefix), ...view }, waiting)
  } finally {
    waiter.close()
  }
}

function withApplied(answer: Answer, waiting: Waiting): Answer {
  if (answer.kind !== 'content' || waiting.applied === undefined) return answer
  return { ...answer, appliedWait: waiting.applied }
}

/** Committed means final, so the answer may be kept for ever. */
function committedAnswer(committed: CommittedTransaction, api: ApiContext): Answer {
  return content(viewCommitted(committed, api.info.addressPrefix), 'immutable', committed.id)
}

function pendingAnswer(pending: Pending, api: ApiContext): Answer {
  const view = viewPending(pending, api.info.addressPrefix)
  const state: PendingState['state'] = pending.status.state
  return state === 'pending' ? notFinal(view) : content(view)
}

/** The height lets a client past `validUntil` conclude that the transaction never commits. */
export function unknownTransaction(api: ApiContext): Answer {
  const height = String(api.ports.chain.head().height)
  const detail = `neither committed nor pending here at height ${height}`
  return refuse({ code: 'tx-unknown', detail, members: { height } })
}

function clientOf(request: Request): string {
  return request.ip ?? 'unknown'
}
