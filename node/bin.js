#!/usr/bin/env node
// The `scoville` command. Only chooses the Node; everything else is in main.ts.

import { fileURLToPath } from 'node:url'
import guard from './guard.cjs'

guard.launch(fileURLToPath(new URL('./main.ts', import.meta.url)))
