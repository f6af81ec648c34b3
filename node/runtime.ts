// How the Node process that runs a validator is started; whoever spawns one passes these flags.
// Knows nothing of the chain.

/**
 * V8 spends memory freely where there is much: its young generation grows to 192 MiB, and the rest doubles or more before it
 * is collected. These bounds keep a loaded node within 300 MiB for about 5 % more CPU (docs/BENCHMARK.md, "Memory").
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=16', '--heap-growing-percent=50']
