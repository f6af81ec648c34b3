// Forgers of certificates: too few signers, wrong bitmaps, other blocks, other QCs, and true certificates at the wrong time.

import { bitmapBytes, bitmapIndices, bitmapOf } from '../../../consensus/bitmap.ts'
import { rootQC } from '../../../consensus/certificates.ts'
import type { CoreState } from '../../../consensus/state.ts'
import type { BlockId, Message, QC, TC, Timeout, ValidatorIndex, View, Vote } from '../../../consensus/types.ts'
import type { Hash } from '../../../crypto/bytes.ts'
import type { Grip, Villain } from './grip.ts'

const OTHER_ID = 'cd'.repeat(32) as Hash as BlockId

/** Sends something made of its own replica's certificates, at every view it enters, and in place of its own certificates. */
function forger(about: string, forge: (grip: Grip, core: CoreState) => readonly (Message | Uint8Array)[]): Villain {
  return {
    about,
    take: (grip) => ({
      stepped(core, effects) {
        if (!effects.some(({ kind }) => kind === 'entered-view')) return
        for (const message of forge(grip, core)) for (const to of grip.others) grip.send(to, message)
      },
    }),
  }
}

function qcForger(about: string, forge: (grip: Grip, qc: QC, core: CoreState) => QC | undefined): Villain {
  return forger(about, (grip, core) => {
    const { highQC } = core.safety
    if (highQC.view === 0) return []
    const qc = forge(grip, highQC, core)
    return qc === undefined ? [] : [{ kind: 'certificate', qc }]
  })
}

function tcForger(about: string, forge: (grip: Grip, tc: TC, core: CoreState) => TC | undefined): Villain {
  return forger(about, (grip, core) => {
    const { lastTC, highQC } = core.safety
    const base: TC = lastTC ?? {
      epoch: highQC.epoch,
      view: core.view,
      signers: highQC.signers,
      highQcViews: (bitmapIndices(highQC.signers, grip.committee.validators.size) ?? []).map(() => highQC.view),
      highQC,
      signature: highQC.signature,
    }
    const tc = forge(grip, base, core)
    return tc === undefined ? [] : [{ kind: 'certificate', qc: highQC, tc }]
  })
}

function next({ view }: { readonly view: View }, by = 1): View {
  return (view + by) as View
}

function everybody({ committee }: Grip): Uint8Array {
  return bitmapOf(committee.validators.indices(), committee.validators.size)
}

/** One signature short of a quorum, its own included: as far as true signatures go. */
function shortForger(about: string, kind: 'vote' | 'timeout'): Villain {
  return {
    about,
    take(grip) {
      const heard = new Map<string, Map<ValidatorIndex, Vote | Timeout>>()
      const { validators, scheme } = grip.committee
      const collect = (message: Vote | Timeout) => {
        const key = 'blockId' in message ? `${message.view}/${message.blockId}` : `${message.view}`
        const group = heard.get(key) ?? new Map<ValidatorIndex, Vote | Timeout>()
        heard.set(key, group.set(message.signer, message))
        if (heard.size > 64) for (const old of heard.keys()) if (heard.size > 32) heard.delete(old)
        if (group.size !== validators.quorum - 1) return
        const sorted = [...group.values()].sort((a, b) => a.signer - b.signer)
        const signers = bitmapOf(group.keys(), validators.size)
        scheme.bls.aggregate(sorted.map(({ signature }) => signature)).then(
          (signature) => {
            const highQC = grip.core()?.safety.highQC
            if (signature === undefined || highQC === undefined) return
            if ('blockId' in message) {
              const { signer: _, ...content } = message
              return grip.sendAll({ kind: 'certificate', qc: { ...content, signers, signature } })
            }
            const timeouts = sorted as Timeout[]
            const highest = timeouts.reduce((a, b) => (b.highQC.view > a.highQC.view ? b : a))
            const { epoch, view } = message
            const highQcViews = timeouts.map((timeout) => timeout.highQC.view)
            const tc = { epoch, view, signers, highQcViews, highQC: highest.highQC, signature }
            return grip.sendAll({ kind: 'certificate', qc: highQC, tc })
          },
          () => {},
        )
      }
      const look = (frame: Uint8Array) => {
        const message = grip.decode(frame)
        if (kind === 'vote' && message?.kind === 'vote') collect(message.vote)
        if (kind === 'timeout' && message?.kind === 'timeout') collect(message.timeout)
      }
      return {
        hears(frame) {
          look(frame)
          return true
        },
        out(frame) {
          look(frame)
          return [frame]
        },
      }
    },
  }
}

export const FORGERS: Readonly<Record<string, Villain>> = {
  'lonely-qc-forger': qcForger('a QC with one signer', ({ self, committee }, qc, { view }) => ({
    ...qc,
    view,
    blockId: OTHER_ID,
    signers: bitmapOf([self], committee.validators.size),
  })),
  'short-qc-forger': shortForger('a QC of true votes, one too few', 'vote'),
  'short-tc-forger': shortForger('a TC of true timeouts, one too few', 'timeout'),
  'bitmap-qc-forger': qcForger('a true signature under another bitmap', (grip, qc) => {
    const { size } = grip.committee.validators
    const signers = bitmapIndices(qc.signers, size) ?? []
    const absent = grip.committee.validators.indices().filter((index) => !signers.includes(index))
    const changed = grip.random.chance(500)
      ? [...signers, ...absent.slice(0, 1)]
      : [...signers.slice(1), ...absent.slice(0, 1)]
    return { ...qc, signers: bitmapOf(changed.toSorted((a, b) => a - b) as ValidatorIndex[], size) }
  }),
  'long-bitmap-qc-forger': qcForger('bits behind the last validator, or a longer bitmap', (grip, qc) => {
    const signers = new Uint8Array(grip.random.chance(500) ? qc.signers : [...qc.signers, 0])
    signers[signers.length - 1] = (signers.at(-1) ?? 0) | 0x80
    return { ...qc, signers }
  }),
  'other-block-qc-forger': qcForger('a true signature over another block', (_, qc) => ({
    ...qc,
    view: next(qc),
    blockId: OTHER_ID,
  })),
  'other-parent-qc-forger': qcForger(
    'a true signature with another parent, so that another block commits',
    (_, qc) => ({
      ...qc,
      parentView: Math.max(0, qc.view - 1) as View,
      parentId: OTHER_ID,
    }),
  ),
  'infinity-qc-forger': qcForger('a signature of zeros or the point at infinity', (grip, qc) => {
    const signature = new Uint8Array(96)
    if (grip.random.chance(500)) signature[0] = 0xc0
    const signers = grip.random.chance(500)
      ? new Uint8Array(bitmapBytes(grip.committee.validators.size))
      : everybody(grip)
    return { ...qc, view: next(qc), blockId: OTHER_ID, signers, signature }
  }),
  'root-qc-forger': qcForger('a root QC of another block', ({ committee }) =>
    rootQC(committee.validators.epoch, OTHER_ID, committee.validators.size),
  ),
  'far-qc-forger': qcForger('a QC of a view far ahead', ({ random }, qc) => ({
    ...qc,
    view: next(qc, random.between(1, 1_000_000)),
  })),
  'lonely-tc-forger': tcForger('a TC with one signer', ({ self, committee }, tc, { view, safety }) => ({
    ...tc,
    view,
    signers: bitmapOf([self], committee.validators.size),
    highQcViews: [safety.highQC.view],
    highQC: safety.highQC,
  })),
  'other-qc-tc-forger': tcForger('a true TC with an arbitrary QC', (_, tc, { safety }) => ({
    ...tc,
    highQC: safety.highQC,
  })),
  'lying-views-tc-forger': tcForger('a TC that says its signers knew less', (_, tc) => ({
    ...tc,
    highQcViews: tc.highQcViews.map((view) => Math.max(0, view - 1) as View),
  })),
  'next-view-tc-forger': tcForger('the signature of one TC for the next view', (_, tc) => ({ ...tc, view: next(tc) })),
  'far-tc-forger': tcForger('a TC of a view far ahead', ({ random }, tc) => ({
    ...tc,
    view: next(tc, random.between(1, 1_000_000)),
  })),
  archivist: {
    about: 'repeats true certificates of the past, again and again',
    take(grip) {
      const kept: Message[] = []
      return {
        stepped(core, effects) {
          if (!effects.some(({ kind }) => kind === 'entered-view')) return
          const { highQC, lastTC } = core.safety
          kept.push({ kind: 'certificate', qc: highQC, ...(lastTC === undefined ? {} : { tc: lastTC }) })
          if (kept.length > 50) kept.shift()
          for (let at = 0; at < 10; at++) grip.sendAll(grip.random.pick(kept))
        },
      }
    },
  },
  'qc-withholder': {
    about: 'collects votes and shows nobody the QC; forgets it in its timeouts, too',
    take: (grip) => ({
      out(frame) {
        const message = grip.decode(frame)
        const shows = message?.kind === 'proposal' || message?.kind === 'certificate' || message?.kind === 'timeout'
        return shows ? [] : [frame]
      },
    }),
  },
  'selective-certifier': {
    about: 'shows its certificates to one half only',
    take: (grip) => ({
      out(frame, to) {
        const message = grip.decode(frame)
        return message?.kind === 'certificate' && to.number % 2 === 1 ? [] : [frame]
      },
    }),
  },
}
