// One HTTP request and its whole answer, headers included, over kept connections. A node that does not answer in time, or at
// all, gives `undefined`: nobody knows then what became of the request. Never repeats one by itself.

import { Agent, type IncomingMessage, request } from 'node:http'

export interface Reply {
  readonly status: number
  /** X-Block-Height and X-Block-Hash: the head when the answer was sent. */
  readonly height: number
  readonly headHash: string
  /** `data` of the envelope, or the problem. */
  readonly content: unknown
}

export interface Ask {
  readonly method?: 'GET' | 'POST'
  readonly path: string
  readonly minHeight?: number
  readonly body?: { readonly type: string; readonly bytes: Uint8Array }
}

/** Longer than any wait that is asked for; a stopped process answers later, or never. */
const ANSWER_MS_MAX = 5_000
const CONNECTIONS_MAX = 128

export class Exchange {
  readonly #agents: readonly Agent[]
  readonly #urls: readonly URL[]

  constructor(urls: readonly string[]) {
    this.#urls = urls.map((url) => new URL(url))
    this.#agents = urls.map(() => new Agent({ keepAlive: true, maxSockets: CONNECTIONS_MAX }))
  }

  get nodes(): number {
    return this.#urls.length
  }

  ask(node: number, { method = 'GET', path, minHeight, body }: Ask): Promise<Reply | undefined> {
    const url = this.#urls[node]
    const agent = this.#agents[node]
    if (url === undefined || agent === undefined) throw new RangeError(`no node ${node}`)
    const headers = {
      ...(minHeight === undefined ? {} : { 'x-min-height': String(minHeight) }),
      ...(body === undefined ? {} : { 'content-type': body.type, 'content-length': body.bytes.length }),
    }
    return new Promise((resolve) => {
      const sending = request(
        { agent, hostname: url.hostname, port: url.port, method, path, headers },
        (response) => void read(response).then(finish, () => finish(undefined)),
      )
      const timer = setTimeout(() => sending.destroy(), ANSWER_MS_MAX)
      const finish = (reply: Reply | undefined) => {
        clearTimeout(timer)
        resolve(reply)
      }
      sending.on('error', () => finish(undefined))
      sending.end(body?.bytes)
    })
  }

  close(): void {
    for (const agent of this.#agents) agent.destroy()
  }
}

/** @throws when the connection ends before the answer does */
async function read(response: IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  const answer: { readonly data?: unknown } = JSON.parse(Buffer.concat(chunks).toString('utf8'))
  const { headers, statusCode = 0 } = response
  return {
    status: statusCode,
    height: Number(headers['x-block-height']),
    headHash: String(headers['x-block-hash']).slice(2),
    content: answer.data ?? answer,
  }
}
