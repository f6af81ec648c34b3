// Percentiles and slopes of what a trial sampled. Pure.

/** Nearest rank, `percent` 0 to 100; 0 without samples. */
export function percentile(samples: readonly number[], percent: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0
}

export interface Point {
  readonly x: number
  readonly y: number
}

/**
 * Slope by least squares of several series that share it but not their beginnings: each process of a node starts from a memory of
 * its own. 0 when no series has two points.
 */
export function pooledSlope(series: readonly (readonly Point[])[]): number {
  let products = 0
  let squares = 0
  for (const points of series) {
    const meanX = mean(points.map(({ x }) => x))
    const meanY = mean(points.map(({ y }) => y))
    for (const { x, y } of points) {
      products += (x - meanX) * (y - meanY)
      squares += (x - meanX) ** 2
    }
  }
  return squares === 0 ? 0 : products / squares
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}
