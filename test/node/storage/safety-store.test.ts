import { copyFile, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Epoch, QC, SafetyState, View } from '../../../consensus/types.ts'
import { InvariantError } from '../../../crypto/assert.ts'
import { NodeError } from '../../../node/fault.ts'
import { encodeSlot } from '../../../node/storage/safety-slot.ts'
import {
  type OpenedSafetyStore,
  openFirstSafetyStore,
  openSafetyStore,
  SAVES_PENDING_MAX,
  type SafetyMirror,
  type SafetyOpening,
} from '../../../node/storage/safety-store.ts'
import { GENESIS_HASH, LIMITS, OTHER_GENESIS_HASH, safetyAt } from './fixture.ts'
import { temporaryDir } from './temporary-dir.ts'

/** A mirror in memory: the database's own is exercised in chain-store.test.ts. */
class PlainMirror implements SafetyMirror {
  bytes: Uint8Array | undefined
  isEmpty = true
  /** Writes to come that are lost, as unsynced ones may be. */
  lost = 0
  read(): Uint8Array | undefined {
    return this.bytes
  }
  async write(bytes: Uint8Array): Promise<void> {
    if (this.lost > 0) this.lost -= 1
    else this.bytes = new Uint8Array(bytes)
  }
  isChainEmpty(): boolean {
    return this.isEmpty
  }
}

const open = (dir: string, mirror: SafetyMirror, genesisHash = GENESIS_HASH): Promise<SafetyOpening> =>
  openFirstSafetyStore(dir, genesisHash, mirror, LIMITS)

function opened(opening: SafetyOpening): OpenedSafetyStore {
  if (opening.kind === 'refuse') throw new Error(`${opening.code}: ${opening.reason}`)
  return opening.store
}

/** Files after voting in views 1 to `views`, one save each. */
async function votedUntil(views: number, isFull = false): Promise<{ dir: string; mirror: PlainMirror }> {
  const dir = await temporaryDir()
  const mirror = new PlainMirror()
  const store = opened(await open(dir, mirror))
  mirror.isEmpty = false
  for (let view = 1; view <= views; view++) await store.save(safetyAt(view + 3, isFull))
  await store.close()
  return { dir, mirror }
}

async function viewOf(opening: SafetyOpening): Promise<number | string> {
  if (opening.kind === 'refuse') return opening.code
  await opening.store.close()
  return opening.safety?.lastVotedView ?? 0
}

describe('an emptied directory is no new one (PITFALLS 6)', () => {
  it('what a start opens is never made by it', async () => {
    const dir = await temporaryDir()
    const opening = await openSafetyStore(dir, GENESIS_HASH, new PlainMirror(), LIMITS)
    expect(opening).toMatchObject({ kind: 'refuse', code: 'safety-uninitialized' })
    expect(await readdir(dir)).toEqual([])
  })

  it('what was made before goes on, with and without a save', async () => {
    for (const views of [0, 3]) {
      const { dir, mirror } = await votedUntil(views)
      const opening = await openSafetyStore(dir, GENESIS_HASH, mirror, LIMITS)
      expect(await viewOf(opening)).toBe(views === 0 ? 0 : views + 3)
    }
  })
})

describe('what was saved is there again', () => {
  it('nothing on a new chain, also after a start without a save', async () => {
    const dir = await temporaryDir()
    const mirror = new PlainMirror()
    for (let start = 0; start < 3; start++) {
      const opening = await open(dir, mirror)
      expect(opened(opening).load()).toBeUndefined()
      expect(opening).not.toHaveProperty('safety')
      await opened(opening).close()
      // It synced the chain meanwhile and was stopped before its first vote.
      mirror.isEmpty = false
    }
  })

  it.each([1, 2, 3, 8])('the last of %i saves, every field', async (saves) => {
    const { dir, mirror } = await votedUntil(saves, true)
    const store = opened(await open(dir, mirror))
    expect(store.load()).toEqual(safetyAt(saves + 3, true))
    await store.save(safetyAt(saves + 4, true))
    await store.close()
    expect(await viewOf(await open(dir, mirror))).toBe(saves + 4)
  })

  it('saves queue up in order, at most SAVES_PENDING_MAX of them', async () => {
    const dir = await temporaryDir()
    const mirror = new PlainMirror()
    const store = opened(await open(dir, mirror))
    const saves = Array.from({ length: SAVES_PENDING_MAX }, (_, i) => store.save(safetyAt(i + 1)))
    expect(() => store.save(safetyAt(SAVES_PENDING_MAX + 1))).toThrow(InvariantError)
    await Promise.all(saves)
    await store.save(safetyAt(SAVES_PENDING_MAX + 1))
    await store.close()
    expect(await viewOf(await open(dir, mirror))).toBe(SAVES_PENDING_MAX + 1)
  })

  it('is durable when save resolves, whatever the mirror does', async () => {
    const { dir, mirror } = await votedUntil(4)
    const store = opened(await open(dir, mirror))
    await store.save(safetyAt(9))
    const copy = await temporaryDir()
    for (const name of await readdir(dir)) await copyFile(join(dir, name), join(copy, name))
    expect(await viewOf(await open(copy, mirror))).toBe(9)
    await store.close()
  })

  it('grows for a large TC, and a smaller state fits over it', async () => {
    const dir = await temporaryDir()
    const mirror = new PlainMirror()
    const limits = { ...LIMITS, validators: 4_096 }
    const at = (view: number): SafetyState => {
      const highQC: QC = { ...safetyAt(view).highQC, signers: new Uint8Array(512).fill(255) }
      const none = 0 as View
      return { epoch: 0 as Epoch, lastVotedView: none, highestTimeoutView: none, lockedView: none, highQC }
    }
    const large = (view: number): SafetyState => {
      const { highQC } = at(view)
      const highQcViews = Array.from({ length: 4_096 }, () => highQC.view)
      const { signers, signature } = highQC
      const lastTC = { epoch: 0 as Epoch, view: view as View, signers, highQcViews, highQC, signature }
      return { ...at(view), lastTC }
    }
    const states = [large(4), large(5), { ...at(6), epoch: 1 as Epoch, highQC: { ...at(6).highQC, epoch: 1 as Epoch } }]
    for (const state of states) {
      const store = opened(await openFirstSafetyStore(dir, GENESIS_HASH, mirror, limits))
      await store.save(state)
      await store.close()
      const again = opened(await openFirstSafetyStore(dir, GENESIS_HASH, mirror, limits))
      expect(again.load()).toEqual(state)
      await again.close()
    }
  })
})

describe('in doubt it refuses (PITFALLS 6, 35, 37)', () => {
  it.each<{ sentence: string; code: string; change: (dir: string, mirror: PlainMirror) => Promise<void> }>([
    {
      sentence: 'no file beside a chain',
      code: 'safety-missing',
      async change(dir, mirror) {
        await rm(join(dir, 'safety.0'))
        await rm(join(dir, 'safety.1'))
        mirror.bytes = undefined
      },
    },
    {
      sentence: 'no file beside a mirror',
      code: 'safety-missing',
      async change(dir, mirror) {
        await rm(join(dir, 'safety.0'))
        await rm(join(dir, 'safety.1'))
        mirror.isEmpty = true
      },
    },
    { sentence: 'one file of the two is gone', code: 'safety-missing', change: (dir) => rm(join(dir, 'safety.0')) },
    { sentence: 'the other file is gone', code: 'safety-missing', change: (dir) => rm(join(dir, 'safety.1')) },
    {
      sentence: 'both slots are torn',
      code: 'safety-damaged',
      async change(dir) {
        await truncate(join(dir, 'safety.0'), 90)
        await truncate(join(dir, 'safety.1'), 90)
      },
    },
    {
      sentence: 'the mirror is newer: an old copy was restored',
      code: 'safety-stale',
      async change(_dir, mirror) {
        mirror.bytes = encodeSlot(GENESIS_HASH, 99, new Uint8Array())
      },
    },
    {
      sentence: 'the mirror says something else of the same generation',
      code: 'safety-mirror-differs',
      async change(_dir, mirror) {
        mirror.bytes = encodeSlot(GENESIS_HASH, 6, Uint8Array.of(1))
      },
    },
    {
      sentence: 'the mirror is damaged',
      code: 'safety-damaged',
      async change(_dir, mirror) {
        mirror.bytes = Uint8Array.of(1, 2, 3)
      },
    },
    {
      sentence: 'a whole slot whose body does not decode',
      code: 'safety-damaged',
      async change(dir, mirror) {
        mirror.bytes = undefined
        await writeFile(join(dir, 'safety.0'), encodeSlot(GENESIS_HASH, 50, Uint8Array.of(1)))
      },
    },
  ])('$sentence', async ({ code, change }) => {
    const { dir, mirror } = await votedUntil(5)
    await change(dir, mirror)
    expect(await viewOf(await open(dir, mirror))).toBe(code)
  })

  it('a file of another chain', async () => {
    const { dir, mirror } = await votedUntil(5)
    expect(await viewOf(await open(dir, mirror, OTHER_GENESIS_HASH))).toBe('safety-other-chain')
  })

  it('a restored older copy of both files', async () => {
    const { dir, mirror } = await votedUntil(3)
    const old = await temporaryDir()
    for (const name of await readdir(dir)) await copyFile(join(dir, name), join(old, name))
    const store = opened(await open(dir, mirror))
    await store.save(safetyAt(20))
    await store.close()
    expect(await viewOf(await open(old, mirror))).toBe('safety-stale')
    expect(await viewOf(await open(dir, mirror))).toBe(20)
  })

  it('goes on when the database lost the mirror, and writes it again', async () => {
    const { dir, mirror } = await votedUntil(5)
    mirror.bytes = undefined
    expect(await viewOf(await open(dir, mirror))).toBe(8)
    expect(mirror.bytes).toBeDefined()
  })

  it('goes on when mirror writes were lost with the power: the file is ahead and stands for itself', async () => {
    const { dir, mirror } = await votedUntil(5)
    const store = opened(await open(dir, mirror))
    mirror.lost = 2
    await store.save(safetyAt(9))
    await store.save(safetyAt(10))
    await store.close()
    expect(await viewOf(await open(dir, mirror))).toBe(10)
  })

  it('a save waits for its mirror: of what was signed, no older copy is taken, not even of one generation before', async () => {
    const { dir, mirror } = await votedUntil(3)
    const [reached, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
    const slow: SafetyMirror = {
      read: () => mirror.read(),
      isChainEmpty: () => false,
      async write(bytes, sync) {
        if (!sync) {
          reached.resolve()
          await gate.promise
        }
        await mirror.write(bytes)
      },
    }
    const old = await temporaryDir()
    for (const name of await readdir(dir)) await copyFile(join(dir, name), join(old, name))
    const store = opened(await open(dir, slow))
    let isSaved = false
    const saving = store.save(safetyAt(20)).then(() => {
      isSaved = true
    })
    await reached.promise
    await new Promise(setImmediate)
    expect(isSaved).toBe(false)
    gate.resolve()
    await saving
    await store.close()
    expect(await viewOf(await open(old, mirror))).toBe('safety-stale')
    expect(await viewOf(await open(dir, mirror))).toBe(20)
  })

  it('a save whose mirror could not be written fails, and so does every later one: nothing is signed', async () => {
    const { dir, mirror } = await votedUntil(3)
    let isFailing = false
    const broken: SafetyMirror = {
      read: () => mirror.read(),
      isChainEmpty: () => false,
      async write() {
        if (isFailing) throw new NodeError('storage-write-failed', 'the database could not be written')
      },
    }
    const store = opened(await open(dir, broken))
    isFailing = true
    await expect(store.save(safetyAt(20))).rejects.toMatchObject({ code: 'storage-write-failed' })
    isFailing = false
    await expect(store.save(safetyAt(21))).rejects.toMatchObject({ code: 'storage-write-failed' })
    await store.close()
    expect(await viewOf(await open(dir, mirror))).toBe(20)
  })

  it('finishes a creation that was cut short, while nothing can have been signed', async () => {
    const dir = await temporaryDir()
    const mirror = new PlainMirror()
    await opened(await open(dir, mirror)).close()
    await rm(join(dir, 'safety.1'))
    mirror.bytes = undefined
    expect(await viewOf(await open(dir, mirror))).toBe(0)
    expect(await readdir(dir)).toEqual(['safety.0', 'safety.1'])
  })
})

describe('every byte of the files', () => {
  const NEWEST = 8

  async function eachDamage(damage: (bytes: Buffer, at: number) => Buffer): Promise<Map<number | string, number>> {
    const { dir, mirror } = await votedUntil(5)
    const pristine = new Map<string, Buffer>()
    for (const name of ['safety.0', 'safety.1']) pristine.set(name, await readFile(join(dir, name)))
    const mirrorBytes = mirror.bytes
    const slotLength = mirrorBytes?.length ?? 0
    const outcomes = new Map<number | string, number>()
    for (const [name, bytes] of pristine) {
      // The slot, and a little of the padding behind it.
      for (let at = 0; at < slotLength + 8; at++) {
        for (const [other, whole] of pristine)
          await writeFile(join(dir, other), other === name ? damage(Buffer.from(bytes), at) : whole)
        mirror.bytes = mirrorBytes
        const outcome = await viewOf(await open(dir, mirror))
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      }
    }
    return outcomes
  }

  it('flipped: the newest state or a refusal, never an older one', async () => {
    const outcomes = await eachDamage((bytes, at) => {
      bytes[at] = (bytes[at] ?? 0) ^ 0x01
      return bytes
    })
    expect([...outcomes.keys()].sort()).toEqual([NEWEST, 'safety-stale'])
  })

  it('cut off: the newest state or a refusal, never an older one', async () => {
    const outcomes = await eachDamage((bytes, at) => bytes.subarray(0, at))
    expect([...outcomes.keys()].sort()).toEqual([NEWEST, 'safety-stale'])
  })

  it('torn while the next generation was being written: the state before it', async () => {
    const { dir, mirror } = await votedUntil(4)
    const store = opened(await open(dir, mirror))
    await store.save(safetyAt(8))
    const old = new Map<string, Buffer>()
    for (const name of ['safety.0', 'safety.1']) old.set(name, await readFile(join(dir, name)))
    const mirrorBefore = mirror.bytes
    await store.save(safetyAt(9))
    await store.close()
    const outcomes = new Set<number | string>()
    for (const [name, bytes] of old) {
      const after = await readFile(join(dir, name))
      if (after.equals(bytes)) continue
      for (let at = 0; at < 500; at += 3) {
        await writeFile(join(dir, name), Buffer.concat([after.subarray(0, at), bytes.subarray(at)]))
        mirror.bytes = mirrorBefore
        outcomes.add(await viewOf(await open(dir, mirror)))
      }
    }
    expect([...outcomes].sort()).toEqual([8, 9])
  })
})

describe('what must never be saved', () => {
  const voted = safetyAt(9, true)
  const { lastVote: _vote, ...withoutVote } = voted
  it.each<{ sentence: string; next: SafetyState }>([
    { sentence: 'a vote in an older view', next: safetyAt(8, true) },
    {
      sentence: 'a second vote in one view',
      next: { ...voted, lastVote: { ...(voted.lastVote ?? fail()), blockId: voted.highQC.blockId } },
    },
    { sentence: 'a state that forgot its vote', next: withoutVote },
    { sentence: 'a lock above highQC', next: { ...voted, lockedView: 40 as View } },
  ])('$sentence stops the process', async ({ next }) => {
    const dir = await temporaryDir()
    const store = opened(await open(dir, new PlainMirror()))
    await store.save(voted)
    expect(() => store.save(next)).toThrow(InvariantError)
    await store.close()
  })
})

function fail(): never {
  throw new Error('the fixture has this part')
}
