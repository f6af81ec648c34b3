import { open as openFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { NodeError } from '../../../node/fault.ts'
import { SLOT_BYTES_MAX } from '../../../node/storage/safety-slot.ts'
import { openFirstSafetyStore, type SafetyMirror } from '../../../node/storage/safety-store.ts'
import { type OpenFile, type SlotHandle, slotFilesIn } from '../../../node/storage/slot-files.ts'
import { GENESIS_HASH, LIMITS, safetyAt } from './fixture.ts'
import { temporaryDir } from './temporary-dir.ts'

type Step = 'open' | 'write' | 'short' | 'nothing' | 'datasync' | 'sync' | 'directory'

/** The real files, of which one call fails as a disk's would. */
function failing(step: Step, isArmed: () => boolean): OpenFile {
  const fault = (call: Step): void => {
    if (call === step && isArmed()) throw Object.assign(new Error(`EIO: i/o error, ${call}`), { code: 'EIO' })
  }
  return async (path, flags, mode) => {
    fault('open')
    const handle: SlotHandle = await openFile(path, flags, mode)
    return {
      read: (buffer, offset, length, position) => handle.read(buffer, offset, length, position),
      async write(buffer, offset, length, position) {
        fault('write')
        if (step === 'nothing' && isArmed()) return { bytesWritten: 0 }
        return handle.write(buffer, offset, step === 'short' && isArmed() ? Math.min(length, 1_000) : length, position)
      },
      async datasync() {
        fault('datasync')
        await handle.datasync()
      },
      async sync() {
        fault(flags === 'r' ? 'directory' : 'sync')
        await handle.sync()
      },
      close: () => handle.close(),
    }
  }
}

const MIRROR: SafetyMirror = { read: () => undefined, write: async () => {}, isChainEmpty: () => false }
const NEW_MIRROR: SafetyMirror = { ...MIRROR, isChainEmpty: () => true }

describe('a disk that fails', () => {
  it.each<{ step: Step; sentence: string }>([
    { step: 'write', sentence: 'a write that fails' },
    { step: 'nothing', sentence: 'a write that writes nothing' },
    { step: 'datasync', sentence: 'a sync that fails' },
  ])('$sentence fails the save and every later one (nothing is signed any more)', async ({ step }) => {
    const dir = await temporaryDir()
    let isArmed = false
    const files = slotFilesIn(
      dir,
      failing(step, () => isArmed),
    )
    const opening = await openFirstSafetyStore(dir, GENESIS_HASH, NEW_MIRROR, LIMITS, files)
    if (opening.kind !== 'ok') throw new Error(opening.reason)
    await opening.store.save(safetyAt(1))
    isArmed = true
    const failed = opening.store.save(safetyAt(2))
    await expect(failed).rejects.toBeInstanceOf(NodeError)
    await expect(failed).rejects.toMatchObject({ code: 'safety-write-failed' })
    isArmed = false
    await expect(opening.store.save(safetyAt(3))).rejects.toMatchObject({ code: 'safety-write-failed' })
    await opening.store.close()
    const again = await openFirstSafetyStore(dir, GENESIS_HASH, MIRROR, LIMITS)
    if (again.kind !== 'ok') throw new Error(again.reason)
    expect([1, 2]).toContain(again.safety?.lastVotedView)
    await again.store.close()
  })

  it('a short write is continued', async () => {
    const dir = await temporaryDir()
    const files = slotFilesIn(
      dir,
      failing('short', () => true),
    )
    const opening = await openFirstSafetyStore(dir, GENESIS_HASH, NEW_MIRROR, LIMITS, files)
    if (opening.kind !== 'ok') throw new Error(opening.reason)
    await opening.store.save(safetyAt(1))
    await opening.store.close()
    const again = await openFirstSafetyStore(dir, GENESIS_HASH, MIRROR, LIMITS)
    expect(again).toMatchObject({ kind: 'ok', safety: { lastVotedView: 1 } })
    if (again.kind === 'ok') await again.store.close()
  })

  it.each<{ step: Step; code: string }>([
    { step: 'open', code: 'storage-unavailable' },
    { step: 'write', code: 'safety-write-failed' },
    { step: 'sync', code: 'safety-write-failed' },
    { step: 'directory', code: 'safety-write-failed' },
  ])('a creation whose $step fails is a fault, and the next start creates the files', async ({ step, code }) => {
    const dir = await temporaryDir()
    const files = slotFilesIn(
      dir,
      failing(step, () => true),
    )
    await expect(openFirstSafetyStore(dir, GENESIS_HASH, NEW_MIRROR, LIMITS, files)).rejects.toMatchObject({ code })
    const again = await openFirstSafetyStore(dir, GENESIS_HASH, NEW_MIRROR, LIMITS)
    expect(again.kind).toBe('ok')
    if (again.kind === 'ok') await again.store.close()
  })

  it.skipIf(process.platform !== 'linux')('a full disk, for real', async () => {
    const dir = await temporaryDir()
    await symlink('/dev/full', join(dir, 'safety.0'))
    const files = slotFilesIn(dir)
    await expect(files.write(0, new Uint8Array(10))).rejects.toMatchObject({
      code: 'safety-write-failed',
      cause: { code: 'ENOSPC' },
    })
    await files.close()
  })
})

describe('the files', () => {
  it('have whole blocks, are readable by their owner alone, and are read up to a bound', async () => {
    const dir = await temporaryDir()
    const files = slotFilesIn(dir)
    await files.create(0, new Uint8Array(5_000).fill(3))
    const { size, mode } = await stat(join(dir, 'safety.0'))
    expect(size).toBe(8_192)
    expect(mode & 0o777).toBe(0o600)
    await writeFile(join(dir, 'safety.1'), new Uint8Array(SLOT_BYTES_MAX * 2))
    expect((await files.read(1))?.length).toBeLessThan(SLOT_BYTES_MAX * 1.01)
    expect(await files.read(0)).toHaveLength(8_192)
    await files.close()
  })
})
