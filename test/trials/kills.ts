// The four kills of issue 4, at load and with kill -9: a leader; a follower; both at once; both again during their recovery.
// And a validator that loses its database but not the record of what it signed, and one that loses both.

import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pause } from './clients.ts'
import type { Verdict } from './judge.ts'
import { type Trial, withTrial } from './trial.ts'

export const KILLS = ['leader', 'follower', 'both', 'recovery', 'database', 'everything'] as const
export type Kill = (typeof KILLS)[number]

export interface KillsOptions {
  /** Of each trial. */
  readonly transactions: number
  readonly validators: number
  readonly seed: number
  readonly only: readonly Kill[]
  readonly keep: boolean
  readonly say: (line: string) => void
}

export interface KillsRow {
  readonly trial: Kill
  readonly kills: number
  /** From the first post to the last acknowledgement. */
  readonly seconds: number
  readonly verdict: Verdict
}

const WORKERS = 24
const RUN = 128
/** How long what was killed stays down, ms. */
const DOWN_MS = { least: 500, most: 2_000 }
/** How far a start gets before it is killed again, ms: from reading its configuration to catching up. */
const START_MS = { least: 200, most: 2_500 }
const RESTARTS_KILLED = 3

export async function runKills(options: KillsOptions): Promise<KillsRow[]> {
  const rows: KillsRow[] = []
  for (const trial of options.only) rows.push(await runOne(trial, options))
  return rows
}

async function runOne(kill: Kill, options: KillsOptions): Promise<KillsRow> {
  const { keep, say, seed, transactions, validators } = options
  const clients = { workers: WORKERS, run: Math.min(RUN, Math.ceil(transactions / WORKERS)), total: transactions }
  return withTrial({ validators, seed, keep, say: (line) => say(`${kill}: ${line}`), clients }, async (trial) => {
    const beganMs = performance.now()
    trial.load()
    let kills = 0
    for (const share of SHARES[kill]) {
      await trial.clients.until(Math.floor(share * transactions))
      kills += await STRIKES[kill](trial)
      trial.say(`${trial.seconds}: everybody is back`)
    }
    await trial.clients.done()
    const seconds = (performance.now() - beganMs) / 1_000
    return { trial: kill, kills, seconds, verdict: await trial.end() }
  })
}

/** After which shares of the transactions it strikes. */
const SHARES: Readonly<Record<Kill, readonly number[]>> = {
  leader: [0.1, 0.4, 0.7],
  follower: [0.1, 0.4, 0.7],
  both: [0.1, 0.4, 0.7],
  recovery: [0.1, 0.5],
  database: [0.3],
  everything: [0.3],
}

/** Each answers how many processes it killed. */
const STRIKES: Readonly<Record<Kill, (trial: Trial) => Promise<number>>> = {
  leader: async (trial) => killAndReturn(trial, [await trial.leader()]),
  follower: async (trial) => killAndReturn(trial, [await trial.follower()]),
  both: async (trial) => killAndReturn(trial, await pair(trial)),
  recovery: killDuringRecovery,
  database: loseDatabase,
  everything: loseEverything,
}

async function pair(trial: Trial): Promise<number[]> {
  const leader = await trial.leader()
  return [leader, trial.random.pick(trial.running.filter((index) => index !== leader))]
}

async function killAndReturn({ cluster, random, say, seconds }: Trial, victims: readonly number[]): Promise<number> {
  say(`${seconds}: kill -9 of ${victims}`)
  await cluster.kill(...victims)
  await pause(random.between(DOWN_MS.least, DOWN_MS.most))
  await cluster.restart(...victims)
  return victims.length
}

async function killDuringRecovery(trial: Trial): Promise<number> {
  const { cluster, random, say } = trial
  const victims = await pair(trial)
  say(`${trial.seconds}: kill -9 of ${victims}`)
  await cluster.kill(...victims)
  for (let time = 1; time <= RESTARTS_KILLED; time++) {
    for (const victim of victims) cluster.launch(victim)
    const startMs = random.between(START_MS.least, START_MS.most)
    await pause(startMs)
    say(`${trial.seconds}: kill -9 of ${victims} ${startMs} ms into their recovery`)
    await cluster.kill(...victims)
  }
  await cluster.restart(...victims)
  return victims.length * (1 + RESTARTS_KILLED)
}

/** Without its database it fetches the chain and votes on, above what it remembers to have signed. */
async function loseDatabase(trial: Trial): Promise<number> {
  const { cluster } = trial
  const victim = await trial.follower()
  const voted = async () => {
    const consensus = await cluster.client(victim).consensus()
    return consensus.ok ? Number(consensus.value.lastVotedView) : 0
  }
  const before = await voted()
  await loseAndReturn(trial, victim, 'chain')
  await cluster.ready(victim)
  await cluster.until('it votes again', async () => (await voted()) > before)
  return 1
}

/** Without any record of what it signed it follows the chain and signs nothing: it is not known what it did (PITFALLS 6). */
async function loseEverything(trial: Trial): Promise<number> {
  const { cluster, say } = trial
  const victim = await trial.follower()
  const height = await cluster.height(victim)
  await loseAndReturn(trial, victim, '.')
  await cluster.until('it follows again', async () => {
    return await cluster.height(victim).then(
      (own) => own >= height,
      () => false,
    )
  })
  const { checks } = await cluster.client(victim).readiness()
  if (checks.safety?.ok !== false) throw new Error(`node ${victim} signs although its record is lost`)
  say(`${trial.seconds}: node ${victim} says of its signing: ${checks.safety?.detail}`)
  return 1
}

/** `lost`: within the data directory; `.` is all of it. */
async function loseAndReturn(trial: Trial, victim: number, lost: string): Promise<void> {
  const { cluster, random, say } = trial
  say(`${trial.seconds}: kill -9 of ${victim}, and its ${lost === '.' ? 'data directory' : 'database'} is lost`)
  await cluster.kill(victim)
  await rm(join(cluster.dataDir(victim), lost), { recursive: true })
  await pause(random.between(DOWN_MS.least, DOWN_MS.most))
  cluster.launch(victim)
}
