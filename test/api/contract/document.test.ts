import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { exampleOf, openApiOf } from '../../../api/contract/document.ts'
import { problemsOf } from '../../../api/contract/operation.ts'
import { PROBLEMS } from '../../../api/problem.ts'
import { ROUTES } from '../../../api/routes.ts'
import { serve } from '../serve.ts'

const OPERATIONS = ROUTES.map(({ operation }) => operation)
const MANUAL = readFileSync(new URL('../../../docs/API.md', import.meta.url), 'utf8')
const document = openApiOf(OPERATIONS, '1.2.3')

/** Every value under a key of this name, at any depth. */
function collect(value: unknown, key: string): unknown[] {
  if (Array.isArray(value)) return value.flatMap((item) => collect(item, key))
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([name, item]) => [...(name === key ? [item] : []), ...collect(item, key)])
}

describe('operations', () => {
  it('have names, methods and paths of their own', () => {
    expect(new Set(OPERATIONS.map(({ id }) => id)).size).toBe(OPERATIONS.length)
    expect(new Set(OPERATIONS.map(({ method, path }) => `${method} ${path}`)).size).toBe(OPERATIONS.length)
    for (const { id } of OPERATIONS) expect(id).toMatch(/^[a-z]+(?:[A-Z][a-z]+)*$/)
  })

  it.each(OPERATIONS.map((operation) => [operation.id, operation] as const))(
    '%s declares its path parameters, an example and a description',
    (id, { path, parameters, example, summary, description, answers }) => {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      expect(Object.keys(parameters.shape)).toEqual(named)
      expect(Object.keys(example.path ?? {})).toEqual(named)
      expect([summary, description]).not.toContain('')
      const isJson = Object.values(answers).some(({ content }) => typeof content['application/json'] === 'object')
      expect(exampleOf(id) !== undefined).toBe(isJson && id !== 'getDocument')
    },
  )

  it('are all described in docs/API.md', () => {
    for (const { method, path } of OPERATIONS) {
      const isNamed = MANUAL.includes(`\`${method} ${path}\``) || MANUAL.includes(`\`, \`${method} ${path}\``)
      expect(isNamed, `${method} ${path}`).toBe(true)
    }
  })

  it('name together every problem code but those of requests that reach none', () => {
    const named = new Set(OPERATIONS.flatMap(problemsOf))
    const rest = Object.keys(PROBLEMS).filter((code) => ![...named].some((name) => name === code))
    expect(rest.sort()).toEqual(['method-not-allowed', 'route-unknown'])
  })

  it('have no recorded example that nobody declares', () => {
    const files = readdirSync(new URL('../../../api/contract/examples/', import.meta.url))
    expect(files.filter((file) => !OPERATIONS.some(({ id }) => file === `${id}.json`))).toEqual([])
  })
})

describe('the OpenAPI document', () => {
  it('has every operation under its id, and no other', () => {
    const described = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
      Object.entries(item).map(([method, { operationId }]) => `${operationId}: ${method.toUpperCase()} ${path}`),
    )
    expect(described.sort()).toEqual(OPERATIONS.map(({ id, method, path }) => `${id}: ${method} ${path}`).sort())
  })

  it('has no reference that leads nowhere', () => {
    const { schemas = {}, headers = {} } = document.components ?? {}
    const names = Object.keys(schemas)
    expect(names).toEqual(expect.arrayContaining(['Block', 'Transaction', 'Problem', 'ProblemCode']))
    const places = [...names.map((name) => `schemas/${name}`), ...Object.keys(headers).map((name) => `headers/${name}`)]
    for (const ref of collect(document, '$ref')) expect(places).toContain(String(ref).replace('#/components/', ''))
  })

  it('closes its enums: the problem codes are those that exist', () => {
    expect(document.components?.schemas?.ProblemCode).toMatchObject({ enum: Object.keys(PROBLEMS) })
  })

  it('is served as it is made, the same for everybody until the software changes', async () => {
    const { get } = await serve()
    const { status, body, headers } = await get('/openapi.json')
    expect([status, body.openapi, body.info.version]).toEqual([200, '3.1.0', '0.0.0-test'])
    expect(body).toEqual(JSON.parse(JSON.stringify(openApiOf(OPERATIONS, '0.0.0-test'))))
    const again = await get('/openapi.json', { 'if-none-match': headers.get('etag') ?? '' })
    expect(again.status).toBe(304)
  })
})
