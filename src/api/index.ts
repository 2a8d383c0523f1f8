/**
 * `proconsul/api`: a typed client of the HTTP API, for Consul and Proconsul alike, in Node.js and in browsers.
 *
 *     const consul = connect({ address: 'http://127.0.0.1:8500' })
 *     await consul.kv.put('config/colour', 'green')
 *     for await (const { value } of follow((options) => consul.health.service('web', options))) console.log(value)
 */
import { type Agent, makeAgent } from './agent.ts'
import { type Catalog, makeCatalog } from './catalog.ts'
import { type ClientOptions, makeCaller } from './client.ts'
import { type ConfigEntries, makeConfigEntries } from './config.ts'
import { type Coordinates, makeCoordinates } from './coordinate.ts'
import { type Events, makeEvents } from './event.ts'
import { type Health, makeHealth } from './health.ts'
import { type Intentions, makeIntentions } from './intention.ts'
import { type Keyring, makeKeyring } from './keyring.ts'
import { type KV, makeKV } from './kv.ts'
import { makeOperator, type Operator } from './operator.ts'
import { makeSessions, type Sessions } from './session.ts'
import { makeSnapshots, type Snapshots } from './snapshot.ts'
import { makeStatus, type Status } from './status.ts'

export type { Agent, AgentMember, CheckDefinition, ServiceDefinition } from './agent.ts'
export type { Catalog, CatalogDeregistration, CatalogRegistration, Node, NodeService, ServiceNode } from './catalog.ts'
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
export {
  type Coordinate,
  type CoordinateEntry,
  type Coordinates,
  type DatacenterCoordinates,
  roundTripMs,
} from './coordinate.ts'
export type { Events, EventWish, UserEvent } from './event.ts'
export type { CheckServiceNode, Health, HealthCheck } from './health.ts'
export type { Intention, Intentions, IntentionWish } from './intention.ts'
export type { Keyring, KeyringOptions, KeyringResponse } from './keyring.ts'
export type { DeleteOptions, KV, KVPair, PutOptions } from './kv.ts'
export type { AutopilotConfiguration, ClusterHealth, Operator, RaftServer, ServerHealth } from './operator.ts'
export type { Session, SessionRequest, Sessions } from './session.ts'
export type { Snapshots } from './snapshot.ts'
export type { Status } from './status.ts'

export interface Consul {
  kv: KV
  catalog: Catalog
  health: Health
  agent: Agent
  session: Sessions
  keyring: Keyring
  status: Status
  event: Events
  coordinate: Coordinates
  operator: Operator
  config: ConfigEntries
  intention: Intentions
  snapshot: Snapshots
}

export function connect(options?: ClientOptions): Consul {
  const caller = makeCaller(options)
  return {
    kv: makeKV(caller),
    catalog: makeCatalog(caller),
    health: makeHealth(caller),
    agent: makeAgent(caller),
    session: makeSessions(caller),
    keyring: makeKeyring(caller),
    status: makeStatus(caller),
    event: makeEvents(caller),
    coordinate: makeCoordinates(caller),
    operator: makeOperator(caller),
    config: makeConfigEntries(caller),
    intention: makeIntentions(caller),
    snapshot: makeSnapshots(caller),
  }
}
