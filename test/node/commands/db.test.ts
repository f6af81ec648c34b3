// `scoville db` as an operator meets it, on the directory of a stopped node.

import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { run } from '../../../node/cli.ts'
import { openChainStore } from '../../../node/storage/chain-store.ts'
import { openDatabase } from '../../../node/storage/database.ts'
import { nodeKey } from '../../../node/storage/keys.ts'
import { genesisOf } from '../../genesis/network.ts'

let dir: string
const at = (name: string) => join(dir, name)

async function scoville(...args: string[]) {
  const out: string[] = []
  const err: string[] = []
  const code = await run(args, { out: (text) => out.push(text), err: (text) => err.push(text), env: {} })
  return { code, out: out.join('\n'), err: err.join('\n') }
}

const db = (name: string, ...more: string[]) =>
  scoville('db', name, '--data-dir', at('data'), '--genesis', at('net/genesis.json'), ...more)

const openStore = async () => {
  const genesis = await genesisOf(await readFile(at('net/genesis.json'), 'utf8'))
  const limits = { validators: 1, payloadBytesMax: 1_048_576, itemsMax: 5_000 }
  return { genesis, store: await openChainStore(at('data'), genesis.genesisHash, limits) }
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'scoville-db-'))
  await scoville('genesis', 'new', '--devnet', '--chain-id', 'try-1', '--validators', '1', '--out', at('net'))
  const { genesis, store } = await openStore()
  await store.initialise(genesis.block, genesis.state, [genesis.block.id])
  await store.close()
})

afterAll(() => rm(dir, { recursive: true, force: true }))

test('verify and stats say what there is; repair finds nothing to do', async () => {
  const verified = await db('verify')
  expect(verified).toMatchObject({ code: 0, err: '', out: expect.stringContaining('good: everything up to height 0') })
  const stats = await db('stats', '--json')
  expect(JSON.parse(stats.out)).toMatchObject({
    height: '0',
    oldestHeight: '0',
    tables: expect.arrayContaining([{ name: 'blocks', entries: 1, bytes: expect.any(Number) }]),
    logicalBytes: expect.any(Number),
    diskBytes: expect.any(Number),
  })
  expect(await db('repair', '--json')).toMatchObject({ code: 0, out: '{"repaired":false,"findings":[]}' })
})

test('the database of a running node is refused, and so is a directory without one', async () => {
  const { store } = await openStore()
  const busy = await db('verify', '--json')
  await store.close()
  expect([busy.code, JSON.parse(busy.err)]).toMatchObject([1, { error: { code: 'data-dir-locked' } }])
  const none = await scoville('db', 'stats', '--data-dir', at('none'), '--genesis', at('net/genesis.json'))
  expect([none.code, none.err]).toEqual([1, expect.stringContaining('there is no database in')])
  const lost = await scoville('db', 'stats', '--data-dir', at('data'), '--genesis', at('none.json'))
  expect([lost.code, lost.err]).toEqual([1, expect.stringContaining('name it with --genesis')])
})

test('damage ends verify with 1 and is named; repair moves the database aside, and what is left is good', async () => {
  const database = await openDatabase(at('data/chain'))
  await database.write([{ type: 'del', key: nodeKey('') }], true)
  await database.close()
  const verified = await db('verify', '--json')
  expect([verified.code, JSON.parse(verified.out)]).toMatchObject([
    1,
    { ok: false, findings: [expect.stringMatching(/the state tree page of keys …/)] },
  ])
  expect((await db('verify')).out).toContain('DAMAGED: ')
  const repaired = await db('repair')
  expect(repaired).toMatchObject({ code: 0, out: expect.stringContaining('start the node') })
  const [folder] = (await readdir(at('data/quarantine'))).filter((name) => /^\d{4}-/.test(name))
  expect(await readdir(at(`data/quarantine/${folder}`))).toEqual(['chain', 'why.txt'])
  expect(await db('verify')).toMatchObject({ code: 0 })
})
