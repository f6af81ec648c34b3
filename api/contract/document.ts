// The operations as an OpenAPI 3.1 document. Everything in it comes from the operations and their schemas; nothing is written
// here that a route could contradict.

import { readFileSync } from 'node:fs'
import { OpenAPIRegistry, OpenApiGeneratorV31, type RouteConfig } from '@asteasolutions/zod-to-openapi'
import { z } from 'zod'
import { toHex } from '../../crypto/bytes.ts'
import { sha256 } from '../../crypto/hash.ts'
import { PROBLEMS } from '../problem.ts'
import { type AnswerSpec, JSON_TYPE, type Operation, problemsOf } from './operation.ts'
import { problem } from './problem.ts'

export type OpenApiDocument = ReturnType<OpenApiGeneratorV31['generateDocument']>

const DESCRIPTION = `Every node serves this API: submit transactions, learn what became of them, read committed blocks and
accounts. It shows committed state only, and committed is final. Amounts, nonces, heights and views are decimal strings.
Members are only ever added under \`/v1\`, so ignore those you do not know.`

const TEXT = z.string()

const ALWAYS = [
  'X-Chain-Id',
  'X-Block-Height',
  'X-Block-Hash',
  'X-Oldest-Height',
  'X-Request-Id',
  'Server-Timing',
] as const
const RESPONSE_HEADERS = {
  'X-Chain-Id': 'The chain.',
  'X-Block-Height': 'Height of the committed head when the answer was sent.',
  'X-Block-Hash': 'Hash of the committed head.',
  'X-Oldest-Height': 'Lowest height whose block the node still holds.',
  'X-Request-Id': 'Name of the request in the log of the node.',
  'Server-Timing': 'Milliseconds the node took, waits included.',
  Location: 'Where to ask again.',
  'Retry-After': 'Seconds after which to ask again.',
} as const

function headers(...more: readonly (keyof typeof RESPONSE_HEADERS)[]) {
  return Object.fromEntries([...ALWAYS, ...more].map((name) => [name, { $ref: `#/components/headers/${name}` }]))
}

/** The same operations give the same document, byte by byte. */
export function openApiOf(operations: readonly Operation[], version: string): OpenApiDocument {
  const registry = new OpenAPIRegistry()
  for (const [name, description] of Object.entries(RESPONSE_HEADERS)) {
    registry.registerComponent('headers', name, { description, schema: { type: 'string' } })
  }
  for (const operation of operations) registry.registerPath(pathOf(operation))
  const document = new OpenApiGeneratorV31([problem, ...registry.definitions], {
    unionPreferredType: 'oneOf',
  }).generateDocument({
    openapi: '3.1.0',
    info: {
      title: 'Scoville',
      version,
      description: DESCRIPTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    tags: ['Transactions', 'Blocks', 'Accounts', 'Network', 'Node'].map((name) => ({ name })),
  })
  for (const operation of operations) addParameterExamples(document, operation)
  return document
}

/** The example request, so that the viewer begins with what works. */
function addParameterExamples(document: OpenApiDocument, { method, path, example }: Operation): void {
  const item = document.paths?.[path]
  const described = method === 'GET' ? item?.get : item?.post
  for (const parameter of described?.parameters ?? []) {
    if (!('in' in parameter)) continue
    const value = (parameter.in === 'path' ? example.path : example.query)?.[parameter.name]
    if (value === undefined || parameter.in === 'header') continue
    const isNumber = parameter.schema !== undefined && 'type' in parameter.schema && parameter.schema.type === 'integer'
    parameter.example = isNumber ? Number(value) : value
  }
}

let last: { readonly of: readonly Operation[]; readonly text: string; readonly etag: string } | undefined

/** The document as it is served; made once, since the operations of a server never change. */
export function openApiText(
  operations: readonly Operation[],
  version: string,
): { readonly text: string; readonly etag: string } {
  if (last?.of !== operations) {
    const text = JSON.stringify(openApiOf(operations, version))
    last = { of: operations, text, etag: toHex(sha256(Buffer.from(text))).slice(0, 32) }
  }
  return last
}

function pathOf(operation: Operation): RouteConfig {
  const { id, method, path, tag, summary, description, parameters, query, body, example } = operation
  return {
    method: method === 'GET' ? 'get' : 'post',
    path,
    operationId: id,
    tags: [tag],
    summary,
    description,
    request: {
      params: parameters,
      query,
      headers: headersOf(operation),
      ...(body === undefined ? {} : { body: { required: true, content: contentOf(body.content, example.body) } }),
    },
    responses: { ...answersOf(operation), ...refusalsOf(operation) },
  }
}

function headersOf(operation: Operation): z.ZodObject {
  const described = {
    'X-Min-Height': 'Answer from this height or above; 412 when it does not come within 2 s.',
    'X-Request-Id': 'Names the request in the log of the node: 1 to 64 of `A-Z a-z 0-9 _ . -`.',
    ...operation.headers,
  }
  return z.object(
    Object.fromEntries(
      Object.entries(described).map(([name, text]) => [name, z.string().optional().meta({ description: text })]),
    ),
  )
}

function contentOf(content: AnswerSpec['content'] | NonNullable<Operation['body']>['content'], example: unknown) {
  return Object.fromEntries(
    Object.entries(content).map(([type, schema]) => {
      if (schema === 'text') return [type, { schema: TEXT }]
      if (schema === 'binary') return [type, { schema: { type: 'string' as const, contentMediaType: type } }]
      return [type, { schema, ...(type === JSON_TYPE && example !== undefined ? { example } : {}) }]
    }),
  )
}

function answersOf(operation: Operation): RouteConfig['responses'] {
  const recorded = exampleOf(operation.id)
  return Object.fromEntries(
    Object.entries(operation.answers).map(([status, { description, content }]) => [
      status,
      {
        description,
        headers: status === '202' ? headers('Location', 'Retry-After') : headers(),
        content: contentOf(content, recorded?.status === Number(status) ? recorded.body : undefined),
      },
    ]),
  )
}

/** One response a status, with the codes that this operation can give there and no other. */
function refusalsOf(operation: Operation): RouteConfig['responses'] {
  const codes = problemsOf(operation)
  const statuses = [...new Set(codes.map((code) => PROBLEMS[code].status))]
  return Object.fromEntries(
    statuses
      .filter((status) => operation.answers[status] === undefined)
      .map((status) => {
        const possible = codes.filter((code) => PROBLEMS[code].status === status)
        const description = possible.map((code) => `\`${code}\`: ${PROBLEMS[code].help}`).join('\n\n')
        const closed = { type: 'object' as const, properties: { code: { enum: possible } } }
        const schema = { allOf: [{ $ref: '#/components/schemas/Problem' }, closed] }
        // Codes of one status agree on whether a repetition may succeed.
        const isRetryable = possible.some((code) => PROBLEMS[code].retryAfter !== undefined)
        const content = { 'application/problem+json': { schema } }
        return [status, { description, headers: headers(...(isRetryable ? (['Retry-After'] as const) : [])), content }]
      }),
  )
}

export interface RecordedAnswer {
  readonly status: number
  readonly body?: unknown
}

/** What the test chain answered to the example request (test/api/contract/operation-examples.test.ts); undefined before it ran. */
export function exampleOf(id: string): RecordedAnswer | undefined {
  try {
    const recorded: RecordedAnswer = JSON.parse(readFileSync(new URL(`examples/${id}.json`, import.meta.url), 'utf8'))
    return recorded
  } catch {
    return undefined
  }
}
