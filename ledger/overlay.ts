// Speculative state: what a block wrote, on top of its parent's state, itself perhaps an overlay. Copies nothing.
// A read costs one Map lookup a level, and there are only as many levels as uncommitted blocks.
// Never writes through: committing is the store's business.

import type { StateReader, StateWrites } from './application.ts'

/** A state in which nothing was ever written: genesis builds on it. */
export const EMPTY_STATE: StateReader = { get: () => undefined, node: () => undefined }

export function createOverlay(parent: StateReader, writes: StateWrites): StateReader {
  return {
    // An explicit undefined is a deletion: it hides the parent's value.
    get: (key) => writes.values.get(key) ?? (writes.values.has(key) ? undefined : parent.get(key)),
    node: (path) => writes.nodes.get(path) ?? (writes.nodes.has(path) ? undefined : parent.node(path)),
  }
}
