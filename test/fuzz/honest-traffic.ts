// Everything that four honest validators with real keys say in eight views, one of which is given up: frames and who sends them.
// Deterministic; nothing is checked here.

import { freshSafety } from '../../consensus/safety.ts'
import { type CoreState, createCore } from '../../consensus/state.ts'
import type { Block, Message, Proposal, QC, TC, Verified } from '../../consensus/types.ts'
import { blockIdOf, type WireLimits } from '../../consensus/wire.ts'
import { encodeMessage } from '../../consensus/wire-messages.ts'
import {
  type Committee,
  headerOf,
  proposalOf,
  qcOf,
  tcOf,
  timeoutOf,
  type VoteOn,
  voteOf,
} from '../consensus/committee.ts'

export const LIMITS: WireLimits = { validators: 4, payloadBytesMax: 4_096, itemsMax: 64 }
/** The view that ends in a TC. */
const LOST_VIEW = 7
const SIGNERS = [0, 1, 2, 3]

export interface Said {
  readonly by: number
  readonly message: Message
  readonly frame: Uint8Array
}

export interface Traffic {
  readonly said: readonly Said[]
  readonly proposals: readonly Proposal[]
  readonly qcs: readonly QC[]
  readonly tc: TC
}

function on(proposal: Proposal): VoteOn {
  const { header, justify } = proposal
  return { view: header.view, blockId: blockIdOf(header), parentView: justify.view, parentId: header.parentId }
}

export async function honestTraffic(committee: Committee): Promise<Traffic> {
  const { validators, root } = committee
  const said: Said[] = []
  const say = (by: number, message: Message) =>
    said.push({ by, message, frame: encodeMessage(message, validators.epoch) })
  const qcs: QC[] = [root]
  const proposals: Proposal[] = []
  const propose = async (view: number, justify: QC, tc?: TC): Promise<void> => {
    const proposal = proposalOf(committee, view, justify, tc)
    proposals.push(proposal)
    say(proposal.header.proposer, { kind: 'proposal', proposal })
    for (const signer of SIGNERS) say(signer, { kind: 'vote', vote: await voteOf(committee, signer, on(proposal)) })
    if (view === LOST_VIEW) return
    const qc = await qcOf(committee, view % 2 === 0 ? [0, 1, 3] : SIGNERS, on(proposal))
    qcs.push(qc)
    say(view % 4, { kind: 'certificate', qc })
  }
  for (let view = 1; view <= LOST_VIEW; view++) await propose(view, qcs.at(-1) ?? root)

  const highQC = qcs.at(-1) ?? root
  const lost = proposals.at(-1)
  const timeouts = await Promise.all(
    SIGNERS.map(async (signer) => {
      const voted = signer === 1 && lost !== undefined ? { vote: await voteOf(committee, signer, on(lost)) } : {}
      return await timeoutOf(committee, signer, { view: LOST_VIEW, highQC, ...voted })
    }),
  )
  const tc = await tcOf(committee, timeouts.slice(0, 3))
  for (const timeout of timeouts) say(timeout.signer, { kind: 'timeout', timeout })
  say(2, { kind: 'certificate', qc: highQC, tc })
  await propose(LOST_VIEW + 1, highQC, tc)
  for (const signer of SIGNERS) {
    const timeout = await timeoutOf(committee, signer, { view: LOST_VIEW + 1, highQC, lastTC: tc })
    say(signer, { kind: 'timeout', timeout })
  }
  const first = proposals[0]
  if (first === undefined) throw new RangeError('no proposals')
  const blockId = blockIdOf(first.header)
  say(0, { kind: 'block-request', requestId: 1, blockId, committedHeight: first.header.height })
  say(3, { kind: 'block-response', requestId: 1, proposals: proposals.slice(0, 2), certificate: highQC })
  return { said, proposals, qcs, tc }
}

/** The core of an observer on this chain's root. */
export function observerOf(committee: Committee): CoreState {
  const { genesisId, root, validators } = committee
  const header = { ...headerOf(committee, 0, { kind: 0, items: [] }, root), height: 0 as never }
  const proposal = {
    header,
    payload: { kind: 0, items: [] },
    evidence: [],
    justify: root,
    signature: new Uint8Array(64),
  }
  const block = { id: genesisId, proposal } as Block as Verified<Block>
  const pacemaker = { baseTimeoutMs: 1_000, baseTimeoutMsMax: 10_000, idleIntervalMs: 1_000 }
  return createCore({ validators, self: undefined, pacemaker, clockAheadMsMax: 500 }, block, freshSafety(root))
}
