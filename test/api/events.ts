// A reader of server-sent events for tests: complete events only, as the standard says, comments counted beside.

import type { IncomingHttpHeaders } from 'node:http'
import { request } from 'node:http'

export interface SeenEvent {
  readonly id: string
  readonly event: string
  // biome-ignore lint/suspicious/noExplicitAny: a test looks into JSON of every shape
  readonly data: any
}

/** Takes text as it comes, in pieces of any size. */
export class EventReader {
  readonly events: SeenEvent[] = []
  comments = 0
  #rest = ''

  feed(text: string): void {
    const blocks = (this.#rest + text).split('\n\n')
    this.#rest = blocks.pop() ?? ''
    for (const block of blocks) this.#take(block)
  }

  get ids(): string[] {
    return this.events.map(({ id }) => id)
  }

  #take(block: string): void {
    if (block.startsWith(':')) this.comments++
    const fields = new Map(
      block.split('\n').map((line): [string, string] => {
        const at = line.indexOf(': ')
        return [line.slice(0, at), line.slice(at + 2)]
      }),
    )
    const { id, event, data } = Object.fromEntries(fields)
    if (id !== undefined && event !== undefined) this.events.push({ id, event, data: JSON.parse(data ?? '') })
  }
}

export interface OpenStream extends EventReader {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly ended: Promise<void>
  close(): void
}

/** Resolves with the headers. `charsMax`: the connection is cut after so many characters, in the middle of whatever it is. */
export function openStream(
  url: string,
  headers: Record<string, string> = {},
  charsMax = Number.POSITIVE_INFINITY,
): Promise<OpenStream> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers, agent: false }, (response) => {
      let left = charsMax
      const ended = new Promise<void>((end) => {
        response.on('close', end)
      })
      const stream: OpenStream = Object.assign(new EventReader(), {
        status: response.statusCode ?? 0,
        headers: response.headers,
        ended,
        close: () => void sent.destroy(),
      })
      response.setEncoding('utf8')
      response.on('data', (text: string) => {
        if (left > 0) stream.feed(text.slice(0, left))
        left -= text.length
        if (left <= 0) sent.destroy()
      })
      response.on('error', () => {})
      resolve(stream)
    })
    sent.on('error', reject)
    sent.end()
  })
}
