// Where a key meets what is on the disk: a record of what another key signed says nothing of this one's.

import { expect, test } from 'vitest'
import { loadBls } from '../../crypto/bls-backend.ts'
import { generateNetwork } from '../../genesis/devnet.ts'
import { readChainRules } from '../../node/chain-rules.ts'
import { openIdentity } from '../../node/identity.ts'
import { createLog } from '../../node/log.ts'
import { openChainStore } from '../../node/storage/chain-store.ts'
import { declareNeverSigned, isDeclaredNeverSigned } from '../../node/storage/never-signed.ts'
import { openFirstSafetyStore } from '../../node/storage/safety-store.ts'
import { safetyAt } from './storage/fixture.ts'
import { temporaryDir } from './storage/temporary-dir.ts'

async function network() {
  const bls = await loadBls()
  const { genesisText, keys } = await generateNetwork(bls, {
    validators: 4,
    chainId: 'identity-1',
    accounts: [],
    seed: 'identity',
    addresses: () => [],
  })
  const { genesis, limits, validators } = await readChainRules(genesisText, bls)
  return { bls, genesisHash: genesis.genesisHash, keys, limits, validators }
}

test('the directory of one validator with the key of another signs nothing, and says so', async () => {
  const { bls, genesisHash, keys, limits, validators } = await network()
  const dataDir = await temporaryDir()
  const store = await openChainStore(dataDir, genesisHash, limits)
  const opening = await openFirstSafetyStore(dataDir, genesisHash, store.mirror, limits)
  if (opening.kind === 'refuse') throw new Error(opening.reason)
  // Signed by validator 2.
  await opening.store.save(safetyAt(9))
  await opening.store.close()
  const identityOf = (index: number) =>
    openIdentity({
      ...{ dataDir, keys: keys[index], validators, store, genesisHash, limits, bls },
      log: createLog('silent', 'json'),
    })
  const other = await identityOf(1)
  expect(other).toMatchObject({ self: undefined, signer: undefined, safetyStore: undefined })
  expect(other.observing).toContain('(safety-other-key): the safety file is that of validator v2')
  const own = await identityOf(2)
  expect(own).toMatchObject({ self: 2, observing: undefined, safety: { lastVotedView: 9 } })
  await own.safetyStore?.close()
  await store.close()
})

test('a key of which nothing is known signs only after it was declared that it never signed, and once (PITFALLS 6)', async () => {
  const { bls, genesisHash, keys, limits, validators } = await network()
  const dataDir = await temporaryDir()
  const store = await openChainStore(dataDir, genesisHash, limits)
  const log = createLog('silent', 'json')
  const identityOf = (index: number) =>
    openIdentity({ dataDir, keys: keys[index], validators, store, genesisHash, limits, bls, log })
  const observing = expect.stringContaining('(safety-uninitialized)')
  expect(await identityOf(2)).toMatchObject({ self: undefined, signer: undefined, observing })
  const { nodeKey } = keys[2] ?? {}
  if (nodeKey === undefined) throw new Error('no key')
  await declareNeverSigned(dataDir, nodeKey)
  // What is declared of one key says nothing of another.
  expect(await identityOf(1)).toMatchObject({ self: undefined, signer: undefined, observing })
  expect(await isDeclaredNeverSigned(dataDir, nodeKey)).toBe(true)
  const own = await identityOf(2)
  expect(own).toMatchObject({ self: 2, observing: undefined })
  expect(await isDeclaredNeverSigned(dataDir, nodeKey)).toBe(false)
  await own.safetyStore?.close()
  const again = await identityOf(2)
  expect(again).toMatchObject({ self: 2, observing: undefined })
  await again.safetyStore?.close()
  await store.close()
})
