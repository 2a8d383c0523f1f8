/**
 * What operators ask of a server that is not in the replicated state: Raft's members, how the servers fare, autopilot's
 * settings as this server has them. Source: Consul's agent/consul/operator_raft_endpoint.go and
 * operator_autopilot_endpoint.go.
 */
import { quoteGo } from '../base/go-flags.ts'
import type { Log } from '../base/log.ts'
import { messageOf } from '../base/message-of.ts'
import type { Authorizer } from '../core/acl/authorizer.ts'
import type { SerfMember } from '../core/gossip/serf.ts'
import { serverOf } from '../core/leader/autopilot.ts'
import { demand } from '../core/methods/refuse.ts'
import type { Server } from '../core/raft/messages.ts'
import type { Store } from '../core/store/store.ts'
import { ConsulError } from '../model/errors.ts'
import type { OperatorHealthReply } from '../model/operator.ts'
import type { Acts } from './dispatch.ts'
import type { Replica } from './replica.ts'

export type OperatorActs = Pick<Acts, Extract<keyof Acts, `Operator.${string}`>>

export interface OperatorParts {
  datacenter: string
  store: Pick<Store, 'read'>
  replica: Pick<Replica, 'status' | 'role' | 'change'>
  members(): SerfMember[]
  health(): OperatorHealthReply
  /** What the token may do. */
  authorize(token: string | undefined): Authorizer
  log: Log
}

export function operatorActs(parts: OperatorParts): OperatorActs {
  const { datacenter, store, replica, members, health, authorize, log } = parts
  const servers = () => replica.status().configuration.servers

  /** Raft itself keeps the last voter from being removed; that a removed server may come back is the operator's to know. */
  async function remove(server: Server | undefined, missing: string, shown: Record<string, string>) {
    if (server === undefined) throw new ConsulError('refused', `${missing} was not found in the Raft configuration`)
    try {
      await replica.change({ kind: 'remove', id: server.id })
    } catch (error) {
      log.warn('Failed to remove Raft peer', { ...shown, error: messageOf(error) })
      throw error
    }
    log.warn('Removed Raft peer', shown)
    return {}
  }

  return {
    'Operator.RaftGetConfiguration'({ Token }) {
      demand(authorize(Token), 'operator', 'read', '')
      const byAddress = new Map(members().map((member) => [serverOf(member, datacenter)?.address, member]))
      const leader = replica.role().leader?.address
      return {
        Servers: servers().map(({ id, address, suffrage }) => {
          const member = byAddress.get(address)
          return {
            ID: id,
            Node: member?.name ?? '(unknown)',
            Address: address,
            Leader: address === leader,
            ProtocolVersion: member === undefined ? 'unknown' : (member.tags.raft_vsn ?? ''),
            Voter: suffrage === 'voter',
          }
        }),
        Index: 0,
      }
    },
    'Operator.RaftRemovePeerByAddress'({ Address, Token }) {
      demand(authorize(Token), 'operator', 'write', '')
      const found = servers().find(({ address }) => address === Address)
      return remove(found, `address ${quoteGo(Address)}`, { peer: Address })
    },
    'Operator.RaftRemovePeerByID'({ ID, Token }) {
      demand(authorize(Token), 'operator', 'write', '')
      const found = servers().find(({ id }) => id === ID)
      return remove(found, `id ${quoteGo(ID)}`, { peer_id: ID })
    },
    'Operator.AutopilotGetConfiguration'({ Token }) {
      demand(authorize(Token), 'operator', 'read', '')
      const found = store.read((txn) => txn.get('autopilot', 'config'))
      if (found === undefined) throw new ConsulError('refused', 'autopilot config not initialized yet')
      return found
    },
    'Operator.ServerHealth'({ Token }) {
      demand(authorize(Token), 'operator', 'read', '')
      return health()
    },
  }
}
