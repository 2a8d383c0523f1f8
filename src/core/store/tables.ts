/**
 * The tables as data: each row's primary key and the secondary indexes over it, and the builders of those keys.
 *
 * Names and ids (nodes, services, checks, sessions, counters) compare without regard to case, keys of the KV store
 * exactly, as in Consul's own schema (agent/consul/state: the `TableSchema` functions). Composite keys join their parts
 * with \0, which also ends a name in a prefix: `nodePrefix('a')` does not match rows of node "ab".
 */
import { byteKey, isAscii } from '../../base/text.ts'
import type { NodeService } from '../../model/catalog.ts'
import type { Intention } from '../../model/intention.ts'
import type { Indexes, IndexName, TableName, Tables } from './rows.ts'

export interface IndexSpec<T extends TableName> {
  name: IndexName
  /** Unique within the index, because it ends in the primary key; undefined when the row is not in the index. */
  key(row: Tables[T]): string | undefined
}

export interface TableSpec<T extends TableName> {
  key(row: Tables[T]): string
  indexes: readonly IndexSpec<T>[]
}

/**
 * Text as names and ids are compared: each code point in lower case by itself (Go's `strings.ToLower`; JavaScript's
 * own also looks at neighbours), bytes that are not UTF-8 all alike.
 */
export function fold(text: string): string {
  if (isAscii(text)) return text.toLowerCase()
  let out = ''
  for (const char of text.toWellFormed()) {
    const lower = char.toLowerCase()
    // U+0130 is the one code point that JavaScript lowers to two; Go gives the first alone.
    out += char === '\u0130' ? 'i' : lower
  }
  return byteKey(out)
}

export const kvKey = byteKey
export const nodeKey = fold
export const counterKey = fold
export const sessionKey = fold

export function serviceKey(node: string, serviceId: string): string {
  return `${fold(node)}\0${fold(serviceId)}`
}

export function checkKey(node: string, checkId: string): string {
  return `${fold(node)}\0${fold(checkId)}`
}

export function sessionCheckKey(node: string, checkId: string, session: string): string {
  return `${fold(node)}\0${fold(checkId)}\0${fold(session)}`
}

export function coordinateKey(node: string, segment: string): string {
  return `${fold(node)}\0${fold(segment)}`
}

/** Names that compare exactly. */
export const exactKey = byteKey

export function configKey(kind: string, name: string): string {
  return `${fold(kind)}\0${fold(name)}`
}

/** Prefix of all entries of a kind. */
export function configPrefix(kind: string): string {
  return `${fold(kind)}\0`
}

const PORT_DIGITS = 10

export function gatewayServiceKey(gateway: string, service: string, port: number): string {
  return `${fold(gateway)}\0${fold(service)}\0${String(port).padStart(PORT_DIGITS, '0')}`
}

type Ends = Pick<Intention, 'SourceNS' | 'SourceName' | 'DestinationNS' | 'DestinationName'>

/** Prefix in `intentions-by-ends` of the one intention between these. */
export function intentionEndsPrefix({ SourceNS, SourceName, DestinationNS, DestinationName }: Ends): string {
  return `${[SourceNS, SourceName, DestinationNS, DestinationName].map(fold).join('\0')}\0`
}

/** Prefix in the indexes by name or accessor id. */
export function aclNamePrefix(name: string): string {
  return `${fold(name)}\0`
}

/** Prefix in `acl-tokens-by-auth-method`, which compares exactly. */
export function authMethodTokensPrefix(name: string): string {
  return `${byteKey(name)}\0`
}

/** The one row of table `ca-config`. */
export const CA_CONFIG_KEY = 'config'

/** The one row of table `autopilot`. */
export const AUTOPILOT_KEY = 'config'

/** Prefix of all rows of a node in `services`, `checks`, `session-checks`, `coordinates`, `sessions-by-node`. */
export function nodePrefix(node: string): string {
  return `${fold(node)}\0`
}

/** Prefix of one check's rows in `session-checks`. */
export function checkPrefix(node: string, checkId: string): string {
  return `${fold(node)}\0${fold(checkId)}\0`
}

/** Prefix of a name's rows in `services-by-name` and `checks-by-service`. */
export function serviceNamePrefix(name: string): string {
  return `${fold(name)}\0`
}

/** Prefix in `checks-by-node-service`; service id "" for the checks of the node itself. */
export function nodeServicePrefix(node: string, serviceId: string): string {
  return `${fold(node)}\0${fold(serviceId)}\0`
}

/** Prefix in `checks-by-status`; the status compares exactly. */
export function statusPrefix(status: string): string {
  return `${byteKey(status)}\0`
}

export const queryKey = fold

/** Prefix of the rows with this name in `queries-by-name` and `queries-by-template`. */
export function queryNamePrefix(name: string): string {
  return `${fold(name)}\0`
}

/** Prefix of a session's rows in `kvs-by-session`, `session-checks-by-session` and `queries-by-session`. */
export function sessionPrefix(session: string): string {
  return `${fold(session)}\0`
}

/** Prefix of the one node with this id in `nodes-by-id`. */
export function nodeIdPrefix(id: string): string {
  return `${fold(id)}\0`
}

/** The service that an instance takes connections of the mesh for, if it does. */
function destinationOf(row: NodeService): string | undefined {
  if (row.Kind === 'connect-proxy') return row.Proxy.DestinationServiceName
  return row.Connect.Native ? row.Service : undefined
}

export const TABLES: { [T in TableName]: TableSpec<T> } = {
  kvs: {
    key: (row) => byteKey(row.Key),
    indexes: [
      {
        name: 'kvs-by-session',
        key: (row) => (row.Session === '' ? undefined : `${fold(row.Session)}\0${byteKey(row.Key)}`),
      },
    ],
  },
  tombstones: { key: (row) => byteKey(row.Key), indexes: [] },
  nodes: {
    key: (row) => fold(row.Node),
    indexes: [
      { name: 'nodes-by-id', key: (row) => (row.ID === '' ? undefined : `${fold(row.ID)}\0${fold(row.Node)}`) },
    ],
  },
  services: {
    key: (row) => serviceKey(row.Node, row.Service.ID),
    indexes: [
      {
        name: 'services-by-name',
        key: (row) => `${fold(row.Service.Service)}\0${fold(row.Node)}\0${fold(row.Service.ID)}`,
      },
      {
        name: 'services-by-destination',
        key: (row) => {
          const name = destinationOf(row.Service)
          return name === undefined ? undefined : `${fold(name)}\0${fold(row.Node)}\0${fold(row.Service.ID)}`
        },
      },
    ],
  },
  checks: {
    key: (row) => checkKey(row.Node, row.CheckID),
    indexes: [
      {
        name: 'checks-by-service',
        key: (row) =>
          row.ServiceName === '' ? undefined : `${fold(row.ServiceName)}\0${fold(row.Node)}\0${fold(row.CheckID)}`,
      },
      {
        name: 'checks-by-node-service',
        key: (row) => `${fold(row.Node)}\0${fold(row.ServiceID)}\0${fold(row.CheckID)}`,
      },
      {
        name: 'checks-by-status',
        key: (row) => `${byteKey(row.Status)}\0${fold(row.Node)}\0${fold(row.CheckID)}`,
      },
    ],
  },
  sessions: {
    key: (row) => fold(row.ID),
    indexes: [{ name: 'sessions-by-node', key: (row) => `${fold(row.Node)}\0${fold(row.ID)}` }],
  },
  'session-checks': {
    key: (row) => sessionCheckKey(row.Node, row.CheckID, row.Session),
    indexes: [
      {
        name: 'session-checks-by-session',
        key: (row) => `${fold(row.Session)}\0${fold(row.Node)}\0${fold(row.CheckID)}`,
      },
    ],
  },
  coordinates: { key: (row) => coordinateKey(row.Node, row.Segment), indexes: [] },
  'prepared-queries': {
    key: (row) => fold(row.ID),
    indexes: [
      {
        name: 'queries-by-name',
        key: (row) => (row.Name === '' ? undefined : `${fold(row.Name)}\0${fold(row.ID)}`),
      },
      {
        name: 'queries-by-template',
        key: (row) => (row.Template.Type === '' ? undefined : `${fold(row.Name)}\0${fold(row.ID)}`),
      },
      {
        name: 'queries-by-session',
        key: (row) => (row.Session === '' ? undefined : `${fold(row.Session)}\0${fold(row.ID)}`),
      },
    ],
  },
  autopilot: { key: () => AUTOPILOT_KEY, indexes: [] },
  'federation-states': { key: (row) => fold(row.Datacenter), indexes: [] },
  'config-entries': { key: (row) => configKey(row.Kind, row.Name), indexes: [] },
  'gateway-services': {
    key: (row) => gatewayServiceKey(row.Gateway.Name, row.Service.Name, row.Port),
    indexes: [
      {
        name: 'gateway-services-by-service',
        key: (row) => `${fold(row.Service.Name)}\0${gatewayServiceKey(row.Gateway.Name, row.Service.Name, row.Port)}`,
      },
    ],
  },
  intentions: {
    key: (row) => fold(row.ID),
    indexes: [{ name: 'intentions-by-ends', key: (row) => `${intentionEndsPrefix(row)}${fold(row.ID)}` }],
  },
  'ca-roots': { key: (row) => exactKey(row.ID), indexes: [] },
  'ca-provider-state': { key: (row) => exactKey(row.ID), indexes: [] },
  'ca-config': { key: () => CA_CONFIG_KEY, indexes: [] },
  'acl-tokens': {
    key: (row) => exactKey(row.SecretID),
    indexes: [
      {
        name: 'acl-tokens-by-accessor',
        key: (row) => (row.AccessorID === '' ? undefined : `${aclNamePrefix(row.AccessorID)}${exactKey(row.SecretID)}`),
      },
      {
        name: 'acl-tokens-by-auth-method',
        key: (row) =>
          row.AuthMethod === '' ? undefined : `${authMethodTokensPrefix(row.AuthMethod)}${exactKey(row.SecretID)}`,
      },
    ],
  },
  'acl-policies': {
    key: (row) => fold(row.ID),
    indexes: [{ name: 'acl-policies-by-name', key: (row) => `${aclNamePrefix(row.Name)}${fold(row.ID)}` }],
  },
  'acl-roles': {
    key: (row) => fold(row.ID),
    indexes: [{ name: 'acl-roles-by-name', key: (row) => `${aclNamePrefix(row.Name)}${fold(row.ID)}` }],
  },
  'acl-binding-rules': { key: (row) => fold(row.ID), indexes: [] },
  'acl-auth-methods': { key: (row) => fold(row.Name), indexes: [] },
  index: { key: (row) => fold(row.Key), indexes: [] },
}

export const TABLE_NAMES = Object.keys(TABLES) as TableName[]

/** Which table each index is over. */
export const INDEX_TABLES: { [I in IndexName]: Indexes[I] } = {
  'nodes-by-id': 'nodes',
  'services-by-name': 'services',
  'checks-by-service': 'checks',
  'checks-by-node-service': 'checks',
  'checks-by-status': 'checks',
  'sessions-by-node': 'sessions',
  'services-by-destination': 'services',
  'gateway-services-by-service': 'gateway-services',
  'intentions-by-ends': 'intentions',
  'acl-tokens-by-accessor': 'acl-tokens',
  'acl-tokens-by-auth-method': 'acl-tokens',
  'acl-policies-by-name': 'acl-policies',
  'acl-roles-by-name': 'acl-roles',
  'kvs-by-session': 'kvs',
  'session-checks-by-session': 'session-checks',
  'queries-by-name': 'prepared-queries',
  'queries-by-template': 'prepared-queries',
  'queries-by-session': 'prepared-queries',
}
export const INDEX_NAMES = Object.keys(INDEX_TABLES) as IndexName[]
