import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import { getTransaction, submitTransaction } from '../../../api/contract/transactions.ts'
import type { Hash } from '../../../crypto/bytes.ts'
import { BALANCE, createMemoryChain, type MemoryChain, type Transfer, transfer } from '../chain.ts'
import { serve } from '../serve.ts'

const bodyOf = (operation: typeof getTransaction | typeof submitTransaction, status: 200 | 202): z.ZodType =>
  operation.answers[status].content['application/json'] as z.ZodType

const gone = (state: 'dropped' | 'replaced' | 'expired') => (chain: MemoryChain, id: Hash) =>
  chain.drop(id, { state, reason: 'for a reason' })

/** Each status a transaction can have, and how it gets there. */
const ROWS: readonly (readonly [string, 200 | 202, Transfer, (chain: MemoryChain, id: Hash) => void])[] = [
  ['pending', 202, { nonce: 3n }, () => {}],
  ['committed', 200, {}, (chain) => chain.commit()],
  ['failed', 200, { amount: 2n * BALANCE }, (chain) => chain.commit()],
  ['dropped', 200, {}, gone('dropped')],
  ['replaced', 200, {}, gone('replaced')],
  ['expired', 200, {}, gone('expired')],
]

describe('the shape of a transaction that is', () => {
  it.each(ROWS)(
    '%s is the one of its status, when asked for and when submitted again',
    async (state, status, wanted, then) => {
      const chain = createMemoryChain()
      const { id, bytes } = transfer(wanted)
      await chain.ports.submitter.submit([bytes])
      then(chain, id)
      const { get, post } = await serve({}, chain)
      const found = await get(`/v1/transactions/0x${id}`)
      expect([found.status, found.body.data.status]).toEqual([status, state])
      // Shapes strip what they do not declare, so an undeclared member shows as a difference.
      expect(bodyOf(getTransaction, status).parse(found.body)).toEqual(found.body)
      const again = await post('/v1/transactions', bytes, { 'content-type': 'application/octet-stream' })
      expect(bodyOf(submitTransaction, again.status === 200 ? 200 : 202).parse(again.body)).toEqual(again.body)
    },
  )

  it('is refused by the schema with the members of another status', async () => {
    const { get, chain } = await serve()
    const { id, bytes } = transfer()
    await chain.ports.submitter.submit([bytes])
    chain.commit()
    const { body } = await get(`/v1/transactions/0x${id}`)
    const schema = bodyOf(getTransaction, 200)
    expect(schema.safeParse({ data: { ...body.data, final: false } }).success).toBe(false)
    expect(schema.safeParse({ data: { ...body.data, status: 'failed' } }).success).toBe(false)
    expect(schema.safeParse({ data: { ...body.data, block: undefined } }).success).toBe(false)
  })
})
