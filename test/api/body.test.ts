import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isTooDeep } from '../../api/body.ts'
import { bytesOfHex, hex } from '../../api/hex.ts'
import { JSON_DEPTH_MAX } from '../../api/parse.ts'

const nested = (depth: number): Buffer => Buffer.from('['.repeat(depth) + ']'.repeat(depth))

describe('nesting of JSON', () => {
  it('is refused above the bound and only there', () => {
    expect(isTooDeep(nested(JSON_DEPTH_MAX))).toBe(false)
    expect(isTooDeep(nested(JSON_DEPTH_MAX + 1))).toBe(true)
  })

  it('does not count brackets beside one another or inside text', () => {
    expect(isTooDeep(Buffer.from(JSON.stringify(Array.from({ length: 100 }, () => ({})))))).toBe(false)
    expect(isTooDeep(Buffer.from(JSON.stringify({ text: `\\"${'['.repeat(100)}` })))).toBe(false)
  })

  it('agrees with counting, for any JSON', () => {
    const depthOf = (value: unknown): number =>
      typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0
    const wrap = (value: unknown, times: number): unknown => (times === 0 ? value : [wrap(value, times - 1)])
    fc.assert(
      fc.property(fc.jsonValue(), fc.nat(2 * JSON_DEPTH_MAX), (value, times) => {
        const whole = wrap(value, times)
        expect(isTooDeep(Buffer.from(JSON.stringify(whole)))).toBe(depthOf(whole) > JSON_DEPTH_MAX)
      }),
    )
  })
})

describe('hex', () => {
  it('of any bytes comes back, in either case', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        const text = hex(bytes)
        expect(Buffer.from(bytesOfHex(text) ?? 'nothing')).toEqual(Buffer.from(bytes))
        expect(Buffer.from(bytesOfHex(`0x${text.slice(2).toUpperCase()}`) ?? 'nothing')).toEqual(Buffer.from(bytes))
      }),
    )
  })

  it.each(['', '00', '0X00', '0x0', '0x0g', '0xg0', '0x00 ', '0x00é0', '0x0x00'])('refuses %j', (text) => {
    expect(bytesOfHex(text)).toBeUndefined()
  })
})
