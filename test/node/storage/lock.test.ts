import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import { NodeError } from '../../../node/fault.ts'
import { openChainStore } from '../../../node/storage/chain-store.ts'
import { lockDataDir, PID_FILE } from '../../../node/storage/lock.ts'
import { GENESIS_HASH, LIMITS } from './fixture.ts'
import { temporaryDir } from './temporary-dir.ts'

const LOOP = fileURLToPath(new URL('./commit-loop.ts', import.meta.url))

/** Another node at work in the directory. */
async function startHolder(dir: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [LOOP, dir], { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  if (child.stdout === null) throw new Error('a pipe')
  await once(createInterface({ input: child.stdout }), 'line')
  return child
}

describe('one process per data directory (DESIGN 5)', () => {
  it('refuses a second start and names the process that holds it, until that is killed', async () => {
    const dir = await temporaryDir()
    const holder = await startHolder(dir)
    await expect(openChainStore(dir, GENESIS_HASH, LIMITS)).rejects.toMatchObject({
      code: 'data-dir-locked',
      message: expect.stringContaining(`process ${holder.pid}`),
    })
    const gone = once(holder, 'exit')
    holder.kill('SIGKILL')
    await gone
    // Killed, it left its pid file behind.
    expect(existsSync(join(dir, PID_FILE))).toBe(true)
    const store = await openChainStore(dir, GENESIS_HASH, LIMITS)
    expect(await readFile(join(dir, PID_FILE), 'utf8')).toBe(`${process.pid}\n`)
    await store.close()
    expect(existsSync(join(dir, PID_FILE))).toBe(false)
  })

  it('refuses a second opening in one process', async () => {
    const dir = await temporaryDir()
    const store = await openChainStore(dir, GENESIS_HASH, LIMITS)
    await expect(openChainStore(dir, GENESIS_HASH, LIMITS)).rejects.toMatchObject({ code: 'data-dir-locked' })
    await store.close()
  })

  it.each(['', 'nonsense', '-4', '999999999'])('a pid file that says %j never blocks a start', async (text) => {
    const dir = await temporaryDir()
    await writeFile(join(dir, PID_FILE), text)
    await (await openChainStore(dir, GENESIS_HASH, LIMITS)).close()
  })

  it('says "another process" when the pid file says nothing', async () => {
    const dir = await temporaryDir()
    const locked = lockDataDir(dir, async () => {
      throw new NodeError('data-dir-locked', 'held')
    })
    await expect(locked).rejects.toThrow(/another process/)
  })
})
