/**
 * A server's two gossip pools: all agents of its datacenter (LAN), and the servers of all datacenters (WAN), into which
 * each server brings the others of its own. Wires the pools to configuration, joins at start, and what HTTP asks of them.
 */

import { formatGoDuration } from '../base/go-duration.ts'
import { messageOf } from '../base/message-of.ts'
import { NANOS_PER_MS } from '../base/units.ts'
import { lanMember, wanMember } from '../core/gossip/members.ts'
import { isServer, lanRefusal, wanRefusal } from '../core/gossip/pools.ts'
import type { SerfMember } from '../core/gossip/serf.ts'
import type { Cancel, Host } from '../host/host.ts'
import type { Coordinate } from '../model/coordinate.ts'
import { ConsulError } from '../model/errors.ts'
import type { Member, Self } from '../serve/backend.ts'
import type { JoinConfig, RuntimeConfig } from './config/runtime.ts'
import { joinHostPort } from './describe.ts'
import { type GossipPool, type MemberEvent, openPool, type PoolName } from './gossip.ts'
import { keepUserEvents, type UserEvents } from './user-events.ts'
import { CONSUL_API_VERSION } from './version.ts'

/** How often servers that the WAN misses are brought into it, besides at once when they join. */
const FLOOD_MS = 60_000
const NEW_LEADER = 'consul:new-leader'

export interface Pools {
  /** As the pools have them: a port of 0 has become a number. */
  readonly ports: { serfLan: number; serfWan: number }
  members(pool: PoolName): Member[]
  lanMembers(): SerfMember[]
  stats(pool: PoolName): Record<string, string>
  coordinate(): Coordinate
  fireEncoded: UserEvents['fireEncoded']
  readonly self: Pick<Self, 'join' | 'forceLeave' | 'fireEvent' | 'events' | 'nextEvent'>
  /** Members of the LAN, as they come and go. */
  onMember(run: (event: MemberEvent, member: SerfMember) => void): void
  /** Tells all agents who leads now. */
  announceLeader(): void
  /** Joins those that must be joined at start, or throws; goes on trying for the others. */
  joinAtStart(): Promise<void>
  leave(): Promise<void>
  stop(): Promise<void>
}

export interface PoolsParts {
  /** With the port that server RPC has. */
  config: RuntimeConfig
  nodeId: string
  host: Host
  services: Parameters<typeof keepUserEvents>[0]['services']
  /** After the last attempt to join has failed. */
  stopAgent(): void
}

/** @throws an error in Consul's words when a port cannot be had; nothing is left open then */
export async function openPools(parts: PoolsParts): Promise<Pools> {
  const { config, nodeId, host } = parts
  const { gossip } = config
  const log = host.log.named('server')
  const identity = (serfWan: number) => ({ ...config, nodeId, ports: { ...config.ports, serfWan } })
  const common = {
    host,
    keys: gossip.key === undefined ? [] : [gossip.key],
    verifyIncoming: gossip.verifyIncoming,
    verifyOutgoing: gossip.verifyOutgoing,
  }
  let onMember = (_event: MemberEvent, _member: SerfMember) => {}
  let stopped = false
  let flooding: Cancel | undefined
  const retries = new Set<Cancel>()

  const wanSelf = wanMember(identity(config.ports.serfWan), CONSUL_API_VERSION)
  const wan: GossipPool | undefined =
    config.ports.serfWan < 0
      ? undefined
      : await openPool({
          ...common,
          pool: 'wan',
          name: wanSelf.Name,
          bind: { host: gossip.wan.bindAddr, port: config.ports.serfWan },
          advertise: config.advertiseAddrWan,
          tags: wanSelf.Tags,
          memberlist: gossip.wan.memberlist,
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
      memberlist: gossip.lan.memberlist,
      refusal: lanRefusal({ nodeName: config.nodeName, nodeId, datacenter: config.datacenter, segment: '' }),
      onMember: lanEvent,
      onUserEvent: userEvent,
    })
  } catch (error) {
    await wan?.stop()
    throw error
  }

  // Of itself a server tells once both pools stand.
  if (wan !== undefined) tellWan('join', wanSelf.Name)

  const events = keepUserEvents({
    host,
    nodeName: config.nodeName,
    fire: (name, payload) => lan.fire(name, payload, false),
    services: parts.services,
    log: host.log,
  })

  function wanEvent(event: MemberEvent, { name }: SerfMember): void {
    if (event !== 'reap' && name !== wanSelf.Name) tellWan(event, name)
  }

  function tellWan(event: MemberEvent, server: string): void {
    log.info('Handled event for server in area', { event: `member-${event}`, server, area: 'wan' })
  }

  function lanEvent(event: MemberEvent, member: SerfMember): void {
    if (isServer(member.tags) && member.tags.segment === '') tellServer(event, member)
    onMember(event, member)
    if (event === 'join' && member.name !== config.nodeName) flood()
  }

  function tellServer(event: MemberEvent, { name, addr, tags }: SerfMember): void {
    const server = `${name} (Addr: tcp/${joinHostPort(addr, Number(tags.port))}) (DC: ${tags.dc})`
    if (event === 'join') log.info('Adding LAN server', { server })
    else if (event === 'update') log.info('Updating LAN server', { server })
    else log.info('Removing LAN server', { server })
  }

  function userEvent(name: string, payload: Uint8Array | null, time: number): void {
    if (name === NEW_LEADER) {
      const leader = Buffer.from(payload ?? []).toString()
      // Of our own we have told already.
      if (leader !== config.nodeName) log.info('New leader elected', { payload: leader })
    } else if (!events.receive(name, payload, time) && name.startsWith('consul:')) {
      log.warn('Unhandled local event', { event: name })
    }
  }

  /** Brings the LAN's servers into the WAN. */
  function flood(): void {
    if (wan === undefined || stopped) return
    flooding?.()
    const known = new Set(
      wan.serf
        .members()
        .filter(({ status }) => status === 'alive')
        .map(({ name }) => name),
    )
    let others = false
    for (const { name, addr, status, tags } of lan.serf.members()) {
      if (name === config.nodeName || status !== 'alive' || !isServer(tags)) continue
      others = true
      const port = Number(tags.wan_join_port ?? 0)
      if (port <= 0 || known.has(`${name}.${tags.dc}`)) continue
      wan.join([joinHostPort(addr, port)]).then(
        () => log.debug('Successfully performed flood-join for server at address', { server: name, address: addr }),
        (error: Error) => log.debug('Failed to flood-join server at address', { server: name, error: error.message }),
      )
    }
    flooding = others ? host.wake(host.now() + FLOOD_MS, flood) : undefined
  }

  async function join(addresses: readonly string[], pool: PoolName): Promise<number> {
    const area = pool.toUpperCase()
    host.log.info(`(${area}) joining`, { [`${pool}_addresses`]: `[${addresses.join(' ')}]` })
    const target = pool === 'lan' ? lan : wan
    try {
      if (target === undefined) throw new Error('Must be a server to join WAN cluster')
      const joined = await target.join(addresses)
      host.log.info(`(${area}) joined`, { number_of_nodes: joined })
      return joined
    } catch (error) {
      const why = messageOf(error)
      host.log.warn(`(${area}) couldn't join`, { number_of_nodes: 0, error: why })
      throw new ConsulError('refused', why)
    }
  }

  function retryJoin(pool: PoolName, wish: JoinConfig): void {
    if (wish.retry.length === 0) return
    host.log.info('Joining cluster...', { cluster: pool.toUpperCase() })
    let attempts = 0
    const attempt = async () => {
      const addresses = wish.retry.filter((address) => {
        if (!address.includes('provider=')) return true
        const error = 'cloud providers are not built: name addresses'
        host.log.error('Cannot discover address', { address, error })
        return false
      })
      try {
        if (addresses.length === 0) throw new Error('No servers to join')
        const joined = await join(addresses, pool)
        host.log.info('Join cluster completed. Synced with initial agents', { num_agents: joined })
      } catch (error) {
        if (stopped) return
        attempts += 1
        if (wish.attemptsMax > 0 && attempts > wish.attemptsMax) {
          host.log.error(`agent: max join ${pool.toUpperCase()} retry exhausted, exiting`)
          parts.stopAgent()
          return
        }
        host.log.warn('Join cluster failed, will retry', {
          retry_interval: formatGoDuration(wish.retryIntervalMs * NANOS_PER_MS),
          error: messageOf(error),
        })
        const cancel = host.wake(host.now() + wish.retryIntervalMs, () => {
          retries.delete(cancel)
          void attempt()
        })
        retries.add(cancel)
      }
    }
    void attempt()
  }

  return {
    ports: { serfLan: lan.port, serfWan: wan?.port ?? -1 },
    members: (pool) => (pool === 'lan' ? lan : wan)?.members() ?? [],
    lanMembers: () => lan.serf.members(),
    stats: (pool) => (pool === 'lan' ? lan : wan)?.serf.stats() ?? {},
    coordinate: () => lan.serf.coordinate(),
    fireEncoded: events.fireEncoded,
    self: {
      async join(address, pool) {
        await join([address], pool)
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
      fireEvent: (wish) => events.fire(wish),
      events: () => events.list(),
      nextEvent: (timeoutMs, gone) => events.next(timeoutMs, gone),
    },
    onMember(run) {
      onMember = run
    },
    announceLeader() {
      lan.fire(NEW_LEADER, Buffer.from(config.nodeName), false).catch((error: Error) => {
        log.warn('failed to broadcast new leader event', { error: error.message })
      })
    },
    async joinAtStart() {
      for (const pool of ['lan', 'wan'] as const) {
        const { atStart } = gossip[pool].join
        if (atStart.length === 0) continue
        const joined = await join(atStart, pool)
        const what = pool === 'lan' ? 'Join' : 'Join -wan'
        host.log.info(`${what} completed. Initial agents synced with`, { agent_count: joined })
      }
      for (const pool of ['lan', 'wan'] as const) retryJoin(pool, gossip[pool].join)
    },
    async leave() {
      await Promise.all([wan?.leave(), lan.leave()])
    },
    async stop() {
      stopped = true
      events.stop()
      flooding?.()
      for (const cancel of retries) cancel()
      await Promise.all([lan.stop(), wan?.stop()])
    },
  }
}
