// The house rules as a test: which layer may import which, where the outside world may enter, how long a file may be, and
// that the linter's rules we rely on really fire (DESIGN.md section 2, STYLE.md).

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

const ROOT = resolve(import.meta.dirname, '..')
const FILE_LINES_MAX = 400
const FOLDERS = ['crypto', 'ledger', 'consensus', 'api', 'mempool', 'genesis', 'node', 'scripts'] as const
type Folder = (typeof FOLDERS)[number]

/** What a folder may import besides itself: strictly downward. */
const BELOW: Readonly<Record<Folder, readonly Folder[]>> = {
  crypto: [],
  ledger: ['crypto'],
  consensus: ['crypto'],
  api: ['ledger', 'consensus', 'crypto'],
  mempool: ['ledger', 'consensus', 'crypto'],
  genesis: ['ledger', 'consensus', 'crypto'],
  node: ['api', 'mempool', 'genesis', 'ledger', 'consensus', 'crypto'],
  scripts: ['node', 'api', 'mempool', 'genesis', 'ledger', 'consensus', 'crypto'],
}

/** Each third-party package enters through one folder; those that several layers share say why. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  '@chainsafe/blst': ['crypto/bls-blst.ts'],
  '@noble/bls12-381': ['crypto/bls-noble.ts'],
  'sodium-native': ['crypto/ed25519.ts'],
  'classic-level': ['node/storage/database.ts'],
  express: ['api/'],
  helmet: ['api/server.ts'],
  cors: ['api/server.ts'],
  pino: ['node/log.ts'],
  'prom-client': ['node/metrics.ts'],
  'smol-toml': ['node/config.ts'],
  '@scure/base': ['ledger/address.ts'],
  libp2p: ['node/network/'],
}

interface Source {
  readonly path: string
  readonly text: string
  readonly imports: readonly string[]
}

function filesUnder(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
}

function read(path: string): Source {
  const text = readFileSync(join(ROOT, path), 'utf8')
  const imports = [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].flatMap(([, target]) => target ?? [])
  return { path, text, imports }
}

const sources = FOLDERS.flatMap((folder) => filesUnder(folder)).map(read)
const tests = filesUnder('test').map(read)
const code = ({ text }: Source) => text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '')

function folderOf(path: string): string {
  return path.split('/')[0] ?? ''
}

describe('layers', () => {
  test('there is something to look at', () => {
    expect(sources.length).toBeGreaterThan(80)
  })

  test.each(sources.map((source) => [source.path, source] as const))('%s imports downward only', (path, source) => {
    const folder = folderOf(path) as Folder
    const allowed: readonly string[] = [folder, ...BELOW[folder]]
    const wrong = source.imports
      .filter((target) => target.startsWith('.'))
      .map((target) => relative(ROOT, resolve(dirname(join(ROOT, path)), target)))
      .filter((target) => !allowed.includes(folderOf(target)) && target !== 'package.json')
    expect(wrong).toEqual([])
  })

  test.each(Object.entries(DOORS))('%s enters through %s', (name, doors) => {
    const users = sources.filter(({ imports }) =>
      imports.some((target) => target === name || target.startsWith(`${name}/`)),
    )
    expect(users.length).toBeGreaterThan(0)
    expect(users.map(({ path }) => path).filter((path) => !doors.some((door) => path.startsWith(door)))).toEqual([])
  })
})

describe('purity', () => {
  const IMPURE =
    /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\bset(?:Timeout|Interval|Immediate)\b|\bprocess\.|from 'node:(?:fs|net|timers|http|child_process|worker_threads)/
  const pure = sources.filter(({ path }) => ['consensus', 'ledger', 'crypto'].includes(folderOf(path)))

  test.each(pure.map((source) => [source.path, source] as const))(
    '%s has no clock, randomness or I/O',
    (_path, source) => {
      expect(code(source).match(IMPURE)?.[0]).toBeUndefined()
    },
  )

  // BLS is asynchronous, so what verifies certificates is; the core's step never is.
  const synchronous = pure.filter(({ path }) => folderOf(path) !== 'crypto' && path !== 'consensus/certificates.ts')
  test.each(synchronous.map((source) => [source.path, source] as const))('%s has no promise', (_path, source) => {
    expect(code(source).match(/\basync\b|\bawait\b|\bPromise\b/)?.[0]).toBeUndefined()
  })

  test('clock and timers of the protocol are read in node/clock.ts and through the Clock port alone', () => {
    const readers = sources.filter((source) => folderOf(source.path) === 'mempool' && IMPURE.test(code(source)))
    expect(readers.map(({ path }) => path)).toEqual([])
  })
})

describe('files', () => {
  test.each([...sources, ...tests].map((source) => [source.path, source] as const))(
    '%s is short, named and introduced',
    (path, source) => {
      const isTest = path.startsWith('test/')
      if (!isTest) expect(source.text.split('\n').length - 1).toBeLessThanOrEqual(FILE_LINES_MAX)
      expect(basename(path)).toMatch(/^[a-z0-9]+(?:[-.][a-z0-9]+)*\.ts$/)
      expect(path).not.toMatch(/\b(?:utils?|helpers?|common|manager)\b/)
      expect(isTest || source.text.startsWith('//') || path.endsWith('.d.ts')).toBe(true)
    },
  )

  test('no marks of unfinished work, no focused or skipped test', () => {
    const mark = new RegExp(['TO', 'DO|FIX', 'ME|not implem', 'ented'].join(''))
    expect(sources.filter((source) => mark.test(source.text)).map(({ path }) => path)).toEqual([])
    const focused = /\b(?:it|test|describe)\.(?:only|skip|todo|fails)\b/
    expect(tests.filter((source) => focused.test(code(source))).map(({ path }) => path)).toEqual([])
  })

  test('types are not weakened: no any, no non-null assertion, no suppressed check', () => {
    const weak = /\bas any\b|: any\b|@ts-(?:ignore|expect-error|nocheck)/
    expect(sources.filter((source) => weak.test(code(source))).map(({ path }) => path)).toEqual([])
  })

  test('tests mirror the sources: every unit test names a source file or folder that exists', () => {
    const mirrored = tests.filter(
      ({ path }) =>
        /^test\/(?:crypto|ledger|consensus|api|mempool|genesis|node)\//.test(path) && path.endsWith('.test.ts'),
    )
    const known = new Set(sources.map(({ path }) => path))
    const folders = new Set([...known].map((path) => dirname(path)))
    const lost = mirrored.filter(({ path }) => {
      const stem = path.slice('test/'.length).replace(/(?:\.properties)?\.test\.ts$/, '')
      const source = `${stem}.ts`
      // Vectors and documents belong to a folder, not to one of its files.
      if (['golden', 'documentation'].includes(basename(stem))) return false
      // `certificates-formed.test.ts` tests a part of `certificates.ts`: the stem may go on.
      const isPart = [...known].some((file) => stem.startsWith(`${file.slice(0, -'.ts'.length)}-`))
      return !known.has(source) && !isPart && !folders.has(stem)
    })
    expect(lost.map(({ path }) => path)).toEqual([])
  })
})

describe('the linter', () => {
  let directory: string
  beforeAll(() => {
    directory = mkdtempSync(join(ROOT, '.tmp-tidy-'))
  })
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true })
  })

  const planted: readonly (readonly [string, string])[] = [
    ['noExplicitAny', 'export const value: any = 1\n'],
    ['noNonNullAssertion', 'export const first = (list: string[]) => list[0]!.length\n'],
    ['noFloatingPromises', 'const save = async () => 1\nexport function run(): void {\n  save()\n}\n'],
    ['useImportType', "import { Hash } from '../crypto/bytes.ts'\nexport const of = (hash: Hash): Hash => hash\n"],
    ['noUnusedImports', "import { join } from 'node:path'\nexport const one = 1\n"],
  ]
  test.each(planted)('%s fires on a planted violation', (rule, text) => {
    const file = join(directory, `${rule.toLowerCase()}.ts`)
    writeFileSync(file, text)
    const biome = join(ROOT, 'node_modules', '.bin', 'biome')
    const result = spawnSync(biome, ['lint', '--vcs-use-ignore-file=false', file], { cwd: ROOT, encoding: 'utf8' })
    expect(result.stdout + result.stderr).toContain(rule)
    expect(result.stderr + result.stdout).not.toContain('No files were processed')
  })
})
