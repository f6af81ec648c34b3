// Who wants to know that blocks committed. Tells that it happened and not what: whoever is told reads the chain.
// Bounded by the callers: the API holds one listener for each of its bounded event streams.

import type { CommitNotices } from '../api/ports.ts'

export interface NoticeBoard extends CommitNotices {
  /** Blocks committed and can be read. */
  notify(): void
}

export function createNoticeBoard(): NoticeBoard {
  const listeners = new Set<() => void>()
  return {
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    notify() {
      // A listener that subscribes again has seen this commit.
      for (const listener of [...listeners]) listener()
    },
  }
}
