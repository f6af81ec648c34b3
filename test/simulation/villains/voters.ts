// Voters and those who give up: twice, for what they did not see, as somebody else, or not at all.

import type { BlockId, Epoch, QC, Timeout, ValidatorIndex, View, Vote } from '../../../consensus/types.ts'
import type { Hash } from '../../../crypto/bytes.ts'
import type { SimulatedNode, Tampering } from '../world/node.ts'
import type { Grip, Villain } from './grip.ts'

const HALF = 500

/** Acts on its own votes; what it sends itself comes later, when the signature is made. */
function voter(
  about: string,
  act: (grip: Grip, vote: Vote, to: SimulatedNode) => readonly Vote[] | undefined,
): Villain {
  return {
    about,
    take: (grip) => ({
      out(frame, to) {
        const message = grip.decode(frame)
        if (message?.kind !== 'vote') return [frame]
        return act(grip, message.vote, to)?.map((vote) => grip.encode({ kind: 'vote', vote })) ?? [frame]
      },
    }),
  }
}

function quitter(
  about: string,
  act: (grip: Grip, timeout: Timeout, to: SimulatedNode) => readonly Timeout[] | undefined,
): Villain {
  return {
    about,
    take: (grip) => ({
      out(frame, to) {
        const message = grip.decode(frame)
        if (message?.kind !== 'timeout') return [frame]
        return act(grip, message.timeout, to)?.map((timeout) => grip.encode({ kind: 'timeout', timeout })) ?? [frame]
      },
    }),
  }
}

/** Signs and sends, without a care for what it signed before. */
function sendVote(grip: Grip, to: readonly SimulatedNode[], vote: Omit<Vote, 'signature'>): void {
  grip.signVote(vote).then(
    (signed) => {
      for (const one of to) grip.send(one, { kind: 'vote', vote: signed })
    },
    () => {},
  )
}

function randomId({ random }: Grip): BlockId {
  return random.between(0, 0xffff).toString(16).padStart(64, '0') as Hash as BlockId
}

function broken(signature: Uint8Array, { random }: Grip): Uint8Array {
  const copy = new Uint8Array(signature)
  const at = random.chance(HALF) ? random.between(0, 31) : random.between(32, 95)
  copy[at] = (copy[at] ?? 0) ^ (1 << random.between(0, 7))
  return copy
}

/** Votes for every proposal it hears, whoever else it voted for: the strongest thing an equivocating voter can do. */
function votesForEverything(grip: Grip): Tampering {
  return {
    hears(frame) {
      const message = grip.decode(frame)
      if (message?.kind !== 'proposal') return true
      const { header, justify } = message.proposal
      const block = grip.resign(message.proposal, {})
      const { epoch, view, parentId } = header
      const vote = { epoch, view, blockId: block.id, parentView: justify.view, parentId, signer: grip.self }
      sendVote(grip, grip.others, vote)
      return true
    },
  }
}

export const VOTERS: Readonly<Record<string, Villain>> = {
  'silent-voter': voter('never votes', () => []),
  'double-voter': voter('votes for a made-up block as well', (grip, vote, to) => {
    sendVote(grip, [to], { ...vote, blockId: randomId(grip) })
    return undefined
  }),
  'first-lies-voter': voter('votes for a made-up block first', (grip, vote, to) => {
    sendVote(grip, [to], { ...vote, blockId: randomId(grip) })
    grip.node.after(20, () => grip.send(to, { kind: 'vote', vote }))
    return []
  }),
  'promiscuous-voter': { about: 'votes for every proposal, to everybody', take: votesForEverything },
  'chatty-voter': voter('sends its votes to everybody', (grip, vote) => {
    grip.sendAll({ kind: 'vote', vote })
    return undefined
  }),
  'forging-voter': voter('signs badly', (grip, vote) => [{ ...vote, signature: broken(vote.signature, grip) }]),
  'sometimes-forging-voter': voter('signs badly now and then', (grip, vote) =>
    grip.random.chance(HALF) ? [{ ...vote, signature: broken(vote.signature, grip) }] : undefined,
  ),
  'impersonating-voter': voter('votes in the name of others', (grip, vote) => {
    const signer = grip.random.between(0, grip.committee.validators.size) as ValidatorIndex
    return [{ ...vote, signer }, vote]
  }),
  'lying-ancestry-voter': voter('states another parent or another view of it', (grip, vote) => {
    const lie = grip.random.chance(HALF)
      ? { parentId: randomId(grip) }
      : { parentView: Math.max(0, vote.parentView - 1) as View }
    sendVote(grip, grip.others, { ...vote, ...lie })
    return []
  }),
  'prophetic-voter': voter('votes in views to come', (grip, vote) => {
    const { random } = grip
    for (let at = 0; at < 20; at++) {
      const view = (vote.view + random.between(1, random.chance(HALF) ? 20 : 1_000_000)) as View
      sendVote(grip, [random.pick(grip.others)], { ...vote, view })
    }
    return undefined
  }),
  'other-epoch-voter': voter('votes in another epoch too', (grip, vote) => {
    sendVote(grip, grip.others, { ...vote, epoch: 1 as Epoch })
    return undefined
  }),
  'late-voter': voter('votes late', (grip, vote, to) => {
    grip.node.after(grip.random.between(10, 1_000), () => grip.send(to, { kind: 'vote', vote }))
    return []
  }),
  'repeating-voter': voter('says every vote twenty times', (_, vote) => Array.from({ length: 20 }, () => vote)),

  'silent-quitter': quitter('never sends a timeout', () => []),
  'stale-quitter': {
    about: 'gives up with an older highQC than it has',
    take(grip) {
      const known: QC[] = []
      return {
        stepped(core) {
          if (known.at(-1) !== core.safety.highQC) known.push(core.safety.highQC)
          if (known.length > 8) known.shift()
        },
        out(frame) {
          const message = grip.decode(frame)
          if (message?.kind !== 'timeout') return [frame]
          const { vote, signature: _, ...timeout } = message.timeout
          const highQC = known[0] ?? timeout.highQC
          const to = grip.others
          grip.signTimeout({ ...timeout, highQC, ...(vote === undefined ? {} : { vote }) }).then(
            (lie) => {
              for (const one of to) grip.send(one, { kind: 'timeout', timeout: lie })
            },
            () => {},
          )
          return grip.random.chance(HALF) ? [frame] : []
        },
      }
    },
  },
  'unproved-quitter': quitter('leaves out how it entered the view', (_, timeout) => {
    const { lastTC: _tc, ...rest } = timeout
    return [rest]
  }),
  'forging-quitter': quitter('signs timeouts badly', (grip, timeout) => [
    { ...timeout, signature: broken(timeout.signature, grip) },
  ]),
  'impersonating-quitter': quitter('gives up in the name of others', (grip, timeout) => [
    { ...timeout, signer: grip.random.between(0, grip.committee.validators.size - 1) as ValidatorIndex },
    timeout,
  ]),
  'voteless-quitter': quitter('keeps its vote from its timeouts, or attaches a bad one', (grip, timeout) => {
    const { vote, ...rest } = timeout
    if (vote === undefined || grip.random.chance(HALF)) return [rest]
    return [{ ...rest, vote: { ...vote, signature: broken(vote.signature, grip) } }]
  }),
  'eager-quitter': {
    about: 'gives up on every view as soon as it is in it, and goes on voting',
    take(grip) {
      let last = 0
      return {
        stepped(core) {
          const { view, safety } = core
          if (view <= last) return
          last = view
          const { epoch, highQC, lastTC } = safety
          const isEntered = highQC.view + 1 === view
          if (!isEntered && lastTC?.view !== view - 1) return
          const timeout = {
            epoch,
            view,
            highQC,
            ...(isEntered || lastTC === undefined ? {} : { lastTC }),
            signer: grip.self,
          }
          grip.signTimeout(timeout).then(
            (signed) => grip.sendAll({ kind: 'timeout', timeout: signed }),
            () => {},
          )
        },
      }
    },
  },
  'prophetic-quitter': {
    about: 'gives up on views to come',
    take(grip) {
      return {
        stepped(core, effects) {
          if (!effects.some(({ kind }) => kind === 'entered-view')) return
          const { epoch, highQC, lastTC } = core.safety
          for (let at = 0; at < 20; at++) {
            const view = (core.view + grip.random.between(1, 40)) as View
            const timeout = { epoch, view, highQC, ...(lastTC === undefined ? {} : { lastTC }), signer: grip.self }
            grip.signTimeout(timeout).then(
              (signed) => grip.sendAll({ kind: 'timeout', timeout: signed }),
              () => {},
            )
          }
        },
      }
    },
  },

  amnesiac: {
    about: 'loses its disk with every restart, and restarts often',
    take: (grip) => ({
      starting(disk) {
        disk.records.clear()
        disk.slots.fill(undefined)
      },
      started: () => restartLater(grip),
    }),
  },
  'forgetful-safety': {
    about: 'comes back with an old copy of its safety files',
    take(grip) {
      let copy: (Uint8Array | undefined)[] = []
      return {
        starting(disk) {
          if (copy.length > 0) disk.slots.splice(0, 2, ...copy)
          copy = disk.slots.map((slot) => slot && new Uint8Array(slot))
        },
        started: () => restartLater(grip),
      }
    },
  },
  twin: { about: 'two nodes run with one key', hasTwin: true, take: () => ({}) },
  'one-eared-twin': {
    about: 'two nodes run with one key, each hearing and telling one half only',
    hasTwin: true,
    take(grip) {
      const isFirst = grip.node.number < grip.committee.validators.size
      const isOurs = (other: SimulatedNode) => (other.number % 2 === 0) === isFirst
      return { out: (frame, to) => (isOurs(to) ? [frame] : []), hears: (_, from) => isOurs(from) }
    },
  },
}

function restartLater({ node, random, restart }: Grip): void {
  node.after(random.between(200, 2_000), () => restart(random.between(1, 300)))
}
