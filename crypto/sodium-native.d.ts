// The few functions of sodium-native that crypto/ed25519.ts calls; the package ships no types.
// Owns nothing at run time. Lengths are asserted by the package, which throws when one is wrong.

declare module 'sodium-native' {
  const sodium: {
    /** Fills a 32-byte public and a 64-byte secret key from a 32-byte seed. */
    crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void
    /** Fills a 64-byte signature. */
    crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void
    crypto_sign_verify_detached(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
  }
  export default sodium
}
