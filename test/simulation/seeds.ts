// Seeds that once failed, with what they showed. They run for ever, in the set of validators they failed in.

export interface KeptSeed {
  readonly seed: number
  readonly validators: number
  /** With two lives. */
  readonly twins: number
  readonly showed: string
}

export const KEPT_SEEDS: readonly KeptSeed[] = [
  {
    seed: 11_544,
    validators: 4,
    twins: 1,
    showed: 'L1: after a restart of all, every block of the certified chain was somewhere and nobody held it whole',
  },
]
