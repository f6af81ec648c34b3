// The other half of swarm.test.ts, so that both cores of a machine work.

import { testWorldShare } from './share.ts'

testWorldShare(1)
