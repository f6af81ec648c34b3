// The common suite over the noble backend.

import { createNobleBls } from '../../crypto/bls-noble.ts'
import { runBlsSuite } from './bls-suite.ts'

runBlsSuite('noble', createNobleBls)
