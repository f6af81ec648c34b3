// Structured logs. One logger per node, passed down; nothing logs through the console and no key is ever logged.

import { pino } from 'pino'

export type Log = Pick<import('pino').Logger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'>

/** @param format `pretty` is for people at a terminal, `json` for everything else */
export function createLog(
  level: string,
  format: 'json' | 'pretty',
  bindings: Readonly<Record<string, unknown>> = {},
): Log {
  const options = { level, base: { ...bindings }, redact: ['secret', 'secretKey', 'seed', '*.secret', '*.secretKey'] }
  if (format === 'json') return pino(options)
  return pino({ ...options, transport: { target: 'pino-pretty', options: { colorize: true, ignore: 'pid,hostname' } } })
}
