// The forgeries a client refuses that knows nothing but the genesis file, with real signatures (DESIGN.md section 4, guarantee 5).
// Every row changes one thing about a proof that holds, and says what is wrong with it then.

import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  type AccountProof,
  type CertificateProof,
  FINALITY_HEADERS_MAX,
  type FinalityProof,
  type TransactionProof,
} from '../../api/proofs.ts'
import {
  type Trust,
  trustGenesis,
  type Verdict,
  verifyAccount,
  verifyCertificate,
  verifyTransaction,
} from '../../api/verify.ts'
import type { Block, BlockId, Header, Height, QC } from '../../consensus/types.ts'
import { blockIdOf } from '../../consensus/wire.ts'
import { assert } from '../../crypto/assert.ts'
import { createNobleBls } from '../../crypto/bls-noble.ts'
import { type Hash, ZERO_HASH } from '../../crypto/bytes.ts'
import { accountKey, decodeAccount, encodeAccount } from '../../ledger/account.ts'
import { decodeReceipt, encodeReceipt } from '../../ledger/receipt.ts'
import { valueHashOf } from '../../ledger/state-proof.ts'
import { createProvedChain, type ProvedChain, readerOf } from '../node/proved-chain.ts'

let chain: ProvedChain
let trust: Trust
let node: ReturnType<typeof readerOf>

beforeAll(async () => {
  chain = await createProvedChain('real')
  const { genesis, scheme } = chain.committee
  trust = trustGenesis(genesis, scheme.bls)
  const one = chain.world.nodes[1]
  assert(one !== undefined, 'there are four')
  node = readerOf(one)
}, 60_000)

function present<T>(value: T | undefined): T {
  assert(value !== undefined, 'present')
  return value
}

function blockAt(height: number): Block {
  return present(node.store.blockAt(height as Height)).block
}

function certificateAt(height: number): CertificateProof {
  return present(node.certificate(blockAt(height).id))
}

/** The first block whose child was not certified right above it. */
function gapHeight(): number {
  let height = 1
  while (certificateAt(height).finality.headers.length === 2) height++
  return height
}

function kindOf(verdict: Verdict<unknown>): string {
  if (verdict.ok) return 'accepted'
  const { rejection } = verdict
  return rejection.kind === 'bad-certificate' ? `certificate ${rejection.rejection.kind}` : rejection.kind
}

const flipped = (bytes: Uint8Array, at: number, bit = 1): Uint8Array =>
  bytes.with(at < 0 ? bytes.length + at : at, present(bytes.at(at)) ^ bit)

/** Headers of a liar's own, properly linked, under a certificate that names the last of them. */
function fabricated(first: Header, qc: QC, ofChild: Partial<Header> = {}): FinalityProof {
  const parentId = blockIdOf(first)
  const child = { ...blockAt(first.height + 1).proposal.header, parentId, ...ofChild }
  const certificate = { ...qc, blockId: blockIdOf(child), view: child.view, parentId, parentView: first.view }
  return { headers: [first, child], certificate }
}

describe('a final block', () => {
  type Forge = (honest: CertificateProof) => CertificateProof
  const ofFinality =
    (change: (finality: FinalityProof) => Partial<FinalityProof>): Forge =>
    (honest) => ({ ...honest, finality: { ...honest.finality, ...change(honest.finality) } })
  const ofHeader = (at: number, change: Partial<Header>): Forge =>
    ofFinality(({ headers }) => ({ headers: headers.with(at, { ...present(headers.at(at)), ...change }) }))
  const ofFinal = (change: (qc: QC) => Partial<QC>): Forge =>
    ofFinality(({ certificate }) => ({ certificate: { ...certificate, ...change(certificate) } }))

  const rows: [string, string, Forge][] = [
    ['as the node gave it', 'accepted', (honest) => honest],
    ['the block without its child', 'wrong-length', ofFinality(({ headers }) => ({ headers: headers.slice(0, 1) }))],
    ['no header', 'wrong-length', ofFinality(() => ({ headers: [] }))],
    [
      'more headers than a node could need',
      'wrong-length',
      ofFinality(({ headers }) => ({ headers: Array(FINALITY_HEADERS_MAX + 1).fill(headers[0]) })),
    ],
    ['another content of the block', 'not-linked', ofHeader(0, { payloadRoot: ZERO_HASH })],
    ['another content of the child', 'not-final', ofHeader(-1, { stateRoot: ZERO_HASH })],
    ['another height of the block', 'not-linked', ofHeader(0, { height: 99 as Height })],
    ['a header of another chain', 'wrong-chain', ofHeader(0, { genesisHash: 'cd'.repeat(32) as never })],
    ['a header of other validators', 'wrong-validators', ofHeader(1, { epochHash: ZERO_HASH })],
    ['a certificate of another block', 'not-final', ofFinal(() => certificateAt(7).finality.certificate)],
    ['another view in the certificate', 'not-final', ofFinal(({ view }) => ({ view: (view + 1) as never }))],
    ['another parent view', 'not-final', ofFinal(({ parentView }) => ({ parentView: (parentView - 1) as never }))],
    ['another parent in the certificate', 'not-final', ofFinal(() => ({ parentId: ZERO_HASH as BlockId }))],
    ['another epoch', 'certificate wrong-epoch', ofFinal(() => ({ epoch: 1 as never }))],
    [
      'a signature of another certificate',
      'certificate bad-signature',
      ofFinal(() => ({ signature: certificateAt(7).finality.certificate.signature })),
    ],
    [
      'a signature that is no point',
      'certificate bad-signature',
      ofFinal(() => ({ signature: new Uint8Array(96).fill(1) })),
    ],
    ['too few signers', 'certificate below-quorum', ofFinal(() => ({ signers: Uint8Array.of(0b11) }))],
    ['nobody as signer', 'certificate below-quorum', ofFinal(() => ({ signers: Uint8Array.of(0) }))],
    ['signers beyond the validators', 'certificate bad-bitmap', ofFinal(() => ({ signers: Uint8Array.of(0xff) }))],
    ['no bitmap', 'certificate bad-bitmap', ofFinal(() => ({ signers: new Uint8Array(0) }))],
    [
      'signers who did not sign',
      'certificate bad-signature',
      ofFinal(({ signers }) => ({ signers: Uint8Array.of(signers[0] === 0b1111 ? 0b0111 : 0b1111) })),
    ],
    [
      'headers of a liar under a signature of others',
      'certificate bad-signature',
      (honest) => ({
        ...honest,
        finality: fabricated({ ...blockAt(3).proposal.header, stateRoot: ZERO_HASH }, honest.finality.certificate),
      }),
    ],
    [
      'a child that skips a height',
      'not-linked',
      (honest) => {
        const { certificate } = honest.finality
        return { ...honest, finality: fabricated(blockAt(3).proposal.header, certificate, { height: 5 as Height }) }
      },
    ],
    [
      'a genesis block of a liar',
      'wrong-chain',
      (honest) => ({
        ...honest,
        finality: fabricated({ ...blockAt(0).proposal.header, stateRoot: ZERO_HASH }, honest.finality.certificate),
      }),
    ],
    ['the proof of another block', 'wrong-block', () => certificateAt(4)],
    [
      'the certificate of another block',
      'wrong-block',
      (honest) => ({ ...honest, certificate: certificateAt(4).certificate }),
    ],
    [
      'a certificate of the block that nobody signed',
      'certificate bad-signature',
      ({ certificate, finality }) => ({ finality, certificate: { ...certificate, signature: new Uint8Array(96) } }),
    ],
  ]
  test.each(rows)('%s: %s', async (_, expected, forge) => {
    expect(kindOf(await verifyCertificate(trust, blockAt(3).id, forge(certificateAt(3))))).toBe(expected)
  })

  test('whose certified child is not one view above is not yet final: only a longer proof is', async () => {
    const height = gapHeight()
    const { certificate, finality } = certificateAt(height)
    const { id } = blockAt(height)
    expect(kindOf(await verifyCertificate(trust, id, { certificate, finality }))).toBe('accepted')
    const short = { headers: finality.headers.slice(0, 2), certificate: certificateAt(height + 1).certificate }
    expect(kindOf(await verifyCertificate(trust, id, { certificate, finality: short }))).toBe('not-final')
    const holed = { ...finality, headers: finality.headers.toSpliced(1, 1) }
    expect(kindOf(await verifyCertificate(trust, id, { certificate, finality: holed }))).toBe('not-linked')
  })

  test('of another chain with the same validators is refused, whatever they signed', async () => {
    const { genesis, scheme } = chain.committee
    const other = trustGenesis({ ...genesis, genesisHash: 'cd'.repeat(32) as never }, scheme.bls)
    expect(kindOf(await verifyCertificate(other, blockAt(3).id, certificateAt(3)))).toBe('wrong-chain')
  })

  test('is checked by the portable signatures alike', async () => {
    const portable = trustGenesis(chain.committee.genesis, createNobleBls())
    const honest = certificateAt(3)
    expect(kindOf(await verifyCertificate(portable, 3 as Height, honest))).toBe('accepted')
    const { certificate } = certificateAt(4)
    const signature = certificate.signature
    const forged = { ...honest, certificate: { ...honest.certificate, signature } }
    expect(kindOf(await verifyCertificate(portable, 3 as Height, forged))).toBe('certificate bad-signature')
  })
})

describe('a transaction', () => {
  type Forge = (honest: TransactionProof) => Partial<TransactionProof>
  const proofOf = (at: number): TransactionProof => present(node.transaction(present(chain.sent[at])))
  const receiptOf = ({ receipt }: TransactionProof) => {
    const decoded = decodeReceipt(receipt)
    assert(decoded.ok, 'a receipt')
    return decoded.value
  }
  const rows: [string, string, Forge][] = [
    ['as the node gave it', 'accepted', () => ({})],
    ['another transaction', 'wrong-transaction', () => proofOf(0)],
    ['bytes that are none', 'wrong-transaction', () => ({ bytes: Uint8Array.of(1) })],
    [
      'other bytes of the same id: a signature changed',
      'transaction-not-included',
      ({ bytes }) => ({ bytes: flipped(bytes, -1) }),
    ],
    ['another content', 'wrong-transaction', ({ bytes }) => ({ bytes: flipped(bytes, 40) })],
    ['the receipt of another transaction', 'wrong-receipt', () => ({ receipt: proofOf(0).receipt })],
    ['bytes that are no receipt', 'wrong-receipt', () => ({ receipt: Uint8Array.of(9) })],
    [
      'block effects as its receipt',
      'wrong-receipt',
      (honest) => ({ receipt: encodeReceipt({ ...receiptOf(honest), type: 2 }) }),
    ],
    [
      'a failure shown as a success',
      'receipt-not-included',
      (honest) => ({ receipt: encodeReceipt({ ...receiptOf(honest), status: 1, code: 0 }) }),
    ],
    [
      'another fee',
      'receipt-not-included',
      (honest) => ({ receipt: encodeReceipt({ ...receiptOf(honest), fee: 0n }) }),
    ],
    ['another index', 'transaction-not-included', ({ index }) => ({ index: index + 1 })],
    ['a negative index', 'transaction-not-included', () => ({ index: -1 })],
    ['another count', 'transaction-not-included', ({ count }) => ({ count: count + 4 })],
    ['a longer path', 'transaction-not-included', ({ path }) => ({ path: [...path, ZERO_HASH] })],
    ['another root', 'transaction-not-included', () => ({ itemsRoot: ZERO_HASH })],
    ['a shorter receipt path', 'receipt-not-included', ({ receiptPath }) => ({ receiptPath: receiptPath.slice(1) })],
    [
      'another receipt path',
      'receipt-not-included',
      ({ receiptPath }) => ({ receiptPath: receiptPath.with(0, ZERO_HASH) }),
    ],
    ['in another final block', 'transaction-not-included', () => ({ finality: certificateAt(7).finality })],
    [
      'in a block that is not final',
      'not-final',
      ({ finality }) => ({ finality: { ...finality, certificate: certificateAt(7).certificate } }),
    ],
  ]
  test.each(rows)('%s: %s', async (_, expected, forge) => {
    const honest = proofOf(3)
    expect(kindOf(await verifyTransaction(trust, present(chain.sent[3]), { ...honest, ...forge(honest) }))).toBe(
      expected,
    )
  })
})

describe('an account', () => {
  const addressOf = (at: number): string => present(chain.committee.people[at]).address
  /** An address that was never touched, where a leaf of somebody else stands. */
  const nobody = (): string => {
    const isBlocked = (address: string): boolean => node.account(address)?.state.other !== undefined
    return present(Array.from({ length: 256 }, (_, at) => at.toString(16).padStart(40, 'e')).find(isBlocked))
  }
  const richer = (value: Uint8Array | undefined): Uint8Array => {
    const decoded = decodeAccount(present(value))
    assert(decoded.ok, 'an account')
    return encodeAccount({ ...decoded.value, balance: decoded.value.balance + 1n })
  }
  const ofState =
    (change: (state: AccountProof['state']) => Partial<AccountProof['state']>) =>
    (honest: AccountProof): AccountProof => ({ ...honest, state: { ...honest.state, ...change(honest.state) } })
  const without = ({ finality, state }: AccountProof): AccountProof => ({ finality, state })

  const held: [string, string, (honest: AccountProof) => AccountProof][] = [
    ['as the node gave it', 'accepted', (honest) => honest],
    ['another balance', 'account-not-proved', (honest) => ({ ...honest, value: richer(honest.value) })],
    ['a value that is no account', 'wrong-account', (honest) => ({ ...honest, value: Uint8Array.of(7) })],
    ['the account of somebody else', 'account-not-proved', () => present(node.account(addressOf(2)))],
    ['said to be absent', 'account-not-proved', without],
    [
      'said to be absent, with its own leaf in its place',
      'account-not-proved',
      (honest) => {
        const other = { key: accountKey(addressOf(1)), valueHash: valueHashOf(present(honest.value)) }
        return { finality: honest.finality, state: { siblings: honest.state.siblings, other } }
      },
    ],
    [
      'another sibling',
      'account-not-proved',
      ofState(({ siblings }) => ({ siblings: siblings.with(0, 'ab'.repeat(32) as Hash) })),
    ],
    ['a sibling left out', 'account-not-proved', ofState(({ siblings }) => ({ siblings: siblings.slice(1) }))],
    [
      'more siblings than a key has bits',
      'account-not-proved',
      ofState(() => ({ siblings: Array(257).fill(ZERO_HASH) })),
    ],
    ['at another final block', 'account-not-proved', (honest) => ({ ...honest, finality: certificateAt(1).finality })],
    [
      'under a state root of a liar',
      'certificate bad-signature',
      ({ finality, ...honest }) => {
        const [header, child] = finality.headers
        const forged = { ...present(child), stateRoot: ZERO_HASH }
        const certificate = { ...finality.certificate, blockId: blockIdOf(forged) as BlockId }
        return { ...honest, finality: { headers: [present(header), forged], certificate } }
      },
    ],
  ]
  test.each(held)('%s: %s', async (_, expected, forge) => {
    const honest = present(node.account(addressOf(1)))
    expect(kindOf(await verifyAccount(trust, addressOf(1), forge(honest)))).toBe(expected)
  })

  const absent: [string, string, (honest: AccountProof) => AccountProof][] = [
    ['as the node gave it', 'accepted', (honest) => honest],
    [
      'nobody with a balance',
      'account-not-proved',
      (honest) => ({ ...honest, value: richer(node.account(addressOf(1))?.value) }),
    ],
    [
      'an empty place where another leaf stands',
      'account-not-proved',
      ({ finality, state }) => ({ finality, state: { siblings: state.siblings } }),
    ],
    [
      'a leaf of another part of the tree',
      'account-not-proved',
      ofState(() => ({ other: { key: accountKey(addressOf(1)), valueHash: valueHashOf(Uint8Array.of(1)) } })),
    ],
  ]
  test.each(absent)('nobody, %s: %s', async (_, expected, forge) => {
    const address = nobody()
    expect(kindOf(await verifyAccount(trust, address, forge(present(node.account(address)))))).toBe(expected)
  })
})

test('the verifiers need no socket, no disk and no native BLS: what they import is this and no more', () => {
  const seen = new Set<string>()
  const packages = new Set<string>()
  const follow = (file: string): void => {
    if (seen.has(file)) return
    seen.add(file)
    const imports = readFileSync(file, 'utf8').matchAll(/^(?:import(?! type\b)|export (?=\{))[^;]*? from '([^']+)'$/gm)
    for (const [, path] of imports) {
      if (path?.startsWith('.') === true) follow(join(dirname(file), path))
      else if (path !== undefined) packages.add(path)
    }
  }
  follow('api/verify.ts')
  follow('api/view-proof.ts')
  expect(seen.has('consensus/certificates.ts')).toBe(true)
  expect([...packages].sort()).toEqual(['@scure/base', 'node:crypto', 'sodium-native'])
})
