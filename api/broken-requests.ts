// Requests that never become one: unparsable, too slow, or with too large headers. Node gives them no response object,
// so the problem is written to the socket by hand and the connection ends.

import { type Server, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { type Problem, statusOf, viewProblem } from './problem.ts'

export function answerBrokenRequests(server: Server): void {
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy()
      return
    }
    socket.end(rawResponse(problemOf(error.code)))
  })
}

function problemOf(code: string | undefined): Problem {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return { code: 'request-timeout', detail: 'the request was not received in time' }
  }
  if (code === 'HPE_HEADER_OVERFLOW') return { code: 'headers-too-large', detail: 'the headers are too large' }
  return { code: 'invalid-request', detail: 'the request is not HTTP/1.1' }
}

function rawResponse(problem: Problem): string {
  const body = JSON.stringify(viewProblem(problem))
  const status = statusOf(problem)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    'Content-Type: application/problem+json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Cache-Control: no-store',
    'Connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}
