// The contract as a document, and what the `type` of a problem resolves to: JSON for programs, a page for people.

import type { Request } from 'express'
import { type Answer, type ApiContext, content, type Route, refuse } from '../answer.ts'
import { openApiText } from '../contract/document.ts'
import { getDocument, getProblem } from '../contract/node.ts'
import { route } from '../contract/operation.ts'
import { isProblemCode, PROBLEMS, type ProblemCode } from '../problem.ts'

export const documentRoutes: readonly Route[] = [
  route(getDocument, (_input, api) => showDocument(api)),
  route(getProblem, ({ path, request }) => showProblem(path.code, request)),
]

function showDocument(api: ApiContext): Answer {
  const { text, etag } = openApiText(api.operations, api.info.softwareVersion)
  return {
    kind: 'text',
    status: 200,
    contentType: 'application/json; charset=utf-8',
    body: text,
    caching: 'head',
    etag,
  }
}

function showProblem(code: string, request: Request): Answer {
  if (!isProblemCode(code)) return refuse({ code: 'problem-unknown', detail: 'no problem has this code' })
  if (request.accepts(['json', 'html']) === 'html') return problemPage(code)
  const { status, title, help, retryAfter } = PROBLEMS[code]
  return content({ code, status, title, help, retryable: retryAfter !== undefined }, 'head')
}

/** Nothing in it comes from the request: the code is one of ours. */
function problemPage(code: ProblemCode): Answer {
  const { status, title, help, retryAfter } = PROBLEMS[code]
  const again = retryAfter === undefined ? 'Repeating the same request will not help.' : 'Repeating it later may help.'
  const body = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<h1>${title}</h1>
<p><code>${code}</code>, HTTP status ${status}</p>
<p>${escapeHtml(help)}</p>
<p>${again}</p>
<p><a href="/docs">All of the API</a></p>
</html>
`
  return { kind: 'text', status: 200, contentType: 'text/html; charset=utf-8', body, caching: 'head' }
}

function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
