// A run of some fifty blocks, and the same run again for every place where the power can go: at each write before it is durable
// (lost, torn in either half, or kept after all), after each sync, before and after each commit, before and after each message sent.
// The run is the same up to that place, so the places of one run are those of all. What must hold is what invariants.ts holds.

import type { Height } from '../../consensus/types.ts'
import { Disk } from './disk.ts'
import { Violation } from './invariants.ts'
import { CALM } from './network.ts'
import { Random } from './random.ts'
import type { Replica } from './replica.ts'
import { Simulation } from './simulation.ts'

/** Blocks committed in a run before it counts as done; the crash comes somewhere on the way. */
export const BLOCKS = 50
const VALIDATORS = 4
const LIMIT_MS = 600_000

/** Which of the two things written together survive: the safety state and the block voted for. */
export const FATES = {
  lost: [false, false],
  'torn-block': [true, false],
  'torn-safety': [false, true],
  kept: [true, true],
} as const
export type Fate = keyof typeof FATES

/** What happened at the victim: the places of a run. */
type Place = 'write' | 'synced' | 'commit' | 'committed' | 'send' | 'sent'

export interface CrashPoint {
  readonly seed: number
  readonly victim: number
  /** Counts the places of the victim in this run, from 0. */
  readonly at: number
  /** Of what is unsynced at that moment. */
  readonly fate: Fate
}

/** The power goes: unwinds the victim's step, for a dead process performs no further effect. */
class PowerCut extends Error {}

class Fated extends Random {
  readonly #answers: boolean[]

  constructor(fate: Fate) {
    super(0, 'fate')
    this.#answers = [...FATES[fate]]
  }

  override chance(): boolean {
    return this.#answers.shift() ?? false
  }
}

/** Calls back at each place of the victim; what it throws unwinds the victim. */
function watch(simulation: Simulation, victim: Replica, onPlace: (place: Place) => void): void {
  const { disk } = victim
  const { network } = simulation
  const around = (before: Place | undefined, act: () => void, after: Place) => {
    if (before !== undefined) onPlace(before)
    act()
    onPlace(after)
  }
  disk.write = (safety, block) => around(undefined, () => Disk.prototype.write.call(disk, safety, block), 'write')
  disk.sync = () => around(undefined, () => Disk.prototype.sync.call(disk), 'synced')
  disk.commit = (batch) => around('commit', () => Disk.prototype.commit.call(disk, batch), 'committed')
  const send = network.send.bind(network)
  network.send = (from, to, packet) => {
    if (from !== victim.index) send(from, to, packet)
    else around('send', () => send(from, to, packet), 'sent')
  }
}

/** Odd seeds have a network that loses messages, so that views end in timeouts too. */
function begin(seed: number): Simulation {
  const powers = Array.from({ length: VALIDATORS }, () => 1)
  const simulation = new Simulation({ seed, powers })
  if (seed % 2 === 1) {
    simulation.network.faults = { ...CALM, lossPerMille: 60, slowPerMille: 50, slowMsMax: 400 }
  }
  const submit = () => {
    simulation.submit(50)
    simulation.queue.after(simulation.chance.workload.between(20, 400), submit)
  }
  submit()
  simulation.start()
  return simulation
}

/** Whether every replica committed that many blocks. */
function isDone({ replicas, history }: Simulation, blocks: number): boolean {
  return replicas.every(({ index }) => (history.lastCommit.get(index)?.height ?? 0) >= blocks)
}

/** The places of the victim in the run without a crash. */
export function placesOf(seed: number, victim: number): readonly Place[] {
  const simulation = begin(seed)
  const places: Place[] = []
  watch(simulation, simulation.replica(victim), (place) => places.push(place))
  if (!simulation.runUntil(() => isDone(simulation, BLOCKS), LIMIT_MS))
    throw new Violation('L1 progress', 'no crash at all')
  return places
}

/** Every crash at every place: what is unsynced at a write has four fates, elsewhere nothing is unsynced. */
export function crashPointsOf(seed: number): CrashPoint[] {
  const points: CrashPoint[] = []
  for (let victim = 0; victim < VALIDATORS; victim++) {
    for (const [at, place] of placesOf(seed, victim).entries()) {
      const fates = place === 'write' ? (Object.keys(FATES) as Fate[]) : (['lost'] as const)
      for (const fate of fates) points.push({ seed, victim, at, fate })
    }
  }
  return points
}

export interface CrashOutcome {
  /** How often the victim crashed: again in its recovery, in a share of points. */
  readonly crashes: number
  readonly blocks: Height
}

/**
 * Crashes the victim there, starts it again and runs on until everybody is well past it. In a share of points, drawn from the
 * point itself, the victim crashes again in its recovery, or everybody loses power with it.
 * @throws Violation
 */
export function crashAt(point: CrashPoint): CrashOutcome {
  const { seed, victim: index, at, fate } = point
  const simulation = begin(seed)
  const { queue, replicas } = simulation
  const victim = simulation.replica(index)
  const random = new Random(seed, `crash ${index} ${at} ${fate}`)
  const together = random.chance(250)
  let left = at
  let again = random.chance(300) ? random.between(0, 12) : undefined
  let crashes = 0
  watch(simulation, victim, () => {
    if (left-- === 0) throw new PowerCut()
  })
  const restart = (replica: Replica) => queue.after(random.between(1, 900), () => replica.start())
  const cut = () => {
    crashes += 1
    // Undone for the crash itself, whose sync is the disk's own doing.
    left = Number.POSITIVE_INFINITY
    const lose = victim.disk.crash
    victim.disk.crash = () => Disk.prototype.crash.call(victim.disk, new Fated(fate))
    victim.crash()
    victim.disk.crash = lose
    left = again ?? Number.POSITIVE_INFINITY
    again = undefined
    restart(victim)
    if (!together || crashes > 1) return
    for (const other of replicas) {
      if (other === victim || other.core === undefined) continue
      other.crash()
      restart(other)
    }
  }
  const runUntil = (condition: () => boolean): boolean => {
    for (;;) {
      try {
        return simulation.runUntil(condition, LIMIT_MS)
      } catch (error) {
        if (!(error instanceof PowerCut)) throw error
        cut()
      }
    }
  }
  const isRecovered = () => crashes > 0 && replicas.every(({ core }) => core !== undefined)
  const describe = () =>
    `victim ${index} at ${at}, ${fate}: ${replicas.map((replica) => replica.core?.tree.rootHeight)}`
  if (!runUntil(() => isRecovered() || isDone(simulation, BLOCKS + 10)) || crashes === 0) {
    throw new Violation('the run is the same', describe())
  }
  simulation.network.faults = CALM
  const goal = simulation.highestCommit() + 5
  if (!runUntil(() => isRecovered() && isDone(simulation, goal))) throw new Violation('L3 recovery', describe())
  return { crashes, blocks: simulation.highestCommit() as Height }
}
