// Real nodes as processes on loopback, each with its own directory, ports and log. They die with the test process, whatever
// happens; an exit nobody asked for fails the next wait. Never looks inside a node: HTTP, signals and log files only.

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import getPort, { portNumbers } from 'get-port'
import { type ApiClient, createClient } from '../../api/client.ts'
import type { GenesisHash, ValidatorIndex } from '../../consensus/types.ts'
import { loadBls } from '../../crypto/bls-backend.ts'
import { devnetAccounts, generateNetwork } from '../../genesis/devnet.ts'
import { type Genesis, parseGenesis } from '../../genesis/genesis.ts'
import { saveKeyFile, type ValidatorKeys } from '../../genesis/keys.ts'
import type { Params } from '../../genesis/params.ts'
import { peerIdOfNodeKey } from '../../node/network/host.ts'
import { NODE_FLAGS } from '../../node/runtime.ts'
import { declareNeverSigned } from '../../node/storage/never-signed.ts'
import { FaultProxy } from './fault-proxy.ts'

const ENTRY = resolve(import.meta.dirname, '../../node/main.ts')
const DEADLINE_MS = 60_000
const EXIT_MS = 10_000
const POLL_MS = 20
const LOG_TAIL_LINES = 40
/** Below the range from which the system takes ports of outgoing connections. */
const PORTS = { from: 12_000, to: 30_000 } as const

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Resolves when the condition holds. @throws Error naming it when it does not in time. */
export async function until<T>(
  what: string,
  condition: () => Promise<T | undefined | false> | T | undefined | false,
  deadlineMs = DEADLINE_MS,
): Promise<T> {
  const end = Date.now() + deadlineMs
  for (;;) {
    const value = await condition()
    if (value !== undefined && value !== false) return value
    if (Date.now() > end) throw new Error(`not within ${deadlineMs} ms: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
}

export interface ClusterOptions {
  readonly validators?: number
  /** For every node, beyond those every cluster has. */
  readonly flags?: Readonly<Record<string, string>>
  readonly params?: Partial<Params>
  /** Funded accounts of the devnet, 10 unless told. */
  readonly accounts?: number
  /** Funded at genesis in place of a devnet's accounts. */
  readonly balances?: readonly { readonly address: string; readonly balance: bigint }[]
  /** Whether validators reach one another through `links`, which can then be held, delayed and cut. */
  readonly proxied?: boolean
  /** Whether every node records the steps of its core in `traceFile(index)`. */
  readonly traced?: boolean
}

interface Member {
  readonly name: string
  readonly apiPort: number
  readonly flags: Readonly<Record<string, string>>
  readonly logPath: string
  child: ChildProcess | undefined
  /** Ends by a signal of ours. */
  isKilled: boolean
}

/** Fast enough for a test, and slow enough for two busy cores. */
const FLAGS = {
  'base-timeout-ms': '500',
  'idle-interval-ms': '300',
  'api-requests-per-second-max': '0',
  'log-level': 'info',
}

export class Cluster {
  readonly dir: string
  readonly genesis: Genesis
  readonly keys: readonly ValidatorKeys[]
  readonly #genesisPath: string
  #links: FaultProxy | undefined
  readonly #flags: Readonly<Record<string, string>>
  readonly #isTraced: boolean
  readonly #members: Member[] = []
  /** What went wrong without being asked for. */
  readonly #crashes: string[] = []

  private constructor(dir: string, genesis: Genesis, keys: readonly ValidatorKeys[], options: ClusterOptions) {
    this.dir = dir
    this.genesis = genesis
    this.keys = keys
    this.#genesisPath = join(dir, 'genesis.json')
    this.#flags = { ...FLAGS, ...options.flags }
    this.#isTraced = options.traced === true
  }

  /** Validators, all ready, with a block beyond genesis. */
  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const cluster = await Cluster.create(options)
    try {
      await cluster.restart(...cluster.keys.keys())
      await until('the first block', async () => (await cluster.height(0)) >= 1)
      return cluster
    } catch (error) {
      cluster.printLogs()
      await cluster.stop()
      throw error
    }
  }

  /** Directories, keys and genesis file of the validators; no process yet. */
  static async create(options: ClusterOptions = {}): Promise<Cluster> {
    const size = options.validators ?? 4
    const dir = await mkdtemp(join(tmpdir(), 'scoville-e2e-'))
    const ports: number[] = []
    const offset = Math.floor(Math.random() * (PORTS.to - PORTS.from - 100))
    while (ports.length < 2 * size) {
      const range = portNumbers(PORTS.from + offset, PORTS.to)
      ports.push(await getPort({ port: range, host: '127.0.0.1', exclude: ports }))
    }
    const bls = await loadBls()
    const { keys, genesisText } = await generateNetwork(bls, {
      validators: size,
      chainId: 'scoville-e2e',
      seed: 'e2e',
      accounts: options.balances ?? devnetAccounts(options.accounts),
      addresses: (index) => [`/ip4/127.0.0.1/tcp/${ports[index]}`],
      ...(options.params === undefined ? {} : { params: options.params }),
    })
    const parsed = await parseGenesis(genesisText, bls)
    if (!parsed.ok) throw new Error('the generated genesis file is not valid')
    const cluster = new Cluster(dir, parsed.genesis, keys, options)
    await writeFile(cluster.#genesisPath, genesisText)
    if (options.proxied === true) cluster.#links = await FaultProxy.start(ports.slice(0, size))
    for (const [index, own] of keys.entries()) {
      const keyFile = join(dir, `validator-${index}.json`)
      const saved = await saveKeyFile(keyFile, own)
      if (!saved.ok) throw new Error(saved.problem.message)
      const genesis = await cluster.#genesisOf(index, genesisText)
      const listen = `/ip4/127.0.0.1/tcp/${ports[index]}`
      cluster.#add(ports[size + index] ?? 0, { 'key-file': keyFile, listen, genesis })
      await declareNeverSigned(cluster.dataDir(index), own.nodeKey)
    }
    return cluster
  }

  /** The file of one node. Addresses are no part of the chain's identity, so each node may have its own (genesis-hash.ts). */
  async #genesisOf(index: number, genesisText: string): Promise<string> {
    const links = this.#links
    if (links === undefined) return this.#genesisPath
    const file: { validators: { addresses: string[] }[] } = JSON.parse(genesisText)
    for (const [other, validator] of file.validators.entries()) {
      if (other !== index) validator.addresses = [`/ip4/127.0.0.1/tcp/${links.port(index, other)}`]
    }
    const path = join(this.dir, `genesis-${index}.json`)
    await writeFile(path, JSON.stringify(file))
    return path
  }

  /** @throws Error when the cluster was not started with `proxied` */
  get links(): FaultProxy {
    if (this.#links === undefined) throw new Error('the links of this cluster are direct')
    return this.#links
  }

  get size(): number {
    return this.#members.length
  }

  get genesisHash(): GenesisHash {
    return this.genesis.genesisHash
  }

  /** Adds a node without a key, not yet started; returns its number. */
  async addFullNode(flags: Readonly<Record<string, string>> = {}): Promise<number> {
    const used = this.#members.map(({ apiPort }) => apiPort)
    const range = portNumbers((used.at(-1) ?? PORTS.from) + 1, PORTS.to)
    return this.#add(await getPort({ port: range, host: '127.0.0.1', exclude: used }), {
      listen: '/ip4/127.0.0.1/tcp/0',
      ...flags,
    })
  }

  /** Starts nodes that do not run and waits until each answers that it is ready. */
  async restart(...indexes: number[]): Promise<void> {
    for (const index of indexes) this.launch(index)
    await Promise.all(indexes.map((index) => this.ready(index)))
  }

  /** Starts a node without waiting for it. */
  launch(index: number): void {
    const member = this.#member(index)
    if (member.child !== undefined) throw new Error(`${member.name} runs already`)
    const flags = { ...this.#flags, ...member.flags }
    const argv = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])
    const log = openSync(member.logPath, 'a')
    // The channel is for the node's benefit: it closes when this process is killed, and the node stops.
    const child = spawn(process.execPath, [...NODE_FLAGS, ENTRY, 'start', ...argv], {
      stdio: ['ignore', log, log, 'ipc'],
      cwd: this.dir,
    })
    closeSync(log)
    member.child = child
    member.isKilled = false
    running.add(child)
    child.once('exit', (code, signal) => {
      running.delete(child)
      if (member.child === child) member.child = undefined
      if (!member.isKilled) this.#crashes.push(`${member.name} exited by itself (${signal ?? code})`)
    })
  }

  async ready(index: number, deadlineMs = DEADLINE_MS): Promise<void> {
    const { name } = this.#member(index)
    const isReady = async () => {
      try {
        return (await this.client(index).readiness()).status === 'ready'
      } catch {
        return false
      }
    }
    await this.until(`${name} is ready`, isReady, deadlineMs)
  }

  /** kill -9; resolves when the processes are gone. */
  async kill(...indexes: number[]): Promise<void> {
    await Promise.all(indexes.map((index) => this.#end(index, 'SIGKILL')))
  }

  async terminate(index: number): Promise<void> {
    await this.#end(index, 'SIGTERM')
  }

  /** SIGSTOP: the process keeps its connections and its time goes on without it. */
  pause(...indexes: number[]): void {
    for (const index of indexes) this.#member(index).child?.kill('SIGSTOP')
  }

  resume(...indexes: number[]): void {
    for (const index of indexes) this.#member(index).child?.kill('SIGCONT')
  }

  isRunning(index: number): boolean {
    return this.#member(index).child !== undefined
  }

  /** Of its process, undefined while there is none. */
  pid(index: number): number | undefined {
    return this.#member(index).child?.pid
  }

  dataDir(index: number): string {
    return join(this.dir, this.#member(index).name)
  }

  url(index: number): string {
    return `http://127.0.0.1:${this.#member(index).apiPort}`
  }

  /** Where validator `index` listens to other nodes, with its peer id. */
  address(index: number): string {
    return `${this.genesis.addressesOf(index as ValidatorIndex)[0]}/p2p/${this.peerId(index)}`
  }

  peerId(index: number): string {
    const keys = this.keys[index]
    if (keys === undefined) throw new RangeError(`no validator ${index}`)
    return peerIdOfNodeKey(keys.nodeKey)
  }

  client(index: number): ApiClient {
    return createClient(this.url(index))
  }

  async height(index: number): Promise<number> {
    const info = await this.client(index).info()
    if (!info.ok) throw new Error(`no info from node ${index}: ${info.problem.detail}`)
    return Number(info.value.height)
  }

  /** One series of /metrics, 0 while it is not there; labels other than the given are ignored. */
  async metric(index: number, name: string, label = ''): Promise<number> {
    const text = await (await fetch(`${this.url(index)}/metrics`)).text()
    const lines = text.split('\n').filter((line) => /^[a-z_]+/.exec(line)?.[0] === name && line.includes(label))
    return lines.reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0)
  }

  traceFile(index: number): string {
    return join(this.dir, `node-${index}.trace`)
  }

  log(index: number): string {
    return readFileSync(this.#member(index).logPath, 'utf8')
  }

  /** As the free function, but a node that exited by itself ends the wait. */
  async until<T>(
    what: string,
    condition: () => Promise<T | undefined | false> | T | undefined | false,
    deadlineMs = DEADLINE_MS,
  ): Promise<T> {
    return until(
      what,
      () => {
        this.expectNoCrash()
        return condition()
      },
      deadlineMs,
    )
  }

  /** @throws Error when a node exited without being told to */
  expectNoCrash(): void {
    if (this.#crashes.length > 0) throw new Error(this.#crashes.join('; '))
  }

  printLogs(): void {
    for (const { name, logPath } of this.#members) {
      const lines = readFileSync(logPath, { encoding: 'utf8', flag: 'a+' }).trimEnd().split('\n')
      console.error([`--- ${name}, last lines of ${logPath}`, ...lines.slice(-LOG_TAIL_LINES)].join('\n'))
    }
  }

  /** Kills everything and removes the directory, unless it is to be looked at. */
  async stop({ keep = false } = {}): Promise<void> {
    await this.kill(...this.#members.keys())
    await this.#links?.stop()
    if (!keep) await rm(this.dir, { recursive: true, force: true })
  }

  #add(apiPort: number, flags: Readonly<Record<string, string>>): number {
    const index = this.#members.length
    const name = `node-${index}`
    this.#members.push({
      name,
      apiPort,
      flags: {
        'data-dir': join(this.dir, name),
        genesis: this.#genesisPath,
        'api-port': String(apiPort),
        ...(this.#isTraced ? { 'trace-file': this.traceFile(index) } : {}),
        ...flags,
      },
      logPath: join(this.dir, `${name}.log`),
      child: undefined,
      isKilled: false,
    })
    return index
  }

  #member(index: number): Member {
    const member = this.#members[index]
    if (member === undefined) throw new RangeError(`no node ${index}`)
    return member
  }

  async #end(index: number, signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const member = this.#member(index)
    const { child } = member
    if (child === undefined) return
    member.isKilled = true
    child.kill(signal)
    await until(`${member.name} is gone`, () => member.child !== child, EXIT_MS)
  }
}
