// The four things one can do with a test network: run it here, run it apart, look at it, stop it.
// Each resolves with an exit code: 0 done, 1 refused or failed, 130 ended by a second Ctrl-C.

import { createClient } from '../../api/client.ts'
import { SAME_INTERRUPT_MS } from '../../node/commands/start.ts'
import { detach, isRunning, statesOf, stopSupervisor } from './background.ts'
import { type Manifest, prepare, type RunSettings, readManifest, removeNetwork, writeManifest } from './directory.ts'
import { banner, nodeLines } from './display.ts'
import { untilReady } from './observer.ts'
import { findPorts } from './ports.ts'
import { Screen } from './screen.ts'
import { Supervisor } from './supervisor.ts'

const VALIDATORS = 4
const EXIT_INTERRUPTED = 130

/** As commander gives them. */
export interface TestnetOptions {
  readonly validators?: number
  readonly dir: string
  readonly reset?: boolean
  readonly port: number
  readonly blockInterval?: number
  readonly idleInterval?: number
  readonly bls?: string
  readonly logLevel: string
  readonly json?: boolean
  readonly quiet?: boolean
}

type Ready = { readonly ok: true; readonly manifest: Manifest } | { readonly ok: false; readonly message: string }

export async function runNetwork(options: TestnetOptions): Promise<number> {
  const laidOut = await layOut(options)
  if (!laidOut.ok) return refuse(laidOut.message)
  const { manifest } = laidOut
  const screen = new Screen({ quiet: options.quiet === true || options.json === true })
  const ended = Promise.withResolvers<number>()
  let isEnding = false
  let interruptedMs: number | undefined
  let saving = Promise.resolve()
  const save = (): Promise<void> => {
    saving = saving.then(() => writeManifest(manifest))
    return saving
  }
  const end = (code: number): void => {
    isEnding = true
    ended.resolve(code)
  }
  const supervisor = new Supervisor({
    onNotice: (text) => screen.notice(text),
    onPid: (node, pid) => {
      if (pid === undefined) delete node.pid
      else node.pid = pid
      if (manifest.readyMs !== undefined && !isEnding) void save()
    },
    onRefused: (node, reason) => {
      if (!isEnding) screen.notice(`error: ${node.name} does not start: ${reason} (log: ${node.log})`)
      end(1)
    },
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      interruptedMs ??= performance.now()
      if (isEnding && signal === 'SIGINT' && performance.now() - interruptedMs > SAME_INTERRUPT_MS) {
        supervisor.kill()
        process.exit(EXIT_INTERRUPTED)
      }
      end(0)
    })
  }

  for (const node of manifest.nodes) supervisor.start(node)
  const { firstHeight } = await untilReady(manifest, () => isEnding)
  if (!isEnding) {
    await complete(manifest, laidOut.resumed ? firstHeight : undefined)
    await save()
    if (options.json === true) screen.print(JSON.stringify(manifest))
    else screen.print(banner(manifest))
    screen.follow(manifest, () => supervisor.running)
  }
  const code = await ended.promise
  screen.stop(supervisor.running)
  await supervisor.stop()
  delete manifest.pid
  await save()
  screen.stopped()
  return code
}

type LaidOut =
  | { readonly ok: true; readonly manifest: Manifest; readonly resumed: boolean }
  | { readonly ok: false; readonly message: string }

async function layOut(options: TestnetOptions): Promise<LaidOut> {
  const { dir } = options
  const running = await readManifest(dir)
  if (await isRunning(running)) {
    const message = `the network in ${dir} runs already (process ${running?.pid}); stop it with \`npm run testnet -- --stop\``
    return { ok: false, message }
  }
  if (options.reset === true) {
    const removed = await removeNetwork(dir)
    if (!removed.ok) return { ok: false, message: removed.message }
  }
  const existing = (await readManifest(dir))?.nodes.length
  if (existing !== undefined && options.validators !== undefined && existing !== options.validators) {
    const message = `the network in ${dir} has ${existing} validators; --reset begins a new one with ${options.validators}`
    return { ok: false, message }
  }
  const count = existing ?? options.validators ?? VALIDATORS
  const found = await findPorts(count, options.port)
  if (found === undefined) return { ok: false, message: `no ${count} free pairs of ports from ${options.port} on` }
  if (found.busy !== undefined && options.json !== true) {
    process.stderr.write(`port ${found.busy} is in use: the APIs are on ${found.ports.api} and following\n`)
  }
  return prepare(dir, count, found.ports, settingsOf(options))
}

function settingsOf({ blockInterval, idleInterval, bls, logLevel }: TestnetOptions): RunSettings {
  return {
    ...(blockInterval === undefined ? {} : { blockIntervalMs: blockInterval }),
    ...(idleInterval === undefined ? {} : { idleIntervalMs: idleInterval }),
    ...(bls === undefined ? {} : { bls }),
    logLevel,
  }
}

async function complete(manifest: Manifest, resumedAt: number | undefined): Promise<void> {
  // Since this process began, the loading of its own code included.
  manifest.readyMs = Math.round(performance.now())
  if (resumedAt !== undefined) manifest.resumedAt = resumedAt
  const info = await createClient(manifest.nodes[0]?.api ?? '').info()
  if (info.ok) manifest.genesisHash = info.value.genesisHash
}

export async function startApart(script: string, options: TestnetOptions): Promise<number> {
  const args = process.argv.slice(2).filter((arg) => arg !== '--detach' && arg !== '--json' && arg !== '--quiet')
  const detached: Ready = await detach(script, options.dir, [...args, '--quiet'])
  if (!detached.ok) return refuse(detached.message)
  const { manifest } = detached
  process.stdout.write(`${options.json === true ? JSON.stringify(manifest) : banner(manifest)}\n`)
  if (options.json !== true)
    process.stdout.write(` Runs in the background (process ${manifest.pid}); --stop stops it\n`)
  return 0
}

export async function reportStatus(options: TestnetOptions): Promise<number> {
  const manifest = await readManifest(options.dir)
  if (manifest === undefined) return refuse(`${options.dir} holds no test network; \`npm run testnet\` makes one`)
  const states = await statesOf(manifest)
  const running = await isRunning(manifest)
  if (options.json === true) {
    const nodes = states.map(({ node, height, ready, detail }) => ({
      name: node.name,
      api: node.api,
      height,
      ready,
      detail,
    }))
    process.stdout.write(`${JSON.stringify({ running, pid: manifest.pid, nodes })}\n`)
  } else {
    process.stdout.write(`${nodeLines(states)}\n${running ? `running, process ${manifest.pid}` : 'not running'}\n`)
  }
  return running ? 0 : 1
}

export async function stopNetwork(options: TestnetOptions): Promise<number> {
  const manifest = await readManifest(options.dir)
  if (manifest?.pid === undefined || !(await isRunning(manifest))) {
    return refuse(`no network of ${options.dir} is running`)
  }
  if (!(await stopSupervisor(manifest.pid))) return refuse(`process ${manifest.pid} did not stop in time`)
  process.stdout.write(options.json === true ? '{"stopped":true}\n' : 'stopped, state kept\n')
  return 0
}

function refuse(message: string): number {
  process.stderr.write(`error: ${message}\n`)
  return 1
}
