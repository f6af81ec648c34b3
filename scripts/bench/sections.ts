// The sections of a run: an idle network, closed loops of single transactions and of batches, an offered rate.
// Everything is signed before a section's clock starts; a section ends when all of it is committed.

import { type IdleFigures, type LoadFigures, latencyOf, mib, sum } from './figures.ts'
import { BATCH_TRANSACTIONS_MAX, type BatchPost, measureVerifyMicros, type Sender, Signer } from './load.ts'
import type { Network } from './network.ts'
import { startMeter } from './process-meter.ts'

const REPEAT_MS = 20
/** Requests a second of an offered rate: its batches are as large as that makes them. */
const OFFERED_POSTS_PER_SECOND = 40
const PAUSE_MS = 120
const WARM_UP_BATCH = 64

export interface SectionOptions {
  readonly network: Network
  readonly cores: number
  readonly progress: (text: string) => void
}

export interface IdleOptions extends SectionOptions {
  readonly quietMs: number
  readonly transactions: number
}

export async function measureIdle(options: IdleOptions): Promise<IdleFigures> {
  const { network, progress } = options
  const [sender] = network.senders
  if (sender === undefined) throw new Error('no accounts to send from')
  const from = await network.place()
  progress(`idle: ${options.quietMs / 1_000} s without load, then ${options.transactions} single transactions`)
  const meter = startMeter(network.pids)
  await pause(options.quietMs)
  const quiet = meter.stop()
  const { view } = await network.place()
  const signer = new Signer([sender], network.senders, network.genesisHash, from.height)
  const verifyMicros = measureVerifyMicros(sender.account)
  const samplesMs: number[] = []
  for (let i = 0; i < options.transactions; i++) {
    const { bytes } = signer.sign()
    // The blocks that flush the one before are gone by then; the pauses differ so as not to keep step with anything.
    await pause(PAUSE_MS + (i % 7) * 10)
    const sentMs = performance.now()
    await network.postAndWait(i, bytes)
    samplesMs.push(performance.now() - sentMs)
  }
  const submitToCommit = latencyOf(samplesMs)
  const isSeen = quiet.rssBytesMax.some((bytes) => bytes > 0)
  const percent = (100 * sum(quiet.cpuMicros)) / quiet.cpuMicros.length / (options.quietMs * 1_000)
  return {
    section: 'idle',
    ...(isSeen ? { cpuPercentPerNode: percent, rssMibMax: quiet.rssBytesMax.map(mib) } : {}),
    viewsPerSecond: (view - from.view) / (options.quietMs / 1_000),
    submitToCommit,
    verifyMicros,
    p50InVerifies: (1_000 * submitToCommit.p50Ms) / verifyMicros,
  }
}

/** Unmeasured load, until the nodes' hot code is compiled: a network that has just started is slower by half. */
export async function warmUp(options: LoadOptions): Promise<void> {
  const { network, transactions } = options
  const from = await network.place()
  const shares = await sharesOf(network, network.posters.length)
  options.progress(`warming up with ${transactions} transactions`)
  const posting = shares.map(async (signer, node) => {
    for (const batch of batchesOf(signer, portion(transactions, shares.length, node), WARM_UP_BATCH)) {
      await postBatch(network, node, batch)
      await network.committed(node, batch.last)
    }
  })
  await Promise.all(posting)
  await network.untilCommitted(from, transactions)
}

export interface LoadOptions extends SectionOptions {
  readonly transactions: number
}

/** Workers that post one transaction and wait for its commit before the next. */
export async function measureClosed(options: LoadOptions & { readonly concurrency: number }): Promise<LoadFigures> {
  const { network, transactions } = options
  const shares = await sharesOf(network, Math.min(options.concurrency, transactions))
  options.progress(`closed: signing ${transactions}, then ${shares.length} workers with one transaction each`)
  const work = shares.map((signer, worker) =>
    Array.from({ length: portion(transactions, shares.length, worker) }, () => signer.sign().bytes),
  )
  return measureLoad('closed', options, async (onSample) => {
    await Promise.all(
      work.map(async (queue, worker) => {
        for (const bytes of queue) {
          const sentMs = performance.now()
          await network.postAndWait(worker, bytes)
          onSample(performance.now() - sentMs)
        }
      }),
    )
    return 0
  })
}

/** Workers that post 256 transactions and wait for the commit of the last before the next 256. */
export async function measureBatch(options: LoadOptions & { readonly concurrency: number }): Promise<LoadFigures> {
  const { network, transactions } = options
  const batches = Math.ceil(transactions / BATCH_TRANSACTIONS_MAX)
  const shares = await sharesOf(network, Math.min(options.concurrency, batches))
  options.progress(`batch: signing ${transactions}, then ${shares.length} workers with one batch each`)
  const work = shares.map((signer, worker) => {
    const count = portion(transactions, shares.length, worker)
    return batchesOf(signer, count, BATCH_TRANSACTIONS_MAX)
  })
  return measureLoad('batch', options, async (onSample) => {
    const repeated = await Promise.all(
      work.map(async (queue, worker) => {
        let again = 0
        for (const batch of queue) {
          const sentMs = performance.now()
          again += await postBatch(network, worker, batch)
          await network.committed(worker, batch.last)
          onSample(performance.now() - sentMs)
        }
        return again
      }),
    )
    return sum(repeated)
  })
}

/** Batches at fixed times, whatever became of those before; latency counts from the time a batch was due. */
export async function measureOffered(options: LoadOptions & { readonly rate: number }): Promise<LoadFigures> {
  const { network, rate, transactions } = options
  const size = Math.min(BATCH_TRANSACTIONS_MAX, Math.max(1, Math.round(rate / OFFERED_POSTS_PER_SECOND)))
  const shares = await sharesOf(network, network.posters.length)
  options.progress(`offered: signing ${transactions}, then ${rate} a second in batches of ${size}`)
  const queues = shares.map((signer, node) => batchesOf(signer, portion(transactions, shares.length, node), size))
  // The nodes in turn; the last batch of each may be smaller.
  const due = queues.flatMap((queue, node) =>
    queue.map((batch, at) => ({ batch, node, at: at * queues.length + node })),
  )
  due.sort((a, b) => a.at - b.at)
  const figures = await measureLoad('offered', options, async (onSample) => {
    const startMs = performance.now()
    let repeated = 0
    const under: Promise<void>[] = []
    for (const [index, { batch, node }] of due.entries()) {
      const dueMs = startMs + (index * size * 1_000) / rate
      const waitMs = dueMs - performance.now()
      if (waitMs > 0) await pause(waitMs)
      const one = async () => {
        repeated += await postBatch(network, node, batch)
        await network.committed(node, batch.last)
        onSample(performance.now() - dueMs)
      }
      under.push(one())
    }
    await Promise.all(under)
    return repeated
  })
  return { ...figures, offeredPerSecond: rate }
}

/** @param run posts everything, reports each sampled latency, and answers how many requests it had to repeat */
async function measureLoad(
  section: LoadFigures['section'],
  options: LoadOptions,
  run: (onSample: (ms: number) => void) => Promise<number>,
): Promise<LoadFigures> {
  const { network, cores, transactions } = options
  const [sender] = network.senders
  if (sender === undefined) throw new Error('no accounts to send from')
  const verifyBefore = measureVerifyMicros(sender.account)
  const samplesMs: number[] = []
  const from = await network.place()
  const meter = startMeter(network.pids)
  const startMs = performance.now()
  const repeated = await run((ms) => samplesMs.push(ms))
  const counted = await network.untilCommitted(from, transactions)
  const seconds = (performance.now() - startMs) / 1_000
  const used = meter.stop()
  const verifyMicros = (verifyBefore + measureVerifyMicros(sender.account)) / 2
  const committedPerSecond = transactions / seconds
  const isSeen = used.rssBytesMax.some((bytes) => bytes > 0)
  return {
    section,
    transactions: counted.transactions,
    seconds,
    committedPerSecond,
    submitToCommit: latencyOf(samplesMs),
    blocks: counted.blocks,
    transactionsPerBlock: transactions / Math.max(1, counted.blocksWithTransactions),
    viewsPerSecond: counted.views / seconds,
    repeated,
    ...(isSeen
      ? {
          nodes: {
            cpuMicrosPerTransaction: sum(used.cpuMicros) / transactions,
            rssMibMax: used.rssBytesMax.map(mib),
          },
        }
      : {}),
    clientCpuMicrosPerTransaction: used.ownCpuMicros / transactions,
    verifyMicros,
    verifyShare: (committedPerSecond * network.posters.length * verifyMicros) / 1e6 / cores,
  }
}

/** Posts until everything in it is accepted: repetition is harmless. Answers how often it was repeated. */
async function postBatch(network: Network, node: number, batch: BatchPost): Promise<number> {
  for (let repeated = 0; ; repeated++) {
    const { status, body } = await network.poster(node).post('/v1/transactions/batch', 'application/json', batch.body)
    if (status === 200 && !body.includes('"problem"')) return repeated
    if (status !== 200 && status !== 503) throw new Error(`a batch was refused: status ${status} ${body.slice(0, 300)}`)
    if (repeated > 500) throw new Error(`a batch is refused again and again: ${body.slice(0, 600)}`)
    await pause(REPEAT_MS)
  }
}

/** A signer for each of at most `workers` workers, no account in two of them. */
async function sharesOf(network: Network, workers: number): Promise<Signer[]> {
  const { height } = await network.place()
  const { genesisHash, senders } = network
  const shares: Sender[][] = Array.from({ length: Math.min(workers, senders.length) }, () => [])
  for (const [index, sender] of senders.entries()) shares[index % shares.length]?.push(sender)
  return shares.map((own) => new Signer(own, senders, genesisHash, height))
}

function batchesOf(signer: Signer, count: number, size: number): BatchPost[] {
  const batches: BatchPost[] = []
  for (let left = count; left > 0; left -= size) batches.push(signer.batch(Math.min(size, left)))
  return batches
}

/** The part of `total` that falls to one of `parts`. */
function portion(total: number, parts: number, index: number): number {
  return Math.floor(total / parts) + (index < total % parts ? 1 : 0)
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms)
  })
}
