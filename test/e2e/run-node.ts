// A node as a process and nothing around it: flags as node/config.ts names them, logs on standard output.
import { readFile } from 'node:fs/promises'
import { loadBls } from '../../crypto/bls-backend.ts'
import { loadKeyFile } from '../../genesis/keys.ts'
import { formatConfigErrors, loadConfig } from '../../node/config.ts'
import { createLog } from '../../node/log.ts'
import { startNode } from '../../node/node.ts'

const flags: Record<string, string> = {}
for (let at = 3; at + 1 < process.argv.length; at += 2) {
  const key = process.argv[at]?.slice(2).replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
  const value = process.argv[at + 1]
  if (key !== undefined && value !== undefined) flags[key] = value
}
const parsed = await loadConfig({ flags, env: process.env })
if (!parsed.ok) throw new Error(formatConfigErrors(parsed.errors))
const { config } = parsed
const log = createLog(config.logLevel, config.logFormat)
const loaded =
  config.keyFile === undefined ? undefined : await loadKeyFile(config.keyFile, await loadBls(config.blsBackend))
if (loaded?.ok === false) throw new Error(loaded.problem.message)
const node = await startNode({
  config,
  genesisText: await readFile(config.genesis, 'utf8'),
  keys: loaded?.keys,
  log,
  onFatal: (error) => {
    log.fatal({ err: error }, 'fatal')
    process.exit(70)
  },
})
process.once('SIGTERM', () => {
  node.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  )
})
