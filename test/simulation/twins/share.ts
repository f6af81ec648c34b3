// One worker's share of a campaign of Twins scenarios: which scenarios those are, a batch at a time. Knows no process and no clock.

import { Random } from '../random.ts'
import { choicesOf, orbitSizeOf, scenarioAt } from './scenario.ts'
import { emptyTally, type Tally, take } from './tally.ts'

export interface Campaign {
  /** Every scenario of so many views, or drawn ones. */
  readonly kind: 'exhaustive' | 'sampled'
  readonly views: number
  readonly twins: number
  /** Sampled: how many, and the first seed; scenario number i is drawn from seed + i. */
  readonly scenarios: number
  readonly seed: number
  /** Exhaustive: run one scenario of those that are relabellings of one another. */
  readonly symmetry: boolean
}

/** Scenario numbers looked at in one batch: progress and time limits are as fine as this. */
export const BATCH = 1_024

/** How many scenario numbers there are. */
export function sizeOf({ kind, views, twins, scenarios }: Campaign): number {
  return kind === 'sampled' ? scenarios : choicesOf(twins) ** views
}

export function drawChoices(seed: number, views: number, twins: number): number[] {
  const random = new Random(seed, 'twins')
  return Array.from({ length: views }, () => random.between(0, choicesOf(twins) - 1))
}

/** Scenarios number `from` up to, not including, `to`. */
export function runBatch(campaign: Campaign, from: number, to: number): Tally {
  const { kind, views, twins, seed, symmetry } = campaign
  const tally = emptyTally()
  for (let at = from; at < to; at++) {
    const choices = kind === 'sampled' ? drawChoices(seed + at, views, twins) : scenarioAt(at, views, twins)
    const weight = kind === 'exhaustive' && symmetry ? orbitSizeOf(choices) : 1
    if (weight > 0) take(tally, { twins, choices }, weight)
  }
  return tally
}
