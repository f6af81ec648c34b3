// The two files behind the safety store: created atomically, then overwritten in place and made durable by fdatasync.
// Owns system calls and their faults, never what the bytes mean. `open` can be replaced to make every call fail once.

import { type FileHandle, open as openFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { codeOf, NodeError } from '../fault.ts'
import { SLOT_BYTES_MAX } from './safety-slot.ts'

export type SlotIndex = 0 | 1

/** What the safety store stands on; node/storage/memory-store.ts has another one, for simulation. */
export interface SlotFiles {
  /** Undefined when there is no such file. */
  read(slot: SlotIndex): Promise<Uint8Array | undefined>
  /** Makes the file with these bytes: after a crash it is whole or absent. */
  create(slot: SlotIndex, bytes: Uint8Array): Promise<void>
  /** Overwrites from the start of the existing file; durable when it resolves, torn at worst when it does not. */
  write(slot: SlotIndex, bytes: Uint8Array): Promise<void>
  close(): Promise<void>
}

export type OpenFile = (path: string, flags: string, mode?: number) => Promise<SlotHandle>
export type SlotHandle = Pick<FileHandle, 'close' | 'datasync' | 'sync'> & {
  read(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesRead: number }>
  write(buffer: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>
}

/** Whole blocks, so that most saves change no file size and fdatasync has no metadata to write (MEASURED.md, 5). */
const BLOCK_BYTES = 4_096

/** @param dir exists */
export function slotFilesIn(dir: string, open: OpenFile = openFile): SlotFiles {
  const handles = new Map<SlotIndex, SlotHandle>()
  const pathOf = (slot: SlotIndex): string => join(dir, `safety.${slot}`)

  async function handleOf(slot: SlotIndex): Promise<SlotHandle> {
    const known = handles.get(slot)
    if (known !== undefined) return known
    const handle = await open(pathOf(slot), 'r+')
    handles.set(slot, handle)
    return handle
  }

  return {
    async read(slot) {
      try {
        const handle = await handleOf(slot)
        // One byte more than allowed, so that a longer file is cut to something that cannot check.
        const buffer = new Uint8Array(SLOT_BYTES_MAX + BLOCK_BYTES)
        let length = 0
        while (length < buffer.length) {
          const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length)
          if (bytesRead === 0) break
          length += bytesRead
        }
        return buffer.subarray(0, length)
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return undefined
        throw new NodeError('storage-unavailable', `${pathOf(slot)} cannot be read`, error)
      }
    },

    async create(slot, bytes) {
      const temporary = `${pathOf(slot)}.new`
      await writing(pathOf(slot), async () => {
        await using(await open(temporary, 'w', 0o600), async (handle) => {
          await writeAll(handle, padded(bytes))
          await handle.sync()
        })
        await rename(temporary, pathOf(slot))
        // A file is durable only once its name is.
        await using(await open(dir, 'r'), (handle) => handle.sync())
      })
    },

    async write(slot, bytes) {
      await writing(pathOf(slot), async () => {
        const handle = await handleOf(slot)
        await writeAll(handle, padded(bytes))
        await handle.datasync()
      })
    },

    async close() {
      const open = [...handles.values()]
      handles.clear()
      for (const handle of open) await handle.close()
    },
  }
}

async function using(handle: SlotHandle, use: (handle: SlotHandle) => Promise<void>): Promise<void> {
  try {
    await use(handle)
  } finally {
    await handle.close()
  }
}

async function writing(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write()
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    throw new NodeError('safety-write-failed', `the safety file ${path} could not be written: ${detail}`, error)
  }
}

/** A write may be short without failing; one that writes nothing would repeat for ever. */
async function writeAll(handle: SlotHandle, bytes: Uint8Array): Promise<void> {
  let written = 0
  while (written < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, written, bytes.length - written, written)
    if (bytesWritten === 0) throw new Error(`only ${written} of ${bytes.length} bytes could be written`)
    written += bytesWritten
  }
}

function padded(bytes: Uint8Array): Uint8Array {
  const whole = new Uint8Array(Math.ceil(bytes.length / BLOCK_BYTES) * BLOCK_BYTES)
  whole.set(bytes)
  return whole
}
