// A run's figures for people: one block of lines per section, units in every line.

import type { IdleFigures, Latency, LoadFigures, Report } from './figures.ts'

export function formatReport(report: Report): string {
  const head = `${report.validators} validators, ${report.accounts} accounts, Node ${report.node}, ${report.cores} cores (${report.cpu})`
  const ready = report.readyMs === undefined ? [] : [`  ready after          ${(report.readyMs / 1_000).toFixed(1)} s`]
  const sections = report.sections.flatMap((section) => ['', ...rowsOf(section)])
  return [head, ...ready, ...sections].join('\n')
}

function rowsOf(figures: IdleFigures | LoadFigures): string[] {
  return figures.section === 'idle' ? idleRows(figures) : loadRows(figures)
}

function idleRows(figures: IdleFigures): string[] {
  return [
    'idle',
    row('CPU per node', figures.cpuPercentPerNode, (percent) => `${percent.toFixed(1)} % of a core`),
    row('memory (RSS) max', figures.rssMibMax, mibList),
    row('views', figures.viewsPerSecond, perSecond),
    row('submit to commit', figures.submitToCommit, latencyText),
    row('signature check', figures.verifyMicros, (micros) => `${micros.toFixed(0)} us`),
    row('p50 in signature checks', figures.p50InVerifies, (count) => count.toFixed(0)),
  ]
}

function loadRows(figures: LoadFigures): string[] {
  const { nodes, offeredPerSecond } = figures
  const offered = offeredPerSecond === undefined ? '' : `, ${offeredPerSecond.toFixed(0)} offered`
  return [
    figures.section,
    row('committed', figures.committedPerSecond, (tps) => `${tps.toFixed(0)} transactions/s${offered}`),
    row('transactions', figures.transactions, (count) => `${count} in ${figures.seconds.toFixed(1)} s`),
    row('submit to commit', figures.submitToCommit, latencyText),
    row('views', figures.viewsPerSecond, perSecond),
    row('blocks', figures.blocks, (count) => `${count}, ${figures.transactionsPerBlock.toFixed(0)} transactions each`),
    row('node CPU', nodes?.cpuMicrosPerTransaction, (micros) => `${micros.toFixed(0)} us a transaction, all nodes`),
    row('client CPU', figures.clientCpuMicrosPerTransaction, (micros) => `${micros.toFixed(0)} us a transaction`),
    row('memory (RSS) max', nodes?.rssMibMax, mibList),
    row('repeated requests', figures.repeated, String),
    row('signature check', figures.verifyMicros, (micros) => `${micros.toFixed(0)} us`),
    row('tps * n * check / cores', figures.verifyShare, (share) => share.toFixed(3)),
  ]
}

function row<T>(name: string, value: T | undefined, format: (value: T) => string): string {
  return `  ${name.padEnd(24)} ${value === undefined ? 'not seen' : format(value)}`
}

function latencyText({ p50Ms, p95Ms, p99Ms, samples }: Latency): string {
  const text = [p50Ms, p95Ms, p99Ms].map((ms) => ms.toFixed(1)).join(' / ')
  return `${text} ms (p50 / p95 / p99 of ${samples})`
}

function mibList(values: readonly number[]): string {
  return `${values.map((value) => value.toFixed(0)).join(' ')} MiB`
}

function perSecond(value: number): string {
  return `${value.toFixed(1)} a second`
}
