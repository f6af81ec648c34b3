// The terminal of a running test network: on a TTY one live line at the bottom, elsewhere a plain line every 5 s.

import type { Manifest } from './directory.ts'
import { statusLine } from './display.ts'
import { Observer } from './observer.ts'

const LIVE_MS = 1_000
const PLAIN_MS = 5_000
const FRAMES = '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'
const FRAME_MS = 120
const CLEAR_LINE = '\r\u001b[2K'

export class Screen {
  readonly #isLive: boolean
  readonly #isQuiet: boolean
  readonly #timers: NodeJS.Timeout[] = []
  #line = ''
  #frame = 0

  constructor(options: { readonly quiet: boolean }) {
    this.#isQuiet = options.quiet
    this.#isLive = process.stdout.isTTY === true && !options.quiet
  }

  /** What the command is for: standard output. */
  print(text: string): void {
    this.#clear()
    process.stdout.write(`${text}\n`)
  }

  /** What happens to it: standard error, so that JSON stays clean. */
  notice(text: string): void {
    this.#clear()
    process.stderr.write(`${text}\n`)
  }

  follow(manifest: Manifest, running: () => number): void {
    if (this.#isQuiet) return
    const observer = new Observer(manifest)
    let isLooking = false
    const look = async (): Promise<void> => {
      if (isLooking) return
      isLooking = true
      this.#line = statusLine(await observer.look(), running(), manifest.nodes.length)
      isLooking = false
      if (!this.#isLive) process.stdout.write(`${this.#line}\n`)
    }
    this.#timers.push(setInterval(() => void look(), this.#isLive ? LIVE_MS : PLAIN_MS))
    if (this.#isLive) this.#timers.push(setInterval(() => this.#draw(), FRAME_MS))
  }

  stop(running: number): void {
    for (const timer of this.#timers) clearInterval(timer)
    this.#clear()
    if (!this.#isQuiet) process.stdout.write(`stopping ${running} nodes; Ctrl-C again forces\n`)
  }

  stopped(): void {
    if (!this.#isQuiet) process.stdout.write('stopped, state kept\n')
  }

  #draw(): void {
    if (this.#line === '') return
    this.#frame = (this.#frame + 1) % FRAMES.length
    const text = ` ${FRAMES[this.#frame]} ${this.#line} · Ctrl-C stops, state kept`
    process.stdout.write(CLEAR_LINE + text.slice(0, Math.max(20, (process.stdout.columns ?? 80) - 1)))
  }

  #clear(): void {
    if (this.#isLive) process.stdout.write(CLEAR_LINE)
  }
}
