/**
 * An agent's gossip pools: all agents of its datacenter (LAN) and, for a server, the servers of all datacenters (WAN),
 * into which it brings those of its own. Opens them as the configuration says, and tells what comes through them.
 */
import { joinHostPort } from '../base/host-port.ts'
import { lanMember, wanMember } from '../core/gossip/members.ts'
import { isServer, lanRefusal, wanRefusal } from '../core/gossip/pools.ts'
import type { KeyOutcome, KeyRequestParams, SerfMember } from '../core/gossip/serf.ts'
import type { Disk, Host } from '../host/host.ts'
import type { Coordinate } from '../model/coordinate.ts'
import { ConsulError } from '../model/errors.ts'
import type { Member, Self } from '../serve/backend.ts'
import { withinCidrs } from './cidrs.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import { type Flood, makeFlood } from './flood.ts'
import { type GossipPool, type MemberEvent, openPool, type PoolName, type PoolParts } from './gossip.ts'
import { makeJoins } from './joins.ts'
import { loadKeyring } from './keyring.ts'
import { openSerfSnapshot } from './serf-snapshot.ts'
import { CONSUL_API_VERSION } from './version.ts'

const NEW_LEADER = 'consul:new-leader'

type OnMember = (event: MemberEvent, member: SerfMember) => void
/** @returns false when it is none that the listener knows */
type OnUserEvent = (name: string, payload: Uint8Array | null, time: number) => boolean

export interface Pools {
  /** As the pools have them: a port of 0 has become a number. */
  readonly ports: { serfLan: number; serfWan: number }
  members(pool: PoolName): Member[]
  lanMembers(): SerfMember[]
  /** The pool itself; a client agent is in no WAN. */
  readonly lan: Pick<GossipPool, 'serf'>
  readonly wan: Pick<GossipPool, 'serf'> | undefined
  stats(pool: PoolName): Record<string, string>
  coordinate(): Coordinate
  /** Tells all agents of the datacenter. */
  fire(name: string, payload: Uint8Array): Promise<void>
  readonly self: Pick<Self, 'join' | 'forceLeave'>
  /** Members of a pool, as they come and go from now on. */
  onMember(pool: PoolName, run: OnMember): void
  onUserEvent(run: OnUserEvent): void
  /** Another server leads, and this agent has heard of it. */
  onNewLeader(run: () => void): void
  /** Tells all agents who leads now. */
  announceLeader(): void
  /** Joins those that must be joined at start, or throws; goes on trying for the others. */
  joinAtStart(): Promise<void>
  /** Changes or lists the keys of all members of a pool. */
  keys(pool: PoolName, params: KeyRequestParams): Promise<KeyOutcome>
  leave(): Promise<void>
  stop(): Promise<void>
}

export interface PoolsParts {
  /** With the port that server RPC has. */
  config: RuntimeConfig
  nodeId: string
  host: Host
  disk: Disk
  /** After the last attempt to join has failed. */
  stopAgent(failure: Error): void
}

/** @throws an error in Consul's words when a port cannot be had; nothing is left open then */
export async function openPools({ config, nodeId, host, disk, stopAgent }: PoolsParts): Promise<Pools> {
  const { gossip } = config
  const log = host.log.named(config.server ? 'server' : 'client')
  const identity = (serfWan: number) => ({ ...config, nodeId, ports: { ...config.ports, serfWan } })
  const common = {
    host,
    role: config.server ? ('server' as const) : ('client' as const),
    verifyIncoming: gossip.verifyIncoming,
    verifyOutgoing: gossip.verifyOutgoing,
  }
  const listeners: Record<PoolName, OnMember[]> = { lan: [], wan: [] }
  let onUserEvent: OnUserEvent = () => false
  let onNewLeader = () => {}
  let flood: Flood | undefined

  /** How the configuration tunes a pool, and what it knows from before. */
  async function remembered(
    pool: PoolName,
  ): Promise<Pick<PoolParts, 'memberlist' | 'reconnectTimeoutMs' | 'allowed' | 'keyring' | 'snapshot'>> {
    const { memberlist, reconnectTimeoutMs, allowedCidrs } = gossip[pool]
    const { rejoinAfterLeave } = gossip
    return {
      memberlist,
      reconnectTimeoutMs,
      allowed: allowedCidrs.length === 0 ? undefined : withinCidrs(allowedCidrs),
      keyring: await loadKeyring(pool, config, disk, host.log),
      snapshot: config.dev
        ? undefined
        : await openSerfSnapshot({ pool, disk, host, rejoinAfterLeave, log: log.named('serf').named(pool) }),
    }
  }

  const wanSelf = wanMember(identity(config.ports.serfWan), CONSUL_API_VERSION)
  const wan: GossipPool | undefined =
    !config.server || config.ports.serfWan < 0
      ? undefined
      : await openPool({
          ...common,
          pool: 'wan',
          name: wanSelf.Name,
          bind: { host: gossip.wan.bindAddr, port: config.ports.serfWan },
          advertise: config.advertiseAddrWan,
          tags: wanSelf.Tags,
          ...(await remembered('wan')),
          refusal: wanRefusal,
          onMember: wanEvent,
          onUserEvent: () => {},
        })
  const lanSelf = lanMember(identity(wan?.port ?? -1), CONSUL_API_VERSION)
  let lan: GossipPool
  try {
    lan = await openPool({
      ...common,
      pool: 'lan',
      name: config.nodeName,
      bind: { host: gossip.lan.bindAddr, port: config.ports.serfLan },
      advertise: config.advertiseAddr,
      tags: lanSelf.Tags,
      ...(await remembered('lan')),
      refusal: lanRefusal({ nodeName: config.nodeName, nodeId, datacenter: config.datacenter, segment: '' }),
      onMember: lanEvent,
      onUserEvent: userEvent,
    })
  } catch (error) {
    await wan?.stop()
    throw error
  }
  if (wan !== undefined) {
    // Of itself a server tells once both pools stand.
    tellWan('join', wanSelf.Name)
    flood = makeFlood({ host, nodeName: config.nodeName, lan, wan, log })
  }
  const joins = makeJoins({
    host,
    lan,
    wan,
    wishes: { lan: gossip.lan.join, wan: gossip.wan.join },
    stopAgent,
  })

  lan.rejoin()
  wan?.rejoin()

  function wanEvent(event: MemberEvent, member: SerfMember): void {
    if (event !== 'reap' && member.name !== wanSelf.Name) tellWan(event, member.name)
    for (const run of listeners.wan) run(event, member)
  }

  function tellWan(event: MemberEvent, server: string): void {
    log.info('Handled event for server in area', { event: `member-${event}`, server, area: 'wan' })
  }

  function lanEvent(event: MemberEvent, member: SerfMember): void {
    if (isServer(member.tags) && member.tags.segment === '') tellServer(event, member)
    for (const run of listeners.lan) run(event, member)
    if (event === 'join' && member.name !== config.nodeName) flood?.look()
  }

  function tellServer(event: MemberEvent, { name, addr, tags }: SerfMember): void {
    const server = `${name} (Addr: tcp/${joinHostPort(addr, Number(tags.port))}) (DC: ${tags.dc})`
    const verb = event === 'join' ? 'Adding' : event === 'update' ? 'Updating' : 'Removing'
    log.info(config.server ? `${verb} LAN server` : `${verb.toLowerCase()} server`, { server })
  }

  function userEvent(name: string, payload: Uint8Array | null, time: number): void {
    if (name === NEW_LEADER) {
      const leader = Buffer.from(payload ?? []).toString()
      // Of our own we have told already.
      if (leader !== config.nodeName) log.info('New leader elected', { payload: leader })
      onNewLeader()
    } else if (onUserEvent(name, payload, time)) {
      log.debug('User event', { event: name })
    } else if (name.startsWith('consul:')) {
      log.warn('Unhandled local event', { event: name })
    }
  }

  return {
    ports: { serfLan: lan.port, serfWan: wan?.port ?? -1 },
    members: (pool) => (pool === 'lan' ? lan : wan)?.members() ?? [],
    lanMembers: () => lan.serf.members(),
    lan,
    wan,
    stats: (pool) => (pool === 'lan' ? lan : wan)?.serf.stats() ?? {},
    coordinate: () => lan.serf.coordinate(),
    fire: (name, payload) => lan.fire(name, payload, false),
    self: {
      async join(address, pool) {
        await joins.join([address], pool)
      },
      async forceLeave(name, prune) {
        host.log.info('Force leaving node', { node: name })
        if (lan.serf.member(name) === undefined && wan?.serf.member(name) === undefined) {
          throw new ConsulError('refused', `agent: No node found with name '${name}'`)
        }
        // A server's name in the WAN has its datacenter behind it; that of another datacenter is given whole.
        const whole = wan?.serf.member(name) === undefined ? `${name}.${config.datacenter}` : name
        await Promise.all([lan.forceLeave(name, prune), wan?.forceLeave(whole, prune)])
      },
    },
    onMember(pool, run) {
      listeners[pool].push(run)
    },
    onUserEvent(run) {
      onUserEvent = run
    },
    onNewLeader(run) {
      onNewLeader = run
    },
    announceLeader() {
      lan.fire(NEW_LEADER, Buffer.from(config.nodeName), false).catch((error: Error) => {
        log.warn('failed to broadcast new leader event', { error: error.message })
      })
    },
    joinAtStart: joins.atStart,
    keys: (pool, params) => (pool === 'wan' && wan !== undefined ? wan : lan).keys(params),
    async leave() {
      await Promise.all([wan?.leave(), lan.leave()])
    },
    async stop() {
      flood?.stop()
      joins.stop()
      await Promise.all([lan.stop(), wan?.stop()])
    },
  }
}
