import { describe, expect, it } from 'vitest'
import { type ApiClient, createClient } from '../../api/client.ts'
import { ALICE, BALANCE, createMemoryChain, type MemoryChain, transfer } from './chain.ts'
import { serve, until } from './serve.ts'

async function connected(chain = createMemoryChain()): Promise<{ chain: MemoryChain; client: ApiClient; url: string }> {
  const { url } = await serve({}, chain)
  return { chain, client: createClient(`${url}/`), url }
}

describe('the client', () => {
  it('submits, waits for the commit and reads the result', async () => {
    const { chain, client } = await connected()
    const { id, bytes } = transfer({ amount: 4n })
    expect(await client.submit(bytes)).toMatchObject({
      ok: true,
      status: 202,
      value: { hash: `0x${id}`, duplicate: false },
    })
    const wait = client.transaction(id, { waitMs: 5_000 })
    await until('the wait is open', () => chain.waiting() === 1)
    chain.commit()
    expect(await wait).toMatchObject({ ok: true, status: 200, value: { status: 'committed', block: { height: '1' } } })
    const account = await client.account(`0x${ALICE.address}`)
    expect(account).toMatchObject({ ok: true, value: { balance: String(BALANCE - 14n) } })
    expect(await client.nonce(`0x${ALICE.address}`)).toMatchObject({ ok: true, value: { committed: '1', next: '1' } })
  })

  it('returns problems as values', async () => {
    const { client } = await connected()
    expect(await client.submit(Uint8Array.of(1))).toMatchObject({
      ok: false,
      status: 400,
      problem: { code: 'malformed-transaction' },
    })
    expect(await client.block(9)).toMatchObject({
      ok: false,
      status: 404,
      problem: { code: 'block-unknown', height: '0' },
    })
    const outcomes = await client.submitBatch([transfer().bytes, Uint8Array.of(1)])
    expect(outcomes).toMatchObject({
      ok: true,
      value: [{ status: 'pending' }, { problem: { code: 'malformed-transaction' } }],
    })
  })

  it('pages, and reads everything else', async () => {
    const { chain, client, url } = await connected()
    for (let height = 0; height < 3; height++) chain.commit()
    const first = await client.blocks({ limit: 2 })
    expect(first.ok && first.value.items.map(({ height }) => height)).toEqual(['3', '2'])
    const second = await client.blocks({ limit: 2, cursor: (first.ok && first.value.next) || '' })
    expect(second.ok && second.value.items.map(({ height }) => height)).toEqual(['1', '0'])
    expect(await client.blockTransactions(1)).toMatchObject({ ok: true, value: { items: [], next: null } })
    expect(await client.block('latest', ['certificate'])).toMatchObject({ ok: true, value: { certificate: null } })
    expect(await client.validators()).toMatchObject({ ok: true, value: { length: 4 } })
    expect(await client.consensus()).toMatchObject({ ok: true, value: { quorum: '3' } })
    expect(await client.mempool()).toMatchObject({ ok: true, value: { count: 0 } })
    expect(await client.info()).toMatchObject({ ok: true, value: { chainId: 'scoville-test', height: '3' } })
    expect(await client.readiness()).toMatchObject({ status: 'ready' })
    expect(await createClient(url, { minHeight: 3 }).info()).toMatchObject({ ok: true, value: { height: '3' } })
  })
})
