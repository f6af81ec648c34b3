import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PROBLEMS } from '../../api/problem.ts'
import { serve } from './serve.ts'

const DOCUMENT = readFileSync(new URL('../../docs/API.md', import.meta.url), 'utf8')

describe('docs/API.md', () => {
  it('names every problem code with its status, and no other', () => {
    const table = DOCUMENT.slice(DOCUMENT.indexOf('| Code | Status |'), DOCUMENT.indexOf('## Limits'))
    const documented = [...table.matchAll(/^\| (`[^|]+`) \| (\d+) \|/gm)].flatMap(([, codes, status]) =>
      (codes ?? '').split(', ').map((code) => [code.slice(1, -1), Number(status)]),
    )
    const wanted = Object.entries(PROBLEMS).map(([code, { status }]) => [code, status])
    expect(documented.sort()).toEqual(wanted.sort())
  })

  it('describes every endpoint that the node lists', async () => {
    const { get } = await serve()
    const { endpoints } = (await get('/v1')).body.data
    for (const endpoint of endpoints) {
      const [method, path] = endpoint.split(' ')
      const isShown =
        DOCUMENT.includes(`\`${endpoint}\``) ||
        (method === 'GET' && DOCUMENT.includes(`$NODE${path.replace(/\{\w+\}/, '')}`))
      expect(isShown, endpoint).toBe(true)
    }
  })
})
