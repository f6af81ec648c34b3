import { copyFile, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { BlockId, SafetyState, ValidatorIndex } from '../../../consensus/types.ts'
import { openFirstSafetyStore, type SafetyMirror } from '../../../node/storage/safety-store.ts'
import { exportSafety, importSafety, type SafetyPlace } from '../../../node/storage/safety-transfer.ts'
import { slotFilesIn } from '../../../node/storage/slot-files.ts'
import { GENESIS_HASH, hashOfText, LIMITS, OTHER_GENESIS_HASH, safetyAt } from './fixture.ts'
import { temporaryDir } from './temporary-dir.ts'

/** What `safetyAt` says signed. */
const SELF = { index: 2, id: 'v2', nodeKey: new Uint8Array(32).fill(2) }
const OTHER = { index: 1, id: 'v1', nodeKey: new Uint8Array(32).fill(1) }

class Directory {
  readonly dir: string
  mirrored: Uint8Array | undefined
  isEmpty = true
  readonly mirror: SafetyMirror = {
    read: () => this.mirrored,
    write: async (bytes) => {
      this.mirrored = new Uint8Array(bytes)
    },
    isChainEmpty: () => this.isEmpty,
  }

  constructor(dir: string) {
    this.dir = dir
  }

  static async signedUntil(view: number | undefined): Promise<Directory> {
    const directory = new Directory(await temporaryDir())
    if (view !== undefined) await directory.sign(safetyAt(view - 1, true), safetyAt(view, true))
    directory.isEmpty = view === undefined
    return directory
  }

  async sign(...states: readonly SafetyState[]): Promise<void> {
    const opening = await openFirstSafetyStore(this.dir, GENESIS_HASH, this.mirror, LIMITS)
    if (opening.kind === 'refuse') throw new Error(opening.reason)
    for (const state of states) await opening.store.save(state)
    await opening.store.close()
  }

  /** The view it would go on from, or why it would not. */
  async outcome(): Promise<number | string> {
    const opening = await openFirstSafetyStore(this.dir, GENESIS_HASH, this.mirror, LIMITS)
    if (opening.kind === 'refuse') return opening.code
    await opening.store.close()
    return opening.safety?.lastVotedView ?? 0
  }

  async #at<T>(place: Partial<SafetyPlace>, use: (place: SafetyPlace) => Promise<T>): Promise<T> {
    const files = slotFilesIn(this.dir)
    const whole = { files, mirror: this.mirror, genesisHash: GENESIS_HASH, limits: LIMITS, validator: SELF, ...place }
    return use(whole).finally(() => files.close())
  }

  async export(place: Partial<SafetyPlace> = {}): Promise<string> {
    const exported = await this.#at(place, exportSafety)
    return 'kind' in exported ? exported.code : exported.text
  }

  async import(text: string, place: Partial<SafetyPlace> = {}): Promise<number | string> {
    const imported = await this.#at(place, (at) => importSafety(at, text))
    return 'kind' in imported ? imported.code : imported.lastVotedView
  }
}

/** An export of a record that ends in `view`. */
const exportOf = async (view: number) => (await Directory.signedUntil(view)).export()

describe('an export (ADR 0009)', () => {
  it('ends the right of its directory to sign, and is the same when it is asked for again', async () => {
    const directory = await Directory.signedUntil(9)
    const text = await directory.export()
    expect(JSON.parse(text)).toMatchObject({
      validator: { index: 2 },
      lastVotedView: '9',
      highestTimeoutView: '9',
      lockedView: '8',
      generation: '4',
    })
    expect(await directory.outcome()).toBe('safety-exported')
    expect(await directory.export()).toBe(text)
  })

  it('imported where it came from undoes itself', async () => {
    const directory = await Directory.signedUntil(9)
    expect(await directory.import(await directory.export())).toBe(9)
    expect(await directory.outcome()).toBe(9)
    await directory.sign(safetyAt(10, true))
    expect(await directory.outcome()).toBe(10)
  })

  it('of nothing, of another key, or of a record in doubt is refused, and changes nothing', async () => {
    expect(await (await Directory.signedUntil(undefined)).export()).toBe('safety-empty')
    const directory = await Directory.signedUntil(9)
    expect(await directory.export({ validator: OTHER })).toBe('safety-other-key')
    expect(await directory.outcome()).toBe(9)
    await rm(join(directory.dir, 'safety.0'))
    expect(await directory.export()).toBe('safety-missing')
  })
})

describe('an import only raises (PITFALLS 37)', () => {
  it('into a directory that has signed nothing: all of it', async () => {
    const directory = await Directory.signedUntil(undefined)
    expect(await directory.import(await exportOf(9))).toBe(9)
    expect(await directory.outcome()).toBe(9)
  })

  it.each([
    { there: 5, brought: 9, after: 9 },
    { there: 12, brought: 9, after: 12 },
    { there: 9, brought: 9, after: 9 },
  ])('$brought into $there makes $after', async ({ there, brought, after }) => {
    const directory = await Directory.signedUntil(there)
    expect(await directory.import(await exportOf(brought))).toBe(after)
    expect(await directory.outcome()).toBe(after)
  })

  it('a second vote in one view is refused: that key signed twice', async () => {
    const directory = await Directory.signedUntil(8)
    const { lastTimeout: _timeout, ...voted } = safetyAt(9, true)
    const blockId = hashOfText('another block') as BlockId
    const twice = { ...safetyAt(9, true), lastVote: { ...(voted.lastVote ?? fail()), blockId } }
    await directory.sign(twice)
    expect(await directory.import(await exportOf(9))).toBe('safety-conflict')
    expect(await directory.outcome()).toBe(9)
  })
})

describe('a record in doubt is settled by an export as new as all that is known', () => {
  const doubts: readonly { code: string; harm: (directory: Directory) => Promise<void> }[] = [
    {
      code: 'safety-missing',
      async harm({ dir }) {
        for (const name of await readdir(dir)) await rm(join(dir, name))
      },
    },
    {
      code: 'safety-stale',
      async harm(directory) {
        const old = await Directory.signedUntil(4)
        for (const name of await readdir(old.dir)) await copyFile(join(old.dir, name), join(directory.dir, name))
        const later = await Directory.signedUntil(5)
        await later.sign(safetyAt(6, true))
        directory.mirrored = later.mirrored
      },
    },
    {
      code: 'safety-damaged',
      async harm(directory) {
        directory.mirrored = Uint8Array.of(1, 2, 3)
      },
    },
  ]

  it.each(doubts)('$code', async ({ code, harm }) => {
    const directory = await Directory.signedUntil(5)
    await harm(directory)
    expect(await directory.outcome()).toBe(code)
    const later = await Directory.signedUntil(7)
    await later.sign(safetyAt(8, true), safetyAt(9, true))
    expect(await directory.import(await later.export())).toBe(9)
    expect(await directory.outcome()).toBe(9)
  })

  it('one that is older than the mirror is refused, and the directory stays as it is', async () => {
    const directory = await Directory.signedUntil(5)
    await directory.sign(safetyAt(6, true), safetyAt(7, true))
    for (const name of await readdir(directory.dir)) await rm(join(directory.dir, name))
    expect(await directory.import(await exportOf(5))).toBe('safety-import-old')
    expect(await directory.outcome()).toBe('safety-missing')
  })

  it('an import that was cut short after the first file is finished by the next', async () => {
    const directory = await Directory.signedUntil(5)
    const text = await directory.export()
    const before = directory.mirrored
    await directory.import(text)
    await rm(join(directory.dir, 'safety.1'))
    directory.mirrored = before
    expect(await directory.outcome()).toBe('safety-missing')
    expect(await directory.import(text)).toBe(5)
    expect(await directory.outcome()).toBe(5)
  })
})

describe('what is no export of this validator is refused', () => {
  it.each<{ code: string; change: (text: string) => string }>([
    { code: 'safety-export-invalid', change: (text) => text.slice(0, -9) },
    { code: 'safety-export-invalid', change: (text) => text.replace('"lastVotedView": "9"', '"lastVotedView": "2"') },
    { code: 'safety-export-invalid', change: (text) => text.replace('"epoch"', '"age"') },
    { code: 'safety-export-invalid', change: (text) => text.replace(/"state": "00/, '"state": "01') },
  ])('$code, case %#', async ({ code, change }) => {
    const directory = await Directory.signedUntil(undefined)
    expect(await directory.import(change(await exportOf(9)))).toBe(code)
    expect(await directory.outcome()).toBe(0)
  })

  it('of another chain or of another key', async () => {
    const directory = await Directory.signedUntil(undefined)
    const text = await exportOf(9)
    expect(await directory.import(text, { genesisHash: OTHER_GENESIS_HASH })).toBe('safety-other-chain')
    expect(await directory.import(text, { validator: OTHER })).toBe('safety-other-key')
    expect(await directory.import(text, { validator: { ...SELF, index: 3 as ValidatorIndex } })).toBe(9)
  })
})

function fail(): never {
  throw new Error('the fixture has this part')
}
