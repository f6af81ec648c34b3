// `scoville config`: what can be set, and whether a file sets it rightly.

import type { Command } from 'commander'
import { addLeaf, done, type Finish, failed, type Outcome, type Terminal } from './outcome.ts'

export function addConfig(program: Command, finish: Finish, terminal: Terminal): void {
  addLeaf(program, 'config [file]', 'list every setting, or check a configuration file', ['config', 'config node.toml'])
    .addHelpText(
      'after',
      '\nA file is checked together with the SCOVILLE_ variables of the environment, as `start` would.',
    )
    .action((file: string | undefined, options: { json?: boolean }) =>
      finish(options, () => (file === undefined ? describe() : check(file, terminal))),
    )
}

async function describe(): Promise<Outcome> {
  const { describeConfig, settings } = await import('../config.ts')
  return done(describeConfig().trimEnd(), settings())
}

async function check(file: string, terminal: Terminal): Promise<Outcome> {
  const { formatConfigErrors, loadConfig } = await import('../config.ts')
  const loaded = await loadConfig({ flags: { config: file }, env: terminal.env })
  if (loaded.ok) return done(`${file} is valid`, loaded.config)
  return failed('config-invalid', `${file} is not valid:\n${formatConfigErrors(loaded.errors)}`)
}
