import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import {
  aCheck,
  aRegistration,
  aService,
  aSession,
  makeCluster,
  type TestCluster,
} from '../../../test/support/cluster.ts'
import { ConsulError } from '../../model/errors.ts'
import type { PreparedQuery, ServiceQuery } from '../../model/prepared-query.ts'
import type { Authorizer } from '../acl/authorizer.ts'
import { sampleQuery } from '../store/samples.ts'

const NOBODY = '5e0ff3d2-0000-1111-2222-333344445555'

function aQuery(name: string, service: Partial<ServiceQuery> = {}, more: Partial<PreparedQuery> = {}): PreparedQuery {
  const base = sampleQuery('', name)
  return { ...base, CreateIndex: 0, ModifyIndex: 0, ...more, Service: { ...base.Service, ...service } }
}

const create = (cluster: TestCluster, query: PreparedQuery): string =>
  cluster.call('PreparedQuery.Apply', { Op: 'create', Query: query })

const nodesOf = (cluster: TestCluster, name: string, more: object = {}): string[] =>
  cluster
    .call('PreparedQuery.Execute', { QueryIDOrName: name, ...more })
    .Nodes!.map(({ Node }) => Node.Node)
    .sort()

function instance(cluster: TestCluster, node: string, service: object, status = 'passing', meta = {}): void {
  const Service = aService({ Service: 'web', ID: 'web', ...service })
  const Check = aCheck({ CheckID: `of ${node}`, Status: status, ServiceID: 'web' })
  cluster.call(
    'Catalog.Register',
    aRegistration({ Node: node, Address: `10.0.0.${node.length}`, NodeMeta: meta, Service, Check }),
  )
}

const refusal = (message: string | RegExp) => (error: unknown) =>
  error instanceof ConsulError &&
  (typeof message === 'string' ? error.message === message : message.test(error.message))

suite('storing prepared queries', () => {
  test('creates under a fresh id, changes, and deletes', () => {
    const cluster = makeCluster()
    const id = create(cluster, aQuery('q'))
    const { Queries, Index } = cluster.call('PreparedQuery.Get', { QueryID: id })
    assert.deepEqual(Queries, [{ ...aQuery('q'), ID: id, CreateIndex: 1, ModifyIndex: 1 }])
    assert.equal(Index, 1)
    cluster.call('PreparedQuery.Apply', { Op: 'update', Query: aQuery('r', {}, { ID: id }) })
    const [changed] = cluster.call('PreparedQuery.List', {}).Queries!
    assert.deepEqual([changed!.Name, changed!.CreateIndex, changed!.ModifyIndex], ['r', 1, 2])
    assert.equal(cluster.call('PreparedQuery.Apply', { Op: 'delete', Query: aQuery('', {}, { ID: id }) }), id)
    assert.throws(() => cluster.call('PreparedQuery.Get', { QueryID: id }), refusal('Query not found'))
    assert.deepEqual(cluster.call('PreparedQuery.List', {}), { Index: 3, Queries: null })
  })

  test('refuses what makes no sense', () => {
    const cluster = makeCluster()
    for (const [query, message] of [
      [aQuery('', {}), 'Invalid prepared query: Must be bound to a session'],
      [aQuery('q', { Service: '' }), 'Invalid prepared query: Must provide a Service name to query'],
      [aQuery('q', {}, { ID: NOBODY }), 'ID must be empty when creating a new prepared query'],
      [
        aQuery('q', { Failover: { NearestN: -1, Datacenters: null } }),
        "Invalid prepared query: Bad NearestN '-1', must be >= 0",
      ],
      [aQuery('q', {}, { DNS: { TTL: '-1s' } }), "Invalid prepared query: DNS TTL '-1000000000', must be >=0"],
      [aQuery('q', {}, { Session: NOBODY }), `invalid session "${NOBODY}"`],
    ] as const) {
      assert.throws(() => create(cluster, query), refusal(message))
    }
    assert.throws(() => create(cluster, aQuery('q', {}, { Token: '<hidden>' })), refusal(/redacted token/))
    for (const [Op, ID, message] of [
      ['update', NOBODY, `Cannot modify non-existent prepared query: '${NOBODY}'`],
      [
        'delete',
        'x',
        'Prepared Query lookup failed: failed prepared query lookup: index error: UUID must be 36 characters',
      ],
    ] as const) {
      const Query = aQuery('q', {}, { ID })
      assert.throws(() => cluster.call('PreparedQuery.Apply', { Op, Query }), refusal(message))
    }
    assert.throws(() => cluster.call('PreparedQuery.Apply', { Op: 'create', Query: null }), refusal(/query/))
    assert.equal(cluster.call('PreparedQuery.List', {}).Queries, null)
  })

  test('no two have one name, whatever its letter case, and no name is an id of another', () => {
    const cluster = makeCluster()
    const id = create(cluster, aQuery('Web'))
    assert.throws(() => create(cluster, aQuery('wEB')), refusal("name 'wEB' aliases an existing query name"))
    assert.throws(() => create(cluster, aQuery(id)), refusal(`name '${id}' aliases an existing query ID`))
    const catchAll = aQuery('', {}, { Template: { Type: 'name_prefix_match', Regexp: '', RemoveEmptyTags: false } })
    create(cluster, catchAll)
    assert.throws(() => create(cluster, catchAll), refusal('a query template with an empty name already exists'))
  })

  test('ends with its session', () => {
    const cluster = makeCluster()
    cluster.call('Catalog.Register', aRegistration({ Node: 'n', Address: '10.0.0.1' }))
    const Session = cluster.call('Session.Apply', { Op: 'create', Session: aSession({ Node: 'n' }) })
    const bound = create(cluster, aQuery('', {}, { Session }))
    const free = create(cluster, aQuery('free'))
    cluster.call('Session.Apply', { Op: 'destroy', Session: aSession({ ID: Session }) })
    assert.throws(() => cluster.call('PreparedQuery.Get', { QueryID: bound }), refusal('Query not found'))
    const { Index, Queries } = cluster.call('PreparedQuery.List', {})
    assert.deepEqual([Queries!.map(({ ID }) => ID), Index], [[free], cluster.store.applied])
  })

  test('rules about queries decide who sees and changes what', () => {
    const cluster = makeCluster()
    const id = create(cluster, aQuery('mine', {}, { Token: 'secret' }))
    const reader: Authorizer = { all: false, allowed: (resource, access) => resource === 'query' && access === 'read' }
    const nobody: Authorizer = { all: false, allowed: () => false }
    assert.equal(cluster.call('PreparedQuery.Get', { QueryID: id }, reader).Queries![0]!.Token, '<hidden>')
    assert.equal(cluster.call('PreparedQuery.Get', { QueryID: id }).Queries![0]!.Token, 'secret')
    assert.throws(() => cluster.call('PreparedQuery.Get', { QueryID: id }, nobody), { code: 'permission-denied' })
    assert.deepEqual(cluster.call('PreparedQuery.List', {}, nobody).Queries, [])
    const explained = { QueryIDOrName: 'mine' }
    assert.equal(cluster.call('PreparedQuery.Explain', explained, reader).Query.Token, '<hidden>')
    assert.throws(() => cluster.call('PreparedQuery.Explain', explained, nobody), { code: 'permission-denied' })
    const change = { Op: 'update', Query: aQuery('mine', {}, { ID: id }) } as const
    assert.throws(() => cluster.call('PreparedQuery.Apply', change, reader), { code: 'permission-denied' })
    // Whoever may see no node finds nothing, but may run the query; its own token, if it has one, counts instead.
    instance(cluster, 'a', {})
    assert.equal(cluster.call('PreparedQuery.Execute', explained, nobody).Nodes!.length, 1)
    create(cluster, aQuery('bare'))
    assert.deepEqual(cluster.call('PreparedQuery.Execute', { QueryIDOrName: 'bare' }, nobody).Nodes, [])
  })
})

suite('running prepared queries', () => {
  test('finds by id, by name, and by the longest template', () => {
    const cluster = makeCluster()
    const template = (name: string) =>
      aQuery(
        name,
        { Service: `of ${name}` },
        { Template: { Type: 'name_prefix_match', Regexp: '', RemoveEmptyTags: false } },
      )
    const explain = (name: string) =>
      cluster.call('PreparedQuery.Explain', { QueryIDOrName: name }).Query.Service.Service
    const id = create(cluster, aQuery('geo-exact', { Service: 'exact' }))
    assert.throws(() => explain('geo-x'), refusal('Query not found'))
    for (const name of ['geo-', 'Geo-db-', '']) create(cluster, template(name))
    const templateId = create(cluster, template('z'))
    assert.deepEqual([id, 'geo-exact', 'GEO-EXACT', 'geo-web', 'geo-db', 'geo-DB-1', 'other', 'zoo'].map(explain), [
      'exact',
      'exact',
      'exact',
      'of geo-',
      'of geo-',
      'of Geo-db-',
      'of ',
      'of z',
    ])
    assert.throws(() => explain(templateId), refusal(/can only be resolved up by name/))
    assert.throws(() => explain(''), refusal('Missing Query ID'))
  })

  test('instances must be healthy and suit', () => {
    const cluster = makeCluster()
    instance(cluster, 'good', { Tags: ['v1', 'A'], Meta: { m: '1' } }, 'passing', { zone: 'a' })
    instance(cluster, 'old', { Tags: ['V1', 'old'], Meta: { m: '1' } }, 'passing', { zone: 'b' })
    instance(cluster, 'slow', { Tags: ['v1'] }, 'warning')
    instance(cluster, 'down', { Tags: ['v1'] }, 'critical')
    const found = (service: Partial<ServiceQuery>): string[] => {
      const id = create(cluster, aQuery('q', service))
      const nodes = nodesOf(cluster, 'q')
      cluster.call('PreparedQuery.Apply', { Op: 'delete', Query: aQuery('', {}, { ID: id }) })
      return nodes
    }
    assert.deepEqual(found({}), ['good', 'old', 'slow'])
    assert.deepEqual(found({ OnlyPassing: true }), ['good', 'old'])
    assert.deepEqual(found({ IgnoreCheckIDs: ['of down'] }), ['down', 'good', 'old', 'slow'])
    assert.deepEqual(found({ Tags: ['v1', '!OLD'] }), ['good', 'slow'])
    assert.deepEqual(found({ Tags: ['a', 'V1'] }), ['good'])
    assert.deepEqual(found({ NodeMeta: { zone: 'b' } }), ['old'])
    assert.deepEqual(found({ ServiceMeta: { m: '1' }, NodeMeta: { zone: 'a' } }), ['good'])
    assert.deepEqual(found({ Service: 'none' }), [])
  })

  test('the nearest comes first, the node itself before all, as many as are wanted', () => {
    const cluster = makeCluster()
    for (const [name, x] of [
      ['far', 9],
      ['near', 1],
      ['me', 2],
      ['asker', 2],
    ] as const) {
      if (name === 'asker') cluster.call('Catalog.Register', aRegistration({ Node: name, Address: '192.0.2.1' }))
      else instance(cluster, name, {})
      const Coord = { Vec: [x], Error: 1, Adjustment: 0, Height: 0 }
      cluster.apply({ type: 'CoordinateBatchUpdate', body: [{ Node: name, Segment: '', Coord }] })
    }
    create(cluster, aQuery('q'))
    create(cluster, aQuery('by agent', { Near: '_agent' }))
    create(cluster, aQuery('by ip', { Near: '_ip' }))
    const order = (name: string, more: object) =>
      cluster
        .call('PreparedQuery.Execute', { QueryIDOrName: name, Agent: { Datacenter: 'dc1', Node: 'me' }, ...more })
        .Nodes!.map(({ Node }) => Node.Node)
    assert.deepEqual(order('q', { Source: { Node: 'far' } }), ['far', 'me', 'near'])
    assert.deepEqual(order('by agent', {}), ['me', 'near', 'far'])
    assert.deepEqual(order('by agent', { Source: { Node: 'far' } }), ['far', 'me', 'near'])
    assert.deepEqual(order('by ip', { Source: { Ip: '192.0.2.1' } }), ['me', 'near', 'far'])
    assert.deepEqual(order('by agent', { Limit: 2 }), ['me', 'near'])
    assert.equal(order('by ip', { Source: { Ip: '192.0.2.9' } }).length, 3)
    assert.equal(order('q', { Source: { Node: 'far', Datacenter: 'dc2' } }).length, 3)
  })
})

suite('failing over to other datacenters', () => {
  function abroad(found: Record<string, string[] | 'down'>) {
    const cluster = makeCluster()
    cluster.others = ['dc2', 'dc3', 'dc4']
    const asked: { method: string; args: Record<string, unknown> }[] = []
    cluster.remote = (method, args) => {
      const { Datacenter } = args as { Datacenter: string }
      asked.push({ method, args: args as Record<string, unknown> })
      const there = found[Datacenter] ?? []
      if (there === 'down') throw new ConsulError('no-path-to-datacenter')
      const Nodes = there.map((Node) => ({ Node: { Node }, Service: {}, Checks: [] }))
      return {
        Index: 0,
        LastContact: 5,
        KnownLeader: true,
        Service: 'web',
        Nodes,
        DNS: { TTL: '' },
        Datacenter,
        Failovers: 0,
      }
    }
    return { cluster, asked, where: () => asked.map(({ args }) => args.Datacenter) }
  }
  const run = (cluster: TestCluster, more = {}) =>
    cluster.call('PreparedQuery.Execute', { QueryIDOrName: 'q', Token: 't', Limit: 7, Connect: false, ...more })

  test('asks the nearest, then those named, until one has instances', () => {
    const { cluster, asked, where } = abroad({ dc2: 'down', dc3: ['there'] })
    const id = create(
      cluster,
      aQuery('q', { Failover: { NearestN: 1, Datacenters: ['unknown', 'dc2', 'dc4', 'dc3'] } }),
    )
    const reply = run(cluster)
    assert.deepEqual(where(), ['dc2', 'dc4', 'dc3'])
    assert.deepEqual([reply.Datacenter, reply.Failovers, reply.LastContact, reply.Nodes!.length], ['dc3', 3, 5, 1])
    const { Query, ...rest } = asked[0]!.args
    assert.equal((Query as PreparedQuery).ID, id)
    assert.deepEqual(rest, { Datacenter: 'dc2', Token: 't', Limit: 7, Connect: false })
    assert.equal(asked[0]!.method, 'PreparedQuery.ExecuteRemote')
  })

  test('is told how many were asked when none had any', () => {
    const { cluster } = abroad({ dc4: 'down' })
    create(cluster, aQuery('q', { Failover: { NearestN: 9, Datacenters: null } }))
    const reply = run(cluster)
    assert.deepEqual([reply.Failovers, reply.Nodes], [3, []])
  })

  test('stays home when there is an instance, and when no failover is wanted', () => {
    const { cluster, where } = abroad({ dc2: ['there'] })
    const id = create(cluster, aQuery('q'))
    assert.deepEqual([run(cluster).Failovers, run(cluster).Datacenter], [0, 'dc1'])
    cluster.call('PreparedQuery.Apply', {
      Op: 'update',
      Query: aQuery('q', { Failover: { NearestN: 1, Datacenters: [] } }, { ID: id }),
    })
    instance(cluster, 'a', {})
    assert.equal(run(cluster).Failovers, 0)
    assert.deepEqual(where(), [])
  })

  test('another datacenter is served without going further', () => {
    const { cluster, where } = abroad({ dc2: ['there'] })
    const Query = aQuery('q', { Failover: { NearestN: 3, Datacenters: ['dc2'] } }, { ID: NOBODY })
    assert.deepEqual(cluster.call('PreparedQuery.ExecuteRemote', { Query }).Nodes, [])
    for (const name of ['a', 'bb', 'ccc']) instance(cluster, name, {})
    assert.equal(cluster.call('PreparedQuery.ExecuteRemote', { Query, Limit: 2 }).Nodes!.length, 2)
    assert.deepEqual(where(), [])
  })
})
