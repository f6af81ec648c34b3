// Where a node begins again: the committed tip, what it signed, the blocks it had not committed yet; then a quorum of connections.

import { freshSafety, raise } from '../consensus/safety.ts'
import type { Block, QC, SafetyState, ValidatorIndex, Verified } from '../consensus/types.ts'
import type { ValidatorSet } from '../consensus/validators.ts'
import { NodeError } from './fault.ts'
import type { ChainStore, Clock, Network } from './ports.ts'

/** How long a starting validator waits for a quorum of connections before it takes part anyway. */
const QUORUM_WAIT_MS = 3_000
const QUORUM_POLL_MS = 20

export interface Recovered {
  readonly root: Verified<Block>
  readonly safety: SafetyState
  readonly uncommitted: readonly Verified<Block>[]
}

/** What the core starts from: the committed tip, the safety state raised by the tip's certificate, the saved blocks. */
export function recover(store: ChainStore, saved: SafetyState | undefined, rootQC: QC): Recovered {
  const head = store.head()
  const root = head && store.blockById(head.blockId)?.block
  if (head === undefined || root === undefined) throw new NodeError('storage-damaged', 'the head block is missing')
  let safety = saved ?? freshSafety(rootQC)
  if (head.certificate !== undefined && head.certificate.view > safety.highQC.view) {
    safety = raise(safety, { highQC: head.certificate })
  }
  // Storage checked these when it read them, and this node verified them before it wrote them.
  const verified = (block: Block) => block as Verified<Block>
  return { root: verified(root), safety, uncommitted: store.uncommitted().map(verified) }
}

/** A leader that proposes before anybody is connected wastes its view, so wait for a quorum, but not for ever. */
export async function quorumConnected(
  network: Network,
  clock: Clock,
  validators: ValidatorSet,
  self: ValidatorIndex | undefined,
): Promise<void> {
  const connected = () => {
    const peers = network.peers()
    // A follower proposes nothing; one peer tells it what there is.
    if (self === undefined) return peers.length > 0
    const others = peers.flatMap((peer) => (peer.validator === undefined ? [] : [peer.validator]))
    return validators.powerOf([...others, self]) >= validators.quorum
  }
  const deadlineMs = clock.nowMs() + QUORUM_WAIT_MS
  while (!connected() && clock.nowMs() < deadlineMs) {
    await new Promise<void>((resolve) => {
      clock.after(QUORUM_POLL_MS, resolve)
    })
  }
}
