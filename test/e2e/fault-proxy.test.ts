// The fault proxy over real TCP: each direction of a link alone, and nothing lost or reordered when it is opened again.

import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { until } from './cluster.ts'
import { FaultProxy, HELD_BYTES_MAX } from './fault-proxy.ts'

/** Node 1 listens, node 0 dials it through the proxy. */
let node: Server
let proxy: FaultProxy
const accepted: Socket[] = []
const opened: Socket[] = []

beforeAll(async () => {
  node = createServer((socket) => {
    socket.on('error', () => socket.destroy())
    accepted.push(socket)
  })
  await new Promise<void>((resolve) => node.listen(0, '127.0.0.1', resolve))
  const address = node.address()
  if (address === null || typeof address === 'string') throw new Error('it listens')
  proxy = await FaultProxy.start([1, address.port])
})
afterEach(() => {
  proxy.heal()
  for (const socket of [...opened.splice(0), ...accepted.splice(0)]) socket.destroy()
})
afterAll(async () => {
  await proxy.stop()
  node.close()
})

interface End {
  readonly socket: Socket
  text: string
  closed: boolean
}

function listen(socket: Socket): End {
  const end: End = { socket, text: '', closed: false }
  socket.setEncoding('utf8')
  socket.on('data', (text: string) => {
    end.text += text
  })
  socket.on('error', () => socket.destroy())
  socket.once('close', () => {
    end.closed = true
  })
  return end
}

async function dial(): Promise<{ readonly here: End; readonly there: End }> {
  const before = accepted.length
  const socket = connect(proxy.port(0, 1), '127.0.0.1')
  opened.push(socket)
  const here = listen(socket)
  const there = await until('the node accepts', () => accepted[before])
  return { here, there: listen(there) }
}

/** A message goes through and comes back, so that whatever was sent before the other way has had its time. */
async function hears(end: End, text: string): Promise<void> {
  await until(`to hear ${text}`, () => end.text.includes(text), 10_000)
}

test('open: bytes pass both ways', async () => {
  const { here, there } = await dial()
  here.socket.write('ping')
  await hears(there, 'ping')
  there.socket.write('pong')
  await hears(here, 'pong')
  expect(proxy.connections).toBe(1)
})

test('held one way: the other way still passes, and what was held arrives whole and in order', async () => {
  const { here, there } = await dial()
  proxy.set(0, 1, { kind: 'held' })
  here.socket.write('first ')
  here.socket.write('second ')
  for (const word of ['a', 'b', 'c']) {
    there.socket.write(word)
    await hears(here, word)
  }
  expect(there.text).toBe('')
  proxy.set(0, 1, { kind: 'open' })
  here.socket.write('third')
  await hears(there, 'third')
  expect(there.text).toBe('first second third')
})

test('held: HELD_BYTES_MAX wait in the proxy, and all of it arrives in the end', async () => {
  const { here, there } = await dial()
  proxy.set(0, 1, { kind: 'held' })
  const chunk = 'x'.repeat(64 * 1024)
  const chunks = (4 * HELD_BYTES_MAX) / chunk.length
  for (let at = 0; at < chunks; at++) here.socket.write(chunk)
  await until('the sender is held back', () => here.socket.writableLength > 0 && here.socket.writableNeedDrain)
  proxy.heal()
  await until('all of it arrives', () => there.text.length === chunks * chunk.length)
})

test('delayed: not before its time', async () => {
  const { here, there } = await dial()
  proxy.set(0, 1, { kind: 'delayed', delayMs: 60_000 })
  here.socket.write('late')
  there.socket.write('now')
  await hears(here, 'now')
  expect(there.text).toBe('')
  proxy.set(0, 1, { kind: 'delayed', delayMs: 1 })
  await hears(there, 'late')
})

test('cut: connections end and new ones are refused, in whichever direction it was cut', async () => {
  const { here, there } = await dial()
  proxy.set(1, 0, { kind: 'cut' })
  await until('both ends are closed', () => here.closed && there.closed)
  const refused = listen(connect(proxy.port(0, 1), '127.0.0.1'))
  await until('a new connection is refused', () => refused.closed)
  proxy.heal()
  const again = await dial()
  again.here.socket.write('again')
  await hears(again.there, 'again')
})

test('a partition holds links between groups alone', async () => {
  const three = await FaultProxy.start([1, 2, 3])
  three.partition([[0], [1, 2]], { kind: 'held' })
  expect(three.stateOf(0, 1).kind).toBe('held')
  expect(three.stateOf(2, 0).kind).toBe('held')
  expect(three.stateOf(1, 2).kind).toBe('open')
  three.partition([[0, 1], [2]], { kind: 'held' })
  expect(three.stateOf(0, 1).kind).toBe('open')
  await three.stop()
})

test('the end of a stream passes too', async () => {
  const { here, there } = await dial()
  here.socket.end('bye')
  await hears(there, 'bye')
  await until('the other side sees the end', () => there.socket.readableEnded)
})
