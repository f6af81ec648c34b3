// `scoville account`: balance and nonces of an account, as a node has committed them.

import type { Command } from 'commander'
import { addLeaf, columns, done, type Finish, grouped, type Outcome } from './outcome.ts'
import { addRemote, askNode, type RemoteOptions, refused } from './remote.ts'

export function addAccount(program: Command, finish: Finish): void {
  const command = addLeaf(program, 'account <address>', "show an account's balance and nonce", [
    'account 0                 # account 0 of the test network',
    'account scvdev1… --json',
  ]).addHelpText('after', '\nAn address is bech32m, or 0x and 40 hex digits, or the number of a test account.')
  addRemote(command).action((address: string, options: RemoteOptions) => finish(options, () => show(address, options)))
}

function show(text: string, options: RemoteOptions): Promise<Outcome> {
  return askNode(options, async (client) => {
    const { addressText } = await import('./wallet.ts')
    const account = await client.account(await addressText(text))
    if (!account.ok) return refused(account)
    const { address, addressHex, balance, nonce, pendingNonce, height } = account.value
    const rows: [string, string][] = [
      ['address', address],
      ['hex', addressHex],
      ['balance', `${grouped(balance)} base units`],
      ['nonce', pendingNonce === nonce ? nonce : `${nonce} (${pendingNonce} with what is pending)`],
      ['at height', grouped(height)],
    ]
    return done(columns(rows), account.value)
  })
}
