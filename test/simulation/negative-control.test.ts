// What must not hold: with f + 1 Byzantine validators there is a fork, the checkers see it, and the certificates of both sides
// name at least f + 1 of those who made it and nobody else. With f of them there is none. Checkers that never fire prove nothing.
// The villains are twins: each runs twice under one key, once for either half of the honest.

import { describe, expect, test } from 'vitest'
import { bitmapIndices } from '../../consensus/bitmap.ts'
import { freshSafety } from '../../consensus/safety.ts'
import type { Block, QC, ValidatorIndex } from '../../consensus/types.ts'
import type { ValidatorSet } from '../../consensus/validators.ts'
import { Disk } from './disk.ts'
import { EventQueue } from './event-queue.ts'
import { checkAgreement, checkOneCertifiedBlock, History, Violation } from './invariants.ts'
import { Random } from './random.ts'
import { Replica } from './replica.ts'
import { genesisOf, START_MS, validatorsOf } from './workload.ts'
import { runScenario } from './world/run.ts'
import { drawScenario } from './world/scenario.ts'

const RUN_MS = 30_000
const BLOCKS = 10

/** One half of the honest with a copy of each villain: what it committed and what certificates it committed by. */
interface Half {
  readonly committed: Block[]
  readonly certificates: QC[]
}

/**
 * Runs both halves, which never hear each other. Those of `villains` are in both; the others are dealt out in turn.
 * Each half has a history of its own: within it everything is in order, which is what makes it a fork and not a mess.
 */
function runHalves(seed: number, validators: ValidatorSet, villains: number): readonly [Half, Half] {
  const genesis = genesisOf(validators.size)
  const halves = [0, 1].map((number) => {
    const queue = new EventQueue(START_MS)
    const random = new Random(seed, `half ${number}`)
    const members = validators.indices().filter((index) => index < villains || index % 2 === number)
    const half: Half = { committed: [], certificates: [] }
    const [witness] = members.filter((index) => index >= villains)
    const history = new History()
    const replicas = new Map<ValidatorIndex, Replica>()
    for (const self of members) {
      const replica = new Replica({
        config: {
          validators,
          self: undefined,
          pacemaker: { baseTimeoutMs: 300, baseTimeoutMsMax: 10_000, idleIntervalMs: 100 },
          clockAheadMsMax: 500,
        },
        self,
        queue,
        disk: new Disk(genesis.block, freshSafety(genesis.qc)),
        diskChance: new Random(seed, `disk ${number} ${self}`),
        latencies: { saveMs: [1, 3], workMs: [1, 3] },
        history,
        send: (to, packet) => {
          queue.after(random.between(5, 15), () => replicas.get(to)?.receive(self, packet))
        },
        onStep: (_, __, effects) => {
          if (self !== witness) return
          for (const effect of effects) if (effect.kind === 'commit') half.certificates.push(effect.certificate)
        },
        onCommit: (_, blocks) => {
          if (self === witness) half.committed.push(...blocks)
        },
      })
      replicas.set(self, replica)
    }
    // What the halves propose differs, as it would.
    for (const replica of replicas.values()) {
      replica.waiting = number === 0 ? Number.MAX_SAFE_INTEGER : 0
      replica.start()
    }
    while (queue.nowMs < START_MS + RUN_MS && half.committed.length < BLOCKS && queue.runNext()) {
      // Until there is enough to compare.
    }
    return half
  })
  const [first, second] = halves
  if (first === undefined || second === undefined) throw new RangeError('two halves')
  return [first, second]
}

/** Every certificate a half holds: those of its blocks' justifies too. */
function certificatesOf({ committed, certificates }: Half): QC[] {
  return [...committed.map(({ proposal }) => proposal.justify), ...certificates].filter(({ view }) => view > 0)
}

/** Whoever signed two different votes of one view. */
function culpritsOf(validators: ValidatorSet, [first, second]: readonly [Half, Half]): ReadonlySet<ValidatorIndex> {
  const culprits = new Set<ValidatorIndex>()
  for (const one of certificatesOf(first)) {
    for (const other of certificatesOf(second)) {
      if (one.view !== other.view || one.blockId === other.blockId) continue
      const signers = new Set(bitmapIndices(one.signers, validators.size))
      for (const signer of bitmapIndices(other.signers, validators.size) ?? []) {
        if (signers.has(signer)) culprits.add(signer)
      }
    }
  }
  return culprits
}

function violation(check: () => void): string | undefined {
  try {
    check()
    return undefined
  } catch (error) {
    return error instanceof Violation ? error.claim : String(error)
  }
}

describe.each([4, 7, 10])('TESTING 6: %i validators', (size) => {
  const validators = validatorsOf(Array.from({ length: size }, () => 1))
  const { faults } = validators

  test('f + 1 twins fork the chain: S1 and S2 fire, and the evidence names f + 1 and no honest validator', () => {
    const halves = runHalves(size, validators, faults + 1)
    expect(halves.map(({ committed }) => committed.length >= BLOCKS)).toEqual([true, true])
    const history = new History()
    const blocks = () => {
      for (const { committed } of halves) for (const block of committed) checkAgreement(history, block)
    }
    expect(violation(blocks)).toBe('S1 agreement')
    const certificates = () => {
      for (const half of halves) for (const qc of certificatesOf(half)) checkOneCertifiedBlock(history, qc)
    }
    expect(violation(certificates)).toBe('S2 one certified block')
    const culprits = [...culpritsOf(validators, halves)]
    expect(culprits.length).toBeGreaterThanOrEqual(faults + 1)
    expect(culprits.every((culprit) => culprit <= faults)).toBe(true)
  })

  test('f twins do not: at most one half has a quorum', () => {
    const halves = runHalves(size, validators, faults)
    expect(halves.filter(({ committed }) => committed.length > 0).length).toBeLessThanOrEqual(1)
    expect(culpritsOf(validators, halves).size).toBe(0)
  })
})

describe('TESTING 6: whole replicas, the twins of each villain on either side of a partition', () => {
  /** Nodes 0 to 3 are the validators; the twins of the first of them come behind. */
  const run = (seed: number, villains: number) =>
    runScenario(
      {
        ...drawScenario(seed, { validators: 4, faultsMs: 5_000 }),
        faults: {},
        followers: 0,
        scheme: 'fast',
        dead: [],
        villains: Array.from({ length: villains }, (_, validator) => ({ validator, kind: 'twin' })),
      },
      {
        prepare: ({ links, nodes }) => {
          links.groups = nodes.map(({ number }) => (number < 3 ? 1 : 2))
        },
      },
    )

  test('two of four: the checkers of the world see the fork', async () => {
    const broken = await run(1, 2).catch((error: unknown) => error)
    expect(broken instanceof Violation ? broken.claim : broken).toMatch(/^S[12] /)
  })

  test('one of four: nothing fires', async () => {
    expect((await run(1, 1)).height).toBeGreaterThan(5)
  })
})
