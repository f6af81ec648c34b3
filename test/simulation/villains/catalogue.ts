// Every villain by name. At most f of them are in a world; each wraps an honest replica and holds its validator's real keys.

import type { Villain } from './grip.ts'
import { LEADERS } from './leaders.ts'

export const VILLAINS: ReadonlyMap<string, Villain> = new Map<string, Villain>([...Object.entries(LEADERS)])
