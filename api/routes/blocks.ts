// Committed blocks, alone and in pages. A committed block never changes, so what names one by height or hash
// may be cached for ever; `latest` and lists are true until the next block.

import type { z } from 'zod'
import type { BlockId, Height } from '../../consensus/types.ts'
import { assert } from '../../crypto/assert.ts'
import { toHex } from '../../crypto/bytes.ts'
import { type Answer, type ApiContext, content, type Route, refuse } from '../answer.ts'
import { type BlockInclude, getBlock, listBlocks, listBlockTransactions } from '../contract/blocks.ts'
import { route } from '../contract/operation.ts'
import { decodeCursor, encodeCursor, type KeyPage, type KeyRange, pageKeys } from '../cursor.ts'
import { type BlockRef, PAGE_LIMIT_MAX, type Parsed, parsed, refused } from '../parse.ts'
import type { CommittedBlock } from '../ports.ts'
import { type BlockView, type TransactionView, viewBlock, viewCertificate, viewCommitted } from '../view.ts'

export const blockRoutes: readonly Route[] = [
  route(listBlocks, ({ query }, api) => list(query, api)),
  route(getBlock, ({ path, query }, api) => show(path.block, query.include, api)),
  route(listBlockTransactions, ({ path, query }, api) => listTransactions(path.block, query, api)),
]

type BlocksQuery = z.output<typeof listBlocks.query>
type PageQuery = z.output<typeof listBlockTransactions.query>

export interface NamedBlock {
  readonly text: string
  readonly ref: BlockRef
}

function show(name: NamedBlock, include: ReadonlySet<BlockInclude>, api: ApiContext): Answer {
  const found = findBlock(name, api)
  if (!found.ok) return refuse(found.problem)
  const { block, isLatest } = found.value
  const view = viewIncluding(block, include, api)
  // While no certificate is known the answer can still change.
  const isWhole = !include.has('certificate') || block.certificate !== undefined
  return content(view, isLatest || !isWhole ? 'head' : 'immutable', etagOf(block, include))
}

/** Certificates of one block differ between nodes, so their signature is part of the tag. */
function etagOf(block: CommittedBlock, include: ReadonlySet<BlockInclude>): string {
  const transactions = include.has('transactions') ? '-t' : ''
  if (!include.has('certificate')) return `${block.id}${transactions}`
  const certificate = block.certificate === undefined ? 'none' : toHex(block.certificate.signature.subarray(0, 8))
  return `${block.id}${transactions}-${certificate}`
}

function viewIncluding(block: CommittedBlock, include: ReadonlySet<BlockInclude>, api: ApiContext): BlockView {
  const view = viewBlock(block, api.info.addressPrefix, api.ports.chain.validators())
  const last = Math.min(block.transactionIds.length, PAGE_LIMIT_MAX)
  return {
    ...view,
    ...(include.has('transactions') ? { transactions: viewTransactions(block, range(0, last - 1), api) } : {}),
    ...(include.has('certificate')
      ? { certificate: block.certificate === undefined ? null : viewCertificate(block.certificate) }
      : {}),
  }
}

function range(first: number, last: number): number[] {
  const keys: number[] = []
  for (let key = first; key <= last; key++) keys.push(key)
  return keys
}

function viewTransactions(block: CommittedBlock, indexes: readonly number[], api: ApiContext): TransactionView[] {
  const { height, timestampMs } = block.proposal.header
  return indexes.map((index) => {
    const id = block.transactionIds[index]
    const bytes = block.proposal.payload.items[index]
    const receipt = block.receipts[index]
    assert(id !== undefined && bytes !== undefined && receipt !== undefined, 'a committed block lacks a transaction')
    return viewCommitted({ id, bytes, receipt, height, index, blockId: block.id, timestampMs }, api.info.addressPrefix)
  })
}

function list(query: BlocksQuery, api: ApiContext): Answer {
  const { from, to, order } = query
  const head = api.ports.chain.head()
  const low = Math.max(from ?? head.oldestHeight, head.oldestHeight)
  const high = Math.min(to ?? head.height, head.height)
  const filter = ['blocks', String(from ?? ''), String(to ?? ''), order]
  const page = takePage(filter, { low, high }, query, api)
  if (!page.ok) return refuse(page.problem)
  const validators = api.ports.chain.validators()
  const views = page.value.keys.map((height) => {
    const block = api.ports.chain.block(height as Height)
    assert(block !== undefined, `no block at ${height}, between the oldest and the head`)
    return viewBlock(block, api.info.addressPrefix, validators)
  })
  return pageAnswer(views, page.value, filter, query.limit, 'head', api)
}

function listTransactions(name: NamedBlock, query: PageQuery, api: ApiContext): Answer {
  const found = findBlock(name, api)
  if (!found.ok) return refuse(found.problem)
  const { block, isLatest } = found.value
  // Bound to the block, not to its name: `latest` is another block on the next page.
  const filter = ['block-transactions', block.id, query.order]
  const page = takePage(filter, { low: 0, high: block.transactionIds.length - 1 }, query, api)
  if (!page.ok) return refuse(page.problem)
  const views = viewTransactions(block, page.value.keys, api)
  return pageAnswer(views, page.value, filter, query.limit, isLatest ? 'head' : 'immutable', api)
}

function takePage(filter: readonly string[], keys: KeyRange, query: PageQuery, api: ApiContext): Parsed<KeyPage> {
  if (query.cursor === undefined) return parsed(pageKeys(keys, query.order, query.limit, undefined))
  const decoded = decodeCursor(query.cursor, [api.info.genesisHash, ...filter])
  if (decoded.ok) return parsed(pageKeys(keys, query.order, query.limit, decoded.cursor))
  const errors = [{ parameter: 'cursor', detail: decoded.detail }]
  return refused({ code: 'invalid-cursor', detail: decoded.detail, errors })
}

function pageAnswer(
  views: readonly unknown[],
  page: KeyPage,
  filter: readonly string[],
  limit: number,
  caching: 'head' | 'immutable',
  api: ApiContext,
): Answer {
  const bound = [api.info.genesisHash, ...filter]
  const next = page.next === undefined ? null : encodeCursor(page.next, bound)
  const prev = page.prev === undefined ? null : encodeCursor(page.prev, bound)
  return { kind: 'content', status: 200, content: views, page: { next, prev, limit }, caching }
}

export function findBlock(
  { text, ref }: NamedBlock,
  api: ApiContext,
): Parsed<{ readonly block: CommittedBlock; readonly isLatest: boolean }> {
  const { chain } = api.ports
  const head = chain.head()
  const at = placeOf(ref, head)
  if (typeof at === 'number' && at < head.oldestHeight) return pruned(at, head.oldestHeight)
  const block = chain.block(at)
  if (block === undefined) {
    const detail = `no committed block ${text.slice(0, 66)} at height ${head.height}`
    return refused({ code: 'block-unknown', detail, members: { height: String(head.height) } })
  }
  // The genesis block is the one in view 0: if the oldest held is another, it has been pruned.
  if (ref.kind === 'genesis' && block.proposal.header.view !== 0) return pruned('genesis', head.oldestHeight)
  return parsed({ block, isLatest: ref.kind === 'latest' })
}

function placeOf(ref: BlockRef, head: { readonly blockId: BlockId; readonly oldestHeight: Height }): Height | BlockId {
  switch (ref.kind) {
    case 'latest':
      return head.blockId
    case 'genesis':
      return head.oldestHeight
    case 'height':
      return ref.height
    case 'id':
      return ref.id
  }
}

function pruned(at: number | 'genesis', oldestHeight: Height): Parsed<never> {
  const detail = `block ${at} is no longer held; the oldest is ${oldestHeight}`
  return refused({ code: 'block-pruned', detail, members: { oldestHeight: String(oldestHeight) } })
}
