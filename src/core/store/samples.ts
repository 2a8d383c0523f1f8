/**
 * Small rows for the tests of this folder: only what a test names differs from the plainest row of its kind. And reads that
 * come in slices, in one piece.
 */
import { NO_SERVICE, type Node, type ServiceRow } from '../../model/catalog.ts'
import { type HealthCheck, NO_CHECK } from '../../model/health.ts'
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
  const Meta = { version: '1' }
  const Weights = { Passing: 1, Warning: 1 }
  const said = { ID: id, Service: name, Tags: ['a', 'b'], Meta, Port: 80, Weights, CreateIndex: 1, ModifyIndex: 1 }
  return { Node: node, Service: { ...NO_SERVICE, ...said } }
}

export function sampleCheck(node: string, id: string, more: Partial<HealthCheck> = {}): HealthCheck {
  const said = { Node: node, CheckID: id, Name: id, Status: 'passing', CreateIndex: 1, ModifyIndex: 1 }
  return { ...NO_CHECK, ...said, ...more }
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
