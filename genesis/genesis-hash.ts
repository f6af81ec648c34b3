// What a chain is, as bytes: the canonical encoding of a genesis and its hash, which is in every signature of the chain.
// Network addresses, display names and the warning are left out: moving or renaming a node does not make another chain.
// The order of validators and accounts in the file does not matter either: both are encoded ascending.

import type { GenesisHash, Param } from '../consensus/types.ts'
import { BLS_KEY_BYTES, BLS_SIGNATURE_BYTES, NODE_KEY_BYTES } from '../consensus/wire.ts'
import type { Hash } from '../crypto/bytes.ts'
import { Writer } from '../crypto/codec.ts'
import { hashOf } from '../crypto/hash.ts'
import { ADDRESS_BYTES } from '../ledger/address.ts'

export interface GenesisAccount {
  /** 40 hex digits. */
  readonly address: string
  /** Base units, 1 to 2^64-1. */
  readonly balance: bigint
}

export interface GenesisValidator {
  /** 40 hex digits; follows from nodeKey and is therefore not encoded. */
  readonly id: string
  readonly power: number
  readonly blsKey: Uint8Array
  readonly nodeKey: Uint8Array
  readonly proofOfPossession: Uint8Array
}

export interface GenesisContent {
  readonly format: number
  readonly devnet: boolean
  readonly chainId: string
  readonly initialHeight: number
  readonly protocolVersion: number
  readonly addressPrefix: string
  readonly timeMs: number
  readonly app: { readonly name: string; readonly version: number }
  /** Every parameter, ascending by id: a default is part of the chain like a value that was written down. */
  readonly params: readonly Param[]
  /** Ascending by id. */
  readonly validators: readonly GenesisValidator[]
  readonly state: GenesisStateSource
  readonly predecessor?: { readonly genesisHash: Hash; readonly height: number; readonly blockId: Hash }
}

/** Accounts ascending by address; a snapshot is in the format and refused in stage 1 (genesis.ts). */
export type GenesisStateSource =
  | { readonly kind: 'accounts'; readonly accounts: readonly GenesisAccount[] }
  | { readonly kind: 'snapshot'; readonly stateRoot: Hash; readonly snapshotHash: Hash }

/**
 * `format u16, devnet u8, chainId text, initialHeight u64, protocolVersion u16, addressPrefix text, timeMs u64,
 * app { name text, version u32 }, params [{ id u16, value u64 }],
 * validators [{ power u64, blsKey b48, nodeKey b32, proofOfPossession b96 }],
 * state kind u8 (0: accounts [{ address b20, balance u64 }]; 1: stateRoot b32, snapshotHash b32),
 * predecessor? { genesisHash b32, height u64, blockId b32 }`; text and lists behind a u32 count (FORMATS.md, 13).
 */
export function encodeGenesis(content: GenesisContent): Uint8Array {
  const writer = new Writer(encodedBytesMax(content))
  writer
    .u16(content.format)
    .u8(content.devnet ? 1 : 0)
    .text(content.chainId)
    .u64(content.initialHeight)
  writer.u16(content.protocolVersion).text(content.addressPrefix).u64(content.timeMs)
  writer.text(content.app.name).u32(content.app.version)
  writer.list(content.params, (w, { id, value }) => w.u16(id).u64(value))
  writer.list(content.validators, (w, { power, blsKey, nodeKey, proofOfPossession }) => {
    w.u64(power).fixed(blsKey, BLS_KEY_BYTES).fixed(nodeKey, NODE_KEY_BYTES)
    w.fixed(proofOfPossession, BLS_SIGNATURE_BYTES)
  })
  writeState(writer, content.state)
  writer.optional(content.predecessor, (w, p) => w.hash(p.genesisHash).u64(p.height).hash(p.blockId))
  return writer.finish()
}

/** At least the encoded length: a writer of this size never has to grow. */
function encodedBytesMax({ chainId, addressPrefix, app, params, validators, state }: GenesisContent): number {
  const texts = Buffer.byteLength(chainId + addressPrefix + app.name)
  const accounts = state.kind === 'accounts' ? state.accounts.length : 0
  const validatorBytes = 8 + BLS_KEY_BYTES + NODE_KEY_BYTES + BLS_SIGNATURE_BYTES
  return 256 + texts + 10 * params.length + validatorBytes * validators.length + (ADDRESS_BYTES + 8) * accounts
}

export function genesisHashOf(content: GenesisContent): GenesisHash {
  return hashOf('scoville/genesis/1', encodeGenesis(content)) as GenesisHash
}

function writeState(writer: Writer, state: GenesisStateSource): void {
  switch (state.kind) {
    case 'accounts':
      writer.u8(0).list(state.accounts, (w, { address, balance }) => {
        w.fixed(Buffer.from(address, 'hex'), ADDRESS_BYTES).big64(balance)
      })
      return
    case 'snapshot':
      writer.u8(1).hash(state.stateRoot).hash(state.snapshotHash)
  }
}
