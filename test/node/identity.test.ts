// Where a key meets what is on the disk: a record of what another key signed says nothing of this one's.

import { expect, test } from 'vitest'
import { loadBls } from '../../crypto/bls-backend.ts'
import { generateNetwork } from '../../genesis/devnet.ts'
import { readChainRules } from '../../node/chain-rules.ts'
import { openIdentity } from '../../node/identity.ts'
import { createLog } from '../../node/log.ts'
import { openChainStore } from '../../node/storage/chain-store.ts'
import { openSafetyStore } from '../../node/storage/safety-store.ts'
import { safetyAt } from './storage/fixture.ts'
import { temporaryDir } from './storage/temporary-dir.ts'

test('the directory of one validator with the key of another signs nothing, and says so', async () => {
  const bls = await loadBls()
  const { genesisText, keys } = await generateNetwork(bls, {
    validators: 4,
    chainId: 'identity-1',
    accounts: [],
    seed: 'identity',
    addresses: () => [],
  })
  const { genesis, limits, validators } = await readChainRules(genesisText, bls)
  const { genesisHash } = genesis
  const dataDir = await temporaryDir()
  const store = await openChainStore(dataDir, genesisHash, limits)
  const opening = await openSafetyStore(dataDir, genesisHash, store.mirror, limits)
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
