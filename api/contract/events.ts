// The event stream as clients see it. What its events carry are the shapes of the other operations: Block, Transaction,
// Certificate. An SSE body has no JSON Schema, so the description says which.

import { z } from 'zod'
import { TOPICS, type Topic } from '../event-log.ts'
import { NONE, type Operation } from './operation.ts'
import { addressText, heightText } from './parameters.ts'

export const EVENT_STREAM = 'text/event-stream'

const topicsText = z
  .string()
  .transform((text) => text.split(','))
  .pipe(z.array(z.enum(TOPICS, `expected ${TOPICS.join(', ')} with commas between`)).max(TOPICS.length))
  .transform((names): ReadonlySet<Topic> => new Set(names))
  .default(new Set(TOPICS))
  .meta({
    type: 'string',
    default: undefined,
    pattern: `^(?:${TOPICS.join('|')})(?:,(?:${TOPICS.join('|')})){0,${TOPICS.length - 1}}$`,
    description: '`block`, `tx` and `qc` with commas between; all three when absent.',
  })

const eventsQuery = z.strictObject({
  topics: topicsText,
  account: addressText.optional().meta({
    description: 'Of the transactions only those that this address sent or that pay it.',
  }),
  since: heightText
    .optional()
    .meta({ description: 'Begin with the events of this block, committed or still to come.' }),
})

export const streamEvents = {
  id: 'streamEvents',
  method: 'GET',
  path: '/v1/events',
  tag: 'Blocks',
  summary: 'What commits, as it commits',
  description: `Server-sent events. Each \`id\` is \`height:index\`, the same on every node. \`block\` carries a Block, \`tx\` a
Transaction, \`qc\` the Certificate in a block, which is of its parent. \`gap\` names heights that the stream had to leave out. A
comment comes every 15 s when nothing else does. Without \`since\` and \`Last-Event-ID\` it begins with the next block.`,
  parameters: NONE,
  query: eventsQuery,
  headers: { 'Last-Event-ID': 'Go on behind this event. It decides over `since`.' },
  answers: { 200: { description: 'Events without end.', content: { [EVENT_STREAM]: 'text' } } },
  problems: ['block-pruned', 'too-many-streams'],
  example: { query: { since: '0' } },
} satisfies Operation<typeof NONE, typeof eventsQuery>
