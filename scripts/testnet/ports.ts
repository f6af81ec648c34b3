// Free ports for a whole network at once: node i has its API on api + i and its peers on p2p + i.
// The block moves as a whole, so that one number says where everything is.

import { createServer } from 'node:net'

export interface PortBlock {
  readonly api: number
  readonly p2p: number
}

export const API_PORT = 4_000
/** Between the API port and the peer port of a node: the most nodes a block has room for. */
export const P2P_OFFSET = 100
const STEP = 10
const TRIES_MAX = 50
const PORT_MAX = 65_535

export interface FoundPorts {
  readonly ports: PortBlock
  /** Why it is not the block that was asked for. */
  readonly busy: number | undefined
}

/** The first free block from `apiPort` on, on 127.0.0.1; undefined when there is none within TRIES_MAX steps. */
export async function findPorts(count: number, apiPort = API_PORT): Promise<FoundPorts | undefined> {
  let busy: number | undefined
  for (let attempt = 0; attempt < TRIES_MAX; attempt++) {
    const api = apiPort + attempt * Math.max(STEP, count)
    const ports = { api, p2p: api + P2P_OFFSET }
    if (ports.p2p + count - 1 > PORT_MAX) return undefined
    const taken = await firstTaken(ports, count)
    if (taken === undefined) return { ports, busy }
    busy ??= taken
  }
  return undefined
}

async function firstTaken(ports: PortBlock, count: number): Promise<number | undefined> {
  const wanted = Array.from({ length: count }, (_, index) => [ports.api + index, ports.p2p + index]).flat()
  const free = await Promise.all(wanted.map(isFree))
  return wanted.find((_, at) => free[at] === false)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}
