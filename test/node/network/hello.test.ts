import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeFrameHeader, encodeFrame, FRAME_HEADER_BYTES, FRAME_KIND } from '../../../consensus/frame.ts'
import { concatBytes, toHex } from '../../../crypto/bytes.ts'
import { Writer } from '../../../crypto/codec.ts'
import { checkHello, encodeHello, type Hello } from '../../../node/network/hello.ts'
import { GENESIS, OTHER_GENESIS } from './nodes.ts'

const hello: Hello = { genesisHash: GENESIS, epoch: 2, software: 'scoville 0.1.0', height: 77 }

function helloWith(software: string, extra: Uint8Array = new Uint8Array(0)): Uint8Array {
  const body = new Writer().hash(GENESIS).u64(2).text(software).u64(77).finish()
  return encodeFrame(FRAME_KIND.hello, 2, concatBytes(body, extra))
}

describe('hello', () => {
  it('keeps its golden bytes', () => {
    const golden: unknown = JSON.parse(readFileSync(new URL('../../golden/frame-hello.json', import.meta.url), 'utf8'))
    expect(golden).toEqual({ value: hello, bytes: toHex(encodeHello(hello)) })
  })

  it('is a frame of kind hello within the bound of its kind, and reads back', () => {
    const frame = encodeHello({ ...hello, software: 'x'.repeat(64) })
    const header = decodeFrameHeader(frame, 0)
    expect(header).toMatchObject({ ok: true, value: { kind: FRAME_KIND.hello, epoch: 2 } })
    expect(frame.length - FRAME_HEADER_BYTES).toBeLessThanOrEqual(1024)
    expect(checkHello(encodeHello(hello), GENESIS)).toEqual({ kind: 'same-chain', hello })
  })

  it('tells a foreign chain from nonsense', () => {
    expect(checkHello(encodeHello(hello), OTHER_GENESIS).kind).toBe('wrong-chain')
  })

  const malformed: readonly (readonly [string, Uint8Array])[] = [
    ['a software name of 65 bytes', helloWith('x'.repeat(65))],
    ['a line break in the software name, which goes to logs', helloWith('a\nb')],
    ['an escape in the software name', helloWith('a\u001b[2J')],
    ['trailing bytes', helloWith('a', Uint8Array.of(0))],
    ['a cut body', encodeHello(hello).subarray(0, 60)],
    ['a frame of another epoch', encodeFrame(FRAME_KIND.hello, 3, encodeHello(hello).subarray(FRAME_HEADER_BYTES))],
    ['an empty body', encodeFrame(FRAME_KIND.hello, 0, new Uint8Array(0))],
  ]
  it.each(malformed)('refuses %s', (_, frame) => {
    expect(checkHello(frame, GENESIS).kind).toBe('malformed')
  })
})
