/**
 * Words for numbers and strings that must not be mixed up.
 *
 * A flavour is a plain value with a name: a bare number or string fits, but two different flavours do not fit each
 * other. That catches the silent mix-ups (a term where an index belongs) without a cast at every literal.
 */
export type Flavor<T, Name extends string> = T & { readonly __unit?: Name }

/** Position in the Raft log, from 1; 0 means "none". Also the value of `X-Consul-Index`. */
export type Index = Flavor<number, 'Index'>
/** Raft term, from 1; 0 means "none". */
export type Term = Flavor<number, 'Term'>
/** Name of a Raft server: the node id (a UUID) under Raft protocol 3. */
export type ServerId = Flavor<string, 'ServerId'>
/** Monotonic milliseconds since an unknown origin, with fractions. Only differences mean something. */
export type Instant = Flavor<number, 'Instant'>
/** A span of time in milliseconds. */
export type Millis = Flavor<number, 'Millis'>
/** A span of time as Go writes it on the wire: whole nanoseconds. Exact for whole seconds far beyond 2^53 ns. */
export type Nanos = Flavor<number, 'Nanos'>
/** Wall-clock milliseconds since 1970, UTC. For people and for the log, never for thinking. */
export type WallMs = Flavor<number, 'WallMs'>

export const NANOS_PER_MS = 1e6
export const NANOS_PER_SECOND = 1e9
