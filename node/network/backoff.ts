// How long to wait before dialling again: doubling from 0.1 s to 5 s, for ever, with jitter so that nodes that lost one
// another at the same moment do not meet again at the same moment. Pure.

export const BACKOFF_FIRST_MS = 100
export const BACKOFF_MAX_MS = 5_000

/**
 * @param failures dials in a row that led to nothing, from 0.
 * @param random in [0, 1).
 * @returns milliseconds: between half and all of min(100 * 2^failures, 5,000), never below 100.
 */
export function backoffMs(failures: number, random: number): number {
  const full = Math.min(BACKOFF_MAX_MS, BACKOFF_FIRST_MS * 2 ** Math.min(failures, 30))
  return Math.max(BACKOFF_FIRST_MS, Math.round(full * (0.5 + random / 2)))
}
