import type { GossipSub } from '@libp2p/gossipsub'
import { afterEach, describe, expect, it } from 'vitest'
import { Counters } from '../../../node/network/counters.ts'
import {
  GOSSIP_BYTES_MAX,
  Gossip,
  gossipTopic,
  MESSAGES_BURST,
  SUBSCRIPTIONS_MAX,
} from '../../../node/network/gossip.ts'
import type { Host } from '../../../node/network/host.ts'
import { HEARTBEAT_MS } from '../../../node/network/peers.ts'
import { at, createNode, GENESIS, helloFrame, Nodes, type TestNode, until } from './nodes.ts'

const running = new Nodes()
afterEach(() => running.stop())

const GOOD = Uint8Array.of(1, 1)
const BAD = Uint8Array.of(66)

/** a - b - c: what c gets of a was passed on by b. */
async function line(): Promise<{ a: TestNode; b: TestNode; c: TestNode }> {
  const b = await running.start(createNode({ label: 2 }))
  const extraPeers = b.running.listenAddresses()
  const a = await running.start(createNode({ label: 1, extraPeers }))
  const c = await running.start(createNode({ label: 3, extraPeers }))
  await until('gossip streams', () => {
    const [ofA, ofB, ofC] = [a, b, c].map((node) => node.running.stats().now.gossipPeers)
    return ofA === 1 && ofB === 2 && ofC === 1
  })
  return { a, b, c }
}

/** Polls between two heartbeats: time enough for what a heartbeat began, and for the stranger's own to arrive. */
const POLLS_PER_HEARTBEAT = 30
let polls = 0

/** One heartbeat of the node's clock now and then; the stranger speaks too, or it would be dropped as silent. */
function beat(
  node: { readonly clock: { advance(ms: number): void } },
  stranger: { readonly stream: { send(bytes: Uint8Array): unknown } },
): void {
  polls += 1
  if (polls % POLLS_PER_HEARTBEAT !== 0) return
  stranger.stream.send(helloFrame())
  node.clock.advance(HEARTBEAT_MS)
}

describe('gossip', () => {
  it('reaches all four validators, each once, in any size up to the bound (DESIGN 5, Network)', async () => {
    const { nodes } = await running.mesh(4)
    await until('gossip streams', () => nodes.every((node) => node.running.stats().now.gossipPeers === 3))
    const bodies = [GOOD, new Uint8Array(15_000).fill(2), new Uint8Array(GOSSIP_BYTES_MAX).fill(3)]
    for (const body of bodies) at(nodes, 0).running.network.gossip(body)
    const others = nodes.slice(1)
    await until('three messages at three nodes', () => others.every((node) => node.gossiped.length === 3))
    for (const node of others) {
      expect(node.gossiped.map(({ body }) => body.length).sort((x, y) => x - y)).toEqual(
        bodies.map((body) => body.length),
      )
      expect(node.running.stats().events['gossip-accepted']).toBe(3)
    }
    expect(at(nodes, 0).gossiped).toEqual([])
    expect(() => at(nodes, 0).running.network.gossip(new Uint8Array(GOSSIP_BYTES_MAX + 1))).toThrow('above')
  })

  it('is passed on when accepted, and neither when ignored nor when rejected', async () => {
    const { a, b, c } = await line()
    const ignored = Uint8Array.of(2, 2)
    b.verdict = (body) => (body[0] === 66 ? 'reject' : body[0] === 2 ? 'ignore' : 'accept')
    a.running.network.gossip(BAD)
    a.running.network.gossip(ignored)
    await until('b has judged both', () => b.gossiped.length === 2)
    a.running.network.gossip(GOOD)
    await until('c has the good one', () => c.gossiped.length >= 1)
    expect(c.gossiped.map(({ body }) => [...body])).toEqual([[...GOOD]])
    expect(at(c.gossiped, 0).from).toBe(b.id)
    expect(b.running.stats().offences['invalid-content']).toBe(1)
    expect(b.running.stats().events).toMatchObject({ 'gossip-rejected': 1, 'gossip-ignored': 1, 'gossip-accepted': 1 })
  })

  it('that is rejected again and again gets its sender banned', async () => {
    const { a, b } = await line()
    b.verdict = () => 'reject'
    for (let i = 0; i < 5; i++) a.running.network.gossip(Uint8Array.of(66, i))
    await until('the ban', () => b.running.stats().events.bans === 1)
    await until('a is gone', () => b.peers.every((peer) => peer.id !== a.id))
  })

  it('above the bound is malformed, whatever the sender allows itself', async () => {
    const node = await running.start(createNode({ label: 1 }))
    const stranger = await running.stranger(90, node)
    stranger.stream.send(helloFrame())
    const topic = gossipTopic(GENESIS)
    stranger.host.services.pubsub.subscribe(topic)
    await until('gossip streams', () => stranger.host.services.pubsub.getSubscribers(topic).length === 1)
    await stranger.host.services.pubsub.publish(topic, new Uint8Array(GOSSIP_BYTES_MAX + 1))
    await until('the offence', () => node.running.stats().offences.malformed === 1)
    expect(node.gossiped).toEqual([])
  })

  it('on another topic is not even heard', async () => {
    const node = await running.start(createNode({ label: 1 }))
    const stranger = await running.stranger(90, node)
    stranger.stream.send(helloFrame())
    const topic = gossipTopic(GENESIS)
    const pubsub = stranger.host.services.pubsub
    pubsub.subscribe(topic)
    await until('gossip streams', () => pubsub.getSubscribers(topic).length === 1)
    for (let i = 0; i < 20; i++) pubsub.subscribe(`another topic ${i}`)
    await pubsub.publish(topic, GOOD)
    await until('ours', () => node.gossiped.length === 1)
    expect(node.running.stats().events['gossip-accepted']).toBe(1)
  })

  it('PITFALLS 38: of a message with more subscriptions than the bound not one is taken', async () => {
    const node = await running.start(createNode({ label: 1 }))
    const topic = gossipTopic(GENESIS)
    // Before it connects: gossipsub then tells all its subscriptions in one message.
    const subscribing = (topics: number) => (pubsub: GossipSub) => {
      for (let i = 1; i < topics; i++) pubsub.subscribe(`another topic ${i}`)
      pubsub.subscribe(topic)
    }
    for (const [label, topics] of [90, 91].map((each, i) => [each, SUBSCRIPTIONS_MAX + i] as const)) {
      const { host, stream } = await running.stranger(label, node, subscribing(topics))
      stream.send(helloFrame())
      await until('gossip streams', () => host.services.pubsub.getSubscribers(topic).length === 1)
      // It comes behind the subscriptions: when it is there, they were read.
      await host.services.pubsub.publish(topic, Uint8Array.of(1, label))
      await until('its message', () => node.gossiped.length === label - 89)
      expect(node.running.stats().now.gossipPeers).toBe(1)
    }
  })

  it('PITFALLS 39: of what one peer passes on in a moment no more than its budget is judged; the rest is a flood', async () => {
    const { a, b } = await line()
    b.clock.stopTicking()
    let sent = 0
    const isIgnored = () => (b.running.stats().events['gossip-ignored'] ?? 0) > 0
    await until('messages are ignored', () => {
      for (const end = sent + 100; sent < end && !isIgnored(); sent++) {
        a.running.network.gossip(Uint8Array.of(1, sent & 0xff, sent >> 8))
      }
      return isIgnored()
    })
    expect(b.running.stats().events['gossip-accepted']).toBe(MESSAGES_BURST)
    expect(b.gossiped).toHaveLength(MESSAGES_BURST)
  })

  it('comes back when only its stream was lost', async () => {
    const node = await running.start(createNode({ label: 1 }))
    const stranger = await running.stranger(90, node)
    stranger.stream.send(helloFrame())
    const ofGossip = () =>
      stranger.connection.streams.filter((s) => s.protocol.startsWith('/meshsub/') && s.direction === 'inbound')
    await until('its gossip stream', () => node.peers.length === 1 && ofGossip().length === 1)
    at(ofGossip(), 0).abort(new Error('lost'))
    await until('it is lost', () => ofGossip().length === 0 && node.peers.length === 1)
    await until('another', () => {
      beat(node, stranger)
      return ofGossip().length === 1
    })
    expect(node.running.stats().events['gossip-healed']).toBeGreaterThan(0)
  })

  it('is sent again to a peer to which gossipsub holds an ended stream, as a restart of that peer can bring about', async () => {
    const node = await running.start(createNode({ label: 1 }))
    const topic = gossipTopic(GENESIS)
    const { host, connection, stream } = await running.stranger(90, node, (pubsub) => pubsub.subscribe(topic))
    stream.send(helloFrame())
    await until('gossip streams', () => host.services.pubsub.getSubscribers(topic).length === 1)
    await until('the subscription', () => node.running.stats().now.gossipPeers === 1)
    const leadingThere = () =>
      connection.streams.filter(
        ({ protocol, direction, status }) =>
          protocol.startsWith('/meshsub/') && direction === 'outbound' && status === 'open',
      )
    const { streamsOutbound } = host.services.pubsub as unknown as { streamsOutbound: Map<string, unknown> }
    const held = streamsOutbound.get(node.id)
    at(leadingThere(), 0).abort(new Error('ended'))
    await until('it is lost', () => !streamsOutbound.has(node.id) && node.running.stats().now.gossipPeers === 0)
    // What gossipsub is left with when a stream ends before it listens for the end: it opens no other.
    streamsOutbound.set(node.id, held)
    const gossip = new Gossip(host as unknown as Host, topic, node.clock, new Counters(), {
      judge: () => 'accept',
      oversized: () => undefined,
      flooded: () => undefined,
      failed: () => undefined,
    })
    gossip.heal([connection])
    await until('gossipsub lets go', () => !streamsOutbound.has(node.id))
    expect(connection.status).not.toBe('open')
    await host.dial(connection.remoteAddr)
    await until('the subscription', () => node.running.stats().now.gossipPeers === 1)
  })

  it('of a peer whose subscription was forgotten is asked for again', async () => {
    const node = await running.start(createNode({ label: 1 }))
    const stranger = await running.stranger(90, node)
    stranger.stream.send(helloFrame())
    const topic = gossipTopic(GENESIS)
    const pubsub = stranger.host.services.pubsub
    pubsub.subscribe(topic)
    await until('its subscription', () => node.running.stats().now.gossipPeers === 1)
    const [opened] = stranger.connection.streams.filter(
      (stream) => stream.protocol.startsWith('/meshsub/') && stream.direction === 'outbound',
    )
    // What a late disconnect of an older connection does: the peer still has its stream, and is not known to subscribe.
    pubsub.unsubscribe(topic)
    await until('it is forgotten', () => node.running.stats().now.gossipPeers === 0)
    await until('the stream is ended', () => {
      beat(node, stranger)
      return opened?.status !== 'open'
    })
    expect(node.running.stats().events['gossip-reopened']).toBeGreaterThan(0)
    expect(node.running.stats().events['peers-silent']).toBe(0)
  })
})
