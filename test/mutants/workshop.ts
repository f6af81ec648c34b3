// A copy of the tree in which one mutant at a time is put, and the suites that are asked about it. The tree itself is never touched.
// A suite counts only if it passes without the mutant: a simulated seed is run again in a clean copy, a test file once.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { type Mutant, mutate, type Suite } from './mutant.ts'

export const ROOT = resolve(import.meta.dirname, '../..')
/** A mutant that takes longer to find is not found. */
export const SUITE_SECONDS_MAX = 60
const HUNT_SECONDS = 45
const COPIED = ['api', 'consensus', 'crypto', 'docs', 'genesis', 'ledger', 'mempool', 'node', 'scripts', 'test']
const COPIED_FILES = ['package.json', 'tsconfig.json', 'vitest.config.ts']

export interface Verdict {
  readonly failed: boolean
  readonly seconds: number
  /** The test or the claim, or how far the search went. */
  readonly said: string
}

interface Ended {
  readonly status: number | undefined
  readonly seconds: number
  readonly output: string
}

function copyOfTree(root: string): string {
  const directory = mkdtempSync(join(tmpdir(), 'scoville-mutants-'))
  for (const name of [...COPIED, ...COPIED_FILES]) cpSync(join(root, name), join(directory, name), { recursive: true })
  symlinkSync(join(ROOT, 'node_modules'), join(directory, 'node_modules'), 'dir')
  return directory
}

/** Process groups under way: they outlive this process unless they are ended with it. */
const groups = new Set<number>()

export function endSuites(): void {
  for (const group of groups) {
    try {
      process.kill(-group, 'SIGKILL')
    } catch {
      // It ended by itself.
    }
  }
}

/** Runs a program in a process group of its own and ends the whole group when its time is up. */
function execute(cwd: string, args: readonly string[]): Promise<Ended> {
  const startMs = Date.now()
  const child = spawn(process.execPath, ['--no-warnings', ...args], { cwd, detached: true, env: plainEnvironment() })
  const { pid } = child
  if (pid !== undefined) groups.add(pid)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-100_000)
    })
  }
  const { promise, resolve: done, reject } = Promise.withResolvers<Ended>()
  let isOver = false
  const timer = setTimeout(() => {
    isOver = true
    if (pid !== undefined) process.kill(-pid, 'SIGKILL')
  }, 1_000 * SUITE_SECONDS_MAX)
  child.on('error', reject)
  child.on('close', (code) => {
    clearTimeout(timer)
    if (pid !== undefined) groups.delete(pid)
    done({ status: isOver ? undefined : (code ?? 1), seconds: (Date.now() - startMs) / 1_000, output })
  })
  return promise
}

/** Without what the test runner around us sets for its own workers. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(?:VITEST|TEST$|NODE_ENV$|NODE_OPTIONS$)/.test(name))
  return { ...Object.fromEntries(kept), NO_COLOR: '1' }
}

export class Workshop {
  /** Where the copy without any mutant is. */
  readonly clean: string
  readonly #mutated: string
  readonly #baselines = new Map<string, Promise<Ended>>()

  /** `like`: a workshop whose tree this one is to have, whatever became of the real one meanwhile. */
  constructor(like?: Workshop) {
    this.clean = copyOfTree(like === undefined ? ROOT : like.clean)
    this.#mutated = copyOfTree(this.clean)
  }

  close(): void {
    for (const directory of [this.#mutated, this.clean]) rmSync(directory, { recursive: true, force: true })
  }

  /** Of everything that decides a verdict: two workshops with the same one say the same of a mutant. */
  fingerprint(): string {
    const hash = createHash('sha256')
    // Not from the top: the link to the packages would be followed, and tools keep their caches there.
    const files = COPIED.flatMap((folder) =>
      readdirSync(join(this.clean, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => relative(this.clean, join(entry.parentPath, entry.name))),
    )
    for (const file of [...COPIED_FILES, ...files.sort()]) {
      const bytes = readFileSync(join(this.clean, file))
      hash.update(`${file} ${bytes.length}\n`).update(bytes)
    }
    return hash.digest('hex')
  }

  /** @throws as `mutate` */
  checkFits(mutant: Mutant): void {
    mutate(readFileSync(join(this.clean, mutant.file), 'utf8'), mutant)
  }

  /** Puts the mutant in while `work` runs. @throws as `mutate` */
  async with<T>(mutant: Mutant, work: () => Promise<T>): Promise<T> {
    const path = join(this.#mutated, mutant.file)
    const text = readFileSync(join(this.clean, mutant.file), 'utf8')
    writeFileSync(path, mutate(text, mutant))
    try {
      return await work()
    } finally {
      writeFileSync(path, text)
    }
  }

  /** `onBroken`: hears of a test or a seed that fails without any mutant; the search goes on behind it. */
  async ask(suite: Suite, onBroken: (said: string) => void): Promise<Verdict> {
    let seconds = 0
    for (let from = 1; ; ) {
      const ended = await execute(this.#mutated, argumentsOf(suite, from, HUNT_SECONDS - seconds))
      seconds += ended.seconds
      if (ended.status === 0) return { failed: false, seconds, said: lastLine(ended.output) }
      // That may be the machine as well as the mutant: it proves nothing.
      if (ended.status === undefined) return { failed: false, seconds, said: `not done in ${SUITE_SECONDS_MAX} s` }
      const said = saidBy(suite, ended.output)
      const seed = /^seed (\d+):/m.exec(ended.output)?.[1]
      const broken = await this.#brokenWithout(suite, seed)
      if (broken === undefined) return { failed: true, seconds, said }
      onBroken(`${suite}, ${broken}`)
      if (seed === undefined) return { failed: false, seconds, said: 'fails without the mutant' }
      from = Number(seed) + 1
    }
  }

  /** What the suite, or the one seed of it, says of the tree as it is; undefined when it passes. */
  async #brokenWithout(suite: Suite, seed: string | undefined): Promise<string | undefined> {
    const args = argumentsOf(suite, Number(seed ?? 1), seed === undefined ? HUNT_SECONDS : 0)
    const key = args.join(' ')
    const baseline = this.#baselines.get(key) ?? execute(this.clean, args)
    this.#baselines.set(key, baseline)
    const { status, output } = await baseline
    return status === 0 ? undefined : saidBy(suite, output)
  }
}

/** Of a simulation with no seconds left: that seed alone. */
function argumentsOf(suite: Suite, from: number, seconds: number): string[] {
  if (suite.startsWith('test/')) return ['node_modules/vitest/vitest.mjs', 'run', '--bail=1', suite]
  return ['test/mutants/hunt.ts', suite, seconds.toFixed(0), String(from)]
}

function saidBy(suite: Suite, output: string): string {
  if (!suite.startsWith('test/')) return lastLine(output)
  const failure = output.split('\n').find((line) => /^\s*FAIL |^\w*Error: /.test(line)) ?? lastLine(output)
  return failure.replace(/^\s*FAIL\s+(?:\|\w+\|\s+)?/, '').trim()
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1)?.trim() ?? ''
}
