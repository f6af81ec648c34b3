// `npm run testnet`: a network of validator processes on this machine, with funded accounts, resumed where it stopped.
// Owns the order of a run and the terminal; the pieces are in testnet/. For development: all its keys are public.

import { enableCompileCache } from 'node:module'
import type { TestnetOptions } from './testnet/run.ts'

enableCompileCache()
// Whoever reads us may stop reading: the network goes on.
process.stdout.on('error', () => {})
const { Command, CommanderError, InvalidArgumentError, Option } = await import('commander')
const { runNetwork, reportStatus, stopNetwork, startApart } = await import('./testnet/run.ts')
const { API_PORT, P2P_OFFSET } = await import('./testnet/ports.ts')

interface Modes {
  readonly detach?: boolean
  readonly status?: boolean
  readonly stop?: boolean
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (/^\d+$/.test(text) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
  }
}

const program = new Command('testnet')
  .description('Run a network of validators on this machine. It resumes where it stopped; Ctrl-C stops it.')
  .option('-n, --validators <count>', 'validators of a new network [4]', wholeNumber(1, P2P_OFFSET))
  .option('--dir <path>', 'directory of the network', './.devnet')
  .option('--reset', 'remove the network in the directory and begin a new one')
  .option('--port <port>', 'API port of the first node; peers are 100 above', wholeNumber(1, 65_000), API_PORT)
  .option('--block-interval <ms>', 'least time between two blocks', wholeNumber(0, 10_000))
  .option('--idle-interval <ms>', 'how long a leader without work waits before an empty block', wholeNumber(10, 60_000))
  .addOption(new Option('--bls <backend>', 'BLS library of the nodes').choices(['blst', 'noble']))
  .addOption(
    new Option('--log-level <level>', 'of the nodes')
      .choices(['trace', 'debug', 'info', 'warn', 'error'])
      .default('info'),
  )
  .option('--detach', 'start in the background and return when it is ready')
  .addOption(new Option('--status', 'show the network in the directory').conflicts(['reset', 'detach']))
  .addOption(new Option('--stop', 'stop the one in the background').conflicts(['reset', 'detach', 'status']))
  .option('--json', 'print network.json when ready, and nothing else')
  .option('--quiet', 'no status lines')
  .addHelpText(
    'after',
    `
Examples:
  $ npm run testnet
  $ npm run testnet -- -n 7 --reset
  $ npm run testnet -- --detach && npm run testnet -- --stop`,
  )
  .exitOverride()

try {
  program.parse()
  const options = program.opts<TestnetOptions & Modes>()
  if (options.status === true) process.exitCode = await reportStatus(options)
  else if (options.stop === true) process.exitCode = await stopNetwork(options)
  else if (options.detach === true) process.exitCode = await startApart(import.meta.filename, options)
  else process.exitCode = await runNetwork(options)
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? 0 : 2
}
