// The state of one height over a database snapshot: what a snapshot is served from while the chain goes on.
// Reads past every cache: what it reads would push out what the live state needs.

import type { HeldState } from '../ports.ts'
import type { DatabaseSnapshot } from './database.ts'
import { nodeKey, stateKeyOf, valueKey, valuesBetween } from './keys.ts'

export function heldStateOf(snapshot: DatabaseSnapshot): HeldState {
  return {
    get: (key) => snapshot.get(valueKey(key)),
    node: (path) => snapshot.get(nodeKey(path)),
    async entries(from, to, max) {
      const entries = await snapshot.entries(valuesBetween(from, to), max)
      return entries.map(([key, value]) => ({ key: stateKeyOf(key), value }))
    },
    close: () => snapshot.close(),
  }
}
