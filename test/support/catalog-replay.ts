/** Carries out the operations of a catalog transcript on a cluster of ours, and looks at it through the same reads. */
import { textFromBytes } from '../../src/base/text.ts'
import type { Node, NodeService } from '../../src/model/catalog.ts'
import type { HealthCheck } from '../../src/model/health.ts'
import type { DirEntry, KVOp } from '../../src/model/kv.ts'
import type { QueryMeta } from '../../src/model/query.ts'
import type { Session } from '../../src/model/session.ts'
import { type Operation, READS, type View, withoutSessionIds } from './catalog-transcript.ts'
import { aCheck, anEntry, aService, aSession, makeCluster, type TestCluster } from './cluster.ts'

const NO_SESSION = '99999999-9999-9999-9999-999999999999'
/** Index of operation 0. */
const BASE = 1000

export class Replay {
  readonly cluster: TestCluster = makeCluster({ applied: BASE - 1 })
  private readonly sessions = new Map<string, string>()
  private readonly names = new Map<string, string>()

  /** @returns as `Step.outcome` */
  perform(at: number, operation: Operation): string {
    try {
      return this.attempt(operation)
    } catch (error) {
      return withoutSessionIds((error as Error).message)
    } finally {
      // What needed no log entry leaves its index to nobody.
      if (this.cluster.store.applied < BASE + at) this.cluster.store.advance(BASE + at)
    }
  }

  private attempt(operation: Operation): string {
    const { cluster } = this
    switch (operation.do) {
      case 'register': {
        const { Service, Check, Checks, ...node } = operation.body
        cluster.call('Catalog.Register', {
          ...node,
          Address: node.Address ?? '',
          Service: Service ? aService(Service) : null,
          Check: Check ? aCheck(Check) : null,
          Checks: Checks ? Checks.map(aCheck) : null,
        })
        return ''
      }
      case 'deregister':
        cluster.call('Catalog.Deregister', operation.body)
        return ''
      case 'session': {
        const id = cluster.call('Session.Apply', { Op: 'create', Session: aSession(operation.body) })
        this.sessions.set(operation.name, id)
        this.names.set(id, operation.name)
        return ''
      }
      case 'destroy':
        cluster.call('Session.Apply', { Op: 'destroy', Session: aSession({ ID: this.idOf(operation.name) }) })
        return ''
      case 'put':
        return this.put(operation)
      case 'delete':
        this.change(operation.recurse ? 'delete-tree' : 'delete', { Key: operation.key })
        return ''
    }
  }

  private put(operation: Operation & { do: 'put' }): string {
    const { key, value, flags = 0, acquire, release, cas } = operation
    const op: KVOp = acquire ? 'lock' : release ? 'unlock' : cas !== undefined ? 'cas' : 'set'
    const done = this.change(op, {
      Key: key,
      Value: value === '' ? null : new TextEncoder().encode(value),
      Flags: BigInt(flags),
      Session: acquire || release ? this.idOf((acquire ?? release)!) : '',
      ModifyIndex: cas ? BASE + cas : 0,
    })
    return done || op === 'set' ? '' : 'false'
  }

  private change(op: KVOp, entry: Partial<DirEntry> & { Key: string }): boolean {
    return this.cluster.call('KVS.Apply', { Op: op, DirEnt: anEntry(entry) })
  }

  private idOf(name: string): string {
    return this.sessions.get(name) ?? NO_SESSION
  }

  views(): Record<string, View> {
    return Object.fromEntries(READS.map((read) => [read, this.view(read)]))
  }

  view(read: string): View {
    const [head = '', query = ''] = read.split('?')
    const [what = '', name = ''] = head.split(' ')
    const [, key, value] = /^meta=(.*):(.*)$/.exec(query) ?? []
    const NodeMetaFilters = key === undefined ? null : { [key]: value! }
    const tags = query.startsWith('tag=') ? { TagFilter: true, ServiceTags: [query.slice('tag='.length)] } : {}
    const { cluster } = this
    switch (what) {
      case 'nodes': {
        const found = cluster.call('Catalog.ListNodes', { NodeMetaFilters })
        return this.seen(found, (found.Nodes ?? []).map(nodeView))
      }
      case 'services': {
        const found = cluster.call('Catalog.ListServices', { NodeMetaFilters })
        const names = Object.keys(found.Services).sort()
        return this.seen(found, Object.fromEntries(names.map((each) => [each, found.Services[each]!.toSorted()])))
      }
      case 'service': {
        const found = cluster.call('Catalog.ServiceNodes', { ServiceName: name, ...tags })
        const rows = (found.ServiceNodes ?? []).map((row) => [
          row.Node,
          row.ID,
          row.Address,
          row.NodeMeta,
          row.ServiceID,
          row.ServiceName,
          row.ServiceTags,
          row.ServicePort,
          row.ServiceMeta,
          label(row.CreateIndex),
          label(row.ModifyIndex),
        ])
        return this.seen(found, rows)
      }
      case 'health': {
        const found = cluster.call('Health.ServiceNodes', { ServiceName: name, ...tags })
        const rows = (found.Nodes ?? []).map((row) => [
          row.Node.Node,
          label(row.Node.ModifyIndex),
          serviceView(row.Service),
          row.Checks.map(checkView),
        ])
        return this.seen(found, rows)
      }
      case 'node': {
        const found = cluster.call('Catalog.NodeServices', { Node: name })
        if (found.NodeServices === null) return this.seen(found, null)
        const { Node, Services } = found.NodeServices
        return this.seen(found, [nodeView(Node), Object.values(Services).map(serviceView).sort()])
      }
      case 'checks': {
        const found = cluster.call('Health.ServiceChecks', { ServiceName: name, NodeMetaFilters })
        return this.seen(found, (found.HealthChecks ?? []).map(checkView))
      }
      case 'node-checks': {
        const found = cluster.call('Health.NodeChecks', { Node: name })
        return this.seen(found, (found.HealthChecks ?? []).map(checkView))
      }
      case 'state': {
        const found = cluster.call('Health.ChecksInState', { State: name, NodeMetaFilters })
        return this.seen(found, (found.HealthChecks ?? []).map(checkView))
      }
      case 'sessions': {
        const found = cluster.call('Session.List', {})
        return this.seen(found, this.sessionViews(found.Sessions))
      }
      case 'node-sessions': {
        const found = cluster.call('Session.NodeSessions', { Node: name })
        return this.seen(found, this.sessionViews(found.Sessions))
      }
      case 'key': {
        const found = cluster.call('KVS.Get', { Key: name })
        return this.seen(found, this.entryViews(found.Entries))
      }
      default: {
        const found = cluster.call('KVS.List', { Key: name })
        return this.seen(found, this.entryViews(found.Entries))
      }
    }
  }

  private seen(found: Pick<QueryMeta, 'Index'>, rows: unknown): View {
    return { index: label(found.Index), rows }
  }

  private sessionViews(sessions: Session[] | null): unknown[] {
    return (sessions ?? [])
      .map((row) => [this.names.get(row.ID), row.Node, row.Behavior, label(row.CreateIndex)] as const)
      .sort((a, b) => a[3] - b[3])
  }

  private entryViews(entries: DirEntry[] | null): unknown[] | null {
    if (entries === null) return null
    return entries.map((row) => [
      row.Key,
      row.Value === null || row.Value.length === 0 ? null : btoa(textFromBytes(row.Value)),
      Number(row.Flags),
      this.names.get(row.Session) ?? '',
      row.LockIndex,
      label(row.CreateIndex),
      label(row.ModifyIndex),
    ])
  }
}

function label(index: number): number {
  return index < BASE ? -1 : index - BASE
}

function nodeView(row: Node): unknown[] {
  return [row.Node, row.ID, row.Address, row.Meta, label(row.CreateIndex), label(row.ModifyIndex)]
}

function serviceView(row: NodeService): unknown[] {
  const indexes = [label(row.CreateIndex), label(row.ModifyIndex)]
  return [row.ID, row.Service, row.Tags ?? [], row.Port, row.Meta, ...indexes]
}

function checkView(row: HealthCheck): unknown[] {
  const { Node, CheckID, Status, Output, ServiceID, ServiceName, ServiceTags } = row
  const indexes = [label(row.CreateIndex), label(row.ModifyIndex)]
  return [Node, CheckID, Status, Output, ServiceID, ServiceName, ServiceTags ?? [], ...indexes]
}
