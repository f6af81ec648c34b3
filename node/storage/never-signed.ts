// The declaration that a key never signed anything, beside the chain it will sign: what a first safety file is made from.
// `scoville init` and `scoville safety init` write it; a start uses it up before it signs. A start never writes one: a
// directory that was emptied must not look like a new one. Source: docs/adr/0009 and PITFALLS.md, row 6.

import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { toHex } from '../../crypto/bytes.ts'
import { codeOf, NodeError } from '../fault.ts'

const FILE = 'safety.first'

/**
 * Declares it of the key, durably; makes the directory where there is none.
 * @throws NodeError safety-write-failed
 */
export async function declareNeverSigned(dir: string, nodeKey: Uint8Array): Promise<void> {
  const path = join(dir, FILE)
  await writing(path, async () => {
    await mkdir(dir, { recursive: true })
    const handle = await open(`${path}.new`, 'w', 0o600)
    try {
      await handle.writeFile(textOf(nodeKey))
      await handle.sync()
    } finally {
      await handle.close()
    }
    await rename(`${path}.new`, path)
    await syncNames(dir)
  })
}

/** Whether that was declared of this key. @throws NodeError storage-unavailable */
export async function isDeclaredNeverSigned(dir: string, nodeKey: Uint8Array): Promise<boolean> {
  const path = join(dir, FILE)
  try {
    return (await readFile(path, 'utf8')) === textOf(nodeKey)
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false
    throw new NodeError('storage-unavailable', `${path} cannot be read`, error)
  }
}

/** It is true no longer: durable before the first signature. @throws NodeError safety-write-failed */
export async function withdrawNeverSigned(dir: string): Promise<void> {
  const path = join(dir, FILE)
  await writing(path, async () => {
    await rm(path)
    await syncNames(dir)
  })
}

function textOf(nodeKey: Uint8Array): string {
  return `0x${toHex(nodeKey)} never signed\n`
}

/** A file is there, or gone, durably only once its directory is synced. */
async function syncNames(dir: string): Promise<void> {
  const handle = await open(dir, 'r')
  await handle.sync().finally(() => handle.close())
}

async function writing(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    throw new NodeError('safety-write-failed', `${path} could not be written: ${detail}`, error)
  }
}
