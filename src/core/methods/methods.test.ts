/** What each method refuses, fills in, and hides, before and beside the log. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { aCheck, anEntry, aRegistration, aService, aSession, makeCluster } from '../../../test/support/cluster.ts'
import type { NodeService, RegisterRequest } from '../../model/catalog.ts'
import type { Coordinate } from '../../model/coordinate.ts'
import type { HealthCheck } from '../../model/health.ts'
import { NO_DEFINITION } from '../../model/health.ts'
import type { KVOp } from '../../model/kv.ts'
import type { Session } from '../../model/session.ts'
import { type Authorizer, allowAll } from '../acl/authorizer.ts'
import { coordinateUpdate } from './coordinate.ts'
import { methods } from './index.ts'
import { renewal } from './session.ts'

const ID = '11111111-1111-1111-1111-111111111111'

/** Allows what is listed, as `resource:access:segment`. */
function only(...rules: string[]): Authorizer {
  return { all: false, allowed: (resource, access, segment) => rules.includes(`${resource}:${access}:${segment}`) }
}

const DENIED = { code: 'permission-denied', message: 'Permission denied' }

suite('Catalog.Register', () => {
  const proposed = (fields: Partial<RegisterRequest> & { Node: string }): RegisterRequest => {
    const command = makeCluster().propose('Catalog.Register', aRegistration(fields))
    assert.equal(command?.type, 'Register')
    return command.body as RegisterRequest
  }

  const proxy = (fields: Partial<NodeService['Proxy']>, service: Partial<NodeService> = {}) => ({
    Node: 'a',
    Service: aService({
      Service: 'p',
      Kind: 'connect-proxy',
      Port: 1,
      Proxy: { ...aService({}).Proxy, DestinationServiceName: 'web', ...fields },
      ...service,
    }),
  })
  const upstream = {
    DestinationType: '',
    DestinationNamespace: '',
    DestinationName: 'db',
    Datacenter: '',
    LocalBindAddress: '',
    LocalBindPort: 9,
    Config: null,
    MeshGateway: { Mode: '' },
    IngressHosts: null,
  }
  const path = { ListenerPort: 1, Path: '/', LocalPathPort: 1, Protocol: 'http2', ParsedFromCheck: false }

  const refusals: [Partial<RegisterRequest> & { Node: string }, string | RegExp][] = [
    [{ Node: '' }, 'Must provide node'],
    [{ Node: 'a', Address: '' }, 'Must provide address if SkipNodeUpdate is not set'],
    [{ Node: 'a', ID: 'abc' }, 'Bad node ID: uuid string is wrong length'],
    [{ Node: 'a', ID: ID.replaceAll('-', '0') }, 'Bad node ID: uuid is improperly formatted'],
    [{ Node: 'a', ID: ID.replace('1', 'g') }, /^Bad node ID: /],
    [{ Node: 'a', Service: aService({ ID: 'x' }) }, 'Must provide service name with ID'],
    [{ Node: 'a', Service: aService({ Service: 'x', Address: '0.0.0.0' }) }, 'Invalid service address'],
    [{ Node: 'a', Service: aService({ Service: 'x', Address: '::' }) }, 'Invalid service address'],
    [
      proxy({ DestinationServiceName: ' ' }, { Port: 0, Connect: { Native: true, SidecarService: null } }),
      '3 errors occurred:\n' +
        '\t* Proxy.DestinationServiceName must be non-empty for Connect proxy services\n' +
        '\t* Port must be set for a Connect proxy\n' +
        '\t* A Proxy cannot also be Connect Native, only typical services\n\n',
    ],
    [proxy({ Upstreams: [{ ...upstream, LocalBindPort: 0 }] }), /local bind port cannot be zero/],
    [proxy({ Upstreams: [{ ...upstream, DestinationName: '' }] }), /destination name cannot be empty/],
    [proxy({ Upstreams: [{ ...upstream, DestinationType: 'x' }] }), /unknown upstream destination type: "x"/],
    [proxy({ Upstreams: [upstream, upstream] }), /upstreams cannot contain duplicates of \[type="", name="db"/],
    [
      proxy({ Upstreams: [upstream, { ...upstream, DestinationName: 'other', LocalBindAddress: '127.0.0.1' }] }),
      /duplicates by local bind address and port; "127.0.0.1:9" is specified twice/,
    ],
    [proxy({ Expose: { Checks: false, Paths: [path, path] } }), /^2 errors.*duplicate paths.*duplicate listener/s],
    [proxy({ Expose: { Checks: false, Paths: [{ ...path, ListenerPort: 0 }] } }), /invalid listener port: 0/],
    [proxy({ Expose: { Checks: false, Paths: [{ ...path, Protocol: 'TCP' }] } }), /protocol 'tcp' not supported/],
    [
      proxy({ LocalServicePort: 1 }, { Kind: 'ingress-gateway', Port: 0 }),
      /^2 errors.*DestinationServiceName.*LocalServicePort configuration is invalid for a ingress-gateway/s,
    ],
    [
      { Node: 'a', Service: aService({ Service: 'gw', Kind: 'mesh-gateway' }) },
      '1 error occurred:\n\t* Port must be non-zero for a mesh-gateway\n\n',
    ],
    [
      {
        Node: 'a',
        Service: aService({
          Service: 'x',
          Connect: { Native: false, SidecarService: { ID: 'x', Connect: { SidecarService: {} } } },
        }),
      },
      /^2 errors.*managed by the agent.*nested SidecarService/s,
    ],
  ]
  for (const [fields, text] of refusals) {
    test(`refuses: ${text}`, () => {
      assert.throws(
        () => proposed(fields),
        (error: Error & { code: string }) =>
          error.code === 'refused' && (typeof text === 'string' ? error.message === text : text.test(error.message)),
      )
    })
  }

  test('fills in what the asker left out, and leaves his request alone', () => {
    const args = aRegistration({
      Node: 'a',
      Service: aService({ Service: 'web' }),
      Check: aCheck({ Name: 'alive' }),
      Checks: [aCheck({ CheckID: 'c', Node: 'other' })],
    })
    const before = structuredClone(args)
    const body = makeCluster().propose('Catalog.Register', args)?.body as RegisterRequest
    assert.deepEqual(args, before)
    assert.equal(body.Datacenter, 'dc1')
    assert.equal(body.Service?.ID, 'web')
    assert.equal(body.Check, null)
    assert.deepEqual(
      body.Checks?.map((check) => [check.Node, check.CheckID]),
      [
        ['other', 'c'],
        ['a', 'alive'],
      ],
    )
  })

  test('names the kind of a check by its definition', () => {
    const kinds: [Partial<HealthCheck['Definition']>, string][] = [
      [{}, ''],
      [{ HTTP: 'http://x' }, ''],
      [{ HTTP: 'http://x', Interval: 1 }, 'http'],
      [{ GRPC: 'x', HTTP: 'x', Interval: 1 }, 'grpc'],
      [{ TCP: 'x:1', Interval: 1 }, 'tcp'],
      [{ TCP: 'x:1', TTL: 1, Interval: 1 }, 'ttl'],
      [{ AliasService: 'x' }, 'alias'],
      [{ ScriptArgs: ['x'] }, 'script'],
      [{ ScriptArgs: ['x'], DockerContainerID: 'd', Interval: 1 }, 'docker'],
    ]
    for (const [definition, kind] of kinds) {
      const check = aCheck({ CheckID: 'c', Definition: { ...NO_DEFINITION, ...definition } })
      assert.equal(proposed({ Node: 'a', Check: check }).Checks?.[0]?.Type, kind, JSON.stringify(definition))
      assert.equal(proposed({ Node: 'a', Check: { ...check, Type: 'own' } }).Checks?.[0]?.Type, 'own')
    }
  })

  test('needs the right to the node, the service, and the service that it replaces', () => {
    const cluster = makeCluster()
    const body = (service: string) =>
      aRegistration({ Node: 'a', Service: aService({ ID: 'x', Service: service }), Datacenter: 'dc1' })
    const attempt = (service: string, ...rules: string[]) =>
      cluster.call('Catalog.Register', body(service), only(...rules))
    assert.throws(() => attempt('web', 'service:write:web'), DENIED)
    assert.throws(() => attempt('web', 'node:write:a'), DENIED)
    attempt('web', 'service:write:web', 'node:write:a')
    attempt('web', 'service:write:web')
    assert.throws(() => attempt('db', 'service:write:db'), DENIED)
    attempt('db', 'service:write:db', 'service:write:web')
  })

  test('needs the right to the node for its checks, to the service for the service`s', () => {
    const cluster = makeCluster()
    cluster.call('Catalog.Register', aRegistration({ Node: 'a', Service: aService({ Service: 'web' }) }))
    const attempt = (check: Partial<HealthCheck>, ...rules: string[]) =>
      cluster.call(
        'Catalog.Register',
        aRegistration({ Node: 'a', Datacenter: 'dc1', Check: aCheck({ CheckID: 'c', ...check }) }),
        only(...rules),
      )
    assert.throws(() => attempt({}, 'service:write:web'), DENIED)
    attempt({}, 'node:write:a')
    attempt({ ServiceID: 'web' }, 'service:write:web')
    assert.throws(() => attempt({ ServiceID: 'web' }, 'node:write:a'), DENIED)
    assert.throws(() => attempt({ ServiceID: 'db' }, 'node:write:a'), /Unknown service 'db' for check 'c'/)
    assert.throws(() => attempt({ Node: 'b' }, 'node:write:a'), /doesn't match register request node 'a'/)
  })
})

suite('Catalog.Deregister', () => {
  test('refuses without a node', () => {
    assert.throws(() => makeCluster().propose('Catalog.Deregister', { Node: '' }), /Must provide node/)
  })

  test('needs the right to the node, or to the service concerned', () => {
    const cluster = makeCluster()
    const checks = [aCheck({ CheckID: 'own' }), aCheck({ CheckID: 'c', ServiceID: 'web' })]
    cluster.call(
      'Catalog.Register',
      aRegistration({ Node: 'a', Service: aService({ Service: 'web' }), Checks: checks }),
    )
    const attempt = (fields: { ServiceID?: string; CheckID?: string }, ...rules: string[]) =>
      cluster.propose('Catalog.Deregister', { Node: 'a', ...fields }, only(...rules))?.type
    assert.equal(attempt({}, 'node:write:a'), 'Deregister')
    assert.equal(attempt({ ServiceID: 'none' }, 'node:write:a'), 'Deregister')
    assert.equal(attempt({ ServiceID: 'web' }, 'service:write:web'), 'Deregister')
    assert.equal(attempt({ CheckID: 'c' }, 'service:write:web'), 'Deregister')
    assert.throws(() => attempt({}, 'service:write:web'), DENIED)
    assert.throws(() => attempt({ ServiceID: 'web' }), DENIED)
    assert.throws(() => attempt({ CheckID: 'own' }, 'service:write:web'), DENIED)
    assert.throws(() => attempt({ ServiceID: 'none' }, 'service:write:none'), /Unknown service 'none'/)
    assert.throws(() => attempt({ CheckID: 'none' }), /Unknown check 'none'/)
  })
})

suite('KVS.Apply', () => {
  const propose = (op: string, key: string, can?: Authorizer) =>
    makeCluster().propose('KVS.Apply', { Op: op as KVOp, DirEnt: anEntry({ Key: key }) }, can)

  test('needs a key, except to delete a tree', () => {
    for (const op of ['set', 'delete', 'delete-cas', 'cas', 'lock', 'unlock']) {
      assert.throws(() => propose(op, ''), { code: 'refused', message: 'Must provide key' })
    }
    assert.equal(propose('delete-tree', '')?.type, 'KVS')
  })

  test('knows no other operations, whatever they are called', () => {
    for (const op of ['get', '', 'toString', '__proto__']) {
      assert.throws(() => propose(op, 'k'), { code: 'refused', message: `Invalid KVS operation '${op}'` })
    }
  })

  test('needs the right to the key', () => {
    assert.throws(() => propose('set', 'k', only('key:read:k')), DENIED)
    assert.equal(propose('set', 'k', only('key:write:k'))?.type, 'KVS')
  })

  test('a key in its lock delay cannot be locked, and may be set', () => {
    const cluster = makeCluster()
    cluster.resting.add('k')
    const DirEnt = anEntry({ Key: 'k', Session: ID })
    assert.equal(cluster.propose('KVS.Apply', { Op: 'lock', DirEnt }), undefined)
    assert.equal(cluster.call('KVS.Apply', { Op: 'lock', DirEnt }), false)
    assert.equal(cluster.propose('KVS.Apply', { Op: 'set', DirEnt })?.type, 'KVS')
  })

  test('answers true only where the answer says something', () => {
    const cluster = makeCluster()
    const apply = (op: KVOp, at = 0, Flags = 0n) =>
      cluster.call('KVS.Apply', { Op: op, DirEnt: anEntry({ Key: 'k', ModifyIndex: at, Flags }) })
    assert.equal(apply('set'), false)
    assert.equal(apply('cas', 1, 1n), true)
    assert.equal(apply('cas', 1), false)
    assert.equal(apply('delete'), false)
    assert.equal(apply('delete-cas', 9), true)
  })
})

suite('KVS reads', () => {
  const cluster = makeCluster()
  for (const Key of ['a', 'd/1', 'd/2', 'e/1']) cluster.call('KVS.Apply', { Op: 'set', DirEnt: anEntry({ Key }) })
  const can = only('key:read:a', 'key:read:d/2')

  test('get is refused without the right', () => {
    assert.throws(() => cluster.call('KVS.Get', { Key: 'd/1' }, can), DENIED)
    assert.equal(cluster.call('KVS.Get', { Key: 'd/2' }, can).Entries?.length, 1)
  })

  test('lists leave out what may not be seen, and keep their index', () => {
    const found = cluster.call('KVS.List', { Key: 'd' }, can)
    assert.deepEqual([found.Index, found.Entries?.map((entry) => entry.Key)], [3, ['d/2']])
    assert.deepEqual(cluster.call('KVS.ListKeys', { Prefix: '', Seperator: '/' }, can).Keys, ['a', 'd/'])
    assert.equal(cluster.call('KVS.List', { Key: 'e' }, can).Entries, null)
  })
})

suite('Session.Apply', () => {
  const propose = (fields: Partial<Session>, can?: Authorizer) => {
    const cluster = makeCluster()
    const command = cluster.propose('Session.Apply', { Op: 'create', Session: aSession({ Node: 'a', ...fields }) }, can)
    assert.equal(command?.type, 'Session')
    return (command.body as { Session: Session }).Session
  }

  test('gives a fresh id and the default behaviour', () => {
    const session = propose({ ID: 'mine', Behavior: '' })
    assert.match(session.ID, /^[0-9a-f-]{36}$/)
    assert.equal(session.Behavior, 'release')
    assert.equal(propose({ Behavior: 'delete' }).Behavior, 'delete')
  })

  test('draws ids until one is free', () => {
    const cluster = makeCluster()
    cluster.call('Catalog.Register', aRegistration({ Node: 'a' }))
    const ids = ['1', '1', '2'].map((digit) => ID.replaceAll('1', digit))
    cluster.env.uuid = () => ids.shift()!
    const create = () => cluster.call('Session.Apply', { Op: 'create', Session: aSession({ Node: 'a' }) })
    assert.equal(create(), ID)
    assert.equal(create(), ID.replaceAll('1', '2'))
  })

  const refusals: [Partial<Session>, string][] = [
    [{ Node: '' }, 'Must provide Node'],
    [{ Behavior: 'keep' }, "Invalid Behavior setting 'keep'"],
    [{ TTL: 'soon' }, 'Session TTL \'soon\' invalid: time: invalid duration "soon"'],
    [{ TTL: '9s' }, "Invalid Session TTL '9000000000', must be between [10s=24h0m0s]"],
    [{ TTL: '24h1s' }, "Invalid Session TTL '86401000000000', must be between [10s=24h0m0s]"],
    [{ TTL: '-10s' }, "Invalid Session TTL '-10000000000', must be between [10s=24h0m0s]"],
  ]
  for (const [fields, message] of refusals) {
    test(`refuses: ${message}`, () => assert.throws(() => propose(fields), { code: 'refused', message }))
  }

  test('takes every time to live within bounds, and none', () => {
    for (const TTL of ['', '0', '0s', '10s', '24h']) assert.equal(propose({ TTL }).TTL, TTL)
  })

  test('the shortest time to live is what the server was told', () => {
    const cluster = makeCluster()
    cluster.call('Catalog.Register', aRegistration({ Node: 'a' }))
    cluster.env.sessionTtlMin = 2e9
    const create = (TTL: string) =>
      cluster.call('Session.Apply', { Op: 'create', Session: aSession({ Node: 'a', TTL }) })
    assert.equal(typeof create('2s'), 'string')
    const message = "Invalid Session TTL '1000000000', must be between [2s=24h0m0s]"
    assert.throws(() => create('1s'), { code: 'refused', message })
  })

  test('destroying needs an id, and the right to the session`s node if it exists', () => {
    const cluster = makeCluster()
    cluster.call('Catalog.Register', aRegistration({ Node: 'a' }))
    const id = cluster.call('Session.Apply', { Op: 'create', Session: aSession({ Node: 'a' }) })
    const destroy = (ID: string, can?: Authorizer) =>
      cluster.propose('Session.Apply', { Op: 'destroy', Session: aSession({ ID }) }, can)
    assert.throws(() => destroy(''), /Must provide ID/)
    assert.throws(() => destroy(id, only()), DENIED)
    assert.equal(destroy(id, only('session:write:a'))?.type, 'Session')
    assert.equal(destroy(ID, only()), undefined)
    assert.equal(destroy(ID)?.type, 'Session')
    assert.throws(() => propose({}, only()), DENIED)
  })

  test('sessions are seen, and renewed, by right to their node', () => {
    const cluster = makeCluster()
    for (const Node of ['a', 'b']) cluster.call('Catalog.Register', aRegistration({ Node }))
    const ids = ['a', 'b'].map((Node) => cluster.call('Session.Apply', { Op: 'create', Session: aSession({ Node }) }))
    const [first = '', second = ''] = ids
    const can = only('session:read:a', 'session:write:a')
    assert.equal(cluster.call('Session.List', {}, can).Sessions?.length, 1)
    assert.equal(cluster.call('Session.NodeSessions', { Node: 'b' }, can).Sessions, null)
    assert.equal(cluster.call('Session.Get', { SessionID: second }, can).Sessions, null)
    assert.equal(cluster.call('Session.Get', { SessionID: '', Session: first }, can).Sessions?.[0]?.ID, first)
    cluster.store.read((txn) => {
      assert.equal(renewal(txn, { SessionID: first }, can).Sessions?.[0]?.ID, first)
      assert.throws(() => renewal(txn, { SessionID: second }, can), DENIED)
      assert.equal(renewal(txn, { SessionID: ID }, can).Sessions, null)
    })
  })
})

suite('catalog and health reads', () => {
  const cluster = makeCluster()
  const register = (Node: string, service: string, tags: string[], fields: Partial<RegisterRequest> = {}) =>
    cluster.call(
      'Catalog.Register',
      aRegistration({
        Node,
        Service: aService({ Service: service, Tags: tags, Address: `10.1.0.${Node.length}` }),
        Checks: [aCheck({ CheckID: 'node' }), aCheck({ CheckID: `of-${service}`, ServiceID: service })],
        ...fields,
      }),
    )
  register('a', 'web', ['v1', 'Main'], { ID, NodeMeta: { rack: '1' } })
  register('bb', 'web', ['v2'], { ID: ID.replaceAll('1', '2'), NodeMeta: { rack: '2' } })
  register('bb', 'db', [], { ID: ID.replaceAll('1', '2'), NodeMeta: { rack: '2' } })
  const place = (Node: string, x: number) => ({
    Node,
    Segment: '',
    Coord: { Vec: [x], Error: 0, Adjustment: 0, Height: 0 },
  })
  cluster.apply({ type: 'CoordinateBatchUpdate', body: [place('a', 5), place('bb', 0)] })
  const nodesOf = (tags: string[]) =>
    cluster
      .call('Health.ServiceNodes', { ServiceName: 'web', TagFilter: true, ServiceTags: tags })
      .Nodes?.map((instance) => instance.Node.Node) ?? []

  test('all asked tags must be there, in any letter case', () => {
    assert.deepEqual(nodesOf([]), ['a', 'bb'])
    assert.deepEqual(nodesOf(['V1', 'main']), ['a'])
    assert.deepEqual(nodesOf(['v1', 'v2']), [])
    const old = cluster.call('Catalog.ServiceNodes', { ServiceName: 'web', TagFilter: true, ServiceTag: 'v2' })
    assert.deepEqual(
      old.ServiceNodes?.map((row) => row.Node),
      ['bb'],
    )
  })

  test('an address finds the instances behind it, and never blocks', () => {
    const found = cluster.call('Catalog.ServiceNodes', { ServiceName: '', ServiceAddress: '10.1.0.2' })
    assert.deepEqual([found.Index, found.ServiceNodes?.map((row) => row.ServiceID).sort()], [0, ['db', 'web']])
  })

  test('a node is found by its name, its id, and a clear beginning of it', () => {
    const named = (Node: string) => cluster.call('Catalog.NodeServices', { Node }).NodeServices?.Node.Node
    assert.equal(named('A'), 'a')
    assert.equal(named(ID), 'a')
    assert.equal(named('11'), 'a')
    assert.equal(named('111'), 'a', 'an odd digit is dropped')
    assert.equal(named('22222222-2222-22'), 'bb')
    assert.equal(named('1'), undefined)
    assert.equal(named('11111111-1'), undefined, 'an odd number of digits after all')
    assert.equal(named('xy'), undefined)
    cluster.call('Catalog.Register', aRegistration({ Node: 'c', ID: ID.replace(/1$/, '2') }))
    assert.equal(named('11'), undefined, 'no longer clear')
    cluster.call('Catalog.Deregister', { Node: 'c' })
  })

  test('near puts the nearest first and what has no place last', () => {
    cluster.call('Catalog.Register', aRegistration({ Node: '0', Service: aService({ Service: 'web' }) }))
    const order = (Source: { Node: string; Datacenter: string }) =>
      cluster
        .call('Catalog.ServiceNodes', { ServiceName: 'web', Datacenter: 'dc1', Source })
        .ServiceNodes?.map((row) => row.Node)
    assert.deepEqual(order({ Node: 'bb', Datacenter: 'dc1' }), ['bb', 'a', '0'])
    assert.deepEqual(order({ Node: 'a', Datacenter: 'dc1' }), ['a', 'bb', '0'])
    assert.deepEqual(order({ Node: 'nobody', Datacenter: 'dc1' }), ['0', 'a', 'bb'])
    assert.deepEqual(order({ Node: 'a', Datacenter: 'dc2' }), ['0', 'a', 'bb'])
    cluster.call('Catalog.Deregister', { Node: '0' })
  })

  test('what was found by distance does not disturb what is remembered', () => {
    cluster.call('Health.ServiceNodes', { ServiceName: 'web', Source: { Node: 'bb' } })
    assert.deepEqual(nodesOf([]), ['a', 'bb'])
    cluster.call('Health.ServiceNodes', { ServiceName: 'web' }).Nodes?.reverse()
    assert.deepEqual(nodesOf([]), ['a', 'bb'])
  })

  test('node metadata narrows every list', () => {
    const NodeMetaFilters = { rack: '1' }
    assert.deepEqual(
      cluster.call('Catalog.ListNodes', { NodeMetaFilters }).Nodes?.map((node) => node.Node),
      ['a'],
    )
    assert.deepEqual(Object.keys(cluster.call('Catalog.ListServices', { NodeMetaFilters }).Services), ['web'])
    const web = { ServiceName: 'web', NodeMetaFilters }
    assert.equal(cluster.call('Catalog.ServiceNodes', web).ServiceNodes?.length, 1)
    assert.equal(cluster.call('Health.ServiceNodes', web).Nodes?.length, 1)
    assert.equal(cluster.call('Health.ServiceChecks', web).HealthChecks?.length, 1)
    assert.equal(cluster.call('Health.ChecksInState', { State: 'any', NodeMetaFilters }).HealthChecks?.length, 2)
    const none = { toString: 'x' }
    assert.equal(cluster.call('Catalog.ListNodes', { NodeMetaFilters: none }).Nodes, null)
  })

  test('lists leave out what may not be seen', () => {
    const can = only('node:read:bb', 'service:read:db')
    assert.deepEqual(
      cluster.call('Catalog.ListNodes', {}, can).Nodes?.map((node) => node.Node),
      ['bb'],
    )
    assert.deepEqual(Object.keys(cluster.call('Catalog.ListServices', {}, can).Services), ['db'])
    assert.deepEqual(Object.keys(cluster.call('Catalog.ListServices', {}).Services).sort(), ['db', 'web'])
    assert.deepEqual(cluster.call('Catalog.ServiceNodes', { ServiceName: 'web' }, can).ServiceNodes, [])
    assert.deepEqual(cluster.call('Health.ServiceNodes', { ServiceName: 'web' }, can).Nodes, [])
    assert.equal(cluster.call('Catalog.NodeServices', { Node: 'a' }, can).NodeServices, null)
    assert.deepEqual(
      Object.keys(cluster.call('Catalog.NodeServices', { Node: 'bb' }, can).NodeServices?.Services ?? {}),
      ['db'],
    )
    assert.equal(cluster.call('Catalog.NodeServices', { Node: 'bb' }).NodeServices?.Services.web?.ID, 'web')
    assert.equal(cluster.call('Catalog.NodeServiceList', { Node: 'a' }, can).NodeServices.Node, null)
    const list = cluster.call('Catalog.NodeServiceList', { Node: 'bb' }, can).NodeServices
    assert.deepEqual([list.Node?.Node, list.Services?.map((service) => service.ID)], ['bb', ['db']])
    const checks = cluster.call('Health.NodeChecks', { Node: 'bb' }, can).HealthChecks
    assert.deepEqual(
      checks?.map((check) => check.CheckID),
      ['node', 'of-db'],
    )
  })

  const refusals: [what: string, attempt: () => unknown, code: string, message: RegExp][] = [
    ['a service without a name', () => cluster.call('Catalog.ServiceNodes', { ServiceName: '' }), 'refused', /name/],
    ['health without a name', () => cluster.call('Health.ServiceNodes', { ServiceName: '' }), 'refused', /name/],
    ['a node without a name', () => cluster.call('Catalog.NodeServices', { Node: '' }), 'refused', /node/],
    ['a list without a node', () => cluster.call('Catalog.NodeServiceList', { Node: '' }), 'refused', /node/],
    [
      'checks by tag',
      () => cluster.call('Health.ServiceChecks', { ServiceName: 'web', TagFilter: true }),
      'refused',
      /Tag filtering is not supported/,
    ],
  ]
  for (const [what, attempt, code, message] of refusals) {
    test(`refuses ${what}`, () => assert.throws(attempt, { code, message }))
  }
})

test('a service may be called like a part of every object', () => {
  const cluster = makeCluster()
  for (const Service of ['__proto__', 'constructor']) {
    cluster.call('Catalog.Register', aRegistration({ Node: 'a', Service: aService({ Service, Tags: ['x'] }) }))
  }
  const { Services } = cluster.call('Catalog.ListServices', {})
  assert.deepEqual(Object.entries(Services).sort(), [
    ['__proto__', ['x']],
    ['constructor', ['x']],
  ])
  const onNode = cluster.call('Catalog.NodeServices', { Node: 'a' }).NodeServices?.Services ?? {}
  assert.deepEqual(Object.keys(onNode).sort(), ['__proto__', 'constructor'])
})

test('the server itself answers few methods', () => {
  const acts = Object.entries(methods).filter(([, meaning]) => meaning.kind === 'act')
  assert.deepEqual(acts.map(([name]) => name).sort(), [
    'Catalog.ListDatacenters',
    'Coordinate.ListDatacenters',
    'Coordinate.Update',
    'Internal.EventFire',
    'Internal.KeyringOperation',
    'Operator.AutopilotGetConfiguration',
    'Operator.RaftGetConfiguration',
    'Operator.RaftRemovePeerByAddress',
    'Operator.RaftRemovePeerByID',
    'Operator.ServerHealth',
    'Session.Renew',
    'Status.Leader',
    'Status.Peers',
    'Status.Ping',
    'Status.RaftStats',
  ])
})

test('coordinates that are no numbers, or of another dimension, are refused', () => {
  const own = { Vec: [0, 0], Error: 1, Adjustment: 0, Height: 0 }
  const update = (Coord: Coordinate | null) => coordinateUpdate({ Node: 'n', Coord }, own, allowAll)
  assert.deepEqual(update({ ...own, Vec: [1, 2] }), { Node: 'n', Segment: '', Coord: { ...own, Vec: [1, 2] } })
  assert.throws(() => update({ ...own, Vec: [1, Number.NaN] }), { message: 'invalid coordinate' })
  assert.throws(() => update({ ...own, Height: Number.POSITIVE_INFINITY }), { message: 'invalid coordinate' })
  assert.throws(() => update(null), { message: 'invalid coordinate' })
  assert.throws(() => update({ ...own, Vec: [1, 2, 3] }), { message: 'incompatible coordinate' })
})
