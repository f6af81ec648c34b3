// The share of a campaign that runs with every change, in parts, so that both cores of a machine work: each part is a test file.
// Overrides for longer ones: SIM_SEEDS and SIM_SWARM (how many), SIM_FROM (the first); or `npm run campaign`.

import { describe, expect, test } from 'vitest'
import { emptyReport, takeCore } from './campaign/kinds.ts'
import { emptyTally, take } from './tally.ts'
import { runScenario } from './world/run.ts'
import { drawScenario } from './world/scenario.ts'

const PARTS = 2
const FROM = Number(process.env.SIM_FROM ?? 1)
/** Of the core simulator: a million views. */
const CORE_SEEDS = Number(process.env.SIM_SEEDS ?? 28_000)
const CORE_BATCH = 500
/** Fewer, and the faults stopped everything. */
const VIEWS_PER_SEED_MIN = 36
/** Of whole replicas, each hundreds of times as costly. */
const WORLD_SEEDS = Number(process.env.SIM_SWARM ?? 600)
const WORLD_BATCH = 20

function batchesOf(part: number, seeds: number, batch: number): number[] {
  const all = Array.from({ length: Math.ceil(seeds / batch) }, (_, at) => FROM + at * batch)
  return all.filter((_, at) => at % PARTS === part)
}

/** Core simulator: faults, and in three of four seeds f twins; the model judges one seed in seven. */
export function testCoreShare(part: number): void {
  describe('cores under loss, delay, duplicates, partitions, crashes and twins, then healed: every claim holds', () => {
    test.each(batchesOf(part, CORE_SEEDS, CORE_BATCH))('seeds from %i', { timeout: 120_000 }, (from) => {
      const report = emptyReport()
      const end = Math.min(from + CORE_BATCH, FROM + CORE_SEEDS)
      for (let seed = from; seed < end; seed++) takeCore(report, seed, { isJudged: (seed >> 2) % 7 === 0 })
      const { tally, findings } = report
      expect(findings).toEqual([])
      expect(tally.seeds).toBe(end - from)
      expect(tally.views).toBeGreaterThan(VIEWS_PER_SEED_MIN * tally.seeds)
      expect(tally.modelled).toBeGreaterThan(0)
      expect(2 * tally.withAllVillains).toBeGreaterThan(tally.seeds)
    })
  })
}

/** Whole replicas under drawn faults and villains. */
export function testWorldShare(part: number): void {
  describe('replicas under faults and villains, then healed: every claim holds', () => {
    test.each(batchesOf(part, WORLD_SEEDS, WORLD_BATCH))('seeds from %i', { timeout: 180_000 }, async (from) => {
      const tally = emptyTally()
      const said: string[] = []
      for (let seed = from; seed < Math.min(from + WORLD_BATCH, FROM + WORLD_SEEDS); seed++) {
        await take(
          tally,
          drawScenario(seed),
          (line) => said.push(`seed ${seed}: ${line}`),
          (one) => runScenario(one),
        )
      }
      expect(said).toEqual([])
      // Otherwise nothing was tested: the faults stopped everything.
      expect(tally.blocks).toBeGreaterThan(5 * tally.seeds)
      expect(tally.transactions).toBeGreaterThan(tally.seeds)
    })
  })
}
