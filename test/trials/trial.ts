// What every trial has: a cluster of its own with the plan's accounts, clients at work, nodes that are killed and come back,
// a quiet end at one height, and the judge. A trial says what happens in between.

import { Cluster } from '../e2e/cluster.ts'
import { Random } from '../simulation/random.ts'
import { Clients, type ClientsOptions, pause } from './clients.ts'
import { judge, type Verdict } from './judge.ts'
import { BALANCE, Plan } from './plan.ts'

/** As a node runs by default, and not as fast as a test would like it. */
const FLAGS = { 'base-timeout-ms': '1000', 'idle-interval-ms': '1000' }
const PROGRESS_MS = 5_000
const SETTLE_MS = 120_000

export interface TrialOptions {
  readonly validators: number
  readonly seed: number
  /** Whether the directories outlive the trial. */
  readonly keep: boolean
  readonly say: (line: string) => void
  readonly clients: ClientsOptions
  readonly flags?: Readonly<Record<string, string>>
}

export class Trial {
  readonly cluster: Cluster
  readonly plan: Plan
  readonly clients: Clients
  readonly random: Random
  readonly say: (line: string) => void
  readonly #keep: boolean
  readonly #startedMs = performance.now()
  #progress: NodeJS.Timeout | undefined

  private constructor(cluster: Cluster, plan: Plan, options: TrialOptions) {
    this.cluster = cluster
    this.plan = plan
    this.clients = new Clients(cluster, plan, options.clients)
    this.random = new Random(options.seed, 'trial')
    this.say = options.say
    this.#keep = options.keep
  }

  /** All validators ready, no client yet. */
  static async start(options: TrialOptions): Promise<Trial> {
    const { seed, validators } = options
    const plan = new Plan(seed, options.clients.workers)
    const cluster = await Cluster.start({
      validators,
      balances: plan.senders.map(({ address }) => ({ address, balance: BALANCE })),
      flags: { ...FLAGS, ...options.flags },
    })
    open.add(cluster)
    if (options.keep) options.say(`kept: ${cluster.dir}`)
    return new Trial(cluster, plan, options)
  }

  get nodes(): readonly number[] {
    return Array.from({ length: this.cluster.size }, (_, index) => index)
  }

  get running(): readonly number[] {
    return this.nodes.filter((index) => this.cluster.isRunning(index))
  }

  /** Seconds since the trial began, for progress. */
  get seconds(): string {
    return `${((performance.now() - this.#startedMs) / 1_000).toFixed(1)} s`
  }

  load(): void {
    this.clients.start()
    let before = 0
    this.#progress = setInterval(() => {
      const { committed, submitted } = this.clients
      const perSecond = ((committed - before) * 1_000) / PROGRESS_MS
      before = committed
      this.say(`${this.seconds}: ${committed} of ${submitted} committed, ${perSecond.toFixed(0)} a second`)
    }, PROGRESS_MS)
  }

  /** The leader of the view that a running node is in. */
  async leader(): Promise<number> {
    for (;;) {
      for (const index of this.running) {
        try {
          const consensus = await this.cluster.client(index).consensus()
          if (consensus.ok) return consensus.value.leader
        } catch {
          // It is just starting: another one may know.
        }
      }
      await pause(20)
    }
  }

  /** One that runs and does not lead. */
  async follower(): Promise<number> {
    const leader = await this.leader()
    return this.random.pick(this.running.filter((index) => index !== leader))
  }

  /** Stops the clients' work first if it has no end of its own. Kills all nodes with -9 and judges what is on their disks. */
  async end(nodes: readonly number[] = this.nodes): Promise<Verdict> {
    clearInterval(this.#progress)
    await this.clients.stop()
    const settled = await this.#settle(nodes)
    const framed = await this.#evidence()
    await this.cluster.kill(...this.nodes)
    this.say(`${this.seconds}: judging ${nodes.length} databases up to height ${settled}`)
    const verdict = await judge(this.cluster, nodes, this.plan, this.clients, settled)
    const { committed, dropped, duplicated, lost } = verdict
    this.say(`${this.seconds}: ${committed} committed, ${dropped} dropped, ${duplicated} duplicated, ${lost} lost`)
    return { ...verdict, violations: [...framed, ...verdict.violations] }
  }

  async close(): Promise<void> {
    clearInterval(this.#progress)
    open.delete(this.cluster)
    await this.cluster.stop({ keep: this.#keep })
  }

  /** Two heights above the last acknowledged one: then everybody has written what everybody decided. */
  async #settle(nodes: readonly number[]): Promise<number> {
    const last = this.clients.acknowledged.reduce((top, { height }) => Math.max(top, height), 0)
    const heights = () => Promise.all(nodes.map((index) => this.cluster.height(index)))
    await this.cluster.until(
      `all at height ${last + 2}`,
      async () => Math.min(...(await heights())) >= last + 2,
      SETTLE_MS,
    )
    return last + 2
  }

  /** Nobody may hold evidence against anybody: all keys are honest. */
  async #evidence(): Promise<string[]> {
    const found: string[] = []
    for (const index of this.running) {
      const count = await this.cluster.metric(index, 'scoville_evidence')
      const isLogged = this.cluster.log(index).includes('equivocation')
      if (count > 0 || isLogged) found.push(`node ${index} holds evidence against an honest validator`)
    }
    return found
  }
}

const open = new Set<Cluster>()

/** For an interrupted run: no process is left, and no directory unless wanted. */
export async function closeAll(keep: boolean): Promise<void> {
  await Promise.all([...open].map((cluster) => cluster.stop({ keep })))
}

/** Runs a trial and closes its cluster; the nodes' logs are printed when it fails. */
export async function withTrial<T>(options: TrialOptions, run: (trial: Trial) => Promise<T>): Promise<T> {
  const trial = await Trial.start(options)
  try {
    return await run(trial)
  } catch (error) {
    trial.cluster.printLogs()
    throw error
  } finally {
    await trial.close()
  }
}
