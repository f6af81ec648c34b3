// What the API may see of a node: committed blocks, each with a certificate of its own (DESIGN.md guarantee 5).

import { expect, test } from 'vitest'
import type { Height } from '../../consensus/types.ts'
import { createChainReader } from '../../node/readers.ts'
import { committeeOf } from '../simulation/world/committee.ts'
import { World } from '../simulation/world/world.ts'

test('every committed block is served with the certificate of that block, the tip too', async () => {
  const committee = await committeeOf(4, 'fast')
  const timing = { baseTimeoutMs: 300, idleIntervalMs: 10, blockIntervalMs: 0 }
  const world = new World({ seed: 1, committee, followers: 0, twins: [], villains: [], ...timing })
  for (const node of world.nodes) world.start(node)
  const { genesis, validators } = committee
  for (let height = 1; height <= 8; height++) {
    expect(await world.runUntil(() => world.committedHeight >= height, 60_000)).toBe(true)
    for (const { replica, store } of world.nodes) {
      if (replica === undefined || store === undefined) throw new Error('a node is down')
      const reader = createChainReader({
        info: {
          chainId: genesis.chainId,
          genesisHash: genesis.genesisHash,
          addressPrefix: genesis.addressPrefix,
          softwareVersion: 'test',
          role: 'validator',
        },
        store,
        validators,
        network: () => {
          throw new Error('a block needs no network')
        },
        core: () => replica.driver.core,
      })
      for (let at = 1; at <= reader.head().height; at++) {
        const block = reader.block(at as Height)
        expect(block?.certificate?.blockId).toBe(block?.id)
      }
      expect(reader.head().height).toBeGreaterThanOrEqual(height - 2)
    }
  }
})
