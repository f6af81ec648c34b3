// Leaders that misuse their turn: by silence, by saying different things, or by blocks that are not what they should be.
// Each does it some of the time, so that a chain grows around it.

import { certificateHash, payloadRootOf } from '../../../consensus/preimages.ts'
import type {
  Block,
  BlockId,
  Epoch,
  GenesisHash,
  Header,
  Height,
  Proposal,
  QC,
  View,
} from '../../../consensus/types.ts'
import type { Hash } from '../../../crypto/bytes.ts'
import { signTransfer } from '../../../ledger/transaction.ts'
import type { SimulatedNode } from '../world/node.ts'
import type { Grip, Villain } from './grip.ts'

const OTHER_HASH = 'ab'.repeat(32) as Hash
const HALF = 500

/** Replaces its own proposals, receiver by receiver; undefined leaves one alone. */
function leader(
  about: string,
  replace: (grip: Grip, proposal: Proposal, to: SimulatedNode) => readonly Proposal[] | undefined,
  perMille = HALF,
): Villain {
  return {
    about,
    take(grip) {
      const isChosen = chooser(grip, perMille)
      return {
        out(frame, to) {
          const message = grip.decode(frame)
          if (message?.kind !== 'proposal' || message.proposal.header.proposer !== grip.self) return [frame]
          const { proposal } = message
          if (!isChosen(proposal.header.view)) return [frame]
          const replaced = replace(grip, proposal, to)
          return replaced?.map((one) => grip.encode({ kind: 'proposal', proposal: one })) ?? [frame]
        },
      }
    },
  }
}

/** Once per view, whoever asks. */
export function chooser(grip: Grip, perMille: number): (view: number) => boolean {
  const chosen = new Map<number, boolean>()
  return (view) => {
    let choice = chosen.get(view)
    if (choice === undefined) {
      choice = grip.random.chance(perMille)
      chosen.set(view, choice)
      if (chosen.size > 64) for (const old of chosen.keys()) if (old < view - 32) chosen.delete(old)
    }
    return choice
  }
}

function withHeader(about: string, changes: (header: Header, grip: Grip) => Partial<Header>): Villain {
  return leader(about, (grip, proposal) => [grip.resign(proposal, changes(proposal.header, grip)).proposal])
}

function withPayload(grip: Grip, proposal: Proposal, items: readonly Uint8Array[]): Proposal {
  const payload = { kind: 0, items }
  return grip.resign({ ...proposal, payload }, { payloadRoot: payloadRootOf(payload) }).proposal
}

function withJustify(grip: Grip, proposal: Proposal, justify: QC, changes: Partial<Header> = {}): Proposal {
  return grip.resign(
    { ...proposal, justify },
    { parentId: justify.blockId, justifyHash: certificateHash(justify), ...changes },
  ).proposal
}

function variants({ random, resign }: Grip, proposal: Proposal, count: number): Block[] {
  const { timestampMs } = proposal.header
  return Array.from({ length: count }, (_, at) =>
    resign(proposal, { timestampMs: timestampMs + 1 + at + random.between(0, 3) }),
  )
}

const isOdd = ({ number }: SimulatedNode) => number % 2 === 1

export const LEADERS: Readonly<Record<string, Villain>> = {
  'silent-leader': leader('never proposes', () => [], 1_000),
  'sometimes-silent-leader': leader('proposes now and then', () => []),
  'selectively-silent-leader': leader('proposes to some only', (_, _proposal, to) => (isOdd(to) ? [] : undefined)),
  'lonely-friend-leader': leader('proposes to one node only', (grip, _, to) =>
    to === grip.others[0] ? undefined : [],
  ),
  'equivocating-leader': {
    about: 'tells one half one block and the other half another',
    take(grip) {
      const twins = new Map<View, Proposal>()
      const base = leader(
        '',
        (_, proposal, to) => {
          const { view } = proposal.header
          const twin = twins.get(view) ?? variants(grip, proposal, 1)[0]?.proposal
          if (twin === undefined) return undefined
          twins.set(view, twin)
          twins.delete((view - 40) as View)
          return isOdd(to) ? [twin] : undefined
        },
        800,
      )
      return base.take(grip)
    },
  },
  'many-faced-leader': leader('proposes six blocks a view to everybody', (grip, proposal) => {
    return [proposal, ...variants(grip, proposal, 5).map((block) => block.proposal)]
  }),
  'second-thoughts-leader': {
    about: 'proposes again once its block may have votes',
    take(grip) {
      return leader('', (_, proposal, to) => {
        grip.node.after(grip.random.between(5, 60), () => {
          for (const block of variants(grip, proposal, 1)) grip.send(to, { kind: 'proposal', proposal: block.proposal })
        })
        return undefined
      }).take(grip)
    },
  },
  'withholding-leader': {
    about: 'shows its block to a bare quorum and gives it to nobody who asks',
    take(grip) {
      const { out } = leader(
        '',
        ({ committee }, _, to) => (to.number < committee.validators.quorum ? undefined : []),
        800,
      ).take(grip)
      return { ...(out && { out }), hears: (frame) => grip.decode(frame)?.kind !== 'block-request' }
    },
  },
  'stale-justify-leader': {
    about: 'extends an older certificate than it knows, with roots and payload that fit',
    take(grip) {
      const seen: Proposal[] = []
      const { out } = leader(
        '',
        (_, proposal) => {
          const old = seen.at(-grip.random.between(1, 3))
          if (old === undefined) return undefined
          const { height, stateRoot, receiptsRoot, chainRoot, payloadRoot } = old.header
          const roots = { height, stateRoot, receiptsRoot, chainRoot, payloadRoot }
          return [withJustify(grip, { ...proposal, payload: old.payload }, old.justify, roots)]
        },
        700,
      ).take(grip)
      return {
        ...(out && { out }),
        hears(frame) {
          const message = grip.decode(frame)
          if (message?.kind === 'proposal') seen.push(message.proposal)
          if (seen.length > 8) seen.shift()
          return true
        },
      }
    },
  },
  'wrong-parent-leader': withHeader('names a parent that its justify does not certify', ({ stateRoot }) => ({
    parentId: stateRoot as Hash as BlockId,
  })),
  'wrong-height-leader': withHeader('skips or repeats heights', ({ height }, { random }) => ({
    height: (height + (random.chance(HALF) ? 1 : -1)) as Height,
  })),
  'past-leader': withHeader('stamps blocks before their parents', ({ timestampMs }, { random }) => ({
    timestampMs: timestampMs - random.between(1, 100_000),
  })),
  'future-leader': withHeader('stamps blocks ahead of every clock', ({ timestampMs }, { random }) => ({
    timestampMs: timestampMs + random.between(400, 100_000),
  })),
  'bad-state-root-leader': withHeader('claims another state root', () => ({ stateRoot: OTHER_HASH })),
  'bad-receipts-root-leader': withHeader('claims another receipts root', () => ({ receiptsRoot: OTHER_HASH })),
  'bad-chain-root-leader': withHeader('claims another history', () => ({ chainRoot: OTHER_HASH })),
  'bad-payload-root-leader': withHeader('claims another payload', () => ({ payloadRoot: OTHER_HASH })),
  'other-chain-leader': withHeader('proposes for another chain', () => ({
    genesisHash: OTHER_HASH as Hash as GenesisHash,
  })),
  'other-epoch-leader': withHeader('proposes for another epoch', () => ({ epoch: 1 as Epoch })),
  'early-features-leader': withHeader('uses what this stage has not', ({ version }, { random }) =>
    random.pick([
      { phase: 1 },
      { version: version + 1, supports: 9 },
      { nextEpochHash: OTHER_HASH },
      { evidenceRoot: OTHER_HASH },
      { leadersHash: OTHER_HASH },
    ]),
  ),
  'usurping-leader': {
    about: 'proposes in the views of others',
    take(grip) {
      return leader('', (_, proposal) => {
        const { view, proposer } = proposal.header
        const step = grip.random.between(1, 3)
        const name = grip.random.chance(HALF) ? proposer : grip.committee.validators.leader((view + step) as View)
        return [grip.resign(proposal, { view: (view + step) as View, proposer: name }).proposal, proposal]
      }).take(grip)
    },
  },
  'far-future-leader': withHeader('proposes for views far ahead', ({ view }, { random, committee }) => ({
    view: (view + committee.validators.size * random.between(1, 1_000_000)) as View,
  })),
  'unsigned-leader': leader('does not sign', (_, proposal) => [{ ...proposal, signature: new Uint8Array(64) }]),
  'tampered-justify-leader': leader('changes a byte of its justify', (grip, proposal) => {
    const signature = new Uint8Array(proposal.justify.signature)
    const at = grip.random.between(0, signature.length - 1)
    signature[at] = (signature[at] ?? 0) ^ 1
    return [withJustify(grip, proposal, { ...proposal.justify, signature })]
  }),
  'bad-transactions-leader': leader('puts transactions into its blocks that may not be there', (grip, proposal) => {
    const { committee } = grip
    const { items } = proposal.payload
    const [person] = committee.people
    if (person === undefined) return undefined
    // The same block for everybody, or it could never be certified and the mistake in it would not matter.
    const turn = Math.floor(proposal.header.view / committee.validators.size)
    const made = (nonce: bigint, validUntil = 9_000, chain = committee.genesis.genesisHash as Hash) =>
      signTransfer({
        genesisHash: chain,
        nonce,
        fee: 1n,
        validUntil,
        outputs: [{ recipient: person.address, amount: 1n }],
        keyPair: committee.rogue.keyPair,
      }).bytes
    const bads = [
      () => made(0n).map((byte, at, { length }) => (at === length - 8 ? byte ^ 1 : byte)),
      () => made(1_000_000n),
      () => made(0n, 9_000, OTHER_HASH),
      () => made(0n, 1),
      () => items[0] ?? new Uint8Array(1),
      () => new Uint8Array(50),
    ]
    const bad = bads[turn % bads.length]?.() ?? new Uint8Array()
    return [withPayload(grip, proposal, [...items, bad])]
  }),
  'oversized-leader': leader('fills its blocks beyond the bound', (grip, proposal) => {
    const { payloadBytesMax, itemsMax } = grip.committee.limits
    const items = grip.random.chance(HALF)
      ? [new Uint8Array(payloadBytesMax + 1)]
      : Array.from({ length: itemsMax + 1 }, () => Uint8Array.of(1))
    return [withPayload(grip, proposal, items)]
  }),
  'reordering-leader': leader('turns the order of its transactions round, or leaves some out', (grip, proposal) => {
    const { items } = proposal.payload
    if (items.length < 2) return undefined
    return [withPayload(grip, proposal, grip.random.chance(HALF) ? items.toReversed() : items.slice(1))]
  }),
}
