// A node that starts again inside its process when a restored chain is whole: the way from disk to a running node is one, and
// recovery is on it. For that moment it is away, as after a crash; nothing of the chain before is served behind it.

import type { Config } from './config.ts'
import { type NodeOptions, type RunningNode, startNode } from './node.ts'

/** @throws NodeError as `startNode` does */
export async function startAndRestart(options: Omit<NodeOptions, 'onRestored'>): Promise<RunningNode> {
  const { log, onFatal } = options
  let isStopping = false
  let current: Promise<RunningNode>

  const restart = (): void => {
    current = current.then(async (running) => {
      if (isStopping) return running
      log.info({}, 'starts again on the restored chain')
      await running.stop()
      // Where clients found it they find it again, were the port chosen by the system.
      const config: Config = { ...options.config, apiPort: running.apiPort }
      return await startNode({ ...options, config, onRestored: restart })
    })
    current.catch(onFatal)
  }

  current = startNode({ ...options, onRestored: restart })
  const first = await current
  return {
    genesis: first.genesis,
    apiPort: first.apiPort,
    listenAddresses: first.listenAddresses,
    role: first.role,
    async stop() {
      isStopping = true
      await (await current).stop()
    },
  }
}
