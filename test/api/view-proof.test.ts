// A proof survives its JSON, and JSON that is no proof is answered with undefined, never with an error.

import { beforeAll, describe, expect, test } from 'vitest'
import { FINALITY_HEADERS_MAX } from '../../api/proofs.ts'
import {
  readAccountProof,
  readCertificateProof,
  readTransactionProof,
  viewAccountProof,
  viewFinality,
  viewTransactionProof,
} from '../../api/view-proof.ts'
import { encodeQC } from '../../consensus/wire.ts'
import { assert } from '../../crypto/assert.ts'
import { toHex } from '../../crypto/bytes.ts'
import { createProvedChain, type ProvedChain, readerOf } from '../node/proved-chain.ts'

let chain: ProvedChain
let node: ReturnType<typeof readerOf>

beforeAll(async () => {
  chain = await createProvedChain('fast')
  const one = chain.world.nodes[1]
  assert(one !== undefined, 'there are four')
  node = readerOf(one)
})

function views() {
  const [, , , id] = chain.sent
  const person = chain.committee.people[1]
  const head = node.store.head()
  assert(id !== undefined && person !== undefined && head !== undefined, 'the chain has all of them')
  const transaction = node.transaction(id)
  const held = node.account(person.address)
  const absent = node.account('ee'.repeat(20))
  const certificate = node.certificate(head.blockId)
  assert(transaction && held && absent && certificate, 'all are proved')
  const finality = viewFinality(certificate.finality)
  return {
    certificate: {
      proof: certificate,
      view: { certificate: { bytes: `0x${toHex(encodeQC(certificate.certificate))}` }, finality },
    },
    transaction: { proof: transaction, view: viewTransactionProof(id, transaction, { id: head.blockId, height: 2 }) },
    held: { proof: held, view: viewAccountProof(held) },
    absent: { proof: absent, view: viewAccountProof(absent) },
  }
}

/** Through real JSON. */
const sent = (view: unknown): unknown => JSON.parse(JSON.stringify(view))

test('what a node proves reads back as it was', () => {
  const { certificate, transaction, held, absent } = views()
  expect(readCertificateProof(sent(certificate.view), 4)).toEqual(certificate.proof)
  expect(readTransactionProof(sent(transaction.view), 4)).toEqual(transaction.proof)
  expect(readAccountProof(sent(held.view), 4)).toEqual(held.proof)
  expect(readAccountProof(sent(absent.view), 4)).toEqual(absent.proof)
})

describe('what is no proof is not read', () => {
  const headers = (change: (headers: readonly string[]) => unknown) => () => {
    const { view } = views().transaction
    return { ...view, finality: { ...view.finality, headers: change(view.finality.headers) } }
  }
  const rows: [string, () => unknown][] = [
    ['nothing', () => undefined],
    ['null', () => null],
    ['a text', () => 'proof'],
    ['an empty object', () => ({})],
    ['headers that are no list', headers(() => 'all')],
    ['more headers than a node could need', headers(([first]) => Array(FINALITY_HEADERS_MAX + 1).fill(first))],
    ['a header with a byte too many', headers(([first, ...rest]) => [`${first}00`, ...rest])],
    ['a header that is a number', headers(([, ...rest]) => [7, ...rest])],
    [
      'a path longer than any tree is high',
      () => ({ ...views().transaction.view, receiptPath: Array(54).fill(`0x${'ab'.repeat(32)}`) }),
    ],
    ['a hash that is too short', () => ({ ...views().transaction.view, itemsRoot: '0xab' })],
    ['an index that is a text', () => ({ ...views().transaction.view, block: { index: '0' } })],
    ['a count that is no whole number', () => ({ ...views().transaction.view, count: 1.5 })],
    ['bytes that are no hex', () => ({ ...views().transaction.view, transaction: '0xzz' })],
    ['an object that inherits its members', () => Object.create(views().transaction.view)],
  ]
  test.each(rows)('%s', (_, view) => {
    expect(readTransactionProof(view(), 4)).toBeUndefined()
  })

  test('a bitmap of another number of validators', () => {
    const { certificate } = views()
    expect(readCertificateProof(certificate.view, 40)).toBeUndefined()
  })

  const accounts: [string, object][] = [
    ['a value that is missing', { value: undefined }],
    ['another leaf that is half there', { other: { key: `0x${'ab'.repeat(32)}` } }],
    ['another leaf that is missing', { other: undefined }],
    ['more siblings than a key has bits', { siblings: Array(257).fill(`0x${'ab'.repeat(32)}`) }],
  ]
  test.each(accounts)('an account with %s', (_, change) => {
    expect(readAccountProof({ ...views().absent.view, ...change }, 4)).toBeUndefined()
  })
})
