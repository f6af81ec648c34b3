// LevelDB answers from tables it does not check (PITFALLS 35): each has a checksum, and a start compares them.

import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openDatabase } from '../../../node/storage/database.ts'
import { WHOLE_RANGE } from '../../../node/storage/keys.ts'
import { areVouched } from '../../../node/storage/table-sums.ts'
import { temporaryDir } from './temporary-dir.ts'

const KEY = Uint8Array.of(1)

/** A closed database with one table. */
async function withTable(): Promise<{ path: string; table: string }> {
  const path = join(await temporaryDir(), 'chain')
  const database = await openDatabase(path)
  await database.write([{ type: 'put', key: KEY, value: Buffer.alloc(10_000, 'v') }], true)
  await database.compact(WHOLE_RANGE)
  await database.close()
  const table = (await readdir(path)).find((name) => name.endsWith('.ldb'))
  if (table === undefined) throw new Error('a table')
  return { path, table: join(path, table) }
}

async function flipLast(file: string): Promise<void> {
  const bytes = await readFile(file)
  // In the footer's padding, which LevelDB does not look at: what is served would be right, and the table is not trusted.
  const at = bytes.length - 20
  bytes[at] = (bytes[at] ?? 0) ^ 1
  await writeFile(file, bytes)
}

test('a table that is not what was written is named at opening; whoever salvages opens it all the same', async () => {
  const { path, table } = await withTable()
  expect(await areVouched(path)).toBe(true)
  await flipLast(table)
  await expect(openDatabase(path)).rejects.toMatchObject({
    code: 'storage-damaged',
    message: expect.stringMatching(/its table \d+\.ldb is not what was written/),
  })
  const salvaged = await openDatabase(path, 'unchecked')
  expect(salvaged.get(KEY)?.length).toBe(10_000)
  await salvaged.close()
  // Looking at it vouched for nothing.
  await expect(openDatabase(path)).rejects.toMatchObject({ code: 'storage-damaged' })
})

test('tables that come and go are followed while it is open, and at its end', async () => {
  const { path } = await withTable()
  const database = await openDatabase(path)
  await database.write([{ type: 'put', key: Uint8Array.of(2), value: Buffer.alloc(10_000, 'w') }], true)
  await database.compact(WHOLE_RANGE)
  await database.close()
  const table = (await readdir(path)).find((name) => name.endsWith('.ldb'))
  await flipLast(join(path, table ?? ''))
  await expect(openDatabase(path)).rejects.toMatchObject({ code: 'storage-damaged' })
})

test.each([
  ['gone', (sums: string) => rm(sums)],
  ['damaged', (sums: string) => writeFile(sums, 'no checksums')],
])('without a record, because it is %s, nothing vouches for the tables', async (_, harm) => {
  const { path } = await withTable()
  await harm(join(path, 'SUMS'))
  expect(await areVouched(path)).toBe(false)
  await (await openDatabase(path)).close()
  expect(await areVouched(path)).toBe(true)
})
