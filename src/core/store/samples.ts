/**
 * Small rows for the tests of this folder: only what a test names differs from the plainest row of its kind. And reads that
 * come in slices, in one piece.
 */
import { NO_CONNECT, NO_PROXY, type Node, type ServiceRow } from '../../model/catalog.ts'
import { type HealthCheck, NO_DEFINITION } from '../../model/health.ts'
import type { DirEntry, IndexedDirEntries, IndexedKeyList } from '../../model/kv.ts'
import { NO_QUERY, type PreparedQuery } from '../../model/prepared-query.ts'
import type { Found } from '../../model/query.ts'
import { NO_SESSION, type Session } from '../../model/session.ts'
import { kvKeysSlices, kvListSlices } from './kv.ts'
import type { ReadTxn } from './rows.ts'
import { drain } from './slices.ts'

export function sampleEntry(key: string, more: Partial<DirEntry> = {}): DirEntry {
  return { LockIndex: 0, Key: key, Flags: 0n, Value: null, Session: '', CreateIndex: 0, ModifyIndex: 0, ...more }
}

export function sampleNode(name: string, more: Partial<Node> = {}): Node {
  return {
    ID: '',
    Node: name,
    Address: '10.0.0.1',
    Datacenter: 'dc1',
    TaggedAddresses: null,
    Meta: null,
    CreateIndex: 1,
    ModifyIndex: 1,
    ...more,
  }
}

export function sampleService(node: string, name: string, id = name): ServiceRow {
  return {
    Node: node,
    Service: {
      Kind: '',
      ID: id,
      Service: name,
      Tags: ['a', 'b'],
      Address: '',
      TaggedAddresses: null,
      Meta: { version: '1' },
      Port: 80,
      Weights: { Passing: 1, Warning: 1 },
      EnableTagOverride: false,
      Proxy: NO_PROXY,
      Connect: NO_CONNECT,
      LocallyRegisteredAsSidecar: false,
      CreateIndex: 1,
      ModifyIndex: 1,
    },
  }
}

export function sampleCheck(node: string, id: string, more: Partial<HealthCheck> = {}): HealthCheck {
  return {
    Node: node,
    CheckID: id,
    Name: id,
    Status: 'passing',
    Notes: '',
    Output: '',
    ServiceID: '',
    ServiceName: '',
    ServiceTags: null,
    Type: '',
    Definition: NO_DEFINITION,
    CreateIndex: 1,
    ModifyIndex: 1,
    ...more,
  }
}

export function sampleSession(id: string, node: string, more: Partial<Session> = {}): Session {
  return { ...NO_SESSION, ID: id, Node: node, Behavior: 'release', CreateIndex: 1, ModifyIndex: 1, ...more }
}

export function sampleQuery(id: string, name: string, more: Partial<PreparedQuery> = {}): PreparedQuery {
  const Service = { ...NO_QUERY.Service, Service: 'web' }
  return { ...NO_QUERY, ID: id, Name: name, Service, CreateIndex: 1, ModifyIndex: 1, ...more }
}

export function kvList(txn: ReadTxn, prefix: string): Found<IndexedDirEntries> {
  return drain(kvListSlices(txn, prefix))
}

export function kvKeys(txn: ReadTxn, prefix: string, separator: string): Found<IndexedKeyList> {
  return drain(kvKeysSlices(txn, prefix, separator))
}
