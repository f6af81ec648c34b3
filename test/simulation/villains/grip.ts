// What a villain holds: its own node with the honest replica inside, its own keys, and a straight way to everybody's ingress.
// Never the keys of an honest validator: what it forges it has to forge.

import { proposalPreimage, timeoutPreimage, votePreimage } from '../../../consensus/preimages.ts'
import type { CoreState } from '../../../consensus/state.ts'
import type {
  Block,
  Header,
  Message,
  Proposal,
  Timeout,
  UnsignedTimeout,
  UnsignedVote,
  ValidatorIndex,
  Vote,
} from '../../../consensus/types.ts'
import { blockIdOf } from '../../../consensus/wire.ts'
import { decodeMessage, encodeMessage } from '../../../consensus/wire-messages.ts'
import type { ValidatorKeys } from '../../../genesis/keys.ts'
import type { Random } from '../random.ts'
import type { Committee } from '../world/committee.ts'
import type { SimulatedNode, Tampering } from '../world/node.ts'
import type { World } from '../world/world.ts'

export interface Villain {
  /** What it does, in a sentence. */
  readonly about: string
  /** A second node runs with the same key. */
  readonly hasTwin?: boolean
  readonly take: (grip: Grip) => Tampering
}

export interface Grip {
  readonly self: ValidatorIndex
  readonly node: SimulatedNode
  readonly committee: Committee
  readonly random: Random
  /** All other nodes: validators, twins and followers. */
  readonly others: readonly SimulatedNode[]
  /** The replica inside; undefined while it is down. */
  readonly core: () => CoreState | undefined
  readonly decode: (frame: Uint8Array) => Message | undefined
  readonly encode: (message: Message) => Uint8Array
  readonly send: (to: SimulatedNode, message: Message | Uint8Array) => void
  readonly sendAll: (message: Message | Uint8Array) => void
  readonly gossip: (to: SimulatedNode, body: Uint8Array) => void
  readonly signVote: (vote: UnsignedVote) => Promise<Vote>
  readonly signTimeout: (timeout: Omit<UnsignedTimeout, 'vote'> & { readonly vote?: Vote }) => Promise<Timeout>
  /** The proposal with another header, its id and signature made to fit. */
  readonly resign: (proposal: Proposal, changes: Partial<Header>) => Block
  readonly every: (ms: number, act: () => void) => void
  /** Crashes its own node and starts it again. */
  readonly restart: (downMs: number) => void
}

export function gripOf(world: World, node: SimulatedNode): Grip {
  const { committee } = world
  const { genesis, limits, scheme } = committee
  const { genesisHash } = genesis
  const { validator: self } = node
  if (self === undefined || node.keys === undefined) throw new RangeError('a villain is a validator')
  const keys: ValidatorKeys = node.keys
  const decoded = new WeakMap<Uint8Array, Message>()
  const others = world.nodes.filter((other) => other !== node)
  const encode = (message: Message) => encodeMessage(message, 0)
  const send = (to: SimulatedNode, message: Message | Uint8Array) => {
    if (node.isRunning) node.transmit(to, message instanceof Uint8Array ? message : encode(message))
  }
  return {
    self,
    node,
    committee,
    random: world.random(`villain ${node.number}`),
    others,
    core: () => node.replica?.driver.core,
    decode(frame) {
      const known = decoded.get(frame)
      if (known !== undefined) return known
      const result = decodeMessage(frame, limits)
      if (!result.ok) return undefined
      decoded.set(frame, result.value)
      return result.value
    },
    encode,
    send,
    sendAll(message) {
      const frame = message instanceof Uint8Array ? message : encode(message)
      for (const other of others) send(other, frame)
    },
    gossip(to, body) {
      if (node.isRunning) world.links.send(node, to, body, 'gossip')
    },
    async signVote(vote) {
      return { ...vote, signature: await scheme.bls.sign(keys.blsSecretKey, votePreimage(genesisHash, vote)) }
    },
    async signTimeout(timeout) {
      const { epoch, view, highQC } = timeout
      const preimage = timeoutPreimage(genesisHash, { epoch, view, highQcView: highQC.view })
      return { ...timeout, signature: await scheme.bls.sign(keys.blsSecretKey, preimage) }
    },
    resign(proposal, changes) {
      const header = { ...proposal.header, ...changes }
      const id = blockIdOf(header)
      const preimage = proposalPreimage(genesisHash, header.epoch, header.view, id)
      return { id, proposal: { ...proposal, header, signature: scheme.signProposal(keys, preimage) } }
    },
    every(ms, act) {
      const next = () => {
        act()
        node.after(ms, next)
      }
      node.after(ms, next)
    },
    restart(downMs) {
      world.crash(node)
      world.queue.after(downMs, () => world.start(node))
    },
  }
}
