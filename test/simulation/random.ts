// The simulation's only source of chance: small, seeded and the same on every machine. One stream per subsystem, so that a
// change in what one of them draws does not reshuffle the others.

/** xoshiro128** (Blackman and Vigna), seeded through splitmix32 from a seed and the stream's name. */
export class Random {
  readonly #state = new Uint32Array(4)

  constructor(seed: number, stream: string) {
    let mixed = seed >>> 0
    for (const character of stream) mixed = Math.imul(mixed ^ character.charCodeAt(0), 0x01000193) >>> 0
    for (let i = 0; i < 4; i++) {
      mixed = (mixed + 0x9e3779b9) >>> 0
      let z = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
      z = Math.imul(z ^ (z >>> 15), 0x735a2d97)
      this.#state[i] = z ^ (z >>> 15)
    }
  }

  /** 0 to 2^32 - 1. */
  next(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#state
    const five = Math.imul(b, 5)
    const result = Math.imul((five << 7) | (five >>> 25), 9) >>> 0
    const c2 = c ^ a
    const d2 = d ^ b
    this.#state[1] = b ^ c2
    this.#state[0] = a ^ d2
    this.#state[2] = c2 ^ (b << 9)
    this.#state[3] = (d2 << 11) | (d2 >>> 21)
    return result
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + (this.next() % (most - least + 1))
  }

  /** True `perMille` times of a thousand. */
  chance(perMille: number): boolean {
    return this.next() % 1_000 < perMille
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.next() % from.length]
    if (picked === undefined) throw new RangeError('nothing to pick from')
    return picked
  }

  shuffled<T>(from: readonly T[]): T[] {
    const left = [...from]
    const shuffled: T[] = []
    while (left.length > 0) shuffled.push(...left.splice(this.next() % left.length, 1))
    return shuffled
  }
}
