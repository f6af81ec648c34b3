// The process behind the `scoville` command: arguments in, exit code out. What the commands do is in cli.ts and commands/.
// Nothing here but what must be first: the flags of a node, and the compile cache, which more than halves its start.

import { enableCompileCache } from 'node:module'
import { fileURLToPath } from 'node:url'
import { ensureNodeFlags } from './runtime.ts'

if (process.argv[2] === 'start') ensureNodeFlags(fileURLToPath(import.meta.url))
enableCompileCache()
// Whoever reads us may stop reading: `scoville config | head`.
process.stdout.on('error', () => process.exit(0))
const { run } = await import('./cli.ts')
const exitCode = await run(process.argv.slice(2), {
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
  env: process.env,
})
// Idle connections would hold the process for another second; what was written is flushed first.
process.stdout.write('', () => process.exit(exitCode))
