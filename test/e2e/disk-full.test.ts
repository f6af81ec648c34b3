// TESTING.md, row 19: a disk that takes no more writes. The limit is the system's own (RLIMIT_FSIZE): from one byte to the next the
// database's log cannot grow, as on a full disk. The node says so in one line, ends with 70, and a start with room goes on.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { run } from '../../node/cli.ts'
import { COMMITS_PENDING_MAX } from '../../node/committer.ts'

const ENTRY = join(import.meta.dirname, '..', '..', 'node', 'bin.js')
/** In blocks of 512 bytes, as POSIX has it: room for a start and some hundred commits. */
const LIMIT_BLOCKS = 1_024

let dir: string
const running = new Set<ChildProcess>()

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'scoville-full-'))
  const quiet = { out: () => {}, err: () => {}, env: {} }
  await run(
    ['genesis', 'new', '--devnet', '--chain-id', 'full-1', '--validators', '1', '--out', join(dir, 'net')],
    quiet,
  )
  const net = join(dir, 'net')
  const files = ['--genesis', join(net, 'genesis.json'), '--key-file', join(net, 'keys', 'validator-0.json')]
  await run(['safety', 'init', '--never-signed', ...files, '--data-dir', join(dir, 'data')], quiet)
})

afterAll(async () => {
  for (const child of running) child.kill('SIGKILL')
  await rm(dir, { recursive: true, force: true })
})

interface Line {
  readonly level: number
  readonly msg: string
  readonly code?: string
  readonly err?: unknown
  readonly height?: number
}

/** Runs the one validator until it ends, or until it has committed `until`. */
async function runNode(limit: string, until: number): Promise<{ code: number | null; lines: Line[]; text: string }> {
  const net = join(dir, 'net')
  const flags = {
    genesis: join(net, 'genesis.json'),
    'key-file': join(net, 'keys', 'validator-0.json'),
    'data-dir': join(dir, 'data'),
    'api-port': '0',
    listen: '/ip4/127.0.0.1/tcp/0',
    'block-interval-ms': '0',
    'idle-interval-ms': '10',
    'log-level': 'debug',
  }
  const args = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])
  const child = spawn('sh', ['-c', `${limit} exec "$0" "$@"`, process.execPath, ENTRY, 'start', ...args])
  running.add(child)
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const lines: Line[] = []
  let text = ''
  child.stderr.on('data', (chunk: Buffer) => {
    text += chunk.toString()
  })
  for await (const line of createInterface({ input: child.stdout })) {
    text += line
    const parsed: Line = JSON.parse(line)
    lines.push(parsed)
    if (parsed.msg === 'committed' && (parsed.height ?? 0) >= until) child.kill('SIGTERM')
  }
  const code = await exited
  running.delete(child)
  return { code, lines, text }
}

const heights = (lines: readonly Line[]) =>
  lines.flatMap(({ msg, height }) => (msg === 'committed' ? [height ?? 0] : []))

test('a full disk ends the node with 70 and one line that says what to do; a start with room goes on', async () => {
  const full = await runNode(`ulimit -f ${LIMIT_BLOCKS};`, Number.POSITIVE_INFINITY)
  expect(full.code).toBe(70)
  const fatal = full.lines.filter(({ level }) => level === 60)
  expect(fatal).toEqual([expect.objectContaining({ code: expect.stringMatching(/^(storage|safety)-write-failed$/) })])
  expect(fatal[0]?.msg).toMatch(/File too large.*see to the disk/)
  expect(full.text).not.toMatch(/\n? {4}at |"stack"/)
  const reached = Math.max(...heights(full.lines))
  expect(reached).toBeGreaterThan(10)

  const after = await runNode('', reached + 20)
  expect(after.code).toBe(0)
  expect(after.lines.filter(({ level }) => level >= 40)).toEqual([])
  const [first = 0] = heights(after.lines)
  // What was told is there: it goes on above it, by a few more where a batch reached the disk and nobody was told.
  expect(first).toBeGreaterThan(reached)
  expect(first).toBeLessThanOrEqual(reached + COMMITS_PENDING_MAX)
}, 120_000)
