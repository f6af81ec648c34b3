// TESTING.md, row 8; PITFALLS 35 and 37: a few hundred harmed data directories. `npm run corruption` runs ten thousand.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { runCase } from './case.ts'
import { makeTemplates } from './reference.ts'

const CASES = 150

test('a harmed data directory gives the right prefix and then the whole chain, or is refused; nobody votes twice', async () => {
  const root = await mkdtemp(join(tmpdir(), 'scoville-corruption-'))
  onTestFinished(() => rm(root, { recursive: true, force: true }))
  const templates = await makeTemplates(root)
  const results = []
  for (let number = 0; number < CASES; number++) results.push(await runCase(templates, 1, number, root))
  expect(results.filter(({ violation }) => violation !== undefined)).toEqual([])
  // The harms do harm: these outcomes are all met.
  const outcomes = results.flatMap(({ chain, safety }) => [chain.split(' ')[0], safety.split(' ')[0]])
  for (const outcome of ['mended', 'newest', 'observer', 'shorter', 'whole']) expect(outcomes).toContain(outcome)
}, 300_000)
