// CPU time and memory of other processes, from the kernel's own account in /proc. Where there is no /proc (or the network is
// not ours) the figures are absent, never guessed. Reading costs the observed processes nothing.

import { readFileSync } from 'node:fs'

/** USER_HZ: 100 on every Linux that Node runs on. */
const MICROS_PER_TICK = 10_000
const SAMPLE_MS = 100

/** User and system time of all threads since the process started, in microseconds, to 10 ms. */
export function cpuMicros(pid: number): number | undefined {
  const text = readProc(`/proc/${pid}/stat`)
  if (text === undefined) return undefined
  // The name in parentheses may hold spaces: fields are counted behind it. utime and stime are fields 14 and 15.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * MICROS_PER_TICK
}

export function rssBytes(pid: number): number | undefined {
  const kib = readProc(`/proc/${pid}/status`)?.match(/^VmRSS:\s+(\d+) kB$/m)?.[1]
  return kib === undefined ? undefined : Number(kib) * 1024
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}

export interface Consumption {
  /** Of each process while it was observed, microseconds. */
  readonly cpuMicros: readonly number[]
  /** Highest seen of each. */
  readonly rssBytesMax: readonly number[]
  /** Of this process, the load generator. */
  readonly ownCpuMicros: number
}

export interface ProcessMeter {
  stop(): Consumption
}

export function startMeter(pids: readonly number[]): ProcessMeter {
  const startedAt = pids.map((pid) => cpuMicros(pid) ?? 0)
  const own = process.cpuUsage()
  const highest = pids.map(() => 0)
  const sample = () => {
    for (const [index, pid] of pids.entries()) highest[index] = Math.max(highest[index] ?? 0, rssBytes(pid) ?? 0)
  }
  sample()
  const timer = setInterval(sample, SAMPLE_MS)
  return {
    stop() {
      clearInterval(timer)
      sample()
      const { user, system } = process.cpuUsage(own)
      const used = pids.map((pid, index) => (cpuMicros(pid) ?? 0) - (startedAt[index] ?? 0))
      return { cpuMicros: used, rssBytesMax: highest, ownCpuMicros: user + system }
    },
  }
}
