// What a start makes of a damaged chain (DESIGN.md section 5, "Storage"; PITFALLS 35, 36 and 40). test/corruption does the same
// to whole directories by the thousand.

import { cp, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Height } from '../../consensus/types.ts'
import { auditChain } from '../../node/chain-audit.ts'
import { type ChainOpening, noteDamage, openChain } from '../../node/chain-opening.ts'
import { encodeHead } from '../../node/storage/block-record.ts'
import { openDatabase, type WriteOp } from '../../node/storage/database.ts'
import { blockKey, HEAD_KEY, nodeKey, SAFETY_MIRROR_KEY, transactionKey } from '../../node/storage/keys.ts'
import { certificatesOf, HEIGHT, makeTemplates, type Templates } from '../corruption/reference.ts'

let root: string
let templates: Templates

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'scoville-opening-'))
  templates = await makeTemplates(root)
}, 60_000)

afterAll(() => rm(root, { recursive: true, force: true }))

/** A copy of the whole chain with these writes done behind the node's back. */
async function damagedBy(...operations: readonly WriteOp[]): Promise<string> {
  const dir = await mkdtemp(join(root, 'case-'))
  await cp(join(root, 'tables'), dir, { recursive: true })
  const database = await openDatabase(join(dir, 'chain'))
  await database.write(operations, true)
  await database.close()
  return dir
}

function openingOf(dir: string, changes: Partial<ChainOpening> = {}) {
  const { committee } = templates.reference
  const said: string[] = []
  const say = (_: unknown, text?: unknown) => {
    said.push(String(text))
  }
  const opening: ChainOpening = {
    dir,
    ...committee,
    certificates: certificatesOf(committee),
    log: { info: say, warn: say },
    nowMs: () => Date.now(),
    mayRepair: true,
    hasPeers: true,
    ...changes,
  }
  return { opening, said }
}

const del = (key: Uint8Array): WriteOp => ({ type: 'del', key })
const idOf = (height: number, index: number) => {
  const id = templates.reference.records[height - 1]?.transactionIds[index]
  if (id === undefined) throw new RangeError('a transaction')
  return id
}

describe('damage that a start finds', () => {
  test.each<readonly [string, () => WriteOp, RegExp, number]>([
    ['a page of the state tree is gone', () => del(nodeKey('')), /root node is not that of height 90/, HEIGHT],
    ['a page below it is gone', () => del(nodeKey('0')), /page of keys 0… \(page "0"\) is missing/, HEIGHT],
    ['one of the last blocks is gone', () => del(blockKey(80 as Height)), /block at height 80 is missing/, 77],
    ['the head is gone', () => del(HEAD_KEY), /no head/, HEIGHT - 2],
  ])('%s: named, moved aside, and the good blocks are there again', async (_, operation, named, height) => {
    const dir = await damagedBy(operation())
    const { opening, said } = openingOf(dir)
    const store = await openChain(opening)
    expect(said[0]).toMatch(named)
    expect(store.head()?.height).toBe(height)
    expect(store.blockAt(height as Height)?.block.id).toBe(templates.reference.blocks[height]?.id)
    expect(store.repair).toEqual({ sources: [] })
    expect(store.mirror.isChainEmpty()).toBe(false)
    expect(store.mirror.read()).toBeDefined()
    expect(store.uncommitted().length).toBeGreaterThan(0)
    await store.close()
    const again = openingOf(dir)
    await (await openChain(again.opening)).close()
    expect(again.said).toEqual([])
  })

  test('a head certificate that no quorum signed', async () => {
    const { blocks, committee } = templates.reference
    const [head, carrier] = [blocks[HEIGHT], blocks[HEIGHT + 2]]
    if (head === undefined || carrier === undefined) throw new Error('blocks')
    const certificate = { ...carrier.proposal.justify, signature: new Uint8Array(96).fill(7) }
    const { stateRoot } = templates.reference.records.at(-1) ?? { stateRoot: '' as never }
    const database = await openDatabase(join(await damagedBy(), 'chain'))
    const sum = await import('../../node/storage/chain-check.ts').then(({ rootNodeSumOf }) =>
      rootNodeSumOf(database.get(nodeKey(''))),
    )
    await database.close()
    const record = { height: HEIGHT as Height, blockId: head.id, certificate, stateRoot, rootNodeSum: sum }
    const dir = await damagedBy({ type: 'put', key: HEAD_KEY, value: encodeHead(record) })
    const { opening, said } = openingOf(dir)
    const store = await openChain(opening)
    expect(said[0]).toMatch(/head certificate, height 90, is bad-signature/)
    expect(store.head()?.height).toBe(HEIGHT - 2)
    await store.close()
    expect(committee.validators.size).toBe(4)
  })

  test('nobody to ask: what loses no block is mended, what loses one is refused and left as it is', async () => {
    const dir = await damagedBy(del(nodeKey('0')))
    const mended = await openChain(openingOf(dir, { hasPeers: false }).opening)
    expect(mended.head()?.height).toBe(HEIGHT)
    await mended.close()
    const lost = await damagedBy(del(blockKey(80 as Height)))
    const refused = openChain(openingOf(lost, { hasPeers: false }).opening)
    await expect(refused).rejects.toMatchObject({
      code: 'storage-damaged',
      message: expect.stringMatching(/no peer to ask/),
    })
    expect(await readdir(lost)).not.toContain('quarantine')
  })

  test('--repair false: it is refused, left as it is, and the message says what to do', async () => {
    const dir = await damagedBy(del(nodeKey('0')))
    const refused = openChain(openingOf(dir, { mayRepair: false }).opening)
    await expect(refused).rejects.toMatchObject({ message: expect.stringMatching(/page "0".*`scoville db verify`/) })
    expect(await readdir(dir)).not.toContain('quarantine')
  })
})

describe('a kill during the repair', () => {
  test('while blocks are executed again: the next start goes on where it was', async () => {
    const dir = await damagedBy(del(nodeKey('0')))
    const certificates = certificatesOf(templates.reference.committee)
    let verified = 0
    // The first certificate is that of the tip, the next two of batches; then the power is gone.
    const dying = Object.assign(Object.create(certificates), {
      verifyQC(qc: Parameters<typeof certificates.verifyQC>[0]) {
        verified += 1
        if (verified > 2) throw new Error('the power is gone')
        return certificates.verifyQC(qc)
      },
    })
    await expect(openChain(openingOf(dir, { certificates: dying }).opening)).rejects.toThrow('the power is gone')
    const { opening, said } = openingOf(dir)
    const store = await openChain(opening)
    expect(store.head()?.height).toBe(HEIGHT)
    expect(said).toEqual([expect.stringMatching(/good blocks of the damaged database are executed again/)])
    await store.close()
  })

  test('between the two renames: the prepared database takes its place', async () => {
    const dir = await damagedBy(del(nodeKey('0')))
    await (await openChain(openingOf(dir).opening)).close()
    await rename(join(dir, 'chain'), join(dir, 'chain.new'))
    const store = await openChain(openingOf(dir).opening)
    expect(store.head()?.height).toBe(HEIGHT)
    await store.close()
    expect(await readdir(dir)).not.toContain('chain.new')
  })
})

test('damage beyond what a start looks at is met when it runs; the start after that looks at everything', async () => {
  const dir = await damagedBy(del(transactionKey(idOf(3, 0))))
  await (await openChain(openingOf(dir).opening)).close()
  noteDamage(dir, 'a transaction was not found')
  const { opening, said } = openingOf(dir)
  const store = await openChain(opening)
  expect(said.join()).toMatch(/met damage when it ran.*the index does not lead to transaction/)
  expect(store.transactionAt(idOf(3, 0))).toEqual({ height: 3, index: 0 })
  await store.close()
})

test('a pruned chain is as good as another: it opens, and the audit finds nothing', async () => {
  const dir = await damagedBy()
  const store = await openChain(openingOf(dir).opening)
  await store.prune(20 as Height)
  await store.compactPruned()
  await store.close()
  const { opening, said } = openingOf(dir)
  const again = await openChain(opening)
  expect([again.oldestHeight(), said]).toEqual([20, []])
  await again.close()
  const database = await openDatabase(join(dir, 'chain'))
  expect(await auditChain(database, { ...opening, onProgress: () => {} })).toMatchObject({ oldest: 20, findings: [] })
  await database.close()
})

describe('the audit names', () => {
  test.each<readonly [string, () => WriteOp[], readonly RegExp[]]>([
    ['nothing where nothing is wrong', () => [], []],
    [
      'blocks that are missing, as a range',
      () => [5, 6, 7].map((height) => del(blockKey(height as Height))),
      [/^blocks 5 to 7 are missing$/, /91 block ids of 88 blocks/, /index entries of/],
    ],
    ['a transaction that is not indexed', () => [del(transactionKey(idOf(9, 1)))], [/in block 9$/, /index entries of/]],
    ['a mirror it does not know: nothing', () => [del(SAFETY_MIRROR_KEY)], []],
    [
      'a value that nothing leads to',
      () => [{ type: 'put', key: nodeKey('ffff'), value: Uint8Array.of(1) }],
      [/state pages, \d+ in the tree/],
    ],
  ])('%s', async (_, operations, expected) => {
    const database = await openDatabase(join(await damagedBy(...operations()), 'chain'))
    const context = { ...openingOf('').opening, onProgress: () => {} }
    const { findings, findingCount } = await auditChain(database, context)
    await database.close()
    expect(findings).toEqual(expected.map((finding) => expect.stringMatching(finding)))
    expect(findingCount).toBe(expected.length)
  })
})
