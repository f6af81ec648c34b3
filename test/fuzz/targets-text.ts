// Parsers of what people and HTTP clients write.

import { readFileSync } from 'node:fs'
import express, { type Request } from 'express'
import { parseBatchBody, parseTransactionBody } from '../../api/body.ts'
import { decodeCursor, encodeCursor } from '../../api/cursor.ts'
import { type Parsed, parseBlockRef, waitOf } from '../../api/parse.ts'
import { ROUTES } from '../../api/routes.ts'
import { endpointProblem } from '../../genesis/endpoint.ts'
import { parseGenesisFile } from '../../genesis/genesis-file.ts'
import { parseConfig } from '../../node/config.ts'
import { ACCEPTED, parserTarget, REFUSED, type Target, textTarget, type Verdict } from './target.ts'

const HASH = `0x${'0a'.repeat(32)}`
const FILTER = ['chain', 'blocks']

const golden: { readonly file: unknown } = JSON.parse(
  readFileSync(new URL('../golden/genesis.json', import.meta.url), 'utf8'),
)

/** A request as the routes get it, without a socket: express's own prototype over these fields. */
function requestOf(fields: Record<string, unknown>): Request {
  return Object.assign(Object.create(express.request), { headers: {}, originalUrl: '/', ...fields })
}

function verdictOf(parsed: Parsed<unknown>): Verdict {
  return parsed.ok ? ACCEPTED : REFUSED
}

function bodyTarget(
  name: string,
  type: string,
  valid: readonly string[],
  parse: (request: Request) => Parsed<unknown>,
) {
  return parserTarget(
    name,
    valid.map((text) => Buffer.from(text)),
    (input) => verdictOf(parse(requestOf({ headers: { 'content-type': type }, body: Buffer.from(input) }))),
  )
}

const PROBES = 3
const QUERIES = ROUTES.map(({ operation }) => operation.query)

/** As express's simple parser gives it: texts, or lists of texts where a name is repeated. */
function queryOf(text: string): Record<string, string | string[]> {
  const query: Record<string, string | string[]> = Object.create(null)
  for (const [name, value] of new URLSearchParams(text)) {
    const before = query[name]
    query[name] = before === undefined ? value : [...(Array.isArray(before) ? before : [before]), value]
  }
  return query
}

export const textTargets: readonly Target[] = [
  textTarget(
    'genesis-file',
    [
      JSON.stringify(golden.file),
      JSON.stringify(golden.file, null, 1).replace('"power": 1', '"power": 9007199254740991'),
    ],
    (text) => (parseGenesisFile(text).ok ? ACCEPTED : REFUSED),
  ),
  textTarget(
    'config-file',
    ['apiPort = 4000\nlogLevel = "info"\npeers = ["/ip4/127.0.0.1/tcp/1"]\n', 'idleIntervalMs = 0x10\nmetrics = false'],
    (text) => (parseConfig({ flags: {}, env: {}, file: { path: 'node.toml', text } }).ok ? ACCEPTED : REFUSED),
  ),
  textTarget(
    'endpoint',
    [
      '/ip4/127.0.0.1/tcp/4100',
      '/dns4/validator.example/tcp/1/p2p/12D3KooWKRyzVWW6ChFjQjK4miCty85Niy48tpPV95XdKu1BcvMA',
    ],
    (text) => (endpointProblem(text, 'dial') === undefined ? ACCEPTED : REFUSED),
  ),
  textTarget(
    'cursor',
    [
      encodeCursor({ direction: 'after', key: 77 }, FILTER),
      encodeCursor({ direction: 'before', key: 2 ** 52 }, FILTER),
    ],
    (text) => {
      const decoded = decodeCursor(text, FILTER)
      if (!decoded.ok) return REFUSED
      return { kind: 'accepted', again: Buffer.from(encodeCursor(decoded.cursor, FILTER)), of: Buffer.from(text) }
    },
  ),
  textTarget('block-reference', ['latest', 'genesis', '0', '9007199254740991', HASH], (text) => {
    return parseBlockRef(text) === undefined ? REFUSED : ACCEPTED
  }),
  bodyTarget('transaction-body', 'application/json', [`{"tx":"${HASH}"}`, '{ "tx" : "0x" }'], parseTransactionBody),
  bodyTarget(
    'batch-body',
    'application/json; charset=utf-8',
    [`{"txs":["${HASH}","0xAb"]}`, '{"txs":[[[[[[[["0x"]]]]]]]]}'],
    parseBatchBody,
  ),
  textTarget(
    'query',
    [
      'from=1&to=20&order=asc&limit=100',
      'cursor=AAAAAAAAAAAAAAAAAAAAAAAA&limit=5',
      'wait=committed&timeout=500ms',
      'include=transactions,certificate',
      '',
    ],
    (text) => {
      waitOf({}, requestOf({ headers: { prefer: text } }))
      const query = queryOf(text)
      // Probes take anything, so they accept nothing that is worth knowing.
      const accepting = QUERIES.filter((schema) => schema.safeParse(query).success)
      return accepting.length > PROBES ? ACCEPTED : REFUSED
    },
  ),
]
