// Two whole nodes in this process, over real sockets and real disks: that every part was wired to the next (PITFALLS 42).
// The rules are proved elsewhere; here a transaction takes the whole way once, and the whole way back.

import { expect, onTestFinished, test } from 'vitest'
import { createClient } from '../../api/client.ts'
import { loadBls } from '../../crypto/bls-backend.ts'
import { keyPairFromSeed } from '../../crypto/ed25519.ts'
import { sha256 } from '../../crypto/hash.ts'
import { generateNetwork } from '../../genesis/devnet.ts'
import type { ValidatorKeys } from '../../genesis/keys.ts'
import { addressOf } from '../../ledger/address.ts'
import { signTransfer } from '../../ledger/transaction.ts'
import { parseConfig } from '../../node/config.ts'
import { createLog } from '../../node/log.ts'
import { type RunningNode, startNode } from '../../node/node.ts'
import { declareNeverSigned } from '../../node/storage/never-signed.ts'
import { openStream } from '../api/events.ts'
import { until } from '../api/serve.ts'
import { temporaryDir } from './storage/temporary-dir.ts'

const WAIT_MS = 15_000
const sender = keyPairFromSeed(sha256(Buffer.from('sender')))
const recipient = addressOf(keyPairFromSeed(sha256(Buffer.from('recipient'))).publicKey)

async function start(
  genesisText: string,
  keys: ValidatorKeys | undefined,
  peers: readonly string[],
): Promise<RunningNode> {
  const dataDir = await temporaryDir()
  if (keys !== undefined) await declareNeverSigned(dataDir, keys.nodeKey)
  const flags = { dataDir, listen: '/ip4/127.0.0.1/tcp/0', apiPort: 0, peers }
  const parsed = parseConfig({ flags, env: {} })
  if (!parsed.ok) throw new Error(parsed.errors.map(({ message }) => message).join())
  const node = await startNode({
    config: parsed.config,
    genesisText,
    keys,
    log: createLog('silent', 'json'),
    onFatal: (error) => {
      throw error
    },
    onRestored: () => {},
  })
  onTestFinished(() => node.stop())
  return node
}

test('what a full node is given over HTTP is committed by the validator, and read from both', async () => {
  const { genesisText, keys } = await generateNetwork(await loadBls(), {
    validators: 1,
    chainId: 'wiring-1',
    accounts: [{ address: addressOf(sender.publicKey), balance: 1_000_000n }],
    seed: 'wiring',
    addresses: () => [],
  })
  const validator = await start(genesisText, keys[0], [])
  const full = await start(genesisText, undefined, validator.listenAddresses)
  expect([validator.role, full.role]).toEqual(['validator', 'full'])
  const stream = await openStream(`http://127.0.0.1:${full.apiPort}/v1/events?topics=tx`)
  onTestFinished(stream.close)
  const [first, second] = [full, validator].map(({ apiPort }) => createClient(`http://127.0.0.1:${apiPort}`))
  const { id, bytes } = signTransfer({
    genesisHash: full.genesis.genesisHash,
    nonce: 0n,
    fee: BigInt(full.genesis.params.feeMin),
    validUntil: 100,
    outputs: [{ recipient, amount: 7n }],
    keyPair: sender,
  })
  expect(await first?.submit(bytes, { waitMs: WAIT_MS })).toMatchObject({ ok: true, value: { status: 'committed' } })
  expect(await second?.transaction(id, { waitMs: WAIT_MS })).toMatchObject({ ok: true, value: { status: 'committed' } })
  expect(await second?.account(`0x${recipient}`)).toMatchObject({ ok: true, value: { balance: '7' } })
  // Well before the keep-alive, at which the stream would look by itself.
  await until('the event of the commit', () => stream.events.some(({ data }) => data.hash === `0x${id}`))
})
