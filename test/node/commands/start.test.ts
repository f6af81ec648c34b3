// `scoville start` as a process: under which flags it runs, and how it ends, one log line and one exit code for each way.
// A fault is planted by a module that Node loads before the node, and let loose by a signal.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { run } from '../../../node/cli.ts'
import { EXIT } from '../../../node/commands/outcome.ts'
import { NODE_FLAGS } from '../../../node/runtime.ts'

const BIN = join(import.meta.dirname, '../../../node/bin.js')
const LONG = { timeout: 60_000 }

let dir: string
let child: ChildProcess | undefined
const at = (name: string) => join(dir, name)

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'scoville-start-'))
  const args = ['genesis', 'new', '--devnet', '--chain-id', 'try-1', '--validators', '1', '--out', at('net')]
  const quiet = { out: () => {}, err: () => {}, env: {} }
  expect(await run(args, quiet)).toBe(EXIT.done)
  const begin = ['safety', 'init', '--never-signed', '--genesis', at('net/genesis.json'), '--data-dir', at('node')]
  expect(await run([...begin, '--key-file', at('net/keys/validator-0.json')], quiet)).toBe(EXIT.done)
})
afterEach(() => {
  child?.kill('SIGKILL')
})
afterAll(() => rm(dir, { recursive: true, force: true }))

interface Line {
  readonly level: number
  readonly msg: string
  readonly code?: string
  readonly signal?: string
}

interface Started {
  readonly pid: number
  readonly kill: (signal: NodeJS.Signals) => void
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>
  readonly lines: () => Line[]
}

/** A node of one validator that said it started; `planted` runs when it gets SIGUSR2. */
async function started(planted = '', flags: readonly string[] = []): Promise<Started> {
  const preload = `data:text/javascript,process.on('SIGUSR2',()=>{${planted}})`
  const args = [
    ...[...flags, '--import', preload, BIN, 'start', '--genesis', at('net/genesis.json'), '--data-dir', at('node')],
    ...['--api-port', '0', '--key-file', at('net/keys/validator-0.json'), '--listen', '/ip4/127.0.0.1/tcp/0'],
  ]
  const process = spawn(globalThis.process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  child = process
  const ended: Started['ended'] = new Promise((resolve) => {
    process.once('close', (code, signal) => resolve({ code, signal }))
  })
  let log = ''
  let errors = ''
  process.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString()
  })
  const ready = new Promise<void>((resolve, reject) => {
    process.stdout.on('data', (chunk: Buffer) => {
      log += chunk.toString()
      if (log.includes('"msg":"started"')) resolve()
    })
    process.once('close', (code) => reject(new Error(`it ended with ${code} before it started: ${log} ${errors}`)))
  })
  await ready
  return {
    pid: process.pid ?? 0,
    kill: (signal) => process.kill(signal),
    ended,
    lines: () =>
      log
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line)),
  }
}

const FATAL = 60

test.skipIf(process.platform !== 'linux')('a node has the flags of a node, however it was started', LONG, async () => {
  const node = await started()
  const words = (await readFile(`/proc/${node.pid}/cmdline`, 'utf8')).split('\0')
  expect(words).toEqual(expect.arrayContaining([...NODE_FLAGS, 'start']))
  node.kill('SIGKILL')
  await node.ended
  const own = await started('', ['--max-semi-space-size=32'])
  const chosen = (await readFile(`/proc/${own.pid}/cmdline`, 'utf8')).split('\0')
  expect(chosen.filter((word) => word.startsWith('--max-semi'))).toEqual(['--max-semi-space-size=32'])
})

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s: it says so once, stops in order and ends with 0',
  LONG,
  async (signal) => {
    const node = await started()
    node.kill(signal)
    expect(await node.ended).toEqual({ code: EXIT.done, signal: null })
    const ends = node.lines().slice(node.lines().findIndex(({ msg }) => msg === 'stopping'))
    expect(ends.map(({ msg }) => msg)).toEqual(['stopping', 'stopped'])
    expect(ends[0]).toMatchObject({ signal })
  },
)

test.each([
  ['an exception nobody caught', "throw new Error('planted')"],
  ['a rejection nobody handled', "Promise.reject(new Error('planted'))"],
])('%s: one fatal line, exit code 70', LONG, async (what, planted) => {
  const node = await started(planted)
  node.kill('SIGUSR2')
  expect(await node.ended).toEqual({ code: EXIT.fatal, signal: null })
  const fatal = node.lines().filter(({ level }) => level === FATAL)
  expect(fatal).toEqual([expect.objectContaining({ msg: `${what}: the node stops` })])
  expect(node.lines().at(-1)).toEqual(fatal[0])
})

test('out of memory: V8 ends the process itself, and the next start goes on', LONG, async () => {
  const greedy = 'const kept=[];for(;;)kept.push(new Array(1e5).fill(kept.length))'
  const node = await started(greedy, ['--max-old-space-size=150'])
  node.kill('SIGUSR2')
  const { code, signal } = await node.ended
  expect(signal ?? code).toBe('SIGABRT')
  const again = await started()
  again.kill('SIGTERM')
  expect(await again.ended).toEqual({ code: EXIT.done, signal: null })
})
