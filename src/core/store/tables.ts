/**
 * The tables as data: each row's primary key and the secondary indexes over it, and the builders of those keys.
 *
 * Names and ids (nodes, services, checks, sessions, counters) compare without regard to case, keys of the KV store
 * exactly, as in Consul's own schema (agent/consul/state: the `TableSchema` functions). Composite keys join their parts
 * with \0, which also ends a name in a prefix: `nodePrefix('a')` does not match rows of node "ab".
 */
import { byteKey, isAscii } from '../../base/text.ts'
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

/** The one row of table `autopilot`. */
export const AUTOPILOT_KEY = 'config'

export function opaqueKey(type: number, sequence: number): string {
  return `${opaquePrefix(type)}${String(sequence).padStart(16, '0')}`
}

export function opaquePrefix(type: number): string {
  return `${String(type).padStart(3, '0')}\0`
}

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
  index: { key: (row) => fold(row.Key), indexes: [] },
  opaque: { key: (row) => opaqueKey(row.Type, row.Sequence), indexes: [] },
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
  'kvs-by-session': 'kvs',
  'session-checks-by-session': 'session-checks',
  'queries-by-name': 'prepared-queries',
  'queries-by-template': 'prepared-queries',
  'queries-by-session': 'prepared-queries',
}
export const INDEX_NAMES = Object.keys(INDEX_TABLES) as IndexName[]
