/** The local core as transcripts (what goes in, what comes out), and against a model of the catalog. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { seededRandom } from '../../base/random.ts'
import type { Node, NodeService } from '../../model/catalog.ts'
import { NO_PROXY } from '../../model/catalog.ts'
import { type CheckRun, NO_RUN } from '../../model/check-run.ts'
import type { HealthCheck, HealthCheckDefinition } from '../../model/health.ts'
import { NO_DEFINITION } from '../../model/health.ts'
import type { Reply } from '../../model/rpc.ts'
import {
  type Local,
  type LocalCall,
  type LocalCheckRegistration,
  type LocalEffect,
  type LocalInput,
  type LocalServiceRegistration,
  type LocalSettings,
  makeLocal,
  type SyncMethod,
} from './local.ts'
import { scaleFactor } from './sync.ts'

const SETTINGS: LocalSettings = {
  nodeId: 'f0000000-0000-0000-0000-000000000001',
  nodeName: 'n1',
  datacenter: 'dc1',
  address: '127.0.0.1',
  taggedAddresses: { lan: '127.0.0.1', wan: '127.0.0.1' },
  meta: { rack: '7' },
  syncInterval: 60_000,
  checkUpdateInterval: 300_000,
  discardCheckOutput: false,
  checkOutputMaxSize: 4096,
  centralConfig: true,
  durable: true,
}

function service(name: string, more: Partial<NodeService> = {}): NodeService {
  return {
    Kind: '',
    ID: '',
    Service: name,
    Tags: null,
    Address: '',
    TaggedAddresses: null,
    Meta: null,
    Port: 80,
    Weights: null,
    EnableTagOverride: false,
    Proxy: NO_PROXY,
    Connect: { Native: false, SidecarService: null },
    LocallyRegisteredAsSidecar: false,
    CreateIndex: 0,
    ModifyIndex: 0,
    ...more,
  }
}

function check(id: string, how: Partial<HealthCheckDefinition> = {}, more: Partial<HealthCheck> = {}): HealthCheck {
  return {
    Node: '',
    CheckID: id,
    Name: id,
    Status: '',
    Notes: '',
    Output: '',
    ServiceID: '',
    ServiceName: '',
    ServiceTags: null,
    Type: '',
    Definition: { ...NO_DEFINITION, ...how },
    CreateIndex: 0,
    ModifyIndex: 0,
    ...more,
  }
}

/** As somebody registers it. */
function asked(
  id: string,
  how: Partial<CheckRun> = {},
  more: Partial<HealthCheck> = {},
  token = '',
): LocalCheckRegistration {
  return { check: check(id, {}, more), run: { ...NO_RUN, ...how }, token }
}

const ttl = (seconds: number): Partial<CheckRun> => ({ TTL: seconds * 1e9 })
const unnamed = (how: Partial<CheckRun>): LocalCheckRegistration => asked('', how, { Name: '' })
const web = (more: Partial<LocalServiceRegistration> = {}): LocalServiceRegistration => ({
  service: service('web'),
  checks: [],
  token: '',
  replaceExistingChecks: false,
  ...more,
})

/** What a server would keep of this node, answering calls as the catalog does. */
class Catalog {
  node: Node | null = null
  services = new Map<string, NodeService>()
  checks = new Map<string, HealthCheck>()

  constructor() {
    this.checks.set('serfHealth', check('serfHealth', {}, { Status: 'passing', Node: 'n1' }))
    this.services.set('consul', service('consul', { ID: 'consul' }))
  }

  answer({ method, args }: LocalCall): Reply<SyncMethod> {
    const meta = { Index: 1, LastContact: 0, KnownLeader: true }
    if (method === 'Catalog.NodeServiceList') {
      return { ...meta, NodeServices: { Node: this.node, Services: [...this.services.values()] } }
    }
    if (method === 'Health.NodeChecks') return { ...meta, HealthChecks: [...this.checks.values()] }
    if ('SkipNodeUpdate' in args) {
      if (!args.SkipNodeUpdate || this.node === null) {
        this.node = {
          ID: args.ID ?? '',
          Node: args.Node,
          Address: args.Address,
          Datacenter: 'dc1',
          TaggedAddresses: args.TaggedAddresses ?? null,
          Meta: args.NodeMeta ?? null,
          CreateIndex: 1,
          ModifyIndex: 1,
        }
      }
      if (args.Service) this.services.set(args.Service.ID, args.Service)
      for (const one of [...(args.Check ? [args.Check] : []), ...(args.Checks ?? [])]) {
        assert.ok(one.ServiceID === '' || this.services.has(one.ServiceID), `${one.CheckID} comes after its service`)
        this.checks.set(one.CheckID, one)
      }
    } else if ('ServiceID' in args && args.ServiceID) {
      this.services.delete(args.ServiceID)
      for (const [id, one] of this.checks) if (one.ServiceID === args.ServiceID) this.checks.delete(id)
    } else if ('CheckID' in args && args.CheckID) this.checks.delete(args.CheckID)
    return {}
  }
}

function make(more: Partial<LocalSettings> = {}): Local {
  return makeLocal({ ...SETTINGS, ...more, random: seededRandom(7) })
}

/** One line for each effect. */
function tell(effect: LocalEffect): string {
  switch (effect.kind) {
    case 'probe':
      return `probe ${effect.attempt} ${effect.check}`
    case 'abandon':
      return `abandon ${effect.attempt}`
    case 'ask-alias':
      return `ask-alias ${effect.question} ${effect.node} ${effect.service} ${effect.index}`
    case 'abandon-alias':
      return `abandon-alias ${effect.question}`
    case 'follow-defaults':
      return `follow ${effect.id} ${JSON.stringify(effect.question)}`
    case 'unfollow-defaults':
      return `unfollow ${effect.id}`
    case 'call': {
      const { args } = effect
      const what: string[] = []
      if ('Service' in args && args.Service) what.push(`service ${args.Service.ID}`)
      if ('Check' in args && args.Check) what.push(`check ${args.Check.CheckID} ${args.Check.Status}`)
      if ('Checks' in args && args.Checks) what.push(`checks ${args.Checks.map((one) => one.CheckID).join(' ')}`)
      if ('ServiceID' in args && args.ServiceID) what.push(`service ${args.ServiceID}`)
      if ('CheckID' in args && args.CheckID) what.push(`check ${args.CheckID}`)
      return `call ${effect.method} ${what.join(', ')}`.trimEnd()
    }
    case 'persist':
    case 'forget':
      return `${effect.kind} ${effect.folder} ${effect.id}`
    case 'done':
      return `done ${effect.ticket}`
    case 'refused':
      return `refused ${effect.ticket}: ${effect.message}`
    case 'log':
      return `${effect.level} ${effect.message} ${JSON.stringify(effect.fields)}`
  }
}

/** Drives a core by hand: says things, answers its calls from the catalog, and writes down what came out. */
class Bench {
  now = 0
  readonly catalog = new Catalog()
  readonly local: Local
  readonly lines: string[] = []
  calls: LocalCall[] = []
  #ticket = 0

  constructor(more: Partial<LocalSettings> = {}) {
    this.local = make(more)
  }

  say(input: LocalInput | { kind: 'tick' }): this {
    this.local.step(this.now, input)
    this.collect()
    return this
  }

  ask(input: AskInput): this {
    this.#ticket += 1
    return this.say({ ...input, ticket: this.#ticket } as LocalInput)
  }

  collect(): void {
    for (const effect of this.local.take()) {
      this.lines.push(tell(effect))
      if (effect.kind === 'call') this.calls.push(effect)
    }
  }

  /** Answers every call, also those that follow from the answers. */
  settle(): this {
    for (let next = this.calls.shift(); next !== undefined; next = this.calls.shift()) this.answer(next)
    return this
  }

  answer(call: LocalCall): void {
    this.say({ kind: 'reply', id: call.id, reply: this.catalog.answer(call) })
  }

  failAll(message: string): this {
    for (let next = this.calls.shift(); next !== undefined; next = this.calls.shift()) {
      this.say({ kind: 'failed', id: next.id, code: 'no-leader', message })
    }
    return this
  }

  /** Turns the clock to when the core asked to be woken. */
  wake(): this {
    const at = this.local.wakeAt()
    assert.notEqual(at, null, 'the core wants to be woken')
    this.now = Math.max(this.now, at!)
    return this.say({ kind: 'tick' })
  }

  read(): string[] {
    return this.lines.splice(0)
  }
}

type AskInput = LocalInput extends infer I ? (I extends { ticket: number } ? Omit<I, 'ticket'> : never) : never

suite('local: the first comparison', () => {
  test('registers the node, and leaves alone what the leader keeps', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    assert.deepEqual(bench.read(), [
      'info started state syncer {}',
      'call Catalog.NodeServiceList',
      'call Health.NodeChecks',
      'debug Skipping remote check since it is managed automatically {"check":"serfHealth"}',
      'call Catalog.Register',
      'info Synced node info {}',
    ])
    assert.deepEqual(bench.catalog.node?.Meta, { rack: '7', 'consul-network-segment': '' })
    assert.deepEqual([...bench.catalog.services.keys()], ['consul'])
  })

  test('finds everything in sync the next time', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web({ checks: [unnamed(ttl(3600))] }) }).settle()
    bench.read()
    bench.wake().settle()
    assert.ok(bench.now >= 60_000 && bench.now < 120_000, 'a minute, staggered by up to one more')
    assert.deepEqual(bench.read(), [
      'call Catalog.NodeServiceList',
      'call Health.NodeChecks',
      'debug Skipping remote check since it is managed automatically {"check":"serfHealth"}',
      'debug Node info in sync {}',
      'debug Service in sync {"service":"web"}',
      'debug Check in sync {"check":"service:web"}',
    ])
  })

  test('deregisters what only the catalog knows', () => {
    const bench = new Bench()
    bench.catalog.services.set('old', service('old', { ID: 'old' }))
    bench.catalog.checks.set('stray', check('stray'))
    bench.say({ kind: 'start' }).settle()
    assert.deepEqual(bench.read().slice(-4).sort(), [
      'call Catalog.Deregister check stray',
      'call Catalog.Deregister service old',
      'info Deregistered check {"check":"stray"}',
      'info Deregistered service {"service":"old"}',
    ])
    assert.deepEqual([...bench.catalog.services.keys()], ['consul'])
    assert.deepEqual([...bench.catalog.checks.keys()], ['serfHealth'])
  })

  test('puts right what was changed behind its back, but takes over tags when they may be overridden', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web() })
    bench.ask({
      kind: 'register-service',
      registration: web({ service: service('free', { EnableTagOverride: true, Tags: ['a'] }) }),
    })
    bench.settle()
    bench.catalog.services.set('web', { ...bench.catalog.services.get('web')!, Port: 81 })
    bench.catalog.services.set('free', { ...bench.catalog.services.get('free')!, Tags: ['b'] })
    bench.read()
    bench.wake().settle()
    assert.ok(bench.read().includes('call Catalog.Register service web'))
    assert.equal(bench.catalog.services.get('web')?.Port, 80)
    assert.deepEqual(bench.catalog.services.get('free')?.Tags, ['b'])
    const free = bench.local.services().find((one) => one.service.ID === 'free')
    assert.deepEqual(free?.service.Tags, ['b'])
  })
})

suite('local: failures', () => {
  test('a failed comparison is tried again after 15 to 30 seconds', () => {
    const bench = new Bench().say({ kind: 'start' }).failAll('No cluster leader')
    assert.deepEqual(bench.read().slice(-1), ['error failed to sync remote state {"error":"No cluster leader"}'])
    bench.wake().settle()
    assert.ok(bench.now >= 15_000 && bench.now < 30_000)
    assert.equal(bench.catalog.node?.Node, 'n1')
  })

  test('a leader that appears is asked at once by a lone node, and within three seconds by one of many', () => {
    const alone = new Bench().say({ kind: 'start' }).failAll('No cluster leader')
    alone.say({ kind: 'leader-changed' }).settle()
    assert.equal(alone.catalog.node?.Node, 'n1')

    const many = new Bench().say({ kind: 'cluster-size', nodes: 5 }).say({ kind: 'start' }).failAll('No cluster leader')
    many.say({ kind: 'leader-changed' })
    assert.equal(many.calls.length, 0)
    many.wake().settle()
    assert.ok(many.now < 3_000)
    assert.equal(many.catalog.node?.Node, 'n1')
  })

  test('a failed change waits for the retry, and is told', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web() }).failAll('timed out')
    assert.deepEqual(bench.read().slice(-2), [
      'warn Syncing service failed. {"service":"web","error":"timed out"}',
      'error failed to sync changes {"error":"timed out"}',
    ])
    bench.wake().settle()
    assert.ok(bench.now < 30_000)
    assert.ok(bench.catalog.services.has('web'))
  })

  test('what a token may not do is not tried again before the next comparison', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web({ token: 'weak' }) })
    const [call] = bench.calls.splice(0)
    assert.equal(call?.args.Token, 'weak')
    bench.say({ kind: 'failed', id: call!.id, code: 'permission-denied', message: 'Permission denied' })
    assert.deepEqual(bench.read().slice(-1), [
      'warn Service registration blocked by ACLs {"service":"web","accessorID":""}',
    ])
    assert.equal(bench.calls.length, 0)
    bench.wake().settle()
    assert.ok(bench.now >= 60_000)
    assert.ok(bench.catalog.services.has('web'))
  })

  test('a change while its own call is under way is sent again', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web() })
    bench.ask({ kind: 'register-service', registration: web({ service: service('web', { Port: 81 }) }) })
    assert.equal(bench.calls.length, 1, 'one call at a time for a service')
    bench.settle()
    assert.equal(bench.catalog.services.get('web')?.Port, 81)
  })

  test('a service that goes while its registration is under way goes from the catalog too', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web({ checks: [unnamed(ttl(10))] }) })
    bench.ask({ kind: 'deregister-service', id: 'web' })
    bench.settle()
    assert.equal(bench.catalog.services.has('web'), false)
    assert.deepEqual([...bench.catalog.checks.keys()], ['serfHealth'])
    assert.deepEqual(bench.local.services(), [])
  })

  test('a service or check registered anew while its removal is under way stays', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web() }).settle()
    bench.ask({ kind: 'deregister-service', id: 'web' })
    bench.ask({ kind: 'register-service', registration: web() })
    bench.settle()
    assert.equal(bench.local.services().length, 1)
    assert.ok(bench.catalog.services.has('web'))

    const mem = asked('mem', ttl(10))
    bench.ask({ kind: 'register-check', registration: mem }).settle()
    bench.ask({ kind: 'deregister-check', id: 'mem' })
    bench.ask({ kind: 'register-check', registration: mem })
    bench.settle()
    assert.equal(bench.local.checks().length, 1)
    assert.ok(bench.catalog.checks.has('mem'))
  })

  test('a report while the check is being sent is sent after it, without waiting for a comparison', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-check', registration: asked('mem', ttl(10)) })
    bench.ask({ kind: 'update-check', id: 'mem', status: 'passing', output: '', date: 0 })
    bench.settle()
    assert.equal(bench.catalog.checks.get('mem')?.Status, 'passing')
  })

  test('replies that come after the node has left change nothing', () => {
    const bench = new Bench().say({ kind: 'start' })
    const calls = bench.calls.splice(0)
    bench.say({ kind: 'stop' })
    bench.read()
    for (const call of calls) bench.answer(call)
    assert.deepEqual(bench.read(), [])
    assert.equal(bench.local.wakeAt(), null)
  })
})

suite('local: registering', () => {
  test('a service is stored, then acknowledged, then sent with its checks', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.read()
    const checks = [unnamed(ttl(10)), unnamed(ttl(20)), asked('own', ttl(5))]
    bench.ask({ kind: 'register-service', registration: web({ checks }) }).settle()
    assert.deepEqual(bench.read(), [
      'persist services web',
      'persist checks service:web:1',
      'persist checks service:web:2',
      'persist checks own',
      'done 1',
      'debug Node info in sync {}',
      'call Catalog.Register service web, checks service:web:1 service:web:2 own',
      'info Synced service {"service":"web"}',
    ])
    const shown = bench.local.checks().map(({ check: one }) => [one.CheckID, one.Name, one.Status, one.Type])
    assert.deepEqual(shown, [
      ['service:web:1', "Service 'web' check", 'critical', 'ttl'],
      ['service:web:2', "Service 'web' check", 'critical', 'ttl'],
      ['own', 'own', 'critical', 'ttl'],
    ])
    const kept = bench.catalog.checks.get('own')!
    assert.deepEqual(kept.Definition, NO_DEFINITION)
    assert.deepEqual([kept.Node, kept.ServiceID, kept.ServiceName], ['n1', 'web', 'web'])
  })

  test('what a definition leaves out is filled in', () => {
    const bench = new Bench()
    bench.ask({ kind: 'register-service', registration: web({ service: service('a', { Address: '10.0.0.1' }) }) })
    bench.ask({ kind: 'register-service', registration: web({ service: service('b', { Address: 'fd00::1' }) }) })
    bench.ask({ kind: 'register-service', registration: web({ service: service('c', { Address: 'host.example' }) }) })
    const [a, b, c] = bench.local.services().map((one) => one.service)
    assert.equal(a?.ID, 'a')
    assert.deepEqual(a?.Weights, { Passing: 1, Warning: 1 })
    const own = { Address: '10.0.0.1', Port: 80 }
    assert.deepEqual(a?.TaggedAddresses, { lan_ipv4: own, wan_ipv4: own })
    assert.deepEqual(Object.keys(b?.TaggedAddresses ?? {}), ['lan_ipv6', 'wan_ipv6'])
    assert.deepEqual(c?.TaggedAddresses, {})
  })

  test('registering again keeps the checks, unless they are to be replaced', () => {
    const bench = new Bench()
    bench.ask({ kind: 'register-service', registration: web({ checks: [unnamed(ttl(10))] }) })
    bench.ask({
      kind: 'register-check',
      registration: asked('more', ttl(9), { ServiceID: 'web' }),
    })
    bench.ask({ kind: 'update-check', id: 'service:web', status: 'passing', output: 'fine', date: 0 })
    bench.ask({ kind: 'register-service', registration: web({ checks: [unnamed(ttl(10))] }) })
    const ids = () => bench.local.checks().map(({ check: one }) => `${one.CheckID} ${one.Status} ${one.Output}`.trim())
    assert.deepEqual(ids(), ['service:web passing fine', 'more critical'])
    bench.read()
    bench.ask({
      kind: 'register-service',
      registration: web({ checks: [unnamed(ttl(10))], replaceExistingChecks: true }),
    })
    assert.deepEqual(ids(), ['service:web passing fine'])
    assert.ok(bench.read().includes('forget checks more'))
  })

  test('a check of no service, and refusals in the words of the real one', () => {
    const bench = new Bench()
    bench.ask({ kind: 'register-check', registration: asked('mem', ttl(10)) })
    bench.ask({ kind: 'register-check', registration: asked('x', ttl(1), { ServiceID: 'zip' }) })
    bench.ask({ kind: 'update-check', id: 'nope', status: 'passing', output: '', date: 0 })
    bench.ask({
      kind: 'register-check',
      registration: asked('h', { HTTP: 'http://x/', Interval: 1e9 }),
    })
    bench.ask({ kind: 'update-check', id: 'h', status: 'passing', output: '', date: 0 })
    bench.ask({ kind: 'deregister-service', id: 'nope' })
    bench.ask({ kind: 'deregister-check', id: 'nope' })
    assert.deepEqual(bench.read(), [
      'persist checks mem',
      'done 1',
      'refused 2: ServiceID "zip" does not exist',
      'refused 3: CheckID "nope" does not have associated TTL',
      'persist checks h',
      'done 4',
      'refused 5: CheckID "h" does not have associated TTL',
      'warn Failed to deregister service {"service":"nope","error":"Service \\"nope\\" does not exist"}',
      'done 6',
      'debug removed check {"check":"nope"}',
      'done 7',
    ])
  })

  test('checks go with their service, in one call', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web({ checks: [unnamed(ttl(10))] }) }).settle()
    bench.read()
    bench.ask({ kind: 'deregister-service', id: 'web' }).settle()
    assert.deepEqual(bench.read(), [
      'forget services web',
      'forget checks service:web',
      'forget checks/state service:web',
      'debug removed check {"check":"service:web"}',
      'debug removed service {"service":"web"}',
      'done 2',
      'debug Node info in sync {}',
      'call Catalog.Deregister service web',
      'info Deregistered service {"service":"web"}',
    ])
  })

  test('a check with another token than its service travels alone', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-service', registration: web({ token: 't1' }) })
    bench.ask({
      kind: 'register-check',
      registration: asked('c', ttl(9), { ServiceID: 'web' }, 't2'),
    })
    const sent: string[] = []
    for (let next = bench.calls.shift(); next !== undefined; next = bench.calls.shift()) {
      if (next.method === 'Catalog.Register') sent.push(`${tell(next)} by ${next.args.Token}`)
      bench.answer(next)
    }
    assert.deepEqual(sent, [
      'call Catalog.Register service web by t1',
      'call Catalog.Register service web, check c critical by t2',
    ])
  })

  test('nothing is stored when nothing is to outlive the process', () => {
    const bench = new Bench({ durable: false })
    bench.ask({ kind: 'register-service', registration: web({ checks: [unnamed(ttl(10))] }) })
    bench.ask({ kind: 'update-check', id: 'service:web', status: 'passing', output: '', date: 0 })
    bench.ask({ kind: 'deregister-service', id: 'web' })
    assert.deepEqual(
      bench.read().filter((line) => /^(persist|forget)/.test(line)),
      [],
    )
  })
})

suite('local: TTL checks', () => {
  const started = (more: Partial<LocalSettings> = {}) => {
    const bench = new Bench(more).say({ kind: 'start' }).settle()
    bench.ask({ kind: 'register-check', registration: asked('ttl', ttl(10)) }).settle()
    bench.read()
    return bench
  }
  const state = (bench: Bench) => {
    const one = bench.local.checks()[0]!.check
    return `${one.Status}: ${one.Output}`
  }

  test('a report counts until the TTL is over, and each one begins it anew', () => {
    const bench = started()
    bench.now = 5_000
    bench.ask({ kind: 'update-check', id: 'ttl', status: 'passing', output: 'ok', date: 0 }).settle()
    assert.deepEqual(bench.read(), [
      'debug Check status updated {"check":"ttl","status":"passing"}',
      'persist checks/state ttl',
      'done 2',
      'debug Node info in sync {}',
      'call Catalog.Register check ttl passing',
      'info Synced check {"check":"ttl"}',
    ])
    assert.equal(bench.local.wakeAt(), 15_000)
    bench.now = 14_999
    bench.say({ kind: 'tick' })
    assert.equal(state(bench), 'passing: ok')
    bench.wake().settle()
    assert.equal(bench.now, 15_000)
    assert.equal(state(bench), 'critical: TTL expired (last output before timeout follows): ok')
    assert.equal(bench.catalog.checks.get('ttl')?.Status, 'critical')
    assert.equal(bench.read()[0], 'warn Check missed TTL, is now critical {"check":"ttl"}')
  })

  test('one that was never reported expires without an output to show', () => {
    const bench = started()
    bench.wake()
    assert.equal(state(bench), 'critical: TTL expired')
  })

  test('new output with the same status is sent later', () => {
    const bench = started()
    bench.ask({ kind: 'update-check', id: 'ttl', status: 'passing', output: '1', date: 0 }).settle()
    bench.read()
    for (let i = 2; i < 100; i++) {
      bench.now += 5_000
      bench.ask({ kind: 'update-check', id: 'ttl', status: 'passing', output: String(i), date: 0 }).settle()
      if (bench.catalog.checks.get('ttl')?.Output !== '1') break
    }
    assert.ok(
      bench.now >= 150_000 && bench.now <= 455_000,
      `half to one and a half times five minutes, not ${bench.now}`,
    )
  })

  test('output can be bounded, in bytes, or thrown away', () => {
    const bench = started({ checkOutputMaxSize: 5 })
    bench.ask({ kind: 'update-check', id: 'ttl', status: 'passing', output: 'äöüß', date: 0 })
    assert.match(state(bench), /^passing: äö\S* \.\.\. \(captured 5 of 8 bytes\)$/)
    const deaf = started({ discardCheckOutput: true })
    deaf.ask({ kind: 'update-check', id: 'ttl', status: 'passing', output: 'x', date: 0 })
    assert.equal(state(deaf), 'passing: ')
  })

  test('a service goes when its check was critical for too long', () => {
    const bench = new Bench().say({ kind: 'start' }).settle()
    const how = { ...ttl(10), DeregisterCriticalServiceAfter: 90e9 }
    bench.ask({ kind: 'register-service', registration: web({ checks: [unnamed(how)] }) }).settle()
    bench.now = 9_000
    bench.ask({ kind: 'update-check', id: 'service:web', status: 'passing', output: '', date: 0 }).settle()
    const criticalAt = 19_000
    while (bench.local.services().length > 0 && bench.now < 600_000) bench.wake().settle()
    assert.ok(bench.now > criticalAt + 90_000 && bench.now <= criticalAt + 120_000)
    assert.equal(bench.catalog.services.has('web'), false)
    assert.ok(
      bench
        .read()
        .includes(
          'info Check for service has been critical for too long; deregistered service {"service":"web","check":"service:web"}',
        ),
    )
  })
})

suite('local: what outlives the process', () => {
  test('services, checks and the last report come back', () => {
    const before = new Bench()
    const files = {
      services: [] as unknown[],
      checks: [] as unknown[],
      states: [] as unknown[],
      configs: [] as unknown[],
    }
    const inputs: AskInput[] = [
      { kind: 'register-service', registration: web({ token: 't', checks: [unnamed(ttl(60))] }) },
      { kind: 'register-check', registration: asked('mem', ttl(60)) },
      { kind: 'update-check', id: 'service:web', status: 'passing', output: 'fine', date: 1_000_000 },
    ]
    for (const [ticket, input] of inputs.entries()) before.local.step(0, { ...input, ticket } as LocalInput)
    for (const effect of before.local.take()) {
      if (effect.kind !== 'persist') continue
      const list = {
        services: files.services,
        checks: files.checks,
        'checks/state': files.states,
        'services/configs': files.configs,
      }[effect.folder]
      list.push(JSON.parse(JSON.stringify(effect.value)))
    }

    const fresh = new Bench().say({ kind: 'restore', files, date: 1_030_000 })
    assert.deepEqual(fresh.local.services(), before.local.services())
    const shown = fresh.local.checks().map(({ check: one, token }) => [one.CheckID, one.Status, one.Output, token])
    assert.deepEqual(shown, [
      ['service:web', 'passing', 'fine', 't'],
      ['mem', 'critical', '', ''],
    ])
    fresh.say({ kind: 'start' }).settle()
    assert.equal(fresh.catalog.checks.get('service:web')?.Status, 'passing')

    const late = new Bench().say({ kind: 'restore', files, date: 1_060_000 })
    assert.deepEqual(
      late.local.checks().map(({ check: one }) => one.Status),
      ['critical', 'critical'],
    )
    assert.ok(late.read().includes('forget checks/state service:web'))
  })

  test('files of the real one are understood', () => {
    const files = {
      services: [
        {
          Token: '',
          Service: {
            ID: 'web',
            Service: 'web',
            Tags: ['a'],
            Meta: null,
            Port: 80,
            Address: '',
            Weights: { Passing: 1, Warning: 1 },
            EnableTagOverride: false,
            Proxy: { MeshGateway: {}, Expose: {} },
            Connect: {},
            CreateIndex: 0,
            ModifyIndex: 0,
          },
          Source: 'remote',
        },
      ],
      checks: [
        {
          Check: {
            Node: 'n1',
            CheckID: 'service:web',
            Name: 'x',
            Status: 'critical',
            ServiceID: 'web',
            Definition: {},
          },
          ChkType: { TTL: '30s', Interval: '' },
          Token: '',
          Source: 'remote',
        },
      ],
      states: [],
      configs: [],
    }
    const bench = new Bench().say({ kind: 'restore', files, date: 0 })
    assert.deepEqual(bench.local.services()[0]?.service.Proxy, NO_PROXY)
    assert.equal(bench.local.ttls(), 1)
  })

  test('whatever stands in the files, nothing breaks', () => {
    fc.assert(
      fc.property(
        fc.array(fc.jsonValue()),
        fc.array(fc.jsonValue()),
        fc.array(fc.jsonValue()),
        (services, checks, states) => {
          const wrapped = [...services, ...services.map((Service) => ({ Service, Token: 1 }))]
          const bench = new Bench()
          bench.say({
            kind: 'restore',
            files: {
              services: wrapped,
              checks: [...checks, ...checks.map((Check) => ({ Check, ChkType: Check }))],
              states,
              configs: [...states, ...services.map((Defaults) => ({ ServiceID: 'a', Defaults }))],
            },
            date: 0,
          })
          bench.say({ kind: 'start' }).settle()
          assert.equal(bench.catalog.node?.Node, 'n1')
        },
      ),
      { numRuns: 100 },
    )
  })
})

suite('local: against a model of the catalog', () => {
  const NAMES = ['a', 'b', 'c']
  const how = fc.constantFrom(ttl(10), ttl(100), {})
  const step = fc.oneof(
    fc.record({
      do: fc.constant('register' as const),
      name: fc.constantFrom(...NAMES),
      port: fc.integer({ min: 1, max: 3 }),
      checks: fc.array(how, { maxLength: 2 }),
      replace: fc.boolean(),
    }),
    fc.record({ do: fc.constant('deregister' as const), name: fc.constantFrom(...NAMES) }),
    fc.record({
      do: fc.constant('check' as const),
      id: fc.constantFrom('x', 'y'),
      of: fc.constantFrom('', ...NAMES),
      how,
    }),
    fc.record({ do: fc.constant('uncheck' as const), id: fc.constantFrom('x', 'y', 'service:a') }),
    fc.record({
      do: fc.constant('report' as const),
      id: fc.constantFrom('x', 'y', 'service:a', 'service:b:1'),
      status: fc.constantFrom('passing', 'warning', 'critical'),
    }),
    fc.record({ do: fc.constant('answer' as const), which: fc.nat(), fails: fc.boolean() }),
    fc.record({ do: fc.constant('vandalise' as const), name: fc.constantFrom(...NAMES) }),
    fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 100_000 }) }),
  )

  test('whatever happened, a comparison later the catalog says what the node says', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const bench = new Bench({ checkUpdateInterval: 0 })
        bench.say({ kind: 'start' })
        const wanted = new Set<string>()
        for (const one of steps) {
          play(bench, one)
          if (one.do === 'register') wanted.add(one.name)
          if (one.do === 'deregister') wanted.delete(one.name)
        }
        bench.settle()
        while (bench.local.wakeAt() !== null && bench.now < 1_000_000) bench.wake().settle()
        const { catalog, local } = bench
        const services = new Map(local.services().map((one) => [one.service.ID, one.service]))
        const checks = new Map(local.checks().map((one) => [one.check.CheckID, one.check]))
        assert.ok(catalog.services.delete('consul'))
        assert.ok(catalog.checks.delete('serfHealth'))
        assert.deepEqual([...services.keys()].sort(), [...wanted].sort())
        assert.deepEqual(sorted(catalog.services), sorted(services))
        assert.deepEqual(sorted(catalog.checks), sorted(checks))
      }),
      { numRuns: 300 },
    )
  })

  function sorted<T>(map: Map<string, T>): [string, T][] {
    return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
  }

  function play(bench: Bench, one: typeof step extends fc.Arbitrary<infer S> ? S : never): void {
    switch (one.do) {
      case 'register': {
        const registration = web({
          service: service(one.name, { Port: one.port }),
          checks: one.checks.map(unnamed),
          replaceExistingChecks: one.replace,
        })
        bench.ask({ kind: 'register-service', registration })
        return
      }
      case 'deregister':
        bench.ask({ kind: 'deregister-service', id: one.name })
        return
      case 'check':
        bench.ask({
          kind: 'register-check',
          registration: asked(one.id, one.how, { ServiceID: one.of }),
        })
        return
      case 'uncheck':
        bench.ask({ kind: 'deregister-check', id: one.id })
        return
      case 'report':
        bench.ask({ kind: 'update-check', id: one.id, status: one.status, output: 'o', date: bench.now })
        return
      case 'answer': {
        const [call] = bench.calls.splice(one.which % Math.max(1, bench.calls.length), 1)
        if (call === undefined) return
        if (one.fails) bench.say({ kind: 'failed', id: call.id, code: 'no-leader', message: 'No cluster leader' })
        else bench.answer(call)
        return
      }
      case 'vandalise':
        bench.catalog.services.set(one.name, service(one.name, { ID: one.name, Port: 999 }))
        return
      case 'wait':
        bench.now += one.ms
        bench.say({ kind: 'tick' })
        return
    }
  }
})

test('the larger the cluster, the rarer the comparisons', () => {
  assert.deepEqual([1, 128, 129, 256, 257, 8192].map(scaleFactor), [1, 1, 2, 2, 3, 7])
})
