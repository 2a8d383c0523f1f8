/**
 * What a server and a client agent have in common: their own services and checks, user events, and all that the doors
 * ask of the agent itself. In what they differ, where calls are answered and what leaving means, they say when they
 * call this (server.ts, client.ts).
 */
import { arch, cpus, platform } from 'node:os'
import type { Registry } from '../base/metrics.ts'
import { allowAll } from '../core/acl/authorizer.ts'
import type { Disk, Host } from '../host/host.ts'
import { hostInfo } from '../host/info.ts'
import type { Caller } from '../model/rpc.ts'
import type { SnapshotCaller } from '../model/snapshot.ts'
import type { Backend } from '../serve/backend.ts'
import { makeCache } from './cache.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import { sendCoordinates } from './coordinates.ts'
import { describeSelf, type Facts, infoSections, type RoleFacts } from './describe.ts'
import { type RunningLocal, runLocal } from './local.ts'
import type { Pools } from './pools.ts'
import type { Reloads } from './reload.ts'
import { makeRemoteExec } from './remote-exec.ts'
import { keepUserEvents } from './user-events.ts'

/** What an agent is started from. */
export interface NodeParts {
  config: RuntimeConfig
  nodeId: string
  host: Host
  disk: Disk
  /** Called after a `leave` that came over HTTP. */
  stopAgent(failure?: Error): void
  reloads: Reloads
  /** The same that `host.metrics` adds to. */
  measured: Registry
}

/** A server or a client agent that runs. */
export interface RunningNode {
  backend: Backend
  /** Call it once the doors are open. */
  opened(): void
  /** Then meets the agents that the configuration names. Rejects when those that must be met cannot be. */
  joinAtStart(): Promise<void>
  leave(): Promise<void>
  /** From now on nobody is answered any more, and whoever waits is told so; writes under way go on. */
  turnAway(): void
  stop(): Promise<void>
}

export interface CommonParts extends NodeParts {
  pools: Pools
  /** How the cluster's methods are reached. */
  caller: Caller
  snapshot: SnapshotCaller
  /** What only this kind of agent tells of itself. */
  facts(): RoleFacts
  leave(): Promise<void>
}

export interface Common {
  backend: Backend
  local: RunningLocal
  /** Frees those who wait for the cache. */
  turnAway(): void
  stop(): void
}

export async function runCommon(parts: CommonParts): Promise<Common> {
  const { config, nodeId, host, disk, pools, caller } = parts
  const members = () => pools.lanMembers().length
  const local = await runLocal({ config, nodeId, host, disk, dispatch: caller, members })
  pools.onMember('lan', () => local.clusterChanged(members()))
  parts.reloads.onReload((fresh) => local.reload(fresh))
  const exec = makeRemoteExec({ config, host, caller, token: () => '' })
  const events = keepUserEvents({ config, host, caller, services: local.self.services, exec })
  pools.onUserEvent(events.receive)
  const stopCoordinates = !config.gossip.coordinates
    ? () => {}
    : sendCoordinates({
        host,
        datacenter: config.datacenter,
        nodeName: config.nodeName,
        members: pools.lanMembers,
        coordinate: pools.coordinate,
        call: (method, args, context) => caller.call(method, args, context),
        log: host.log,
      })

  const facts = (): Facts => ({
    config,
    nodeId,
    role: parts.facts(),
    members: { lan: pools.members('lan'), wan: pools.members('wan') },
    serf: { lan: pools.stats('lan'), wan: pools.stats('wan') },
    coordinate: pools.coordinate(),
    meta: local.meta(),
    local: local.counts(),
    runtime: { arch: goArch(arch()), os: platform(), cpus: cpus().length, version: `node ${process.version}` },
  })

  const cache = makeCache(host, caller)
  const calls = host.metrics.counter('client.rpc')
  const backend: Backend = {
    cached: (method, args, context) => cache.get(method, args, context),
    call(method, args, context) {
      calls.add(1)
      return caller.call(method, args, context)
    },
    peek(method, args) {
      const found = caller.peek(method, args)
      // Else it is asked for by `call`, and counted there.
      if (found !== undefined) calls.add(1)
      return found
    },
    snapshot: parts.snapshot,
    self: {
      nodeName: config.nodeName,
      nodeId,
      datacenter: config.datacenter,
      dev: config.dev,
      domain: config.dns.domain,
      describe: () => describeSelf(facts()),
      stats: () => infoSections(facts()),
      hostInfo: () => hostInfo(host.date()),
      members: (pool) => pools.members(pool),
      inWan: pools.wan !== undefined,
      noSegment: (name) =>
        config.server ? 'Network segments are not supported in this version of Consul' : `segment "${name}" not found`,
      ...pools.self,
      ...local.self,
      ...events.self,
      reload: () => parts.reloads.reload(),
      async leave() {
        await parts.leave()
        // The answer is on its way before the door it came through is closed.
        host.soon(() => parts.stopAgent())
      },
    },
    now: () => host.now(),
    date: () => host.date(),
    soon: (run) => host.soon(run),
    random: host.random,
    log: host.log,
    measured: parts.measured,
    ...(host.profiler === undefined ? {} : { profiler: host.profiler }),
    // Until ACLs are built every token may do all.
    authorize: () => allowAll,
  }
  return {
    backend,
    local,
    turnAway: () => cache.stop(),
    stop() {
      cache.stop()
      stopCoordinates()
      events.stop()
      exec.stop()
      local.stop()
    },
  }
}

/** Go's names for processors, as tools expect them in `consul info`. */
function goArch(name: string): string {
  return { x64: 'amd64', ia32: '386' }[name] ?? name
}
