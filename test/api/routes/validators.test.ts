import { describe, expect, it } from 'vitest'
import { serve } from '../serve.ts'

describe('GET /v1/validators', () => {
  it('lists the set in the order of its bitmaps, power as a decimal string and keys as hex (PITFALLS 47)', async () => {
    const { get } = await serve()
    const validators = (await get('/v1/validators')).body.data
    expect(validators.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2, 3])
    expect(validators[1]).toMatchObject({ power: '1', blsKey: `0x${'02'.repeat(48)}`, self: false, connected: true })
    expect(validators[1].nodeKey).toMatch(/^0x[0-9a-f]{64}$/)
    expect((await get('/v1/validators?x=1')).body).toMatchObject({ status: 400, errors: [{ parameter: 'x' }] })
    expect((await get('/v1/validators')).headers.get('cache-control')).toBe('no-store')
  })
})
