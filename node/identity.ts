// Who this node is in consensus: its place in the validator set, its signer, and what it signed before.
// The one place where a key meets the node. Without certainty about the past there is no signer at all.

import type { GenesisHash, SafetyState, ValidatorIndex } from '../consensus/types.ts'
import type { ValidatorSet } from '../consensus/validators.ts'
import type { WireLimits } from '../consensus/wire.ts'
import type { Bls } from '../crypto/bls.ts'
import { keyPairFromSeed, signEd25519 } from '../crypto/ed25519.ts'
import type { ValidatorKeys } from '../genesis/keys.ts'
import { NodeError } from './fault.ts'
import type { Log } from './log.ts'
import type { SafetyStore, Signer } from './ports.ts'
import type { OpenedChainStore } from './storage/chain-store.ts'
import { isDeclaredNeverSigned, withdrawNeverSigned } from './storage/never-signed.ts'
import {
  adviceOnRefusal,
  type OpenedSafetyStore,
  openFirstSafetyStore,
  openSafetyStore,
  type SafetyOpening,
} from './storage/safety-store.ts'

/** A node without a key signs nothing and has nothing to remember. */
export const NOTHING_TO_SAVE: SafetyStore = { load: () => undefined, save: async () => {} }

export interface Identity {
  readonly self: ValidatorIndex | undefined
  readonly signer: Signer | undefined
  readonly safetyStore: OpenedSafetyStore | undefined
  readonly safety: SafetyState | undefined
  /** Why it signs nothing although it has a key. */
  readonly observing: string | undefined
}

export interface IdentityRequest {
  readonly dataDir: string
  /** Absent: a full node. */
  readonly keys: ValidatorKeys | undefined
  readonly validators: ValidatorSet
  readonly store: OpenedChainStore
  readonly genesisHash: GenesisHash
  readonly limits: WireLimits
  readonly bls: Bls
  readonly log: Log
}

/** @throws NodeError key-not-in-genesis, or what opening the safety file throws */
export async function openIdentity(request: IdentityRequest): Promise<Identity> {
  const { keys, validators, bls, log } = request
  const nobody = { self: undefined, signer: undefined, safetyStore: undefined, safety: undefined }
  if (keys === undefined) return { ...nobody, observing: undefined }
  const index = validators.indexOfNodeKey(keys.nodeKey)
  if (index === undefined) {
    throw new NodeError('key-not-in-genesis', `the key of ${keys.id} is none of the genesis file's validators`)
  }
  const opening = await ofOwnKey(await openRecord(request, keys.nodeKey), index)
  if (opening.kind === 'refuse') {
    // PITFALLS 6 and 37: without knowing what it signed, a validator that votes may vote twice.
    const { code, reason } = opening
    const next = adviceOnRefusal(code)
    log.error({ code, next }, `this validator signs nothing: ${reason}`)
    return { ...nobody, observing: `signs nothing (${code}): ${reason}; what to do: ${next}` }
  }
  const node = keyPairFromSeed(keys.nodeSeed)
  const signer: Signer = {
    index,
    signVote: (preimage) => bls.sign(keys.blsSecretKey, preimage),
    signTimeout: (preimage) => bls.sign(keys.blsSecretKey, preimage),
    signProposal: async (preimage) => signEd25519(node.secretKey, preimage),
  }
  return { self: index, signer, safetyStore: opening.store, safety: opening.safety, observing: undefined }
}

/** A declaration holds for one start: it is used up before anything is signed, whatever that start found. */
async function openRecord(request: IdentityRequest, nodeKey: Uint8Array): Promise<SafetyOpening> {
  const { dataDir, genesisHash, limits, store } = request
  if (!(await isDeclaredNeverSigned(dataDir, nodeKey)))
    return openSafetyStore(dataDir, genesisHash, store.mirror, limits)
  const opening = await openFirstSafetyStore(dataDir, genesisHash, store.mirror, limits)
  try {
    await withdrawNeverSigned(dataDir)
  } catch (error) {
    if (opening.kind === 'ok') await opening.store.close()
    throw error
  }
  return opening
}

/** What another key signed says nothing of what this one did. */
async function ofOwnKey(opening: SafetyOpening, index: ValidatorIndex): Promise<SafetyOpening> {
  if (opening.kind === 'refuse') return opening
  const signer = opening.safety?.lastVote?.signer ?? opening.safety?.lastTimeout?.signer
  if (signer === undefined || signer === index) return opening
  await opening.store.close()
  const reason = `the safety file is that of validator v${signer}, and the key file is v${index}'s`
  return { kind: 'refuse', code: 'safety-other-key', reason }
}
