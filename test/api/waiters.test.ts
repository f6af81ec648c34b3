import { EventEmitter } from 'node:events'
import type { ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { createWaiters, unlessAborted } from '../../api/waiters.ts'

/** All that a waiter needs of a response: that it closes. */
function response(): ServerResponse {
  return Object.assign(new EventEmitter(), { destroyed: false }) as unknown as ServerResponse
}

describe('waiters', () => {
  it('are bounded in all and per client, and a place freed is a place to take', () => {
    const waiters = createWaiters({ max: 3, perClientMax: 2 })
    const first = waiters.open('a', response())
    expect(waiters.open('a', response())).toBeDefined()
    expect(waiters.open('a', response())).toBeUndefined()
    expect(waiters.open('b', response())).toBeDefined()
    expect(waiters.open('c', response())).toBeUndefined()
    first?.close()
    first?.close()
    expect(waiters.count).toBe(2)
    expect(waiters.open('c', response())).toBeDefined()
  })

  it('end when the response closes and when the server stops, and then no more are taken', () => {
    const waiters = createWaiters({ max: 3, perClientMax: 3 })
    const [gone, held] = [response(), response()]
    const [first, second] = [waiters.open('a', gone), waiters.open('a', held)]
    gone.emit('close')
    expect([first?.signal.aborted, second?.signal.aborted, waiters.count]).toEqual([true, false, 1])
    waiters.stop()
    expect(second?.signal.aborted).toBe(true)
    expect(waiters.open('a', response())).toBeUndefined()
  })
})

describe('unlessAborted', () => {
  it('gives the value, or the other one on abort, and passes on errors that are not of the abort', async () => {
    const controller = new AbortController()
    const never = new Promise<string>(() => {})
    expect(await unlessAborted(Promise.resolve('value'), controller.signal, 'other')).toBe('value')
    await expect(unlessAborted(Promise.reject(new Error('fault')), controller.signal, 'other')).rejects.toThrow('fault')
    const waiting = unlessAborted(never, controller.signal, 'other')
    controller.abort()
    expect(await waiting).toBe('other')
    expect(await unlessAborted(Promise.reject(controller.signal.reason), controller.signal, 'other')).toBe('other')
  })
})
