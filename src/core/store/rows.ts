/**
 * Where rows live: the port that the memory and the LMDB engine implement, and the transactions that the rules use.
 *
 * Keys are `byteKey` strings (base/text.ts): one character a byte, ordered by `<`. Rows are never changed after `put`;
 * whoever wants a change makes a new object, so readers may keep what they got. An engine that holds rows as bytes
 * makes a new object for each read: compare rows by what they say, not by identity. The value of a KV entry is copied
 * by `put`, so it may be cut from a buffer that lives on.
 */
import type { Index } from '../../base/units.ts'
import type { AclAuthMethod, AclBindingRule, AclPolicy, AclRole, AclToken } from '../../model/acl.ts'
import type { AutopilotConfig } from '../../model/autopilot.ts'
import type { Node, ServiceRow } from '../../model/catalog.ts'
import type { ConfigEntry } from '../../model/config-entry.ts'
import type { CaConfiguration, CaProviderState, CaRoot } from '../../model/connect-ca.ts'
import type { NodeCoordinate } from '../../model/coordinate.ts'
import type { FederationState } from '../../model/federation-state.ts'
import type { GatewayService } from '../../model/gateway.ts'
import type { HealthCheck } from '../../model/health.ts'
import type { Intention } from '../../model/intention.ts'
import type { DirEntry, Tombstone } from '../../model/kv.ts'
import type { PreparedQuery } from '../../model/prepared-query.ts'
import type { Session } from '../../model/session.ts'
import type { Change } from './store.ts'

/** Tables and their rows. Key and index functions are declared as data in `tables.ts`. */
export interface Tables {
  kvs: DirEntry
  tombstones: Tombstone
  nodes: Node
  services: ServiceRow
  checks: HealthCheck
  sessions: Session
  /** Which checks hold up which sessions. */
  'session-checks': { Node: string; CheckID: string; Session: string }
  coordinates: NodeCoordinate
  'prepared-queries': PreparedQuery
  autopilot: AutopilotConfig
  'federation-states': FederationState
  'config-entries': ConfigEntry
  /** Derived from the entries of gateways and from the instances. */
  'gateway-services': GatewayService
  intentions: Intention
  'ca-roots': CaRoot
  'ca-provider-state': CaProviderState
  'ca-config': CaConfiguration
  'acl-tokens': AclToken
  'acl-policies': AclPolicy
  'acl-roles': AclRole
  'acl-binding-rules': AclBindingRule
  'acl-auth-methods': AclAuthMethod
  /** The named counters of the index table (protocol/fsm-and-snapshot.md section 2). */
  index: { Key: string; Value: number }
}
export type TableName = keyof Tables

/** Secondary indexes, each over one table. */
export interface Indexes {
  /** Lower-cased node id \0 node, of nodes that have one. */
  'nodes-by-id': 'nodes'
  /** service name \0 node \0 service id */
  'services-by-name': 'services'
  /** service name \0 node \0 check id, checks of services only */
  'checks-by-service': 'checks'
  /** node \0 service id \0 check id; service id "" for checks of the node */
  'checks-by-node-service': 'checks'
  /** status \0 node \0 check id */
  'checks-by-status': 'checks'
  /**
   * name of the service \0 node \0 service id: of proxies the one they stand for, of those that need no proxy their own;
   * no others
   */
  'services-by-destination': 'services'
  /** service name \0 gateway name \0 port */
  'gateway-services-by-service': 'gateway-services'
  /** both ends, source first */
  'intentions-by-ends': 'intentions'
  /** accessor id \0 secret id, of tokens that have one */
  'acl-tokens-by-accessor': 'acl-tokens'
  /** name of the auth method \0 secret id, of tokens given by one */
  'acl-tokens-by-auth-method': 'acl-tokens'
  /** name \0 id */
  'acl-policies-by-name': 'acl-policies'
  /** name \0 id */
  'acl-roles-by-name': 'acl-roles'
  /** node \0 session id */
  'sessions-by-node': 'sessions'
  /** session id \0 key, of locked keys only */
  'kvs-by-session': 'kvs'
  /** session id \0 node \0 check id */
  'session-checks-by-session': 'session-checks'
  /** Lower-cased name \0 id, of queries that have one. */
  'queries-by-name': 'prepared-queries'
  /** Lower-cased name \0 id, of templates; one of them may have no name. */
  'queries-by-template': 'prepared-queries'
  /** session id \0 id */
  'queries-by-session': 'prepared-queries'
}
export type IndexName = keyof Indexes

/**
 * One consistent view. Iterables are lazy and valid until the transaction ends. Within a write they go on after the last
 * row that they gave, so rows may be put and deleted meanwhile.
 */
export interface ReadTxn {
  get<T extends TableName>(table: T, key: string): Tables[T] | undefined
  /** Rows whose key starts with `prefix`, in key order. */
  prefix<T extends TableName>(table: T, prefix: string): Iterable<Tables[T]>
  /** Rows whose index key starts with `prefix`, in index order. */
  by<I extends IndexName>(index: I, prefix: string): Iterable<Tables[Indexes[I]]>
  /** A counter of the index table, 0 when it does not exist. */
  counter(name: string): number
}

export interface WriteTxn extends ReadTxn {
  put<T extends TableName>(table: T, row: Tables[T]): void
  delete<T extends TableName>(table: T, key: string): void
  /** Deletes all rows whose key starts with `prefix`: cheaper than one by one. */
  deleteUnder(table: TableName, prefix: string): void
}

export interface RowsSnapshot extends ReadTxn {
  release(): void
}

/** Rows that are to replace all others: put in as many turns of the event loop as it takes, seen by nobody until then. */
export interface Replacement {
  readonly txn: WriteTxn
  /** From here on these are the rows. Snapshots keep showing the old ones. */
  commit(applied: Index): void
  abandon(): void
}

/** The port. One writer; a failed or thrown write leaves nothing behind. */
export interface Rows {
  /** The log index given with the last write: it is kept together with what was written. */
  readonly applied: Index
  read<T>(run: (txn: ReadTxn) => T): T
  /**
   * @param applied kept as the index that the rows stand for
   * @param changes is given every change in order, counters included; emptied when `run` throws
   */
  write<T>(run: (txn: WriteTxn) => T, applied?: Index, changes?: Change[]): T
  /** Writes inside `run` reach the disk together, which is much cheaper; each is still undone alone when it throws. */
  batch<T>(run: () => T): T
  /** A view that stays as it is while writes go on. Not to be taken within a write or a batch. */
  snapshot(): RowsSnapshot
  replace(): Replacement
  close(): Promise<void>
}
