// The other half of agreement.test.ts, so that both cores of a machine work.

import { testCoreShare } from './share.ts'

testCoreShare(1)
