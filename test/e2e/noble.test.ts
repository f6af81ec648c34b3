import { describeTransfers } from './transfer-suite.ts'

// Pairings in JavaScript cost some 60 ms each, and four nodes share the cores: patience instead of view changes.
describeTransfers('a transfer on four nodes without native BLS', {
  flags: { 'bls-backend': 'noble', 'base-timeout-ms': '4000' },
})
