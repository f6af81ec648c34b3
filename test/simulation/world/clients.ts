// Clients: they submit transfers to nodes, sometimes badly on purpose, and remember what was admitted. One stream of chance.

import type { Hash } from '../../../crypto/bytes.ts'
import { signTransfer } from '../../../ledger/transaction.ts'
import type { Random } from '../random.ts'
import type { Checkers } from './checkers.ts'
import { hold } from './claims.ts'
import type { Committee, Person } from './committee.ts'
import type { SimulatedNode } from './node.ts'

export interface Submitted {
  readonly id: Hash
  readonly bytes: Uint8Array
  readonly validUntil: number
}

const VALID_UNTIL = 9_000

export class Clients {
  readonly #committee: Committee
  readonly #random: Random
  readonly #checkers: Checkers
  readonly #nonces = new Map<Person, bigint>()
  /** In nonce order of each sender: everything a client wants to see committed. */
  readonly wanted: Submitted[] = []
  submitted = 0
  admitted = 0
  refused = 0

  constructor(committee: Committee, random: Random, checkers: Checkers) {
    this.#committee = committee
    this.#random = random
    this.#checkers = checkers
  }

  /** One good transfer to some of the nodes: each of them may be asked, as impatient clients do. */
  pay(nodes: readonly SimulatedNode[]): void {
    const random = this.#random
    const { people, genesis, vouch } = this.#committee
    const from = random.pick(people)
    const nonce = this.#nonces.get(from) ?? 0n
    this.#nonces.set(from, nonce + 1n)
    const outputs = Array.from({ length: random.between(1, 3) }, () => ({
      recipient: random.pick(people).address,
      // Now and then more than there is: it commits as failed.
      amount: BigInt(random.chance(20) ? 2_000_000_000 : random.between(1, 1_000)),
    }))
    const { id, bytes } = signTransfer({
      genesisHash: genesis.genesisHash,
      nonce,
      fee: BigInt(random.between(1, 20)),
      validUntil: VALID_UNTIL,
      outputs,
      keyPair: from.keyPair,
    })
    vouch(bytes)
    this.wanted.push({ id, bytes, validUntil: VALID_UNTIL })
    for (const node of this.#some(nodes)) this.submit(node, bytes)
  }

  /** Something that no node may let in, or that is a copy of what was sent before. */
  annoy(nodes: readonly SimulatedNode[]): void {
    const random = this.#random
    const [node] = this.#some(nodes)
    if (node === undefined) return
    const known = this.wanted.length === 0 ? undefined : random.pick(this.wanted)
    if (known === undefined) return
    const bytes = new Uint8Array(known.bytes)
    if (random.chance(500)) bytes[random.between(0, bytes.length - 1)] = random.between(0, 255)
    this.submit(node, bytes)
  }

  /** Whoever was not served asks again: in order, everybody. */
  insist(nodes: readonly SimulatedNode[]): void {
    for (const { bytes, id } of this.wanted) {
      if (this.#checkers.acknowledged.has(id)) continue
      for (const node of nodes) this.submit(node, bytes)
    }
  }

  pending(): Submitted[] {
    return this.wanted.filter(({ id }) => !this.#checkers.acknowledged.has(id))
  }

  submit(node: SimulatedNode, bytes: Uint8Array): void {
    const { replica } = node
    if (replica === undefined) return
    this.submitted += 1
    const { life } = node
    replica.submissions.submit([bytes]).then(
      ([result]) => {
        if (result === undefined || node.life !== life) return
        if (!result.ok) {
          this.refused += 1
          return
        }
        this.admitted += 1
        const { committed } = result
        if (committed === undefined) return
        // S12: what a client is told to be committed is on the one chain, at that height.
        const height = this.#checkers.model.heightOf(result.id)
        const told = committed.height
        try {
          hold('S12 committed', height === told, () => `${node.id} tells ${result.id} at ${told}, it is at ${height}`)
        } catch (error) {
          this.#checkers.onBroken(error)
        }
      },
      (error: unknown) => this.#checkers.onBroken(error),
    )
  }

  #some(nodes: readonly SimulatedNode[]): readonly SimulatedNode[] {
    if (nodes.length === 0) return []
    return this.#random.chance(700) ? [this.#random.pick(nodes)] : this.#random.shuffled(nodes).slice(0, 3)
  }
}
