// What the node counts, in Prometheus's terms. Values that live elsewhere are read when they are asked for, so that no layer
// below has to know of metrics.

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Effect } from '../consensus/protocol.ts'

/** Read at each scrape. */
export interface Sampled {
  readonly height: number
  readonly view: number
  readonly highQcView: number
  readonly timeoutMs: number
  readonly mempoolTransactions: number
  readonly mempoolBytes: number
  readonly uncommittedBlocks: number
  readonly peers: number
  readonly blocksFetched: number
  readonly queuedInputs: number
  readonly ingressDropped: number
  readonly evidence: number
}

export class Metrics {
  readonly #registry = new Registry()
  readonly #views: Counter<'by'>
  readonly #votes: Counter
  readonly #timeouts: Counter
  readonly #blocks: Counter
  readonly #transactions: Counter
  readonly #commitSeconds: Histogram

  constructor(labels: Readonly<Record<string, string>>, sample: () => Sampled) {
    const registers = [this.#registry]
    this.#registry.setDefaultLabels(labels)
    collectDefaultMetrics({ register: this.#registry, prefix: 'scoville_' })
    this.#views = new Counter({
      name: 'scoville_views_total',
      help: 'Views entered, by what entered them.',
      labelNames: ['by'],
      registers,
    })
    this.#votes = new Counter({ name: 'scoville_votes_total', help: 'Votes this node cast or resent.', registers })
    this.#timeouts = new Counter({ name: 'scoville_timeouts_total', help: 'Timeouts this node sent.', registers })
    this.#blocks = new Counter({ name: 'scoville_blocks_committed_total', help: 'Blocks committed.', registers })
    this.#transactions = new Counter({
      name: 'scoville_transactions_committed_total',
      help: 'Transactions committed.',
      registers,
    })
    this.#commitSeconds = new Histogram({
      name: 'scoville_block_commit_seconds',
      help: "From a block's own timestamp until it is durable here.",
      buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    })
    const gauges: readonly (readonly [keyof Sampled, string, string])[] = [
      ['height', 'height', 'Committed height.'],
      ['view', 'view', 'Current view.'],
      ['highQcView', 'high_qc_view', 'View of the highest QC.'],
      ['timeoutMs', 'view_timeout_milliseconds', 'Timeout of the current view, idle interval excluded.'],
      ['mempoolTransactions', 'mempool_transactions', 'Transactions in the mempool.'],
      ['mempoolBytes', 'mempool_bytes', 'Bytes in the mempool.'],
      ['uncommittedBlocks', 'uncommitted_blocks', 'Blocks held above the committed one.'],
      ['peers', 'peers', 'Connected peers.'],
      ['blocksFetched', 'blocks_fetched', 'Blocks fetched from peers since the start.'],
      ['queuedInputs', 'core_inputs_queued', 'Inputs waiting for the core.'],
      ['ingressDropped', 'ingress_dropped', 'Messages dropped because too many were being checked.'],
      ['evidence', 'evidence', 'Equivocations proved.'],
    ]
    for (const [key, name, help] of gauges) {
      new Gauge({
        name: `scoville_${name}`,
        help,
        registers,
        collect() {
          this.set(sample()[key])
        },
      })
    }
  }

  onEffects(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'entered-view') this.#views.inc({ by: effect.by })
      else if (effect.kind === 'send-vote') this.#votes.inc()
      else if (effect.kind === 'send-timeout') this.#timeouts.inc()
    }
  }

  onCommitted(transactions: number, ageMs: number): void {
    this.#blocks.inc()
    this.#transactions.inc(transactions)
    this.#commitSeconds.observe(Math.max(0, ageMs) / 1_000)
  }

  async render(): Promise<{ readonly contentType: string; readonly body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() }
  }
}
