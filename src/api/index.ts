/**
 * `proconsul/api`: a typed client of the HTTP API, for Consul and Proconsul alike, in Node.js and in browsers.
 *
 *     const consul = connect({ address: 'http://127.0.0.1:8500' })
 *     await consul.kv.put('config/colour', 'green')
 *     for await (const { value } of follow((options) => consul.health.service('web', options))) console.log(value)
 */
import { type Acl, makeAcl } from './acl.ts'
import { type Agent, makeAgent, type ServiceDefinition } from './agent.ts'
import { type Announced, type AnnounceOptions, announce } from './announce.ts'
import { type Catalog, makeCatalog } from './catalog.ts'
import { type ClientOptions, decodeJson, expectOk, makeCaller, type RequestOptions } from './client.ts'
import { type ConfigEntries, makeConfigEntries } from './config.ts'
import { type Mesh, makeMesh } from './connect.ts'
import { type Coordinates, makeCoordinates } from './coordinate.ts'
import { type DiscoveryChains, makeDiscoveryChains } from './discovery-chain.ts'
import { type Events, makeEvents } from './event.ts'
import { type Health, makeHealth } from './health.ts'
import { type HeldSession, holdSession } from './held-session.ts'
import { type Intentions, makeIntentions } from './intention.ts'
import { type Federation, makeFederation, makeUi, type Ui } from './internal.ts'
import { type Keyring, makeKeyring } from './keyring.ts'
import { type KV, makeKV } from './kv.ts'
import { acquireLock, acquireSemaphore, type Held, type LockOptions } from './lock.ts'
import { makeOperator, type Operator } from './operator.ts'
import { makeQueries, type Queries } from './query.ts'
import { makeSessions, type SessionRequest, type Sessions } from './session.ts'
import { makeSnapshots, type Snapshots } from './snapshot.ts'
import { makeStatus, type Status } from './status.ts'
import { makeTxn, type Txn } from './txn.ts'
import { runWatch, type WatchPlan, type WatchRun } from './watch.ts'

export type {
  Acl,
  AclAccess,
  AclAuthMethod,
  AclBindingRule,
  AclLink,
  AclPolicy,
  AclReplicationStatus,
  AclRole,
  AclToken,
  AclTokenListed,
  LegacyAcl,
} from './acl.ts'
export type { Agent, AgentMember, AgentTokenKind, CheckDefinition, ProfileKind, ServiceDefinition } from './agent.ts'
export type { Announced, AnnounceOptions } from './announce.ts'
export type {
  Catalog,
  CatalogDeregistration,
  CatalogRegistration,
  GatewayServiceRow,
  Node,
  NodeService,
  ServiceNode,
} from './catalog.ts'
export type {
  ApiRequest,
  ApiResponse,
  ClientOptions,
  QueryMeta,
  ReadOptions,
  Reply,
  RequestOptions,
  Transport,
} from './client.ts'
export { ApiDecodeError, ApiError, fetchTransport, follow } from './client.ts'
export type { ConfigEntries, ConfigEntry, ConfigKind } from './config.ts'
export type { CaConfiguration, CaRoot, CaRoots, ConnectionAsked, LeafCertificate, Mesh } from './connect.ts'
export {
  type Coordinate,
  type CoordinateEntry,
  type Coordinates,
  type DatacenterCoordinates,
  roundTripMs,
} from './coordinate.ts'
export type { ChainOverrides, DiscoveryChain, DiscoveryChains } from './discovery-chain.ts'
export type { Events, EventWish, UserEvent } from './event.ts'
export type { CheckServiceNode, Health, HealthCheck } from './health.ts'
export type { HeldSession } from './held-session.ts'
export type { Intention, Intentions, IntentionWish } from './intention.ts'
export type { Federation, FederationState, Ui, UiNode, UiService } from './internal.ts'
export type { Keyring, KeyringOptions, KeyringResponse } from './keyring.ts'
export type { DeleteOptions, KV, KVPair, PutOptions } from './kv.ts'
export { type Held, LockConflict, type LockOptions } from './lock.ts'
export type { AutopilotConfiguration, ClusterHealth, Operator, RaftServer, ServerHealth } from './operator.ts'
export type { PreparedQuery, Queries, QueryResult } from './query.ts'
export type { Session, SessionRequest, Sessions } from './session.ts'
export type { Snapshots } from './snapshot.ts'
export type { Status } from './status.ts'
export type { CatalogOp, KVOp, Txn, TxnAnswer, TxnOp } from './txn.ts'
export { type Plain, parseWatch, WatchError, type WatchPlan, type WatchRun, writePlain } from './watch.ts'

export interface Consul {
  kv: KV
  catalog: Catalog
  health: Health
  agent: Agent
  /** Follows one view until the run's signal aborts (see `parseWatch`). */
  watch(plan: WatchPlan, run: WatchRun): Promise<void>
  session: Sessions
  keyring: Keyring
  status: Status
  event: Events
  coordinate: Coordinates
  operator: Operator
  config: ConfigEntries
  intention: Intentions
  /** The service mesh: its certificate authority and certificates. */
  connect: Mesh
  discoveryChain: DiscoveryChains
  acl: Acl
  /** What the web UI shows. */
  ui: Ui
  federation: Federation
  snapshot: Snapshots
  query: Queries
  /** Several operations at once, or none of them. */
  txn: Txn
  /** The agent's description of its whole HTTP API, in OpenAPI 3.1. Proconsul's own: Consul has none. */
  openApi(options?: RequestOptions): Promise<Record<string, unknown>>
  /** A session that renews itself until it is released or lost. */
  hold(request?: SessionRequest, options?: RequestOptions): Promise<HeldSession>
  /** Takes the lock at a key. null when `tryMs` is up. */
  lock(key: string, options?: LockOptions): Promise<Held | null>
  /** Takes one of so many places below a prefix. null when `tryMs` is up. */
  semaphore(prefix: string, limit: number, options?: LockOptions): Promise<Held | null>
  /** Registers a service with a TTL check, and reports for it until it is stopped. */
  announce(service: ServiceDefinition, options?: AnnounceOptions): Promise<Announced>
}

export function connect(options?: ClientOptions): Consul {
  const caller = makeCaller(options)
  const kv = makeKV(caller)
  const agent = makeAgent(caller)
  const session = makeSessions(caller)
  return {
    kv,
    catalog: makeCatalog(caller),
    health: makeHealth(caller),
    agent,
    watch: (plan, run) => runWatch(caller, plan, run),
    session,
    keyring: makeKeyring(caller),
    status: makeStatus(caller),
    event: makeEvents(caller),
    coordinate: makeCoordinates(caller),
    operator: makeOperator(caller),
    config: makeConfigEntries(caller),
    intention: makeIntentions(caller),
    connect: makeMesh(caller),
    discoveryChain: makeDiscoveryChains(caller),
    acl: makeAcl(caller),
    ui: makeUi(caller),
    federation: makeFederation(caller),
    snapshot: makeSnapshots(caller),
    query: makeQueries(caller),
    txn: makeTxn(caller),
    openApi: async (wish) => decodeJson(expectOk(await caller.send('GET', '/v1/openapi.json', wish))),
    hold: (request, wish) => holdSession(session, request, wish),
    lock: (key, wish) => acquireLock({ kv, session }, key, wish),
    semaphore: (prefix, limit, wish) => acquireSemaphore({ kv, session }, prefix, limit, wish),
    announce: (service, wish) => announce(agent, service, wish),
  }
}
