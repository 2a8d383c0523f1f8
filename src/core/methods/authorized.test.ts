/** Every method asks the authorizer before it shows or changes anything: those it lets see nothing learn nothing. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { aCheck, aRegistration, aService, aSession, makeCluster } from '../../../test/support/cluster.ts'
import { ConsulError } from '../../model/errors.ts'
import type { Args, Method } from '../../model/rpc.ts'
import type { Authorizer } from '../acl/authorizer.ts'
import { methods } from './index.ts'

const SECRET = 'hidden'

function withData() {
  const cluster = makeCluster({ applied: 9 })
  cluster.call('Catalog.Register', {
    ...aRegistration({ Node: SECRET, Address: '10.0.0.1' }),
    Service: aService({ ID: SECRET, Service: SECRET }),
    Check: aCheck({ CheckID: SECRET, Name: SECRET, ServiceID: SECRET, Status: 'passing' }),
  })
  cluster.call('KVS.Apply', { Op: 'set', DirEnt: entry(SECRET) } as Args<'KVS.Apply'>)
  const session = cluster.call('Session.Apply', {
    Op: 'create',
    Session: aSession({ Node: SECRET, Name: SECRET, Checks: [] }),
  } as Args<'Session.Apply'>)
  return { cluster, session }
}

function entry(Key: string) {
  return {
    Key,
    Value: new TextEncoder().encode(SECRET),
    Flags: 0n,
    Session: '',
    LockIndex: 0,
    CreateIndex: 0,
    ModifyIndex: 0,
  }
}

/** Arguments that would find or change what is there. What a method is not given here is asked with these. */
const ANY = {
  Node: SECRET,
  Key: SECRET,
  Prefix: SECRET,
  ServiceName: SECRET,
  State: 'any',
  Name: SECRET,
  Datacenter: 'dc1',
}
const SAMPLES: Partial<Record<Method, (session: string) => object>> = {
  'KVS.Apply': () => ({ Op: 'set', DirEnt: entry(SECRET) }),
  'Catalog.Register': () => aRegistration({ Node: SECRET, Address: '10.0.0.2' }),
  'Session.Apply': () => ({ Op: 'create', Session: aSession({ Node: SECRET }) }),
  'Txn.Apply': () => ({ Ops: [{ KV: { Verb: 'set', DirEnt: entry(SECRET) } }] }),
  'Txn.Read': () => ({ Ops: [{ KV: { Verb: 'get', DirEnt: entry(SECRET) } }] }),
  'ConfigEntry.Apply': () => ({ Op: 'upsert', Entry: { Kind: 'service-defaults', Name: SECRET, Protocol: 'http' } }),
  'ConfigEntry.Delete': () => ({ Op: 'delete', Entry: { Kind: 'service-defaults', Name: SECRET } }),
  'ConfigEntry.Get': () => ({ Kind: 'service-defaults', Name: SECRET }),
  'ConfigEntry.List': () => ({ Kind: 'service-defaults' }),
  'Intention.Match': () => ({ Match: { Type: 'source', Entries: [{ Namespace: 'default', Name: SECRET }] } }),
  'PreparedQuery.Execute': () => ({ QueryIDOrName: SECRET }),
  'PreparedQuery.Explain': () => ({ QueryIDOrName: SECRET }),
  'Session.Get': (session) => ({ SessionID: session, Session: session }),
}

suite('the authorizer', () => {
  for (const method of Object.keys(methods) as Method[]) {
    const { kind } = methods[method]
    // What a server does outside of the state asks in its own place.
    if (kind === 'act') continue
    test(`is asked by ${method}, and hides what it denies`, (t) => {
      const { cluster, session } = withData()
      const before = cluster.store.applied
      let asked = 0
      const deny: Authorizer = {
        all: false,
        allowed() {
          asked += 1
          return false
        },
      }
      const args = { ...ANY, ...SAMPLES[method]?.(session) } as Args<typeof method>
      let reply: unknown
      try {
        reply = cluster.call(method, args, deny)
      } catch (error) {
        // A sample that is refused for its form says nothing of permissions.
        if (!(error instanceof ConsulError) || error.code !== 'permission-denied') {
          if (asked === 0) t.skip(`the sample does not reach the authorizer: ${error}`)
          return
        }
      }
      const shown = JSON.stringify(reply ?? null, (_, value) => (typeof value === 'bigint' ? Number(value) : value))
      assert.ok(!shown.includes(`"${SECRET}"`), shown)
      assert.equal(cluster.store.applied, before, 'nothing was written')
      if (kind === 'write') assert.ok(asked > 0)
    })
  }

  const READ_ALL: Method[] = [
    'KVS.Get',
    'KVS.List',
    'KVS.ListKeys',
    'Catalog.ListNodes',
    'Catalog.ListServices',
    'Catalog.ServiceNodes',
    'Catalog.NodeServices',
    'Catalog.NodeServiceList',
    'Health.ServiceNodes',
    'Health.ServiceChecks',
    'Health.NodeChecks',
    'Health.ChecksInState',
    'Session.Get',
    'Session.List',
    'Session.NodeSessions',
  ]
  test('shows to those who may see all what it hides from others', () => {
    const { cluster, session } = withData()
    for (const method of READ_ALL) {
      const args = { ...ANY, ...SAMPLES[method]?.(session) } as Args<typeof method>
      let asked = 0
      const allow: Authorizer = {
        all: false,
        allowed() {
          asked += 1
          return true
        },
      }
      const shown = JSON.stringify(cluster.call(method, args, allow), (_, value) =>
        typeof value === 'bigint' ? Number(value) : value,
      )
      assert.ok(shown.includes(`"${SECRET}"`), `${method}: ${shown}`)
      assert.ok(asked > 0, method)
    }
  })
})
