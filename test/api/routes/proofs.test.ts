// Proofs over HTTP. What a whole node answers is verified as a client would: from the JSON, with the genesis file alone.

import { beforeAll, describe, expect, it } from 'vitest'
import type { ApiPorts } from '../../../api/ports.ts'
import { type Trust, trustGenesis, verifyAccount, verifyCertificate, verifyTransaction } from '../../../api/verify.ts'
import { readAccountProof, readCertificateProof, readTransactionProof } from '../../../api/view-proof.ts'
import type { Height } from '../../../consensus/types.ts'
import { assert } from '../../../crypto/assert.ts'
import { createChainReader } from '../../../node/readers.ts'
import { createProvedChain, type ProvedChain, readerOf } from '../../node/proved-chain.ts'
import { ALICE, createMemoryChain, type MemoryChain, transfer } from '../chain.ts'
import { type Served, serve } from '../serve.ts'

const VALIDATORS = 4

describe('a node with a chain behind it', () => {
  let chain: ProvedChain
  let trust: Trust

  beforeAll(async () => {
    chain = await createProvedChain('fast')
    trust = trustGenesis(chain.committee.genesis, chain.committee.scheme.bls)
  })

  /** The API as the node makes it, over a replica of the simulated chain. */
  async function serveNode(): Promise<Served> {
    const node = chain.world.nodes[1]
    assert(node?.replica !== undefined && node.store !== undefined, 'it runs')
    const { replica, store } = node
    const { genesis, validators } = chain.committee
    const { chainId, genesisHash, addressPrefix } = genesis
    const info = { chainId, genesisHash, addressPrefix, softwareVersion: 'test', role: 'validator' } as const
    const peers = () => []
    const network = { peers } as unknown as ReturnType<Parameters<typeof createChainReader>[0]['network']>
    const reader = createChainReader({
      info,
      store,
      validators,
      network: () => network,
      core: () => replica.driver.core,
    })
    const memory = createMemoryChain()
    const ports: ApiPorts = { ...memory.ports, chain: reader, proofs: readerOf(node), submitter: replica.submissions }
    return serve({}, { ...memory, ports })
  }

  it('proves every block from genesis to the head', async () => {
    const { get } = await serveNode()
    const head = Number((await get('/v1')).body.data.height)
    expect(head).toBeGreaterThan(10)
    for (let height = 0; height <= head; height++) {
      const { status, body } = await get(`/v1/blocks/${height}/certificate`)
      expect(status).toBe(200)
      const proof = readCertificateProof(body.data, VALIDATORS)
      assert(proof !== undefined, 'the proof reads back')
      const verdict = await verifyCertificate(trust, height as Height, proof)
      const { certificate, block, validatorSetHash } = body.data
      assert(verdict.ok, `block ${height} does not verify`)
      expect(`0x${verdict.value.id}`).toBe(block.hash)
      expect([String(verdict.value.power), verdict.value.signers]).toEqual([certificate.power, certificate.signers])
      expect(`0x${verdict.value.header.epochHash}`).toBe(validatorSetHash)
    }
  })

  it('proves every transaction, the failed one too, and refuses to prove another with it', async () => {
    const { get } = await serveNode()
    const [first] = chain.sent
    for (const id of chain.sent) {
      const { body } = await get(`/v1/transactions/0x${id}/proof`)
      const proof = readTransactionProof(body.data, VALIDATORS)
      assert(proof !== undefined && first !== undefined, 'the proof reads back')
      const verdict = await verifyTransaction(trust, id, proof)
      assert(verdict.ok, `${id} does not verify`)
      expect(String(verdict.value.block.header.height)).toBe(body.data.block.height)
      expect((await verifyTransaction(trust, first, proof)).ok).toBe(id === first)
    }
  })

  it('proves an account beside what it says of it, and that there is none', async () => {
    const { get } = await serveNode()
    for (const address of [chain.committee.people[1]?.address, 'ee'.repeat(20)]) {
      assert(address !== undefined, 'there are people')
      const { data } = (await get(`/v1/accounts/0x${address}?proof=true`)).body
      const proof = readAccountProof(data.proof, VALIDATORS)
      assert(proof !== undefined, 'the proof reads back')
      const verdict = await verifyAccount(trust, address, proof)
      assert(verdict.ok, 'the account does not verify')
      const { account, block } = verdict.value
      const said = [String(account.balance), String(account.nonce), String(block.header.height)]
      expect(said).toEqual([data.balance, data.nonce, data.height])
    }
  })
})

describe('what is answered where there is no proof', () => {
  async function serveChain(): Promise<Served & { readonly chain: MemoryChain }> {
    const served = await serve()
    await served.chain.ports.submitter.submit([transfer().bytes])
    served.chain.commit()
    return served
  }

  it.each([
    ['/v1/blocks/99/certificate', 404, 'block-unknown'],
    [`/v1/transactions/0x${'ab'.repeat(32)}/proof`, 404, 'tx-unknown'],
    ['/v1/transactions/1/proof', 400, 'invalid-request'],
    [`/v1/accounts/0x${ALICE.address}?proof=yes`, 400, 'invalid-request'],
    ['/v1/blocks/1/certificate?x=1', 400, 'invalid-request'],
  ])('%s: %i %s', async (path, status, code) => {
    const reply = await (await serveChain()).get(path)
    expect([reply.status, reply.body.code]).toEqual([status, code])
  })

  it('409 for a pending transaction, which may yet commit', async () => {
    const { chain, get } = await serveChain()
    const pending = transfer({ nonce: 1n })
    await chain.ports.submitter.submit([pending.bytes])
    const { status, body } = await get(`/v1/transactions/0x${pending.id}/proof`)
    expect([status, body.code, body.height]).toEqual([409, 'proof-unavailable', '1'])
    chain.commit()
    expect((await get(`/v1/transactions/0x${pending.id}/proof`)).status).toBe(200)
  })

  it('409 while the block that made the head final is not held, and not a weaker proof', async () => {
    const { chain, get } = await serveChain()
    chain.settings.isBehind = true
    for (const path of ['/v1/blocks/1/certificate', `/v1/transactions/0x${transfer().id}/proof`]) {
      expect((await get(path)).body.code).toBe('proof-unavailable')
    }
    expect((await get(`/v1/accounts/0x${ALICE.address}?proof=true`)).body.code).toBe('proof-unavailable')
    expect((await get(`/v1/accounts/0x${ALICE.address}`)).body.data.proof).toBeUndefined()
  })

  it('410 for a pruned block', async () => {
    const { chain, get } = await serveChain()
    chain.commit()
    chain.prune(2)
    const { status, body } = await get('/v1/blocks/1/certificate')
    expect([status, body.code, body.oldestHeight]).toEqual([410, 'block-pruned', '2'])
  })
})

describe('caching', () => {
  it('keeps a proof of something committed for ever, that of latest and of an account not', async () => {
    const { chain, get } = await serve()
    const { id, bytes } = transfer()
    await chain.ports.submitter.submit([bytes])
    chain.commit()
    for (const path of ['/v1/blocks/1/certificate', `/v1/transactions/0x${id}/proof`]) {
      const { headers } = await get(path)
      expect(headers.get('cache-control')).toContain('immutable')
      expect((await get(path, { 'if-none-match': headers.get('etag') ?? '' })).status).toBe(304)
    }
    expect((await get('/v1/blocks/latest/certificate')).headers.get('cache-control')).toBe('no-cache')
    const account = await get(`/v1/accounts/0x${ALICE.address}?proof=true`)
    expect(account.headers.get('cache-control')).toBe('no-store')
  })
})
