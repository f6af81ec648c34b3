// How values are spelled in every answer: decimal strings for 64-bit numbers, lower-case 0x-hex for bytes, RFC 3339 beside
// milliseconds. The schemas describe what the server sends; what it accepts is more lenient (api/parse.ts). No shapes here.

import { z } from 'zod'

/** JSON as a client reads it: deeply readonly, and a member is absent rather than undefined. */
export type Seen<T> = T extends readonly (infer Item)[]
  ? readonly Seen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Seen<Exclude<T[Key], undefined>> }
    : T

/** u64 without sign or leading zeros; JSON numbers end at 2^53. */
export const decimal = z
  .string()
  .regex(/^(?:0|[1-9]\d{0,19})$/)
  .meta({ id: 'Decimal', description: 'An unsigned 64-bit number as a decimal string.' })

export const hash = z
  .string()
  .regex(/^0x[0-9a-f]{64}$/)
  .meta({ id: 'Hash', description: '32 bytes in lower-case hex.' })

export const bytes = z
  .string()
  .regex(/^0x(?:[0-9a-f]{2})*$/)
  .meta({ id: 'Bytes', description: 'Bytes in lower-case hex.' })

export const address = z
  .string()
  .regex(/^[a-z0-9]{1,16}1[02-9ac-hj-np-z]{38,60}$/)
  .meta({ id: 'Address', description: 'An account: bech32m with the prefix of the network.' })

export const addressHex = z
  .string()
  .regex(/^0x[0-9a-f]{40}$/)
  .meta({ id: 'AddressHex', description: 'The 20 bytes of an address in lower-case hex.' })

/** A position or a number of things in memory. */
export const count = z.int().min(0)

/** The two members under which an account appears, to spread into a shape. */
export const addressMembers = { address, addressHex }

/** The two members under which a time appears, to spread into a shape. */
export const timeMembers = {
  timestamp: z.iso.datetime({ precision: 3 }).meta({ description: 'RFC 3339, UTC.' }),
  timestampMs: count.meta({ description: 'Milliseconds since 1970.' }),
}

/** The body of most answers. */
export function enveloped<S extends z.ZodType>(shape: S): z.ZodObject<{ data: S }> {
  return z.object({ data: shape })
}

export const page = z
  .object({ next: z.string().nullable(), prev: z.string().nullable(), limit: z.int().min(1).max(100) })
  .meta({ id: 'Page', description: 'Pass next or prev as cursor; null where the list ends.' })

/** The body of a list. */
export function paged<S extends z.ZodType>(item: S): z.ZodObject<{ data: z.ZodArray<S>; page: typeof page }> {
  return z.object({ data: z.array(item), page })
}
