// `scoville safety` as an operator meets it: refusals in a sentence, and a whole move of a validator that signs again afterwards.

import { mkdtemp, readFile, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createClient } from '../../../api/client.ts'
import { loadBls } from '../../../crypto/bls-backend.ts'
import { loadKeyFile } from '../../../genesis/keys.ts'
import { run } from '../../../node/cli.ts'
import { parseConfig } from '../../../node/config.ts'
import { createLog } from '../../../node/log.ts'
import { type RunningNode, startNode } from '../../../node/node.ts'
import { until } from '../../e2e/cluster.ts'

let dir: string
const at = (name: string) => join(dir, name)

async function scoville(...args: string[]) {
  const out: string[] = []
  const err: string[] = []
  const code = await run(args, { out: (text) => out.push(text), err: (text) => err.push(text), env: {} })
  return { code, out: out.join('\n'), err: err.join('\n') }
}

const safety = (data: string, ...args: string[]) =>
  scoville('safety', ...args, '--data-dir', at(data), '--genesis', at('net/genesis.json'), '--json')
const withKey = (data: string, ...args: string[]) =>
  safety(data, ...args, '--key-file', at('net/keys/validator-0.json'))

const begin = (data: string) => withKey(data, 'init', '--never-signed')

async function start(data: string): Promise<RunningNode> {
  const flags = { dataDir: at(data), listen: '/ip4/127.0.0.1/tcp/0', apiPort: 0, idleIntervalMs: 50 }
  const parsed = parseConfig({ flags, env: {} })
  const keys = await loadKeyFile(at('net/keys/validator-0.json'), await loadBls())
  if (!parsed.ok || !keys.ok) throw new Error('the settings or the key are wrong')
  return startNode({
    config: parsed.config,
    genesisText: await readFile(at('net/genesis.json'), 'utf8'),
    keys: keys.keys,
    log: createLog('silent', 'json'),
    onFatal: (error) => {
      throw error
    },
    onRestored: () => {},
  })
}

async function votedUntil(node: RunningNode, more: number): Promise<number> {
  const client = createClient(`http://127.0.0.1:${node.apiPort}`)
  const view = async () => {
    const info = await client.consensus()
    return info.ok ? Number(info.value.lastVotedView) : 0
  }
  const first = await view()
  return until('votes', async () => ((await view()) >= first + more ? view() : undefined))
}

const shown = async (data: string) => JSON.parse((await safety(data, 'show')).out) as Record<string, string>

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'scoville-safety-'))
  await scoville('genesis', 'new', '--devnet', '--chain-id', 'try-1', '--validators', '1', '--out', at('net'))
})
afterAll(() => rm(dir, { recursive: true, force: true }))

test('a validator moves: the old directory signs nothing any more, the new one goes on above what was signed', async () => {
  await begin('old')
  const node = await start('old')
  await votedUntil(node, 5)
  expect(JSON.parse((await safety('old', 'show')).err)).toMatchObject({ error: { code: 'data-dir-locked' } })
  await node.stop()
  const before = await shown('old')
  expect(before).toMatchObject({ state: 'good' })

  expect(await withKey('old', 'export', at('record.json'))).toMatchObject({ code: 0, err: '' })
  expect((await withKey('old', 'export', at('record.json'))).err).toContain('EEXIST')
  expect(await safety('old', 'show')).toMatchObject({ code: 1, out: expect.stringContaining('safety-exported') })

  const observer = await start('old')
  expect(observer.role).toBe('full')
  const readiness = await createClient(`http://127.0.0.1:${observer.apiPort}`).readiness()
  expect(readiness).toMatchObject({
    status: 'not-ready',
    checks: {
      safety: { ok: false, detail: expect.stringMatching(/\(safety-exported\).*; what to do: .*safety import/) },
    },
  })
  const status = await scoville('status', '--api', `http://127.0.0.1:${observer.apiPort}`)
  expect([status.code, status.out]).toEqual([
    1,
    expect.stringMatching(/safety +FAILS: signs nothing \(safety-exported\)/),
  ])
  await observer.stop()

  // A chain of one validator has nobody to fetch from: the database moves along, the record by import.
  await rename(at('old'), at('moved'))
  for (const name of ['safety.0', 'safety.1']) await rm(join(at('moved'), name))
  expect(await shown('moved')).toMatchObject({ code: 'safety-missing' })
  expect(await withKey('moved', 'import', at('record.json'))).toMatchObject({ code: 0, err: '' })
  const validator = await start('moved')
  expect(validator.role).toBe('validator')
  expect(await votedUntil(validator, 5)).toBeGreaterThan(Number(before.lastVotedView))
  await validator.stop()
  // What was signed since is not in the export.
  await rm(join(at('moved'), 'safety.0'))
  await rm(join(at('moved'), 'safety.1'))
  const late = await withKey('moved', 'import', at('record.json'))
  expect([late.code, JSON.parse(late.err)]).toMatchObject([1, { error: { code: 'safety-import-old' } }])
})

test('into an empty directory, from which a node then starts', async () => {
  await begin('first')
  const fresh = await start('first')
  await votedUntil(fresh, 3)
  await fresh.stop()
  const { lastVotedView } = await shown('first')
  expect(await withKey('first', 'export', at('first.json'))).toMatchObject({ code: 0 })
  expect(await withKey('second', 'import', at('first.json'))).toMatchObject({ code: 0, err: '' })
  const node = await start('second')
  expect(node.role).toBe('validator')
  const info = await createClient(`http://127.0.0.1:${node.apiPort}`).consensus()
  expect(info).toMatchObject({ ok: true, value: { lastVotedView } })
  await node.stop()
})

test('a key without any record signs nothing until its operator says that it never signed (PITFALLS 6)', async () => {
  const readyOf = ({ apiPort }: RunningNode) => createClient(`http://127.0.0.1:${apiPort}`).readiness()
  const observer = await start('bare')
  expect(observer.role).toBe('full')
  const advice = /\(safety-uninitialized\).*what to do: .*safety import.*safety init --never-signed/
  expect((await readyOf(observer)).checks.safety).toEqual({ ok: false, detail: expect.stringMatching(advice) })
  await observer.stop()
  expect(JSON.parse((await withKey('bare', 'show')).out)).toMatchObject({ code: 'safety-uninitialized' })
  expect((await withKey('bare', 'init')).err).toContain('say so with --never-signed')
  // Genesis alone, as the observer left it, is an empty chain.
  expect(await begin('bare')).toMatchObject({ code: 0, err: '' })
  expect(JSON.parse((await withKey('bare', 'show')).out)).toMatchObject({ state: 'new' })
  const validator = await start('bare')
  expect(validator.role).toBe('validator')
  await votedUntil(validator, 2)
  await validator.stop()
  expect((await begin('bare')).err).toContain('has a record already')

  // The declaration was used up: what is lost now cannot come back by it, be it the record or the whole directory.
  for (const name of ['safety.0', 'safety.1']) await rm(join(at('bare'), name))
  expect((await begin('bare')).err).toContain('safety-missing')
  await rm(at('bare'), { recursive: true })
  const emptied = await start('bare')
  expect(emptied.role).toBe('full')
  await emptied.stop()
})

test('what cannot be is refused in a sentence', async () => {
  const none = await safety('nowhere', 'show')
  expect([none.code, none.err]).toEqual([1, expect.stringContaining('there is no database in')])
  expect((await safety('moved', 'export', at('x.json'))).err).toContain('name it with --key-file')
  expect((await withKey('moved', 'import', at('none.json'))).err).toContain('ENOENT')
  expect((await withKey('moved', 'import', at('net/genesis.json'))).err).toContain('safety-export-invalid')
})
