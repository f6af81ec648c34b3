// A validator's keys and the file that keeps them: an ed25519 node key and a BLS key, both derived from one 32-byte seed.
// The only file of this folder that touches the disk. Never overwrites a key file, never reads one that others can read,
// and never puts a secret into a message.

import { randomBytes } from 'node:crypto'
import { type FileHandle, link, mkdir, open, rm } from 'node:fs/promises'
import { platform } from 'node:os'
import { basename, dirname, join } from 'node:path'
import * as z from 'zod'
import { popPreimage } from '../consensus/preimages.ts'
import type { Bls } from '../crypto/bls.ts'
import { equalBytes, fromHex, toHex } from '../crypto/bytes.ts'
import { keyPairFromSeed } from '../crypto/ed25519.ts'
import { digest } from '../crypto/hash.ts'
import { addressOf } from '../ledger/address.ts'

export const SEED_BYTES = 32
export const KEY_FILE_KIND = 'scoville/validator-key'
export const KEY_FILE_VERSION = 1
const KEY_FILE_BYTES_MAX = 64 * 1024
const OWNER_ONLY = 0o600
const GROUP_AND_WORLD = 0o077

export interface ValidatorKeys {
  /** First 20 bytes of SHA-256 of nodeKey, 40 hex digits: validator id and fee account. */
  readonly id: string
  /** 32 bytes, public. */
  readonly nodeKey: Uint8Array
  /** 48 bytes, public. */
  readonly blsKey: Uint8Array
  /** 32 bytes, secret: the ed25519 seed of the node key, which is the libp2p identity too. */
  readonly nodeSeed: Uint8Array
  /** 32 bytes, secret. */
  readonly blsSecretKey: Uint8Array
}

/**
 * Keys from a seed of 32 bytes, or from the system's randomness without one.
 * nodeSeed = H("scoville/key-node/1" ‖ seed); the BLS key is IETF KeyGen of H("scoville/key-bls/1" ‖ seed).
 * @throws RangeError for a seed of any other length.
 */
export async function generateValidatorKeys(
  bls: Bls,
  seed: Uint8Array = randomBytes(SEED_BYTES),
): Promise<ValidatorKeys> {
  if (seed.length !== SEED_BYTES) throw new RangeError(`a seed has ${SEED_BYTES} bytes, not ${seed.length}`)
  const blsSecretKey = await bls.secretKey(digest('scoville/key-bls/1', seed))
  return keysOf(bls, new Uint8Array(digest('scoville/key-node/1', seed)), blsSecretKey)
}

/** 96 bytes: proof that the holder of these keys registers them on the chain of this name (PITFALLS.md, row 20). */
export function provePossession(bls: Bls, keys: ValidatorKeys, chainId: string): Promise<Uint8Array> {
  return bls.sign(keys.blsSecretKey, popPreimage(chainId, keys.id, keys.blsKey, keys.nodeKey))
}

export type KeyFileProblem =
  | { readonly kind: 'key-file-missing'; readonly message: string }
  | { readonly kind: 'key-file-exists'; readonly message: string }
  | { readonly kind: 'key-file-exposed'; readonly message: string }
  | { readonly kind: 'key-file-malformed'; readonly message: string }
  | { readonly kind: 'key-file-io'; readonly message: string }

export type LoadedKeys =
  | { readonly ok: true; readonly keys: ValidatorKeys }
  | { readonly ok: false; readonly problem: KeyFileProblem }

export type SavedKeys = { readonly ok: true } | { readonly ok: false; readonly problem: KeyFileProblem }

const hexOf = (bytes: number) =>
  z.string().regex(new RegExp(`^[0-9a-f]{${2 * bytes}}$`), `must be ${2 * bytes} hex digits`)

const keyFileSchema = z.strictObject({
  kind: z.literal(KEY_FILE_KIND),
  version: z.literal(KEY_FILE_VERSION),
  warning: z.string().optional(),
  id: hexOf(20),
  nodeKey: hexOf(32),
  blsKey: hexOf(48),
  secret: z.strictObject({ nodeSeed: hexOf(SEED_BYTES), blsSecretKey: hexOf(32) }),
})

/**
 * Writes a key file that only its owner can read: temporary file, fsync, link under the final name, fsync of the directory.
 * A link, since a rename would replace a file that appeared meanwhile.
 */
export async function saveKeyFile(path: string, keys: ValidatorKeys): Promise<SavedKeys> {
  const directory = dirname(path)
  const temporary = join(directory, `.${basename(path)}.${toHex(randomBytes(8))}.tmp`)
  try {
    await mkdir(directory, { recursive: true })
    try {
      await writeDurably(temporary, encodeKeyFile(keys))
      if (!(await linkIfAbsent(temporary, path))) {
        return refuse('key-file-exists', `${path} exists already: a key file is never overwritten`)
      }
    } finally {
      await rm(temporary, { force: true })
    }
    await syncDirectory(directory)
    return { ok: true }
  } catch (error) {
    return refuse('key-file-io', `${path} cannot be written: ${textOf(error)}`)
  }
}

/**
 * Reads and checks a key file. The public halves must follow from the secrets, so that a file put together by hand cannot
 * vote under a key it does not hold. Without `bls` only the node key is checked so.
 */
export async function loadKeyFile(path: string, bls?: Bls): Promise<LoadedKeys> {
  const read = await readPrivately(path)
  if (!read.ok) return read
  const file = parseKeyFile(path, read.text)
  if (!file.ok) return file
  const { secret, ...shown } = file.content
  const malformed = (field: string): LoadedKeys =>
    refuse('key-file-malformed', `${path}: ${field} does not belong to the secret in this file`)

  const nodeSeed = bytesOf(secret.nodeSeed)
  const { publicKey: nodeKey } = keyPairFromSeed(nodeSeed)
  if (!equalBytes(nodeKey, bytesOf(shown.nodeKey))) return malformed('nodeKey')
  if (addressOf(nodeKey) !== shown.id) return malformed('id')
  const blsSecretKey = bytesOf(secret.blsSecretKey)
  const blsKey = bytesOf(shown.blsKey)
  if (bls !== undefined && !(await isBlsPair(bls, blsSecretKey, blsKey))) return malformed('blsKey')
  return { ok: true, keys: { id: shown.id, nodeKey, blsKey, nodeSeed, blsSecretKey } }
}

async function keysOf(bls: Bls, nodeSeed: Uint8Array, blsSecretKey: Uint8Array): Promise<ValidatorKeys> {
  const { publicKey: nodeKey } = keyPairFromSeed(nodeSeed)
  return { id: addressOf(nodeKey), nodeKey, blsKey: await bls.publicKey(blsSecretKey), nodeSeed, blsSecretKey }
}

/** A secret outside the field makes a backend throw; here that is one more way for a file to be wrong. */
async function isBlsPair(bls: Bls, secretKey: Uint8Array, publicKey: Uint8Array): Promise<boolean> {
  try {
    return equalBytes(await bls.publicKey(secretKey), publicKey)
  } catch {
    return false
  }
}

function encodeKeyFile(keys: ValidatorKeys): string {
  const content = {
    kind: KEY_FILE_KIND,
    version: KEY_FILE_VERSION,
    warning: 'SECRET. Whoever has this file is this validator. Never run two nodes with it.',
    id: keys.id,
    nodeKey: toHex(keys.nodeKey),
    blsKey: toHex(keys.blsKey),
    secret: { nodeSeed: toHex(keys.nodeSeed), blsSecretKey: toHex(keys.blsSecretKey) },
  } satisfies z.input<typeof keyFileSchema>
  return `${JSON.stringify(content, null, 2)}\n`
}

type ParsedFile =
  | { readonly ok: true; readonly content: z.output<typeof keyFileSchema> }
  | { readonly ok: false; readonly problem: KeyFileProblem }

function parseKeyFile(path: string, text: string): ParsedFile {
  let content: unknown
  try {
    content = JSON.parse(text)
  } catch {
    // The parser's own message quotes the text, which is a secret.
    return refuse('key-file-malformed', `${path} is not JSON`)
  }
  const parsed = keyFileSchema.safeParse(content)
  if (parsed.success) return { ok: true, content: parsed.data }
  const faults = parsed.error.issues.map((issue) => `${issue.path.join('.') || 'file'}: ${issue.message}`)
  return refuse('key-file-malformed', `${path}: ${faults.join('; ')}`)
}

type PrivateText =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problem: KeyFileProblem }

/** The mode is asked of the open file, not of its name: what is checked is what is read. */
async function readPrivately(path: string): Promise<PrivateText> {
  try {
    return await withFile(await open(path, 'r'), async (file) => {
      const { mode, size } = await file.stat()
      if (platform() !== 'win32' && (mode & GROUP_AND_WORLD) !== 0) {
        const shown = (mode & 0o777).toString(8).padStart(3, '0')
        return refuse('key-file-exposed', `${path} has mode ${shown}, so others can use the key: run chmod 600 ${path}`)
      }
      if (size > KEY_FILE_BYTES_MAX)
        return refuse('key-file-malformed', `${path} is larger than ${KEY_FILE_BYTES_MAX} bytes`)
      return { ok: true, text: await file.readFile('utf8') }
    })
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return refuse('key-file-missing', `${path} does not exist`)
    return refuse('key-file-io', `${path} cannot be read: ${textOf(error)}`)
  }
}

async function writeDurably(path: string, text: string): Promise<void> {
  await withFile(await open(path, 'wx', OWNER_ONLY), async (file) => {
    await file.writeFile(text)
    await file.sync()
  })
}

/** False when something has the name already. */
async function linkIfAbsent(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}

/** Windows has no such thing as an open directory. */
async function syncDirectory(path: string): Promise<void> {
  if (platform() === 'win32') return
  await withFile(await open(path, 'r'), (directory) => directory.sync())
}

/** Closes it in any case. As a function, for Node 22, on which the simulation is compared, has no `await using`. */
async function withFile<T>(file: FileHandle, use: (file: FileHandle) => Promise<T>): Promise<T> {
  try {
    return await use(file)
  } finally {
    await file.close()
  }
}

function refuse(
  kind: KeyFileProblem['kind'],
  message: string,
): { readonly ok: false; readonly problem: KeyFileProblem } {
  return { ok: false, problem: { kind, message } }
}

function bytesOf(hex: string): Uint8Array {
  return fromHex(hex) ?? new Uint8Array()
}

function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
