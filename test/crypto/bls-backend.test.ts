// Which backend is chosen, and what happens when the native one is not there.

import { describe, expect, test } from 'vitest'
import { type BlsLoaders, loadBls } from '../../crypto/bls-backend.ts'
import { createNobleBls } from '../../crypto/bls-noble.ts'

/** A machine the native package has no binary for: its import fails. */
const withoutNative: BlsLoaders = {
  blst: () => import(`../../crypto/${'no-such-binary'}.ts`),
  noble: async () => createNobleBls(),
}

describe('loadBls', () => {
  test('takes blst by default, without a notice', async () => {
    const bls = await loadBls()
    expect(bls.name).toBe('blst')
    expect(bls.notice).toBeUndefined()
  })

  test('takes the backend asked for', async () => {
    expect((await loadBls('noble')).name).toBe('noble')
    expect((await loadBls('blst')).name).toBe('blst')
  })

  test('falls back to noble with a notice when the native package does not load', async () => {
    const bls = await loadBls(undefined, withoutNative)
    expect(bls.name).toBe('noble')
    expect(bls.notice).toMatch(/native BLS does not load.*no-such-binary/)
    expect(await bls.publicKey(await bls.secretKey(new Uint8Array(32)))).toHaveLength(48)
  })

  test('does not fall back when blst was asked for by name', async () => {
    await expect(loadBls('blst', withoutNative)).rejects.toThrow(/no-such-binary/)
  })
})
