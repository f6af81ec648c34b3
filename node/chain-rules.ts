// What the genesis file alone decides: who validates, what is executed and how, what may be how large, which certificates hold.
// Read once by whatever looks at a chain: a node, or a command on the directory of one that is stopped.

import { CertificateVerifier } from '../consensus/certificates.ts'
import { createValidatorSet, type ValidatorSet } from '../consensus/validators.ts'
import type { WireLimits } from '../consensus/wire.ts'
import type { Bls } from '../crypto/bls.ts'
import { formatGenesisErrors, type Genesis, parseGenesis } from '../genesis/genesis.ts'
import type { Application } from '../ledger/application.ts'
import { createLedger } from '../ledger/ledger.ts'
import { NodeError } from './fault.ts'

export interface ChainRules {
  readonly genesis: Genesis
  readonly validators: ValidatorSet
  readonly limits: WireLimits
  readonly app: Application
  readonly certificates: CertificateVerifier
}

/** @throws NodeError genesis-invalid */
export async function readChainRules(genesisText: string, bls: Bls): Promise<ChainRules> {
  const parsed = await parseGenesis(genesisText, bls)
  if (!parsed.ok)
    throw new NodeError('genesis-invalid', `the genesis file is not valid:\n${formatGenesisErrors(parsed.errors)}`)
  const { genesis } = parsed
  const { genesisHash, params, rootQC } = genesis
  const { feeMin, payloadBytesMax, transactionsMax, validUntilAheadMax } = params
  const validators = createValidatorSet(genesis.validators)
  return {
    genesis,
    validators,
    limits: { validators: validators.size, payloadBytesMax, itemsMax: transactionsMax },
    app: createLedger({ genesisHash, feeMin: BigInt(feeMin), validUntilAheadMax }),
    certificates: new CertificateVerifier({ bls, genesisHash, validators, rootQC }),
  }
}
