// What a run found, and how its figures are derived. Pure. docs/BENCHMARK.md says what each figure means.

export interface Latency {
  readonly samples: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
}

/** Figures that the machine or the network does not let us see are absent. */
export interface NodeCost {
  /** All nodes together. */
  readonly cpuMicrosPerTransaction: number
  /** Of each node, highest seen during the section. */
  readonly rssMibMax: readonly number[]
}

export interface Blocks {
  readonly blocks: number
  /** Without the empty ones. */
  readonly blocksWithTransactions: number
  readonly transactions: number
  readonly views: number
}

export interface LoadFigures {
  readonly section: 'closed' | 'batch' | 'offered'
  readonly transactions: number
  /** From the first request to the last commit seen by the client. */
  readonly seconds: number
  readonly committedPerSecond: number
  /** Transactions per second that the section tried to submit; absent in a closed loop. */
  readonly offeredPerSecond?: number
  readonly submitToCommit: Latency
  readonly blocks: number
  readonly transactionsPerBlock: number
  readonly viewsPerSecond: number
  /** Requests repeated because something in them was refused for lack of room. */
  readonly repeated: number
  readonly nodes?: NodeCost
  readonly clientCpuMicrosPerTransaction: number
  /** CPU microseconds of one core for one signature, before and after the section. */
  readonly verifyMicros: number
  /** committedPerSecond * validators * verifyMicros / cores: the share of the machine that only checks signatures. */
  readonly verifyShare: number
}

export interface IdleFigures {
  readonly section: 'idle'
  /** Of one core, mean of the nodes, without any load. */
  readonly cpuPercentPerNode?: number
  readonly rssMibMax?: readonly number[]
  readonly viewsPerSecond: number
  readonly submitToCommit: Latency
  readonly verifyMicros: number
  /** p50 in signature checks: comparable between machines and minutes. */
  readonly p50InVerifies: number
}

export type SectionFigures = LoadFigures | IdleFigures

export interface Report {
  readonly date: string
  readonly node: string
  readonly cpu: string
  readonly cores: number
  readonly validators: number
  readonly accounts: number
  /** Start of the first process until every node was ready. */
  readonly readyMs?: number
  readonly sections: readonly SectionFigures[]
}

/** Nearest rank. @throws RangeError without samples. */
export function latencyOf(samplesMs: readonly number[]): Latency {
  if (samplesMs.length === 0) throw new RangeError('no latency was sampled')
  const sorted = [...samplesMs].sort((a, b) => a - b)
  const at = (percent: number) => sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0
  return { samples: sorted.length, p50Ms: at(50), p95Ms: at(95), p99Ms: at(99) }
}

export function mib(bytes: number): number {
  return bytes / (1024 * 1024)
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
