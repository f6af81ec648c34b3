// `npm run campaign`: many seeds over many processes, a line in the ledger at the end, also after Ctrl-C.
// Exit status 1: a claim did not hold; the first finding is shrunk and, with --keep, written to regressions/. 2: wrong options.

import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { keepOrPrint } from '../shrink.ts'
import { tableOf } from '../tally.ts'
import { isKind, KINDS, type KindName } from './kinds.ts'
import { appendLine, type Line, nextItem, readLedger, sumOf } from './ledger.ts'
import { type Campaign, type Result, runCampaign } from './pool.ts'

const LEDGER = join(import.meta.dirname, '..', 'campaign.jsonl')
const ROOT = join(import.meta.dirname, '..', '..', '..')
/** What a run depends on. */
const FOLDERS = ['consensus', 'crypto', 'genesis', 'ledger', 'mempool', 'node', 'test/model', 'test/simulation']
const MINUTES = 10
const FINDINGS_SHOWN_MAX = 20
const PROGRESS_MS = 5_000

const USAGE = `npm run campaign -- [options]
  --kind KIND     ${Object.entries(KINDS)
    .map(([name, { about }]) => `${name}: ${about}`)
    .join('\n                  ')}
                  (swarm)
  --seeds A..B    these; or a number: so many more than the ledger has
  --minutes M     stop after so long (${MINUTES} when no seeds are given)
  --workers N     processes (one per core)
  --node PATH     determinism: on this Node binary, too; repeatable
  --ledger PATH   append to this file (test/simulation/campaign.jsonl)
  --keep          write what was shrunk to test/simulation/regressions
  --tries N       runs that shrinking may take (200)
  --json          the ledger line instead of the table
  --tally         add the ledger up, run nothing`

const say = (line: string) => process.stderr.write(`${line}\n`)

class UsageError extends Error {}

function wholeNumber(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 1) throw new UsageError(`${text} is not a whole number above 0`)
  return value
}

function optionsOf() {
  try {
    return parseArgs({
      options: {
        kind: { type: 'string', default: 'swarm' },
        seeds: { type: 'string' },
        minutes: { type: 'string' },
        workers: { type: 'string' },
        node: { type: 'string', multiple: true, default: [] },
        ledger: { type: 'string', default: LEDGER },
        keep: { type: 'boolean', default: false },
        tries: { type: 'string', default: '200' },
        json: { type: 'boolean', default: false },
        tally: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

type Options = ReturnType<typeof optionsOf>

/** Items to run: seeds asked for, or those behind the ledger's last. */
function itemsOf(kind: KindName, { seeds, ledger }: Options): { from: number; to: number } {
  const { perSeed } = KINDS[kind]
  const next = nextItem(readLedger(ledger), kind, perSeed)
  if (seeds === undefined) return { from: next, to: Number.MAX_SAFE_INTEGER }
  const [first = '', last] = seeds.split('..')
  if (last === undefined) return { from: next, to: next + wholeNumber(first) * perSeed - 1 }
  return { from: (wholeNumber(first) - 1) * perSeed + 1, to: wholeNumber(last) * perSeed }
}

function commitOf(): string {
  const git = (...args: readonly string[]) => execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim()
  try {
    const commit = git('rev-parse', 'HEAD')
    const changed = git('status', '--porcelain', '--', ...FOLDERS)
    return changed === '' ? commit : `${commit}+`
  } catch {
    return 'unknown'
  }
}

function lineOf(kind: KindName, commit: string, { report, ranges, nodes }: Result): Line {
  const { tally, findings } = report
  const cpuSeconds = tally.cpuMs / 1_000
  return {
    at: new Date().toISOString(),
    commit,
    nodes,
    kind,
    ranges,
    perSeed: KINDS[kind].perSeed,
    runs: tally.seeds,
    views: tally.views,
    blocks: tally.blocks,
    steps: tally.steps,
    modelled: tally.modelled,
    withVillains: tally.withVillains,
    withAllVillains: tally.withAllVillains,
    viewsToCommitMax: tally.viewsToCommitMax,
    violations: findings.length,
    cpuSeconds: Math.round(cpuSeconds),
    viewsPerCoreSecond: Math.round(tally.views / Math.max(1, cpuSeconds)),
  }
}

/** Ends by itself, after so long, or by a signal: what was done counts in any case. */
async function watch(campaign: Campaign, minutes: number | undefined): Promise<Result> {
  const startedMs = performance.now()
  let shown = 0
  const progress = setInterval(() => {
    const { tally, findings } = campaign.report
    const seconds = (performance.now() - startedMs) / 1_000
    say(
      `${Math.round(seconds)} s: ${tally.seeds} runs, ${tally.views} views, ` +
        `${Math.round(tally.views / (tally.cpuMs / 1_000 || 1))} a second of one core, ${findings.length} findings`,
    )
    for (; shown < Math.min(findings.length, FINDINGS_SHOWN_MAX); shown++)
      say(`item ${findings[shown]?.item}: ${findings[shown]?.detail}`)
  }, PROGRESS_MS)
  const limit = minutes === undefined ? undefined : setTimeout(campaign.stop, minutes * 60_000)
  const stop = () => campaign.stop()
  process.on('SIGINT', stop)
  process.on('SIGTERM', stop)
  try {
    return await campaign.finished
  } finally {
    clearInterval(progress)
    clearTimeout(limit)
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
}

async function main(options: Options): Promise<void> {
  if (options.help || options.tally) {
    process.stdout.write(options.help ? `${USAGE}\n` : sumOf(readLedger(options.ledger)))
    return
  }
  const { kind } = options
  if (!isKind(kind)) throw new UsageError(`no kind ${kind}`)
  const items = itemsOf(kind, options)
  const minutes = options.minutes === undefined ? undefined : wholeNumber(options.minutes)
  const workers = options.workers === undefined ? availableParallelism() : wholeNumber(options.workers)
  const otherNodes = kind.endsWith('determinism') ? options.node : []
  const commit = commitOf()
  const tries = wholeNumber(options.tries)
  const campaign = runCampaign({
    ...items,
    kind,
    lanes: Math.max(1, Math.floor(workers / (1 + otherNodes.length))),
    otherNodes,
    times: 2,
  })
  const result = await watch(campaign, minutes ?? (options.seeds === undefined ? MINUTES : undefined))
  const line = lineOf(kind, commit, result)
  if (line.runs > 0) appendLine(options.ledger, line)
  const ranges = result.ranges.map(([from, to]) => `${from} to ${to}`).join(', ')
  const rows = [
    ['kind', kind],
    ['commit', commit],
    ['Node', result.nodes.join(' ')],
    ['items', ranges],
    ['findings', String(line.violations)],
  ]
  const head = rows.map(([name = '', value]) => `${name.padEnd(32)} ${value}\n`).join('')
  process.stdout.write(options.json ? `${JSON.stringify(line)}\n` : `${head}${tableOf(result.report.tally)}`)
  const { findings } = result.report
  if (findings.length === 0) return
  process.exitCode = 1
  for (const { item, detail } of findings.slice(0, FINDINGS_SHOWN_MAX)) say(`${commit}, ${kind} ${item}: ${detail}`)
  const scenario = findings.find((finding) => finding.scenario !== undefined)?.scenario
  if (scenario !== undefined) await keepOrPrint(scenario, { tries, keeps: options.keep, say })
}

try {
  await main(optionsOf())
} catch (error) {
  if (!(error instanceof UsageError)) throw error
  say(`${error.message}\n${USAGE}`)
  process.exitCode = 2
}
