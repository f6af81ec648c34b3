// One endpoint as a value. Routing, validation, TypeScript types, /openapi.json and the drift tests come from it:
//  1. Declare the shape of the answer with zod (z.object, never strict: members may be added) in api/contract/*.ts and its
//     type with Seen<z.infer<…>>. Give shapes that occur twice a name: `.meta({ id: 'Block' })`.
//  2. Declare an Operation: `parameters` (of the path) and `query` are zod objects over texts, NONE where there are none. Use
//     the fields of api/contract/parameters.ts; a new one gets .meta({ description }).
//  3. Name the problem codes that only this operation has; those of every request are added by `problemsOf`.
//  4. Give an example request that answers 2xx on the chain of test/api/contract/example-chain.ts. The example answer is
//     recorded in api/contract/examples/<id>.json by `vitest run test/api/contract -u`: read it before you commit it.
//  5. `route(operation, handle)` makes the Route: handle gets parsed and typed `path` and `query`. Add it to api/routes.ts.
//  6. Describe it in docs/API.md: a test looks for its method and path.

import type { Request, Response } from 'express'
import { z } from 'zod'
import { type Answer, type ApiContext, type Handler, type Route, refuse } from '../answer.ts'
import { invalidParameters, type Parsed, parsed, refused } from '../parse.ts'
import { PROBLEMS, type ProblemCode } from '../problem.ts'

export type Tag = 'Transactions' | 'Blocks' | 'Accounts' | 'Network' | 'Node'

/** What one status answers: the whole body by media type, `text` where it has no schema. */
export interface AnswerSpec {
  readonly description: string
  readonly content: Readonly<Record<string, z.ZodType | 'text'>>
}

export interface BodySpec {
  /** Longer bodies are refused unread. */
  readonly bytesMax: number
  /** By media type; `binary` where it is no JSON. */
  readonly content: Readonly<Record<string, z.ZodType | 'binary'>>
}

export interface Operation<P extends z.ZodObject = z.ZodObject, Q extends z.ZodObject = z.ZodObject> {
  /** operationId: camelCase, unique, never changed. */
  readonly id: string
  readonly method: 'GET' | 'POST'
  /** With `{name}` for each of `parameters`. */
  readonly path: string
  readonly tag: Tag
  readonly summary: string
  readonly description: string
  readonly parameters: P
  readonly query: Q
  /** Request headers that only this operation reads, with what they do. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: BodySpec
  /** By status; 200 and 202, and for probes 503. Problems are not listed here. */
  readonly answers: Readonly<Record<number, AnswerSpec>>
  readonly problems: readonly ProblemCode[]
  readonly example: {
    readonly path?: Readonly<Record<string, string>>
    readonly query?: Readonly<Record<string, string>>
    /** JSON. */
    readonly body?: unknown
  }
}

/** No parameters: whatever is sent is refused. */
export const NONE = z.strictObject({})

/** What the handler of an operation gets. */
export interface Input<P extends z.ZodObject, Q extends z.ZodObject> {
  readonly path: z.output<P>
  readonly query: z.output<Q>
  readonly request: Request
  readonly response: Response
}

export function route<P extends z.ZodObject, Q extends z.ZodObject>(
  operation: Operation<P, Q>,
  handle: (input: Input<P, Q>, api: ApiContext) => Answer | Promise<Answer>,
): Route {
  // Most requests have no query and submissions no parameters, so what their absence means is worked out once.
  const absent = parseWith(operation.query, {})
  const fixed = operation.path.includes('{') ? undefined : parseWith(operation.parameters, {})
  const parsing: Handler = (request, response, api) => {
    const path = fixed ?? parseWith(operation.parameters, request.params)
    if (!path.ok) return refuse(path.problem)
    const query = request.originalUrl.includes('?') ? parseWith(operation.query, request.query) : absent
    if (!query.ok) return refuse(query.problem)
    return handle({ path: path.value, query: query.value, request, response }, api)
  }
  return { operation, handle: parsing }
}

function parseWith<S extends z.ZodObject>(schema: S, values: unknown): Parsed<z.output<S>> {
  const result = schema.safeParse(values)
  return result.success ? parsed(result.data) : refused(invalidParameters(result.error))
}

/** Every code that a request to the operation can be answered with. */
export function problemsOf(operation: Operation): readonly ProblemCode[] {
  const codes = new Set<ProblemCode>(['invalid-request', 'not-acceptable', 'min-height-unmet', 'headers-too-large'])
  if (operation.path.startsWith('/v1')) codes.add('too-many-requests')
  if (operation.body !== undefined) {
    for (const code of ['malformed-json', 'request-timeout', 'body-too-large', 'unsupported-media-type'] as const) {
      codes.add(code)
    }
  }
  for (const code of operation.problems) codes.add(code)
  codes.add('internal')
  return [...codes].sort((a, b) => PROBLEMS[a].status - PROBLEMS[b].status || a.localeCompare(b))
}

/** Media types that the operation can answer with, the preferred one first. */
export function mediaTypesOf(operation: Operation): readonly string[] {
  return [...new Set(Object.values(operation.answers).flatMap(({ content }) => Object.keys(content)))]
}

export const JSON_TYPE = 'application/json'

/** An answer of one JSON body. */
export function answers(description: string, body: z.ZodType): AnswerSpec {
  return { description, content: { [JSON_TYPE]: body } }
}
