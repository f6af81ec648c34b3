// docs/OPERATIONS.md against the software: settings, metrics and refusals are those that exist.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { describeConfig } from '../../node/config.ts'
import { Metrics, type Sampled } from '../../node/metrics.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const manual = read('docs/OPERATIONS.md')

const NOTHING: Sampled = {
  height: 0,
  view: 0,
  highQcView: 0,
  timeoutMs: 0,
  mempoolTransactions: 0,
  mempoolBytes: 0,
  uncommittedBlocks: 0,
  peers: 0,
  blocksFetched: 0,
  queuedInputs: 0,
  ingressDropped: 0,
  evidence: 0,
}

/** The first cells of the manual's rows, where they are code. */
function rows(pattern: RegExp): string[] {
  return [...manual.matchAll(/^\| `([^`]+)` \|/gm)].flatMap(([, cell]) =>
    cell !== undefined && pattern.test(cell) ? cell : [],
  )
}

/** The words of a union type of string literals. */
function words(path: string, type: string): string[] {
  const body = new RegExp(`type ${type} =([\\s\\S]*?)\\n\\n`).exec(read(path))?.[1] ?? ''
  return [...body.matchAll(/^\s*\| '([a-z-]+)'/gm)].flatMap(([, word]) => word ?? [])
}

describe('the operator’s manual', () => {
  it('has the table of settings that `scoville config` prints', () => {
    expect(manual).toContain(describeConfig())
  })

  it('lists the metrics that a node exports, and no others', async () => {
    const { body } = await new Metrics({}, () => NOTHING).render()
    const exported = [...body.matchAll(/^# HELP (scoville_(?!process_|nodejs_)\w+) (.*)$/gm)]
    expect(exported.length).toBeGreaterThan(15)
    for (const [, name, help] of exported) expect(manual).toContain(`| \`${name}\` | ${help} |`)
    expect(rows(/^scoville_/)).toHaveLength(exported.length)
  })

  it.each([
    ['faults of the node', 'node/fault.ts', 'FaultCode', 10],
    ['refusals of the safety file', 'node/storage/safety-store.ts', 'RefusalCode', 6],
  ] as const)('says what to do about all %s', (_, path, type, atLeast) => {
    const codes = words(path, type)
    expect(codes.length).toBeGreaterThanOrEqual(atLeast)
    expect(codes.filter((code) => !rows(/-/).includes(code))).toEqual([])
  })

  it('names no code that does not exist', () => {
    const sources = [
      ...['node/fault.ts', 'node/storage/safety-store.ts', 'node/commands/start.ts', 'genesis/keys.ts'].map(read),
    ].join('\n')
    const listed = rows(/^(?:config|genesis|key|port|data|storage|safety)-/)
    expect(listed.length).toBeGreaterThan(20)
    expect(listed.filter((code) => !sources.includes(`'${code}'`))).toEqual([])
  })
})
