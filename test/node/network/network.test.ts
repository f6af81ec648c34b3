import getPort from 'get-port'
import { afterEach, describe, expect, it } from 'vitest'
import type { ValidatorIndex } from '../../../consensus/types.ts'
import { createNode, listenOn, numbered, numberOf, OTHER_GENESIS, type TestNode, until, validatorsOn } from './nodes.ts'

const started: TestNode[] = []

async function start(node: TestNode): Promise<TestNode> {
  started.push(node)
  await node.running.start()
  return node
}

async function startMesh(size: number): Promise<{ nodes: TestNode[]; restart: (index: number) => Promise<TestNode> }> {
  const ports: number[] = []
  while (ports.length < size) ports.push(await getPort({ exclude: ports }))
  const validators = await validatorsOn(ports)
  const create = (index: number) => createNode({ label: index + 1, validators, listen: listenOn(ports[index] ?? 0) })
  const nodes = await Promise.all(ports.map((_, index) => start(create(index))))
  await until('full mesh', () => nodes.every((node) => node.peers.length === size - 1))
  return { nodes, restart: (index) => start(create(index)) }
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index]
  if (item === undefined) throw new Error(`no item ${index}`)
  return item
}

afterEach(async () => {
  await Promise.all(started.splice(0).map((node) => node.running.stop()))
})

describe('a mesh of four validators', () => {
  it('knows each peer by its key and delivers broadcasts in order to all (DESIGN 5, Network)', async () => {
    const { nodes } = await startMesh(4)
    const sender = at(nodes, 0)
    expect(sender.peers.map((peer) => Number(peer.validator)).sort()).toEqual([1, 2, 3])
    for (let number = 0; number < 500; number++) sender.running.network.broadcast(numbered(number))
    const others = nodes.slice(1)
    await until('500 frames at three nodes', () => others.every((node) => node.messages.length === 500))
    for (const node of others) {
      expect(node.messages.map(({ frame }) => numberOf(frame))).toEqual(Array.from({ length: 500 }, (_, i) => i))
      expect(node.messages.every(({ from }) => from.validator === 0 && from.id === sender.id)).toBe(true)
    }
    expect(sender.messages).toEqual([])
    expect(sender.running.stats().frames.vote.framesOut).toBe(1500)
    expect(at(nodes, 1).running.stats().frames.vote).toMatchObject({ framesIn: 500, bytesIn: 500 * 19 })
  })
})
