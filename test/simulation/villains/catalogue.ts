// Every villain by name. At most f of them are in a world; each wraps an honest replica and holds its validator's real keys.

import type { SimulatedNode, Tampering } from '../world/node.ts'
import { FORGERS } from './forgers.ts'
import type { Grip, Villain } from './grip.ts'
import { LEADERS } from './leaders.ts'
import { LIARS } from './liars.ts'
import { VANDALS } from './vandals.ts'
import { VOTERS } from './voters.ts'

const SINGLE: Readonly<Record<string, Villain>> = { ...LEADERS, ...VOTERS, ...FORGERS, ...VANDALS, ...LIARS }

/** Three of the others at once. */
function mixed(grip: Grip): Tampering {
  const kinds = Object.values(SINGLE).filter(({ hasTwin }) => hasTwin !== true)
  const parts = grip.random
    .shuffled(kinds)
    .slice(0, 3)
    .map(({ take }) => take(grip))
  const each = (name: 'started') => () => {
    for (const part of parts) part[name]?.()
  }
  return {
    out: (frame, to) => parts.reduce((frames, part) => through(part, frames, to), [frame] as readonly Uint8Array[]),
    hears: (frame, from) => parts.every((part) => part.hears?.(frame, from) ?? true),
    gossipOut: (body) =>
      parts.reduce((bodies, part) => bodies.flatMap((one) => part.gossipOut?.(one) ?? [one]), [
        body,
      ] as readonly Uint8Array[]),
    started: each('started'),
    starting: (disk) => {
      for (const part of parts) part.starting?.(disk)
    },
    stepped: (core, effects) => {
      for (const part of parts) part.stepped?.(core, effects)
    },
  }
}

function through(part: Tampering, frames: readonly Uint8Array[], to: SimulatedNode): readonly Uint8Array[] {
  const { out } = part
  return out === undefined ? frames : frames.flatMap((frame) => out(frame, to))
}

export const VILLAINS: ReadonlyMap<string, Villain> = new Map<string, Villain>([
  ...Object.entries(SINGLE),
  ['chameleon', { about: 'three of the others at once', take: mixed }],
])
