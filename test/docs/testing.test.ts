// docs/TESTING.md against the project: every file, script, option and name of a villain in it exists.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { VILLAINS } from '../simulation/villains/catalogue.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const manual = read('docs/TESTING.md')

it('every file and folder it names exists', () => {
  const paths = [...manual.matchAll(/`((?:test|node|docs|world|villains)\/[\w./-]*)`/g)].flatMap(
    ([, path]) => path ?? [],
  )
  expect(paths.length).toBeGreaterThan(15)
  const missing = paths.filter((path) => {
    return ![path, `test/simulation/${path}`].some((candidate) => existsSync(join(ROOT, candidate)))
  })
  expect(missing).toEqual([])
})

it('every script and option it names exists', () => {
  const { scripts }: { scripts: Record<string, string> } = JSON.parse(read('package.json'))
  const named = [...manual.matchAll(/npm run ([\w-]+)/g)].flatMap(([, name]) => name ?? [])
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([])
  const usage = read('test/simulation/main.ts')
  const options = [...manual.matchAll(/--(seeds?|n|ms|villains?|seconds|log|keep|tries|json)\b/g)].map(
    ([option]) => option,
  )
  expect(options.length).toBeGreaterThan(8)
  expect(options.filter((option) => !usage.includes(`  ${option} `))).toEqual([])
})

it('the villains of its examples exist', () => {
  for (const name of ['equivocating-leader', 'silent-voter']) expect(VILLAINS.has(name)).toBe(true)
})
