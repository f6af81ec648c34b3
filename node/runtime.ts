// How the Node process that runs a validator is started; whoever spawns one passes these flags.
// Knows nothing of the chain.

/**
 * V8 lets the young generation of a busy process grow to three times 64 MiB on a 64-bit machine. A node makes much garbage
 * that dies at once: 8 MiB cost it 5 % more CPU and save 80 to 100 MiB of resident memory (docs/BENCHMARK.md).
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=8']
