// scripts/testnet/display.ts: what a person reads.

import { describe, expect, it } from 'vitest'
import { nodeLines, statusLine } from '../../../scripts/testnet/display.ts'

const SNAPSHOT = { height: 1_207, view: 1_209, leader: 2, signers: 4, transactionsPerSecond: 1.04, commitMs: 84.4 }
const NODE = { name: 'v0', api: 'http://127.0.0.1:4000', p2p: '', directory: '', config: '', log: '' }

describe('the status line', () => {
  it.each([
    ['all is well', SNAPSHOT, 4, 'h 1,207 · view 1,209 · leader v2 · QC 4/4 · 1.0 tx/s · commit p50 84 ms'],
    ['a node is down', { ...SNAPSHOT, signers: 3 }, 3, 'QC 3/4 · 1.0 tx/s · commit p50 84 ms · 3/4 nodes'],
    ['nothing has committed lately', { ...SNAPSHOT, commitMs: undefined }, 4, 'commit p50 – ms'],
    ['many transactions', { ...SNAPSHOT, transactionsPerSecond: 1234.5 }, 4, '1,235 tx/s'],
    ['nobody answers', undefined, 0, 'no node answers · 0/4 processes'],
  ] as const)('%s', (_, snapshot, running, expected) => {
    expect(statusLine(snapshot, running, 4)).toContain(expected)
  })
})

describe('a line per node', () => {
  it('says why one is not ready', () => {
    const states = [
      { node: NODE, height: 7, ready: true, detail: '' },
      { node: { ...NODE, name: 'v1' }, height: -1, ready: false, detail: 'does not answer' },
    ]
    expect(nodeLines(states)).toBe(
      'v0  http://127.0.0.1:4000  ready      height 7\nv1  http://127.0.0.1:4000  not ready  does not answer',
    )
  })
})
