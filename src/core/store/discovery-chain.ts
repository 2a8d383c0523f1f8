/**
 * Compiling a discovery chain: from a service's name and the configuration entries it leads to, a graph of routers,
 * splitters and resolvers that ends in targets. Also what refuses configuration entries that would make no sense
 * together: mixed protocols, circles, subsets that do not exist. Pure; which entries are read is in config-graph.ts.
 * Source: Consul's agent/consul/discoverychain/compile.go.
 */
import { assert } from '../../base/assert.ts'
import type { Nanos } from '../../base/units.ts'
import type { MeshGatewayConfig } from '../../model/catalog.ts'
import type {
  ProxyDefaults,
  ServiceDefaults,
  ServiceResolver,
  ServiceRouter,
  ServiceSplitter,
} from '../../model/config-entry.ts'
import { splitWeight } from '../../model/config-rules.ts'
import type {
  CompiledDiscoveryChain,
  DiscoveryNode,
  DiscoveryRoute,
  DiscoverySplit,
  DiscoveryTarget,
} from '../../model/discovery-chain.ts'
import { ConsulError } from '../../model/errors.ts'
import { customizationHash } from './customization-hash.ts'

export const DEFAULT_NAMESPACE = 'default'
export const DEFAULT_PROTOCOL = 'tcp'
const CONNECT_TIMEOUT: Nanos = 5e9
const ADVANCED_PROTOCOLS = new Set(['http', 'http2', 'grpc'])

/** The entries that a chain may need, by the name they were asked under. */
export interface ChainEntries {
  routers: Map<string, ServiceRouter>
  splitters: Map<string, ServiceSplitter>
  resolvers: Map<string, ServiceResolver>
  services: Map<string, ServiceDefaults>
  globalProxy: ProxyDefaults | undefined
}

export interface ChainQuestion {
  service: string
  namespace: string
  /** Where it is evaluated, and from where it will be used. */
  datacenter: string
  useInDatacenter: string
  trustDomain: string
  overrideMeshGateway?: MeshGatewayConfig | undefined
  overrideProtocol?: string | undefined
  overrideConnectTimeout?: Nanos | undefined
}

/** @throws ConsulError refused, when the entries contradict each other */
export function compileChain(question: ChainQuestion, entries: ChainEntries): CompiledDiscoveryChain {
  if (question.service === '') throw graphFault('serviceName is required')
  return new Compiler(question, entries).compile()
}

function nodeKeyOf({ Type, Name }: DiscoveryNode): string {
  return `${Type}:${Name}`
}

function graphFault(message: string): ConsulError {
  return new ConsulError('refused', message)
}

class Compiler {
  private readonly question: ChainQuestion
  private readonly entries: ChainEntries
  private readonly resolvers: Map<string, ServiceResolver>
  private readonly splitterNodes = new Map<string, DiscoveryNode>()
  private readonly resolverNodes = new Map<string, DiscoveryNode>()
  private readonly nodes = new Map<string, DiscoveryNode>()
  private readonly targets = new Map<string, DiscoveryTarget>()
  private readonly retained = new Set<string>()
  /** The protocol asked for knows no routes and splits, so they are passed over. */
  private readonly plain: boolean
  private advanced = false
  private protocol = ''
  private customized = { meshGateway: false, protocol: false, connectTimeout: false }

  constructor(question: ChainQuestion, entries: ChainEntries) {
    this.question = question
    this.entries = entries
    this.resolvers = new Map(entries.resolvers)
    const override = question.overrideProtocol ?? ''
    this.plain = override !== '' && !ADVANCED_PROTOCOLS.has(override)
  }

  compile(): CompiledDiscoveryChain {
    const { question } = this
    const start = this.assemble()
    this.refuseCircles(start)
    this.flattenSplitters()
    this.dropUnused(start)
    for (const id of [...this.targets.keys()]) if (!this.retained.has(id)) this.targets.delete(id)
    if (this.advanced && !ADVANCED_PROTOCOLS.has(this.protocol)) {
      throw graphFault(
        `discovery chain "${question.service}" uses a protocol "${this.protocol}" that does not permit advanced routing or splitting behavior`,
      )
    }
    const override = question.overrideProtocol ?? ''
    if (override !== '' && override !== this.protocol) {
      this.protocol = override
      this.customized.protocol = true
    }
    return {
      ServiceName: question.service,
      Namespace: question.namespace,
      Datacenter: question.datacenter,
      CustomizationHash: this.hash(),
      Protocol: this.protocol,
      StartNode: start,
      Nodes: Object.fromEntries(this.nodes),
      Targets: Object.fromEntries(this.targets),
    }
  }

  private hash(): string {
    const { meshGateway, protocol, connectTimeout } = this.customized
    if (!meshGateway && !protocol && !connectTimeout) return ''
    return customizationHash({
      meshGateway: meshGateway ? (this.question.overrideMeshGateway?.Mode ?? '') : '',
      protocol: protocol ? (this.question.overrideProtocol ?? '') : '',
      connectTimeout: connectTimeout ? (this.question.overrideConnectTimeout ?? 0) : 0,
    })
  }

  private assemble(): string {
    const { service } = this.question
    const { routers, splitters } = this.entries
    if (routers.size === 0 && splitters.size === 0 && this.resolvers.size === 0) {
      this.resolvers.set(service, defaultResolver(service))
    }
    let router = routers.get(service)
    if (router !== undefined && this.plain) {
      router = undefined
      this.customized.protocol = true
    }
    if (router === undefined) return nodeKeyOf(this.splitterOrResolver(this.target(service, '', '', '')))
    const Routes: DiscoveryRoute[] = []
    const node: DiscoveryNode = {
      Type: 'router',
      Name: `${router.Name}.${DEFAULT_NAMESPACE}`,
      Routes,
      Splits: null,
      Resolver: null,
    }
    this.advanced = true
    this.recordServiceProtocol(router.Name)
    for (const route of router.Routes ?? []) {
      const to = route.Destination
      const target = this.target(
        to?.Service || service,
        to?.ServiceSubset ?? '',
        to?.Namespace || DEFAULT_NAMESPACE,
        '',
      )
      const next = to?.ServiceSubset ? this.resolver(target, false) : this.splitterOrResolver(target)
      Routes.push({ Definition: route, NextNode: nodeKeyOf(next) })
    }
    const rest = this.splitterOrResolver(this.target(router.Name, '', DEFAULT_NAMESPACE, ''))
    Routes.push({ Definition: defaultRoute(router.Name), NextNode: nodeKeyOf(rest) })
    this.record(node)
    return nodeKeyOf(node)
  }

  private record(node: DiscoveryNode): void {
    if (node.Type === 'splitter') this.splitterNodes.set(node.Name, node)
    if (node.Type === 'resolver') this.resolverNodes.set(node.Resolver!.Target, node)
    this.nodes.set(nodeKeyOf(node), node)
  }

  private recordServiceProtocol(service: string): void {
    const own = this.entries.services.get(service)
    this.recordProtocol(service, own !== undefined ? own.Protocol : globalProtocol(this.entries.globalProxy))
  }

  private recordProtocol(service: string, said: string): void {
    const protocol = said === '' ? DEFAULT_PROTOCOL : said.toLowerCase()
    if (this.protocol === '') this.protocol = protocol
    else if (this.protocol !== protocol) {
      throw graphFault(
        `discovery chain "${this.question.service}" uses inconsistent protocols; service "${service}" has "${protocol}" which is not "${this.protocol}"`,
      )
    }
  }

  private target(service: string, subset: string, namespace: string, datacenter: string): DiscoveryTarget {
    const { question } = this
    const Namespace = namespace || question.namespace
    const Datacenter = datacenter || question.datacenter
    const ID = `${subset === '' ? '' : `${subset}.`}${service}.${Namespace}.${Datacenter}`
    const known = this.targets.get(ID)
    if (known !== undefined) return known
    const SNI = `${ID}.internal.${question.trustDomain}`
    const target: DiscoveryTarget = {
      ID,
      Service: service,
      ServiceSubset: subset,
      Namespace,
      Datacenter,
      MeshGateway: { Mode: '' },
      Subset: { Filter: '', OnlyPassing: false },
      External: false,
      SNI,
      Name: SNI,
    }
    this.targets.set(ID, target)
    return target
  }

  /** Another service begins without a subset; what is "" stays as it was. */
  private rewritten(
    from: DiscoveryTarget,
    service: string,
    subset: string,
    namespace: string,
    datacenter: string,
  ): DiscoveryTarget {
    const moved = service !== '' && service !== from.Service
    return this.target(
      moved ? service : from.Service,
      subset || (moved ? '' : from.ServiceSubset),
      namespace || from.Namespace,
      datacenter || from.Datacenter,
    )
  }

  private splitterOrResolver(target: DiscoveryTarget): DiscoveryNode {
    return this.splitter(target.Service) ?? this.resolver(target, false)
  }

  private splitter(service: string): DiscoveryNode | undefined {
    const name = `${service}.${DEFAULT_NAMESPACE}`
    const known = this.splitterNodes.get(name)
    if (known !== undefined) return known
    const entry = this.entries.splitters.get(service)
    if (entry === undefined) return undefined
    if (this.plain) {
      this.customized.protocol = true
      return undefined
    }
    const Splits: DiscoverySplit[] = []
    const node: DiscoveryNode = { Type: 'splitter', Name: name, Routes: null, Splits, Resolver: null }
    // Known from here on, so that a circle ends here rather than never.
    this.record(node)
    for (const split of entry.Splits ?? []) {
      const compiled: DiscoverySplit = { Weight: split.Weight, NextNode: '' }
      Splits.push(compiled)
      const to = split.Service || service
      const next = to !== service && split.ServiceSubset === '' ? this.splitter(to) : undefined
      compiled.NextNode = nodeKeyOf(
        next ?? this.resolver(this.target(to, split.ServiceSubset, DEFAULT_NAMESPACE, ''), false),
      )
    }
    this.advanced = true
    return node
  }

  private resolver(asked: DiscoveryTarget, forFailover: boolean): DiscoveryNode {
    let target = asked
    const seen: string[] = []
    for (;;) {
      const known = this.resolverNodes.get(target.ID)
      if (known !== undefined) return known
      this.recordServiceProtocol(target.Service)
      let entry = this.resolvers.get(target.Service)
      if (entry === undefined) {
        entry = defaultResolver(target.Service)
        this.resolvers.set(target.Service, entry)
      }
      const circle = seen.includes(target.ID)
      seen.push(target.ID)
      if (circle) throw graphFault(`detected circular resolver redirect: [${seen.join(' -> ')}]`)
      const { Redirect: redirect } = entry
      if (redirect !== null) {
        const to = this.rewritten(
          target,
          redirect.Service,
          redirect.ServiceSubset,
          redirect.Namespace,
          redirect.Datacenter,
        )
        if (to.ID !== target.ID) {
          target = to
          continue
        }
      }
      if (target.ServiceSubset === '' && entry.DefaultSubset !== '') {
        target = this.rewritten(target, '', entry.DefaultSubset, '', '')
        continue
      }
      return this.resolved(target, entry, forFailover)
    }
  }

  private resolved(target: DiscoveryTarget, entry: ServiceResolver, forFailover: boolean): DiscoveryNode {
    const subset = entry.Subsets !== null ? ownValue(entry.Subsets, target.ServiceSubset) : undefined
    if (target.ServiceSubset !== '' && subset === undefined) {
      throw graphFault(`service "${target.Service}" does not have a subset named "${target.ServiceSubset}"`)
    }
    const node: DiscoveryNode = {
      Type: 'resolver',
      Name: target.ID,
      Routes: null,
      Splits: null,
      Resolver: {
        Default: isDefault(entry),
        ConnectTimeout: this.connectTimeout(entry),
        Target: target.ID,
        Failover: null,
      },
    }
    target.Subset = subset ?? { Filter: '', OnlyPassing: false }
    const defaults = this.entries.services.get(target.Service)
    if (defaults !== undefined && defaults.ExternalSNI !== '') {
      target.SNI = defaults.ExternalSNI
      target.External = true
    }
    if (target.External) refuseExternal(target, entry)
    this.chooseMeshGateway(target, defaults)
    this.retained.add(target.ID)
    if (forFailover) return node
    this.record(node)
    this.addFailover(node, target, entry)
    return node
  }

  private connectTimeout(entry: ServiceResolver): Nanos {
    const own = entry.ConnectTimeout < 1 ? CONNECT_TIMEOUT : entry.ConnectTimeout
    const override = this.question.overrideConnectTimeout ?? 0
    if (override <= 0 || override === own) return own
    this.customized.connectTimeout = true
    return override
  }

  private chooseMeshGateway(target: DiscoveryTarget, defaults: ServiceDefaults | undefined): void {
    target.MeshGateway = { Mode: '' }
    if (target.Datacenter === this.question.useInDatacenter || target.External) return
    let Mode = defaults?.MeshGateway.Mode ?? ''
    if (Mode === '') Mode = this.entries.globalProxy?.MeshGateway.Mode ?? ''
    const override = this.question.overrideMeshGateway?.Mode ?? ''
    if (override !== '' && override !== Mode) {
      Mode = override
      this.customized.meshGateway = true
    }
    target.MeshGateway = { Mode }
  }

  private addFailover(node: DiscoveryNode, target: DiscoveryTarget, entry: ServiceResolver): void {
    if (entry.Failover === null) return
    const failover = ownValue(entry.Failover, target.ServiceSubset) ?? ownValue(entry.Failover, '*')
    if (failover === undefined) return
    const { Service, ServiceSubset, Namespace, Datacenters } = failover
    const places = Datacenters !== null && Datacenters.length > 0 ? Datacenters : ['']
    const targets = places
      .map((datacenter) => this.rewritten(target, Service, ServiceSubset, Namespace, datacenter))
      .filter(({ ID }) => ID !== target.ID)
    if (targets.length === 0) return
    const Targets: string[] = []
    node.Resolver!.Failover = { Targets }
    for (const each of targets) Targets.push(this.resolver(each, true).Resolver!.Target)
  }

  private refuseCircles(start: string): void {
    const path: string[] = []
    const onPath = new Set<string>()
    const visit = (key: string): void => {
      path.push(key)
      if (onPath.has(key)) throw graphFault(`detected circular reference: [${path.join(' -> ')}]`)
      onPath.add(key)
      // The last way first, as Consul's own search does, which decides what circle is named.
      for (const next of nextNodes(this.node(key)).reverse()) visit(next)
      onPath.delete(key)
      path.pop()
    }
    visit(start)
  }

  private node(key: string): DiscoveryNode {
    const node = this.nodes.get(key)
    assert(node !== undefined, 'a chain leads to a node that it does not have')
    return node
  }

  /** A splitter behind a splitter is taken into it. */
  private flattenSplitters(): void {
    for (let changed = true; changed; ) {
      changed = false
      for (const node of this.nodes.values()) {
        if (node.Splits === null) continue
        const flat: DiscoverySplit[] = []
        for (const split of node.Splits) {
          const inner = this.node(split.NextNode).Splits
          if (inner === null) {
            flat.push(split)
            continue
          }
          changed = true
          for (const each of inner) {
            const weight = Math.fround(Math.fround(split.Weight * each.Weight) / 100)
            flat.push({ Weight: splitWeight(weight), NextNode: each.NextNode })
          }
        }
        node.Splits = flat
      }
    }
  }

  private dropUnused(start: string): void {
    const used = new Set<string>()
    const left = [start]
    for (let key = left.pop(); key !== undefined; key = left.pop()) {
      if (used.has(key)) continue
      used.add(key)
      left.push(...nextNodes(this.node(key)))
    }
    for (const key of [...this.nodes.keys()]) if (!used.has(key)) this.nodes.delete(key)
  }
}

function nextNodes(node: DiscoveryNode): string[] {
  return (node.Routes ?? node.Splits ?? []).map(({ NextNode }) => NextNode)
}

function refuseExternal(target: DiscoveryTarget, entry: ServiceResolver): void {
  const what =
    entry.Redirect !== null
      ? 'redirects'
      : Object.keys(entry.Subsets ?? {}).length > 0
        ? 'subsets'
        : Object.keys(entry.Failover ?? {}).length > 0
          ? 'failover'
          : undefined
  if (what === undefined) return
  throw graphFault(`service "${target.Service}" has an external SNI set; cannot define ${what} for external services`)
}

function isDefault(entry: ServiceResolver): boolean {
  return (
    entry.DefaultSubset === '' &&
    Object.keys(entry.Subsets ?? {}).length === 0 &&
    entry.Redirect === null &&
    Object.keys(entry.Failover ?? {}).length === 0 &&
    entry.ConnectTimeout === 0
  )
}

function defaultResolver(service: string): ServiceResolver {
  return {
    Kind: 'service-resolver',
    Name: service,
    DefaultSubset: '',
    Subsets: null,
    Redirect: null,
    Failover: null,
    ConnectTimeout: 0,
    Meta: null,
    CreateIndex: 0,
    ModifyIndex: 0,
  }
}

/** What no route matched goes to the service itself. */
function defaultRoute(service: string): DiscoveryRoute['Definition'] {
  return {
    Match: {
      HTTP: { PathExact: '', PathPrefix: '/', PathRegex: '', Header: null, QueryParam: null, Methods: null },
    },
    Destination: {
      Service: service,
      ServiceSubset: '',
      Namespace: DEFAULT_NAMESPACE,
      PrefixRewrite: '',
      RequestTimeout: 0,
      NumRetries: 0,
      RetryOnConnectFailure: false,
      RetryOnStatusCodes: null,
    },
  }
}

/** The protocol that `proxy-defaults` says for all; its configuration is untyped, and numbers count as text. */
function globalProtocol(proxy: ProxyDefaults | undefined): string {
  const config = proxy?.Config ?? null
  if (config === null) return ''
  const key = Object.hasOwn(config, 'protocol')
    ? 'protocol'
    : Object.keys(config).find((name) => name.toLowerCase() === 'protocol')
  const value = key === undefined ? '' : config[key]
  if (typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'bigint') return String(value)
  return typeof value === 'boolean' ? (value ? '1' : '0') : ''
}

function ownValue<T>(map: Record<string, T>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined
}
