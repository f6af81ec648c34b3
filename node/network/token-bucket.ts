// A token bucket that may go into debt: what has arrived is counted even when it was too much, and the debt says how
// long to stop reading. Owns no timer.

export class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #updatedMs: number

  /** @param perSecond refill rate; @param burst most tokens that can be saved up. */
  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
    this.#updatedMs = nowMs
  }

  /** Takes the tokens whether they are there or not; answers the debt in milliseconds of refill, or 0. */
  take(amount: number, nowMs: number): number {
    const elapsedMs = Math.max(0, nowMs - this.#updatedMs)
    this.#updatedMs = nowMs
    this.#tokens = Math.min(this.#burst, this.#tokens + (elapsedMs * this.#perSecond) / 1000) - amount
    return this.#tokens >= 0 ? 0 : Math.ceil((-this.#tokens * 1000) / this.#perSecond)
  }
}
