// Invariants, always on. A broken one is a bug or a broken fault assumption: nobody catches it, the process stops.

export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** @throws InvariantError when the condition does not hold; never use it on input from outside. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message)
}

/** Ends an exhaustive switch: a new variant that is not handled is a compile error. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable variant: ${JSON.stringify(value)}`)
}
