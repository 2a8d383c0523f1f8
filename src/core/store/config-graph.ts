/**
 * Whether a configuration entry may be set or deleted beside all others: every discovery chain that it touches must
 * still compile, and ingress gateways must find the protocols that their listeners speak. Every server of a cluster
 * refuses alike. Source: Consul's agent/consul/state/config_entry.go.
 */
import {
  type ConfigEntry,
  type ConfigKind,
  type EntryOf,
  type IngressGateway,
  PROXY_CONFIG_GLOBAL,
  type ProxyDefaults,
  type ServiceDefaults,
  WILDCARD,
} from '../../model/config-entry.ts'
import { ConsulError } from '../../model/errors.ts'
import { type ChainEntries, compileChain, DEFAULT_NAMESPACE, DEFAULT_PROTOCOL } from './discovery-chain.ts'
import type { ReadTxn } from './rows.ts'
import { configKey, configPrefix } from './tables.ts'

/** Neither shows in what is checked here, so any will do. */
const ANY_DATACENTER = 'dc1'
const ANY_TRUST_DOMAIN = 'b6fc9da3-03d4-4b5a-9134-c045e9b20152.consul'
const CHAIN_KINDS = ['service-router', 'service-splitter', 'service-resolver'] as const

/** An entry as it is to become, in place of the stored one; `next` undefined for a deletion. */
interface Proposal {
  kind: ConfigKind
  name: string
  next: ConfigEntry | undefined
}

/** @throws ConsulError refused */
export function checkGraph(txn: ReadTxn, proposal: Proposal): void {
  const { kind, name } = proposal
  if (kind === 'proxy-defaults' && name !== PROXY_CONFIG_GLOBAL) return
  if (kind === 'ingress-gateway') refuseClash(txn, name, kind, 'terminating-gateway')
  if (kind === 'terminating-gateway') refuseClash(txn, name, kind, 'ingress-gateway')

  const chains = new Set<string>()
  const gateways: IngressGateway[] = []
  if (kind === 'proxy-defaults') {
    for (const each of CHAIN_KINDS)
      for (const entry of txn.prefix('config-entries', configPrefix(each))) chains.add(entry.Name)
    gateways.push(...entriesOf(txn, 'ingress-gateway'))
  } else if (kind === 'ingress-gateway') {
    if (proposal.next === undefined) return
    gateways.push(proposal.next as IngressGateway)
  } else {
    chains.add(name)
    for (const each of CHAIN_KINDS) {
      for (const entry of entriesOf(txn, each)) if (relatedServices(entry).includes(name)) chains.add(entry.Name)
    }
    for (const entry of entriesOf(txn, 'ingress-gateway'))
      if (relatedServices(entry).includes(name)) gateways.push(entry)
  }
  for (const gateway of gateways) for (const service of relatedServices(gateway)) chains.add(service)

  const compiled = new Map<string, { protocol: string; top: string }>()
  for (const service of chains) {
    const question = {
      service,
      namespace: DEFAULT_NAMESPACE,
      datacenter: ANY_DATACENTER,
      useInDatacenter: ANY_DATACENTER,
      trustDomain: ANY_TRUST_DOMAIN,
    }
    const chain = compileChain(question, chainEntries(txn, service, proposal))
    compiled.set(service, { protocol: chain.Protocol, top: chain.Nodes![chain.StartNode]!.Type })
  }
  // Who edits the gateway itself is held to its protocols more strictly than who edits a service behind it.
  for (const gateway of gateways) checkListeners(gateway, compiled, kind === 'ingress-gateway')
}

function refuseClash(txn: ReadTxn, name: string, kind: ConfigKind, other: ConfigKind): void {
  if (txn.get('config-entries', configKey(other, name)) === undefined) return
  throw new ConsulError(
    'refused',
    `cannot create a "${kind}" config entry with name "${name}", a "${other}" config entry with that name already exists`,
  )
}

function checkListeners(
  gateway: IngressGateway,
  compiled: Map<string, { protocol: string; top: string }>,
  strict: boolean,
): void {
  for (const listener of gateway.Listeners ?? []) {
    for (const { Name } of listener.Services ?? []) {
      if (Name === WILDCARD) continue
      const { protocol, top } = compiled.get(Name)!
      if (protocol === listener.Protocol) continue
      if (!strict && listener.Protocol === DEFAULT_PROTOCOL && top === 'resolver') continue
      throw new ConsulError(
        'refused',
        `service "${Name}" has protocol "${protocol}", which does not match defined listener protocol "${listener.Protocol}"`,
      )
    }
  }
}

/** The other services that an entry leads to; a router leads to itself as well. */
export function relatedServices(entry: ConfigEntry): string[] {
  const found = new Set<string>()
  switch (entry.Kind) {
    case 'service-router':
      found.add(entry.Name)
      for (const { Destination } of entry.Routes ?? [])
        if (Destination !== null) found.add(Destination.Service || entry.Name)
      break
    case 'service-splitter':
      for (const { Service } of entry.Splits ?? []) found.add(Service || entry.Name)
      found.delete(entry.Name)
      break
    case 'service-resolver':
      if (entry.Redirect !== null) found.add(entry.Redirect.Service || entry.Name)
      for (const { Service } of Object.values(entry.Failover ?? {})) found.add(Service || entry.Name)
      found.delete(entry.Name)
      break
    case 'ingress-gateway':
      for (const { Services } of entry.Listeners ?? []) for (const { Name } of Services ?? []) found.add(Name)
      found.delete(WILDCARD)
      break
    default:
      break
  }
  return [...found].sort()
}

/** All entries of one kind, in the order of their names. */
function* entriesOf<K extends ConfigKind>(txn: ReadTxn, kind: K): Iterable<EntryOf<K>> {
  for (const entry of txn.prefix('config-entries', configPrefix(kind))) yield entry as EntryOf<K>
}

/** The entries that the chain of a service may need, with the proposed one in place of the stored one. */
export function chainEntries(txn: ReadTxn, service: string, proposal?: Proposal): ChainEntries {
  function entry<K extends ConfigKind>(kind: K, name: string): EntryOf<K> | undefined {
    const proposed = proposal !== undefined && proposal.kind === kind && proposal.name === name
    const found = proposed ? proposal.next : txn.get('config-entries', configKey(kind, name))
    return found as EntryOf<K> | undefined
  }

  const found: ChainEntries = {
    routers: new Map(),
    splitters: new Map(),
    resolvers: new Map(),
    services: new Map(),
    globalProxy: entry('proxy-defaults', PROXY_CONFIG_GLOBAL),
  }
  const defaults = new Set([service])
  const splitters = new Set([service])
  const resolvers = new Set<string>()
  const router = entry('service-router', service)
  if (router !== undefined) {
    found.routers.set(service, router)
    splitters.clear()
    for (const name of relatedServices(router)) splitters.add(name)
  }
  // A set that grows while it is walked gives what was added as well.
  for (const name of splitters) {
    defaults.add(name)
    resolvers.add(name)
    const splitter = entry('service-splitter', name)
    if (splitter === undefined) continue
    found.splitters.set(name, splitter)
    for (const other of relatedServices(splitter)) splitters.add(other)
  }
  for (const name of resolvers) {
    defaults.add(name)
    const resolver = entry('service-resolver', name)
    if (resolver === undefined) continue
    found.resolvers.set(name, resolver)
    for (const other of relatedServices(resolver)) resolvers.add(other)
  }
  for (const name of defaults) {
    const own = entry('service-defaults', name)
    if (own !== undefined) found.services.set(name, own)
  }
  return found
}

/** The protocol of a service by its own defaults and those of all; nothing else is asked. */
export function protocolOf(txn: ReadTxn, service: string): string {
  const question = {
    service,
    namespace: DEFAULT_NAMESPACE,
    datacenter: ANY_DATACENTER,
    useInDatacenter: ANY_DATACENTER,
    trustDomain: ANY_TRUST_DOMAIN,
  }
  const own = txn.get('config-entries', configKey('service-defaults', service)) as ServiceDefaults | undefined
  const all = txn.get('config-entries', configKey('proxy-defaults', PROXY_CONFIG_GLOBAL)) as ProxyDefaults | undefined
  const entries: ChainEntries = {
    routers: new Map(),
    splitters: new Map(),
    resolvers: new Map(),
    services: new Map(own === undefined ? [] : [[service, own]]),
    globalProxy: all,
  }
  return compileChain(question, entries).Protocol
}
