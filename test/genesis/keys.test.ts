// genesis/keys.ts: the key file on a real disk; what it refuses, and that no message shows a secret.

import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { platform, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { popPreimage } from '../../consensus/preimages.ts'
import { toHex } from '../../crypto/bytes.ts'
import { generateValidatorKeys, loadKeyFile, provePossession, saveKeyFile } from '../../genesis/keys.ts'
import { bls } from './network.ts'

const KEYS = await generateValidatorKeys(bls, new Uint8Array(32).fill(1))
const OTHER = await generateValidatorKeys(bls, new Uint8Array(32).fill(2))

let directory = ''
let path = ''
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'scoville-keys-'))
  path = join(directory, 'validator.json')
})
afterEach(() => rm(directory, { recursive: true }))

async function problemOf(file: string) {
  const loaded = await loadKeyFile(file, bls)
  return loaded.ok ? undefined : loaded.problem
}

describe('generated keys', () => {
  it('follow from the seed, and are random without one', async () => {
    expect(await generateValidatorKeys(bls, new Uint8Array(32).fill(1))).toEqual(KEYS)
    expect((await generateValidatorKeys(bls)).id).not.toBe((await generateValidatorKeys(bls)).id)
  })

  it('are pinned: devnet key files stay valid', () => {
    expect([KEYS.id, toHex(KEYS.blsKey).slice(0, 16)]).toEqual([
      'e2a3289c8e269cf947dcc792f0f142d36dbd498c',
      '810a330863337091',
    ])
  })

  it('use the seed for neither key directly', () => {
    expect([toHex(KEYS.nodeSeed), toHex(KEYS.blsSecretKey)]).not.toContain('01'.repeat(32))
  })

  it.each([0, 31, 33])('refuse a seed of %d bytes', async (length) => {
    await expect(generateValidatorKeys(bls, new Uint8Array(length))).rejects.toThrow(RangeError)
  })

  it('prove their possession for one chain only (FORMATS 10)', async () => {
    const proof = await provePossession(bls, KEYS, 'a')
    const check = (chainId: string) =>
      bls.verify(KEYS.blsKey, popPreimage(chainId, KEYS.id, KEYS.blsKey, KEYS.nodeKey), proof)
    expect([await check('a'), await check('b')]).toEqual([true, false])
  })
})

describe('saving', () => {
  it('is undone by loading', async () => {
    expect(await saveKeyFile(path, KEYS)).toEqual({ ok: true })
    expect(await loadKeyFile(path, bls)).toEqual({ ok: true, keys: KEYS })
  })

  it.skipIf(platform() === 'win32')('leaves one file, for its owner only, whatever the umask', async () => {
    const before = process.umask(0)
    try {
      await saveKeyFile(path, KEYS)
    } finally {
      process.umask(before)
    }
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(await readdir(directory)).toEqual(['validator.json'])
  })

  it('never overwrites', async () => {
    await saveKeyFile(path, KEYS)
    const saved = await saveKeyFile(path, OTHER)
    expect(saved.ok ? '' : saved.problem.kind).toBe('key-file-exists')
    expect(await loadKeyFile(path, bls)).toMatchObject({ keys: { id: KEYS.id } })
    expect(await readdir(directory)).toEqual(['validator.json'])
  })

  it('lets exactly one of several at once succeed', async () => {
    const saved = await Promise.all([KEYS, OTHER, KEYS, OTHER].map((keys) => saveKeyFile(path, keys)))
    expect(saved.filter((result) => result.ok)).toHaveLength(1)
    expect(await problemOf(path)).toBeUndefined()
  })

  it('reports a place that cannot be written', async () => {
    await writeFile(join(directory, 'file'), '')
    const saved = await saveKeyFile(join(directory, 'file', 'key.json'), KEYS)
    expect(saved.ok ? '' : saved.problem.kind).toBe('key-file-io')
  })
})

describe('loading refuses', () => {
  const text = async () => {
    await saveKeyFile(path, KEYS)
    return readFile(path, 'utf8')
  }
  const put = async (name: string, content: string) => {
    const file = join(directory, name)
    await writeFile(file, content, { mode: 0o600 })
    return file
  }

  it('a file that is not there', async () => {
    expect((await problemOf(path))?.kind).toBe('key-file-missing')
  })

  it.skipIf(platform() === 'win32').each([0o640, 0o604, 0o620, 0o644])('mode %o, and says what to do', async (mode) => {
    await saveKeyFile(path, KEYS)
    await chmod(path, mode)
    const problem = await problemOf(path)
    expect(problem?.kind).toBe('key-file-exposed')
    expect(problem?.message).toContain(`chmod 600 ${path}`)
  })

  it('a directory', async () => {
    await chmod(directory, 0o700)
    expect((await problemOf(directory))?.kind).toBe('key-file-io')
  })

  it('a file too large to be one', async () => {
    expect((await problemOf(await put('large', ' '.repeat(65 * 1024))))?.kind).toBe('key-file-malformed')
  })

  it.each([
    ['another kind of file', (t: string) => t.replace('validator-key', 'account-key'), 'kind'],
    ['a later version', (t: string) => t.replace('"version": 1', '"version": 2'), 'version'],
    ['a field it does not know', (t: string) => t.replace('"kind"', '"x": 1, "kind"'), 'x'],
    ['a short secret', (t: string) => t.replace(toHex(KEYS.nodeSeed), 'aa'), 'secret.nodeSeed'],
    ["another's node key", (t: string) => t.replace(toHex(KEYS.nodeKey), toHex(OTHER.nodeKey)), 'nodeKey'],
    ["another's id", (t: string) => t.replace(KEYS.id, OTHER.id), 'id'],
    ["another's BLS key", (t: string) => t.replace(toHex(KEYS.blsKey), toHex(OTHER.blsKey)), 'blsKey'],
    ["another's BLS secret", (t: string) => t.replace(toHex(KEYS.blsSecretKey), toHex(OTHER.blsSecretKey)), 'blsKey'],
    ['a BLS secret of zero', (t: string) => t.replace(toHex(KEYS.blsSecretKey), '00'.repeat(32)), 'blsKey'],
    ['a BLS secret above the order', (t: string) => t.replace(toHex(KEYS.blsSecretKey), 'ff'.repeat(32)), 'blsKey'],
    ['a torn file', (t: string) => t.slice(0, 500), 'not JSON'],
  ])('%s, naming what is wrong and no secret', async (_, change, expected) => {
    const file = await put('changed.json', change(await text()))
    const problem = await problemOf(file)
    expect(problem?.kind).toBe('key-file-malformed')
    expect(problem?.message).toContain(expected)
    expect(problem?.message).not.toMatch(/[0-9a-f]{16}/)
  })
})
