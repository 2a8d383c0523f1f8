/**
 * What each RPC method means: a pure read over a transaction, or a pure check that turns arguments into a command, or
 * (the exit for the few that are neither) something the server itself does. Forwarding, tokens, blocking and proposing
 * are written once, around this table (agent/dispatch.ts).
 */
import type { Random } from '../../base/random.ts'
import type { Index, Nanos, WallMs } from '../../base/units.ts'
import type { Command, Result } from '../../model/command.ts'
import type { Found, QueryMeta } from '../../model/query.ts'
import type { Args, Method, Reply } from '../../model/rpc.ts'
import type { Authorizer } from '../acl/authorizer.ts'
import type { ReadTxn } from '../store/rows.ts'
import { drain, type Slices } from '../store/slices.ts'

/** What only the leader knows at the moment of proposing. */
export interface Env {
  now: WallMs
  /** A fresh random UUID. */
  uuid(): string
  /** True while a lock-delay keeps this key from being locked. */
  lockDelayed(key: string): boolean
  /** The server's own datacenter and node name. */
  datacenter: string
  node: string
  /** The shortest time to live of a session; 0 or absent: Consul's own. */
  sessionTtlMin?: Nanos
}

/** What a read finds: its reply, without what only the dispatcher knows. */
export type FoundOf<M extends Method> = Reply<M> extends QueryMeta ? Found<Reply<M>> : Reply<M>

export type Read<M extends Method> = {
  kind: 'read'
  /** Throws `ConsulError` to refuse. `Index` 0 means "nothing yet"; the dispatcher answers at least 1. */
  run(txn: ReadTxn, args: Args<M>, can: Authorizer): FoundOf<M>
  /** The same in slices, for methods whose answers can be too large for one turn of the event loop. */
  slices?(txn: ReadTxn, args: Args<M>, can: Authorizer): Slices<FoundOf<M>>
}

/** A read whose only form is that in slices. */
export function sliced<M extends Method>(
  slices: (txn: ReadTxn, args: Args<M>, can: Authorizer) => Slices<FoundOf<M>>,
): Read<M> {
  return { kind: 'read', run: (txn, args, can) => drain(slices(txn, args, can)), slices }
}

export type Write<M extends Method> = {
  kind: 'write'
  /** The command to put into the log, or an answer that needs none. Throws `ConsulError` to refuse. */
  propose(txn: ReadTxn, args: Args<M>, can: Authorizer, env: Env): { command: Command } | { answer: Reply<M> }
  /** A failed result never comes here: the dispatcher throws its message. */
  reply(result: Result, command: Command, index: Index, can: Authorizer): Reply<M>
}

/** What a search may know besides the state. */
export interface Surroundings extends Pick<Env, 'lockDelayed' | 'datacenter'> {
  random: Random
  /** All that servers are known of, nearest first, one's own among them. */
  datacenters(): readonly string[]
  /** What another token than the call's may do. */
  authorize(token: string): Authorizer
}

/** A reply that tells no index, without what only the dispatcher knows. */
export type FoundOnce<M extends Method> = Reply<M> extends QueryMeta ? Omit<Reply<M>, keyof QueryMeta> : Reply<M>

/** What is left to do in other datacenters: yields calls, is sent their replies; a call that failed is thrown into it. */
export type Elsewhere<M extends Method, R extends Method> = Generator<
  { method: R; args: Args<R> },
  FoundOnce<M> | Reply<M>,
  Reply<R>
>

/** A search over the state that is done once: it never blocks, and its reply tells no index. */
export type Once<M extends Method> = {
  kind: 'once'
  /** Throws `ConsulError` to refuse. The transaction is over when the generator goes on. */
  run(
    txn: ReadTxn,
    args: Args<M>,
    can: Authorizer,
    around: Surroundings,
  ): FoundOnce<M> | Elsewhere<M, 'PreparedQuery.ExecuteRemote'>
}

/** Done by the server outside the state: Status.*, Catalog.ListDatacenters, Session.Renew. */
export type Act = { kind: 'act' }

export type Meaning<M extends Method> = Read<M> | Once<M> | Write<M> | Act
export type MethodTable = { [M in Method]: Meaning<M> }
