import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { seededRandom } from '../../base/random.ts'
import type { Node } from '../../model/catalog.ts'
import { ConsulError } from '../../model/errors.ts'
import type { CheckServiceNode, HealthCheck } from '../../model/health.ts'
import { weightOf } from './answer.ts'
import { formatIp } from './ip.ts'
import { FLAG, RCODE, type Resource, rcodeOf, TYPE } from './message.ts'
import { type Answer, type Answered, type Ask, DEFAULT_ZONE, makeServiceTtls, resolve, type Zone } from './resolve.ts'
import { serviceTtl } from './zone.ts'

const META = { Index: 1, LastContact: 0, KnownLeader: true }

const node = (name: string, more: Partial<Node> = {}): Node => ({
  ID: '',
  Node: name,
  Address: '10.0.0.1',
  Datacenter: 'dc1',
  TaggedAddresses: null,
  Meta: null,
  CreateIndex: 1,
  ModifyIndex: 1,
  ...more,
})

type Service = CheckServiceNode['Service']

function instance(host: Node, service: Partial<Service> = {}, statuses: string[] = []): CheckServiceNode {
  const Checks = statuses.map((Status, i) => ({ CheckID: `c${i}`, Status, ServiceName: 'web' }) as HealthCheck)
  const Service = { Service: 'web', ID: 'web', Address: '', TaggedAddresses: null, Port: 80, Weights: null, ...service }
  return { Node: host, Service: Service as Service, Checks }
}

/** Runs a resolution to its end; `reply` answers, or throws what the resolver is to see thrown. */
function answer(name: string, type: number, zone: Partial<Zone>, reply: (ask: Ask) => Answered): Answer {
  const question = { name, type, class: 1 }
  const query = { question, network: 'udp' as const, udpSize: 512, edns: false, asker: '192.0.2.7' }
  const around = { random: seededRandom(1), measure: () => 100, unixTime: 1234 }
  const resolution = resolve(query, { ...DEFAULT_ZONE, ...zone }, around)
  let step = resolution.next()
  while (step.done !== true) {
    let replied: Answered
    try {
      replied = reply(step.value)
    } catch (error) {
      step = resolution.throw(error)
      continue
    }
    step = resolution.next(replied)
  }
  return step.value
}

const of =
  (...Nodes: CheckServiceNode[]) =>
  (): Answered => ({ ...META, Nodes })
const never = (ask: Ask): Answered => assert.fail(`asked ${ask.method}`)
const rcode = ({ flags }: Answer) => rcodeOf(flags)
const say = (record: Resource) =>
  record.type === 'A' || record.type === 'AAAA'
    ? `${record.name} ${formatIp(record.address)}`
    : record.type === 'SRV'
      ? `${record.name} ${record.weight} ${record.port} ${record.target}`
      : record.type === 'CNAME' || record.type === 'NS' || record.type === 'PTR'
        ? `${record.name} ${record.type} ${record.target}`
        : `${record.name} ${record.type}`

suite('resolving', () => {
  test('asks with what the zone and the name say', () => {
    const asked: Ask[] = []
    const keep = (ask: Ask) => {
      asked.push(ask)
      return { ...META, Nodes: [] }
    }
    answer('Primary.WEB.service.DC2.consul.', TYPE.A, { token: 'secret', allowStale: false }, keep)
    assert.deepEqual(asked, [
      {
        method: 'Health.ServiceNodes',
        args: {
          Datacenter: 'dc2',
          ServiceName: 'web',
          ServiceTags: ['primary'],
          TagFilter: true,
          Token: 'secret',
          AllowStale: false,
        },
      },
    ])
  })

  test('what is too stale is asked again of the leader', () => {
    const stale: (boolean | undefined)[] = []
    const reply = (ask: Ask): Answered => {
      if (ask.method === 'Recurse') return never(ask)
      stale.push(ask.args.AllowStale)
      return { ...META, LastContact: ask.args.AllowStale === true ? 2e9 : 0, Nodes: [], NodeServices: null }
    }
    answer('web.service.consul.', TYPE.A, { maxStaleMs: 1999 }, reply)
    answer('n1.node.consul.', TYPE.A, { maxStaleMs: 1999 }, reply)
    answer('web.service.consul.', TYPE.A, { maxStaleMs: 2000 }, reply)
    assert.deepEqual(stale, [true, false, true, false, true])
  })

  test('a failed call is SERVFAIL, one for an unknown datacenter NXDOMAIN; a defect is not swallowed', () => {
    const failing = (error: Error) => (): Answered => {
      throw error
    }
    for (const name of ['web.service.consul.', 'n1.node.consul.']) {
      // A datacenter that cannot be reached now may hold the name: nobody must remember that it does not exist.
      for (const code of ['no-leader', 'datacenter-unreachable'] as const) {
        const failed = answer(name, TYPE.A, {}, failing(new ConsulError(code)))
        assert.equal(rcode(failed), RCODE.serverFailure)
        assert.deepEqual(failed.authority, [])
      }
      const unknown = answer(name, TYPE.A, {}, failing(new ConsulError('no-path-to-datacenter')))
      assert.equal(rcode(unknown), RCODE.nameError)
      assert.equal(unknown.authority[0]?.type, 'SOA')
      assert.throws(() => answer(name, TYPE.A, {}, failing(new TypeError('bug'))), TypeError)
    }
    assert.equal(rcode(answer('consul.', TYPE.NS, {}, failing(new ConsulError('no-leader')))), RCODE.success)
    const reverse = answer('1.0.0.10.in-addr.arpa.', TYPE.PTR, {}, failing(new ConsulError('no-leader')))
    assert.equal(rcode(reverse), RCODE.serverFailure)
  })

  test('critical instances are left out, and those with a warning if so wanted', () => {
    const all = of(
      instance(node('a', { Address: '10.0.0.1' }), {}, ['passing', 'critical']),
      instance(node('b', { Address: '10.0.0.2' }), {}, ['passing', 'warning']),
      instance(node('c', { Address: '10.0.0.3' }), {}, ['passing']),
      instance(node('d', { Address: '10.0.0.4' })),
    )
    const addresses = (zone: Partial<Zone>) =>
      answer('web.service.consul.', TYPE.A, { udpAnswerLimit: 8, ...zone }, all)
        .answers.map(say)
        .sort()
        .map((text) => text.split('.').pop())
    assert.deepEqual(addresses({}), ['2', '3', '4'])
    assert.deepEqual(addresses({ onlyPassing: true }), ['3', '4'])
  })

  test('the order is shuffled: each instance comes first in its turn', () => {
    const hosts = ['10.0.0.1', '10.0.0.2', '10.0.0.3'].map((Address, i) => instance(node(`n${i}`, { Address })))
    const query = { network: 'udp' as const, udpSize: 512, edns: false }
    const random = seededRandom(7)
    const first = new Map<string, number>()
    for (let i = 0; i < 300; i++) {
      const question = { name: 'web.service.consul.', type: TYPE.A, class: 1 }
      const resolution = resolve({ ...query, question }, DEFAULT_ZONE, { random, measure: () => 1, unixTime: 0 })
      resolution.next()
      const done = resolution.next({ ...META, Nodes: hosts })
      assert.ok(done.done === true)
      const text = say(done.value.answers[0]!)
      first.set(text, (first.get(text) ?? 0) + 1)
    }
    assert.equal(first.size, 3)
    for (const count of first.values()) assert.ok(count > 60, `${count} of 300`)
    // The reply may be shared with others: it must not be changed.
    assert.deepEqual(
      hosts.map(({ Node }) => Node.Node),
      ['n0', 'n1', 'n2'],
    )
  })

  test('the weight is that of the state, and of a service in maintenance none', () => {
    const weights = { Weights: { Passing: 10, Warning: 2 } }
    const weight = (...statuses: string[]) => weightOf(instance(node('a'), weights, statuses))
    assert.equal(weight(), 10)
    assert.equal(weight('passing'), 10)
    assert.equal(weight('passing', 'warning'), 2)
    assert.equal(weight('warning', 'critical'), 0)
    assert.equal(weight('other'), 1)
    assert.equal(weightOf(instance(node('a'))), 1)
    assert.equal(weightOf(instance(node('a'), { Weights: { Passing: 0x10002, Warning: 1 } })), 2)
    const maintained = instance(node('a'), weights, ['passing'])
    maintained.Checks[0]!.CheckID = '_service_maintenance:web'
    assert.equal(weightOf(maintained), 0)
    const foreign = instance(node('a'), weights, ['warning'])
    foreign.Checks[0]!.ServiceName = 'other'
    assert.equal(weightOf(foreign), 10)
  })

  test('nodes and services of other datacenters go by their WAN addresses, if so wanted', () => {
    const TaggedAddresses = { lan: '10.0.0.1', wan: '192.0.2.1' }
    const far = instance(node('a', { Datacenter: 'dc2', TaggedAddresses }))
    const own = instance(node('b', { Datacenter: 'dc2' }), {
      Address: '10.0.0.9',
      TaggedAddresses: { wan: { Address: '192.0.2.9', Port: 8443 } },
    })
    const records = (translateWanAddrs: boolean, given: CheckServiceNode) => {
      const found = answer('web.service.dc2.consul.', TYPE.SRV, { translateWanAddrs }, of(given))
      return [...found.answers, ...found.additional].map(say)
    }
    assert.deepEqual(records(false, far), [
      'web.service.dc2.consul. 1 80 a.node.dc2.consul.',
      'a.node.dc2.consul. 10.0.0.1',
    ])
    assert.deepEqual(records(true, far), [
      'web.service.dc2.consul. 1 80 c0000201.addr.dc2.consul.',
      'c0000201.addr.dc2.consul. 192.0.2.1',
    ])
    assert.deepEqual(records(true, own), [
      'web.service.dc2.consul. 1 8443 c0000209.addr.dc2.consul.',
      'c0000209.addr.dc2.consul. 192.0.2.9',
    ])
  })

  test('aliases are followed within the domain, to a depth', () => {
    const asked: string[] = []
    const reply = (ask: Ask): Answered => {
      assert.ok(ask.method === 'Catalog.NodeServices')
      asked.push(ask.args.Node)
      const next = `n${Number(ask.args.Node.slice(1)) + 1}.node.consul`
      return { ...META, NodeServices: { Node: node(ask.args.Node, { Address: next }), Services: {} } }
    }
    const found = answer('n1.node.consul.', TYPE.A, {}, reply)
    assert.deepEqual(asked, ['n1', 'n2', 'n3', 'n4'])
    assert.deepEqual(found.answers.map(say), [
      'n1.node.consul. CNAME n2.node.consul.',
      'n2.node.consul. CNAME n3.node.consul.',
      'n3.node.consul. CNAME n4.node.consul.',
      'n4.node.consul. CNAME n5.node.consul.',
    ])
  })

  test('aliases that lead outside are asked of the recursors, and only their addresses are taken', () => {
    const external = instance(node('a'), { Address: 'db.example.com' })
    const outside: Resource[] = [
      { type: 'CNAME', name: 'db.example.com.', ttl: 300, target: 'x.example.com.' },
      { type: 'TXT', name: 'x.example.com.', ttl: 300, texts: ['no address'] },
      ...Array.from({ length: 6 }, (_, i): Resource => ({ type: 'A', name: 'x.example.com.', ttl: 300, address: i })),
    ]
    const reply = (ask: Ask): Answered => {
      if (ask.method !== 'Recurse') return { ...META, Nodes: [external] }
      assert.deepEqual(ask.question, { name: 'db.example.com.', type: TYPE.A, class: 1 })
      return outside
    }
    const zone = { udpAnswerLimit: 8, serviceTtls: makeServiceTtls({ web: 9 }) }
    const alone = answer('web.service.consul.', TYPE.A, zone, reply)
    assert.deepEqual(alone.answers.map(say), ['web.service.consul. CNAME db.example.com.'])
    const recursing = answer('web.service.consul.', TYPE.A, { ...zone, hasRecursors: true }, reply)
    assert.deepEqual(recursing.answers.map(say), [
      'web.service.consul. CNAME db.example.com.',
      'db.example.com. CNAME x.example.com.',
      'x.example.com. 0.0.0.0',
      'x.example.com. 0.0.0.1',
      'x.example.com. 0.0.0.2',
      'x.example.com. 0.0.0.3',
    ])
    assert.ok(recursing.answers.every(({ ttl }) => ttl === 9))
    assert.ok((recursing.flags & FLAG.recursionAvailable) !== 0)
  })

  test('names outside are refused, or left to the recursors', () => {
    const refused = answer('example.com.', TYPE.A, {}, never)
    assert.deepEqual([refused.flags, refused.forward, refused.edns], [RCODE.refused, false, false])
    const left = answer('example.com.', TYPE.A, { hasRecursors: true }, never)
    assert.deepEqual([left.forward, rcode(left), left.edns], [true, RCODE.serverFailure, true])
  })

  test('at most three name servers are told of, none with a name that is no host name', () => {
    const servers = ['a', 'b b', 'c', 'd', 'E'].map((name, i) => instance(node(name, { Address: `10.0.0.${i}` })))
    const found = answer('consul.', TYPE.SOA, {}, of(...servers))
    assert.equal(found.answers.length, 1)
    assert.equal(found.authority.length, 3)
    assert.equal(found.additional.length, 3)
    for (const record of found.authority) assert.match(say(record), /^consul\. NS [acde]\.node\.dc1\.consul\.$/)
    const [soa] = found.answers
    assert.ok(soa?.type === 'SOA' && soa.serial === 1234)
  })

  test('the lifetime is by exact name, then by the longest prefix', () => {
    const serviceTtls = makeServiceTtls({ '*': 1, 'db*': 2, 'db-main*': 3, 'db-main': 4 })
    const zone = { ...DEFAULT_ZONE, serviceTtls }
    assert.deepEqual(
      ['web', 'db', 'db-main', 'db-main2', '__proto__'].map((name) => serviceTtl(zone, name)),
      [1, 2, 4, 3, 1],
    )
    assert.equal(serviceTtl(DEFAULT_ZONE, 'constructor'), 0)
  })

  const searched = (more: object) => (): Answered =>
    ({ ...META, Service: 'web', Datacenter: 'dc1', DNS: { TTL: '' }, Failovers: 0, Nodes: null, ...more }) as Answered

  test('a prepared query is run with who asks, and by whom', () => {
    const asked: Ask[] = []
    const run = (ask: Ask) => {
      asked.push(ask)
      throw new ConsulError('query-not-found', 'rpc error making call: Query not found')
    }
    const zone = { token: 'secret', nodeName: 'here' }
    assert.equal(rcode(answer('My.Geo.query.DC2.consul.', TYPE.A, zone, run)), RCODE.nameError)
    assert.deepEqual(asked, [
      {
        method: 'PreparedQuery.Execute',
        args: {
          Datacenter: 'dc2',
          QueryIDOrName: 'my.geo',
          Token: 'secret',
          AllowStale: true,
          Source: { Ip: '192.0.2.7' },
          Agent: { Datacenter: 'dc1', Node: 'here', Segment: '' },
        },
      },
    ])
  })

  test("a query's instances keep their order, and have its lifetime or their service's", () => {
    const Nodes = [instance(node('b', { Address: '10.0.0.2' })), instance(node('a', { Address: '10.0.0.1' }))]
    const run = (TTL: string) =>
      answer('q.query.consul.', TYPE.A, { serviceTtls: makeServiceTtls({ web: 7 }) }, searched({ Nodes, DNS: { TTL } }))
    assert.deepEqual(run('').answers.map(say), ['q.query.consul. 10.0.0.2', 'q.query.consul. 10.0.0.1'])
    assert.deepEqual(
      ['', '90s', '1500ms', '10ms', 'junk'].map((ttl) => run(ttl).answers[0]!.ttl),
      [7, 90, 1, 0, 0],
    )
  })

  test('where the instances are stands in the names of a query that went elsewhere', () => {
    const found = answer(
      'q.query.consul.',
      TYPE.SRV,
      {},
      searched({ Datacenter: 'dc9', Nodes: [instance(node('a', { Address: '10.0.0.1' }))] }),
    )
    assert.deepEqual(found.answers.map(say), ['q.query.consul. 1 80 a.node.dc9.consul.'])
  })

  test('a query that finds nothing is no name, one that fails is a failure', () => {
    assert.equal(rcode(answer('q.query.consul.', TYPE.A, {}, searched({}))), RCODE.nameError)
    const fail = () => {
      throw new ConsulError('no-leader')
    }
    assert.equal(rcode(answer('q.query.consul.', TYPE.A, {}, fail)), RCODE.serverFailure)
  })

  test('an answer that is too old is asked for again, of the leader', () => {
    const stale: unknown[] = []
    answer('q.query.consul.', TYPE.A, { maxStaleMs: 1000 }, (ask) => {
      stale.push((ask as { args: { AllowStale: boolean } }).args.AllowStale)
      return searched({ LastContact: 2e9 })()
    })
    assert.deepEqual(stale, [true, false])
  })

  test('names of the mesh ask for those who stand for the service in it', () => {
    const asked: unknown[] = []
    for (const kind of ['connect', 'ingress']) {
      const reply = answer(`web.${kind}.consul.`, TYPE.A, {}, (ask) => {
        const { ServiceName, Connect, Ingress, TagFilter } = (
          ask as { args: { ServiceName: string; Connect?: boolean; Ingress?: boolean; TagFilter: boolean } }
        ).args
        asked.push([ServiceName, Connect, Ingress, TagFilter])
        return { Index: 1, LastContact: 0, KnownLeader: true, Nodes: [] }
      })
      assert.equal(rcode(reply), RCODE.nameError)
    }
    assert.deepEqual(asked, [
      ['web', true, undefined, false],
      ['web', undefined, true, false],
    ])
  })
})
