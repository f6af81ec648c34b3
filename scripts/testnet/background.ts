// A test network that outlives its terminal: started apart, asked and stopped through network.json.

import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { type Manifest, readManifest } from './directory.ts'
import { type NodeState, pause, stateOf } from './observer.ts'

const POLL_MS = 100
const READY_TIMEOUT_MS = 60_000
/** The supervisor stops its nodes within 3 s. */
const STOP_TIMEOUT_MS = 5_000

export type Detached =
  | { readonly ok: true; readonly manifest: Manifest }
  | { readonly ok: false; readonly message: string }

/** Starts the supervisor apart and resolves when its network is ready. `args`: without --detach. */
export async function detach(script: string, directory: string, args: readonly string[]): Promise<Detached> {
  // Beside the directory and not in it: --reset removes that.
  const logPath = `${resolve(directory)}.log`
  mkdirSync(dirname(logPath), { recursive: true })
  const log = openSync(logPath, 'w')
  const child = spawn(process.execPath, [script, ...args], {
    stdio: ['ignore', log, log],
    detached: true,
    windowsHide: true,
  })
  closeSync(log)
  let exited = false
  child.once('exit', () => {
    exited = true
  })
  const deadlineMs = performance.now() + READY_TIMEOUT_MS
  while (!exited && performance.now() < deadlineMs) {
    const manifest = await readManifest(directory)
    if (manifest?.pid === child.pid && manifest?.readyMs !== undefined) {
      child.unref()
      return { ok: true, manifest }
    }
    await pause(POLL_MS)
  }
  child.unref()
  const said = readFileSync(logPath, 'utf8')
    .trim()
    .replace(/^error: /, '')
  return {
    ok: false,
    message: exited ? said : `the network is not ready after ${READY_TIMEOUT_MS / 1_000} s: ${logPath}`,
  }
}

/** Whether the supervisor of this network runs. A process id alone proves little: it may be somebody else's by now. */
export async function isRunning(manifest: Manifest | undefined): Promise<boolean> {
  if (manifest?.pid === undefined || !isAlive(manifest.pid)) return false
  const states = await Promise.all(manifest.nodes.map(stateOf))
  return states.some((state) => state.height >= 0)
}

export function statesOf(manifest: Manifest): Promise<NodeState[]> {
  return Promise.all(manifest.nodes.map(stateOf))
}

/** False when it did not stop in time. */
export async function stopSupervisor(pid: number): Promise<boolean> {
  process.kill(pid, 'SIGTERM')
  const deadlineMs = performance.now() + STOP_TIMEOUT_MS
  while (isAlive(pid)) {
    if (performance.now() > deadlineMs) return false
    await pause(POLL_MS)
  }
  return true
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
