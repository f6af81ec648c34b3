// What a person sees of a test network: the banner, one status line, one line per node. Text only, no terminal.

import { relative } from 'node:path'
import { SOFTWARE_VERSION } from '../../node/version.ts'
import type { Manifest } from './directory.ts'
import type { NodeState, Snapshot } from './observer.ts'

export function banner(manifest: Manifest): string {
  const { nodes, accounts, chainId } = manifest
  const api = nodes[0]?.api ?? ''
  const faults = Math.floor((nodes.length - 1) / 3)
  const flag = api === 'http://127.0.0.1:4000' ? '' : ` --api ${api}`
  const data = relative(process.cwd(), manifest.directory) || '.'
  const resumed = manifest.resumedAt === undefined ? 'new' : `resumed at ${grouped(manifest.resumedAt)}`
  const ready = ((manifest.readyMs ?? 0) / 1_000).toFixed(1)
  return [
    ` ▲ scoville ${SOFTWARE_VERSION}   chain ${chainId}   ${nodes.length} validators (f=${faults})   ready in ${ready} s`,
    ` API       ${api}/v1`,
    ` Nodes     ${nodes.map((node) => `${node.name} :${new URL(node.api).port}`).join('  ')}      Data ${data} (${resumed})`,
    ` Accounts  (${accounts.length} × ${grouped(accounts[0]?.balance ?? '0')} base units)  mnemonic "${manifest.mnemonic}"`,
    '           DEVELOPMENT ONLY: these keys are public',
    ...accounts.map(({ index, address, key }) => `   ${index} ${address}  key ${key}`),
    ` Try   curl ${api}/v1/blocks/latest`,
    `       npm run -s scoville -- tx send${flag} --from 0 --to 1 --amount 5`,
    `       npm run -s scoville -- account${flag} ${accounts[1]?.address ?? 1}`,
  ].join('\n')
}

export function statusLine(snapshot: Snapshot | undefined, running: number, validators: number): string {
  if (snapshot === undefined) return `no node answers · ${running}/${validators} processes`
  const { height, view, leader, signers, transactionsPerSecond, commitMs } = snapshot
  const parts = [
    `h ${grouped(height)}`,
    `view ${grouped(view)}`,
    `leader v${leader}`,
    `QC ${signers}/${validators}`,
    `${transactionsPerSecond < 10 ? transactionsPerSecond.toFixed(1) : grouped(Math.round(transactionsPerSecond))} tx/s`,
    `commit p50 ${commitMs === undefined ? '–' : Math.round(commitMs)} ms`,
  ]
  if (running < validators) parts.push(`${running}/${validators} nodes`)
  return parts.join(' · ')
}

export function nodeLines(states: readonly NodeState[]): string {
  return states
    .map(({ node, height, ready, detail }) => {
      const at = height < 0 ? '' : `height ${grouped(height)}  `
      return `${node.name}  ${node.api}  ${ready ? 'ready    ' : 'not ready'}  ${at}${detail}`.trimEnd()
    })
    .join('\n')
}

function grouped(value: number | string): string {
  return String(value).replace(/\B(?=(\d{3})+(?!\d))/g, ',')
}
