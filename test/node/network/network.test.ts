import { afterEach, describe, expect, it } from 'vitest'
import { encodeFrame, FRAME_KIND } from '../../../consensus/frame.ts'
import type { ValidatorIndex } from '../../../consensus/types.ts'
import { STOP_MS_MAX } from '../../../node/network/network.ts'
import { at, createNode, Nodes, numbered, numberOf, OTHER_GENESIS, until } from './nodes.ts'

const running = new Nodes()
afterEach(() => running.stop())

const index = (number: number): ValidatorIndex => number as ValidatorIndex

describe('a mesh of four validators', () => {
  it('knows each peer by its key and delivers broadcasts in order to all (DESIGN 5, Network)', async () => {
    const { nodes } = await running.mesh(4)
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

  it('sends to one, and skips silently whom it does not know', async () => {
    const { nodes } = await running.mesh(4)
    const [a, b, c] = [at(nodes, 0), at(nodes, 1), at(nodes, 2)]
    a.running.network.sendTo(index(9), numbered(0))
    a.running.network.sendToPeer('nobody', numbered(0))
    a.running.network.sendTo(index(1), numbered(1))
    a.running.network.sendToPeer(b.id, numbered(2))
    a.running.network.broadcast(numbered(3))
    await until('the broadcast', () => b.messages.length === 3 && c.messages.length === 1)
    expect(b.messages.map(({ frame }) => numberOf(frame))).toEqual([1, 2, 3])
    expect(c.messages.map(({ frame }) => numberOf(frame))).toEqual([3])
    expect(() => a.running.network.sendTo(index(0), numbered(4))).toThrow('meant for ourselves')
  })

  it('carries frames of 8 MiB whole, and small ones to others meanwhile', async () => {
    const { nodes } = await running.mesh(3)
    const [a, b, c] = [at(nodes, 0), at(nodes, 1), at(nodes, 2)]
    const large = encodeFrame(FRAME_KIND.blockResponse, 0, Buffer.alloc(8 * 1024 * 1024, 5))
    a.running.network.sendTo(index(1), large)
    a.running.network.sendTo(index(1), large)
    a.running.network.sendTo(index(2), numbered(1))
    await until('the small frame', () => c.messages.length === 1)
    await until('two large frames', () => b.messages.length === 2)
    for (const { frame } of b.messages) expect(Buffer.compare(frame, large)).toBe(0)
    expect(a.running.stats().events['frames-dropped']).toBe(0)
  })

  it('connects again after one of them restarts, and talks both ways', async () => {
    const { nodes, restart } = await running.mesh(4)
    const others = nodes.slice(0, 3)
    await at(nodes, 3).running.stop()
    await until('three see it leave', () => others.every((node) => node.disconnected.length === 1))
    expect(at(others, 0).peers).toHaveLength(2)
    const again = await restart(3)
    await until('the mesh is back', () => [again, ...others].every((node) => node.peers.length === 3))
    again.running.network.broadcast(numbered(7))
    for (const node of others) node.running.network.sendTo(index(3), numbered(8))
    await until('messages both ways', () => again.messages.length === 3 && others.every((n) => n.messages.length === 1))
    await until('gossip streams', () => again.running.stats().now.gossipPeers === 3)
    again.running.network.gossip(Uint8Array.of(1))
    await until('gossip from the restarted node', () => others.every((node) => node.gossiped.length === 1))
  })

  it('dials mostly from the lower index: no storm of duplicate connections', async () => {
    const { nodes } = await running.mesh(4)
    const opened = nodes.map((node) => node.running.stats().events['connections-opened'])
    expect(opened).toEqual([3, 3, 3, 3])
    expect(nodes.map((node) => node.running.stats().now.connections)).toEqual([3, 3, 3, 3])
  })

  it('stops within two seconds and says nothing more', async () => {
    const { nodes } = await running.mesh(4)
    const stopping = at(nodes, 2)
    const began = Date.now()
    const stopped = stopping.running.stop()
    at(nodes, 0).running.network.broadcast(numbered(1))
    await stopped
    expect(Date.now() - began).toBeLessThan(STOP_MS_MAX + 500)
    expect(stopping.messages).toEqual([])
    expect(stopping.peers).toEqual([])
    stopping.running.network.broadcast(numbered(2))
    stopping.running.network.gossip(numbered(2))
  })

  it('hands an exception of a handler to onFatal and blames no peer (a bug is ours)', async () => {
    const { nodes } = await running.mesh(2)
    const [a, b] = [at(nodes, 0), at(nodes, 1)]
    b.onMessage = () => {
      throw new Error('a bug')
    }
    b.verdict = () => {
      throw new Error('another')
    }
    a.running.network.broadcast(numbered(1))
    a.running.network.broadcast(numbered(2))
    await until('gossip streams', () => a.running.stats().now.gossipPeers === 1)
    a.running.network.gossip(Uint8Array.of(1))
    await until('three reports', () => b.fatal.length === 3)
    expect(b.running.stats().offences.malformed).toBe(0)
    expect(b.peers).toHaveLength(1)
  })
})

describe('followers', () => {
  it('find the validators, and get what is sent to followers only', async () => {
    const { nodes, validators } = await running.mesh(3)
    const follower = await running.start(createNode({ label: 50, validators }))
    await until('the follower is connected', () => follower.peers.length === 3)
    await until('and known', () => nodes.every((node) => node.peers.length === 3))
    const validator = at(nodes, 0)
    validator.running.network.broadcast(numbered(1))
    validator.running.network.sendToFollowers(numbered(2))
    await until('the frame for followers', () => follower.messages.length === 1)
    expect(numberOf(at(follower.messages, 0).frame)).toBe(2)
    expect(validator.connected.find((peer) => peer.id === follower.id)?.validator).toBeUndefined()
    follower.running.network.sendTo(index(0), numbered(3))
    await until('its request', () => validator.messages.length === 1)
    expect(at(validator.messages, 0).from.id).toBe(follower.id)
  })

  it('reach a peer by an address without a peer id', async () => {
    const first = await running.start(createNode({ label: 60 }))
    const address = at(first.running.listenAddresses(), 0).split('/p2p/')[0] ?? ''
    const second = await running.start(createNode({ label: 61, extraPeers: [address] }))
    await until('connected', () => first.peers.length === 1 && second.peers.length === 1)
  })

  it('of another chain are refused, and banned (FORMATS 9: the genesis hash names the chain)', async () => {
    const { nodes } = await running.mesh(2)
    const node = at(nodes, 0)
    const foreign = await running.start(
      createNode({ label: 51, genesisHash: OTHER_GENESIS, extraPeers: [at(node.running.listenAddresses(), 0)] }),
    )
    await until('both refuse', () => node.running.stats().offences['wrong-chain'] >= 1)
    await until('it is gone', () => node.running.stats().now.connections === 1)
    expect(node.running.stats().events.bans).toBe(1)
    expect(node.connected).toHaveLength(1)
    expect(foreign.connected).toEqual([])
  })
})

describe('a follower with peers of its own', () => {
  it('goes to the validators of the genesis file while none of them answers', async () => {
    const { nodes, validators } = await running.mesh(2)
    const nobody = '/ip4/127.0.0.1/tcp/1'
    const follower = await running.start(createNode({ label: 71, validators, extraPeers: [nobody] }))
    await until('both validators', () => follower.peers.length === nodes.length)
  })
})
