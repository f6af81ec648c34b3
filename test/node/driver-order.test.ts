// Persist, then sign, then send (DESIGN.md section 3, "Persist before send"; PITFALLS 1 to 3): the real core and driver, a disk
// that finishes a write when it is told to. Between two writes everything else has its turn.

import { expect, test } from 'vitest'
import type { Input } from '../../consensus/protocol.ts'
import { freshSafety } from '../../consensus/safety.ts'
import type { UnsignedBlock, UnsignedTimeout, UnsignedVote, ValidatorIndex } from '../../consensus/types.ts'
import { Driver, type DriverDeps, PEER_INPUTS_MAX } from '../../node/driver.ts'
import { createLog } from '../../node/log.ts'
import { Solo } from '../consensus/solo.ts'
import { buildBlock } from '../simulation/workload.ts'

type Write = 'safety' | 'block'

/** Everything that happened, in order; a write is noted when it begins and again when it is let go. */
function rigOf(self: number) {
  const solo = new Solo({ self })
  const said: string[] = []
  const pending: { readonly write: Write; readonly resolve: () => void }[] = []
  const committed = Promise.withResolvers<void>()
  const fatal: unknown[] = []
  const stepped: Input['kind'][] = []
  const write = (what: Write) => {
    said.push(`${what} begins`)
    return new Promise<void>((resolve) => pending.push({ write: what, resolve }))
  }
  const sent = (what: string) => () => said.push(what)
  const deps: Partial<Record<keyof DriverDeps, unknown>> = {
    config: solo.core.config,
    root: solo.genesis,
    safety: freshSafety(solo.rootQC),
    uncommitted: [],
    clock: { nowMs: () => solo.nowMs, after: () => () => undefined },
    network: { sendTo: sent('sent'), broadcast: sent('broadcast'), sendToFollowers: () => undefined },
    store: { saveBlock: () => write('block') },
    safetyStore: { save: () => write('safety') },
    executor: { execute: async () => ({ valid: true }), prune: () => undefined },
    committer: {
      announce: () => undefined,
      isPending: () => false,
      commit: () => void said.push('commit begins'),
      drained: () => committed.promise,
    },
    catchUp: () => ({ fetch: () => undefined }),
    factory: {
      build: async (request: Parameters<typeof buildBlock>[0]) => ({
        kind: 'built',
        view: request.view,
        block: buildBlock(request, self as ValidatorIndex, solo.nowMs, false),
      }),
    },
    signatory: {
      vote: async (vote: UnsignedVote) => {
        said.push('vote signed')
        return { ...vote, signature: new Uint8Array(96) }
      },
      timeout: async ({ vote: _, ...timeout }: UnsignedTimeout) => {
        said.push('timeout signed')
        return { ...timeout, signature: new Uint8Array(96) }
      },
      proposal: async ({ id, proposal }: UnsignedBlock) => {
        said.push('proposal signed')
        return { id, proposal: { ...proposal, signature: new Uint8Array(64) } }
      },
    },
    log: createLog('silent', 'json'),
    onStep: (_core: unknown, _effects: unknown, input: Input) => {
      stepped.push(input.kind)
    },
    onFatal: (error: unknown) => fatal.push(error),
  }
  const driver = new Driver(deps as unknown as DriverDeps)
  driver.deliver({ kind: 'work', available: true })
  driver.deliver({ kind: 'start' })
  /** What happened since the last call, when nothing goes on any more. */
  const happened = async () => {
    await new Promise((resolve) => setImmediate(resolve))
    expect(fatal).toEqual([])
    return said.splice(0)
  }
  const finish = (what: Write) => {
    const at = pending.findIndex((one) => one.write === what)
    const [done] = at < 0 ? [] : pending.splice(at, 1)
    if (done === undefined) throw new RangeError(`no ${what} is being written`)
    done.resolve()
    return happened()
  }
  const commit = () => {
    committed.resolve()
    return happened()
  }
  return { solo, driver, happened, finish, commit, stepped }
}

test.each<readonly [Write, Write]>([
  ['safety', 'block'],
  ['block', 'safety'],
])('a vote is signed when safety state and block are durable, whichever comes first: %s, %s', async (first, last) => {
  const { solo, driver, happened, finish } = rigOf(0)
  driver.deliver({ kind: 'proposal', block: solo.block(1, solo.genesis) })
  expect((await happened()).sort()).toEqual(['block begins', 'safety begins'])
  expect(await finish(first)).toEqual([])
  expect(await finish(last)).toEqual(['vote signed', 'sent'])
})

test('a vote waits for ancestors that were fetched: whoever voted for a block can bring everybody to it', async () => {
  const { solo, driver, happened, finish, commit } = rigOf(0)
  const first = solo.block(1, solo.genesis)
  const second = solo.block(2, first)
  driver.deliver({ kind: 'certificate', qc: solo.qc(second) })
  driver.deliver({ kind: 'fetched', blocks: [first, second] })
  expect(await happened()).toEqual(['commit begins'])
  driver.deliver({ kind: 'proposal', block: solo.block(3, second) })
  // The first is decided, and nowhere yet.
  expect(await happened()).toEqual([])
  // Then the second is saved, and behind it what is voted for.
  expect(await commit()).toEqual(['block begins'])
  expect((await finish('block')).sort()).toEqual(['block begins', 'safety begins'])
  expect(await finish('block')).toEqual([])
  // To the leader of the next view, which it is itself.
  expect(await finish('safety')).toEqual(['vote signed'])
})

test('a timeout is signed when the safety state is durable', async () => {
  const { driver, happened, finish } = rigOf(0)
  driver.deliver({ kind: 'timer', timer: 'view', view: driver.view })
  expect(await happened()).toEqual(['safety begins'])
  const [signed, ...rest] = await finish('safety')
  expect([signed, new Set(rest)]).toEqual(['timeout signed', new Set(['sent'])])
})

test('a proposal is signed when it is noted, and leaves when it can be sent again after a crash', async () => {
  const { happened, finish } = rigOf(1)
  expect(await happened()).toEqual(['safety begins'])
  expect(await finish('safety')).toEqual(['proposal signed', 'block begins'])
  // Its own vote for it comes next; the block is on the disk already.
  expect(await finish('block')).toEqual(['broadcast', 'safety begins'])
  expect(await finish('safety')).toEqual(['vote signed', 'sent'])
})

test('a step is told of when its effects were performed: a trace has no vote that a crash kept from being cast', async () => {
  const { driver, happened, finish, stepped } = rigOf(0)
  driver.deliver({ kind: 'timer', timer: 'view', view: driver.view })
  await happened()
  expect(stepped).toEqual(['work', 'start'])
  await finish('safety')
  expect(stepped).toEqual(['work', 'start', 'timer'])
})

test('PITFALLS 15: inputs of peers that wait for the core are bounded, those of the node itself are not dropped', async () => {
  const { solo, driver, happened } = rigOf(0)
  driver.deliver({ kind: 'proposal', block: solo.block(1, solo.genesis) })
  await happened()
  const vote = solo.vote(solo.block(1, solo.genesis), 2)
  for (let at = 0; at < PEER_INPUTS_MAX + 5; at++) driver.deliverFromPeer({ kind: 'vote', vote })
  expect(driver.queued).toBe(PEER_INPUTS_MAX)
  driver.deliver({ kind: 'work', available: false })
  expect(driver.queued).toBe(PEER_INPUTS_MAX + 1)
})
