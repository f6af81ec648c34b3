import { describe, expect, it } from 'vitest'
import { serve } from './serve.ts'

describe('/docs', () => {
  it('loads its own files alone, without a script inside the page (API.md: self-hosted, no foreign hosts)', async () => {
    const { url } = await serve()
    const response = await fetch(`${url}/docs`)
    const page = await response.text()
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'self';/)
    expect(response.headers.get('content-security-policy')).not.toContain('unsafe')
    expect(page).not.toMatch(/https?:|<script>|<style|\son\w+=/)
    const loaded = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? '')
    expect(loaded).toContain('/docs/swagger-ui-bundle.js')
    for (const path of loaded) expect((await fetch(url + path, { method: 'HEAD' })).status, path).toBe(200)
  })

  it('starts the viewer on the document of this node and names nobody else', async () => {
    const { url } = await serve()
    const script = await (await fetch(`${url}/docs/start.js`)).text()
    expect(script).toContain("url: '/openapi.json'")
    expect(script).toContain('validatorUrl: null')
    expect(script).not.toMatch(/https?:/)
  })

  it.each([
    ['swagger-ui.css', 'text/css'],
    ['swagger-ui-bundle.js', 'text/javascript'],
    ['favicon-32x32.png', 'image/png'],
  ])('lets %s be kept for a day and answers 304 to who has it', async (name, type) => {
    const { url } = await serve()
    const response = await fetch(`${url}/docs/${name}`, { method: 'HEAD' })
    expect(response.headers.get('content-type')).toContain(type)
    expect(response.headers.get('cache-control')).toBe('public, max-age=86400')
    const modified = response.headers.get('last-modified') ?? ''
    // Said by the test because fetch would say no-cache by itself, which asks for the whole file.
    const headers = { 'if-modified-since': modified, 'cache-control': 'max-age=0' }
    expect((await fetch(`${url}/docs/${name}`, { headers })).status).toBe(304)
  })

  it.each([
    '/docs/package.json',
    '/docs/swagger-ui.js',
    '/docs/../package.json',
    '/docs/%2e%2e/package.json',
    '/docs/',
  ])('serves nothing else of the package or beside it: %s', async (path) => {
    const { get } = await serve()
    expect((await get(path)).body.code).toBe('route-unknown')
  })

  it('is for reading, and every other page keeps the policy that allows nothing', async () => {
    const { get, send } = await serve()
    expect((await send('/docs', { method: 'POST' })).body.code).toBe('method-not-allowed')
    const { headers } = await get('/errors/internal', { accept: 'text/html' })
    expect(headers.get('content-security-policy')).toBe("default-src 'none';frame-ancestors 'none'")
  })
})

describe('/errors/{code}', () => {
  it('is a page for people and JSON for everybody else, and caches tell them apart', async () => {
    const { get, url } = await serve()
    const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8'
    const response = await fetch(`${url}/errors/nonce-taken`, { headers: { accept: browser } })
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8')
    expect(response.headers.get('vary')).toBe('Accept')
    expect(await response.text()).toContain('<code>nonce-taken</code>, HTTP status 409')
    for (const accept of ['*/*', 'application/json', 'application/problem+json, application/json']) {
      expect((await get('/errors/nonce-taken', { accept })).body.data.code, accept).toBe('nonce-taken')
    }
  })
})
