import { describe, expect, test } from 'vitest'
import type { ValidatorIndex } from '../../consensus/types.ts'
import { AskedPeers } from '../../node/asked-peers.ts'
import type { Peer } from '../../node/ports.ts'

const peers: Peer[] = [0, 1, 2].map((index) => ({ id: `peer-${index}`, validator: index as ValidatorIndex }))
const ids = (list: readonly Peer[]) => list.map(({ id }) => id)

/** Asks the best, who then answers or not. */
function ask(asked: AskedPeers, nowMs: number, preferred: readonly ValidatorIndex[] = []): string | undefined {
  return asked.take(asked.order(peers, preferred), nowMs)?.id
}

describe('whom to ask next', () => {
  test('those known to have the block come first, then who was asked longest ago', () => {
    const asked = new AskedPeers(10)
    expect(ids(asked.order(peers, [2 as ValidatorIndex]))).toEqual(['peer-2', 'peer-0', 'peer-1'])
    expect(ask(asked, 0)).toBe('peer-0')
    asked.done('peer-0', true)
    expect(ids(asked.order(peers, []))).toEqual(['peer-1', 'peer-2', 'peer-0'])
  })

  test('one who withholds comes last until he answers, however much he is preferred', () => {
    const asked = new AskedPeers(10)
    const first = [0 as ValidatorIndex]
    expect(ask(asked, 0, first)).toBe('peer-0')
    asked.done('peer-0', false)
    expect(ids(asked.order(peers, first)).at(-1)).toBe('peer-0')
    expect(ask(asked, 1, first)).not.toBe('peer-0')
    asked.done('peer-0', true)
    expect(ids(asked.order(peers, first))[0]).toBe('peer-0')
  })

  test('one request at a time to a peer', () => {
    const asked = new AskedPeers(10)
    expect([ask(asked, 0), ask(asked, 0), ask(asked, 0), ask(asked, 0)]).toEqual([
      'peer-0',
      'peer-1',
      'peer-2',
      undefined,
    ])
    asked.done('peer-1', true)
    expect(ask(asked, 0)).toBe('peer-1')
  })

  test('no more requests a second to a peer than the rate, whatever clocks do', () => {
    const asked = new AskedPeers(5)
    const burst = (nowMs: number) => {
      let count = 0
      const [only] = peers
      while (only !== undefined && asked.take([only], nowMs) !== undefined) {
        asked.done('peer-0', true)
        count += 1
      }
      return count
    }
    expect([burst(10_000), burst(10_400), burst(0), burst(1_000)]).toEqual([5, 2, 0, 5])
  })

  test('what is known of a peer goes with its connection', () => {
    const asked = new AskedPeers(5)
    ask(asked, 0)
    expect(asked.size).toBe(1)
    asked.forget('peer-0')
    asked.done('peer-0', false)
    expect(asked.size).toBe(0)
  })
})
