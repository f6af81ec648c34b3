// The frozen encodings of the ledger (FORMATS.md): a change here is a change of format and needs an ADR.

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { Hash } from '../../crypto/bytes.ts'
import { keyPairFromSeed } from '../../crypto/ed25519.ts'
import { accountKey, decodeAccount, encodeAccount } from '../../ledger/account.ts'
import { genesisState } from '../../ledger/genesis-state.ts'
import { createOverlay, EMPTY_STATE } from '../../ledger/overlay.ts'
import { decodeReceipt, encodeReceipt } from '../../ledger/receipt.ts'
import { decodeStateProof, encodeStateProof, proveState, verifyStateProof } from '../../ledger/state-proof.ts'
import { encodeTransaction, parseTransaction, signTransfer } from '../../ledger/transaction.ts'

function load<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../golden/${name}.json`, import.meta.url), 'utf8'))
}
const bytesOf = (hex: string): Buffer => Buffer.from(hex, 'hex')
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

interface Transactions {
  readonly cases: readonly {
    readonly value: {
      readonly genesisHash: Hash
      readonly nonce: string
      readonly fee: string
      readonly validUntil: number
      readonly outputs: readonly { readonly recipient: string; readonly amount: string }[]
      readonly memo: string
      readonly seed: string
    }
    readonly sender: string
    readonly id: Hash
    readonly encoded: string
  }[]
}

test.each(load<Transactions>('transaction').cases)('transaction $id', ({ value, sender, id, encoded }) => {
  const { seed, memo, nonce, fee, outputs, ...fields } = value
  const signed = signTransfer({
    ...fields,
    nonce: BigInt(nonce),
    fee: BigInt(fee),
    outputs: outputs.map(({ recipient, amount }) => ({ recipient, amount: BigInt(amount) })),
    memo: bytesOf(memo),
    keyPair: keyPairFromSeed(bytesOf(seed)),
  })
  expect(hexOf(signed.bytes)).toBe(encoded)
  const parsed = parseTransaction(bytesOf(encoded))
  if (!parsed.ok) throw new Error(parsed.refusal.kind)
  expect(parsed.value).toMatchObject({ id, sender })
  expect(hexOf(encodeTransaction(parsed.value.transaction))).toBe(encoded)
})

interface Receipts {
  readonly cases: readonly {
    readonly value: {
      readonly type: number
      readonly transactionId: Hash
      readonly status: number
      readonly code: number
      readonly fee: string
      readonly weight: number
      readonly events: readonly {
        readonly kind: number
        readonly emitter: string
        readonly topics: readonly Hash[]
        readonly content: string
      }[]
    }
    readonly encoded: string
  }[]
}

test.each(load<Receipts>('receipt').cases)(
  'receipt of type $value.type, status $value.status',
  ({ value, encoded }) => {
    const receipt = {
      ...value,
      fee: BigInt(value.fee),
      events: value.events.map((event) => ({
        ...event,
        emitter: bytesOf(event.emitter),
        content: bytesOf(event.content),
      })),
    }
    expect(hexOf(encodeReceipt(receipt))).toBe(encoded)
    expect(decodeReceipt(bytesOf(encoded))).toEqual({ ok: true, value: receipt })
  },
)

interface Accounts {
  readonly cases: readonly {
    readonly address: string
    readonly key: Hash
    readonly value: {
      readonly balance: string
      readonly nonce: string
      readonly historyCount: number
      readonly historyHead: Hash
    }
    readonly encoded: string
  }[]
}

test.each(load<Accounts>('account').cases)('account $address', ({ address, key, value, encoded }) => {
  const account = { ...value, balance: BigInt(value.balance), nonce: BigInt(value.nonce) }
  expect(accountKey(address)).toBe(key)
  expect(hexOf(encodeAccount(account))).toBe(encoded)
  expect(decodeAccount(bytesOf(encoded))).toEqual({ ok: true, value: account })
})

interface StateProofs {
  readonly accounts: readonly { readonly address: string; readonly balance: string }[]
  readonly root: Hash
  readonly cases: readonly {
    readonly description: string
    readonly key: Hash
    readonly value: string | null
    readonly encoded: string
  }[]
}

const proofs = load<StateProofs>('state-proof')

test.each(proofs.cases)('state proof: $description', ({ key, value, encoded }) => {
  const { writes, stateRoot } = genesisState(
    proofs.accounts.map(({ address, balance }) => ({ address, balance: BigInt(balance) })),
  )
  expect(stateRoot).toBe(proofs.root)
  expect(hexOf(encodeStateProof(proveState(createOverlay(EMPTY_STATE, writes), key)))).toBe(encoded)
  const proof = decodeStateProof(bytesOf(encoded))
  if (!proof.ok) throw new Error(proof.detail)
  expect(verifyStateProof(proofs.root, key, value === null ? undefined : bytesOf(value), proof.value)).toBe(true)
})
