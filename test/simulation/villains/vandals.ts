// Those who break the form, not the rules: garbage, wrong lengths, changed fields, old messages, floods and delays.

import { FRAME_HEADER_BYTES } from '../../../consensus/frame.ts'
import type { Header, Message } from '../../../consensus/types.ts'
import type { Random } from '../random.ts'
import type { SimulatedNode } from '../world/node.ts'
import type { Grip, Villain } from './grip.ts'

/** Every frame it sends, changed some of the time. */
function vandal(
  about: string,
  change: (grip: Grip, frame: Uint8Array, to: SimulatedNode) => readonly Uint8Array[],
  perMille = 300,
): Villain {
  return {
    about,
    take: (grip) => ({ out: (frame, to) => (grip.random.chance(perMille) ? change(grip, frame, to) : [frame]) }),
  }
}

function noise(random: Random, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.between(0, 255))
}

/** One number or one hash somewhere in a message, a little different: still well formed, signed no more. */
function mutated(random: Random, message: Message): Message | undefined {
  const paths: (readonly string[])[] = []
  const walk = (value: unknown, path: readonly string[]) => {
    if (typeof value === 'number' || typeof value === 'string') {
      if (path.at(-1) !== 'kind' || path.length > 1) paths.push(path)
    } else if (value instanceof Uint8Array) paths.push(path)
    else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value)) walk(inner, [...path, key])
  }
  walk(message, [])
  if (paths.length === 0) return undefined
  const path = random.pick(paths)
  const copy: unknown = structuredClone(message)
  let at = copy as Record<string, unknown>
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>
  const last = path.at(-1) ?? ''
  at[last] = altered(random, at[last])
  return copy as Message
}

function altered(random: Random, value: unknown): unknown {
  if (typeof value === 'number') return Math.max(0, value + random.pick([-1, 1, 2, 1_000]))
  if (typeof value === 'string') {
    const at = random.between(0, Math.max(0, value.length - 1))
    return `${value.slice(0, at)}${value[at] === '0' ? '1' : '0'}${value.slice(at + 1)}`
  }
  if (!(value instanceof Uint8Array) || value.length === 0) return value
  const bytes = new Uint8Array(value)
  const at = random.between(0, bytes.length - 1)
  bytes[at] = (bytes[at] ?? 0) ^ (1 << random.between(0, 7))
  return bytes
}

export const VANDALS: Readonly<Record<string, Villain>> = {
  'garbage-sender': vandal('noise of any length', ({ random }) => [noise(random, random.between(0, 300))]),
  'headed-garbage-sender': vandal('noise behind a true frame header', ({ random }, frame) => {
    const copy = new Uint8Array(frame)
    copy.set(noise(random, copy.length - FRAME_HEADER_BYTES), FRAME_HEADER_BYTES)
    return [copy]
  }),
  'liar-about-length': vandal('frames that say another length, up to four gigabytes', ({ random }, frame) => {
    const copy = new Uint8Array(frame)
    new DataView(copy.buffer).setUint32(FRAME_HEADER_BYTES - 4, random.pick([0, copy.length, 0x7fff_ffff, 0xffff_ffff]))
    return [copy]
  }),
  truncator: vandal('frames that end too early or go on too long', ({ random }, frame) => [
    random.chance(500) ? frame.slice(0, random.between(0, frame.length - 1)) : new Uint8Array([...frame, 0]),
  ]),
  'bit-flipper': vandal('one bit of a frame', ({ random }, frame) => {
    const copy = new Uint8Array(frame)
    const at = random.between(0, copy.length - 1)
    copy[at] = (copy[at] ?? 0) ^ (1 << random.between(0, 7))
    return [copy]
  }),
  'field-mutator': vandal(
    'one field of a message, before it is encoded',
    ({ random, decode, encode }, frame) => {
      const message = decode(frame)
      const changed = message && mutated(random, message)
      if (changed === undefined) return [frame]
      try {
        return [encode(changed)]
      } catch {
        // A number that no encoding has.
        return [frame]
      }
    },
    500,
  ),
  'signed-mutator': vandal(
    'one field of its own proposals, and a signature that fits',
    ({ random, resign, decode, encode, self }, frame) => {
      const message = decode(frame)
      if (message?.kind !== 'proposal' || message.proposal.header.proposer !== self) return [frame]
      const { header } = message.proposal
      const name = random.pick(Object.keys(header) as (keyof Header)[])
      try {
        return [
          encode({
            kind: 'proposal',
            proposal: resign(message.proposal, { [name]: altered(random, header[name]) }).proposal,
          }),
        ]
      } catch {
        return [frame]
      }
    },
    700,
  ),
  'other-epoch-framer': vandal('true messages in frames of another epoch', (_, frame) => {
    const copy = new Uint8Array(frame)
    copy[10] = 1
    return [copy]
  }),
  replayer: {
    about: 'sends everybody what anybody ever said',
    take(grip) {
      const heard: Uint8Array[] = []
      return {
        hears(frame) {
          if (heard.length < 400) heard.push(frame)
          else heard[grip.random.between(0, heard.length - 1)] = frame
          if (grip.random.chance(300)) grip.sendAll(grip.random.pick(heard))
          return true
        },
      }
    },
  },
  echo: {
    about: 'sends back whatever it hears',
    take: (grip) => ({
      hears(frame, from) {
        grip.send(from, frame)
        return true
      },
    }),
  },
  flooder: vandal('every frame fifty times', (_, frame) => Array.from({ length: 50 }, () => frame), 200),
  'late-sender': {
    about: 'everything it says comes late',
    take: (grip) => ({
      out(frame, to) {
        grip.node.after(grip.random.between(1, 1_500), () => grip.send(to, frame))
        return []
      },
    }),
  },
  'deaf-node': { about: 'hears nothing half of the time', take: ({ random }) => ({ hears: () => random.chance(500) }) },
  'mute-node': { about: 'says nothing at all', take: () => ({ out: () => [], gossipOut: () => [] }) },
  'kind-mixer': vandal('the body of one message in a frame of another kind', ({ random }, frame) => {
    const copy = new Uint8Array(frame)
    copy[2] = random.between(0, 9)
    return [copy]
  }),
}
