// How long a view may take. Owns the back-off exponent, the measured view time and the current deadline.
// Never moves to another view: only a verified certificate does (PITFALLS 17). Whole numbers only: all milliseconds.
// Source: DESIGN.md section 3, "Pacemaker" and "Idle"; VIEWCHANGE.md sections 2 and 3 say why.

export interface PacemakerConfig {
  /** Bounds of `base`, the timeout of a view in good times. */
  readonly baseTimeoutMs: number
  readonly baseTimeoutMsMax: number
  /** How long a leader without work waits before it proposes an empty block. */
  readonly idleIntervalMs: number
}

/** PITFALLS 18: however long the network was away, the next attempt is at most this far. */
export const VIEW_TIMEOUT_MS_MAX = 20_000
/** Later ticks: a timeout is resent at least this often. */
export const RESEND_MS_MAX = 2_000
/** base is at least this many measured view times. */
const BASE_VIEW_TIMES = 4
/** DESIGN.md section 3, "Suspicion". */
const SUSPECT_DIVISOR = 4

/** How a view was entered, as far as its time is concerned. */
export interface ViewEntry {
  readonly tc: boolean
  readonly halved: boolean
  /** Its leader's last view was given up: see suspicion.ts. */
  readonly suspect: boolean
  /** The view before ended by the votes of its block and nothing else. */
  readonly measured: boolean
}

export class Pacemaker {
  readonly #config: PacemakerConfig
  /** f: that many views in a row may fail by dead leaders alone, so back-off begins after f + 1. */
  readonly #faults: number
  /** k: rises on entry by TC, falls on commit, on nothing else. */
  #failures = 0
  #viewTimeMs = 0
  #enteredMs = 0
  /** Whether the time of the current view says something of the network: no idle wait, no silent leader in it. */
  #measurable = false
  #deadlineMs: number | undefined
  #includesIdle = false
  #halved = false
  #suspect = false

  constructor(config: PacemakerConfig, faults: number) {
    this.#config = config
    this.#faults = faults
  }

  get failures(): number {
    return this.#failures
  }

  get includesIdle(): boolean {
    return this.#includesIdle
  }

  get idleIntervalMs(): number {
    return this.#config.idleIntervalMs
  }

  baseMs(): number {
    const wanted = Math.max(this.#config.baseTimeoutMs, BASE_VIEW_TIMES * this.#viewTimeMs)
    return Math.min(wanted, this.#config.baseTimeoutMsMax)
  }

  /** timeout(k) = min(base * 1.5^max(0, k-f-1), 20 s); half of it in a view entered by a Certificate, a quarter under a suspect. */
  timeoutMs(): number {
    const timeoutMs = this.#fullTimeoutMs()
    if (this.#suspect) return Math.ceil(timeoutMs / SUSPECT_DIVISOR)
    return this.#halved ? Math.ceil(timeoutMs / 2) : timeoutMs
  }

  #fullTimeoutMs(): number {
    let timeoutMs = this.baseMs()
    for (let i = this.#faults + 1; i < this.#failures && timeoutMs < VIEW_TIMEOUT_MS_MAX; i++) {
      timeoutMs += Math.floor(timeoutMs / 2)
    }
    return Math.min(timeoutMs, VIEW_TIMEOUT_MS_MAX)
  }

  /**
   * Between later ticks. Under a suspect the full timeout(k): a quarter of it is no longer than the first tick takes to become a
   * certificate where base is four view times, and ticks sent meanwhile are a flood that brings nothing (docs/adr/0006).
   */
  resendMs(): number {
    return Math.min(this.#suspect ? this.#fullTimeoutMs() : this.timeoutMs(), RESEND_MS_MAX)
  }

  /** When a replica that voted and still waits sends its vote to L(v) too. */
  voteResendMs(): number {
    return Math.ceil(this.timeoutMs() / 4) + (this.#includesIdle ? this.#config.idleIntervalMs : 0)
  }

  /** A view was entered at `nowMs`. */
  enter(nowMs: number, by: ViewEntry): void {
    if (by.measured && this.#measurable) this.#measure(nowMs - this.#enteredMs)
    // No further than the cap needs: a long outage must not have to be worked off by as many commits.
    if (by.tc && this.#fullTimeoutMs() < VIEW_TIMEOUT_MS_MAX) this.#failures += 1
    this.#halved = by.halved
    this.#suspect = by.suspect
    this.#enteredMs = nowMs
    this.#measurable = !by.tc && !by.halved
    this.#deadlineMs = undefined
    this.#includesIdle = false
  }

  commit(): void {
    this.#failures = Math.max(0, this.#failures - 1)
  }

  /** Starts the view's timer; returns its delay. Without work the wait of the next leader is allowed for. */
  startTimer(nowMs: number, hasWork: boolean): number {
    this.#includesIdle = !hasWork
    if (!hasWork) this.#measurable = false
    const delayMs = this.timeoutMs() + (hasWork ? 0 : this.#config.idleIntervalMs)
    this.#deadlineMs = nowMs + delayMs
    return delayMs
  }

  /** An idle wait began: this view's time is not the network's. */
  waitIdle(): void {
    this.#measurable = false
  }

  /** Work appeared: the deadline moves once, to min(deadline, now + timeout(k)), never later. New delay, or undefined if it stays. */
  workAppeared(nowMs: number): number | undefined {
    if (!this.#includesIdle || this.#deadlineMs === undefined) return undefined
    this.#includesIdle = false
    const deadlineMs = Math.min(this.#deadlineMs, nowMs + this.timeoutMs())
    this.#deadlineMs = deadlineMs
    return Math.max(0, deadlineMs - nowMs)
  }

  /** Rises fast and falls slowly: a timeout that is too short costs a view, one that is too long only patience. */
  #measure(measuredMs: number): void {
    // A clock that was set must not become a view time.
    const sampleMs = Math.min(Math.max(0, measuredMs), VIEW_TIMEOUT_MS_MAX)
    const rising = sampleMs > this.#viewTimeMs
    this.#viewTimeMs = rising
      ? (this.#viewTimeMs + sampleMs) >> 1
      : this.#viewTimeMs - ((this.#viewTimeMs - sampleMs) >> 4)
  }
}
