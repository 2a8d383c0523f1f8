/** The form in which routes are described, and the parameters and headers that many of them share. */
import type { HeaderName } from '../headers.ts'
import type { ParameterName } from '../parameters.ts'
import type { SchemaName } from '../schemas.ts'

/** JSON of a schema: an array of such when it ends in brackets, `null` too when it ends in a question mark. Or no JSON. */
export type Form = SchemaName | `${SchemaName}${'[]' | '?' | '[]?'}` | 'binary' | 'text' | 'gzip' | 'html'

export interface Operation {
  summary: string
  /** What stands in the path behind a pattern that ends in a slash. */
  rest?: string
  parameters?: readonly ParameterName[]
  body?: SchemaName | 'binary' | 'text'
  /** Of status 200; several when parameters or headers choose. Nothing when absent. */
  answer?: Form | readonly Form[]
  /** Of that answer. */
  headers?: readonly HeaderName[]
  /** Other statuses that are no mistake. */
  statuses?: Readonly<Record<number, OtherStatus>>
  /** Waits for a change when an index, or a hash, is given. */
  blocks?: true
}

export interface OtherStatus {
  means: string
  answer?: Form | readonly Form[]
  headers?: readonly HeaderName[]
}

/** By method. */
export type RouteDescription = Readonly<Record<string, Operation>>
/** By the patterns of the route table. */
export type Descriptions = Readonly<Record<string, RouteDescription>>

export const READ = ['dc', 'stale', 'max_stale', 'consistent', 'pretty'] as const
export const BLOCK = [...READ, 'index', 'wait'] as const
export const LIST = [...BLOCK, 'filter'] as const
export const NEAR = [...LIST, 'near', 'node-meta'] as const
export const CACHED = [...NEAR, 'cached'] as const

/** Of every read of the state. */
export const META = ['Index', 'KnownLeader', 'LastContact'] as const
/** Of those that say besides how consistent they are. */
export const CATALOG = [...META, 'Consistency'] as const
export const CACHED_CATALOG = [...CATALOG, 'Cache', 'Age'] as const

export const get = (operation: Operation): RouteDescription => ({ GET: operation })
export const put = (operation: Operation): RouteDescription => ({ PUT: operation })
export const post = (operation: Operation): RouteDescription => ({ POST: operation })
