// What counts as a network address in a genesis file and in the configuration: a multiaddr for TCP, checked by its text.
// Opens nothing and resolves nothing; node/network gives the text to libp2p.

import { isIPv4, isIPv6 } from 'node:net'

export const ENDPOINT_CHARS_MAX = 300
const DNS_LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/i
const PEER_ID = /^[1-9A-HJ-NP-Za-km-z]{40,64}$/

/**
 * Why `text` is not `/ip4|ip6|dns|dns4|dns6/<host>/tcp/<port>` with an optional `/p2p/<peer id>`; undefined when it is.
 * A listening address may have port 0 (any free port).
 */
export function endpointProblem(text: string, use: 'dial' | 'listen'): string | undefined {
  if (text.length > ENDPOINT_CHARS_MAX) return `longer than ${ENDPOINT_CHARS_MAX} characters`
  const [start, family, host, transport, port, p2p, peerId, ...rest] = text.split('/')
  if (start !== '' || family === undefined || host === undefined || transport === undefined || port === undefined) {
    return 'not of the form /ip4/192.0.2.1/tcp/4100'
  }
  if (transport !== 'tcp') return `transport ${transport} is not tcp`
  const hostFault = hostProblem(family, host)
  if (hostFault !== undefined) return hostFault
  const lowest = use === 'listen' ? 0 : 1
  if (!/^(?:0|[1-9]\d{0,4})$/.test(port) || Number(port) < lowest || Number(port) > 65_535) {
    return `port ${port} is not a number from ${lowest} to 65535`
  }
  if (p2p === undefined) return undefined
  if (p2p !== 'p2p' || peerId === undefined || !PEER_ID.test(peerId) || rest.length > 0) {
    return 'only /p2p/<peer id> may follow the port'
  }
  return undefined
}

function hostProblem(family: string, host: string): string | undefined {
  switch (family) {
    case 'ip4':
      return isIPv4(host) ? undefined : `${host} is not an IPv4 address`
    case 'ip6':
      return isIPv6(host) ? undefined : `${host} is not an IPv6 address`
    case 'dns':
    case 'dns4':
    case 'dns6':
      return host.length <= 253 && host.split('.').every((label) => DNS_LABEL.test(label))
        ? undefined
        : `${host} is not a host name`
    default:
      return `${family} is not one of ip4, ip6, dns, dns4, dns6`
  }
}
