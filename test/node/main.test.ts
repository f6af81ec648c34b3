// The command line as an operator meets it: help, exit codes, and one clear sentence for every mistake.
// Commands run in this process through `run`; what concerns the process itself runs in one.

import { spawn, spawnSync } from 'node:child_process'
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createSocketServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { run } from '../../node/cli.ts'
import { settings } from '../../node/config.ts'
import { SOFTWARE_VERSION } from '../../node/version.ts'

const ROOT = join(import.meta.dirname, '..', '..')
let dir: string
const at = (name: string) => join(dir, name)

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'scoville-cli-'))
  await scoville('genesis', 'new', '--devnet', '--chain-id', 'try-1', '--validators', '1', '--out', at('net'))
})

afterAll(() => rm(dir, { recursive: true, force: true }))

interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

async function scoville(...args: string[]): Promise<Ran> {
  const out: string[] = []
  const err: string[] = []
  const terminal = { out: (text: string) => out.push(text), err: (text: string) => err.push(text), env: {} }
  const code = await run(args, terminal)
  return { code, out: out.join('\n'), err: err.join('\n') }
}

describe('help', () => {
  it.each([
    [[], 'testnet'],
    [['start'], '--key-file'],
    [['init'], 'scoville init my-node'],
    [['keys'], 'new'],
    [['keys', 'new'], 'scoville keys new'],
    [['keys', 'show'], 'scoville keys show'],
    [['genesis'], 'check'],
    [['genesis', 'new'], '--devnet'],
    [['genesis', 'check'], 'scoville genesis check'],
    [['tx'], 'send'],
    [['tx', 'send'], 'scoville tx send --from 0 --to 1 --amount 5'],
    [['tx', 'sign'], '{"tx":"0x…"}'],
    [['tx', 'status'], '--wait'],
    [['account'], 'scoville account 0'],
    [['status'], '--api'],
    [['config'], 'scoville config'],
  ])('%j --help shows what it can and ends with 0', async (command, expected) => {
    const { code, out, err } = await scoville(...command, '--help')
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toContain(expected)
    if (command.length > 0 && !['keys', 'genesis', 'tx'].includes(command.join(' '))) expect(out).toContain('--json')
  })

  it('start has a flag for every setting', async () => {
    const { out } = await scoville('start', '--help')
    expect(settings().filter(({ flag }) => !out.includes(`${flag} <`))).toEqual([])
  })

  it('--version prints the version of package.json', async () => {
    expect(await scoville('--version')).toEqual({ code: 0, out: SOFTWARE_VERSION, err: '' })
  })
})

describe('a command line that cannot be understood ends with 2', () => {
  it.each([
    ['no command', [], 'Usage: scoville'],
    ['an unknown command', ['foo'], "unknown command 'foo'"],
    ['an unknown flag', ['status', '--apii', 'x'], "unknown option '--apii'"],
    ['a missing argument', ['account'], "missing required argument 'address'"],
    ['a missing required flag', ['tx', 'send', '--to', '1'], "required option '--amount <base units>' not specified"],
    ['too many arguments', ['status', 'now'], 'too many arguments'],
  ])('%s', async (_, args, expected) => {
    const { code, err, out } = await scoville(...args)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain(expected)
  })
})

describe('what is refused ends with 1 and one sentence', () => {
  const transfer = ['tx', 'sign', '--from', '0', '--to', '1', '--amount', '1']

  it.each<[string, () => string[], string]>([
    ['a genesis file that is missing', () => ['start', '--genesis', at('none.json')], 'none.json does not exist'],
    ['a configuration file that is missing', () => ['start', '--config', at('none.toml')], 'none.toml cannot be read'],
    ['a setting out of range', () => ['start', '--api-port', '70000'], 'apiPort (--api-port): must be a whole number'],
    [
      'a key file that is missing',
      () => ['start', '--genesis', at('net/genesis.json'), '--key-file', at('none.json')],
      'make one with `scoville keys new --out',
    ],
    ['a checked file that is missing', () => ['genesis', 'check', at('none.json')], 'none.json does not exist'],
    ['a genesis file that is none', () => ['genesis', 'check', join(ROOT, 'tsconfig.json')], 'chainId'],
    ['a genesis file that is there', () => genesisNew('net'), 'genesis.json exists already'],
    ['a chain id that is none', () => genesisNew('x', '--chain-id', 'Not A Chain'), 'chainId: must be lower-case'],
    [
      'an account without an amount',
      () => genesisNew('x', '--account', '0x00'),
      '--account 0x00 is not address=amount',
    ],
    ['no validators', () => genesisNew('x', '--validators', '0'), '--validators 0 is not from 1 to 100'],
    ['a node that does not answer', () => ['status', '--api', 'http://127.0.0.1:1'], '127.0.0.1:1 does not answer'],
    ['an address of a node that is none', () => ['status', '--api', 'nowhere'], '--api nowhere is not a URL'],
    ['a hash that is none', () => ['tx', 'status', '0x12'], '0x12 is not a hash of 64 hex digits'],
    ['an amount of nothing', () => [...transfer.slice(0, -1), '0'], '--amount 0 is not a whole number from 1'],
    ['nobody who pays', () => ['tx', 'sign', '--to', '1', '--amount', '1'], '--from <number> or --key-file <file>'],
    ['an address of another network', () => offline('--to', 'scov1foo'), '--to scov1foo is not an address'],
    ['a long memo', () => offline('--memo', 'm'.repeat(257)), '--memo has more than 256 bytes'],
  ])('%s', async (_, args, expected) => {
    const { code, err, out } = await scoville(...args())
    expect({ code, out }).toEqual({ code: 1, out: '' })
    expect(err).toContain(expected)
    expect(err).toMatch(/^error: /)
    expect(err).not.toMatch(/\n {4}at /)
  })

  it('says so in JSON when asked', async () => {
    const { err } = await scoville('genesis', 'check', at('none.json'), '--json')
    expect(JSON.parse(err)).toMatchObject({ error: { code: 'genesis-missing' } })
  })

  it('names a node that answers something else', async () => {
    const server = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    const { code, err } = await scoville('account', '0', '--api', `http://127.0.0.1:${port}`)
    server.close()
    expect([code, err]).toEqual([1, expect.stringContaining('its answer is not JSON')])
  })

  function genesisNew(out: string, ...more: string[]): string[] {
    return ['genesis', 'new', '--chain-id', 'try-2', '--out', at(out), ...more]
  }
})

function offline(...more: string[]): string[] {
  const chain = ['--genesis', at('net/genesis.json'), '--nonce', '0', '--valid-until', '500']
  return ['tx', 'sign', '--from', '0', '--to', '1', '--amount', '5', ...chain, ...more]
}

describe('keys, genesis and init', () => {
  it('makes a key file for its owner only, never overwrites it, and shows its public half alone', async () => {
    const made = await scoville('keys', 'new', '--out', at('own.json'), '--chain-id', 'try-1', '--json')
    expect(made.code).toBe(0)
    expect((await stat(at('own.json'))).mode & 0o777).toBe(0o600)
    const before = await readFile(at('own.json'), 'utf8')
    expect((await scoville('keys', 'new', '--out', at('own.json'))).err).toContain('a key file is never overwritten')
    expect(await readFile(at('own.json'), 'utf8')).toBe(before)

    const shown = await scoville('keys', 'show', at('own.json'), '--chain-id', 'try-1', '--json')
    expect(JSON.parse(shown.out)).toEqual(JSON.parse(made.out))
    const { secret } = JSON.parse(before) as { secret: Record<string, string> }
    for (const hidden of Object.values(secret)) expect(made.out + shown.out).not.toContain(hidden)
  })

  it('its genesis entry is a validator of a valid genesis file', async () => {
    await scoville('keys', 'new', '--out', at('entry.json'))
    const shown = await scoville('keys', 'show', at('entry.json'), '--chain-id', 'try-1', '--json')
    const { genesisEntry } = JSON.parse(shown.out) as { genesisEntry: unknown }
    const file = JSON.parse(await readFile(at('net/genesis.json'), 'utf8')) as { validators: unknown[] }
    await writeFile(at('two.json'), JSON.stringify({ ...file, validators: [...file.validators, genesisEntry] }))
    const checked = await scoville('genesis', 'check', at('two.json'), '--json')
    expect(JSON.parse(checked.out)).toMatchObject({ chainId: 'try-1', validators: [{ index: 0 }, { index: 1 }] })
  })

  it('refuses a key file that others can read', async () => {
    await scoville('keys', 'new', '--out', at('open.json'))
    await chmod(at('open.json'), 0o644)
    const start = await scoville('start', '--genesis', at('net/genesis.json'), '--key-file', at('open.json'))
    expect([start.code, start.err]).toEqual([1, expect.stringContaining('run chmod 600')])
  })

  it('init makes a directory whose configuration is valid, once', async () => {
    const genesis = ['--genesis', at('net/genesis.json')]
    expect(await scoville('init', at('node'), ...genesis)).toMatchObject({ code: 0, err: '' })
    expect(await scoville('config', at('node/scoville.toml'))).toMatchObject({ code: 0 })
    expect((await scoville('init', at('node'), ...genesis)).err).toContain('exists already')
    expect(await readFile(at('node/genesis.json'), 'utf8')).toBe(await readFile(at('net/genesis.json'), 'utf8'))
    expect((await scoville('init', at('full'), '--full', '--json')).out).not.toContain('nodeKey')
  })

  it('a key that is no validator of the chain does not start', async () => {
    const { code, err } = await scoville('start', '--config', at('node/scoville.toml'))
    expect([code, err]).toEqual([1, expect.stringContaining("is none of the genesis file's validators")])
  })
})

describe('tx sign', () => {
  it('needs no node when chain, nonce and validity are given, and is deterministic', async () => {
    const [first, second] = [await scoville(...offline('--json')), await scoville(...offline('--json'))]
    expect(first).toEqual(second)
    expect(JSON.parse(first.out)).toMatchObject({ tx: expect.stringMatching(/^0x[0-9a-f]{400,}$/), nonce: '0' })
    expect((await scoville(...offline())).out).toBe((JSON.parse(first.out) as { tx: string }).tx)
  })

  it("pays from a validator's fee account", async () => {
    const chain = ['--genesis', at('net/genesis.json'), '--nonce', '0', '--valid-until', '5']
    const key = ['--key-file', at('net/keys/validator-0.json')]
    expect(await scoville('tx', 'sign', ...key, '--to', '1', '--amount', '1', ...chain)).toMatchObject({ code: 0 })
  })
})

describe('config', () => {
  it('lists every setting, for people and for programs', async () => {
    const { out } = await scoville('config', '--json')
    expect(JSON.parse(out)).toEqual(JSON.parse(JSON.stringify(settings())))
    expect((await scoville('config')).out.split('\n')).toHaveLength(settings().length + 2)
  })

  it('names every fault of a file', async () => {
    await writeFile(at('bad.toml'), 'apiPort = 70000\nbogus = 1\n')
    const { code, err } = await scoville('config', at('bad.toml'))
    expect(code).toBe(1)
    expect(err).toContain('apiPort (')
    expect(err).toContain('bogus (')
  })
})

describe('the process', () => {
  const main = [join(ROOT, 'node', 'bin.js')]

  it('has the exit codes the commands have', () => {
    expect(spawnSync(process.execPath, [...main, '--version']).status).toBe(0)
    expect(spawnSync(process.execPath, [...main, 'genesis', 'check', '/none']).status).toBe(1)
    expect(spawnSync(process.execPath, [...main, 'foo']).status).toBe(2)
  })

  it('a node starts, serves, and stops at SIGTERM with 0; its port cannot be had twice', {
    timeout: 30_000,
  }, async () => {
    const blocker = createSocketServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => blocker.once('listening', resolve))
    const { port } = blocker.address() as AddressInfo
    const node = (data: string, apiPort: number) => [
      ...[...main, 'start', '--genesis', at('net/genesis.json'), '--data-dir', at(data), '--api-port', `${apiPort}`],
      ...['--key-file', at('net/keys/validator-0.json'), '--listen', '/ip4/127.0.0.1/tcp/0'],
    ]
    const own = ['--genesis', at('net/genesis.json'), '--key-file', at('net/keys/validator-0.json')]
    expect(await scoville('safety', 'init', '--never-signed', '--data-dir', at('data'), ...own)).toMatchObject({
      code: 0,
    })
    const child = spawn(process.execPath, node('data', 0), { stdio: ['ignore', 'pipe', 'inherit'] })
    const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
    let log = ''
    const started = new Promise<void>((resolve) => {
      child.stdout.on('data', (chunk: Buffer) => {
        log += chunk.toString()
        if (log.includes('"msg":"started"')) resolve()
      })
    })
    await Promise.race([started, exited])
    const apiPort = /"apiPort":(\d+)/.exec(log)?.[1]
    const status = await scoville('status', '--api', `http://127.0.0.1:${apiPort}`)
    expect(status).toMatchObject({ code: 0, out: expect.stringContaining('validator v0') })

    const again = spawnSync(process.execPath, node('data', 0), { encoding: 'utf8' })
    expect([again.status, again.stderr]).toEqual([1, expect.stringContaining(`in use by process ${child.pid}`)])
    const taken = spawnSync(process.execPath, node('other', port), { encoding: 'utf8' })
    expect([taken.status, taken.stderr]).toEqual([1, expect.stringContaining(`port ${port} on 127.0.0.1 is in use`)])

    const stoppedMs = performance.now()
    child.kill('SIGTERM')
    expect(await exited).toBe(0)
    expect(performance.now() - stoppedMs).toBeLessThan(3_000)
    blocker.close()
  })
})
