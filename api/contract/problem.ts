// RFC 9457 problems as clients see them: the frozen codes and the facts that come with them.

import { z } from 'zod'
import { PROBLEMS, type ProblemCode } from '../problem.ts'
import { enveloped, hash, type Seen } from './spelling.ts'

const codes = Object.keys(PROBLEMS) as ProblemCode[]

export const problemCode = z
  .enum(codes)
  .meta({ id: 'ProblemCode', description: 'Decide by this. A code never changes its status or its meaning.' })

const numberOrText = z.union([z.string(), z.int()])

export const problem = z
  .looseObject({
    type: z.string().meta({ description: 'Path of the page that explains the code.' }),
    title: z.string(),
    status: z.int().min(400).max(599),
    detail: z.string().meta({ description: 'For people; may change.' }),
    code: problemCode,
    instance: z.string().optional(),
    requestId: z.string().optional(),
    errors: z
      .array(
        z.object({
          pointer: z.string().optional().meta({ description: 'RFC 6901, into the body.' }),
          parameter: z.string().optional(),
          detail: z.string(),
        }),
      )
      .optional(),
    expected: z.string().optional(),
    got: numberOrText.optional(),
    max: numberOrText.optional(),
    needed: z.string().optional(),
    balance: z.string().optional(),
    feeNeeded: z.string().optional(),
    validUntil: z.string().optional(),
    height: z.string().optional(),
    oldestHeight: z.string().optional(),
    conflictingHash: hash.optional(),
  })
  .meta({ id: 'Problem' })

/** The JSON form: RFC 9457 members, `code`, then the facts as extension members. */
export type ProblemView = Seen<z.infer<typeof problem>>

/** What a problem's `type` resolves to. */
export const problemPage = enveloped(
  z.object({
    code: problemCode,
    status: z.int(),
    title: z.string(),
    help: z.string().meta({ description: 'What happened and what to do.' }),
    retryable: z.boolean(),
  }),
)
