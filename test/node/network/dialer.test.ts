import type { Connection } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import {
  Dialer,
  type DialTarget,
  FALLBACK_DELAY_MS,
  HIGHER_INDEX_DELAY_MS,
  STABLE_MS,
} from '../../../node/network/dialer.ts'
import type { Clock } from '../../../node/ports.ts'
import { until } from './nodes.ts'

/** Time stands still but for `run`, which jumps from timer to timer. */
class FakeClock implements Clock {
  #nowMs = 0
  #timers: { dueMs: number; callback: () => void }[] = []

  nowMs(): number {
    return this.#nowMs
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { dueMs: this.#nowMs + delayMs, callback }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  get nextMs(): number | undefined {
    return this.#timers.length === 0 ? undefined : Math.min(...this.#timers.map(({ dueMs }) => dueMs)) - this.#nowMs
  }

  advance(byMs: number): void {
    this.#nowMs += byMs
    const due = this.#timers.filter(({ dueMs }) => dueMs <= this.#nowMs)
    this.#timers = this.#timers.filter(({ dueMs }) => dueMs > this.#nowMs)
    for (const { callback } of due) callback()
  }
}

const ADDRESS = multiaddr('/ip4/127.0.0.1/tcp/1')

function setUp(target: Partial<DialTarget> = {}) {
  const clock = new FakeClock()
  const state = { linked: false, begun: 0, failed: 0 }
  const dialer = new Dialer([{ addresses: [ADDRESS], peerId: 'peer', delayMs: 0, ...target }], {
    clock,
    random: () => 0.999_999,
    dial: async (): Promise<Connection> => {
      throw new Error('nobody there')
    },
    isLinked: () => state.linked,
    onDial: (outcome) => {
      if (outcome === 'begun') state.begun += 1
      else state.failed += 1
    },
  })
  const dialNow = async (): Promise<number> => {
    const waitMs = clock.nextMs ?? Number.NaN
    clock.advance(waitMs)
    const begun = state.begun
    await until('the dial has failed', () => state.failed === begun && clock.nextMs !== undefined)
    return waitMs
  }
  return { clock, state, dialer, dialNow }
}

describe('dialer', () => {
  it('dials at once, then with growing waits, for ever', async () => {
    const { dialer, dialNow } = setUp()
    dialer.start()
    const waits: number[] = []
    for (let i = 0; i < 10; i++) waits.push(await dialNow())
    expect(waits).toEqual([0, 200, 400, 800, 1_600, 3_200, 5_000, 5_000, 5_000, 5_000])
    dialer.stop()
  })

  it('gives a lower index its start on every dial', async () => {
    const { dialer, dialNow } = setUp({ delayMs: HIGHER_INDEX_DELAY_MS })
    dialer.start()
    expect(await dialNow()).toBe(HIGHER_INDEX_DELAY_MS)
    expect(await dialNow()).toBe(200 + HIGHER_INDEX_DELAY_MS)
  })

  it('does not dial a peer that is linked already, whoever dialled', () => {
    const { dialer, clock, state } = setUp({ delayMs: HIGHER_INDEX_DELAY_MS })
    dialer.start()
    state.linked = true
    dialer.onLinked('peer')
    clock.advance(60_000)
    expect(state.begun).toBe(0)
  })

  it('starts anew after a link that lasted, and not after one that was cut at once', async () => {
    const { dialer, clock, state, dialNow } = setUp()
    dialer.start()
    for (let i = 0; i < 4; i++) await dialNow()
    const linkedFor = (durationMs: number): number | undefined => {
      state.linked = true
      dialer.onLinked('peer')
      clock.advance(durationMs)
      state.linked = false
      dialer.onUnlinked('peer')
      return clock.nextMs
    }
    expect(linkedFor(1)).toBe(3_200)
    expect(linkedFor(STABLE_MS)).toBe(100)
    expect(linkedFor(1)).toBe(200)
  })

  it('dials no more once stopped', async () => {
    const { dialer, clock, state, dialNow } = setUp()
    dialer.start()
    await dialNow()
    dialer.stop()
    dialer.onUnlinked('peer')
    clock.advance(60_000)
    expect(state.begun).toBe(1)
  })
})

it('a fallback is dialled only while no other target is linked', async () => {
  const clock = new FakeClock()
  const dialled: string[] = []
  let isLinked = true
  const wanted = { addresses: [multiaddr('/ip4/127.0.0.1/tcp/1')], peerId: 'wanted', delayMs: 0 }
  const other = { addresses: [multiaddr('/ip4/127.0.0.1/tcp/2')], peerId: 'other', delayMs: FALLBACK_DELAY_MS }
  const dialer = new Dialer([wanted, { ...other, isFallback: true }], {
    clock,
    random: () => 0,
    dial: async ([address]): Promise<Connection> => {
      dialled.push(`${address}`)
      throw new Error('nobody there')
    },
    isLinked: (peerId) => peerId === 'wanted' && isLinked,
    onDial: () => {},
  })
  dialer.start()
  for (let look = 0; look < 4; look++) clock.advance(FALLBACK_DELAY_MS)
  expect(dialled).toEqual([])
  isLinked = false
  clock.advance(FALLBACK_DELAY_MS)
  expect(dialled).toContain('/ip4/127.0.0.1/tcp/2')
  dialer.stop()
})
