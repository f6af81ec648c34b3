// A checksum of each of LevelDB's tables, kept beside them: LevelDB does not check what it reads, and a damaged index or filter
// makes it answer that a record is not there. A table is never changed once it is written, so its checksum is taken once.

import { open, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { codeOf, NodeError } from '../fault.ts'

const SUMS_FILE = 'SUMS'
/** Read at a time: the rest of the process gets its turn in between. */
const CHUNK_BYTES = 4 * 1024 * 1024

/** Name of a table -> its length and CRC-32. */
export type TableSums = ReadonlyMap<string, string>

/**
 * Compares what is there with what was recorded; about 0.3 s a gigabyte, and the disk's time.
 * @returns what was recorded
 * @throws NodeError storage-damaged naming the table
 */
export async function checkTables(path: string): Promise<TableSums> {
  const names = await tablesIn(path)
  const recorded = (await readSums(path)) ?? new Map<string, string>()
  for (const name of names) {
    const expected = recorded.get(name)
    if (expected === undefined || (await sumOf(join(path, name))) === expected) continue
    throw new NodeError('storage-damaged', `the chain database is damaged: its table ${name} is not what was written`)
  }
  return recorded
}

/** Adds the tables that are new and drops those that are gone. A table may vanish meanwhile; it is LevelDB's. */
export async function recordTables(path: string, known: TableSums): Promise<TableSums> {
  const names = await tablesIn(path)
  if (names.length === known.size && names.every((name) => known.has(name))) return known
  const sums = new Map<string, string>()
  for (const name of names) {
    const sum = known.get(name) ?? (await sumOf(join(path, name)))
    if (sum !== undefined) sums.set(name, sum)
  }
  const body = JSON.stringify([...sums])
  const temporary = join(path, `${SUMS_FILE}.new`)
  await writeFile(temporary, `${crc32(body)}\n${body}`)
  await rename(temporary, join(path, SUMS_FILE))
  return sums
}

/** Whether a checksum vouches for the tables of a database that was closed, or was open for long enough. */
export async function areVouched(path: string): Promise<boolean> {
  return (await readSums(path)) !== undefined || (await tablesIn(path)).length === 0
}

async function readSums(path: string): Promise<TableSums | undefined> {
  const text = await readFile(join(path, SUMS_FILE), 'utf8').catch(() => '')
  const end = text.indexOf('\n')
  const body = text.slice(end + 1)
  if (end < 0 || text.slice(0, end) !== String(crc32(body))) return undefined
  // Its checksum is right, so it is what was written above.
  return new Map(JSON.parse(body) as [string, string][])
}

async function tablesIn(path: string): Promise<string[]> {
  const names = await readdir(path).catch(() => [])
  return names.filter((name) => /\.(ldb|sst)$/.test(name)).sort()
}

/** Undefined when the file is gone. */
async function sumOf(path: string): Promise<string | undefined> {
  try {
    await using file = await open(path)
    const buffer = new Uint8Array(CHUNK_BYTES)
    let [sum, length] = [0, 0]
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES)
      if (bytesRead === 0) return `${length}/${sum}`
      sum = crc32(buffer.subarray(0, bytesRead), sum)
      length += bytesRead
    }
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw new NodeError('storage-unavailable', `${path} cannot be read`, error)
  }
}
