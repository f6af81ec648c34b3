// Requests drawn from the OpenAPI document alone, valid and invalid. Whatever is sent: no 5xx that is not declared, the media type
// and the shape that are declared, and no refusal of a request that the document calls valid.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openApiOf } from '../../../api/contract/document.ts'
import { JSON_TYPE, type Operation, problemsOf } from '../../../api/contract/operation.ts'
import { problem } from '../../../api/contract/problem.ts'
import { ROUTES } from '../../../api/routes.ts'
import { type Served, serve } from '../serve.ts'
import { createExampleChain } from './example-chain.ts'

const RUNS = Number(process.env.API_PROPERTY_RUNS ?? 40)
const OPERATIONS = ROUTES.map(({ operation }) => operation)
const DOCUMENT = JSON.parse(JSON.stringify(openApiOf(OPERATIONS, '0.0.0')))

/** The part of JSON Schema that the document uses for what clients send. */
interface Schema {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly pattern?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
}

interface Parameter {
  readonly in: 'path' | 'query' | 'header'
  readonly name: string
  readonly required: boolean
  readonly schema: Schema
  readonly example?: unknown
}

interface Described {
  readonly parameters: readonly Parameter[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema; example?: unknown }>> }
  readonly responses: Readonly<Record<string, Response>>
}

interface Response {
  readonly headers: Readonly<Record<string, unknown>>
  readonly content: Readonly<Record<string, unknown>>
}

interface Drawn {
  readonly path: Readonly<Record<string, string>>
  readonly query: readonly (readonly [string, string])[]
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

function drawFrom(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (schema.type === 'integer') return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 1_000 })
  if (schema.type === 'array' && schema.items !== undefined) {
    const { minItems: minLength = 0, maxItems: maxLength = 8 } = schema
    return fc.array(drawFrom(schema.items), { minLength, maxLength, size: 'small' })
  }
  if (schema.properties !== undefined) {
    return fc.record(Object.fromEntries(Object.entries(schema.properties).map(([name, of]) => [name, drawFrom(of)])))
  }
  if (schema.pattern !== undefined) return fc.stringMatching(new RegExp(schema.pattern))
  return fc.stringMatching(/^[\w.~ -]{1,40}$/)
}

const POST_HEADERS = { 'content-type': JSON_TYPE }

/** What the document calls valid. A wait's timeout makes sense beside a wait only, which its description says. */
function validRequests({ parameters, requestBody }: Described): fc.Arbitrary<Drawn> {
  const of = (place: Parameter['in']) => {
    const named = parameters.filter((parameter) => parameter.in === place && parameter.name !== 'X-Min-Height')
    const model = Object.fromEntries(
      named.map(({ name, schema, example }) => {
        const drawn = drawFrom(schema).map(String)
        return [name, example === undefined ? drawn : fc.oneof(drawn, fc.constant(String(example)))]
      }),
    )
    return fc.record(model, { requiredKeys: named.filter(({ required }) => required).map(({ name }) => name) })
  }
  const json = requestBody?.content[JSON_TYPE]
  const body = json === undefined ? fc.constant(undefined) : fc.oneof(drawFrom(json.schema), fc.constant(json.example))
  return fc.record({ path: of('path'), query: of('query'), headers: of('header'), body }).map((drawn) => ({
    path: drawn.path,
    query: Object.entries(drawn.query).filter(([name]) => name !== 'timeout' || 'wait' in drawn.query),
    headers: { ...drawn.headers, ...(drawn.body === undefined ? {} : POST_HEADERS) },
    ...(drawn.body === undefined ? {} : { body: JSON.stringify(drawn.body) }),
  }))
}

const anyText = fc.oneof(
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 80 }).filter((text) => !/^\.{1,2}$/.test(text)),
  fc.constantFrom('-1', '9007199254740993', '0x', `0x${'g'.repeat(64)}`, '1e3', 'toString', '__proto__', '\0', '%zz'),
)
const anyHeader = fc.stringMatching(/^[\x21-\x7e]{1,60}$/)

/** Anything at all in every place of the request. */
function anyRequests({ parameters, requestBody }: Described): fc.Arbitrary<Drawn> {
  const namesOf = (place: Parameter['in']) => parameters.filter((one) => one.in === place).map(({ name }) => name)
  const path = fc.record(Object.fromEntries(namesOf('path').map((name) => [name, anyText])))
  const queryName = fc.oneof(fc.constantFrom('unknown', ...namesOf('query')), anyText)
  const query = fc.array(fc.tuple(queryName, anyText), { maxLength: 4 })
  const headers = fc.record(
    {
      'content-type': fc.oneof(fc.constantFrom(JSON_TYPE, 'application/octet-stream', 'text/plain', ''), anyHeader),
      accept: fc.oneof(fc.constantFrom(JSON_TYPE, 'text/html', 'image/png', '*/*;q=0'), anyHeader),
      prefer: fc.oneof(fc.constantFrom('wait=0', 'respond-async, wait=1'), anyHeader),
      'x-min-height': fc.oneof(fc.constantFrom('0', '1', '99999', '-1'), anyHeader),
      'if-none-match': fc.oneof(fc.constantFrom('*', '"x", W/"y"'), anyHeader),
    },
    { requiredKeys: [] },
  )
  const shaped = Object.values(requestBody?.content ?? {}).flatMap(({ schema }) =>
    Object.keys(schema.properties ?? {}).map((name) =>
      fc.jsonValue().map((value) => JSON.stringify({ [name]: value })),
    ),
  )
  const text = fc.oneof(fc.json(), fc.string({ unit: 'binary' }), ...shaped)
  const body = requestBody === undefined ? fc.constant(undefined) : fc.oneof(text, fc.uint8Array({ maxLength: 300 }))
  return fc
    .record({ path, query, headers, body })
    .map(({ body: drawn, ...rest }) => (drawn === undefined ? rest : { ...rest, body: drawn }))
}

function urlOf(operation: Operation, drawn: Drawn): string {
  const path = operation.path.replace(/\{(\w+)\}/g, (_all, name: string) => {
    const value = drawn.path[name] ?? ''
    // Percent signs that encode nothing are sent as they are.
    return value === '%zz' ? value : encodeURIComponent(value)
  })
  const query = new URLSearchParams()
  for (const [name, value] of drawn.query) query.append(name, value)
  return query.size === 0 ? path : `${path}?${query}`
}

/** The code of the problem answered, if it was one; fails where the answer is not as declared. */
async function exchange(served: Served, operation: Operation, described: Described, drawn: Drawn) {
  const { body: sent, headers: sentHeaders } = drawn
  const { status, headers, body } = await served.send(urlOf(operation, drawn), {
    method: operation.method,
    headers: sentHeaders,
    ...(sent === undefined ? {} : { body: typeof sent === 'string' ? sent : new Uint8Array(sent) }),
  })
  if (status === 304) return undefined
  const mediaType = headers.get('content-type')?.split(';')[0] ?? ''
  expect(Object.keys(described.responses[status]?.content ?? {}), `${status} ${JSON.stringify(body)}`).toContain(
    mediaType,
  )
  for (const name of Object.keys(described.responses[status]?.headers ?? {})) {
    expect(headers.has(name), `${status} without ${name}`).toBe(true)
  }
  if (mediaType === 'application/problem+json') {
    const view = problem.parse(body)
    expect(problemsOf(operation)).toContain(view.code)
    expect(view.status).toBe(status)
    expect(status).toBeLessThan(500)
    return view
  }
  const schema = operation.answers[status]?.content[mediaType]
  if (typeof schema === 'object') expect(schema.parse(body)).toEqual(body)
  return undefined
}

async function served(): Promise<Served & { readonly faults: unknown[] }> {
  const faults: unknown[] = []
  const chain = await createExampleChain()
  // A submission commits at once, so that no drawn wait lasts.
  chain.onSubmitted = () => chain.commit()
  return { ...(await serve({ minHeightWaitMs: 1, onFault: (error) => faults.push(error) }, chain)), faults }
}

const rows = OPERATIONS.map((operation) => {
  const described: Described = DOCUMENT.paths[operation.path][operation.method.toLowerCase()]
  return [operation.id, operation, described] as const
})

describe('requests drawn from the document', () => {
  it.each(rows)(
    '%s: what the document calls valid is never refused for its form',
    async (_id, operation, described) => {
      const node = await served()
      // The checksum and the prefix of an address are more than a pattern can say, and a header's form is only described.
      const isFreeText = new Set(['address', 'account', 'cursor', 'Last-Event-ID'])
      await fc.assert(
        fc.asyncProperty(validRequests(described), async (drawn) => {
          const refusal = await exchange(node, operation, described, drawn)
          if (refusal?.code !== 'invalid-request') return
          for (const error of refusal.errors ?? [])
            expect(isFreeText.has(error.parameter ?? ''), refusal.detail).toBe(true)
        }),
        { numRuns: RUNS },
      )
      expect(node.faults).toEqual([])
    },
  )

  it.each(rows)('%s: anything at all gets a declared answer and no fault', async (_id, operation, described) => {
    const node = await served()
    await fc.assert(
      fc.asyncProperty(anyRequests(described), async (drawn) => {
        await exchange(node, operation, described, drawn)
      }),
      { numRuns: RUNS },
    )
    expect(node.faults).toEqual([])
  })
})
