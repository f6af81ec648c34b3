// Answers of the API to what the journal keeps of them. Takes the documented shapes for granted: what is missing shows up as an
// anomaly of its own.

import type { AccountView, BatchItemView, BlockView, TransactionView } from '../../api/view.ts'
import type { AccountFact, BlockFact, Place, TransactionFact } from './journal.ts'

const bare = (hex: string) => hex.slice(2)

export function transactionFact(view: TransactionView): TransactionFact {
  const { hash, status, block } = view
  const id = bare(hash)
  if (block === undefined) return { id, status }
  const place: Place = { height: Number(block.height), blockHash: bare(block.hash), index: block.index }
  return { id, status, place }
}

export function batchFacts(items: readonly BatchItemView[]): TransactionFact[] {
  return items.flatMap((item): TransactionFact[] => {
    if (!('problem' in item)) return [{ id: bare(item.hash), status: item.status }]
    const { hash, problem } = item
    return hash === undefined ? [] : [{ id: bare(hash), status: 'refused', code: problem.code }]
  })
}

export function accountFact(view: AccountView): AccountFact {
  const { addressHex, balance, nonce, height } = view
  return { address: bare(addressHex), balance, nonce: Number(nonce), height: Number(height) }
}

export function blockFact(view: BlockView): BlockFact {
  const { height, hash, parentHash, transactionCount, transactions } = view
  return {
    height: Number(height),
    hash: bare(hash),
    parent: bare(parentHash),
    count: transactionCount,
    ...(transactions === undefined ? {} : { ids: transactions.map((transaction) => bare(transaction.hash)) }),
  }
}
