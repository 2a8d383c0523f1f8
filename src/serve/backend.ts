/**
 * What the doors (HTTP, DNS) need of an agent: the cluster's methods by `call` and `peek`, and the agent itself.
 * Implemented by servers now, by client agents and workers later; the doors cannot tell them apart.
 */
import type { Log } from '../base/log.ts'
import type { Registry } from '../base/metrics.ts'
import type { Random } from '../base/random.ts'
import type { Instant, Millis, WallMs } from '../base/units.ts'
import type { Authorizer } from '../core/acl/authorizer.ts'
import type { Profiler } from '../host/host.ts'
import type { NodeService } from '../model/catalog.ts'
import type { CheckRun } from '../model/check-run.ts'
import type { UserEvent } from '../model/event.ts'
import type { HealthCheck } from '../model/health.ts'
import type { Args, CallContext, Caller, Method, Reply } from '../model/rpc.ts'
import type { PortRange } from '../model/sidecar.ts'
import type { SnapshotCaller } from '../model/snapshot.ts'

export interface Member {
  Name: string
  /** IP address as text. */
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

/** A service as this agent holds it. */
export interface LocalService {
  service: NodeService
  token: string
}

export interface LocalCheck {
  check: HealthCheck
  token: string
}

/** What `PUT /v1/agent/service/register` asks, after decoding and validation. */
export interface ServiceRegistration {
  service: NodeService
  checks: CheckRegistration[]
  token: string
  replaceExistingChecks: boolean
}

/** A check as registered: who it is, and how it is run. */
export interface CheckRegistration {
  check: HealthCheck
  run: CheckRun
  token: string
}

/** This agent: its own services and checks, its members, its life. */
export interface Self {
  nodeName: string
  nodeId: string
  datacenter: string
  /** Answers are pretty-printed without being asked (dev mode). */
  dev: boolean
  /** The DNS domain, lower case, with its final dot: `consul.` */
  domain: string
  /** `GET /v1/agent/self`, as JSON-ready objects: Config, DebugConfig, Coord, Member, Stats, Meta. */
  describe(): Record<string, unknown>
  members(pool: 'lan' | 'wan'): Member[]
  /** Servers alone are, and not even all of them. */
  inWan: boolean
  /** Why there is no such network segment: Consul's servers and clients have words of their own for it. */
  noSegment(name: string): string
  services(): LocalService[]
  checks(): LocalCheck[]
  /** Where the ports of sidecars are taken from that name none. */
  sidecarPorts: PortRange
  /** Resolves once stored locally (and on disk); the catalog follows by anti-entropy, at once when it can. */
  registerService(registration: ServiceRegistration): Promise<void>
  /** Throws `ConsulError` (not-found: unknown service). */
  deregisterService(id: string): Promise<void>
  registerCheck(registration: CheckRegistration): Promise<void>
  deregisterCheck(id: string): Promise<void>
  /** TTL checks: the owner reports. Throws `ConsulError`. */
  updateCheck(id: string, status: string, output: string): Promise<void>
  /** True when the own services and checks may have changed; false after the time, or when nobody waits any more. */
  nextChange(timeoutMs: Millis, gone: AbortSignal): Promise<boolean>
  /**
   * Takes a service of this agent, or with "" the whole node, out of use by a critical check; or takes that check away.
   * Throws `ConsulError` for an unknown service.
   */
  maintain(wish: { service: string; enable: boolean; reason: string; token: string }): Promise<void>
  /** Reads the configuration again and takes up what can change. Throws what is wrong with it; nothing changes then. */
  reload(): Promise<void>
  leave(): Promise<void>
  /** Meets the agents at that address. Throws `ConsulError` when none answers. */
  join(address: string, pool: 'lan' | 'wan'): Promise<void>
  /** Counts a failed member as one that left; `prune` takes it off the list. Throws `ConsulError` for unknown names. */
  forceLeave(name: string, prune: boolean): Promise<void>
  /** Tells all agents of a datacenter. Throws `ConsulError` for what makes no sense or is too long. */
  fireEvent(
    wish: Pick<UserEvent, 'Name' | 'Payload' | 'NodeFilter' | 'ServiceFilter' | 'TagFilter'> & {
      Datacenter?: string
      Token?: string
    },
  ): Promise<UserEvent>
  /** Those that this agent has accepted lately, oldest first. */
  events(): readonly UserEvent[]
  /** Resolves at the next one, after the time, or when the asker has gone. */
  nextEvent(timeoutMs: Millis, gone: AbortSignal): Promise<void>
  /** The machine: Memory, CPU, Host, Disk, CollectionTime, Errors, as JSON-ready objects. */
  hostInfo(): Promise<Record<string, unknown>>
  /** Sections of `consul info`. */
  stats(): Record<string, Record<string, string>>
}

/** What the agent's cache keeps. */
export type CachedMethod =
  | 'Catalog.ListDatacenters'
  | 'Catalog.ListServices'
  | 'Catalog.NodeServices'
  | 'Catalog.ServiceNodes'
  | 'DiscoveryChain.Get'
  | 'Health.ServiceNodes'
  | 'PreparedQuery.Execute'

export interface CachedReply<M extends Method> {
  reply: Reply<M>
  /** It was there already. */
  hit: boolean
  /** How long ago it was last known to be true. */
  ageMs: Millis
}

export interface Backend extends Caller {
  self: Self
  snapshot: SnapshotCaller
  now(): Instant
  date(): WallMs
  /** After what waits already: the end of this turn of the event loop. */
  soon(run: () => void): void
  random: Random
  log: Log
  /** What this agent counts of itself. */
  measured: Registry
  /** Absent where nothing can be measured. */
  profiler?: Profiler
  /** From the agent's cache, which then keeps it fresh. Rejects as `call` does. */
  cached<M extends CachedMethod>(method: M, args: Args<M>, context?: CallContext): Promise<CachedReply<M>>
  /** What this token may do. Rejects with a `ConsulError` for tokens that are not known. */
  authorize(token: string): Authorizer | Promise<Authorizer>
}
