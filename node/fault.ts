// Faults: disk, socket and set-up went wrong in a way the code expected to be possible. One class, told apart by code.
// Never used for what a peer sent (a rejection, returned) nor for a broken invariant (crypto/assert.ts).

/** Stable: operators and tests match on them. */
export type FaultCode =
  /** The genesis file does not check; the message names every field. */
  | 'genesis-invalid'
  /** The key file's validator is not in the genesis file. */
  | 'key-not-in-genesis'
  /** Another process has the data directory open. */
  | 'data-dir-locked'
  /** The data directory cannot be created, opened or read. */
  | 'storage-unavailable'
  /** The database was written for another genesis file. */
  | 'storage-other-chain'
  /** The database was written by a version with another layout. */
  | 'storage-format'
  /** Records are missing or contradict each other; the message names them. */
  | 'storage-damaged'
  /** A write or its sync failed: nothing more is written, the process should stop. */
  | 'storage-write-failed'
  /** A named bound of the store is reached. */
  | 'storage-full'
  /** The safety file could not be made durable: nothing may be signed any more. */
  | 'safety-write-failed'
  /** Not a snapshot, or not a whole one; the message says what is wrong. */
  | 'snapshot-invalid'
  /** A snapshot of another genesis file. */
  | 'snapshot-other-chain'
  /** Nobody answered with one in time, or it cannot be proved from what is on the disk. */
  | 'snapshot-unavailable'
  /** The file that `traceFile` names cannot be opened or written. */
  | 'trace-unavailable'

/** What an operator can do about a fault that ended a running node; docs/OPERATIONS.md says more. */
export function adviceOn(code: FaultCode): string {
  switch (code) {
    case 'storage-damaged':
      return 'start it again: it checks everything and mends what it can'
    case 'storage-write-failed':
    case 'safety-write-failed':
      return 'see to the disk (free space, its health) and start it again: nothing that was committed is lost'
    default:
      return 'see "When it refuses" in docs/OPERATIONS.md'
  }
}

export class NodeError extends Error {
  override readonly name = 'NodeError'
  readonly code: FaultCode

  constructor(code: FaultCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** The code of a system or library error, or undefined. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
