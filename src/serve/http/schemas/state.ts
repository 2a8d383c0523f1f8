/** Keys, sessions, transactions, prepared queries, and where nodes stand in the network. */
import type { PreparedQuery } from '../../../model/prepared-query.ts'
import { node, nodeService } from '../../../wire/structs/catalog.ts'
import { coordinate, datacenterMap, nodeCoordinate } from '../../../wire/structs/coordinate.ts'
import { dirEntry } from '../../../wire/structs/kv.ts'
import { preparedQuery } from '../../../wire/structs/prepared-query.ts'
import { session } from '../../../wire/structs/session.ts'
import {
  anything,
  body,
  bytes,
  choice,
  flag,
  given,
  givenDuration,
  list,
  listOrNull,
  mapOrNull,
  nanos,
  object,
  orNull,
  ref,
  row,
  text,
  whole,
} from './schema.ts'

/** What bodies of answers repeat of their headers. */
export const META = { Index: whole, LastContact: whole, KnownLeader: flag, ConsistencyLevel: text }

const results = {
  Results: listOrNull(ref('TxnResult')),
  Errors: listOrNull(object({ OpIndex: whole, What: text })),
}
const KV_VERBS = [
  ...['set', 'delete', 'delete-cas', 'delete-tree', 'cas', 'lock', 'unlock', 'get', 'get-tree'],
  ...['check-session', 'check-index', 'check-not-exists'],
]
const verb = choice('get', 'set', 'cas', 'delete', 'delete-cas')
const QUERY: readonly (keyof PreparedQuery)[] = ['Service']

export const STATE_SCHEMAS = {
  KVPair: row(dirEntry, { optional: ['Session'] }),
  Session: row(session, { optional: ['Checks'], as: { LockDelay: nanos } }),
  SessionRequest: given(session, {
    as: { LockDelay: givenDuration, Behavior: choice('', 'release', 'delete') },
  }),
  TxnResult: object({ KV: ref('KVPair'), Node: ref('Node'), Service: ref('NodeService'), Check: ref('HealthCheck') }, [
    'KV',
    'Node',
    'Service',
    'Check',
  ]),
  TxnResponse: object({ ...results, ...META }, Object.keys(META)),
  TxnOps: {
    type: 'array',
    maxItems: 64,
    items: body({
      KV: body({ Verb: choice(...KV_VERBS), Key: text, Value: bytes, Flags: whole, Index: whole, Session: text }, [
        'Verb',
      ]),
      Node: body({ Verb: verb, Node: given(node) }),
      Service: body({
        Verb: verb,
        Node: text,
        Service: given(nodeService, {
          hidden: ['LocallyRegisteredAsSidecar'],
          as: { Proxy: anything, Connect: anything },
        }),
      }),
      Check: body({ Verb: verb, Check: ref('TxnCheck') }),
    }),
  },
  TxnCheck: body({
    ...{ Node: text, CheckID: text, Name: text, Status: text, Notes: text, Output: text, ServiceID: text },
    ...{ ServiceName: text, ServiceTags: listOrNull(text), Type: text },
    Definition: body({
      ...{ HTTP: text, Header: mapOrNull(list(text)), Method: text, Body: text, TLSSkipVerify: flag, TCP: text },
      ...{ Interval: givenDuration, Timeout: givenDuration, DeregisterCriticalServiceAfter: givenDuration },
      ...{ IntervalDuration: givenDuration, TimeoutDuration: givenDuration },
      DeregisterCriticalServiceAfterDuration: givenDuration,
    }),
    ...{ CreateIndex: whole, ModifyIndex: whole },
  }),
  PreparedQuery: row(preparedQuery),
  PreparedQueryRequest: given(preparedQuery, { required: QUERY }),
  PreparedQueryResult: object({
    Service: text,
    Nodes: list(ref('FoundInstance')),
    DNS: object({ TTL: text }),
    Datacenter: text,
    Failovers: whole,
    ...META,
  }),
  /** As it is stored: without checks it has null of them. */
  FoundInstance: object({ Node: ref('Node'), Service: ref('NodeService'), Checks: listOrNull(ref('HealthCheck')) }),
  PreparedQueryExplained: object({ Query: ref('PreparedQuery'), ...META }),
  NodeCoordinate: row(nodeCoordinate, { as: { Coord: orNull(ref('Coordinate')) } }),
  DatacenterMap: row(datacenterMap, { as: { Coordinates: list(ref('NodeCoordinate')) } }),
  CoordinateUpdate: body({ Datacenter: text, Node: text, Segment: text, Coord: given(coordinate), Token: text }, [
    'Node',
    'Coord',
  ]),
}
