// genesis/endpoint.ts: which multiaddrs a genesis file and a configuration may name.

import { multiaddr } from '@multiformats/multiaddr'
import { describe, expect, it } from 'vitest'
import { ENDPOINT_CHARS_MAX, endpointProblem } from '../../genesis/endpoint.ts'

const PEER = '12D3KooWGC6TvWhfapngX6wvJHMYvKpDMXPb3ZnCZ6dMoaMtimQ5'

describe('accepted', () => {
  it.each([
    '/ip4/127.0.0.1/tcp/4100',
    '/ip6/2001:db8::1/tcp/65535',
    '/dns4/node-1.example.org/tcp/1',
    '/dns/localhost/tcp/80',
    `/ip4/192.0.2.1/tcp/4100/p2p/${PEER}`,
  ])('%s, which libp2p takes too', (text) => {
    expect(endpointProblem(text, 'dial')).toBeUndefined()
    expect(multiaddr(text).toString()).toBe(text)
  })

  it('port 0 to listen on: any free port', () => {
    expect(endpointProblem('/ip4/127.0.0.1/tcp/0', 'listen')).toBeUndefined()
  })
})

describe('refused', () => {
  it.each([
    ['nothing', ''],
    ['a URL', 'http://127.0.0.1:4100'],
    ['no leading slash', 'ip4/127.0.0.1/tcp/4100'],
    ['no port', '/ip4/127.0.0.1/tcp'],
    ['a trailing slash', '/ip4/127.0.0.1/tcp/4100/'],
    ['an address out of range', '/ip4/127.0.0.256/tcp/4100'],
    ['a short IPv6', '/ip6/2001:db8/tcp/1'],
    ['a zone', '/ip6zone/x/ip6/fe80::1/tcp/1'],
    ['another transport', '/ip4/127.0.0.1/udp/4100'],
    ['a port above 65535', '/ip4/127.0.0.1/tcp/65536'],
    ['a port with a leading zero', '/ip4/127.0.0.1/tcp/04100'],
    ['port 0 to dial', '/ip4/127.0.0.1/tcp/0'],
    ['a host name with an empty label', '/dns4/a..b/tcp/1'],
    ['a host name with a hyphen at the end', '/dns4/a-/tcp/1'],
    ['something after the port', '/ip4/127.0.0.1/tcp/4100/ws'],
    ['something after the peer id', `/ip4/127.0.0.1/tcp/4100/p2p/${PEER}/p2p-circuit`],
    ['a peer id that is none', '/ip4/127.0.0.1/tcp/4100/p2p/0OIl'],
    ['too long a text', `/dns4/${'a.'.repeat(ENDPOINT_CHARS_MAX)}b/tcp/1`],
  ])('%s', (_, text) => {
    expect(endpointProblem(text, 'dial')).toEqual(expect.any(String))
  })
})
