/**
 * What a server answers from itself rather than from the replicated state: who leads, which servers there are, where they
 * stand, and what only runs on the leader. What is an operator's business is in operator.ts.
 */
import { formatGoDuration } from '../base/go-duration.ts'
import { type Instant, NANOS_PER_MS } from '../base/units.ts'
import { allowAll } from '../core/acl/authorizer.ts'
import { datacenterMaps, datacentersByDistance } from '../core/gossip/servers.ts'
import { coordinateUpdate } from '../core/methods/coordinate.ts'
import { renewal } from '../core/methods/session.ts'
import type { Server } from '../core/raft/messages.ts'
import type { RaftStatus } from '../core/raft/raft.ts'
import type { Store } from '../core/store/store.ts'
import type { Host } from '../host/host.ts'
import type { Caller } from '../model/rpc.ts'
import type { RuntimeConfig } from './config/runtime.ts'
import type { Acts } from './dispatch.ts'
import type { Gathering, Renewal } from './duties.ts'
import { keyringOperation } from './keyring-acts.ts'
import type { OperatorActs } from './operator.ts'
import type { Pools } from './pools.ts'
import type { Replica } from './replica.ts'
import { fireUserEvent } from './user-events.ts'

function contactText({ role, lastContact }: RaftStatus, now: Instant): string {
  if (role === 'leader') return '0'
  return lastContact === null ? 'never' : formatGoDuration(Math.round((now - lastContact) * NANOS_PER_MS))
}

export interface ActsParts extends Renewal, Gathering {
  operator: OperatorActs
  config: RuntimeConfig
  host: Host
  replica: Replica
  store: Store
  pools: Pools
  /** All that have servers in the WAN. */
  datacenters(): string[]
  /** Asks this server, or another datacenter's. */
  call: Caller['call']
}

export function serverActs(parts: ActsParts): Acts {
  const { config, host, replica, store, renew, gather, pools, operator, datacenters, call } = parts
  const places = pools.wan === undefined ? [pools.lan.serf] : [pools.lan.serf, pools.wan.serf]
  return {
    ...operator,
    'Status.Ping': () => ({}),
    'Status.Leader': () => replica.role().leader?.address ?? '',
    'Status.Peers': () => replica.status().configuration.servers.map(({ address }: Server) => address),
    'Status.RaftStats'() {
      const status = replica.status()
      const { lastIndex, lastTerm } = status
      return { LastContact: contactText(status, host.now()), LastIndex: lastIndex, LastTerm: lastTerm }
    },
    async 'Internal.EventFire'({ Name, Payload }) {
      await fireUserEvent(pools, Name, Payload ?? new Uint8Array(0))
      return { Index: 0, LastContact: 0, KnownLeader: replica.role().leader !== null }
    },
    'Internal.KeyringOperation': (args) =>
      keyringOperation({ datacenter: config.datacenter, pools, datacenters, call }, args),
    'Coordinate.Update'(args) {
      gather(coordinateUpdate(args, pools.coordinate(), allowAll))
      return {}
    },
    'Catalog.ListDatacenters': () => datacentersByDistance(config.datacenter, places),
    'Coordinate.ListDatacenters': () =>
      datacenterMaps({ wan: pools.wan?.serf }, `${config.nodeName}.${config.datacenter}`),
    'Session.Renew'(args) {
      const found = store.read((txn) => renewal(txn, args, allowAll))
      for (const session of found.Sessions ?? []) renew(session)
      // Consul's does not fill in who leads.
      return { ...found, LastContact: 0, KnownLeader: false }
    },
  }
}
