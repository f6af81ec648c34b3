// Breaks a running cluster and heals it, one fault after the other: kills, stopped processes, partitions through the proxies.
// After every fault it waits until all nodes commit again; that they do not is an error (TESTING.md, L2 and L3).

import { setTimeout as delay } from 'node:timers/promises'
import type { Cluster } from '../e2e/cluster.ts'
import type { Random } from '../simulation/random.ts'
import type { Journal } from './journal.ts'

export const FAULTS = [
  'kill one',
  'pause one',
  'minority cut off',
  'leader alone',
  'two halves',
  'one way',
  'connections reset',
  'slow links',
  'kill all',
  'pause two',
] as const
export type Fault = (typeof FAULTS)[number]

export interface NemesisTimes {
  /** How long a fault lasts. */
  readonly faultMs: number
  /** How long SIGSTOP lasts. */
  readonly pauseMs: number
  /** Between two faults. */
  readonly quietMs: number
}

const HEALED_BLOCKS = 3
/** A commit within n + 3 views (TESTING.md, L1), none of which lasts longer than 20 s (DESIGN.md section 3): n is four. */
const HEALED_MS_MAX = 7 * 20_000
const SLOW_MS_MAX = 150

export class Nemesis {
  readonly #cluster: Cluster
  readonly #journal: Journal
  readonly #random: Random
  readonly #times: NemesisTimes
  /** How long all nodes took to commit again after each fault, in milliseconds. */
  readonly healedMs: number[] = []

  constructor(cluster: Cluster, journal: Journal, random: Random, times: NemesisTimes) {
    this.#cluster = cluster
    this.#journal = journal
    this.#random = random
    this.#times = times
  }

  /** Every fault once in random order, then again, until `isOver`, which is asked between two. */
  async run(isOver: (faults: number) => boolean): Promise<void> {
    for (let done = 0; ; ) {
      for (const fault of this.#random.shuffled(FAULTS)) {
        if (isOver(done)) return
        await delay(this.#times.quietMs)
        await this.#suffer(fault)
        done += 1
      }
    }
  }

  async #suffer(fault: Fault): Promise<void> {
    const heal = await this.#begin(fault)
    await delay(fault.startsWith('pause') ? this.#times.pauseMs : this.#times.faultMs)
    await heal()
    const healedAtMs = performance.now()
    await this.#untilAllCommit()
    this.healedMs.push(performance.now() - healedAtMs)
  }

  async #begin(fault: Fault): Promise<() => Promise<void> | void> {
    const cluster = this.#cluster
    const { links } = cluster
    const all = Array.from({ length: cluster.size }, (_, index) => index)
    const [first = 0, second = 1, ...rest] = this.#random.shuffled(all)
    this.#note(fault)
    switch (fault) {
      case 'kill one':
        await cluster.kill(first)
        return () => cluster.restart(first)
      case 'kill all':
        await cluster.kill(...all)
        return () => cluster.restart(...all)
      case 'pause one':
        cluster.pause(first)
        return () => cluster.resume(first)
      case 'pause two':
        cluster.pause(first, second)
        return () => cluster.resume(first, second)
      case 'minority cut off':
        links.partition([[first], [second, ...rest]], { kind: 'held' })
        break
      case 'leader alone': {
        const leader = await this.#leader()
        links.partition([[leader], all.filter((index) => index !== leader)], { kind: 'held' })
        break
      }
      case 'two halves':
        links.partition([[first, second], rest], { kind: 'held' })
        break
      case 'one way':
        for (const other of [second, ...rest]) links.set(first, other, { kind: 'held' })
        break
      case 'connections reset':
        links.partition([[first], [second, ...rest]], { kind: 'cut' })
        break
      case 'slow links':
        links.all({ kind: 'delayed', delayMs: this.#random.between(20, SLOW_MS_MAX) })
        break
    }
    return () => links.heal()
  }

  #note(what: string): void {
    this.#journal.write({ event: 'nemesis', atMs: performance.now(), what })
  }

  async #leader(): Promise<number> {
    const answer = await this.#cluster.client(0).consensus()
    if (!answer.ok) throw new Error(`no leader: ${answer.problem.detail}`)
    return answer.value.leader
  }

  async #untilAllCommit(): Promise<void> {
    const all = Array.from({ length: this.#cluster.size }, (_, index) => index)
    const heights = () => Promise.all(all.map((index) => this.#cluster.height(index)))
    const wanted = Math.max(...(await heights())) + HEALED_BLOCKS
    const isHealed = async () => (await heights()).every((height) => height >= wanted)
    await this.#cluster.until(`all nodes commit height ${wanted}`, isHealed, HEALED_MS_MAX).catch(async (cause) => {
      const states = await Promise.all(all.map((index) => this.#stateOf(index)))
      throw new Error(`not healed:\n${states.join('\n')}`, { cause })
    })
  }

  /** What a node says of itself, for whoever has to find out why it does not commit. */
  async #stateOf(index: number): Promise<string> {
    const client = this.#cluster.client(index)
    const { checks } = await client.readiness()
    const consensus = await client.consensus()
    return `node ${index}: ${JSON.stringify({ checks, consensus })}`
  }
}
