/**
 * The HTTP door over a store without agent, sockets or time: the method table answers at once, the agent's own services
 * are the local core's, and the node `x` stands in the catalog as a fresh server in dev mode puts it there.
 */
import { type Log, makeLog } from '../../src/base/log.ts'
import { Registry } from '../../src/base/metrics.ts'
import { seededRandom } from '../../src/base/random.ts'
import { allowAll } from '../../src/core/acl/authorizer.ts'
import { type LocalInput, makeLocal } from '../../src/core/local/local.ts'
import type { HttpHandler, HttpRequest, HttpResponse } from '../../src/host/host.ts'
import { ConsulError } from '../../src/model/errors.ts'
import type { Args, Gone, Method, Reply } from '../../src/model/rpc.ts'
import type { Backend, Self } from '../../src/serve/backend.ts'
import { type HttpOptions, makeHttpHandler } from '../../src/serve/http/index.ts'
import { aCheck, aRegistration, aService, makeCluster } from './cluster.ts'

const SERVER_META = {
  non_voter: 'false',
  raft_version: '3',
  serf_protocol_current: '2',
  serf_protocol_max: '5',
  serf_protocol_min: '1',
  version: '1.8.7',
}

export interface Call {
  method: Method
  args: Record<string, unknown>
  signal?: Gone
}

export interface TestDoor {
  handle: HttpHandler
  /** What was asked of the backend by `call`. */
  calls: Call[]
  /** Takes the place of an answer, for methods that it names. */
  answers: Map<Method, (args: Record<string, unknown>) => unknown>
  /** What the door logged as its own mistakes. */
  mistakes: unknown[]
  /** When false, `peek` declines, as on an agent that must ask others. */
  local: boolean
  log: Log
  measured: Registry
  ask(method: string, url: string, options?: AskOptions): Promise<HttpResponse & { text: string }>
  /** The answer whose body is still to come. @param onGone is given what tells the door that the asker has gone */
  stream(method: string, url: string, onGone: (run: () => void) => void): Promise<HttpResponse>
}

export interface AskOptions {
  body?: string | Uint8Array
  headers?: Record<string, string>
  tooLarge?: boolean
  onGone?: (run: () => void) => void
}

export interface DoorOptions extends HttpOptions {
  dev?: boolean
  authorize?: Backend['authorize']
  profiler?: Backend['profiler']
}

export function makeDoor(given: DoorOptions = {}): TestDoor {
  const { dev = true, authorize = () => allowAll, profiler, ...options } = given
  const cluster = makeCluster({ applied: 9 })
  const calls: Call[] = []
  const answers: TestDoor['answers'] = new Map()
  const mistakes: unknown[] = []
  const log = makeLog(
    '',
    ({ message, fields }) => {
      if (message === 'Unexpected failure') mistakes.push(fields.error)
    },
    () => 'error',
  )

  function answer<M extends Method>(method: M, args: Args<M>): Reply<M> {
    const replaced = answers.get(method)
    if (replaced !== undefined) return replaced(args as Record<string, unknown>) as Reply<M>
    const { Datacenter } = args as { Datacenter?: string }
    if (Datacenter !== undefined && Datacenter !== '' && Datacenter !== 'dc1') {
      throw new ConsulError('no-path-to-datacenter')
    }
    const reply = act(method, args) ?? cluster.call(method, args)
    if (typeof reply !== 'object' || reply === null || Array.isArray(reply) || !('Index' in reply))
      return reply as Reply<M>
    return { KnownLeader: true, LastContact: 0, ...reply, Index: Math.max(1, reply.Index as number) } as Reply<M>
  }

  /** What servers do outside the state. */
  function act(method: Method, args: unknown): unknown {
    switch (method) {
      case 'Status.Leader':
        return '127.0.0.1:8300'
      case 'Status.Peers':
        return ['127.0.0.1:8300']
      case 'Catalog.ListDatacenters':
        return ['dc1']
      case 'Session.Renew':
        return cluster.call('Session.Get', args as Args<'Session.Get'>)
      default:
        return undefined
    }
  }

  const naming = { prefix: 'consul', host: '', allow: [], block: [], otherwise: true }
  const measured = new Registry(naming, 0)
  const door: TestDoor = {
    handle: () => ({ status: 500, headers: [] }),
    calls,
    answers,
    mistakes,
    local: true,
    log,
    measured,
    ask,
    stream: async (method, url, onGone) => door.handle(aRequest(method, url, { onGone })),
  }
  const backend: Backend = {
    snapshot: () => Promise.reject(new Error('no state here')),
    self: makeSelf(dev),
    now: () => 0,
    date: () => 0,
    soon: (run) => void setImmediate(run),
    random: seededRandom(1),
    log,
    cached: async (method, args) => ({ reply: answer(method, args), hit: true, ageMs: 2500 }),
    measured,
    authorize,
    ...(profiler === undefined ? {} : { profiler }),
    async call(method, args, context) {
      calls.push({ method, args: args as Record<string, unknown>, signal: context?.signal })
      return answer(method, args)
    },
    peek: (method, args) => (door.local ? answer(method, args) : undefined),
  }
  door.handle = makeHttpHandler(backend, options)
  cluster.call('Catalog.Register', {
    ...aRegistration({ Node: 'x', ID: '48093076-6b7b-b468-275e-4813c8c70c89', Address: '127.0.0.1' }),
    TaggedAddresses: { lan: '127.0.0.1', lan_ipv4: '127.0.0.1', wan: '127.0.0.1', wan_ipv4: '127.0.0.1' },
    NodeMeta: { 'consul-network-segment': '' },
    Service: aService({ ID: 'consul', Service: 'consul', Port: 8300, Meta: SERVER_META }),
    Check: aCheck({
      CheckID: 'serfHealth',
      Name: 'Serf Health Status',
      Status: 'passing',
      Output: 'Agent alive and reachable',
    }),
  })
  return door

  async function ask(method: string, url: string, given: AskOptions = {}): Promise<HttpResponse & { text: string }> {
    const response = await door.handle(aRequest(method, url, given))
    const body = await wholeBody(response)
    return { ...response, ...(response.body === undefined ? {} : { body }), text: Buffer.from(body).toString() }
  }
}

/** The body in one piece, however it comes. */
export async function wholeBody({ body = '' }: HttpResponse): Promise<string | Uint8Array> {
  if (typeof body === 'string' || body instanceof Uint8Array) return body
  const chunks: Buffer[] = []
  for await (const chunk of body) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks)
}

export function aRequest(method: string, url: string, given: AskOptions = {}): HttpRequest {
  const bytes = typeof given.body === 'string' ? Buffer.from(given.body) : (given.body ?? new Uint8Array(0))
  const headers = new Map(Object.entries(given.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]))
  return {
    method,
    url,
    header: (name) => headers.get(name),
    body: bytes,
    tooLarge: given.tooLarge ?? false,
    remote: { host: '127.0.0.1', port: 40000 },
    onGone: given.onGone ?? (() => {}),
  }
}

function makeSelf(dev: boolean): Self {
  const local = makeLocal({
    nodeId: '48093076-6b7b-b468-275e-4813c8c70c89',
    nodeName: 'x',
    datacenter: 'dc1',
    address: '127.0.0.1',
    taggedAddresses: {},
    meta: {},
    syncInterval: 60_000,
    checkUpdateInterval: 0,
    discardCheckOutput: false,
    checkOutputMaxSize: 4096,
    centralConfig: true,
    durable: false,
    random: seededRandom(1),
  })
  let ticket = 0
  /** One request to the core; the catalog never hears of it. */
  async function ask(
    input: { [K in LocalInput['kind']]: Omit<Extract<LocalInput, { kind: K }>, 'ticket'> }[LocalInput['kind']],
  ) {
    ticket += 1
    local.step(0, { ...input, ticket } as LocalInput)
    for (const effect of local.take()) {
      if (effect.kind === 'refused' && effect.ticket === ticket) throw new ConsulError('refused', effect.message)
    }
  }
  return {
    nodeName: 'x',
    nodeId: '48093076-6b7b-b468-275e-4813c8c70c89',
    datacenter: 'dc1',
    dev,
    domain: 'consul.',
    describe: () => ({
      Config: { NodeName: 'x', Datacenter: 'dc1' },
      Stats: { b: { z: '1', a: '2' }, a: {} },
      Meta: {},
    }),
    members: (pool) => [
      {
        Name: pool === 'wan' ? 'x.dc1' : 'x',
        Addr: '127.0.0.1',
        Port: 8301,
        Tags: { role: 'consul', dc: 'dc1' },
        Status: 1,
        ProtocolMin: 1,
        ProtocolMax: 5,
        ProtocolCur: 2,
        DelegateMin: 2,
        DelegateMax: 5,
        DelegateCur: 4,
      },
    ],
    services: () => local.services(),
    checks: () => local.checks(),
    registerService: (registration) => ask({ kind: 'register-service', registration }),
    deregisterService: (id) => ask({ kind: 'deregister-service', id }),
    registerCheck: (registration) => ask({ kind: 'register-check', registration }),
    deregisterCheck: (id) => ask({ kind: 'deregister-check', id }),
    updateCheck: (id, status, output) => ask({ kind: 'update-check', id, status, output, date: 0 }),
    sidecarPorts: { min: 21000, max: 21255 },
    maintain: (wish) => ask({ kind: 'maintain', ...wish }),
    reload: async () => {},
    leave: async () => {},
    join: async () => {},
    forceLeave: async () => {},
    fireEvent: async (wish) => ({ ...wish, ID: '00000000-0000-4000-8000-000000000001', Version: 1, LTime: 0 }),
    events: () => [],
    nextEvent: async () => {},
    inWan: true,
    noSegment: () => 'Network segments are not supported in this version of Consul',
    nextChange: async () => false,
    hostInfo: async () => ({ Memory: {}, CPU: [], Host: {}, Disk: {}, CollectionTime: 0, Errors: null }),
    stats: () => ({}),
  }
}

/** @param name in its case as sent */
export function headerOf({ headers }: { headers: string[] }, name: string): string | undefined {
  const at = headers.findIndex((header, i) => i % 2 === 0 && header === name)
  return at < 0 ? undefined : headers[at + 1]
}
