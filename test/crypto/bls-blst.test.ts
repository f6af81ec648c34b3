// The common suite over the blst backend.

import { createBlstBls } from '../../crypto/bls-blst.ts'
import { runBlsSuite } from './bls-suite.ts'

runBlsSuite('blst', createBlstBls)
