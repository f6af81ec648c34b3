// `npm run conformance -- FILE...`: puts the trace files of the nodes of one network before the model; a table at the end.
// Progress goes to standard error, so that --json leaves one object on standard output. Exit status 1: a step was rejected.

import { rm } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { judgeTraces, type TraceVerdict } from './trace-files.ts'

const USAGE = `npm run conformance -- FILE... [options]
  FILE...       one per node, of one network, as a node writes it with --trace-file
  --cluster S   instead of files: four processes under load for so many seconds, then their files
  --kill S      with --cluster: kill -9 of one of them, in turn, every so many seconds (10); every tenth time of all
  --json        the verdicts as one JSON object`

const SECONDS_PER_KILL = '10'

const say = (line: string) => process.stderr.write(`${line}\n`)

/** Long enough to recognise a record, short enough for a screen. */
const SHOWN_CHARACTERS_MAX = 400

function table(verdicts: readonly TraceVerdict[]): string {
  const rows = verdicts.map((verdict) => {
    const { file, validator, lives, records, bytes, votes, timeouts, proposals, commits, torn, rejection } = verdict
    const own = [lives, records, Math.round(bytes / Math.max(1, records)), votes, timeouts, proposals, commits, torn]
    return `| ${file} | ${validator ?? ''} | ${own.join(' | ')} | ${rejection === undefined ? 'accepted' : 'REJECTED'} |`
  })
  return [
    '| File | Validator | Lives | Steps | Bytes/step | Votes | Timeouts | Proposals | Blocks committed | Half lines | Verdict |',
    '|---|---|---|---|---|---|---|---|---|---|---|',
    ...rows,
  ].join('\n')
}

function rejections(verdicts: readonly TraceVerdict[]): string[] {
  return verdicts.flatMap(({ file, records, rejection }) => {
    if (rejection === undefined) return []
    const { line, reason, text } = rejection
    return [`${file}:${line}: ${reason} (after ${records} steps)`, `  ${text.slice(0, SHOWN_CHARACTERS_MAX)}`]
  })
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      cluster: { type: 'string' },
      kill: { type: 'string', default: SECONDS_PER_KILL },
      json: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  })
  if (values.cluster === undefined) {
    if (positionals.length === 0) throw new RangeError('no file is named')
    return judge(positionals, values.json)
  }
  const [seconds, killSeconds] = [Number(values.cluster), Number(values.kill)]
  if (!(seconds > 0 && killSeconds > 0)) throw new RangeError('a number of seconds is expected')
  // Processes, keys and clients are loaded for this alone.
  const { runTracedCluster } = await import('./traced-cluster.ts')
  const { dir, files, kills } = await runTracedCluster({ seconds, killSeconds, say })
  say(`${kills} kills`)
  const status = await judge(files, values.json)
  if (status === 0) await rm(dir, { recursive: true, force: true })
  else say(`the files are kept in ${dir}`)
  return status
}

async function judge(files: readonly string[], asJson: boolean): Promise<number> {
  const startMs = performance.now()
  const verdicts = await judgeTraces(files, {
    onProgress: (file, records) =>
      say(`  ${file}: ${records} steps, ${Math.round((performance.now() - startMs) / 1_000)} s`),
  })
  const rejected = rejections(verdicts)
  const steps = verdicts.reduce((sum, { records }) => sum + records, 0)
  const text = asJson
    ? JSON.stringify({ steps, rejected: rejected.length / 2, verdicts }, null, 2)
    : [table(verdicts), '', `${steps} steps, ${rejected.length / 2} files rejected`, ...rejected].join('\n')
  process.stdout.write(`${text}\n`)
  return rejected.length === 0 ? 0 : 1
}

try {
  process.exitCode = await main()
} catch (error) {
  say(`${error instanceof Error ? error.message : error}\n${USAGE}`)
  process.exitCode = 2
}
