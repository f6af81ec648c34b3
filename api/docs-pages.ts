// The viewer of /openapi.json at /docs: Swagger UI from its package, started by a script of our own. Nothing is loaded from
// another host and no script stands in the page, so the strictest policy that lets it run applies to it, and to it alone.

import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import type { Express, Request, Response } from 'express'
import type { Answer } from './answer.ts'
import type { Problem } from './problem.ts'

const require = createRequire(import.meta.url)

/** data: images are the arrows inside the viewer's own style sheet. */
const CONTENT_SECURITY_POLICY =
  "default-src 'self';img-src 'self' data:;frame-ancestors 'none';base-uri 'none';form-action 'none'"

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Scoville API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
</head>
<body>
<div id="viewer"></div>
<noscript>This page needs scripts. <a href="/openapi.json">/openapi.json</a> says the same.</noscript>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`

/** validatorUrl: the viewer would otherwise show the document to a service of its makers. */
const START = `'use strict'
window.SwaggerUIBundle({
  url: '/openapi.json',
  dom_id: '#viewer',
  deepLinking: true,
  validatorUrl: null,
  defaultModelsExpandDepth: 0,
})
`

/** Files of the package that the page loads; no other is served. */
const ASSETS = ['swagger-ui.css', 'swagger-ui-bundle.js', 'favicon-32x32.png'] as const
const ASSET_MAX_AGE_MS = 24 * 60 * 60 * 1000
const ALLOW = 'GET, HEAD'

export function addDocsPages(
  app: Express,
  send: (request: Request, response: Response, answer: Answer) => void,
  sendProblem: (request: Request, response: Response, problem: Problem) => void,
): void {
  const root = dirname(require.resolve('swagger-ui-dist/package.json'))
  const page: Answer = {
    kind: 'text',
    status: 200,
    contentType: 'text/html; charset=utf-8',
    body: PAGE,
    caching: 'head',
    contentSecurityPolicy: CONTENT_SECURITY_POLICY,
  }
  const start: Answer = {
    kind: 'text',
    status: 200,
    contentType: 'text/javascript; charset=utf-8',
    body: START,
    caching: 'head',
  }
  const pages: Readonly<Record<string, (request: Request, response: Response) => void>> = {
    '/docs': (request, response) => send(request, response, page),
    '/docs/start.js': (request, response) => send(request, response, start),
    ...Object.fromEntries(
      ASSETS.map((name) => [
        `/docs/${name}`,
        (_request: Request, response: Response) => response.sendFile(name, { root, maxAge: ASSET_MAX_AGE_MS }),
      ]),
    ),
  }
  for (const [path, show] of Object.entries(pages)) {
    app
      .route(path)
      .get(show)
      .all((request, response) => {
        sendProblem(request, response, { code: 'method-not-allowed', detail: `allowed: ${ALLOW}`, allow: ALLOW })
      })
  }
}
