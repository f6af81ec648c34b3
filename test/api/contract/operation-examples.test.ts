import { describe, expect, it } from 'vitest'
import { openApiOf } from '../../../api/contract/document.ts'
import { JSON_TYPE, type Operation } from '../../../api/contract/operation.ts'
import { submitTransaction } from '../../../api/contract/transactions.ts'
import { hex } from '../../../api/hex.ts'
import { ROUTES } from '../../../api/routes.ts'
import { serve } from '../serve.ts'
import { createExampleChain, SUBMITTED } from './example-chain.ts'

/** The example request of an operation as a path and what fetch takes. */
function requestOf({ method, path, example }: Operation): { readonly path: string; readonly init: RequestInit } {
  const filled = path.replace(/\{(\w+)\}/g, (_all, name: string) => encodeURIComponent(example.path?.[name] ?? ''))
  const query = new URLSearchParams(example.query)
  const body = example.body === undefined ? {} : { body: JSON.stringify(example.body) }
  return {
    path: query.size === 0 ? filled : `${filled}?${query}`,
    init: { method, headers: method === 'POST' ? { 'content-type': JSON_TYPE } : {}, ...body },
  }
}

describe('the example transaction', () => {
  it('is one that the example chain admits', () => {
    expect(submitTransaction.example.body.tx).toBe(hex(SUBMITTED.bytes))
  })
})

describe('the example of', () => {
  it.each(ROUTES.map(({ operation }) => [operation.id, operation] as const))(
    '%s is what a node answers, and the answer has the declared shape',
    async (id, operation) => {
      const { send } = await serve({}, await createExampleChain())
      const { path, init } = requestOf(operation)
      const { status, headers, body } = await send(path, init)
      const spec = operation.answers[status]
      const mediaType = headers.get('content-type')?.split(';')[0] ?? ''
      expect([status, Object.keys(spec?.content ?? {})]).toEqual([status, expect.arrayContaining([mediaType])])
      const item = openApiOf([operation], '0.0.0').paths?.[operation.path]
      const declared = (operation.method === 'GET' ? item?.get : item?.post)?.responses?.[status]?.headers ?? {}
      expect(Object.keys(declared)).toContain('X-Block-Height')
      expect(Object.keys(declared).filter((name) => !headers.has(name))).toEqual([])
      const schema = spec?.content[mediaType]
      // Shapes strip what they do not declare, so an undeclared member in the answer shows as a difference.
      if (typeof schema === 'object') expect(schema.parse(body)).toEqual(body)
      else expect(schema).toBe('text')
      // The document is not repeated inside itself.
      if (id === 'getDocument' || typeof schema !== 'object') return
      // Two endpoints stand for all, so that a new one changes its own example only.
      const shorten = (key: string, value: unknown) =>
        key === 'endpoints' && Array.isArray(value) ? value.slice(0, 2) : value
      const recorded = `${JSON.stringify({ status, body }, shorten, 2)}\n`
      await expect(recorded).toMatchFileSnapshot(`../../../api/contract/examples/${id}.json`)
    },
  )
})
