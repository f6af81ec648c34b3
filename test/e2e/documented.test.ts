// What the documents tell a reader to type, typed: every block of shell marked `<!-- tested -->`, and every complete curl
// line of docs/API.md, in a copy of the project with a test network running (STYLE.md, "A test runs every documented command").

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Manifest } from '../../scripts/testnet/directory.ts'

const ROOT = resolve(import.meta.dirname, '../..')
const DOCUMENTS = ['README.md', 'docs/OPERATIONS.md', 'docs/API.md', 'docs/ARCHITECTURE.md', 'docs/PROTOCOL.md']
/** What a command needs of a clone. What it writes stays beside these, in a directory of the test's own. */
const CLONED = [
  ...['api', 'consensus', 'crypto', 'genesis', 'ledger', 'mempool', 'node', 'scripts'],
  ...['node_modules', 'package.json', 'tsconfig.json'],
]
const API_PORT = 4_000
/** Away from the default, which may be in use; the network moves on when these are. */
const PORT_FROM = 22_000 + (process.pid % 50) * 200
const READY_MS = 60_000

let clone: string
let supervisor: ChildProcess
let port: number

beforeAll(async () => {
  clone = await mkdtemp(join(tmpdir(), 'scoville-documented-'))
  for (const name of CLONED) await symlink(join(ROOT, name), join(clone, name))
  const args = ['scripts/testnet.ts', '--json', '--port', `${PORT_FROM}`]
  supervisor = spawn(process.execPath, args, { cwd: clone, stdio: ['ignore', 'pipe', 'inherit'] })
  process.once('exit', () => supervisor.kill('SIGKILL'))
  port = apiPortOf(await manifestFrom(supervisor))
  // What docs/API.md posts as `@transaction.bin`.
  const signed = await run('npm run --silent scoville -- tx sign --from 2 --to 1 --amount 1')
  await writeFile(join(clone, 'transaction.bin'), Buffer.from(signed.output.trim().slice(2), 'hex'))
})
afterAll(async () => {
  if (supervisor !== undefined && supervisor.exitCode === null) {
    const gone = new Promise((done) => supervisor.once('close', done))
    supervisor.kill('SIGINT')
    await gone
  }
  await rm(clone, { recursive: true, force: true })
})

/** It prints one JSON document when every node is ready. */
function manifestFrom(child: ChildProcess): Promise<Manifest> {
  return new Promise((done, fail) => {
    let text = ''
    const timer = setTimeout(() => fail(new Error(`the network is not ready in time; it said ${text}`)), READY_MS)
    child.once('exit', (code) => fail(new Error(`the network ended with ${code}`)))
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      try {
        const manifest = JSON.parse(text) as Manifest
        clearTimeout(timer)
        done(manifest)
      } catch {
        // Not all of it yet.
      }
    })
  })
}

function apiPortOf({ nodes }: Manifest): number {
  return Number(new URL(nodes[0]?.api ?? '').port)
}

/** The documents speak of the default ports; the network of this test has others. */
function moved(script: string): string {
  const url = `http://127.0.0.1:${port}`
  return script
    .replaceAll(/(localhost|127\.0\.0\.1):(40\d\d)/g, (_, host, at) => `${host}:${port + Number(at) - API_PORT}`)
    .replaceAll(/(scoville -- (?:tx \w+|account|status))/g, `$1 --api ${url}`)
}

interface Ran {
  readonly code: number | null
  readonly output: string
}

/** As a reader's shell would, but stopping at the first failure. `scoville` is what docs/OPERATIONS.md says it is. */
function run(script: string): Promise<Ran> {
  const prelude = `set -euo pipefail\nscoville() { npm run -s scoville -- "$@"; }\nNODE=http://127.0.0.1:${port}\n`
  return new Promise((done) => {
    const child = spawn('bash', ['-c', prelude + moved(script)], { cwd: clone, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
      })
    }
    child.once('close', (code) => done({ code, output }))
  })
}

interface Block {
  readonly document: string
  readonly line: number
  readonly script: string
}

function textOf(document: string): string {
  return readFileSync(join(ROOT, document), 'utf8')
}

function testedBlocks(document: string): Block[] {
  const text = textOf(document)
  return [...text.matchAll(/^( *)<!-- tested -->\n *```sh\n([\s\S]*?)\n *```$/gm)].map((match) => ({
    document,
    line: text.slice(0, match.index).split('\n').length,
    script: (match[2] ?? '').replaceAll(new RegExp(`^${match[1]}`, 'gm'), ''),
  }))
}

const blocks = DOCUMENTS.flatMap(testedBlocks)

describe('marked blocks', () => {
  test('every mark is in front of a block, and the README has one', () => {
    const marks = DOCUMENTS.map((document) => textOf(document).split('<!-- tested -->').length - 1)
    expect(blocks.length).toBe(marks.reduce((sum, count) => sum + count, 0))
    expect(blocks.some(({ document }) => document === 'README.md')).toBe(true)
  })

  for (const { document, line, script } of blocks) {
    test(`${document}, line ${line}`, async () => {
      const { code, output } = await run(script)
      expect(output).not.toContain('"type":"/errors/')
      expect({ code, output }).toMatchObject({ code: 0 })
    })
  }

  test('the transaction of the README is final, and every node has it', async () => {
    const sign = blocks.find(({ document, script }) => document === 'README.md' && script.includes('tx sign'))
    const { output } = await run(sign?.script ?? 'false')
    expect(output).toContain('"status":"committed"')
    expect(output).toMatch(/"balance":"1\d{12}"/)
  })
})

describe('the API by hand', () => {
  // Those whose hashes are shortened with an ellipsis cannot be typed as they stand.
  const lines = [...textOf('docs/API.md').matchAll(/^ {4}(curl .*)$/gm)].flatMap(([, line]) => line ?? [])
  const complete = lines.filter((line) => !line.includes('…'))
  const streams = complete.filter((line) => line.startsWith('curl -N '))

  test('there are some', () => {
    expect(complete.length).toBeGreaterThan(8)
  })

  test.each(complete.filter((line) => !streams.includes(line)))('%s', async (line) => {
    expect(await run(line.replace('curl', 'curl -sS --fail-with-body'))).toMatchObject({ code: 0 })
  })

  // A stream ends when its reader does: 28 is curl's word for the time it was given.
  test.each(streams)('%s', async (line) => {
    const { code, output } = await run(line.replace('curl', 'curl -sS --fail-with-body --max-time 2'))
    expect({ code, output }).toEqual({ code: 28, output: expect.stringContaining('event: ') })
  })
})

describe('names in the documents', () => {
  const scripts = Object.keys((JSON.parse(textOf('package.json')) as { scripts: Record<string, string> }).scripts)

  test.each(DOCUMENTS)('%s names only npm scripts that there are', (document) => {
    const named = [...textOf(document).matchAll(/npm run (?:-s |--silent )?([a-z][a-z-]*)/g)].map(([, name]) => name)
    expect(named.filter((name) => name !== undefined && !scripts.includes(name))).toEqual([])
  })

  test.each(DOCUMENTS)('%s links only to files that there are', (document) => {
    const targets = [...textOf(document).matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map(([, target]) => target ?? '')
    const lost = targets.filter((target) => !existsSync(join(ROOT, dirname(document), target)))
    expect(lost).toEqual([])
  })
})
