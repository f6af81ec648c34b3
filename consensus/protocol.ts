// The whole interface of the core: what it is told (Input) and what it asks for (Effect).
// The driver performs effects strictly in order; a later effect must not begin before a `save` ahead of it is durable.

import type {
  Block,
  BlockId,
  Checked,
  Equivocation,
  QC,
  SafetyState,
  TC,
  Timeout,
  UnsignedBlock,
  UnsignedTimeout,
  UnsignedVote,
  ValidatorIndex,
  Verified,
  View,
  Vote,
} from './types.ts'

/** view: the view's deadline; resend-timeout: later ticks; resend-vote: second vote send; idle: the waiting leader. */
export type TimerName = 'view' | 'resend-timeout' | 'resend-vote' | 'idle'

export type Input =
  /** First input after construction: arms timers and resends what the safety state holds. */
  | { readonly kind: 'start' }
  /** A proposal received (or stored and replayed); `from` is a validator that has it, when one is known. */
  | { readonly kind: 'proposal'; readonly block: Verified<Block>; readonly from?: ValidatorIndex }
  /** Ancestors the core asked for, ascending; every one is covered by a verified certificate. */
  | { readonly kind: 'fetched'; readonly blocks: readonly Verified<Block>[]; readonly certificate?: Verified<QC> }
  | { readonly kind: 'vote'; readonly vote: Checked<Vote> }
  | { readonly kind: 'timeout'; readonly timeout: Checked<Timeout> }
  | { readonly kind: 'certificate'; readonly qc: Verified<QC>; readonly tc?: Verified<TC> }
  /** Answers to `aggregate-votes` and `aggregate-timeouts`. */
  | { readonly kind: 'qc-formed'; readonly qc: Verified<QC> }
  | { readonly kind: 'tc-formed'; readonly tc: Verified<TC> }
  | {
      readonly kind: 'votes-refuted'
      readonly view: View
      readonly blockId: BlockId
      readonly culprits: readonly ValidatorIndex[]
    }
  | { readonly kind: 'timeouts-refuted'; readonly view: View; readonly culprits: readonly ValidatorIndex[] }
  /** Answer to `execute`: whether the payload is valid and the header's roots are those of the parent's execution. */
  | { readonly kind: 'executed'; readonly blockId: BlockId; readonly valid: boolean }
  /** Answer to `propose`; absent block: the driver could not build one (shutting down). */
  | { readonly kind: 'built'; readonly view: View; readonly block?: UnsignedBlock }
  | { readonly kind: 'timer'; readonly timer: TimerName; readonly view: View }
  /** Whether the mempool holds an executable transaction. */
  | { readonly kind: 'work'; readonly available: boolean }

export type Effect =
  /** Durable before any later effect; `block` is the block voted for or proposed. */
  | { readonly kind: 'save'; readonly safety: SafetyState; readonly block?: Block | UnsignedBlock }
  /** Sign and send; a destination equal to self comes back as an input. */
  | { readonly kind: 'send-vote'; readonly vote: UnsignedVote; readonly to: readonly ValidatorIndex[] }
  | { readonly kind: 'send-timeout'; readonly timeout: UnsignedTimeout; readonly to: readonly ValidatorIndex[] | 'all' }
  /** Sign and broadcast; comes back as a `proposal` input too. */
  | { readonly kind: 'send-proposal'; readonly block: UnsignedBlock }
  /** Send a block as it was received or signed earlier. */
  | { readonly kind: 'relay-proposal'; readonly blockId: BlockId; readonly to: readonly ValidatorIndex[] }
  | {
      readonly kind: 'send-certificate'
      readonly qc: QC
      readonly tc?: TC
      readonly to: readonly ValidatorIndex[] | 'all'
    }
  /** Aggregate, verify once, on failure singly; answer with qc-formed or votes-refuted. At most one under way per view and block. */
  | {
      readonly kind: 'aggregate-votes'
      readonly view: View
      readonly blockId: BlockId
      readonly votes: readonly Vote[]
    }
  | { readonly kind: 'aggregate-timeouts'; readonly view: View; readonly timeouts: readonly Timeout[] }
  /** Execute on top of the parent, which was executed before; answer with executed. */
  | { readonly kind: 'execute'; readonly block: Block }
  | {
      readonly kind: 'propose'
      readonly view: View
      readonly parent: Block
      readonly justify: QC
      readonly tc?: TC
    }
  /** Oldest first; `certificate` is the QC of a child one view above the last. */
  | { readonly kind: 'commit'; readonly blocks: readonly Block[]; readonly certificate: QC }
  /** Get the block and what connects it to the committed chain; ask `from` first. */
  | { readonly kind: 'fetch'; readonly blockId: BlockId; readonly from: readonly ValidatorIndex[] }
  /** The tree no longer needs these uncommitted blocks: executions and stored copies can go. */
  | { readonly kind: 'prune'; readonly blockIds: readonly BlockId[] }
  /** Replaces the timer of that name; undefined delay cancels it. */
  | { readonly kind: 'timer'; readonly timer: TimerName; readonly view: View; readonly delayMs: number | undefined }
  | { readonly kind: 'evidence'; readonly equivocation: Equivocation }
  /** For logs, metrics and conformance: the view changed. */
  | { readonly kind: 'entered-view'; readonly view: View; readonly by: EntryCause; readonly leader: ValidatorIndex }
  /** A fault assumption is broken (two certificates in one view, a certified block that is invalid): stop the process. */
  | { readonly kind: 'halt'; readonly reason: string }

/** How a view was entered. `certificate`: by a QC in a Certificate message or formed by its own leader from resent votes. */
export type EntryCause = 'start' | 'qc' | 'tc' | 'certificate'
