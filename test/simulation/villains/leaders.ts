// Leaders that misuse their turn.

import type { Villain } from './grip.ts'

export const LEADERS: Readonly<Record<string, Villain>> = {
  'silent-leader': {
    about: 'never sends a proposal',
    take: ({ decode }) => ({
      out: (frame) => (decode(frame)?.kind === 'proposal' ? [] : [frame]),
    }),
  },
}
