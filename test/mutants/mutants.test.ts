// The table of seeded bugs stays in step with the sources, and three of them are really killed: the rest is npm run mutants.

import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test } from 'vitest'
import { VILLAINS } from '../simulation/villains/catalogue.ts'
import { type Mutant, mutate, type Suite } from './mutant.ts'
import { MUTANTS } from './mutants.ts'
import { mutantsOf, PITFALLS, pitfallsTable, rowsOf } from './pitfalls.ts'
import { Journal, type Row, tableOf, totalsOf, verdictOf } from './results.ts'
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

describe('pitfalls', () => {
  test('every row has a mutant, or a reason why not and none', () => {
    const wrong = PITFALLS.flatMap(({ unseeded }, at) =>
      mutantsOf(at + 1).length > 0 === (unseeded === undefined) ? [] : [at + 1],
    )
    expect(wrong).toEqual([])
    expect(MUTANTS.filter((mutant) => rowsOf(mutant).some((row) => row < 1 || row > PITFALLS.length))).toEqual([])
  })

  test('docs/TESTING.md has the table as `npm run mutants -- --pitfalls` prints it', () => {
    const [, after = ''] = readFileSync(join(ROOT, 'docs/TESTING.md'), 'utf8').split(
      '### Which pitfall has which mutant\n',
    )
    const written = after.split('\n## ')[0]?.split('\n') ?? []
    expect(written.filter((line) => line.startsWith('|')).join('\n')).toBe(pitfallsTable())
  })
})

describe('results', () => {
  const mutant = { name: 'm', rule: 'S1', file: 'f.ts', find: 'b', replace: 'c', killedBy: ['core'] } satisfies Mutant
  const killed: Row = { mutant, killedBy: 'core', said: 'seed 3: S1 agreement', seconds: 2 }
  const survivor: Row = { mutant, killedBy: undefined, said: '90 seeds', seconds: 90 }
  const equivalent: Row = { ...survivor, mutant: { ...mutant, equivalent: 'the library does it too' } }

  test('only what is not known to be equivalent survives', () => {
    expect([killed, survivor, equivalent].map(verdictOf)).toEqual(['killed', 'SURVIVED', 'equivalent'])
    expect(totalsOf([killed, survivor, equivalent])).toBe(
      '1 of 2 killed, 1 equivalent; median 2.0 s, slowest 2.0 s, 0 above 60 s',
    )
  })

  test('a row of the table tells the killer with its seed, how far the search went, or why it is equivalent', () => {
    const lines = tableOf([killed, survivor, equivalent]).split('\n')
    expect(lines[1]).toMatch(/^m +f\.ts +killed +2\.0 +core > seed 3: S1 agreement$/)
    expect(lines[2]).toMatch(/SURVIVED +90\.0 +90 seeds$/)
    expect(lines[3]).toMatch(/equivalent +90\.0 +the library does it too$/)
  })

  test('a run that was interrupted is taken up by the same tree, for the same suites, even if its last line was cut off', () => {
    const directory = mkdtempSync(join(tmpdir(), 'scoville-journal-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const path = join(directory, 'journal.jsonl')
    new Journal('tree', path).note(killed, ['core'])
    appendFileSync(path, '{"of":"tree","na')
    const later = new Journal('tree', path)
    expect(later.find(mutant, ['core'])).toEqual(killed)
    expect(later.find(mutant, ['world'])).toBeUndefined()
    expect(new Journal('another tree', path).find(mutant, ['core'])).toBeUndefined()
  })
})

describe('for real', () => {
  const workshop = new Workshop()
  afterAll(() => workshop.close())

  test('another copy of the same tree is known for what it is, until a file changes', () => {
    const another = new Workshop(workshop)
    onTestFinished(() => another.close())
    const before = another.fingerprint()
    expect(before).toBe(workshop.fingerprint())
    appendFileSync(join(another.clean, 'consensus/safety.ts'), '\n')
    expect(another.fingerprint()).not.toBe(before)
  })

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
