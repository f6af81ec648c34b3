// What a disk, a file system or a hand does to the files of a data directory. One draw, one harm, named so that a reader knows
// what was done.

import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Random } from '../simulation/random.ts'

export const HARMS = [
  'flip',
  'byte',
  'cut',
  'zero',
  'empty',
  'delete',
  'append',
  'repeat',
  'swap',
  'stale-file',
  'stale-database',
  'stale-safety',
  'no-safety',
  'no-database',
] as const
export type Harm = (typeof HARMS)[number]

/** LevelDB's lock file is empty, and its log of messages is read by nobody. */
const UNREAD = /\/(?:LOCK|LOG|LOG\.old)$/

async function filesOf(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length))
    .filter((path) => !UNREAD.test(path))
    .sort()
}

/** Does one harm. @returns what was done, in words */
export async function harm(dir: string, stale: string, random: Random): Promise<{ harm: Harm; what: string }> {
  // Every kind of file as often as every other, however many tables there are.
  const files = await filesOf(dir)
  const kinds = [...new Set(files.map(kindOf))]
  const kind = random.pick(kinds)
  const file = random.pick(files.filter((path) => kindOf(path) === kind))
  const wanted = random.pick(HARMS)
  switch (wanted) {
    case 'stale-database':
      await rm(join(dir, 'chain'), { recursive: true })
      await cp(join(stale, 'chain'), join(dir, 'chain'), { recursive: true })
      return { harm: wanted, what: 'the database is an old copy' }
    case 'stale-safety':
      for (const slot of ['safety.0', 'safety.1']) await cp(join(stale, slot), join(dir, slot))
      return { harm: wanted, what: 'both safety slots are old copies' }
    case 'no-safety':
      for (const slot of ['safety.0', 'safety.1']) await rm(join(dir, slot))
      return { harm: wanted, what: 'both safety slots are gone' }
    case 'no-database':
      await rm(join(dir, 'chain'), { recursive: true })
      return { harm: wanted, what: 'the database is gone' }
    case 'stale-file':
      if (await isFile(join(stale, file))) {
        await cp(join(stale, file), join(dir, file))
        return { harm: wanted, what: `${file} is an old copy` }
      }
      await rm(join(dir, file))
      return { harm: 'delete', what: `${file} is gone` }
    case 'swap': {
      // Both of the database or neither: a lost slot beside a lost mirror is two faults, and then nobody can know.
      const other = random.pick(files.filter((path) => isOfChain(path) === isOfChain(file)))
      const [first, second] = [await readFile(join(dir, file)), await readFile(join(dir, other))]
      await writeFile(join(dir, file), second)
      await writeFile(join(dir, other), first)
      return { harm: wanted, what: `${file} and ${other} are exchanged` }
    }
    case 'delete':
      await rm(join(dir, file))
      return { harm: wanted, what: `${file} is gone` }
    default: {
      const before = await readFile(join(dir, file))
      const { after, what } = changed(before, wanted, random)
      await writeFile(join(dir, file), after)
      return { harm: wanted, what: `${file}, ${before.length} bytes: ${what}` }
    }
  }
}

type Change = Exclude<
  Harm,
  'stale-database' | 'stale-safety' | 'no-safety' | 'no-database' | 'stale-file' | 'swap' | 'delete'
>

function changed(before: Buffer, harm: Change, random: Random): { after: Uint8Array; what: string } {
  const after = Buffer.from(before)
  const at = before.length === 0 ? 0 : random.between(0, before.length - 1)
  switch (harm) {
    case 'flip': {
      const bit = random.between(0, 7)
      if (before.length > 0) after[at] = (after[at] ?? 0) ^ (1 << bit)
      return { after, what: `bit ${bit} of byte ${at} flipped` }
    }
    case 'byte': {
      const value = random.between(0, 255)
      if (before.length > 0) after[at] = value
      return { after, what: `byte ${at} is ${value}` }
    }
    case 'cut':
      return { after: after.subarray(0, at), what: `cut to ${at} bytes` }
    case 'zero': {
      const to = Math.min(before.length, at + random.pick([1, 16, 512, 4_096, 1_000_000]))
      after.fill(0, at, to)
      return { after, what: `bytes ${at} to ${to} are zero` }
    }
    case 'empty':
      return { after: new Uint8Array(), what: 'emptied' }
    case 'append': {
      const tail = Buffer.from(Array.from({ length: random.between(1, 64) }, () => random.between(0, 255)))
      return { after: Buffer.concat([after, tail]), what: `${tail.length} bytes appended` }
    }
    case 'repeat': {
      const length = Math.min(random.pick([16, 512, 32_768]), before.length - at)
      const from = before.length === 0 ? 0 : random.between(0, before.length - length)
      after.copyWithin(at, from, from + length)
      return { after, what: `bytes ${from} to ${from + length} again at ${at}` }
    }
  }
}

function isOfChain(path: string): boolean {
  return path.startsWith('/chain/')
}

function kindOf(path: string): string {
  return path.replace(/\d{3,}/, 'N')
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  )
}
