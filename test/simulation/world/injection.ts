// Makes the faults of a scenario happen, each class from a stream of its own, until they end; then heals everything but the dead.

import type { Random } from '../random.ts'
import { QUICK_DISK } from './disk.ts'
import { CALM } from './links.ts'
import type { SimulatedNode } from './node.ts'
import type { Faults, Scenario } from './scenario.ts'
import type { World } from './world.ts'

export class Injection {
  readonly #world: World
  readonly #faults: Faults
  readonly #untilMs: number
  #over = false

  constructor(world: World, { faults, faultsMs }: Scenario) {
    this.#world = world
    this.#faults = faults
    this.#untilMs = faultsMs
  }

  begin(): void {
    this.#links()
    this.#clocks()
    this.#disks()
    this.#crashes()
  }

  /** The network is well, clocks agree, disks are quick, and everybody but the dead runs. */
  heal(dead: readonly number[]): void {
    const { nodes, links } = this.#world
    this.#over = true
    links.allWell()
    for (const node of nodes) {
      node.skewMs = 0
      node.timerLateMs = () => 0
      node.pausedUntilMs = 0
      node.disk.faults = QUICK_DISK
      if (dead.includes(node.number)) {
        this.#world.crash(node)
        node.isRemoved = true
      } else this.#world.start(node)
    }
  }

  #links(): void {
    const { links, nodes } = this.#world
    const { lossPerMille, duplicatePerMille, delayMsMax, slow, reorders, replay } = this.#faults
    links.faults = {
      lossPerMille: lossPerMille ?? 0,
      duplicatePerMille: duplicatePerMille ?? 0,
      delayMs: [1, delayMsMax ?? CALM.delayMs[1]],
      slowPerMille: slow?.perMille ?? 0,
      slowMsMax: slow?.msMax ?? 0,
      reorders: reorders ?? false,
      replayPerMille: replay?.perMille ?? 0,
      replayMsMax: replay?.msMax ?? 0,
    }
    links.bans = this.#faults.bans ?? false
    const { partition, swizzle, cuts, disconnect, slowPeer } = this.#faults
    this.#every('partition', partition?.everyMs, (random) => {
      const parts = partition?.parts ?? 2
      links.groups = random.chance(400) ? undefined : nodes.map(() => random.between(1, parts))
    })
    this.#every('swizzle', swizzle?.everyMs, (random) => {
      const alone = random.pick(nodes)
      links.groups = nodes.map((node) => (node === alone ? 1 : 0))
    })
    this.#every('cuts', cuts?.everyMs, (random) => {
      links.cuts.clear()
      if (random.chance(300)) return
      for (let at = 0; at < (cuts?.count ?? 0); at++) links.cuts.add(random.between(0, nodes.length ** 2 - 1))
    })
    this.#every('disconnect', disconnect?.everyMs, (random) => {
      const [a, b] = random.shuffled(nodes)
      if (a !== undefined && b !== undefined) links.disconnect(a, b)
    })
    if (slowPeer !== undefined) {
      const one = this.#random('slowPeer').pick(nodes)
      for (const other of nodes) if (other !== one) links.slow(one, other, slowPeer.byMs)
    }
  }

  #clocks(): void {
    const { nodes, queue } = this.#world
    const { skewMs, jump, pause, timerLateMs } = this.#faults
    if (skewMs !== undefined) {
      const random = this.#random('skew')
      for (const node of nodes) node.skewMs = random.between(-skewMs, skewMs)
    }
    this.#every('jump', jump?.everyMs, (random) => {
      random.pick(nodes).skewMs = random.between(-(jump?.byMs ?? 0), jump?.byMs ?? 0)
    })
    this.#every('pause', pause?.everyMs, (random) => {
      random.pick(nodes).pausedUntilMs = queue.nowMs + random.between(1, pause?.msMax ?? 1)
    })
    if (timerLateMs !== undefined) {
      const random = this.#random('timer')
      for (const node of nodes) node.timerLateMs = () => random.between(0, timerLateMs)
    }
  }

  #disks(): void {
    const { slowDisk } = this.#faults
    if (slowDisk === undefined) return
    const { msMax, stallPerMille, stallMsMax } = slowDisk
    for (const { disk } of this.#world.nodes) disk.faults = { syncMs: [1, msMax], stallPerMille, stallMsMax }
  }

  #crashes(): void {
    const world = this.#world
    const { nodes, queue } = world
    const { crash, crashAtWrite, crashAtSend, crashAll } = this.#faults
    const downMsMax = crash?.downMsMax ?? 500
    const down = (node: SimulatedNode, random: Random) => {
      if (this.#isOver()) return
      world.crash(node)
      queue.after(random.between(1, downMsMax), () => world.start(node))
    }
    this.#every('crash', crash?.everyMs, (random) => down(random.pick(nodes), random))
    if (crashAll !== undefined) {
      const random = this.#random('crashAll')
      queue.after(crashAll.atMs, () => {
        for (const node of nodes) down(node, random)
      })
    }
    if (crashAtWrite !== undefined) {
      const random = this.#random('crashAtWrite')
      const { every } = crashAtWrite
      for (const node of nodes) {
        let left = random.between(1, 2 * every)
        node.disk.onWrite = () => {
          left -= 1
          if (left > 0 || !node.isRunning) return
          left = random.between(1, 2 * every)
          // Not inside the write: the store that wrote must still return to its caller, who then never runs again.
          down(node, random)
        }
      }
    }
    if (crashAtSend !== undefined) {
      const random = this.#random('crashAtSend')
      const { every } = crashAtSend
      const left = new Map(nodes.map((node) => [node, random.between(1, 2 * every)]))
      world.onSend = (node) => {
        const rest = (left.get(node) ?? 0) - 1
        left.set(node, rest)
        if (rest > 0) return
        left.set(node, random.between(1, 2 * every))
        down(node, random)
      }
    }
  }

  #isOver(): boolean {
    return this.#over || this.#world.elapsedMs >= this.#untilMs
  }

  #every(name: string, everyMs: number | undefined, event: (random: Random) => void): void {
    if (everyMs === undefined) return
    const random = this.#random(name)
    const { queue } = this.#world
    const next = () => {
      if (this.#isOver()) return
      event(random)
      queue.after(random.between(1, 2 * everyMs), next)
    }
    queue.after(random.between(1, 2 * everyMs), next)
  }

  #random(name: string): Random {
    return this.#world.random(`fault ${name}`)
  }
}
