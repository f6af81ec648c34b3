import { describe, expect, it } from 'vitest'
import {
  BAN_MS,
  OFFENCE_COST,
  PEERS_TRACKED_MAX,
  PENALTY_AFTER_BAN,
  PENALTY_BUDGET,
  Penalties,
  VALIDATOR_BAN_MS,
} from '../../../node/network/penalties.ts'

const create = (): Penalties => new Penalties((peerId) => peerId === 'validator')

describe('penalties', () => {
  it('bans a follower for a minute, a validator for five seconds (liveness returns by itself)', () => {
    for (const [peer, banMs] of [
      ['follower', BAN_MS],
      ['validator', VALIDATOR_BAN_MS],
    ] as const) {
      const penalties = create()
      expect(penalties.add(peer, 'malformed', 1_000)).toBe(false)
      expect(penalties.isBanned(peer, 1_000)).toBe(false)
      expect(penalties.add(peer, 'malformed', 1_000)).toBe(true)
      expect(penalties.isBanned(peer, 1_000 + banMs - 1)).toBe(true)
      expect(penalties.isBanned(peer, 1_000 + banMs)).toBe(false)
    }
  })

  it('bans at once for a foreign chain', () => {
    expect(create().add('peer', 'wrong-chain', 0)).toBe(true)
  })

  it('forgives one point a second', () => {
    const penalties = create()
    penalties.add('peer', 'malformed', 0)
    expect(penalties.score('peer', 20_000)).toBe(OFFENCE_COST.malformed - 20)
    expect(penalties.add('peer', 'malformed', 20_001)).toBe(false)
    expect(penalties.score('peer', 1_000_000)).toBe(0)
  })

  it('never bans a peer whose rare offences decay away', () => {
    const penalties = create()
    for (let i = 0; i < 1_000; i++) expect(penalties.add('peer', 'invalid-content', i * 25_000)).toBe(false)
  })

  it('bans for the second malformed stream and the fifth bad signature, however the clock ticks in between', () => {
    const penalties = create()
    expect([0, 9_000].map((nowMs) => penalties.add('a', 'malformed', nowMs))).toEqual([false, true])
    const times = [0, 4_000, 8_000, 12_000, 16_000]
    expect(times.map((nowMs) => penalties.add('b', 'invalid-signature', nowMs))).toEqual([
      false,
      false,
      false,
      false,
      true,
    ])
  })

  it('counts several offences of one report', () => {
    expect(create().add('peer', 'flood', 0, Math.ceil(PENALTY_BUDGET / OFFENCE_COST.flood))).toBe(true)
    expect(create().add('peer', 'flood', 0, 1)).toBe(false)
  })

  it('adds nothing while banned and starts from half the budget afterwards', () => {
    const penalties = create()
    penalties.add('peer', 'wrong-chain', 0)
    expect(penalties.add('peer', 'wrong-chain', 1)).toBe(false)
    expect(penalties.score('peer', BAN_MS)).toBe(PENALTY_AFTER_BAN)
    expect(penalties.add('peer', 'malformed', BAN_MS)).toBe(true)
  })

  it('is not confused by a clock that goes back', () => {
    const penalties = create()
    penalties.add('peer', 'malformed', 10_000)
    expect(penalties.score('peer', 0)).toBe(OFFENCE_COST.malformed)
  })

  it(`remembers ${PEERS_TRACKED_MAX} peers at most, and a flood of new ones frees nobody from a ban`, () => {
    const penalties = create()
    penalties.add('banned', 'wrong-chain', 0)
    for (let i = 0; i < 3 * PEERS_TRACKED_MAX; i++) penalties.add(`peer ${i}`, 'unsolicited', i)
    expect(penalties.size).toBe(PEERS_TRACKED_MAX)
    expect(penalties.isBanned('banned', 10_000)).toBe(true)
  })
})
