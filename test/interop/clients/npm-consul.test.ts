/**
 * The npm package `consul`, unchanged, as a client of our agent: every group of its methods, its watches too. The same
 * scenario runs against the real Consul, and the package must have been told the same.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { after, before, suite, test } from 'node:test'
import Consul from 'consul'
import type { AgentProcess } from '../../support/process.ts'
import { assertToldAlike, hider, type Pair, type Step, startPair } from './pair.ts'

/** No step takes longer: a blocking query that nobody wakes ends in an error of the package. */
const TIMEOUT_MS = 180_000

/** Runs one scenario; `told` keeps the value of a step, or the status and message of its error. */
type Scenario = (consul: Consul, told: <T>(name: string, asked: Promise<T>) => Promise<T | undefined>) => Promise<void>

async function steps(agent: AgentProcess, scenario: Scenario): Promise<Step[]> {
  const consul = new Consul({ host: '127.0.0.1', port: agent.ports.http })
  const hide = hider(agent)
  const found: Step[] = []
  try {
    await scenario(consul, async (name, asked) => {
      try {
        const value = await asked
        found.push([name, hide(value ?? null)])
        return value
      } catch (error) {
        const { message, statusCode } = error as Error & { statusCode?: number }
        found.push([name, hide({ message, status: statusCode ?? 'no answer' })])
        return undefined
      }
    })
  } finally {
    consul.destroy()
  }
  return found
}

const KV: Scenario = async (consul, told) => {
  await told('set', consul.kv.set('npm/a', 'one'))
  await told('set with flags', consul.kv.set({ key: 'npm/b c/é', value: 'zwei ü', flags: 42 }))
  await told('set bytes', consul.kv.set('npm/bytes', Buffer.from([0, 255, 128])))
  await told('set nothing', consul.kv.set('npm/empty', ''))
  const found = await told('get', consul.kv.get('npm/a'))
  assert.equal(found?.Value, 'one')
  await told('get what has signs', consul.kv.get('npm/b c/é'))
  await told('get raw', consul.kv.get({ key: 'npm/a', raw: true }))
  await told('get none', consul.kv.get('npm/none'))
  await told('get recurse', consul.kv.get({ key: 'npm/', recurse: true }))
  await told('keys', consul.kv.keys('npm/'))
  await told('keys up to a separator', consul.kv.keys({ key: '', separator: '/' }))
  await told('keys none', consul.kv.keys('none/'))
  await told('set with an old index', consul.kv.set({ key: 'npm/a', value: 'no', cas: 1 }))
  assert.equal(
    await told('set with the index', consul.kv.set({ key: 'npm/a', value: 'two', cas: found!.ModifyIndex })),
    true,
  )
  await told('delete with an old index', consul.kv.del({ key: 'npm/a', cas: 1 }))
  await told('delete', consul.kv.del('npm/a'))
  await told('delete recurse', consul.kv.del({ key: 'npm/', recurse: true }))
  await told('all gone', consul.kv.get({ key: 'npm', recurse: true }))
  await told('another datacenter', consul.kv.get({ key: 'a', dc: 'nowhere' }))
  await told('too large', consul.kv.set('npm/large', 'x'.repeat(600_000)))
}

const SESSIONS: Scenario = async (consul, told) => {
  const first = await told(
    'create',
    consul.session.create({ name: 'lock', ttl: '1h', lockdelay: '0s', behavior: 'delete' }),
  )
  const second = await told('create another', consul.session.create())
  await told('info', consul.session.info(first!.ID))
  await told('renew', consul.session.renew(first!.ID))
  const lists = await Promise.all([consul.session.list(), consul.session.node('x')])
  await told('list', Promise.resolve(lists.map((list) => list.length)))
  assert.equal(await told('acquire', consul.kv.set({ key: 'npm/lock', value: 'held', acquire: first!.ID })), true)
  // The package gives undefined where Consul says false.
  assert.notEqual(
    await told('acquire again', consul.kv.set({ key: 'npm/lock', value: 'x', acquire: second!.ID })),
    true,
  )
  await told('held', consul.kv.get('npm/lock'))
  await told('release', consul.kv.set({ key: 'npm/lock', value: 'free', release: first!.ID }))
  await told('acquire at last', consul.kv.set({ key: 'npm/lock', value: 'mine', acquire: second!.ID }))
  await told('destroy the holder', consul.session.destroy(second!.ID))
  await told('free again', consul.kv.get('npm/lock'))
  await told('destroy', consul.session.destroy(first!.ID))
  await told('destroy again', consul.session.destroy(first!.ID))
  await told('info of what is gone', consul.session.info(first!.ID))
  await told('renew what is gone', consul.session.renew(first!.ID))
  await told('create with a wrong TTL', consul.session.create({ ttl: '1s' }))
  await told('create on a node that is none', consul.session.create({ node: 'none' }))
}

const AGENT: Scenario = async (consul, told) => {
  const { service, check } = consul.agent
  await told('register', service.register({ name: 'npm-web', tags: ['a', 'b'], port: 80, meta: { k: 'v' } }))
  await told(
    'register with checks',
    service.register({
      ...{ name: 'npm-web', id: 'npm-web-2', address: '10.0.0.2', port: 81 },
      checks: [{ name: 'beat', ttl: '1h', timeout: '', notes: 'says so' }],
    }),
  )
  await told('services', service.list())
  await told('services filtered', service.list({ filter: 'Port == 81' }))
  await told('register a check', check.register({ name: 'npm-check', ttl: '1h', timeout: '', serviceid: 'npm-web' }))
  await told('pass', check.pass({ id: 'npm-check', note: 'well' }))
  await told('checks', check.list())
  await told('warn', check.warn({ id: 'npm-check', note: 'so-so' }))
  await told('fail', check.fail('npm-check'))
  await told('its state', check.list({ filter: 'CheckID == "npm-check"' }))
  await told('pass what is none', check.pass('none'))
  await told('maintenance of a service', service.maintenance({ id: 'npm-web', enable: true, reason: 'broken' }))
  await told('maintenance of the node', consul.agent.maintenance({ enable: true, reason: 'all of it' }))
  await told('checks in maintenance', check.list({ filter: 'CheckID contains "maint" or CheckID matches "maint"' }))
  await told('maintenance is over', consul.agent.maintenance({ enable: false }))
  await told('of the service too', service.maintenance({ id: 'npm-web', enable: false }))
  await told('maintenance of none', service.maintenance({ id: 'none', enable: true }))
  await told('deregister the check', check.deregister('npm-check'))
  await told('deregister', service.deregister('npm-web'))
  await told('deregister the other', service.deregister('npm-web-2'))
  await told('deregister none', service.deregister('none'))
  await told('nothing is left', service.list())
  await told(
    'members',
    consul.agent.members().then((members) => members.map(({ Name, Status }) => [Name, Status])),
  )
  await told(
    'self',
    consul.agent.self().then((self) => self.Config.NodeName),
  )
  await told('join', consul.agent.join('127.0.0.1:1'))
  await told('reload', consul.agent.reload())
  await told('leader', consul.status.leader())
  await told('peers', consul.status.peers())
}

const CATALOG: Scenario = async (consul, told) => {
  const { catalog, health } = consul
  const node = { node: 'npm-node', address: '10.1.1.1' }
  await told('register', catalog.register({ ...node, service: { service: 'npm-db', tags: ['t'], port: 1 } }))
  await told(
    'register a check',
    catalog.register({
      ...node,
      check: { node: 'npm-node', checkid: 'c', name: 'C', status: 'warning', serviceid: 'npm-db' },
    }),
  )
  await told('datacenters', catalog.datacenters())
  await told('nodes', catalog.node.list({ filter: 'Node == "npm-node"' }))
  // The agent's own services come and go when it has told them.
  await told(
    'services',
    catalog.service.list().then((found: Record<string, string[]>) => found['npm-db']),
  )
  await told('nodes of a service', catalog.service.nodes('npm-db'))
  await told('services of a node', catalog.node.services('npm-node'))
  await told('services of none', catalog.node.services('none'))
  await told('connect', catalog.connect.nodes('npm-db'))
  await told('health of a node', health.node('npm-node'))
  await told('checks', health.checks('npm-db'))
  await told('health of a service', health.service({ service: 'npm-db' }))
  await told('passing alone', health.service({ service: 'npm-db', passing: true }))
  const warnings: Promise<{ Node: string }[]> = health.state('warning')
  await told(
    'state',
    warnings.then((found) => found.filter(({ Node }) => Node === 'npm-node')),
  )
  await told('a filter that is none', health.service({ service: 'npm-db', filter: 'nonsense ==' }))
  await told('deregister', catalog.deregister({ node: 'npm-node' }))
  await told('gone', catalog.service.nodes('npm-db'))
}

const MORE: Scenario = async (consul, told) => {
  await told(
    'transaction',
    consul.transaction.create([
      { KV: { Verb: 'set', Key: 'npm/txn', Value: Buffer.from('v').toString('base64') } },
      { KV: { Verb: 'get', Key: 'npm/txn' } },
    ] as never),
  )
  await told('transaction refused', consul.transaction.create([{ KV: { Verb: 'get', Key: 'npm/none' } }] as never))
  const made = await told(
    'query',
    consul.query.create({ name: 'npm-q', service: { service: 'consul' }, dns: { ttl: '5s' } }),
  )
  await told('query get', consul.query.get(made!.ID))
  await told('query execute', consul.query.execute('npm-q'))
  await told('query explain', consul.query.explain('npm-q'))
  await told('query update', consul.query.update({ query: made!.ID, name: 'npm-r', service: { service: 'none' } }))
  await told('query list', consul.query.list())
  // The package's types leave this one out.
  const { destroy } = consul.query as unknown as { destroy(id: string): Promise<void> }
  await told('query destroy', destroy.call(consul.query, made!.ID))
  await told('query execute none', consul.query.execute('npm-q'))
  await told('fire', consul.event.fire('npm-event', 'payload'))
  await told('fire with a filter', consul.event.fire({ name: 'npm-event', payload: 'more', node: 'x' }))
}

const SCENARIOS: Record<string, Scenario> = {
  'the key/value store': KV,
  'sessions and locks': SESSIONS,
  'the agent, its services and checks': AGENT,
  'the catalog and health': CATALOG,
  'transactions, queries and events': MORE,
}

suite('the npm package consul', { timeout: 400_000 }, () => {
  let pair: Pair
  before(async () => {
    pair = await startPair()
  })
  after(() => pair?.stop())

  for (const [name, scenario] of Object.entries(SCENARIOS)) {
    test(name, async () => {
      const [ours, theirs] = await Promise.all(pair.all().map((agent) => steps(agent, scenario)))
      assert.notEqual(ours!.length, 0)
      if (theirs !== undefined) assertToldAlike(ours!, theirs)
    })
  }

  test('watches tell each change once, of keys, services and the end of a key', { timeout: TIMEOUT_MS }, async () => {
    for (const agent of pair.all()) {
      const consul = new Consul({ host: '127.0.0.1', port: agent.ports.http })
      const watches = []
      try {
        const key = consul.watch({ method: consul.kv.get, options: { key: 'npm/watched' }, backoffFactor: 10 })
        const service = consul.watch({ method: consul.health.service, options: { service: 'npm-seen' } })
        watches.push(key, service)
        const keyIsNone = once(key, 'change')
        const serviceIsNone = once(service, 'change')
        assert.equal((await keyIsNone)[0], undefined)
        assert.deepEqual((await serviceIsNone)[0], [])
        for (const value of ['1', '2', '3']) {
          const changed = once(key, 'change')
          await consul.kv.set('npm/watched', value)
          assert.equal((await changed)[0].Value, value)
        }
        const gone = once(key, 'change')
        await consul.kv.del('npm/watched')
        assert.equal((await gone)[0], undefined)
        // That other services went may be told too, as one more change from nothing to nothing.
        const seen = new Promise<{ Service: { Port: number } }[]>((done) => {
          service.on('change', (found) => found.length > 0 && done(found))
        })
        await consul.agent.service.register({ name: 'npm-seen', port: 7 })
        assert.equal((await seen)[0]!.Service.Port, 7)
      } finally {
        for (const watch of watches) watch.end()
        consul.destroy()
      }
    }
  })
})
