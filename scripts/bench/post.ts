// HTTP as cheap as a load generator needs it: node:http over kept connections, answers read as text.
// The generator shares the machine with the nodes, so what it spends is missing there. Never signs or measures.

import { Agent, type IncomingMessage, request } from 'node:http'

export interface Reply {
  readonly status: number
  readonly body: string
}

export interface Poster {
  post(path: string, type: 'application/json' | 'application/octet-stream', body: Uint8Array): Promise<Reply>
  get(path: string): Promise<Reply>
  close(): void
}

/** Requests beyond `connectionsMax` wait for a connection; one without a sign of life for `silenceMsMax` fails. */
export function createPoster(url: string, connectionsMax: number, silenceMsMax = 0): Poster {
  const { hostname, port } = new URL(url)
  const agent = new Agent({ keepAlive: true, maxSockets: connectionsMax })
  const send = (method: string, path: string, headers: Record<string, string | number>, body?: Uint8Array) =>
    new Promise<Reply>((resolve, reject) => {
      const sending = request({ agent, hostname, port, method, path, headers }, (response) => {
        read(response).then(resolve, reject)
      })
      sending.on('error', reject)
      if (silenceMsMax > 0) sending.setTimeout(silenceMsMax, () => sending.destroy(new Error('no answer')))
      sending.end(body)
    })
  return {
    post: (path, type, body) => send('POST', path, { 'content-type': type, 'content-length': body.length }, body),
    get: (path) => send('GET', path, {}),
    close: () => agent.destroy(),
  }
}

async function read(response: IncomingMessage): Promise<Reply> {
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk as Buffer)
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('latin1') }
}
