/**
 * One agent: its identity, its data directory, its part in the cluster (server.ts or client.ts) and its doors. Embedders hold what
 * this file returns; everything with a meaning of Consul's own is decided further down.
 */
import { joinHostPort } from '../base/host-port.ts'
import type { Interval } from '../base/metrics.ts'
import { type Index, type Instant, NANOS_PER_MS } from '../base/units.ts'
import type { Address, Host } from '../host/host.ts'
import { ConsulError } from '../model/errors.ts'
import type { Caller } from '../model/rpc.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import { type Closers, openDns, openHttp } from './doors.ts'
import type { NodeParts, RunningNode } from './node.ts'
import { findNodeId } from './node-id.ts'
import { makeReloads } from './reload.ts'
import { startTelemetry } from './telemetry.ts'

export interface Agent extends Caller {
  readonly nodeName: string
  readonly nodeId: string
  readonly datacenter: string
  /** URL of the first HTTP door, without a final slash; "" when there is none. */
  readonly http: string
  /** Where DNS is answered, over UDP and TCP; undefined when it is not. */
  readonly dns: Address | undefined
  /** Resolves once a leader answers and this node is in the catalog. Rejects when the agent is stopped before. */
  readonly ready: Promise<void>
  /** Resolves once all is closed; rejects when the agent has ended itself because it could not go on. */
  readonly ended: Promise<void>
  /** Leaves the cluster in good order; the doors stay open until `stop`. */
  leave(): Promise<void>
  /** Reads the configuration again and takes up what can change. Rejects with what is wrong; nothing changes then. */
  reload(): Promise<void>
  /** Closes the doors and lets go of the disk; what was acknowledged stays. May be called again. */
  stop(): Promise<void>
}

/** The cluster is asked by embedders before they call it ready; it answers within an election. */
const READY_WAIT_MS = 60_000
/** A client agent knows at once that it knows no server. */
const READY_PAUSE_MS = 50

export interface StartOptions {
  /** Called once it is known who this agent is, before it does anything that others can see. */
  identified?(nodeId: string): void
  /** Called once the agent measures itself, with what gives the numbers of the last interval that has ended. */
  measuring?(latest: () => Interval): void
  /** Reads the configuration again from where it came. Throws what is wrong with it. */
  reread?(): RuntimeConfig | Promise<RuntimeConfig>
  /** Called with what a reload has brought, once all of it holds. */
  reloaded?(config: RuntimeConfig): void
}

/**
 * @throws an error that names the address, file or setting that is in the way; nothing is left open then
 */
export async function startAgentOn(config: RuntimeConfig, bare: Host, options: StartOptions = {}): Promise<Agent> {
  refuseUnbuilt(config)
  const disk = await bare.disk(config.dataDir)
  const closers: Closers = [() => disk.close()]
  const closeAll = async () => {
    for (let close = closers.pop(); close !== undefined; close = closers.pop()) await close()
  }
  try {
    const telemetry = await startTelemetry(config.telemetry, bare)
    closers.push(async () => telemetry.stop())
    const measured = telemetry.registry
    options.measuring?.(() => measured.latest())
    const host = { ...bare, metrics: measured }
    const nodeId = await findNodeId(config, host, disk)
    options.identified?.(nodeId)
    let finish: (failure?: Error) => void = () => {}
    const ended = new Promise<void>((done, fail) => {
      finish = (failure) => (failure === undefined ? done() : fail(failure))
    })
    // Nobody has to wait for it.
    ended.catch(() => {})
    let stopping: Promise<void> | undefined
    const stop = (failure?: Error) => {
      if (stopping === undefined) host.log.info('Requesting shutdown')
      stopping ??= closeAll().then(() => {
        host.log.info('shutdown complete')
        finish(failure)
      })
      return stopping
    }
    const reloads = makeReloads(host.log, options.reread)
    const node = await startNode({
      config,
      nodeId,
      host,
      disk,
      stopAgent: (failure) => void stop(failure),
      reloads,
      measured,
    })
    closers.push(async () => {
      await node.stop()
      host.log.info(`consul ${config.server ? 'server' : 'client'} down`)
    })
    const { backend } = node
    const dnsDoors = await openDns(config, host, backend, closers, reloads.onReload)
    const httpDoors = await openHttp(config, host, backend, closers, reloads.onReload)
    reloads.onReload((fresh) => telemetry.reload(fresh.telemetry))
    if (options.reloaded !== undefined) reloads.onReload(options.reloaded)
    // Before the doors close: they wait for what is under way, and nobody may then still wait for a change.
    closers.push(async () => node.turnAway())
    node.opened()
    await node.joinAtStart()
    const first = httpDoors[0]
    let ready: Promise<void> | undefined
    return {
      nodeName: config.nodeName,
      nodeId,
      datacenter: config.datacenter,
      http: first === undefined ? '' : urlOf(first.address),
      dns: dnsDoors[0]?.address,
      get ready() {
        ready ??= whenReady(backend, config.nodeName, host.now() + READY_WAIT_MS, host)
        return ready
      },
      ended,
      call: (method, args, context) => backend.call(method, args, context),
      peek: (method, args) => backend.peek(method, args),
      leave: () => node.leave(),
      reload: () => reloads.reload(),
      stop: () => stop(),
    }
  } catch (error) {
    await closeAll()
    throw error
  }
}

/** What a configuration may ask for and this version does not have yet is refused before anything starts. */
function refuseUnbuilt(config: RuntimeConfig): void {
  if (config.ports.https > 0) throw new ConsulError('not-built', 'HTTPS is not built yet: leave ports.https at -1')
}

/** A client agent never loads what only a server needs. */
async function startNode(parts: NodeParts): Promise<RunningNode> {
  if (!parts.config.server) return (await import('./client.ts')).startClient(parts)
  return (await import('./server.ts')).startServer(parts)
}

async function whenReady(caller: Caller, nodeName: string, until: Instant, host: Host): Promise<void> {
  for (let index: Index = 0; ; ) {
    const leftMs = until - host.now()
    try {
      const wait = { MinQueryIndex: index, MaxQueryTime: Math.max(1, leftMs) * NANOS_PER_MS }
      const { NodeServices, Index } = await caller.call('Catalog.NodeServiceList', { ...wait, Node: nodeName })
      if (NodeServices.Node !== null) return
      if (leftMs < 0) throw new ConsulError('refused', `${nodeName} does not come into the catalog`)
      index = Index
    } catch (error) {
      const early = error instanceof ConsulError && (error.code === 'no-leader' || error.code === 'no-servers')
      if (!early || leftMs < 0) throw error
      await new Promise<void>((done) => void host.wake(host.now() + READY_PAUSE_MS, done))
    }
  }
}

/** A unix socket is its own. */
function urlOf({ host, port }: Address): string {
  return host.startsWith('unix://') ? host : `http://${joinHostPort(host, port)}`
}
