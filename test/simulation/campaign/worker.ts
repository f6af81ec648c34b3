// A process of a campaign: takes jobs from the one that started it, runs them one after the other, answers each with a report.
// It decides nothing: what to run, when to stop and what to do about a finding is the other's.

import { setImmediate } from 'node:timers/promises'
import { emptyReport, KINDS, type KindName, type Report } from './kinds.ts'

export interface Job {
  readonly kind: KindName
  readonly from: number
  readonly to: number
  readonly times: number
}

/** What was done of a job: from its first item to `to`, which is below its own when it was told to stop. */
export interface Done {
  readonly to: number
  readonly node: string
  readonly report: Report
}

let isStopping = false

async function run({ kind, from, to, times }: Job): Promise<Done> {
  const report = emptyReport()
  let item = from
  for (; item <= to && !isStopping; item++) {
    try {
      await KINDS[kind].run(item, report, times)
    } catch (error) {
      // Not a broken claim: the simulation itself broke. A finding all the same, and the campaign goes on.
      report.findings.push({ item, detail: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    }
    // A turn of the event loop, to hear of a stop.
    await setImmediate()
  }
  return { to: item - 1, node: process.version, report }
}

process.on('message', (message: Job | 'stop') => {
  if (message === 'stop') isStopping = true
  else void run(message).then((done) => process.send?.(done))
})
// A terminal's Ctrl-C reaches everybody; the one that started us says stop.
process.on('SIGINT', () => {})
process.on('disconnect', () => process.exit())
