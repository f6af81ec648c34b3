// What a Twins scenario is (Bano et al., "Twins: BFT Systems Made Robust", OPODIS 2021): for each view, who leads it and which
// nodes hear each other in it. Names, counts and relabels scenarios; never runs one.

import type { ValidatorIndex } from '../../../consensus/types.ts'

/** n = 3f + 1 with f = 1. */
export const VALIDATORS = 4

/**
 * The nodes are the validators 0 to 3 and then the twins: node 4 runs under the key of validator 0, node 5 under that of 1.
 * A choice is `leader << splitBits | split`: bit i of the split says that node i + 1 is cut off from node 0. So every way to
 * part the nodes into at most two groups has one number: 16 of five nodes, 64 choices a view.
 */
export interface Scenario {
  readonly twins: number
  /** One per view, from view 1 on. */
  readonly choices: readonly number[]
}

export function nodesOf(twins: number): number {
  return VALIDATORS + twins
}

/** Choices of one view. */
export function choicesOf(twins: number): number {
  return VALIDATORS << (nodesOf(twins) - 1)
}

export function leaderOf(choice: number, twins: number): ValidatorIndex {
  return (choice >> (nodesOf(twins) - 1)) as ValidatorIndex
}

/** Bit i set: node i is not in the group of node 0. */
export function farSideOf(choice: number, twins: number): number {
  return (choice << 1) & ((1 << nodesOf(twins)) - 1)
}

function choiceOf(leader: number, farSide: number, twins: number): number {
  const nodes = nodesOf(twins)
  // A split has two names; the one that has node 0 on the near side counts.
  const far = (farSide & 1) === 0 ? farSide : ~farSide & ((1 << nodes) - 1)
  return (leader << (nodes - 1)) | (far >> 1)
}

/** For people: `2 leads 0 1 | 2 3 4`. */
export function describe({ twins, choices }: Scenario): string {
  const nodes = Array.from({ length: nodesOf(twins) }, (_, node) => node)
  const views = choices.map((choice, at) => {
    const far = farSideOf(choice, twins)
    const side = (bit: number) => nodes.filter((node) => ((far >> node) & 1) === bit).join(' ')
    return `view ${at + 1}: ${leaderOf(choice, twins)} leads ${side(0)}${far === 0 ? '' : ` | ${side(1)}`}`
  })
  return views.join('; ')
}

/** @throws RangeError where it is none */
export function parseScenario(text: string): Scenario {
  const value: unknown = JSON.parse(text)
  const isRecord = typeof value === 'object' && value !== null && 'twins' in value && 'choices' in value
  if (!isRecord || (value.twins !== 0 && value.twins !== 1 && value.twins !== 2) || !Array.isArray(value.choices)) {
    throw new RangeError('a scenario is {"twins":1,"choices":[5,17,63]}')
  }
  const { twins } = value
  const choices = value.choices.map((choice: unknown) => {
    if (typeof choice === 'number' && Number.isInteger(choice) && choice >= 0 && choice < choicesOf(twins))
      return choice
    throw new RangeError(`${choice} is no choice: they are 0 to ${choicesOf(twins) - 1}`)
  })
  return { twins, choices }
}

/** A relabelling of nodes that maps validators to validators and twins along with them: `to[node]`. */
export type Relabelling = readonly number[]

/**
 * The relabellings that leave a world of one twin as it is: the three honest validators in any order, and the two nodes of
 * one key in either. Twelve, the identity first.
 */
export const RELABELLINGS: readonly Relabelling[] = [
  [1, 2, 3],
  [1, 3, 2],
  [2, 1, 3],
  [2, 3, 1],
  [3, 1, 2],
  [3, 2, 1],
].flatMap((honest) => [
  [0, ...honest, 4],
  [4, ...honest, 0],
])

/** What each choice becomes under each relabelling. */
const RELABELLED: readonly Uint8Array[] = RELABELLINGS.map((to) =>
  Uint8Array.from({ length: choicesOf(1) }, (_, choice) => {
    const leader = leaderOf(choice, 1)
    const farSide = to.reduce((mask, image, node) => mask | (((farSideOf(choice, 1) >> node) & 1) << image), 0)
    return choiceOf(leader === 0 ? 0 : (to[leader] ?? 0), farSide, 1)
  }),
)

export function relabel(choices: readonly number[], relabelling: number): number[] {
  return choices.map((choice) => RELABELLED[relabelling]?.[choice] ?? 0)
}

/**
 * How many scenarios `choices` stands for: the size of its orbit when it is the least of it in the order of its choices, and 0
 * when another one is. Summed over all scenarios it counts each once.
 */
export function orbitSizeOf(choices: readonly number[]): number {
  let same = 0
  for (const table of RELABELLED) {
    let order = 0
    for (let at = 0; at < choices.length && order === 0; at++) {
      const choice = choices[at] ?? 0
      order = (table[choice] ?? 0) - choice
    }
    if (order < 0) return 0
    if (order === 0) same += 1
  }
  return RELABELLINGS.length / same
}

/** Number `at` of all scenarios of so many views, the first view's choice counting most. */
export function scenarioAt(at: number, views: number, twins: number): number[] {
  const choices: number[] = []
  const base = choicesOf(twins)
  for (let rest = at, view = 0; view < views; view++) {
    choices.unshift(rest % base)
    rest = Math.floor(rest / base)
  }
  return choices
}
