// `scoville testnet`: hands over to scripts/testnet.ts, a program of its own which runs nodes as processes.
// A path and not an import: the node does not depend on what starts it.

import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { EXIT } from './outcome.ts'

export const TESTNET = 'testnet'
const SCRIPT = fileURLToPath(new URL('../../scripts/testnet.ts', import.meta.url))

/** Only for the list of commands: `runTestnet` gets the arguments as they are. */
export function addTestnet(program: Command): void {
  program.command(TESTNET).description('run a network of validators on this machine (testnet --help)')
}

/** Resolves with the exit code of the network's supervisor. */
export function runTestnet(args: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [SCRIPT, ...args], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => child.kill(signal))
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code ?? EXIT.failed))
  })
}
