// `scoville status`: what a node says about itself, on one page. Exit code 1 when it is not ready.

import type { Command } from 'commander'
import { addLeaf, columns, done, EXIT, type Finish, grouped, type Outcome } from './outcome.ts'
import { addRemote, askNode, type RemoteOptions, refused } from './remote.ts'

export function addStatus(program: Command, finish: Finish): void {
  const command = addLeaf(program, 'status', 'show whether a node is ready, its height, view, peers and mempool', [
    'status',
    'status --api http://127.0.0.1:4001 --json',
  ]).addHelpText('after', '\nExit code 0 when the node is ready, 1 when it is not or does not answer.')
  addRemote(command).action((options: RemoteOptions) => finish(options, () => show(options)))
}

function show(options: RemoteOptions): Promise<Outcome> {
  return askNode(options, async (client) => {
    const [info, consensus, validators, mempool, readiness] = await Promise.all([
      client.info(),
      client.consensus(),
      client.validators(),
      client.mempool(),
      client.readiness(),
    ])
    for (const result of [info, consensus, validators, mempool]) if (!result.ok) return refused(result)
    if (!info.ok || !consensus.ok || !validators.ok || !mempool.ok) return done('', {})
    const { chainId, genesisHash, height, version, role } = info.value
    const { view, leader, highQC, timeoutMs, quorum, totalPower } = consensus.value
    const connected = validators.value.filter((validator) => validator.connected || validator.self)
    const isReady = readiness.status === 'ready'
    const text = columns([
      ['node', `scoville ${version}, ${role === 'full' ? 'full node' : 'validator'}${selfOf(validators.value)}`],
      ['chain', `${chainId}, genesis ${genesisHash}`],
      ['height', grouped(height)],
      ['view', `${grouped(view)}, leader v${leader}, highQC of view ${grouped(highQC.view)}, timeout ${timeoutMs} ms`],
      ['validators', `${connected.length} of ${validators.value.length} connected, quorum ${quorum} of ${totalPower}`],
      ['mempool', `${grouped(mempool.value.count)} transactions, ${grouped(mempool.value.bytes)} bytes`],
      ['ready', isReady ? 'yes' : 'no'],
      ...Object.entries(readiness.checks).map(([name, { ok, detail }]): [string, string] => [
        `  ${name}`,
        `${ok ? 'ok' : 'FAILS'}: ${detail}`,
      ]),
    ])
    const json = {
      ready: isReady,
      checks: readiness.checks,
      info: info.value,
      consensus: consensus.value,
      validators: validators.value,
      mempool: mempool.value,
    }
    return isReady ? done(text, json) : { ...done(text, json), exitCode: EXIT.failed }
  })
}

function selfOf(validators: readonly { readonly index: number; readonly self: boolean }[]): string {
  const self = validators.find((validator) => validator.self)
  return self === undefined ? '' : ` v${self.index}`
}
