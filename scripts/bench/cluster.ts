// The benchmark's own network: fresh validator processes on loopback in a temporary directory, removed afterwards.
// Its genesis funds the accounts that the load is sent from. Nothing of it outlives a run.

import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import getPort from 'get-port'
import { createClient } from '../../api/client.ts'
import { loadBls } from '../../crypto/bls-backend.ts'
import { BASE_UNITS_PER_COIN, generateNetwork } from '../../genesis/devnet.ts'
import { saveKeyFile } from '../../genesis/keys.ts'
import { NODE_FLAGS } from '../../node/runtime.ts'
import { declareNeverSigned } from '../../node/storage/never-signed.ts'
import type { Account } from './load.ts'

const MAIN = fileURLToPath(new URL('../../node/main.ts', import.meta.url))
const BALANCE = 1_000_000n * BASE_UNITS_PER_COIN
const READY_MS_MAX = 30_000
const STOP_MS_MAX = 5_000
const POLL_MS = 50

export interface ClusterOptions {
  readonly validators: number
  readonly accounts: readonly Account[]
  /** Further flags of `scoville start`, the same for every node. */
  readonly flags: readonly string[]
  /** Where validator 0 leaves a CPU profile when it stops. */
  readonly profileDir: string | undefined
}

export interface Cluster {
  readonly urls: readonly string[]
  /** Empty when the network is somebody else's. */
  readonly pids: readonly number[]
  stop(): Promise<void>
}

/** @throws Error with the nodes' logs when they are not ready in time. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const dir = await mkdtemp(join(tmpdir(), 'scoville-bench-'))
  const nodes: ChildProcess[] = []
  const stop = async () => {
    await Promise.all(nodes.map(stopProcess))
    await rm(dir, { recursive: true, force: true })
  }
  try {
    const apiPorts = await freePorts(options.validators)
    const { profileDir } = options
    const starting = await writeNetwork(dir, options, apiPorts)
    for (const [index, flags] of starting.entries()) {
      const profile = index === 0 && profileDir !== undefined ? ['--cpu-prof', `--cpu-prof-dir=${profileDir}`] : []
      const child = spawn(process.execPath, [...NODE_FLAGS, ...profile, MAIN, 'start', ...flags], {
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      const log = createWriteStream(join(dir, `v${index}.log`))
      child.stdout.pipe(log)
      child.stderr.pipe(log)
      nodes.push(child)
    }
    const urls = apiPorts.map((port) => `http://127.0.0.1:${port}`)
    await Promise.all(urls.map((url, index) => untilReady(url, nodes[index], join(dir, `v${index}.log`))))
    return { urls, pids: nodes.flatMap(({ pid }) => pid ?? []), stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Genesis and key files; answers each node's flags. */
async function writeNetwork(dir: string, options: ClusterOptions, apiPorts: readonly number[]): Promise<string[][]> {
  const { validators, accounts } = options
  const p2pPorts = await freePorts(validators)
  const network = await generateNetwork(await loadBls(), {
    validators,
    chainId: 'scoville-bench',
    accounts: accounts.map(({ address }) => ({ address, balance: BALANCE })),
    seed: 'bench',
    addresses: (index) => [`/ip4/127.0.0.1/tcp/${p2pPorts[index]}`],
  })
  const genesis = join(dir, 'genesis.json')
  await writeFile(genesis, network.genesisText)
  const flagsOf = network.keys.map(async (keys, index) => {
    const home = join(dir, `v${index}`)
    await mkdir(home)
    const keyFile = join(home, 'key.json')
    const saved = await saveKeyFile(keyFile, keys)
    if (!saved.ok) throw new Error(saved.problem.message)
    await declareNeverSigned(join(home, 'data'), keys.nodeKey)
    const settings = {
      genesis,
      'key-file': keyFile,
      'data-dir': join(home, 'data'),
      listen: `/ip4/127.0.0.1/tcp/${p2pPorts[index]}`,
      'api-port': String(apiPorts[index]),
      'api-requests-per-second-max': '0',
      'log-level': 'warn',
    }
    return [...Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]), ...options.flags]
  })
  return Promise.all(flagsOf)
}

async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  for (let i = 0; i < count; i++) ports.push(await getPort({ host: '127.0.0.1', exclude: ports }))
  return ports
}

async function untilReady(url: string, node: ChildProcess | undefined, logPath: string): Promise<void> {
  const deadlineMs = Date.now() + READY_MS_MAX
  for (;;) {
    const ready = await createClient(url)
      .readiness()
      .then(
        (readiness) => readiness.status === 'ready',
        () => false,
      )
    if (ready) return
    if (Date.now() > deadlineMs || node?.exitCode !== null) {
      throw new Error(`the node at ${url} did not start:\n${await readFile(logPath, 'utf8')}`)
    }
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
  await exited
  clearTimeout(force)
}
