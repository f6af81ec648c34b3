// What a command comes to, as a value, and the one shape all commands have: help with examples, and --json.
// Commands return; only cli.ts prints and chooses the exit code.

import type { Command } from 'commander'

/** 0 done, 1 refused or failed, 2 a command line that cannot be understood, 70 the node stopped on a fault. */
export const EXIT = { done: 0, failed: 1, usage: 2, fatal: 70 } as const

export type Outcome =
  | { readonly ok: true; readonly text: string; readonly json: unknown; readonly exitCode?: number }
  /** `message`: one sentence, or one a line, naming what is wrong and what to do. */
  | { readonly ok: false; readonly code: string; readonly message: string; readonly exitCode?: number }

export interface Terminal {
  readonly out: (text: string) => void
  readonly err: (text: string) => void
  readonly env: Readonly<Record<string, string | undefined>>
}

export interface JsonOption {
  readonly json?: boolean
}

/** Runs a command's work and reports its outcome. */
export type Finish = (options: JsonOption, work: () => Promise<Outcome>) => Promise<void>

export function done(text: string, json: unknown): Extract<Outcome, { ok: true }> {
  return { ok: true, text, json }
}

export function failed(code: string, message: string): Extract<Outcome, { ok: false }> {
  return { ok: false, code, message }
}

/** A command with --json and examples; `usage` is its name and arguments as commander reads them. */
export function addLeaf(parent: Command, usage: string, about: string, examples: readonly string[]): Command {
  return parent
    .command(usage)
    .description(about)
    .option('--json', 'print JSON, for programs')
    .addHelpText('after', `\nExamples:\n${examples.map((example) => `  $ scoville ${example}`).join('\n')}`)
}

/** A table of two columns, the first as wide as it has to be. */
export function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n')
}

/** Base units with thousands separated, for people. */
export function grouped(amount: bigint | string | number): string {
  return String(amount).replace(/\B(?=(\d{3})+(?!\d))/g, ',')
}

export function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
