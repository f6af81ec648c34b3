// Every villain by name. At most f of them are in a world; each wraps an honest replica and holds its validator's real keys.

import type { SimulatedNode, Tampering } from '../world/node.ts'
import { FORGERS } from './forgers.ts'
import type { Grip, Villain } from './grip.ts'
import { LEADERS } from './leaders.ts'
import { LIARS } from './liars.ts'
import { VANDALS } from './vandals.ts'
import { VOTERS } from './voters.ts'

const SINGLE: Readonly<Record<string, Villain>> = { ...LEADERS, ...VOTERS, ...FORGERS, ...VANDALS, ...LIARS }

/** Several at once: what one sends, the next may change. */
function together(parts: readonly Tampering[]): Tampering {
  return {
    out: (frame, to) => parts.reduce<readonly Uint8Array[]>((frames, part) => through(part, frames, to), [frame]),
    // Everyone hears everything; one deaf ear is enough to miss it.
    hears: (frame, from) => parts.map((part) => part.hears?.(frame, from) ?? true).every(Boolean),
    gossipOut: (body) =>
      parts.reduce<readonly Uint8Array[]>(
        (bodies, part) => bodies.flatMap((one) => part.gossipOut?.(one) ?? [one]),
        [body],
      ),
    started: () => {
      for (const part of parts) part.started?.()
    },
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

export const VILLAINS: ReadonlyMap<string, Villain> = new Map<string, Villain>(Object.entries(SINGLE))

/** @param kind a name, or several joined by `+`: one validator does all of it */
export function villainOf(kind: string): Villain {
  const parts = kind.split('+').map((name) => {
    const villain = VILLAINS.get(name)
    if (villain === undefined) throw new RangeError(`no villain of the name ${name}`)
    return villain
  })
  const [only] = parts
  if (only !== undefined && parts.length === 1) return only
  return {
    about: parts.map(({ about }) => about).join('; '),
    hasTwin: parts.some(({ hasTwin }) => hasTwin === true),
    take: (grip: Grip) => together(parts.map(({ take }) => take(grip))),
  }
}
