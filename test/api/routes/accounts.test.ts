import { describe, expect, it } from 'vitest'
import { encodeAddress } from '../../../ledger/address.ts'
import { ALICE, BALANCE, BOB, PREFIX, testAccount, transfer } from '../chain.ts'
import { serve } from '../serve.ts'

describe('accounts', () => {
  it('are found by bech32m and by hex of either case, and show what is committed', async () => {
    const { chain, get } = await serve()
    await chain.ports.submitter.submit([transfer({ amount: 5n }).bytes])
    chain.commit()
    const address = encodeAddress(PREFIX, ALICE.address)
    const { body } = await get(`/v1/accounts/${address}`)
    expect(body.data).toMatchObject({
      address,
      addressHex: `0x${ALICE.address}`,
      balance: String(BALANCE - 15n),
      nonce: '1',
      pendingNonce: '1',
      historyCount: '1',
      height: '1',
    })
    expect((await get(`/v1/accounts/0x${ALICE.address.toUpperCase()}`)).body).toEqual(body)
  })

  it('that were never used are empty, not missing', async () => {
    const { get } = await serve()
    const { status, body } = await get(`/v1/accounts/0x${testAccount(9).address}`)
    expect([status, body.data.balance, body.data.nonce]).toEqual([200, '0', '0'])
  })

  it('tell the next nonce counting what is pending without a gap (aptos#4431)', async () => {
    const { chain, get } = await serve()
    await chain.ports.submitter.submit([0n, 1n, 3n].map((nonce) => transfer({ nonce }).bytes))
    const { body } = await get(`/v1/accounts/0x${ALICE.address}/nonce`)
    expect(body.data).toMatchObject({ committed: '0', next: '2', addressHex: `0x${ALICE.address}` })
  })

  it.each([
    ['another network', encodeAddress('scvmain', BOB.address), /prefix/],
    ['a mistyped character', `${encodeAddress(PREFIX, BOB.address).slice(0, -1)}b`, /checksum/],
    ['too few hex digits', '0x1234', /40 hex digits/],
    ['too much text', 'x'.repeat(500), /characters/],
  ])('refuse %s and say what is wrong', async (_why, address, detail) => {
    const { get } = await serve()
    for (const path of [`/v1/accounts/${address}`, `/v1/accounts/${address}/nonce`]) {
      const { body } = await get(path)
      expect(body).toMatchObject({ status: 400, code: 'invalid-request', errors: [{ parameter: 'address' }] })
      expect(body.detail).toMatch(detail)
    }
  })
})
