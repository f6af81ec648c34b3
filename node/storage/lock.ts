// One process, one data directory (DESIGN.md section 5): two nodes with one key would sign twice.
// The lock is the database's own, which the system drops when its process dies; the pid file only says who holds it, so
// a stale one never blocks a start.

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { NodeError } from '../fault.ts'

export const PID_FILE = 'node.pid'

export interface DataDirLock<T> {
  readonly holder: T
  /** Call after the holder is closed. */
  release(): Promise<void>
}

/**
 * Takes the lock by opening what it protects.
 * @param open fails with NodeError data-dir-locked when another process has it open
 * @throws NodeError data-dir-locked, naming the process, or whatever `open` throws
 */
export async function lockDataDir<T>(dir: string, open: () => Promise<T>): Promise<DataDirLock<T>> {
  const pidPath = join(dir, PID_FILE)
  try {
    await mkdir(dir, { recursive: true })
  } catch (error) {
    throw new NodeError('storage-unavailable', `the data directory ${dir} cannot be created`, error)
  }
  let holder: T
  try {
    holder = await open()
  } catch (error) {
    if (!(error instanceof NodeError) || error.code !== 'data-dir-locked') throw error
    const pid = await holderPid(pidPath)
    const who = pid === undefined ? 'another process' : `process ${pid}`
    throw new NodeError(
      'data-dir-locked',
      `the data directory ${dir} is in use by ${who}: one node per directory`,
      error,
    )
  }
  // It only informs: without it the lock holds all the same.
  await writeFile(pidPath, `${process.pid}\n`).catch(() => {})
  return { holder, release: () => rm(pidPath, { force: true }) }
}

async function holderPid(path: string): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch(() => '')
  const pid = Number.parseInt(text, 10)
  return Number.isSafeInteger(pid) && pid > 0 ? pid : undefined
}
