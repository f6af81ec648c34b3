import { describeTransfers } from './transfer-suite.ts'

describeTransfers('a transfer on four nodes', { flags: { 'bls-backend': 'blst' } })
