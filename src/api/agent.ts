/** The agent that answers: itself, its members, its own services and checks. */
import type { Millis } from '../base/units.ts'
import type { NodeService, ServiceAddress, Weights } from '../model/catalog.ts'
import type { CheckStatus, HealthCheck } from '../model/health.ts'
import { bodyText, type Caller, decodeJson, escapePath, expectOk, type RequestOptions } from './client.ts'

/** A member of the gossip pool. */
export interface AgentMember {
  Name: string
  Addr: string
  Port: number
  Tags: Record<string, string>
  /** Serf's: 0 none, 1 alive, 2 leaving, 3 left, 4 failed. */
  Status: number
  ProtocolMin: number
  ProtocolMax: number
  ProtocolCur: number
  DelegateMin: number
  DelegateMax: number
  DelegateCur: number
}

/** How a check is run, as it is registered: exactly one of the ways, durations as Go writes them. */
export interface CheckDefinition {
  CheckID?: string
  Name?: string
  Notes?: string
  Status?: CheckStatus
  TTL?: string
  HTTP?: string
  Method?: string
  Header?: Record<string, string[]>
  Body?: string
  TLSSkipVerify?: boolean
  TCP?: string
  GRPC?: string
  GRPCUseTLS?: boolean
  Args?: string[]
  DockerContainerID?: string
  Shell?: string
  AliasNode?: string
  AliasService?: string
  Interval?: string
  Timeout?: string
  SuccessBeforePassing?: number
  FailuresBeforeCritical?: number
  DeregisterCriticalServiceAfter?: string
}

export interface ServiceDefinition {
  /** The name when not given. */
  ID?: string
  Name: string
  Kind?: string
  Tags?: string[]
  Port?: number
  Address?: string
  TaggedAddresses?: Record<string, ServiceAddress>
  Meta?: Record<string, string>
  Weights?: Weights
  EnableTagOverride?: boolean
  Check?: CheckDefinition
  Checks?: CheckDefinition[]
}

/** As the agent holds it: a little less than the catalog has. */
export type AgentService = Omit<NodeService, 'CreateIndex' | 'ModifyIndex'> & { ContentHash: string }

export interface AgentHealth {
  /** "" when there is no such service. */
  status: CheckStatus | 'maintenance' | ''
  services: { AggregatedStatus: string; Service: NodeService | null; Checks: HealthCheck[] | null }[]
}

export interface MetricSummary {
  Name: string
  Count: number
  Rate: number
  Sum: number
  Min: number
  Max: number
  Mean: number
  Stddev: number
  Labels: Record<string, string>
}

export interface AgentMetrics {
  Timestamp: string
  Gauges: { Name: string; Value: number; Labels: Record<string, string> }[]
  Points: { Name: string; Points: number[] }[]
  Counters: MetricSummary[]
  Samples: MetricSummary[]
}

export type ProfileKind = 'profile' | 'heap' | 'allocs' | 'goroutine' | 'trace' | 'block' | 'mutex' | 'threadcreate'

/** The names since 1.4.3; the older ones still answer. */
export type AgentTokenKind = 'default' | 'agent' | 'agent_master' | 'replication'

export interface Agent {
  /** Its configuration, its statistics and how others see it, in sections. */
  self(options?: RequestOptions): Promise<Record<string, Record<string, unknown>>>
  /** @param options `segment`: only that one's; `_all` for every one */
  members(options?: RequestOptions & { wan?: boolean; segment?: string }): Promise<AgentMember[]>
  services(options?: RequestOptions): Promise<Record<string, NodeService>>
  /** One of them, with the hash of its content; with a `hash`, once the content has another. null when there is none. */
  service(id: string, options?: RequestOptions & { hash?: string; waitMs?: Millis }): Promise<AgentService | null>
  /** How the agent's services with that name, or the one with that id, are: the worst of them. */
  health(of: { id: string } | { name: string }, options?: RequestOptions): Promise<AgentHealth>
  /** The machine that it runs on. */
  host(options?: RequestOptions): Promise<Record<string, unknown>>
  /** What it measured in the last whole interval. */
  metrics(options?: RequestOptions): Promise<AgentMetrics>
  /** All that it has measured, in Prometheus's text. Only where its telemetry keeps that. */
  prometheus(options?: RequestOptions): Promise<string>
  checks(options?: RequestOptions): Promise<Record<string, HealthCheck>>
  registerService(service: ServiceDefinition, options?: RequestOptions): Promise<void>
  deregisterService(id: string, options?: RequestOptions): Promise<void>
  registerCheck(check: CheckDefinition & { ServiceID?: string }, options?: RequestOptions): Promise<void>
  deregisterCheck(id: string, options?: RequestOptions): Promise<void>
  /** Reports the state of a TTL check. */
  updateCheck(id: string, status: CheckStatus, output?: string, options?: RequestOptions): Promise<void>
  /** The same in a word, with a note. */
  passCheck(id: string, note?: string, options?: RequestOptions): Promise<void>
  warnCheck(id: string, note?: string, options?: RequestOptions): Promise<void>
  failCheck(id: string, note?: string, options?: RequestOptions): Promise<void>
  /** Makes the agent meet those at `address`. */
  join(address: string, options?: RequestOptions & { wan?: boolean }): Promise<void>
  /** Counts a failed member as one that left; `prune` takes it off the list. */
  forceLeave(name: string, options?: RequestOptions & { prune?: boolean }): Promise<void>
  /** Takes the node, or one of its services, out of use until it is told otherwise. */
  maintain(wish: { enable: boolean; service?: string; reason?: string }, options?: RequestOptions): Promise<void>
  /** The log as it is written, in pieces that need not be lines, until the signal aborts or the agent ends. */
  monitor(wish?: { level?: string; json?: boolean }, options?: RequestOptions): Promise<AsyncIterable<Uint8Array>>
  /**
   * A profile of the agent's process in the format of pprof; those that last take `seconds`. Agents that are no Go programs
   * lack some: `trace`, `block`, `mutex`, `threadcreate`.
   */
  profile(kind: ProfileKind, options?: RequestOptions & { seconds?: number }): Promise<Uint8Array>
  /** The same as text, where there is one. @param options `full`: a longer one */
  profileText(kind: ProfileKind, options?: RequestOptions & { full?: boolean }): Promise<string>
  /** The page that lists the profiles. */
  profiles(options?: RequestOptions): Promise<string>
  /** Of the process, in its arguments. */
  commandLine(options?: RequestOptions): Promise<string[]>
  /** The program's names of addresses, as many as it knows; one that is no Go program knows none. */
  symbols(addresses: readonly bigint[], options?: RequestOptions): Promise<Map<bigint, string>>
  /** Changes a token that the agent uses itself. */
  setToken(kind: AgentTokenKind, token: string, options?: RequestOptions): Promise<void>
  /** The agent reads its configuration again. */
  reload(options?: RequestOptions): Promise<void>
  /** The agent leaves its cluster and ends. */
  leave(options?: RequestOptions): Promise<void>
}

export function makeAgent(caller: Caller): Agent {
  const read = async <T>(path: string, options?: RequestOptions, parameters = {}): Promise<T> =>
    decodeJson<T>(expectOk(await caller.send('GET', path, options, parameters)))
  const put = async (path: string, options?: RequestOptions, body?: unknown, parameters = {}): Promise<void> => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    expectOk(await caller.send('PUT', path, options, parameters, text))
  }
  const pprof = async (name: string, options?: RequestOptions, parameters = {}): Promise<string> =>
    bodyText(expectOk(await caller.send('GET', `/debug/pprof/${name}`, options, parameters)))
  const report = (state: string, id: string, note?: string, options?: RequestOptions) =>
    put(`/v1/agent/check/${state}/${escapePath(id)}`, options, undefined, { note: note || undefined })
  return {
    self: (options) => read('/v1/agent/self', options),
    members: (options) =>
      read('/v1/agent/members', options, { segment: options?.segment, wan: options?.wan ? '1' : undefined }),
    services: (options) => read('/v1/agent/services', options),
    async service(id, options = {}) {
      const { hash, waitMs, ...rest } = options
      const response = await caller.send('GET', `/v1/agent/service/${escapePath(id)}`, { ...rest, waitMs }, { hash })
      return response.status === 404 ? null : decodeJson<AgentService>(expectOk(response))
    },
    async health(of, options) {
      const [way, what] = 'id' in of ? ['id', of.id] : ['name', of.name]
      const response = await caller.send('GET', `/v1/agent/health/service/${way}/${escapePath(what)}`, options)
      if (response.status === 404) return { status: '', services: [] }
      // The status of the answer is that of the service: 429 and 503 are no failures here.
      if (![200, 429, 503].includes(response.status)) expectOk(response)
      const found = decodeJson<AgentHealth['services'] | AgentHealth['services'][number]>(response)
      const status = (response.header('X-Consul-Reason') ?? '') as AgentHealth['status']
      return { status, services: Array.isArray(found) ? found : [found] }
    },
    host: (options) => read('/v1/agent/host', options),
    metrics: (options) => read('/v1/agent/metrics', options),
    async prometheus(options) {
      return bodyText(expectOk(await caller.send('GET', '/v1/agent/metrics', options, { format: 'prometheus' })))
    },
    checks: (options) => read('/v1/agent/checks', options),
    registerService: (service, options) => put('/v1/agent/service/register', options, service),
    deregisterService: (id, options) => put(`/v1/agent/service/deregister/${escapePath(id)}`, options),
    registerCheck: (check, options) => put('/v1/agent/check/register', options, check),
    deregisterCheck: (id, options) => put(`/v1/agent/check/deregister/${escapePath(id)}`, options),
    updateCheck: (id, status, output = '', options = {}) =>
      put(`/v1/agent/check/update/${escapePath(id)}`, options, { Status: status, Output: output }),
    passCheck: (id, note, options) => report('pass', id, note, options),
    warnCheck: (id, note, options) => report('warn', id, note, options),
    failCheck: (id, note, options) => report('fail', id, note, options),
    join: (address, options) =>
      put(`/v1/agent/join/${escapePath(address)}`, options, undefined, { wan: options?.wan ? '1' : undefined }),
    forceLeave: (name, options) =>
      put(`/v1/agent/force-leave/${escapePath(name)}`, options, undefined, { prune: options?.prune ? '1' : undefined }),
    maintain({ enable, service = '', reason }, options) {
      const path = service === '' ? '/v1/agent/maintenance' : `/v1/agent/service/maintenance/${escapePath(service)}`
      return put(path, options, undefined, { enable: String(enable), reason: enable ? reason : undefined })
    },
    async monitor({ level, json } = {}, options) {
      const parameters = { loglevel: level, logjson: json }
      const response = expectOk(await caller.send('GET', '/v1/agent/monitor', options, parameters, undefined, true))
      return response.chunks ?? once(response.body)
    },
    async profile(kind, { seconds, ...options } = {}) {
      return expectOk(await caller.send('GET', `/debug/pprof/${kind}`, options, { seconds })).body
    },
    async profileText(kind, { full, ...options } = {}) {
      return pprof(kind, options, { debug: full ? 2 : 1 })
    },
    profiles: (options) => pprof('', options),
    commandLine: async (options) => (await pprof('cmdline', options)).split('\0'),
    async symbols(addresses, options) {
      const asked = addresses.map((address) => `0x${address.toString(16)}`).join('+')
      const response = expectOk(await caller.send('POST', '/debug/pprof/symbol', options, {}, asked))
      const lines = bodyText(response).matchAll(/^(0x[0-9a-f]+) (.+)$/gim)
      return new Map([...lines].map(([, address, name]) => [BigInt(address!), name!]))
    },
    setToken: (kind, token, options) => put(`/v1/agent/token/${kind}`, options, { Token: token }),
    reload: (options) => put('/v1/agent/reload', options),
    leave: (options) => put('/v1/agent/leave', options),
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
