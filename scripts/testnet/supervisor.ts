// The validator processes: started, watched, restarted with a growing pause, stopped together.
// A node in a process of its own is what a network is; nothing of the node runs in this one.

import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { NODE_FLAGS } from '../../node/runtime.ts'
import type { NodeEntry } from './directory.ts'

const NODE_MAIN = fileURLToPath(new URL('../../node/main.ts', import.meta.url))
const RESTART_MS_MIN = 500
const RESTART_MS_MAX = 10_000
/** A node that ran this long starts again with the shortest pause. */
const STEADY_MS = 30_000
/** Nodes stop within 2.5 s or by themselves at once. */
const KILL_AFTER_MS = 2_800
const LOG_TAIL_CHARS = 4_000

export interface SupervisorEvents {
  /** A sentence about a node, as it happens. */
  readonly onNotice: (text: string) => void
  readonly onPid: (node: NodeEntry, pid: number | undefined) => void
  /** A node refused to start, so starting it again would change nothing. */
  readonly onRefused: (node: NodeEntry, reason: string) => void
}

export class Supervisor {
  readonly #events: SupervisorEvents
  readonly #children = new Map<NodeEntry, ChildProcess>()
  readonly #restarts = new Map<NodeEntry, NodeJS.Timeout>()
  readonly #failures = new Map<NodeEntry, number>()
  #stopping = false

  constructor(events: SupervisorEvents) {
    this.#events = events
  }

  get running(): number {
    return this.#children.size
  }

  start(node: NodeEntry): void {
    const log = openSync(node.log, 'a')
    const startedMs = performance.now()
    const child = spawn(process.execPath, [...NODE_FLAGS, NODE_MAIN, 'start', '--config', node.config], {
      stdio: ['ignore', log, log, 'ipc'],
      // A group of its own, so that a terminal's Ctrl-C reaches the supervisor alone, which stops the nodes in order.
      detached: true,
      windowsHide: true,
      env: withoutSettings(process.env),
    })
    closeSync(log)
    this.#children.set(node, child)
    this.#events.onPid(node, child.pid)
    child.on('error', (error) => this.#events.onNotice(`${node.name} cannot be started: ${error.message}`))
    child.on('exit', (code, signal) => {
      this.#children.delete(node)
      this.#events.onPid(node, undefined)
      if (!this.#stopping) this.#onCrash(node, code, signal, performance.now() - startedMs)
    })
  }

  /** SIGTERM to all, and SIGKILL to what is left after KILL_AFTER_MS. */
  async stop(): Promise<void> {
    this.#stopping = true
    for (const timer of this.#restarts.values()) clearTimeout(timer)
    const children = [...this.#children.values()]
    const gone = children.map((child) => new Promise<void>((resolve) => child.once('exit', () => resolve())))
    for (const child of children) child.kill('SIGTERM')
    const killing = setTimeout(() => {
      const names = [...this.#children.keys()].map(({ name }) => name).join(', ')
      this.#events.onNotice(`${names} did not stop within ${KILL_AFTER_MS / 1_000} s and are killed`)
      this.kill()
    }, KILL_AFTER_MS)
    await Promise.all(gone)
    clearTimeout(killing)
  }

  kill(): void {
    this.#stopping = true
    for (const child of this.#children.values()) child.kill('SIGKILL')
  }

  #onCrash(node: NodeEntry, code: number | null, signal: string | null, ranMs: number): void {
    const how = signal === null ? `exited with code ${code}` : `was ended by ${signal}`
    if (code === 1 || code === 2) return this.#events.onRefused(node, lastError(node.log) ?? how)
    const failures = ranMs >= STEADY_MS ? 0 : (this.#failures.get(node) ?? 0)
    this.#failures.set(node, failures + 1)
    const pauseMs = Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** failures)
    this.#events.onNotice(`${node.name} ${how}; restarting in ${pauseMs / 1_000} s (log: ${node.log})`)
    this.#restarts.set(
      node,
      setTimeout(() => this.start(node), pauseMs),
    )
  }
}

/** Nodes are set by their files alone: a variable meant for one of them would hit all. */
function withoutSettings(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('SCOVILLE_')))
}

/** What a node said last about why it does not run. */
function lastError(path: string): string | undefined {
  try {
    const text = readFileSync(path, 'utf8').slice(-LOG_TAIL_CHARS)
    const at = text.lastIndexOf('error: ')
    return at < 0 ? undefined : text.slice(at + 'error: '.length).trim()
  } catch {
    return undefined
  }
}
