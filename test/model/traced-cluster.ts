// Four real processes that record every step of their cores, under load and `kill -9`, for as long as one likes: what
// `npm run conformance -- --cluster S` judges afterwards. Blocks are small and follow at once, so that steps are many.

import { Cluster } from '../e2e/cluster.ts'
import { Load } from '../e2e/load.ts'
import { Wallet } from '../e2e/wallet.ts'

const VALIDATORS = 4
const CLIENTS = 4
/** Every so many kills, all processes go at once. */
const KILLS_PER_ALL = 10
const TOLD_SECONDS = 30
/** Ten times the usual: what the machine is busy with must not end the run. */
const READY_MS = 600_000

export interface TracedClusterOptions {
  readonly seconds: number
  readonly killSeconds: number
  readonly say: (line: string) => void
}

export interface TracedCluster {
  /** Of the caller to remove. */
  readonly dir: string
  readonly files: readonly string[]
  readonly kills: number
}

/** @throws Error when a node ends by itself or is not ready again after a kill */
export async function runTracedCluster({ seconds, killSeconds, say }: TracedClusterOptions): Promise<TracedCluster> {
  const flags = { 'block-interval-ms': '0', 'idle-interval-ms': '20', 'log-level': 'warn' }
  const cluster = await Cluster.start({ validators: VALIDATORS, traced: true, flags })
  const all = Array.from({ length: VALIDATORS }, (_, index) => index)
  let kills = 0
  try {
    const load = new Load(cluster)
    load.start(Wallet.funded(cluster.genesisHash).slice(0, CLIENTS))
    const startMs = performance.now()
    const elapsed = () => (performance.now() - startMs) / 1_000
    let told = 0
    while (elapsed() < seconds) {
      await pause(Math.min(killSeconds, seconds - elapsed()))
      cluster.expectNoCrash()
      if (elapsed() >= seconds) break
      kills += 1
      const victims = kills % KILLS_PER_ALL === 0 ? all : [kills % VALIDATORS]
      await cluster.kill(...victims)
      for (const index of victims) cluster.launch(index)
      await Promise.all(victims.map((index) => cluster.ready(index, READY_MS)))
      if (elapsed() < told + TOLD_SECONDS) continue
      told = elapsed()
      say(
        `  ${Math.round(told)} s, ${kills} kills, height ${await cluster.height(0)}, ${load.acknowledged.size} transactions`,
      )
    }
    await load.stop()
    for (const index of all) await cluster.terminate(index)
    cluster.expectNoCrash()
  } catch (error) {
    cluster.printLogs()
    say(`the files are kept in ${cluster.dir}`)
    throw error
  } finally {
    await cluster.stop({ keep: true })
  }
  return { dir: cluster.dir, files: all.map((index) => cluster.traceFile(index)), kills }
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1_000 * seconds))
}
