// The event stream: where a reader begins, and its place among the bounded number of readers.
// What events there are is api/event-log.ts, how they reach a reader api/event-stream.ts.

import type { z } from 'zod'
import { parseAddress } from '../../ledger/address.ts'
import { type Answer, type ApiContext, type Route, refuse } from '../answer.ts'
import { EVENT_STREAM, streamEvents } from '../contract/events.ts'
import { type Input, type NONE, route } from '../contract/operation.ts'
import { type Position, parsePosition, positionAfter } from '../event-log.ts'
import { feedEvents } from '../event-stream.ts'
import { invalidParameter, type Parsed, parsed, refused } from '../parse.ts'

export const eventRoutes: readonly Route[] = [route(streamEvents, stream)]

type Query = z.output<typeof streamEvents.query>

function stream({ query, request, response }: Input<typeof NONE, typeof streamEvents.query>, api: ApiContext): Answer {
  const from = startOf(query, request.headers['last-event-id'], api)
  if (!from.ok) return refuse(from.problem)
  const account = accountOf(query.account, api)
  if (!account.ok) return refuse(account.problem)
  const { log, places, limits } = api.events
  if (request.method === 'HEAD') return { kind: 'stream', contentType: EVENT_STREAM, feed: async () => {} }
  const place = places.open(request.ip ?? 'unknown', response)
  if (place === undefined) {
    return refuse({ code: 'too-many-streams', detail: `${places.count} streams are open on this node` })
  }
  const filter = account.value === undefined ? {} : { account: account.value }
  const subscription = { from: from.value, topics: query.topics, ...filter }
  return {
    kind: 'stream',
    contentType: EVENT_STREAM,
    feed: () =>
      feedEvents(log, api.ports.commits, response, subscription, place.signal, limits).finally(() => place.close()),
  }
}

/** A browser that connects again repeats the query beside its Last-Event-ID, so the header decides. */
function startOf({ since }: Query, lastEventId: string | string[] | undefined, api: ApiContext): Parsed<Position> {
  const head = api.ports.chain.head()
  const last = lastEventId === undefined || lastEventId === '' ? undefined : parsePosition(String(lastEventId))
  if (last === undefined && lastEventId !== undefined && lastEventId !== '') {
    return refused(invalidParameter('Last-Event-ID', 'expected the id of an event: height:index'))
  }
  if (last === undefined && since === undefined) return parsed({ height: head.height + 1, index: 0 })
  const from = last === undefined ? { height: since ?? 0, index: 0 } : positionAfter(last)
  if (from.height >= head.oldestHeight) return parsed(from)
  const detail = `events of height ${from.height} are no longer held; the oldest are of ${head.oldestHeight}`
  return refused({ code: 'block-pruned', detail, members: { oldestHeight: String(head.oldestHeight) } })
}

function accountOf(text: string | undefined, api: ApiContext): Parsed<string | undefined> {
  if (text === undefined) return parsed(undefined)
  const address = parseAddress(api.info.addressPrefix, text)
  return address.ok ? parsed(address.address) : refused(invalidParameter('account', address.detail))
}
