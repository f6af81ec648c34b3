// A TCP forwarder between every two nodes, one listener per dialler and target, so that each direction of each link can be
// held back, delayed or cut. It copies bytes and never looks into them.

import { connect, createServer, type Server, type Socket } from 'node:net'

/**
 * What happens to bytes from one node to another. `held`: they arrive when the link is opened again, as TCP does after a
 * partition. `delayed`: they arrive later, in order. `cut`: connections end, and new ones are refused, both ways.
 */
export type LinkState =
  | { readonly kind: 'open' }
  | { readonly kind: 'held' }
  | { readonly kind: 'delayed'; readonly delayMs: number }
  | { readonly kind: 'cut' }

const OPEN: LinkState = { kind: 'open' }
const HOST = '127.0.0.1'
/** Bytes waiting in one direction of one connection; beyond, reading stops and TCP holds the sender back. */
export const HELD_BYTES_MAX = 1024 * 1024

export class FaultProxy {
  readonly #ports: readonly number[]
  readonly #listeners = new Map<string, Server>()
  readonly #states = new Map<string, LinkState>()
  readonly #pipes = new Set<Pipe>()

  private constructor(ports: readonly number[]) {
    this.#ports = ports
  }

  /** @param ports where the nodes listen, by number; they need not listen yet */
  static async start(ports: readonly number[]): Promise<FaultProxy> {
    const proxy = new FaultProxy(ports)
    for (const from of ports.keys()) {
      for (const to of ports.keys()) if (from !== to) await proxy.#listen(from, to)
    }
    return proxy
  }

  /** Where node `from` reaches node `to`. */
  port(from: number, to: number): number {
    const address = this.#listeners.get(name(from, to))?.address()
    if (address === undefined || address === null || typeof address === 'string') throw new RangeError('no such link')
    return address.port
  }

  /** Bytes from node `from` to node `to`, whoever of the two dialled. */
  set(from: number, to: number, state: LinkState): void {
    this.#states.set(name(from, to), state)
    for (const pipe of this.#pipes) {
      if (pipe.from !== from || pipe.to !== to) continue
      if (state.kind === 'cut') pipe.end()
      else pipe.move()
    }
  }

  /** Nothing passes between nodes of different groups, both ways; inside a group everything does. */
  partition(groups: readonly (readonly number[])[], state: LinkState): void {
    const groupOf = (node: number) => groups.findIndex((group) => group.includes(node))
    this.#forEach((from, to) => this.set(from, to, groupOf(from) === groupOf(to) ? OPEN : state))
  }

  /** Every link in the same state. */
  all(state: LinkState): void {
    this.#forEach((from, to) => this.set(from, to, state))
  }

  heal(): void {
    this.all(OPEN)
  }

  get connections(): number {
    return this.#pipes.size / 2
  }

  async stop(): Promise<void> {
    const closed = [...this.#listeners.values()].map(
      (listener) => new Promise<void>((resolve) => listener.close(() => resolve())),
    )
    for (const pipe of this.#pipes) pipe.end()
    await Promise.all(closed)
  }

  stateOf(from: number, to: number): LinkState {
    return this.#states.get(name(from, to)) ?? OPEN
  }

  #forEach(visit: (from: number, to: number) => void): void {
    for (const from of this.#ports.keys()) for (const to of this.#ports.keys()) if (from !== to) visit(from, to)
  }

  async #listen(from: number, to: number): Promise<void> {
    const listener = createServer({ allowHalfOpen: true, noDelay: true }, (dialled) => this.#accept(dialled, from, to))
    this.#listeners.set(name(from, to), listener)
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject)
      listener.listen(0, HOST, resolve)
    })
  }

  #accept(dialled: Socket, from: number, to: number): void {
    const isCut = this.stateOf(from, to).kind === 'cut' || this.stateOf(to, from).kind === 'cut'
    if (isCut) {
      dialled.resetAndDestroy()
      return
    }
    const port = this.#ports[to] ?? 0
    const onward = connect({ port, host: HOST, allowHalfOpen: true, noDelay: true })
    const there = new Pipe(dialled, onward, from, to, this)
    const back = new Pipe(onward, dialled, to, from, this)
    for (const pipe of [there, back]) this.#pipes.add(pipe)
    for (const socket of [dialled, onward]) {
      socket.on('error', () => socket.destroy())
      socket.once('close', () => {
        for (const pipe of [there, back]) {
          this.#pipes.delete(pipe)
          pipe.end()
        }
      })
    }
  }
}

/** One direction of one connection. */
class Pipe {
  readonly from: number
  readonly to: number
  readonly #source: Socket
  readonly #target: Socket
  readonly #proxy: FaultProxy
  /** In order; `undefined` is the end of the stream. */
  readonly #waiting: { readonly bytes: Buffer | undefined; readonly atMs: number }[] = []
  #waitingBytes = 0
  #timer: NodeJS.Timeout | undefined

  constructor(source: Socket, target: Socket, from: number, to: number, proxy: FaultProxy) {
    this.from = from
    this.to = to
    this.#source = source
    this.#target = target
    this.#proxy = proxy
    source.on('data', (bytes) => this.#take(Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes)))
    source.once('end', () => this.#take(undefined))
    target.on('drain', () => this.move())
  }

  #take(bytes: Buffer | undefined): void {
    this.#waiting.push({ bytes, atMs: performance.now() })
    this.#waitingBytes += bytes?.length ?? 0
    this.move()
  }

  /** Passes on what may go now. */
  move(): void {
    clearTimeout(this.#timer)
    const state = this.#proxy.stateOf(this.from, this.to)
    while (state.kind === 'open' || state.kind === 'delayed') {
      const [next] = this.#waiting
      if (next === undefined || this.#target.writableNeedDrain) break
      const dueMs = next.atMs + (state.kind === 'delayed' ? state.delayMs : 0) - performance.now()
      if (dueMs > 0) {
        this.#timer = setTimeout(() => this.move(), dueMs)
        break
      }
      this.#waiting.shift()
      this.#waitingBytes -= next.bytes?.length ?? 0
      if (next.bytes === undefined) this.#target.end()
      else this.#target.write(next.bytes)
    }
    if (this.#waitingBytes > HELD_BYTES_MAX) this.#source.pause()
    else this.#source.resume()
  }

  end(): void {
    clearTimeout(this.#timer)
    this.#source.destroy()
    this.#target.destroy()
  }
}

function name(from: number, to: number): string {
  return `${from}>${to}`
}
