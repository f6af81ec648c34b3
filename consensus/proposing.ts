// The leader's part: one proposal a view, on highQC, with the TC that let it in when the QC alone does not.

import { announceOwn } from './progress.ts'
import { raise } from './safety.ts'
import { leads, type Step } from './state.ts'
import type { UnsignedBlock, View } from './types.ts'

/** Asks the driver to build a block as soon as this view's leader may and can propose; called after every input. */
export function tryPropose(step: Step): void {
  const { core, effects } = step
  const { safety, view } = core
  if (!leads(core, view) || core.buildingView >= view) return
  if ((safety.lastProposal?.view ?? 0) >= view || safety.highestTimeoutView >= view) return
  // Without work the leader waits up to the idle interval (DESIGN.md, "Idle").
  if (!core.hadWork && !core.idleOver) return
  const { highQC, lastTC } = safety
  const parent = core.tree.block(highQC.blockId)
  // PITFALLS 12: a QC for a block not held; it is being fetched.
  if (parent === undefined || !core.tree.isValid(parent.id)) return
  core.buildingView = view
  // With highQC.view == v-1 a leader proposes without a TC, even if it entered by one.
  const tc = highQC.view + 1 === view ? undefined : lastTC
  effects.push({ kind: 'propose', view, parent, justify: highQC, ...(tc === undefined ? {} : { tc }) })
  announceOwn(step, highQC)
}

/** The block is built. It leaves only if its view still is the current one and was not given up meanwhile. */
export function onBuilt(step: Step, view: View, block: UnsignedBlock | undefined): void {
  const { core, effects } = step
  if (block === undefined || view !== core.view || core.buildingView !== view) return
  const { safety } = core
  if ((safety.lastProposal?.view ?? 0) >= view || safety.highestTimeoutView >= view) return
  core.safety = raise(safety, { lastProposal: { view, blockId: block.id } })
  effects.push({ kind: 'save', safety: core.safety, block })
  effects.push({ kind: 'send-proposal', block })
}
