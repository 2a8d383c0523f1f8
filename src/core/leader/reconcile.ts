/**
 * What the catalog must learn of a gossip member, decided by the leader: members alive are registered with a passing
 * serfHealth check, failed ones get a critical check, those that left or were reaped are deregistered. Servers also
 * stand in the catalog as instances of the service `consul`. Nothing is proposed when the catalog says so already.
 *
 * Who votes in Raft is not decided here. Source: Consul's agent/consul/leader.go, `reconcileMember`.
 */
import { NO_SERVICE, type NodeService, type RegisterRequest } from '../../model/catalog.ts'
import type { Command } from '../../model/command.ts'
import { type HealthCheck, NO_CHECK, SERF_HEALTH } from '../../model/health.ts'
import type { ReadTxn } from '../store/rows.ts'
import { deepEqual } from '../store/same.ts'
import { checkKey, nodeKey, serviceKey } from '../store/tables.ts'

const CONSUL_SERVICE = 'consul'
const SERF_HEALTH_NAME = 'Serf Health Status'
const ALIVE_OUTPUT = 'Agent alive and reachable'
const FAILED_OUTPUT = 'Agent not live or unreachable'

export interface GossipMember {
  name: string
  /** IP address as text. */
  addr: string
  /** 'reap': failed or left for so long that gossip has forgotten it. */
  status: 'none' | 'alive' | 'leaving' | 'left' | 'failed' | 'reap'
  tags: Readonly<Record<string, string>>
  protocolMin: number
  protocolMax: number
  protocolCur: number
}

/** The server that decides. */
export interface ReconcileSelf {
  nodeName: string
  datacenter: string
}

export interface Reconciliation {
  /** To be proposed, if any. */
  command: Command | undefined
  /** For the log, in Consul's words. */
  level: 'info' | 'warn'
  message: string
  fields: { member: string; reason?: string }
}

/** @returns undefined when there is nothing to do and nothing to say */
export function reconcileMember(txn: ReadTxn, member: GossipMember, self: ReconcileSelf): Reconciliation | undefined {
  const server = serverTags(member)
  const ours = member.tags.dc === self.datacenter
  if (!ours || !(member.tags.role === 'node' || (server !== undefined && server.segment === ''))) {
    return say('warn', 'skipping reconcile of node', member.name)
  }
  switch (member.status) {
    case 'alive':
      return alive(txn, member, server, self)
    case 'failed':
      return failed(txn, member, self)
    case 'left':
      return gone(txn, member.name, 'left', self)
    case 'reap':
      return gone(txn, member.name, 'reaped', self)
    case 'none':
    case 'leaving':
      return undefined
  }
}

/**
 * Nodes that gossip once vouched for and knows no longer are deregistered; nodes registered by hand stay, as they have
 * no serfHealth check.
 * @param known names of all members, in any state
 */
export function reapUnknown(txn: ReadTxn, known: ReadonlySet<string>, self: ReconcileSelf): Reconciliation[] {
  const found: Reconciliation[] = []
  for (const node of txn.prefix('nodes', '')) {
    const check = txn.get('checks', checkKey(node.Node, SERF_HEALTH))
    if (check === undefined || known.has(check.Node)) continue
    const reconciliation = gone(txn, check.Node, 'reaped', self)
    if (reconciliation !== undefined) found.push(reconciliation)
  }
  return found
}

function alive(
  txn: ReadTxn,
  member: GossipMember,
  server: ServerTags | undefined,
  self: ReconcileSelf,
): Reconciliation | undefined {
  const node = txn.get('nodes', nodeKey(member.name))
  const service = server === undefined ? null : consulService(member, server)
  if (node?.Address === member.addr && hasService(txn, member, service) && serfStatus(txn, member) === 'passing') {
    return undefined
  }
  const body: RegisterRequest = {
    ...registration(member, self),
    TaggedAddresses: node?.TaggedAddresses ?? null,
    NodeMeta: node?.Meta ?? null,
    Service: service,
    Check: serfCheck(member.name, 'passing', ALIVE_OUTPUT),
  }
  return { ...say('info', 'member joined, marking health alive', member.name), command: { type: 'Register', body } }
}

function failed(txn: ReadTxn, member: GossipMember, self: ReconcileSelf): Reconciliation | undefined {
  const node = txn.get('nodes', nodeKey(member.name))
  if (node === undefined) {
    return say('info', 'ignoring failed event for member because it does not exist in the catalog', member.name)
  }
  if (node.Address === member.addr && serfStatus(txn, member) === 'critical') return undefined
  const body: RegisterRequest = {
    ...registration(member, self),
    Check: serfCheck(member.name, 'critical', FAILED_OUTPUT),
    SkipNodeUpdate: true,
  }
  return { ...say('info', 'member failed, marking health critical', member.name), command: { type: 'Register', body } }
}

function gone(txn: ReadTxn, name: string, why: 'left' | 'reaped', self: ReconcileSelf): Reconciliation | undefined {
  if (name === self.nodeName) {
    return say('warn', 'deregistering self should be done by follower', name)
  }
  if (txn.get('nodes', nodeKey(name)) === undefined) return undefined
  const body = { Datacenter: self.datacenter, Node: name, ServiceID: '', CheckID: '', Token: '' }
  const fields = { member: name, reason: why }
  return { command: { type: 'Deregister', body }, level: 'info', message: 'deregistering member', fields }
}

function say(level: 'info' | 'warn', message: string, member: string): Reconciliation {
  return { command: undefined, level, message, fields: { member } }
}

function registration(member: GossipMember, self: ReconcileSelf): RegisterRequest {
  return {
    Datacenter: self.datacenter,
    ID: member.tags.id ?? '',
    Node: member.name,
    Address: member.addr,
    TaggedAddresses: null,
    NodeMeta: null,
    Service: null,
    Check: null,
    Checks: null,
    SkipNodeUpdate: false,
    Token: '',
    CreateIndex: 0,
    ModifyIndex: 0,
  }
}

function serfStatus(txn: ReadTxn, member: GossipMember): string | undefined {
  return txn.get('checks', checkKey(member.name, SERF_HEALTH))?.Status
}

/** Only the metadata counts: a server that comes back with another version or protocol is registered anew. */
function hasService(txn: ReadTxn, member: GossipMember, service: NodeService | null): boolean {
  if (service === null) return true
  const row = txn.get('services', serviceKey(member.name, service.ID))
  return row !== undefined && deepEqual(row.Service.Meta, service.Meta)
}

function serfCheck(node: string, status: string, output: string): HealthCheck {
  return { ...NO_CHECK, Node: node, CheckID: SERF_HEALTH, Name: SERF_HEALTH_NAME, Status: status, Output: output }
}

function consulService(member: GossipMember, server: ServerTags): NodeService {
  return {
    ...NO_SERVICE,
    ID: CONSUL_SERVICE,
    Service: CONSUL_SERVICE,
    Meta: {
      non_voter: String(member.tags.non_voter === 'true'),
      raft_version: String(server.raftVersion),
      serf_protocol_current: String(member.protocolCur),
      serf_protocol_min: String(member.protocolMin),
      serf_protocol_max: String(member.protocolMax),
      version: server.build,
    },
    Port: server.port,
    Weights: { Passing: 1, Warning: 1 },
  }
}

interface ServerTags {
  port: number
  raftVersion: number
  build: string
  segment: string
}

const WHOLE_NUMBER = /^[+-]?\d+$/
const BUILD = /\d+\.\d+\.\d+/

/** What a server says of itself in its tags; undefined for other members and for tags that make no sense. */
function serverTags(member: GossipMember): ServerTags | undefined {
  const { tags } = member
  const build = BUILD.exec(tags.build ?? '')?.[0]
  if (tags.role !== 'consul' || build === undefined) return undefined
  const numbers = [tags.port ?? '', tags.vsn ?? '', tags.raft_vsn ?? '0', tags.expect ?? '0', tags.wan_join_port ?? '0']
  if (!numbers.every((text) => WHOLE_NUMBER.test(text))) return undefined
  return { port: Number(tags.port), raftVersion: Number(tags.raft_vsn ?? '0'), build, segment: tags.segment ?? '' }
}
