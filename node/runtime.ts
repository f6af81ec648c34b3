// How the Node process that runs a validator is started; whoever spawns one passes these flags.
// Knows nothing of the chain.

/**
 * V8 spends memory freely where there is much: its young generation grows to 192 MiB, and the rest doubles or more before it
 * is collected. These bounds keep a loaded node within 300 MiB for about 5 % more CPU (docs/BENCHMARK.md, "Memory").
 */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=16', '--heap-growing-percent=50']

/**
 * Starts this process again with the flags that it lacks; V8 reads the size of its young generation once, as it starts. The
 * process id, files and terminal stay: signals and supervisors notice nothing. Returns where that cannot be done (Windows) or
 * should not: a flag that was given on the command line or in NODE_OPTIONS, whatever its value, is the operator's.
 */
export function ensureNodeFlags(entry: string): void {
  // A channel to a parent would be lost; who opens one passes the flags.
  if (process.platform === 'win32' || process.execve === undefined || process.connected) return
  const given = [...process.execArgv, ...(process.env.NODE_OPTIONS ?? '').split(/\s+/)].map(nameOf)
  const missing = NODE_FLAGS.filter((flag) => !given.includes(nameOf(flag)))
  if (missing.length === 0) return
  const args = [process.execPath, ...process.execArgv, ...missing, entry, ...process.argv.slice(2)]
  process.execve(process.execPath, args, process.env)
}

function nameOf(flag: string): string {
  return flag.replace(/=.*/s, '').replaceAll('_', '-')
}
