// BLS12-381 with public keys in G1 (48 bytes) and signatures in G2 (96 bytes), behind one interface.
// Two byte-compatible backends: bls-blst.ts (native) and bls-noble.ts (portable). Asynchronous, since noble is.
// Every method takes bytes a stranger may have sent: malformed, out-of-subgroup and infinity points give false or undefined.

/**
 * The domain-separation tag, spelled out because the libraries' defaults differ (MEASURED.md, section 1).
 * Source: draft-irtf-cfrg-bls-signature-05, section 4.2.3 (proof-of-possession ciphersuite).
 */
export const BLS_DST = 'BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_'

export interface Bls {
  readonly name: 'blst' | 'noble'
  /** IETF KeyGen from at least 32 bytes of secret seed: a 32-byte secret key. */
  secretKey(seed: Uint8Array): Promise<Uint8Array>
  publicKey(secretKey: Uint8Array): Promise<Uint8Array>
  /** Deterministic: the same key and message give the same 96 bytes on both backends. */
  sign(secretKey: Uint8Array, message: Uint8Array): Promise<Uint8Array>
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): Promise<boolean>
  /** Sum of signatures; undefined when one does not decode to a point of the subgroup, or there are none. */
  aggregate(signatures: readonly Uint8Array[]): Promise<Uint8Array | undefined>
  /** All keys signed the one message. Keys must have had their possession proved (rogue-key attack). */
  verifyAggregate(publicKeys: readonly Uint8Array[], message: Uint8Array, signature: Uint8Array): Promise<boolean>
  /** Each group of keys signed its own message; the messages are pairwise different. */
  verifyAggregateGroups(
    groups: readonly { readonly publicKeys: readonly Uint8Array[]; readonly message: Uint8Array }[],
    signature: Uint8Array,
  ): Promise<boolean>
}
