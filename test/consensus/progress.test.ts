// What certificates do (DESIGN.md, section 3: "Commit", "Pacemaker", "Idle").

import { describe, expect, test } from 'vitest'
import type { QC, Verified, View } from '../../consensus/types.ts'
import { all, BASE_MS, IDLE_MS, only, Solo, timerAfter } from './solo.ts'

const heights = (effects: Parameters<typeof all>[0]) =>
  all(effects, 'commit').map(({ blocks }) => blocks.map((block) => block.proposal.header.height))

describe('commit', () => {
  test('PITFALLS 7: only a certificate one view above its parent commits the parent', () => {
    const solo = Solo.busy()
    const [b1, b3, b4] = solo.chain([1, 3, 4])
    if (!b1 || !b3 || !b4) throw new RangeError('three blocks')
    solo.giveProposal(b1)
    expect(heights(solo.giveProposal(b3))).toEqual([])
    expect(heights(solo.give({ kind: 'certificate', qc: solo.qc(b3) }))).toEqual([])
    solo.giveProposal(b4)
    expect(heights(solo.give({ kind: 'certificate', qc: solo.qc(b4) }))).toEqual([[1, 2]])
  })

  test('PITFALLS 10: ancestors of skipped views commit once, oldest first, by id', () => {
    const solo = Solo.busy()
    const chain = solo.chain([1, 4, 7, 8])
    const fork = solo.block(5, chain[0] ?? solo.genesis, { name: 'fork' })
    for (const block of chain) solo.giveProposal(block)
    solo.give({ kind: 'fetched', blocks: [fork] })
    const effects = solo.give({ kind: 'certificate', qc: solo.qc(chain[3] ?? solo.genesis) })
    expect(only(effects, 'commit').blocks.map((block) => block.id)).toEqual(chain.slice(0, 3).map((block) => block.id))
    expect(only(effects, 'prune').blockIds).toEqual([fork.id])
  })

  test('PITFALLS 16: a QC of a view that ended in a TC still commits', () => {
    const solo = Solo.busy()
    const [b1, b2] = solo.chain([1, 2])
    if (!b1 || !b2) throw new RangeError('two blocks')
    solo.giveProposal(b1)
    solo.giveProposal(b2)
    solo.give({ kind: 'tc-formed', tc: solo.tc(2, solo.qc(b1)) })
    expect(solo.view).toBe(3)
    expect(heights(solo.give({ kind: 'certificate', qc: solo.qc(b2) }))).toEqual([[1]])
    expect(solo.view).toBe(3)
    expect(solo.core.safety.highQC.view).toBe(2)
  })

  test('a commit waits for the blocks and their execution, then happens', () => {
    const solo = Solo.busy()
    solo.verdict = undefined
    const [b1, b2] = solo.chain([1, 2])
    if (!b1 || !b2) throw new RangeError('two blocks')
    expect(only(solo.give({ kind: 'certificate', qc: solo.qc(b2, [1, 2, 3]) }), 'fetch')).toEqual({
      kind: 'fetch',
      blockId: b2.id,
      from: [1, 2, 3],
    })
    expect(heights(solo.give({ kind: 'fetched', blocks: [b1, b2] }))).toEqual([])
    expect(heights(solo.give({ kind: 'executed', blockId: b1.id, valid: true }))).toEqual([[1]])
  })

  test('a long gap commits as it is fetched, not only when the newest certificate is reached', () => {
    const solo = Solo.busy()
    solo.verdict = undefined
    const chain = solo.chain(Array.from({ length: 40 }, (_, at) => at + 1))
    solo.give({ kind: 'certificate', qc: solo.qc(chain[39] ?? solo.genesis) })
    solo.give({ kind: 'fetched', blocks: chain.slice(0, 20) })
    // Executed only after the whole chunk arrived: no later input mentions these certificates again.
    for (const { id } of chain.slice(0, 20)) solo.give({ kind: 'executed', blockId: id, valid: true })
    expect(solo.core.tree.rootHeight).toBe(18)
  })
})

describe('halt', () => {
  test('PITFALLS 34: two certificates in one view stop the node', () => {
    const solo = Solo.busy()
    const first = solo.block(1, solo.genesis)
    const second = solo.block(1, solo.genesis, { name: 'second' })
    solo.give({ kind: 'certificate', qc: solo.qc(first) })
    expect(only(solo.give({ kind: 'certificate', qc: solo.qc(second) }), 'halt').reason).toContain('view 1')
  })

  test.each(['certified before it was executed', 'certified afterwards'])('an invalid block, %s', (order) => {
    const solo = Solo.busy()
    solo.verdict = undefined
    const block = solo.block(1, solo.genesis)
    const certificate = { kind: 'certificate', qc: solo.qc(block) } as const
    const executed = { kind: 'executed', blockId: block.id, valid: false } as const
    solo.giveProposal(block)
    const before = order === 'certified afterwards' ? executed : certificate
    const after = order === 'certified afterwards' ? certificate : executed
    expect(all(solo.give(before), 'halt')).toEqual([])
    expect(all(solo.give(after), 'halt')).toHaveLength(1)
  })

  test.each(['the last committed block', 'a block above it'])(
    'a certificate that lies about the view of %s',
    (where) => {
      const solo = Solo.busy()
      const [b1, b2] = solo.chain([1, 2])
      if (b1 === undefined || b2 === undefined) throw new RangeError('no chain')
      const parent = where === 'a block above it' ? b1 : solo.genesis
      // Two consecutive views would commit the parent; it is of another view than the certificate says.
      const qc = { ...solo.qc(b2), view: 6 as View, parentView: 5 as View, parentId: parent.id } as Verified<QC>
      solo.give({ kind: 'fetched', blocks: [b1, b2] })
      const effects = solo.give({ kind: 'certificate', qc })
      expect(only(effects, 'halt').reason).toContain('of view 5')
      expect(all(effects, 'commit')).toEqual([])
    },
  )

  test('a certified block that cannot stand on its parent', () => {
    const solo = Solo.busy()
    const b1 = solo.block(1, solo.genesis)
    const misfit = solo.block(2, b1, { height: 7 })
    solo.give({ kind: 'certificate', qc: solo.qc(misfit) })
    expect(all(solo.give({ kind: 'fetched', blocks: [b1, misfit] }), 'halt')).not.toEqual([])
  })
})

describe('entering a view', () => {
  test('PITFALLS 17: no timer enters a view', () => {
    const solo = Solo.busy()
    for (const timer of ['view', 'resend-vote', 'resend-timeout', 'idle'] as const) {
      solo.give({ kind: 'timer', timer, view: solo.core.view })
    }
    expect(solo.view).toBe(1)
  })

  test('PITFALLS 12: a certificate far ahead is taken whatever its view, and its block fetched', () => {
    const solo = Solo.busy()
    const far = solo.block(900, solo.genesis)
    const effects = solo.give({ kind: 'timeout', timeout: solo.timeout(901, 2, { highQC: solo.qc(far) }) })
    expect(solo.view).toBe(901)
    expect(only(effects, 'fetch').blockId).toBe(far.id)
  })

  test('PITFALLS 11: a TC raises highQC by the QC it carries', () => {
    const solo = Solo.busy()
    const b1 = solo.block(1, solo.genesis)
    solo.give({ kind: 'tc-formed', tc: solo.tc(4, solo.qc(b1)) })
    expect(solo.view).toBe(5)
    expect(solo.core.safety.highQC.blockId).toBe(b1.id)
  })

  test('by a Certificate the timer is half', () => {
    const solo = Solo.busy()
    const block = solo.block(1, solo.genesis)
    solo.giveProposal(block)
    expect(timerAfter(solo.give({ kind: 'certificate', qc: solo.qc(block) }), 'view')).toBe(BASE_MS / 2)
  })
})

describe('idle', () => {
  /** Self 3 leads views 3 and 7; a payload block in view 1, the mempool empty again. */
  function afterPayload(self: number): { solo: Solo; b1: ReturnType<Solo['block']>; b2: ReturnType<Solo['block']> } {
    const solo = new Solo({ self })
    solo.give({ kind: 'start' })
    const b1 = solo.payload(1, solo.genesis)
    const b2 = solo.block(2, b1)
    return { solo, b1, b2 }
  }

  test('PITFALLS 33: a certified block with a payload is work, before anything is proposed on it', () => {
    const { solo, b1 } = afterPayload(2)
    solo.giveProposal(b1)
    const proposes = solo.give({ kind: 'qc-formed', qc: solo.qc(b1) })
    expect(only(proposes, 'propose').view).toBe(2)
    expect(all(proposes, 'timer').filter(({ timer, delayMs }) => timer === 'idle' && delayMs !== undefined)).toEqual([])
  })

  test('PITFALLS 33: two empty blocks follow a payload block at once, then the leader waits', () => {
    const { solo, b1, b2 } = afterPayload(3)
    solo.giveProposal(b1)
    solo.giveProposal(b2)
    // The leader of view 3 forms QC(2), which commits b1 here; nobody else has seen it, so it is work still.
    const proposes = solo.give({ kind: 'qc-formed', qc: solo.qc(b2) })
    expect(only(proposes, 'propose').view).toBe(3)
    // Its proposal makes that known, so its own view too allows for the wait of the next leader.
    expect(timerAfter(proposes, 'view')).toBe(BASE_MS + IDLE_MS)
    const { solo: next } = afterPayload(0)
    for (const block of [b1, b2]) next.giveProposal(block)
    const b3 = next.block(3, b2)
    next.giveProposal(b3)
    const waits = next.give({ kind: 'qc-formed', qc: next.qc(b3) })
    expect(all(waits, 'propose')).toEqual([])
    expect(timerAfter(waits, 'idle')).toBe(IDLE_MS)
    expect(timerAfter(waits, 'view')).toBe(undefined)
    const goes = next.give({ kind: 'timer', timer: 'idle', view: next.core.view })
    expect(only(goes, 'propose').view).toBe(4)
    expect(timerAfter(goes, 'view')).toBe(BASE_MS + IDLE_MS)
  })

  test('the block whose justify tells everybody of the commit ends the work: its view allows for the next wait', () => {
    const { solo, b1, b2 } = afterPayload(1)
    solo.giveProposal(b1)
    solo.giveProposal(b2)
    expect(timerAfter(solo.giveProposal(solo.block(3, b2)), 'view')).toBe(BASE_MS + IDLE_MS)
  })

  test('a height that is not true does not end the work', () => {
    const { solo, b1 } = afterPayload(3)
    solo.giveProposal(b1)
    solo.giveProposal(solo.block(2, b1, { height: 1_000_000 }))
    expect(solo.core.announcedHeight).toBe(0)
  })

  test('work moves the deadline once, to min(deadline, now + timeout), never later', () => {
    const solo = new Solo({ self: 3 })
    expect(timerAfter(solo.give({ kind: 'start' }), 'view')).toBe(BASE_MS + IDLE_MS)
    solo.nowMs += 100
    expect(timerAfter(solo.give({ kind: 'work', available: true }), 'view')).toBe(BASE_MS)
    solo.nowMs += 100
    solo.give({ kind: 'work', available: false })
    expect(timerAfter(solo.give({ kind: 'work', available: true }), 'view')).toBe('untouched')
  })

  test('late work does not lengthen the deadline', () => {
    const solo = new Solo({ self: 3 })
    solo.give({ kind: 'start' })
    solo.nowMs += BASE_MS + IDLE_MS - 10
    expect(timerAfter(solo.give({ kind: 'work', available: true }), 'view')).toBe(10)
  })

  test('VIEWCHANGE 4.7: work that vanishes changes nothing that was armed', () => {
    const solo = Solo.busy({ self: 3 })
    expect(all(solo.give({ kind: 'work', available: false }), 'timer')).toEqual([])
  })

  test('VIEWCHANGE 4.7: an orphaned payload block is no work', () => {
    const solo = new Solo({ self: 3 })
    solo.give({ kind: 'start' })
    solo.giveProposal(solo.payload(1, solo.genesis))
    const b2 = solo.block(2, solo.genesis, { tc: solo.tc(1) })
    solo.giveProposal(b2)
    const waits = solo.give({ kind: 'qc-formed', qc: solo.qc(b2) })
    expect(all(waits, 'propose')).toEqual([])
    expect(timerAfter(waits, 'idle')).toBe(IDLE_MS)
  })

  test('a waiting leader goes on at once when work appears', () => {
    const { solo } = afterPayload(2)
    const empty = solo.block(1, solo.genesis)
    solo.giveProposal(empty)
    expect(all(solo.give({ kind: 'qc-formed', qc: solo.qc(empty) }), 'propose')).toEqual([])
    const goes = solo.give({ kind: 'work', available: true })
    expect(only(goes, 'propose').view).toBe(2)
    expect(timerAfter(goes, 'view')).toBe(BASE_MS)
  })

  test.each(['tc', 'certificate'] as const)('entry by %s proposes at once, work or none', (by) => {
    const { solo } = afterPayload(2)
    const empty = solo.block(1, solo.genesis)
    solo.giveProposal(empty)
    const input = by === 'tc' ? ({ kind: 'tc-formed', tc: solo.tc(1) } as const) : { kind: by, qc: solo.qc(empty) }
    expect(only(solo.give(input), 'propose').view).toBe(2)
  })

  test('VIEWCHANGE 4.8: with base below the idle interval the waiting leader has no timer to expire', () => {
    const solo = new Solo({ self: 2, baseTimeoutMs: 100, idleIntervalMs: 1_000 })
    solo.give({ kind: 'start' })
    const empty = solo.block(1, solo.genesis)
    solo.giveProposal(empty)
    const waits = solo.give({ kind: 'qc-formed', qc: solo.qc(empty) })
    expect(timerAfter(waits, 'view')).toBe(undefined)
    expect(timerAfter(waits, 'idle')).toBe(1_000)
  })
})
