import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND } from '../../../consensus/frame.ts'
import { concatBytes } from '../../../crypto/bytes.ts'
import { FOLLOWER_ALLOWANCE } from '../../../node/network/direct.ts'
import { OUTBOX_BYTES_MAX, OUTBOX_FRAMES_MAX } from '../../../node/network/outbox.ts'
import {
  FOLLOWERS_MAX,
  HEARTBEAT_MS,
  HELLO_TIMEOUT_MS,
  SILENCE_MAX_MS,
  STALL_MAX_MS,
} from '../../../node/network/peers.ts'
import { BAN_MS } from '../../../node/network/penalties.ts'
import {
  at,
  createNode,
  helloFrame,
  Nodes,
  numbered,
  numberOf,
  OTHER_GENESIS,
  type Stranger,
  type TestNode,
  until,
  voteFrame,
} from './nodes.ts'

const running = new Nodes()
afterEach(() => running.stop())

/** A node and a stranger whose hellos went through. */
async function acquainted(label = 90): Promise<{ node: TestNode; stranger: Stranger }> {
  const node = await running.start(createNode({ label: 1 }))
  const stranger = await running.stranger(label, node)
  stranger.stream.send(helloFrame())
  await until('both hellos', () => node.peers.length === 1)
  return { node, stranger }
}

/** Heartbeats of the node, the stranger saying hello before each when it is to be taken for alive. */
async function heartbeats(node: TestNode, times: number, stranger?: Stranger): Promise<void> {
  for (let i = 0; i < times; i++) {
    if (stranger !== undefined) {
      const heard = node.running.stats().frames.hello.framesIn
      stranger.stream.send(helloFrame())
      await until('the hello', () => node.running.stats().frames.hello.framesIn > heard)
    }
    node.clock.advance(HEARTBEAT_MS)
  }
}

describe('a direct stream', () => {
  const refused: readonly (readonly [string, Uint8Array, 'malformed' | 'wrong-chain'])[] = [
    ['a vote before the hello', voteFrame(new Uint8Array(3)), 'malformed'],
    ['bytes that are no frame', Buffer.from('GET / HTTP/1.1\r\nhost: here\r\n\r\n'), 'malformed'],
    ['a hello larger than its bound', encodeFrame(FRAME_KIND.hello, 0, new Uint8Array(1025)), 'malformed'],
    ['a hello that does not decode', encodeFrame(FRAME_KIND.hello, 0, new Uint8Array(20)), 'malformed'],
    ['the hello of another chain', helloFrame(OTHER_GENESIS), 'wrong-chain'],
  ]
  it.each(refused)('refuses %s, penalises and hangs up', async (_, bytes, offence) => {
    const node = await running.start(createNode({ label: 1 }))
    const stranger = await running.stranger(90, node)
    stranger.stream.send(bytes)
    await until('the offence', () => node.running.stats().offences[offence] === 1)
    await until('the end of the connection', () => stranger.connection.status !== 'open')
    expect(node.connected).toEqual([])
    expect(node.messages).toEqual([])
  })

  it('hangs up on who says no hello in time (5 s), without a penalty', async () => {
    const node = await running.start(createNode({ label: 1 }))
    const stranger = await running.stranger(90, node)
    node.clock.advance(HELLO_TIMEOUT_MS)
    await until('the end of the connection', () => stranger.connection.status !== 'open')
    expect(node.running.stats().events['hello-timeouts']).toBe(1)
    expect(node.running.stats().offences).toMatchObject({ malformed: 0, unsolicited: 0 })
  })

  it('bans after a second oversized frame, refuses for a minute, then listens again', async () => {
    const { node, stranger } = await acquainted()
    const tooLarge = Buffer.from(voteFrame(new Uint8Array(1024)).subarray(0, FRAME_HEADER_BYTES))
    tooLarge.writeUInt32BE(1025, FRAME_HEADER_BYTES - 4)
    stranger.stream.send(tooLarge)
    await until('it is gone', () => node.disconnected.length === 1 && stranger.connection.status !== 'open')
    expect(node.running.stats().events.bans).toBe(0)

    const address = stranger.connection.remoteAddr
    const again = await stranger.host.dial(address)
    const stream = await again.newStream('/scoville/direct/1')
    stream.send(tooLarge)
    await until('the ban', () => node.running.stats().events.bans === 1)
    await until('the end of the connection', () => again.status !== 'open')

    const refusedBefore = node.running.stats().events['connections-refused']
    const refused = await stranger.host.dial(address).catch(() => undefined)
    await until('a refusal', () => node.running.stats().events['connections-refused'] > refusedBefore)
    await until('no connection', () => refused === undefined || refused.status !== 'open')
    expect(node.running.stats().now.connections).toBe(0)

    node.clock.advance(BAN_MS)
    const later = await stranger.host.dial(address)
    const welcome = await later.newStream('/scoville/direct/1')
    welcome.send(helloFrame())
    await until('it is back', () => node.peers.length === 1)
  })

  it('keeps to the newest stream of a peer', async () => {
    const { node, stranger } = await acquainted()
    stranger.stream.send(numbered(1))
    await until('the first', () => node.messages.length === 1)
    const newer = await stranger.connection.newStream('/scoville/direct/1')
    newer.send(concatBytes(helloFrame(), numbered(2)))
    await until('the second', () => node.messages.length === 2)
    await until('the older stream is closed', () => stranger.stream.status !== 'open')
    newer.send(numbered(3))
    await until('the third', () => node.messages.length === 3)
    expect(node.peers).toHaveLength(1)
    expect(node.disconnected).toEqual([])
  })

  it('bans who floods it with frames, within five seconds (TESTING, figure 18)', async () => {
    const { node, stranger } = await acquainted()
    const began = Date.now()
    const many = concatBytes(...Array.from({ length: 2_000 }, () => voteFrame(new Uint8Array(200))))
    stranger.stream.send(many)
    await until('the ban', () => node.running.stats().events.bans === 1)
    expect(Date.now() - began).toBeLessThan(5_000)
    expect(node.running.stats().offences.flood).toBeGreaterThan(0)
    await until('the end of the connection', () => stranger.connection.status !== 'open')
  })

  it('reads a heavy sender at the pace of its allowance, losing nothing and blaming nobody', async () => {
    const { node, stranger } = await acquainted()
    node.clock.stopTicking()
    const body = new Uint8Array(1024 * 1024)
    const count = FOLLOWER_ALLOWANCE.bytesBurst / body.length + 4
    const send = async (): Promise<void> => {
      for (let i = 0; i < count; i++) {
        new DataView(body.buffer).setUint32(body.length - 4, i)
        if (!stranger.stream.send(encodeFrame(FRAME_KIND.blockResponse, 0, body))) await stranger.stream.onDrain()
      }
    }
    const sent = send()
    await until('the pause', () => node.running.stats().events['reads-throttled'] === 1)
    expect(node.messages.length).toBeLessThan(count)
    await until('all frames', () => {
      node.clock.advance(100)
      return node.messages.length === count
    })
    await sent
    expect(node.messages.map(({ frame }) => numberOf(frame))).toEqual(Array.from({ length: count }, (_, i) => i))
    expect(node.running.stats().offences.flood).toBe(0)
  })
})

describe('a peer that does not read', () => {
  it('fills a bounded outbox, loses the oldest frames, holds up nobody and is dropped in the end', async () => {
    const { nodes } = await running.mesh(2)
    const [node, other] = [at(nodes, 0), at(nodes, 1)]
    const stranger = await running.stranger(91, node)
    stranger.stream.send(helloFrame())
    await until('the stranger is a peer', () => node.peers.length === 2)
    const stream = at(stranger.inbound, 0)
    stream.pause()

    const large = encodeFrame(FRAME_KIND.blockResponse, 0, new Uint8Array(1024 * 1024))
    const sent = 64
    for (let i = 0; i < sent; i++) node.running.network.sendToPeer(stranger.id, large)
    for (let i = 0; i < OUTBOX_FRAMES_MAX + 100; i++) node.running.network.sendToPeer(stranger.id, numbered(i))
    const dropped = node.running.stats().events['frames-dropped']
    expect(dropped).toBeGreaterThanOrEqual(sent - OUTBOX_BYTES_MAX / large.length)

    node.running.network.broadcast(numbered(1))
    await until('the other peer has its frame', () => other.messages.length === 1)

    // Both are alive by their hellos; only the stranger takes nothing.
    node.clock.advance(1)
    await heartbeats(node, 1, stranger)
    expect(node.peers).toHaveLength(2)
    for (let waited = 0; waited <= STALL_MAX_MS; waited += HEARTBEAT_MS)
      await heartbeats(node, 1, stranger).catch(() => undefined)
    await until('it is dropped', () => node.running.stats().events['peers-stalled'] === 1)
    await until('the end of the connection', () => stranger.connection.status !== 'open')
  })
})

describe('peers that hang up at every moment', () => {
  it('leave the node running: no exception, and no link is left behind', async () => {
    const { nodes } = await running.mesh(2)
    const node = at(nodes, 0)
    const address = at(node.running.listenAddresses(), 0)
    const { host, port } = { host: '127.0.0.1', port: Number(address.split('/')[4]) }
    const uncaught: unknown[] = []
    const onUncaught = (error: unknown): void => void uncaught.push(error)
    process.on('uncaughtExceptionMonitor', onUncaught)
    for (let round = 0; round < 30; round++) {
      const socket = connect(port, host)
      socket.on('error', () => undefined)
      await new Promise<void>((resolve) => socket.once('connect', () => resolve()))
      if (round % 3 === 1) socket.write(Buffer.alloc(round * 40, round))
      if (round % 2 === 0) socket.resetAndDestroy()
      else socket.end()
    }
    for (let round = 0; round < 12; round++) {
      const stranger = await running.stranger(100 + round, node)
      if (round % 3 === 0) stranger.stream.send(helloFrame())
      if (round % 3 === 1) void stranger.connection.newStream('/scoville/direct/1').catch(() => undefined)
      for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setImmediate(resolve))
      stranger.connection.abort(new Error('gone'))
    }
    await until('they are gone', () => node.running.stats().now.connections === 1)
    process.off('uncaughtExceptionMonitor', onUncaught)
    expect(uncaught).toEqual([])
    expect(node.peers).toHaveLength(1)
    at(nodes, 1).running.network.broadcast(numbered(1))
    await until('the mesh works', () => node.messages.length === 1)
  })

  it(`find room for ${FOLLOWERS_MAX} followers, and validators always do`, async () => {
    const { nodes, restart } = await running.mesh(2)
    const node = at(nodes, 0)
    for (let i = 0; i < FOLLOWERS_MAX; i++) (await running.stranger(100 + i, node)).stream.send(helloFrame())
    await until('all are peers', () => node.peers.length === FOLLOWERS_MAX + 1)
    await expect(running.stranger(99, node)).rejects.toThrow()
    expect(node.running.stats().events['connections-refused']).toBeGreaterThan(0)
    await at(nodes, 1).running.stop()
    await until('the validator left', () => node.peers.length === FOLLOWERS_MAX)
    await restart(1)
    await until('and came back', () => node.peers.length === FOLLOWERS_MAX + 1)
  })
})

describe('a peer that falls silent', () => {
  it('is dropped after four missed heartbeats: TCP alone may take minutes to notice', async () => {
    const { node, stranger } = await acquainted()
    await heartbeats(node, SILENCE_MAX_MS / HEARTBEAT_MS - 1)
    expect(node.peers).toHaveLength(1)
    await heartbeats(node, 2)
    await until('it is dropped', () => node.peers.length === 0)
    expect(node.running.stats().events['peers-silent']).toBe(1)
    await until('the end of the connection', () => stranger.connection.status !== 'open')
  })

  it('stays while it says hello', async () => {
    const { node, stranger } = await acquainted()
    await heartbeats(node, 2 * (SILENCE_MAX_MS / HEARTBEAT_MS), stranger)
    expect(node.peers).toHaveLength(1)
    expect(node.messages).toEqual([])
  })
})
