// The command line: which commands there are, and how an outcome becomes output and an exit code.
// Never shows a stack trace for what an operator can put right.

import { Command, CommanderError } from 'commander'
import { addAccount } from './commands/account.ts'
import { addConfig } from './commands/config.ts'
import { addDb } from './commands/db.ts'
import { addGenesis } from './commands/genesis.ts'
import { addInit } from './commands/init.ts'
import { addKeys } from './commands/keys.ts'
import { EXIT, type Finish, type Outcome, type Terminal, textOf } from './commands/outcome.ts'
import { addSafety } from './commands/safety.ts'
import { addSnapshot } from './commands/snapshot.ts'
import { addStart } from './commands/start.ts'
import { addStatus } from './commands/status.ts'
import { addTestnet, runTestnet, TESTNET } from './commands/testnet.ts'
import { addTx } from './commands/tx.ts'
import { codeOf, NodeError } from './fault.ts'
import { SOFTWARE_VERSION } from './version.ts'

const ABOUT = 'A HotStuff-style BFT blockchain node.'
const AFTER = `
First steps:
  $ scoville testnet                          four validators on this machine
  $ scoville status                           what a node says about itself
  $ scoville tx send --from 0 --to 1 --amount 5

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 70 the node stopped on a fault.
Every command has --help with examples, and --json.`

/** `args`: without the program's name. Resolves with the exit code when the command is done; `start` is when it stops. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  if (args[0] === TESTNET) return runTestnet(args.slice(1))
  let exitCode: number = EXIT.done
  const finish: Finish = async (options, work) => {
    exitCode = report(await outcomeOf(work), options.json === true, terminal)
  }
  const program = await buildProgram(args, finish, terminal)
  try {
    await program.parseAsync([...args], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? EXIT.done : EXIT.usage
  }
  return exitCode
}

async function buildProgram(args: readonly string[], finish: Finish, terminal: Terminal): Promise<Command> {
  const program = new Command('scoville')
    .description(ABOUT)
    .version(SOFTWARE_VERSION, '-V, --version', 'print the version')
    .showHelpAfterError('(--help shows what there is)')
    .addHelpText('after', AFTER)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    })
  await addStart(program, finish, terminal, args.includes('start'))
  addInit(program, finish)
  addKeys(program, finish)
  addGenesis(program, finish)
  addTestnet(program)
  addTx(program, finish)
  addAccount(program, finish)
  addStatus(program, finish)
  addConfig(program, finish, terminal)
  addSnapshot(program, finish)
  addDb(program, finish, terminal)
  addSafety(program, finish, terminal)
  return program
}

async function outcomeOf(work: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof NodeError) return { ok: false, code: error.code, message: error.message }
    const code = codeOf(error)
    // System errors say what failed on which path or port; anything else is a bug and may say where it is.
    if (code !== undefined) return { ok: false, code, message: textOf(error) }
    throw error
  }
}

function report(outcome: Outcome, json: boolean, terminal: Terminal): number {
  if (outcome.ok) {
    const text = json ? JSON.stringify(outcome.json) : outcome.text
    if (text !== '') terminal.out(text)
    return outcome.exitCode ?? EXIT.done
  }
  const { code, message } = outcome
  terminal.err(json ? JSON.stringify({ error: { code, message } }) : `error: ${message}`)
  return outcome.exitCode ?? EXIT.failed
}
