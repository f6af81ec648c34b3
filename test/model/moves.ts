// What can happen next to one honest replica when every proposer and the network are the adversary's. A move is the whole
// effect of one action of protocol.ts; what exists outside the replica is given as certificates and never changed.

import {
  adoptQC,
  adoptTC,
  type Block,
  type Certificates,
  FRESH,
  GENESIS_QC,
  mayTimeOut,
  mayVote,
  type QC,
  type Replica,
  type RuleName,
  type Rules,
  restart,
  timeOut,
  vote,
} from './protocol.ts'

export interface Move {
  readonly action: string
  readonly replica: Replica
}

/** What one replica's moves depend on besides itself. */
export interface Surroundings extends Certificates {
  /** The first of each pair of twins (blocks that differ in nothing but their content), once it has a vote. */
  readonly twinned: ReadonlySet<Block>
}

/** Every block that any proposer may have made, one object per id, so that blocks compare by identity. */
export class BlockPool {
  readonly blocks = new Map<string, Block>()

  block(view: number, variant: 'a' | 'b', parentId: string, justify: QC): Block {
    const id = `${view}${variant}<${parentId === justify.blockId ? parentId : `${parentId}!${justify.blockId}`}`
    const known = this.blocks.get(id)
    if (known !== undefined) return known
    const block: Block = { id, view, parentId, justify }
    this.blocks.set(id, block)
    return block
  }
}

/**
 * Blocks of the view that a proposer can make: any justify that exists, any parent when nothing ties the two. Twins are alike
 * until one has a vote, and that one is called a.
 */
function offers(rules: Rules, pool: BlockPool, view: number, { certified, twinned }: Surroundings): Block[] {
  const older = [GENESIS_QC, ...certified.map(({ id, view: of }) => ({ view: of, blockId: id }))].filter(
    (qc) => qc.view < view,
  )
  return older.flatMap((justify) => {
    const parents = rules.parentIsJustified ? [justify] : older
    return parents.flatMap((parent) => {
      const first = pool.block(view, 'a', parent.blockId, justify)
      return twinned.has(first) ? [first, pool.block(view, 'b', parent.blockId, justify)] : [first]
    })
  })
}

/** What the replica may have learned since it last signed: any newer certificate, or none. */
function informed(replica: Replica, views: number, { certified, tcs }: Certificates): Move[] {
  // The last view's certificates lead out of the views explored.
  const qcs = certified.filter(({ view }) => view < views && view > replica.highQC.view)
  const byQC: Move[] = [
    { action: '', replica },
    ...qcs.map(({ id, view }) => ({ action: `adopt QC ${id}, `, replica: adoptQC(replica, { view, blockId: id }) })),
  ]
  const newer = tcs.filter(({ view }) => view < views && view > replica.lastTC)
  const byTC = newer.flatMap((tc) =>
    byQC.map(({ action, replica: before }) => {
      const highest = Math.max(...tc.highQcViews)
      const itsHighQC = certified.find((block) => block.view === highest)
      const qc = itsHighQC === undefined ? GENESIS_QC : { view: highest, blockId: itsHighQC.id }
      return { action: `${action}adopt TC ${tc.view} (${tc.highQcViews}), `, replica: adoptTC(before, tc, qc) }
    }),
  )
  return [...byQC, ...byTC]
}

/**
 * Under these a replica that voted in the last view, and is in it, signs nothing more: no earlier view is open to it. (One that
 * forgets what it signed might, after a restart; one that forgets earlier is as bad, and is explored.)
 */
const LAST_VOTE_IS_LAST: readonly RuleName[] = ['voteOnceAView', 'timeoutInCurrentView', 'timeoutsKeyedByView']

function isDone(rules: Rules, views: number, { lastVoted, view }: Replica): boolean {
  return lastVoted === views && view === views && LAST_VOTE_IS_LAST.every((name) => rules[name])
}

/** What such a replica knows no longer matters: only its signatures do. */
function spent(replica: Replica): Replica {
  const { votes, timeouts, lastVoted, view } = replica
  return { ...FRESH, votes, timeouts, lastVoted, view }
}

/** All moves of one replica in views 1 to `views`: it learns what it may, and signs; or it crashes. */
export function movesOf(rules: Rules, pool: BlockPool, views: number, replica: Replica, known: Surroundings): Move[] {
  if (isDone(rules, views, replica)) return []
  const moves: Move[] = []
  const every = Array.from({ length: views }, (_, at) => at + 1)
  for (const { action, replica: before } of informed(replica, views, known)) {
    const current = every.filter((view) => view === before.view)
    for (const view of rules.voteInCurrentView ? current : every) {
      for (const block of offers(rules, pool, view, known)) {
        if (![undefined, ...known.tcs].some((tc) => mayVote(rules, before, block, tc))) continue
        const voted = vote(rules, before, block)
        moves.push({ action: `${action}vote ${block.id}`, replica: isDone(rules, views, voted) ? spent(voted) : voted })
      }
    }
    for (const view of rules.timeoutInCurrentView ? current : every) {
      // A timeout of the last view can only keep its signer from voting: one that stays silent does no less.
      if ((view === views && rules.timeoutsKeyedByView) || !mayTimeOut(rules, before, view)) continue
      const own = before.highQC.view
      const olderViews = [0, ...known.certified.map((block) => block.view)].filter((of) => of < own)
      for (const highQcView of rules.honestHighQcView ? [own] : [own, ...olderViews]) {
        const timeout = { view, highQcView }
        moves.push({ action: `${action}time out ${view} (${highQcView})`, replica: timeOut(before, timeout) })
      }
    }
  }
  moves.push({ action: 'restart', replica: restart(rules, replica) })
  return moves
}
