// The table of seeded bugs stays in step with the sources, and three of them are really killed: the rest is npm run mutants.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { VILLAINS } from '../simulation/villains/catalogue.ts'
import { type Mutant, mutate, type Suite } from './mutant.ts'
import { MUTANTS } from './mutants.ts'
import { ROOT, Workshop } from './workshop.ts'

const MUTANTS_MIN = 30

describe('the table', () => {
  test('TESTING 5: at least thirty, each of its own name', () => {
    const names = MUTANTS.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(names.length).toBeGreaterThanOrEqual(MUTANTS_MIN)
  })

  test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))('%s fits the source', (_, mutant) => {
    const text = readFileSync(join(ROOT, mutant.file), 'utf8')
    expect(mutate(text, mutant)).not.toBe(text)
  })

  test('a text that is gone, or there twice, or leaves no program, is an error', () => {
    const mutant = { name: 'x', rule: '', file: '', find: 'b', replace: '(', killedBy: [] } satisfies Mutant
    expect(() => mutate('const a = 1', mutant)).toThrow('occurs 0 times')
    expect(() => mutate('const b = b', mutant)).toThrow('occurs 2 times')
    expect(() => mutate('const b = 1', mutant)).toThrow(SyntaxError)
  })

  test('every suite that is named exists', () => {
    const exists = (suite: Suite) =>
      suite.startsWith('test/')
        ? existsSync(join(ROOT, suite))
        : suite === 'core' || suite === 'world' || VILLAINS.has(suite.slice('world:'.length))
    const lost = MUTANTS.flatMap(({ name, killedBy }) => killedBy.map((suite) => [name, suite] as const))
    expect(lost.filter(([, suite]) => !exists(suite))).toEqual([])
  })
})

describe('for real', () => {
  const workshop = new Workshop()
  afterAll(() => workshop.close())

  test.each<readonly [string, Suite, RegExp]>([
    ['commits-without-consecutive-views', 'test/consensus/safety.test.ts', /PITFALLS 7/],
    ['vote-sent-before-its-save', 'core', /^seed \d+: S4 /],
    ['signs-before-it-persists', 'world', /^seed \d+: S4 /],
  ])('%s is killed by %s', async (name, suite, said) => {
    const mutant = MUTANTS.find((candidate) => candidate.name === name)
    if (mutant === undefined) throw new RangeError(`no mutant is called ${name}`)
    const broken: string[] = []
    const verdict = await workshop.with(mutant, () => workshop.ask(suite, (what) => broken.push(what)))
    expect(verdict).toMatchObject({ failed: true, said: expect.stringMatching(said) })
    expect(broken).toEqual([])
  })
})
