/**
 * Gossip's keys for operators: asks the members of the WAN and of this datacenter's LAN, and a server of every other
 * datacenter for its LAN. How members are asked is core/gossip/key-manager.ts's affair.
 * Source: Consul's agent/consul/internal_endpoint.go.
 */
import { allowAll } from '../core/acl/authorizer.ts'
import type { KeyOutcome } from '../core/gossip/serf.ts'
import { demand } from '../core/methods/refuse.ts'
import { ConsulError } from '../model/errors.ts'
import type { KeyringRequest, KeyringResponse, KeyringResponses } from '../model/keyring.ts'
import type { Caller } from '../model/rpc.ts'
import type { PoolName } from './gossip.ts'
import type { Pools } from './pools.ts'

const OPERATIONS: readonly string[] = ['list', 'install', 'use', 'remove']
const NO_META = { Index: 0, LastContact: 0, KnownLeader: false }

export interface KeyringParts {
  datacenter: string
  pools: Pick<Pools, 'keys' | 'wan'>
  /** All that are known, this one perhaps among them. */
  datacenters(): string[]
  call: Caller['call']
}

export async function keyringOperation(parts: KeyringParts, args: KeyringRequest): Promise<KeyringResponses> {
  const { datacenter, pools, datacenters, call } = parts
  const local = args.LocalOnly === true
  if (local && args.Operation !== 'list') {
    throw new ConsulError('refused', 'argument error: LocalOnly can only be used for List operations')
  }
  if (!OPERATIONS.includes(args.Operation)) throw new ConsulError('refused', 'Invalid keyring operation')
  demand(allowAll, 'keyring', args.Operation === 'list' ? 'read' : 'write', '')

  const ask = async (pool: PoolName): Promise<KeyringResponse> =>
    response(
      await pools.keys(pool, { operation: args.Operation, key: args.Key ?? '', relayFactor: args.RelayFactor ?? 0 }),
      datacenter,
      pool === 'wan',
    )
  if (local || args.Forwarded || pools.wan === undefined) return { ...NO_META, Responses: [await ask('lan')] }
  const Responses = [await ask('wan'), await ask('lan')]
  const others = datacenters().filter((name) => name !== datacenter)
  const elsewhere = await Promise.all(
    others.map((Datacenter) => call('Internal.KeyringOperation', { ...args, Datacenter, Forwarded: true })),
  )
  return { ...NO_META, Responses: [...Responses, ...elsewhere.flatMap((reply) => reply.Responses ?? [])] }
}

function response(outcome: KeyOutcome, datacenter: string, wan: boolean): KeyringResponse {
  return {
    WAN: wan,
    Datacenter: datacenter,
    Segment: '',
    Messages: outcome.messages,
    Keys: outcome.keys,
    PrimaryKeys: outcome.primaryKeys,
    NumNodes: outcome.nodes,
    Error: outcome.error,
  }
}
