// `npm run testnet` with real processes: one network through its life, each test going on where the one before stopped.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClient } from '../../api/client.ts'
import type { Manifest } from '../../scripts/testnet/directory.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const TESTNET = join(ROOT, 'scripts', 'testnet.ts')
const MAIN = join(ROOT, 'node', 'main.ts')
/** Away from the default ports, and from those of another run of this file. */
const PORT = 21_000 + (process.pid % 50) * 200
const DEADLINE_MS = 20_000

let parent: string
let network: string
let blocker: Server
let supervisor: ChildProcess | undefined
let heightReached = 0

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'scoville-testnet-'))
  network = join(parent, 'net')
  blocker = createServer()
  await new Promise<void>((resolve) => blocker.listen(PORT + 1, '127.0.0.1', resolve))
})

afterAll(async () => {
  supervisor?.kill('SIGKILL')
  blocker.close()
  const manifest = await readNetwork().catch(() => undefined)
  for (const { pid } of manifest?.nodes ?? []) if (pid !== undefined) await until(() => !isAlive(pid))
  await rm(parent, { recursive: true, force: true })
})

interface Ran {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

function launch(script: string, args: readonly string[]): { readonly child: ChildProcess; readonly ran: Promise<Ran> } {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString()
  })
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString()
  })
  const ran = new Promise<Ran>((resolve) => child.once('close', (code) => resolve({ code, out, err })))
  return { child, ran }
}

const testnet = (...args: string[]) => launch(TESTNET, ['--dir', network, '--port', `${PORT}`, ...args])
const scoville = (...args: string[]) => launch(MAIN, args).ran

async function readNetwork(): Promise<Manifest> {
  return JSON.parse(await readFile(join(network, 'network.json'), 'utf8')) as Manifest
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${DEADLINE_MS} ms: ${isSo}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** The network is ready when its supervisor has said so, on standard output. */
function isReady(child: ChildProcess): Promise<Manifest> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('\n')) resolve(JSON.parse(text) as Manifest)
    })
    child.once('exit', (code) => reject(new Error(`the supervisor ended with ${code}`)))
  })
}

async function height(api: string): Promise<number> {
  const info = await createClient(api).info()
  return info.ok ? Number(info.value.height) : -1
}

describe('a test network', () => {
  it('starts four validators as processes, beside a busy port', { timeout: 60_000 }, async () => {
    const { child } = testnet('--json')
    supervisor = child
    const manifest = await isReady(child)
    expect(manifest).toEqual(await readNetwork())
    expect(manifest).toMatchObject({ chainId: 'scvdev-1', pid: child.pid })
    expect(manifest.nodes.map((node) => new URL(node.api).port)).toEqual([10, 11, 12, 13].map((i) => `${PORT + i}`))
    expect(new Set(manifest.nodes.map((node) => node.pid)).size).toBe(4)
    for (const { api } of manifest.nodes) {
      expect((await fetch(`${api}/readyz`)).status).toBe(200)
      expect(await height(api)).toBeGreaterThanOrEqual(1)
    }
  })

  it('commits a transfer of the command line, and signed bytes that are posted', { timeout: 30_000 }, async () => {
    const { nodes, accounts } = await readNetwork()
    const apis = nodes.map((node) => node.api)
    const to = accounts[1]?.address ?? ''
    const sent = await scoville(
      'tx',
      'send',
      '--api',
      apis[0] ?? '',
      '--from',
      '0',
      '--to',
      to,
      '--amount',
      '5',
      '--json',
    )
    expect([sent.code, sent.err]).toEqual([0, ''])
    expect(JSON.parse(sent.out)).toMatchObject({ status: 'committed', final: true })

    const signed = await scoville('tx', 'sign', '--api', apis[1] ?? '', '--from', '0', '--to', '1', '--amount', '7')
    const posted = await fetch(`${apis[2]}/v1/transactions?wait=committed`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ tx: signed.out.trim() }),
    })
    expect(await posted.json()).toMatchObject({ data: { status: 'committed' } })
    const shown = await scoville('account', to, '--api', apis[2] ?? '', '--json')
    expect(JSON.parse(shown.out)).toMatchObject({ balance: '1000000000012' })
  })

  it('refuses a second supervisor', { timeout: 15_000 }, async () => {
    const { code, err } = await testnet().ran
    expect([code, err]).toEqual([1, expect.stringContaining('runs already')])
  })

  it('starts a killed node again', { timeout: 30_000 }, async () => {
    const before = await readNetwork()
    const victim = before.nodes[2]
    if (victim?.pid === undefined) throw new Error('v2 has no process')
    process.kill(victim.pid, 'SIGKILL')
    await until(async () => {
      const pid = (await readNetwork()).nodes[2]?.pid
      return pid !== undefined && pid !== victim.pid
    })
    await until(async () => (await fetch(`${victim.api}/readyz`).catch(() => undefined))?.ok === true)
  })

  it('stops at Ctrl-C, all of it', { timeout: 15_000 }, async () => {
    const { nodes } = await readNetwork()
    heightReached = await height(nodes[0]?.api ?? '')
    const exited = new Promise<number | null>((resolve) => supervisor?.once('exit', resolve))
    supervisor?.kill('SIGINT')
    // How long that takes is the machine's business; the supervisor ends by force what is left after 2.8 s.
    expect(await exited).toBe(0)
    expect(nodes.filter(({ pid }) => pid !== undefined && isAlive(pid))).toEqual([])
    expect((await readNetwork()).pid).toBeUndefined()
  })

  it('resumes in the background, where it stopped and on the ports that are free now', {
    timeout: 60_000,
  }, async () => {
    const { genesisHash } = await readNetwork()
    await new Promise((resolve) => blocker.close(resolve))
    const detached = await testnet('--detach', '--json').ran
    expect([detached.code, detached.err]).toEqual([0, ''])
    const manifest = JSON.parse(detached.out) as Manifest
    expect(manifest.genesisHash).toBe(genesisHash)
    expect(manifest.resumedAt).toBeGreaterThanOrEqual(heightReached)
    expect(manifest.nodes[0]?.api).toBe(`http://127.0.0.1:${PORT}`)
    const account = await createClient(manifest.nodes[3]?.api ?? '').account(manifest.accounts[1]?.address ?? '')
    expect(account).toMatchObject({ value: { balance: '1000000000012' } })

    const status = await testnet('--status', '--json').ran
    expect(JSON.parse(status.out)).toMatchObject({ running: true, nodes: Array(4).fill({ ready: true }) })
    expect(await testnet('--stop').ran).toMatchObject({ code: 0 })
    expect(await testnet('--status').ran).toMatchObject({ code: 1 })
    expect(await testnet('--stop').ran).toMatchObject({ code: 1 })
  })

  it('begins anew only when told to', { timeout: 60_000 }, async () => {
    const other = await testnet('-n', '1').ran
    expect([other.code, other.err]).toEqual([1, expect.stringContaining('has 4 validators; --reset begins a new one')])
    const { child } = testnet('-n', '1', '--reset', '--json')
    supervisor = child
    const manifest = await isReady(child)
    expect(manifest.nodes).toHaveLength(1)
    expect(manifest).not.toHaveProperty('resumedAt')
    const account = await createClient(manifest.nodes[0]?.api ?? '').account(manifest.accounts[1]?.address ?? '')
    expect(account).toMatchObject({ value: { balance: '1000000000000' } })
  })

  it('a second Ctrl-C does not wait for a node that hangs; one that arrives twice does', {
    timeout: 30_000,
  }, async () => {
    const pid = (await readNetwork()).nodes[0]?.pid ?? 0
    process.kill(pid, 'SIGSTOP')
    let isOver = false
    const exited = new Promise<number | null>((resolve) => supervisor?.once('exit', resolve)).finally(() => {
      isOver = true
    })
    const firstMs = performance.now()
    supervisor?.kill('SIGINT')
    supervisor?.kill('SIGINT')
    await until(() => performance.now() - firstMs > 600)
    expect(isOver).toBe(false)
    supervisor?.kill('SIGINT')
    expect(await exited).toBe(130)
    expect(performance.now() - firstMs).toBeLessThan(2_500)
    await until(() => !isAlive(pid))
  })

  it('leaves no node behind when the supervisor itself is killed', { timeout: 30_000 }, async () => {
    const { child } = testnet('--json')
    supervisor = child
    const pid = (await isReady(child)).nodes[0]?.pid ?? 0
    expect(isAlive(pid)).toBe(true)
    supervisor?.kill('SIGKILL')
    await until(() => !isAlive(pid))
  })

  it('--reset removes nothing that is no test network', async () => {
    await writeFile(join(parent, 'precious'), '')
    const { code, err } = await launch(TESTNET, ['--dir', parent, '--reset']).ran
    expect([code, err]).toEqual([1, expect.stringContaining('holds no test network')])
    expect(await readFile(join(parent, 'precious'), 'utf8')).toBe('')
  })

  it.each([
    ['an unknown flag', ['--bogus'], 2],
    ['no validators', ['-n', '0'], 2],
    ['pacing slower than idling', ['--block-interval', '200', '--idle-interval', '100'], 1],
    ['help', ['--help'], 0],
  ] as const)('ends with the right code for %s', async (_, args, expected) => {
    const { code } = await launch(TESTNET, ['--dir', join(parent, 'none'), '-n', '1', ...args]).ran
    expect(code).toBe(expected)
  })
})
