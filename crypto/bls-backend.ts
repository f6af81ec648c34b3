// Chooses the BLS backend: blst where the native package loads, noble elsewhere.
// Owns the dynamic imports, so that a machine without the native library never loads it. Reads no environment.

import type { Bls } from './bls.ts'

export type BlsName = Bls['name']

/** A backend, and why it is not the default one: a sentence for the log. */
export type LoadedBls = Bls & { readonly notice?: string }

export type BlsLoaders = Readonly<Record<BlsName, () => Promise<Bls>>>

const packaged: BlsLoaders = {
  blst: async () => (await import('./bls-blst.ts')).createBlstBls(),
  noble: async () => (await import('./bls-noble.ts')).createNobleBls(),
}

/**
 * The backend asked for; without a name blst, or noble with a notice when blst does not load here.
 * @throws whatever the import threw, when a backend was asked for by name: a silent change would cost 30 times the time.
 */
export async function loadBls(name?: BlsName, loaders: BlsLoaders = packaged): Promise<LoadedBls> {
  if (name !== undefined) return loaders[name]()
  try {
    return await loaders.blst()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return { ...(await loaders.noble()), notice: `native BLS does not load, using the slow portable one: ${reason}` }
  }
}
