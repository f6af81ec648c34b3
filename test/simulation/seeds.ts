// Seeds that once failed, with what they showed. They run for ever, in the set of validators they failed in.

export interface KeptSeed {
  readonly seed: number
  readonly validators: number
  readonly showed: string
}

export const KEPT_SEEDS: readonly KeptSeed[] = []
