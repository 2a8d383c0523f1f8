/**
 * The client against the table of routes: each route, with each of its methods, is what some method of the client asks
 * for. Whoever adds a route adds a typed method, or this fails; whoever adds a method says here what it asks.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { operationsOf } from '../serve/http/descriptions.ts'
import { PARAMETERS } from '../serve/http/parameters.ts'
import { makeRouter } from '../serve/http/router.ts'
import { ROUTES } from '../serve/http/routes.ts'
import { type ApiRequest, type Consul, connect } from './index.ts'

/** They ask through the other methods. */
const COMPOSED = ['watch', 'hold', 'lock', 'semaphore', 'announce']

/** By method, one call or several that ask for different routes or methods. */
const CALLS: Record<string, (consul: Consul) => Promise<unknown> | Promise<unknown>[]> = {
  'acl.bootstrap': ({ acl }) => acl.bootstrap(),
  'acl.replication': ({ acl }) => acl.replication(),
  'acl.login': ({ acl }) => acl.login({ AuthMethod: 'm', BearerToken: 't' }),
  'acl.logout': ({ acl }) => acl.logout(),
  'acl.tokens.create': ({ acl }) => acl.tokens.create({ Policies: [{ Name: 'p' }] }),
  'acl.tokens.read': ({ acl }) => acl.tokens.read('a'),
  'acl.tokens.update': ({ acl }) => acl.tokens.update('a', { Description: 'd' }),
  'acl.tokens.delete': ({ acl }) => acl.tokens.delete('a'),
  'acl.tokens.list': ({ acl }) => acl.tokens.list({ policy: 'p', role: 'r', authMethod: 'm' }),
  'acl.tokens.self': ({ acl }) => acl.tokens.self(),
  'acl.tokens.clone': ({ acl }) => acl.tokens.clone('a', { Description: 'd' }),
  'acl.policies.create': ({ acl }) => acl.policies.create({ Name: 'p' }),
  'acl.policies.read': ({ acl }) => acl.policies.read('p'),
  'acl.policies.readByName': ({ acl }) => acl.policies.readByName('p'),
  'acl.policies.update': ({ acl }) => acl.policies.update('p', { Name: 'p' }),
  'acl.policies.delete': ({ acl }) => acl.policies.delete('p'),
  'acl.policies.list': ({ acl }) => acl.policies.list(),
  'acl.roles.create': ({ acl }) => acl.roles.create({ Name: 'r' }),
  'acl.roles.read': ({ acl }) => acl.roles.read('r'),
  'acl.roles.readByName': ({ acl }) => acl.roles.readByName('r'),
  'acl.roles.update': ({ acl }) => acl.roles.update('r', { Name: 'r' }),
  'acl.roles.delete': ({ acl }) => acl.roles.delete('r'),
  'acl.roles.list': ({ acl }) => acl.roles.list({ policy: 'p' }),
  'acl.bindingRules.create': ({ acl }) => acl.bindingRules.create({ AuthMethod: 'm' }),
  'acl.bindingRules.read': ({ acl }) => acl.bindingRules.read('b'),
  'acl.bindingRules.update': ({ acl }) => acl.bindingRules.update('b', { AuthMethod: 'm' }),
  'acl.bindingRules.delete': ({ acl }) => acl.bindingRules.delete('b'),
  'acl.bindingRules.list': ({ acl }) => acl.bindingRules.list({ authMethod: 'm' }),
  'acl.authMethods.create': ({ acl }) => acl.authMethods.create({ Name: 'm', Type: 'jwt' }),
  'acl.authMethods.read': ({ acl }) => acl.authMethods.read('m'),
  'acl.authMethods.update': ({ acl }) => acl.authMethods.update('m', { Name: 'm', Type: 'jwt' }),
  'acl.authMethods.delete': ({ acl }) => acl.authMethods.delete('m'),
  'acl.authMethods.list': ({ acl }) => acl.authMethods.list(),
  'acl.translateRules': ({ acl }) => acl.translateRules('key "" { policy = "read" }'),
  'acl.translateTokenRules': ({ acl }) => acl.translateTokenRules('a'),
  'acl.authorize': ({ acl }) => acl.authorize([{ Resource: 'key', Segment: 'a', Access: 'read' }]),
  'acl.legacy.create': ({ acl }) => acl.legacy.create({ Name: 'n' }),
  'acl.legacy.update': ({ acl }) => acl.legacy.update({ ID: 'i' }),
  'acl.legacy.destroy': ({ acl }) => acl.legacy.destroy('i'),
  'acl.legacy.info': ({ acl }) => acl.legacy.info('i'),
  'acl.legacy.clone': ({ acl }) => acl.legacy.clone('i'),
  'acl.legacy.list': ({ acl }) => acl.legacy.list(),

  'agent.self': ({ agent }) => agent.self(),
  'agent.members': ({ agent }) => agent.members({ wan: true, segment: 's' }),
  'agent.services': ({ agent }) => agent.services(),
  'agent.service': ({ agent }) => agent.service('s', { hash: 'h' }),
  'agent.health': ({ agent }) => [agent.health({ id: 's' }), agent.health({ name: 's' })],
  'agent.host': ({ agent }) => agent.host(),
  'agent.metrics': ({ agent }) => agent.metrics(),
  'agent.prometheus': ({ agent }) => agent.prometheus(),
  'agent.checks': ({ agent }) => agent.checks(),
  'agent.registerService': ({ agent }) => agent.registerService({ Name: 's' }),
  'agent.deregisterService': ({ agent }) => agent.deregisterService('s'),
  'agent.registerCheck': ({ agent }) => agent.registerCheck({ Name: 'c', TTL: '1s' }),
  'agent.deregisterCheck': ({ agent }) => agent.deregisterCheck('c'),
  'agent.updateCheck': ({ agent }) => agent.updateCheck('c', 'passing'),
  'agent.passCheck': ({ agent }) => agent.passCheck('c', 'n'),
  'agent.warnCheck': ({ agent }) => agent.warnCheck('c', 'n'),
  'agent.failCheck': ({ agent }) => agent.failCheck('c', 'n'),
  'agent.join': ({ agent }) => agent.join('10.0.0.1', { wan: true }),
  'agent.forceLeave': ({ agent }) => agent.forceLeave('n', { prune: true }),
  'agent.maintain': ({ agent }) => [
    agent.maintain({ enable: true, reason: 'r' }),
    agent.maintain({ enable: false, service: 's' }),
  ],
  'agent.monitor': ({ agent }) => agent.monitor({ level: 'debug', json: true }),
  'agent.profile': ({ agent }) => [
    agent.profile('profile', { seconds: 1 }),
    agent.profile('trace', { seconds: 1 }),
    agent.profile('heap'),
  ],
  'agent.profileText': ({ agent }) => agent.profileText('goroutine', { full: true }),
  'agent.profiles': ({ agent }) => agent.profiles(),
  'agent.commandLine': ({ agent }) => agent.commandLine(),
  'agent.symbols': ({ agent }) => agent.symbols([1n]),
  'agent.setToken': ({ agent }) => agent.setToken('default', 't'),
  'agent.reload': ({ agent }) => agent.reload(),
  'agent.leave': ({ agent }) => agent.leave(),

  'catalog.datacenters': ({ catalog }) => catalog.datacenters(),
  'catalog.nodes': ({ catalog }) => catalog.nodes({ near: '_agent', nodeMeta: { a: 'b' }, filter: 'Node == n' }),
  'catalog.services': ({ catalog }) => catalog.services({ cached: true }),
  'catalog.service': ({ catalog }) => catalog.service('s', { tags: ['t'] }),
  'catalog.connect': ({ catalog }) => catalog.connect('s', { tags: ['t'] }),
  'catalog.gatewayServices': ({ catalog }) => catalog.gatewayServices('g'),
  'catalog.node': ({ catalog }) => catalog.node('n'),
  'catalog.nodeServices': ({ catalog }) => catalog.nodeServices('n'),
  'catalog.register': ({ catalog }) => catalog.register({ Node: 'n', Address: '10.0.0.1' }),
  'catalog.deregister': ({ catalog }) => catalog.deregister({ Node: 'n' }),

  'config.get': ({ config }) => config.get('service-defaults', 's'),
  'config.list': ({ config }) => config.list('service-defaults'),
  'config.set': ({ config }) => config.set({ Kind: 'service-defaults', Name: 's' }, { cas: 1 }),
  'config.delete': ({ config }) => config.delete('service-defaults', 's'),

  'connect.roots': ({ connect: mesh }) => mesh.roots(),
  'connect.configuration': ({ connect: mesh }) => mesh.configuration(),
  'connect.setConfiguration': ({ connect: mesh }) => mesh.setConfiguration({ Provider: 'consul', Config: {} }),
  'connect.agentRoots': ({ connect: mesh }) => mesh.agentRoots(),
  'connect.leaf': ({ connect: mesh }) => mesh.leaf('s', { index: 3 }),
  'connect.authorize': ({ connect: mesh }) =>
    mesh.authorize({ Target: 's', ClientCertURI: 'spiffe://x', ClientCertSerial: '1' }),

  'coordinate.datacenters': ({ coordinate }) => coordinate.datacenters(),
  'coordinate.nodes': ({ coordinate }) => coordinate.nodes(),
  'coordinate.node': ({ coordinate }) => coordinate.node('n'),
  'coordinate.update': ({ coordinate }) =>
    coordinate.update({ Node: 'n', Coord: { Vec: [0, 0, 0, 0, 0, 0, 0, 0], Error: 1, Adjustment: 0, Height: 1e-5 } }),

  'discoveryChain.get': ({ discoveryChain }) => [
    discoveryChain.get('s', { compileDatacenter: 'dc2' }),
    discoveryChain.get('s', { overrides: { OverrideProtocol: 'http' } }),
  ],
  'event.fire': ({ event }) => event.fire({ name: 'e', node: 'n', service: 's', tag: 't' }),
  'event.list': ({ event }) => event.list({ name: 'e' }),
  'federation.list': ({ federation }) => federation.list(),
  'federation.get': ({ federation }) => federation.get('dc1'),
  'federation.meshGateways': ({ federation }) => federation.meshGateways(),

  'health.service': ({ health }) => health.service('s', { passing: true, tags: ['t'] }),
  'health.connect': ({ health }) => health.connect('s', { passing: true, tags: ['t'] }),
  'health.ingress': ({ health }) => health.ingress('s', { passing: true }),
  'health.node': ({ health }) => health.node('n'),
  'health.checks': ({ health }) => health.checks('s'),
  'health.state': ({ health }) => health.state('any'),

  'intention.list': ({ intention }) => intention.list(),
  'intention.get': ({ intention }) => intention.get('i'),
  'intention.create': ({ intention }) => intention.create({ SourceName: 'a', DestinationName: 'b', Action: 'allow' }),
  'intention.update': ({ intention }) =>
    intention.update('i', { SourceName: 'a', DestinationName: 'b', Action: 'deny' }),
  'intention.delete': ({ intention }) => intention.delete('i'),
  'intention.match': ({ intention }) => intention.match('source', 'a'),
  'intention.check': ({ intention }) => intention.check('a', 'b'),

  'keyring.list': ({ keyring }) => keyring.list({ relayFactor: 2, localOnly: true }),
  'keyring.install': ({ keyring }) => keyring.install('k'),
  'keyring.use': ({ keyring }) => keyring.use('k'),
  'keyring.remove': ({ keyring }) => keyring.remove('k'),

  'kv.get': ({ kv }) => kv.get('k'),
  'kv.list': ({ kv }) => kv.list('k'),
  'kv.keys': ({ kv }) => kv.keys('k', { separator: '/' }),
  'kv.put': ({ kv }) => kv.put('k', 'v', { flags: 1n, cas: 1, acquire: 's', release: 's' }),
  'kv.delete': ({ kv }) => kv.delete('k', { recurse: true, cas: 1 }),

  'operator.raftServers': ({ operator }) => operator.raftServers(),
  'operator.removePeer': ({ operator }) => [operator.removePeer({ id: 'i' }), operator.removePeer({ address: 'a' })],
  'operator.autopilot': ({ operator }) => operator.autopilot(),
  'operator.setAutopilot': ({ operator }) => operator.setAutopilot({ CleanupDeadServers: true }, { cas: 1 }),
  'operator.health': ({ operator }) => operator.health(),

  'query.list': ({ query }) => query.list(),
  'query.get': ({ query }) => query.get('q'),
  'query.create': ({ query }) => query.create({ Service: { Service: 's' } }),
  'query.update': ({ query }) => query.update({ ID: 'q', Service: { Service: 's' } }),
  'query.delete': ({ query }) => query.delete('q'),
  'query.execute': ({ query }) => query.execute('q', { limit: 1, connect: true, near: 'n' }),
  'query.explain': ({ query }) => query.explain('q'),

  'session.create': ({ session }) => session.create(),
  'session.destroy': ({ session }) => session.destroy('i'),
  'session.renew': ({ session }) => session.renew('i'),
  'session.info': ({ session }) => session.info('i'),
  'session.list': ({ session }) => session.list(),
  'session.node': ({ session }) => session.node('n'),

  'snapshot.save': ({ snapshot }) => snapshot.save({ stale: true }),
  'snapshot.restore': ({ snapshot }) => snapshot.restore(nothing()),
  'status.leader': ({ status }) => status.leader(),
  'status.peers': ({ status }) => status.peers({ datacenter: 'dc2' }),
  'ui.nodes': ({ ui }) => ui.nodes(),
  'ui.node': ({ ui }) => ui.node('n'),
  'ui.services': ({ ui }) => ui.services(),
  'ui.gatewayServices': ({ ui }) => ui.gatewayServices('g'),
  txn: ({ txn }) => txn([]),
  openApi: (consul) => consul.openApi(),
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Every function of the client, by its name in dots. */
function methodsOf(thing: object, prefix = ''): string[] {
  return Object.entries(thing).flatMap(([name, value]) => {
    if (typeof value === 'function') return [`${prefix}${name}`]
    return methodsOf(value as object, `${prefix}${name}.`)
  })
}

/** The route, method and parameters of each request that the calls make. */
async function asked(calls: typeof CALLS): Promise<{ method: string; pattern: string; parameters: string[] }[]> {
  const requests: ApiRequest[] = []
  const consul = connect({
    address: 'http://agent',
    async transport(request) {
      requests.push(request)
      return { status: 200, header: () => null, body: new TextEncoder().encode('[]') }
    },
  })
  for (const call of Object.values(calls)) await Promise.all([call(consul)].flat())
  const router = makeRouter(ROUTES)
  return requests.map(({ method, url }) => {
    const { pathname, searchParams } = new URL(url)
    const pattern = router.find(pathname)?.pattern
    assert.ok(pattern, `no route for ${method} ${pathname}`)
    return { method, pattern, parameters: [...searchParams.keys()] }
  })
}

/** Routes with their methods, of which the table of routes itself says nothing for some. */
const WANTED = ROUTES.flatMap(({ pattern }) => [
  ...new Set(operationsOf(pattern).map(({ method }) => `${method} ${pattern}`)),
])

suite('the client and the routes', () => {
  test('every method of the client is tried here', () => {
    const tried = [...Object.keys(CALLS), ...COMPOSED]
    assert.deepEqual(methodsOf(connect()).sort(), tried.sort())
  })

  test('every route, with each of its methods, has a typed method', async () => {
    const made = await asked(CALLS)
    const done = new Set(made.map(({ method, pattern }) => `${method} ${pattern}`))
    assert.deepEqual(
      WANTED.filter((each) => !done.has(each)),
      [],
    )
    const odd = [...done].filter((each) => !WANTED.includes(each))
    assert.deepEqual(odd, [], 'asked for, but not described')
  })

  test('the parameters that it sends are described', async () => {
    const known: Record<string, unknown> = PARAMETERS
    const unknown = (await asked(CALLS)).flatMap(({ method, pattern, parameters }) => {
      const described = operationsOf(pattern).flatMap((each) =>
        each.method === method ? (each.operation.parameters ?? []) : [],
      )
      return parameters
        .filter((name) => !(name in known) || !(described as readonly string[]).includes(name))
        .map((name) => `${method} ${pattern}: ${name}`)
    })
    assert.deepEqual(unknown, [])
  })
})
