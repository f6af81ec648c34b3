// Twins (TESTING 3): every three-view scenario of four validators of whom one runs twice, drawn longer ones, and what must break
// when two do. That relabelled scenarios are the same run is proved here, for only one of each set is run.

import { describe, expect, test } from 'vitest'
import type { View } from '../../consensus/types.ts'
import { type Conformance, createConformance } from '../model/conformance.ts'
import { recorder } from '../model/recording.ts'
import {
  choicesOf,
  describe as describeScenario,
  farSideOf,
  leaderOf,
  orbitSizeOf,
  parseScenario,
  RELABELLINGS,
  relabel,
  type Scenario,
  scenarioAt,
} from './twins/scenario.ts'
import { type Campaign, drawChoices, runBatch, sizeOf } from './twins/share.ts'
import { add, emptyTally, type Tally, tableOf } from './twins/tally.ts'
import { runTwins, type Step } from './twins/world.ts'

const THREE_VIEWS = 64 ** 3
const EXHAUSTIVE: Campaign = { kind: 'exhaustive', views: 3, twins: 1, scenarios: 0, seed: 0, symmetry: true }
const SAMPLED: Campaign = { ...EXHAUSTIVE, kind: 'sampled', scenarios: 400, seed: 1 }

/** Numbers of all scenarios of so many views. */
function* numbersOf(views: number): Generator<number[]> {
  for (let at = 0; at < 64 ** views; at++) yield scenarioAt(at, views, 1)
}

describe('choices', () => {
  test('64 a view: four leaders by the sixteen ways to part five nodes into at most two groups', () => {
    const meanings = Array.from({ length: choicesOf(1) }, (_, choice) => {
      const far = farSideOf(choice, 1)
      return `${leaderOf(choice, 1)} ${[far, ~far & 31].toSorted((a, b) => a - b).join(' ')}`
    })
    expect(meanings).toHaveLength(64)
    expect(new Set(meanings).size).toBe(64)
    expect(new Set(meanings.map((meaning) => meaning[0])).size).toBe(4)
  })

  test('a scenario reads as who leads whom, and its JSON is the scenario again', () => {
    const scenario: Scenario = { twins: 1, choices: [0b10_1100, 0] }
    expect(describeScenario(scenario)).toBe('view 1: 2 leads 0 1 2 | 3 4; view 2: 0 leads 0 1 2 3 4')
    expect(parseScenario(JSON.stringify(scenario))).toEqual(scenario)
  })

  test.each(['{"twins":1,"choices":[64]}', '{"twins":3,"choices":[0]}', '{"twins":1}', '[]', 'null'])(
    '%s is no scenario',
    (text) => {
      expect(() => parseScenario(text)).toThrow(RangeError)
    },
  )
})

describe('symmetry', () => {
  test('the relabellings are a group of twelve that moves validators with their twins', () => {
    const names = new Set(RELABELLINGS.map((to) => to.join()))
    expect(names.size).toBe(12)
    for (const first of RELABELLINGS) {
      expect([first[0], first[4]].toSorted()).toEqual([0, 4])
      for (const second of RELABELLINGS) expect(names).toContain(first.map((image) => second[image]).join())
    }
  })

  test('each of the 262,144 three-view scenarios is in the orbit of exactly one that is run', () => {
    let counted = 0
    let representatives = 0
    for (const choices of numbersOf(3)) {
      const size = orbitSizeOf(choices)
      counted += size
      if (size > 0) representatives += 1
      const names = RELABELLINGS.map((_, at) => relabel(choices, at))
      const orbit = new Map(names.map((name) => [name.join(), name]))
      const run = [...orbit.values()].filter((member) => orbitSizeOf(member) > 0)
      if (run.length !== 1 || orbitSizeOf(run[0] ?? []) !== orbit.size) expect.fail(`the orbit of ${choices}`)
    }
    expect(counted).toBe(THREE_VIEWS)
    // Burnside: as many orbits as relabellings fix scenarios on average, and a scenario is fixed when each choice is.
    const fixed = RELABELLINGS.map(
      (_, at) => [...numbersOf(1)].filter(([one = 0]) => relabel([one], at)[0] === one).length,
    )
    expect(representatives).toBe(fixed.reduce((sum, count) => sum + count ** 3, 0) / RELABELLINGS.length)
  })

  /** Node for node and step for step, in the names of the world that was relabelled. */
  function traceOf(choices: readonly number[], order: readonly number[]): string[] {
    const trace: string[] = []
    const onStep = ({ elapsedMs, node, view, input, effects }: Step) => {
      trace.push(`${elapsedMs} ${order.indexOf(node)} ${view} ${input.kind}: ${effects.map(({ kind }) => kind)}`)
    }
    runTwins({ twins: 1, choices }, { onStep, order })
    return trace
  }

  test.each(RELABELLINGS.map((to, at) => [to, at] as const))('nodes 0 to 4 renamed to %j run alike', (to, at) => {
    for (let seed = 1; seed <= 25; seed++) {
      const choices = drawChoices(seed, 3 + (seed % 4), 1)
      expect(traceOf(relabel(choices, at), to)).toEqual(traceOf(choices, RELABELLINGS[0] ?? []))
    }
  })
})

describe('one validator of four runs twice: agreement, one certificate a view, and commits after healing', () => {
  /** First choices, from up to below: leaders 2 and 3 first are relabellings of leader 1 first. */
  const PARTS = [
    [0, 4],
    [4, 8],
    [8, 13],
    [13, 18],
    [18, 20],
    [20, 22],
    [22, 24],
    [24, 26],
    [26, 30],
    [30, 64],
  ] as const
  const tallies = new Map<number, Tally>()

  function tallyOf([from, to]: (typeof PARTS)[number]): Tally {
    const perChoice = sizeOf(EXHAUSTIVE) / choicesOf(1)
    const tally = tallies.get(from) ?? runBatch(EXHAUSTIVE, from * perChoice, to * perChoice)
    tallies.set(from, tally)
    return tally
  }

  test.each(PARTS.map((part) => [part.join(' up to '), part] as const))(
    'all scenarios of three views that begin with choice %s',
    (_, part) => {
      expect(tallyOf(part).failures).toEqual([])
    },
  )

  test('are 262,144, and there was something to see: commits before healing, and twins caught', () => {
    const total = emptyTally()
    for (const part of PARTS) add(total, tallyOf(part))
    expect(total.scenarios).toBe(THREE_VIEWS)
    expect(total.committedEarly).toBeGreaterThan(THREE_VIEWS / 10)
    expect(total.evidence).toBeGreaterThan(total.runs)
  })

  test.each([4, 5, 6, 7, 8])('drawn scenarios of %i views', (views) => {
    const campaign: Campaign = { ...SAMPLED, views }
    const tally = runBatch(campaign, 0, campaign.scenarios)
    expect(tally.failures).toEqual([])
    expect(tally.committedEarly).toBeGreaterThan(campaign.scenarios / 10)
  })
})

test('TESTING 16: the model allows every step of every node, both lives of the twin among them', () => {
  let accepted = 0
  for (let seed = 1; seed <= 60; seed++) {
    const judges = new Map<
      number,
      { readonly conformance: Conformance; readonly record: ReturnType<typeof recorder> }
    >()
    const judgeOf = ({ node, replica }: Step) => {
      const known = judges.get(node)
      if (known !== undefined) return known
      const leader = (view: number) => replica.core?.config.validators.leader(view as View) ?? -1
      const conformance = createConformance(4, 3, leader)
      const record = recorder((_, one) => {
        const verdict = conformance.accept(one)
        if (verdict.kind === 'rejected') expect.fail(`seed ${seed}, node ${node}: ${verdict.reason}`)
      })
      const judge = { conformance, record }
      judges.set(node, judge)
      return judge
    }
    const onStep = (step: Step) => judgeOf(step).record(step.replica, step.input, step.effects)
    runTwins({ twins: 1, choices: drawChoices(seed, 8, 1) }, { onStep })
    for (const { conformance } of judges.values()) accepted += conformance.accepted()
  }
  // Some 300 a scenario.
  expect(accepted).toBeGreaterThan(10_000)
})

describe('scenarios that fork a protocol with a rule less', () => {
  /** Found with `npm run twins` in copies whose replicas neither learn a QC from a timeout or a TC nor bind the justify to the TC. */
  test.each([[[0, 23, 10, 47, 54, 61]], [[0, 23, 10, 47, 54, 61, 56, 18]]])(
    '%j: the TC binds the justify from below (PITFALLS 8, 11)',
    (choices) => {
      const { height, healedHeight, views } = runTwins({ twins: 1, choices })
      expect(views).toBeGreaterThan(choices.length)
      expect(height).toBeGreaterThan(healedHeight)
    },
  )
})

describe('negative control', () => {
  test('two of four run twice: two blocks are certified in a view, and the scenario printed shows it again', () => {
    const tally = runBatch({ ...SAMPLED, twins: 2, views: 4 }, 0, 400)
    expect(Object.keys(tally.claims)).toEqual(['S2 one certified block'])
    const [failure] = tally.failures
    const replay = / --scenario '(.*)'/.exec(tableOf(tally, 1))?.[1] ?? ''
    expect(() => runTwins(parseScenario(replay))).toThrow(failure?.detail)
  })

  test('nobody runs twice: nobody is accused', () => {
    const tally = runBatch({ ...SAMPLED, twins: 0, views: 4 }, 0, 400)
    expect(tally.failures).toEqual([])
    expect(tally.evidence).toBe(0)
  })
})
